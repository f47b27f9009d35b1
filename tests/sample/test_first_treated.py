"""Cohorts from an indicator of treatment: by hand, and what is said about doubtful ones."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.errors import DataError, DataWarning

FIRST = {"a": 0, "b": 2003, "c": 2004, "d": 0, "e": 2003}
YEARS = range(2001, 2006)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return five units over five years, in no order, with an index that is not a range."""
    out = pd.DataFrame({"unit": list(FIRST)}).merge(pd.DataFrame({"year": YEARS}), how="cross")
    first = out["unit"].map(FIRST)
    out["on"] = ((first > 0) & (out["year"] >= first)).astype(int)
    out = out.sample(frac=1, random_state=1)
    return out.set_axis([f"r{i}" for i in range(len(out))])


def silently(*args, **kwargs) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dj.gname(*args, **kwargs)


@pytest.mark.parametrize(
    "of", [int, float, bool, "boolean", "Int8", "int64[pyarrow]", "bool[pyarrow]", object]
)
def test_first_periods_by_hand(frame, of):
    if isinstance(of, str) and "pyarrow" in of:
        pytest.importorskip("pyarrow")
    frame["on"] = frame["on"].astype(of)
    before = frame.copy(deep=True)
    cohorts = silently(frame, "unit", "year", "on")
    pd.testing.assert_frame_equal(frame, before)
    expected = frame["unit"].map(FIRST).rename("gname")
    pd.testing.assert_series_equal(cohorts, expected)
    assert cohorts.attrs == {"absorbing": True, "notes": []}


def test_objects_of_true_and_false(frame):
    frame["on"] = frame["on"].astype(bool).astype(object)
    assert silently(frame, "unit", "year", "on").tolist() == frame["unit"].map(FIRST).tolist()


def test_att_gt_takes_it(frame):
    rng = np.random.default_rng(0)
    frame["y"] = rng.normal(size=len(frame))
    ours = dj.att_gt(frame.assign(g=dj.gname(frame, "unit", "year", "on")), "y", "year", "g",
                     "unit", est_method="reg")  # fmt: skip
    given = frame.assign(g=frame["unit"].map(FIRST))
    theirs = dj.att_gt(given, "y", "year", "g", "unit", est_method="reg")
    np.testing.assert_array_equal(ours.att, theirs.att)
    assert ours.groups.tolist() == [2003, 2004]


def test_periods_that_are_not_whole(frame):
    frame["year"] = frame["year"] + 0.5
    cohorts = silently(frame, "unit", "year", "on")
    assert sorted(cohorts.unique()) == [0, 2003.5, 2004.5]


@pytest.mark.parametrize("kind", ["datetime64[us]", "datetime64[s]", "period[Q]", "object"])
def test_dates_stay_dates(frame, kind):
    quarters = pd.PeriodIndex.from_ordinals(frame["year"].to_numpy() - 2001, freq="Q-DEC")
    if kind == "period[Q]":
        frame["when"] = quarters
    elif kind == "object":
        frame["when"] = [stamp.date() for stamp in quarters.to_timestamp()]
    else:
        frame["when"] = np.asarray(quarters.to_timestamp(), dtype=kind)
    cohorts = silently(frame, "unit", "when", "on")
    assert cohorts.index.equals(frame.index)
    assert cohorts.isna().tolist() == frame["unit"].isin(["a", "d"]).tolist()
    named = cohorts if kind == "period[Q]" else cohorts.dt.to_period("Q")
    of_b, of_c = named[frame["unit"] == "b"], named[frame["unit"] == "c"]
    assert {str(of_b.iloc[0]), str(of_c.iloc[0])} == {"1970Q3", "1970Q4"}


def test_treatment_that_ends_is_refused_by_unit_and_row(frame):
    rows = frame.index[(frame["unit"] == "b") & (frame["year"] == 2005)]
    frame.loc[rows, "on"] = 0
    with pytest.raises(DataError, match=r"'on' \(treat\) is not absorbing: 1 of 3 .*\(b\)") as e:
        dj.gname(frame, "unit", "year", "on")
    assert rows[0] in str(e.value) and "absorbing='first'" in str(e.value)
    with pytest.warns(DataWarning, match=r"ends again in 1 of 3 treated units \(b\)"):
        cohorts = dj.gname(frame, "unit", "year", "on", absorbing="first")
    assert cohorts.tolist() == frame["unit"].map(FIRST).tolist()
    assert cohorts.attrs["absorbing"] is False


def test_units_treated_from_the_start_are_named(frame):
    frame.loc[frame["unit"] == "d", "on"] = 1
    with pytest.warns(DataWarning, match=r"1 unit \(d\) is treated in the first period already"):
        cohorts = dj.gname(frame, "unit", "year", "on")
    assert set(cohorts[frame["unit"] == "d"]) == {2001}


def test_starts_behind_a_gap_are_named(frame):
    gap = (frame["unit"] == "c") & (frame["year"] == 2003)
    with pytest.warns(DataWarning, match=r"1 unit \(c\) is not observed in the period before"):
        cohorts = dj.gname(frame[~gap], "unit", "year", "on")
    assert set(cohorts[frame["unit"] == "c"]) == {2004}


def test_rows_without_an_indicator_are_counted(frame):
    gap = (frame["unit"] == "c") & (frame["year"] == 2003)
    frame["on"] = frame["on"].astype(float).mask(gap)
    with pytest.warns(DataWarning, match=r"\(c\) is not observed .* 1 row has no value in column"):
        cohorts = dj.gname(frame, "unit", "year", "on")
    assert cohorts.attrs["absorbing"] is True and len(cohorts.attrs["notes"]) == 2
    everywhere = frame.assign(on=np.nan)
    with pytest.warns(DataWarning, match="No unit is ever treated"):
        assert (dj.gname(everywhere, "unit", "year", "on") == 0).all()


def test_repeated_rows_of_a_unit_and_period_must_agree(frame):
    twice = pd.concat([frame, frame.add_suffix("").set_axis([f"s{i}" for i in range(len(frame))])])
    assert (silently(twice, "unit", "year", "on") == twice["unit"].map(FIRST)).all()
    twice.loc["s3", "on"] = 1 - twice.loc["s3", "on"]
    with pytest.raises(DataError, match=r"0 and 1 within a unit of 'unit'.*r3, s3"):
        dj.gname(twice, "unit", "year", "on")


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ({"on": 2}, {}, "'on' .treat. has values other than 0 and 1"),
        ({"on": "yes"}, {}, "'on' .treat. is not numeric"),
        ({"on": np.inf}, {}, "other than 0 and 1"),
        ({"unit": None}, {}, "'unit' has missing values"),
        ({"year": np.nan}, {}, "'year' .tname. has missing"),
        ({"year": pd.NaT}, {}, "'year' has missing values"),
        ({"year": "2004-01"}, {}, "look like dates"),
        ({"year": lambda d: d["year"] - 2010}, {}, "Shift the time scale"),
        ({}, {"treat": "nowhere"}, "treat: there is no column 'nowhere'"),
        ({}, {"absorbing": False}, "absorbing must be True or 'first', not False"),
    ],
)
def test_refusals(frame, change, arguments, words):
    given = {"idname": "unit", "tname": "year", "treat": "on"} | arguments
    with pytest.raises(DataError, match=words):
        dj.gname(frame.assign(**change), **given)


def test_the_warning_points_at_the_call(frame):
    with pytest.warns(DataWarning) as caught:
        dj.gname(frame.assign(on=0), "unit", "year", "on")
    assert caught[0].filename == __file__
