"""Numbers on a screen: aligned, never cut, whatever their size; p-values never zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack.core.screen import (
    Bounds,
    estimate_lines,
    number_writer,
    p_text,
    remarks,
    screen_frame,
    screen_table,
)


def frame_at(scale: float) -> pd.DataFrame:
    att, se = scale * np.array([1.2345, -0.0678]), scale * np.array([0.0345, 0.0123])
    return pd.DataFrame(
        {
            "parameter": ["overall", "event:-1"],
            "att": att,
            "se": se,
            "t": att / se,
            "p": [2e-17, 0.04321],
            "ci_low": att - 2 * se,
            "ci_high": att + 2 * se,
            "df": [np.inf, 49.0],
            "n_clusters": 50,
        }
    )


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-3, 1.0, 1e5, 1e12, 1e15])
def test_numbers_keep_their_digits_at_every_scale(scale):
    frame = frame_at(scale)
    text = screen_frame(frame)
    for name in ("att", "se", "ci_low", "ci_high"):
        shown = text[name].astype(float).to_numpy()
        # Half of the last of three digits of the smallest standard error.
        assert np.abs(shown - frame[name].to_numpy()).max() <= 0.00005001 * scale, name
        assert text[name].str.len().max() <= 16
    assert text["p"].tolist() == ["<0.001", "0.043"]
    assert text["df"].tolist() == ["inf", "49"] and text["n_clusters"].tolist() == ["50", "50"]


def test_columns_are_aligned_and_none_is_left_out():
    wide = pd.concat([frame_at(1.0), frame_at(2.0).add_prefix("p_of_")], axis=1)
    wide["text"] = ["a long sentence that a terminal would cut " * 3, "short\ntwo lines"]
    lines = screen_table(wide).split("\n")
    assert len(lines) == 3 and all(name in lines[0] for name in wide.columns)
    assert wide["text"][0].strip() in lines[1] and "short two lines" in lines[2]
    narrow = screen_table(frame_at(1.0)).split("\n")
    assert len({len(line) for line in narrow}) == 1
    at = narrow[0].index("att") + len("att")
    assert narrow[1][:at].endswith(" 1.2345") and narrow[2][:at].endswith("-0.0678")


def test_what_is_not_there_is_a_dash():
    frame = pd.DataFrame({"att": [np.nan, 1.0], "se": [np.nan, 0.25], "p": [np.nan, 1.0],
                          "reason": [None, "x"], "n": [1, 2]})  # fmt: skip
    text = screen_frame(frame)
    assert text.iloc[0].tolist() == ["-", "-", "-", "-", "1"]
    assert text["att"][1] == "1.000"
    empty = screen_table(frame.iloc[:0])
    assert empty.split() == ["att", "se", "p", "reason", "n"]
    assert screen_frame(pd.DataFrame({"att": [np.nan], "se": [0.0]}))["se"].tolist() == ["0.000"]


def test_one_standard_error_of_rounding_does_not_ask_for_all_digits():
    text = screen_frame(pd.DataFrame({"att": [1.0, 2.0, 3.0], "se": [0.1, 0.2, 1e-15]}))
    assert text["att"].str.len().max() <= 10


def test_p_values():
    assert [p_text(p) for p in (0.0, 0.00049, 0.0005, 0.0123, 1.0, np.nan)] == [
        "<0.001", "<0.001", "0.001", "0.012", "1.000", "-",
    ]  # fmt: skip


def test_long_tables_say_how_much_is_left():
    frame = pd.DataFrame({"n": range(2000)})
    lines = screen_table(frame, limit=3).split("\n")
    assert len(lines) == 5 and lines[-1] == "... and 1,997 more rows, see to_frame()"
    assert "more rows" not in screen_table(frame, limit=2000)


def test_signs_and_zeros():
    write = number_writer([0.5, -0.5], [0.01], signed=True)
    assert [write(x) for x in (0.5, -0.5, -1e-9, np.inf, -np.inf)] == [
        "+0.5000", "-0.5000", "0.0000", "inf", "-inf",
    ]  # fmt: skip
    assert number_writer([])(np.nan) == "-"


def test_estimate_and_intervals():
    lines = estimate_lines(
        -0.25, 0.1, [Bounds("exact", -0.5, 0.01, 0.06), Bounds("t(9)", np.nan, np.nan, np.nan)]
    )
    assert lines == [
        "  estimate  -0.250   s.e. 0.100",
        "  exact     [-0.500, +0.010]   p 0.060",
        "  t(9)      no interval and no p-value",
    ]


def test_warnings_come_first_and_nothing_twice():
    assert remarks(["b", "b"], ["a", "b", "c", "a"]) == ["Warning: b", "a", "c"]
