"""Balanced panels by cluster and cohort, against sums by hand and by groups of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack.errors import DataError
from didjack.sample.blocks import balanced_blocks


@pytest.fixture
def frame():
    """Cluster b has units of two cohorts; rows come in no order."""
    unit = np.repeat([1, 2, 3, 4, 5], 3)
    out = pd.DataFrame({"unit": unit, "t": np.tile([1, 2, 4], 5)})
    out["c"] = out["unit"].map({1: "b", 2: "b", 3: "a", 4: "b", 5: "a"})
    out["g"] = out["unit"].map({1: 2.0, 2: 0.0, 3: np.nan, 4: 2.0, 5: np.inf})
    out["y"] = [1.0, 2, 3, 0, 0, 1, 5, 5, 8, 3, 4, 8, 5, 7, 6]
    return out.sample(frac=1, random_state=3)


def blocks_of(frame):
    return balanced_blocks(frame, "y", "t", "g", "unit", "c")


def test_means_and_sums_of_squares_by_hand(frame):
    before = frame.copy()
    blocks = blocks_of(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert blocks.labels.tolist() == ["a", "b"]
    assert blocks.times.tolist() == [1, 2, 4]
    # Sorted by cluster and first period: a never, b from 2 on, b never.
    assert blocks.cluster.tolist() == [0, 1, 1]
    assert blocks.first.tolist() == [np.inf, 2, np.inf]
    assert blocks.weight.tolist() == [2, 2, 1]
    assert blocks.mean.tolist() == [[5, 6, 7], [2, 3, 5.5], [0, 0, 1]]
    assert blocks.D.tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 0]]
    # a: residuals (0, -1, 1) and their negatives; b from 2 on: (-1, -1, -2.5) around its mean
    # -1.5, which is (0.5, 0.5, -1), and the negatives.
    np.testing.assert_allclose(blocks.within, [2 * 2, 2 * 1.5, 0], rtol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.iloc[1:], "A balanced panel is needed: 5 units .* make 15 rows, .* are 14"),
        (lambda f: pd.concat([f.iloc[1:], f.iloc[[1]]]), "A balanced panel is needed"),
        (lambda f: f.assign(g=f["t"]), "Column 'g' changes within a unit of 'unit'"),
        (lambda f: f.assign(c=f["t"]), "Column 'c' changes within a unit of 'unit'"),
        (lambda f: f.assign(c=f["c"].where(f["c"] == "a")), "Column 'c' has missing values"),
        (lambda f: f.drop(columns="g"), "no column 'g'"),
    ],
)
def test_what_is_no_balanced_panel_is_refused(frame, change, message):
    with pytest.raises(DataError, match=message):
        blocks_of(change(frame))
