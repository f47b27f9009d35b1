"""A cell without overlap is said to have none, also where a regression is collinear for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.sample.cells import REASONS, Status

OVERLAP, COLLINEAR = REASONS[Status.NO_OVERLAP], REASONS[Status.SINGULAR]


def frame_of(x: np.ndarray, treated: np.ndarray) -> pd.DataFrame:
    """Three periods; cohort 3 and units never treated."""
    n = len(x)
    frame = pd.DataFrame({"i": np.repeat(np.arange(n), 3), "t": np.tile([1, 2, 3], n)})
    frame["g"], frame["x"] = np.where(treated, 3, 0)[frame["i"]], x[frame["i"]]
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    return frame


def reasons(frame: pd.DataFrame, method: str, panel: bool, formula: str = "~ x") -> set[str]:
    res = dj.att_gt(frame, "y", "t", "g", "i", xformla=formula, est_method=method, panel=panel)
    assert np.isnan(res.att).all()
    return set(res.to_frame()["reason"])


@pytest.mark.parametrize("panel", [True, False])
@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
@pytest.mark.parametrize("kind", ["far apart", "near", "only the treated"])
def test_no_overlap_is_named(kind, method, panel):
    treated = np.arange(60) < 30
    x = np.random.default_rng(1).normal(size=60)
    if kind == "only the treated":  # among the controls a constant
        x = np.where(treated, np.arange(60) % 2, 0.0)
    else:
        x = x + np.where(treated, 20 if kind == "far apart" else 6, 0)
    frame = frame_of(x, treated)
    assert reasons(frame, method, panel) == {OVERLAP}
    res = dj.att_gt(frame, "y", "t", "g", "i", xformla="~ x", est_method=method, panel=panel)
    assert any("no overlap" in note for note in res.notes)


@pytest.mark.parametrize("panel", [True, False])
def test_a_regression_knows_no_overlap(panel):
    treated = np.arange(60) < 30
    x = np.where(treated, np.arange(60) % 2, 0.0)
    assert reasons(frame_of(x, treated), "reg", panel) == {COLLINEAR}


@pytest.mark.parametrize("method", ["reg", "ipw", "dr", "drimp"])
def test_collinearity_in_the_whole_comparison_is_not_a_lack_of_overlap(method):
    """x is a constant in the earlier periods of both comparisons, not in the last."""
    treated = np.arange(60) < 30
    frame = frame_of(np.zeros(60), treated)
    last = frame["t"] == 3
    frame.loc[last, "x"] = np.arange(60) % 7
    assert reasons(frame, method, True) == {COLLINEAR}
