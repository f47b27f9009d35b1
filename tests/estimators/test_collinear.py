"""Covariates that are collinear: in some cells, among some rows, or without one cluster.

What a deletion makes redundant is left out as a refit without the column would do it. Tolerance:
1e-9, for propensities that are iterated until the linear predictor moves by less than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.sample.cells import REASONS, Status

METHODS = ("reg", "ipw", "dr", "drimp")
every_method = pytest.mark.parametrize("method", METHODS)
every_kind = pytest.mark.parametrize("panel", [True, False], ids=["panel", "rc"])
FAULTY = "covariates are collinear among the"


def units_of(sizes: list[int], seed: int = 2) -> pd.DataFrame:
    """Return clusters of these sizes over periods 1-3, with a covariate of the unit, x."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"town": np.repeat(np.arange(len(sizes)), sizes)})
    units["unit"], units["g"] = np.arange(len(units)), np.resize([0, 0, 2, 3], len(units))
    units["x"] = rng.normal(size=len(units))
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3]}), how="cross")
    return frame.assign(y=rng.normal(size=len(frame)) + frame["x"] * frame["t"])


def estimate(frame: pd.DataFrame, method: str, formula: str, panel: bool, **more: Any) -> dj.ATTgt:
    return dj.att_gt(frame, "y", "t", "g", "unit" if panel else None, xformla=formula,
                     est_method=method, clustervars="town", **more)  # fmt: skip


# --- a column that a deletion makes redundant -------------------------------------------------


def with_local_level() -> pd.DataFrame:
    """Two fifths of the units in the first town are of a kind that no other town has."""
    frame = units_of([40, 8, 8, 8, 8])
    local = (frame["town"] == 0) & (frame["unit"] % 5 < 2)
    return frame.assign(local=local.astype(float))


@every_kind
@every_method
def test_a_column_that_leaves_with_its_cluster(method, panel):
    frame = with_local_level()
    res = estimate(frame, method, "~ local + x", panel)
    assert res.estimable.all()
    jk = dj.jackknife(res)
    for h in range(5):
        formula = "~ x" if h == 0 else "~ local + x"
        refit = estimate(frame[frame["town"] != h], method, formula, panel)
        np.testing.assert_allclose(jk.replicates[h + 1], refit.att, rtol=1e-9, err_msg=str(h))
    assert jk.lost_covariates.to_numpy().tolist() == [[0, "local"]]
    assert jk.notes_on_deletions == ["Without cluster 0, covariate local is redundant."]
    without = estimate(frame, method, "~ x", panel)
    assert not np.allclose(res.att, without.att, rtol=1e-3)  # the column makes a difference


@every_kind
def test_nothing_is_lost_where_every_cluster_has_the_column(panel):
    frame = units_of([8] * 5)
    jk = dj.jackknife(estimate(frame, "reg", "~ x", panel))
    assert jk.lost_covariates.empty and jk.notes_on_deletions == []


@every_kind
def test_without_covariates_all_methods_are_one(panel):
    """Nothing is left out either; the deletions are those of the regression."""
    frame = units_of([8] * 4)
    found = {}
    for method in METHODS:
        options = {"est_method": method, "clustervars": "town"}
        res = dj.att_gt(frame, "y", "t", "g", "unit" if panel else None, **options)
        jk = dj.jackknife(res)
        assert jk.lost_covariates.empty and (res.estimates.fault == -1).all()
        assert not res.estimates.separated.any()
        found[method] = jk.replicates
    for method in METHODS:
        np.testing.assert_allclose(found[method], found["reg"], rtol=1e-12, err_msg=method)


# --- deletions without anybody treated --------------------------------------------------------


@every_kind
@every_method
def test_no_warning_where_a_deletion_removes_all_treated(method, panel):
    """Sums over the treated are zero there, and so are the weights made from them."""
    frame = units_of([12, 6, 6, 6])
    frame["g"] = frame["g"].where(frame["town"] == 0, 0)
    jk = dj.jackknife(dj.aggte(estimate(frame, method, "~ x", panel)))
    assert np.isnan(jk.replicates[1]).all() and np.isfinite(jk.replicates[[0, 2, 3, 4]]).all()
    assert jk.skipped["cluster"].tolist() == [0]
    for h in (1, 2, 3):
        refit = dj.aggte(estimate(frame[frame["town"] != h], method, "~ x", panel))
        assert jk.replicates[h + 1, 0] == pytest.approx(refit.att, rel=1e-9)


# --- columns that are collinear in some cells -------------------------------------------------


def flagged(frame: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    """Give a flag to every third row of some."""
    rng = np.random.default_rng(5)
    return frame.assign(flag=(where & (rng.random(len(frame)) < 0.5)).astype(float))


@pytest.mark.parametrize("method", ["reg", "dr"])
@pytest.mark.parametrize("formula", ["~ flag + x", "~ x + flag"])
def test_cells_with_a_period_in_which_no_control_has_the_flag(method, formula):
    frame = units_of([16] * 5)
    frame = flagged(frame, (frame["g"] > 0) | (frame["t"] != 3))
    res = estimate(frame, method, formula, False)
    ledger = res.ledger
    assert ledger["what"].tolist() == ["ATT(2,3)", "ATT(3,3)"]
    assert set(ledger["reason"]) == {f"{FAULTY} controls: flag"}
    assert res.estimable.tolist() == [True, False, True, False]
    others = estimate(frame[(frame["t"] != 3) & (frame["g"] != 3)], method, formula, False)
    assert res.att[0] == pytest.approx(others.att[0], rel=1e-9)


@pytest.mark.parametrize("formula", ["~ flag + x", "~ x + flag"])
def test_cells_with_a_period_in_which_no_treated_row_has_the_flag(formula):
    frame = units_of([16] * 5)
    frame = flagged(frame, (frame["g"] != 3) | (frame["t"] != 3))
    res = estimate(frame, "dr", formula, False)
    assert res.ledger["what"].tolist() == ["ATT(3,3)"]
    assert res.ledger["reason"].tolist() == [f"{FAULTY} treated: flag"]
    assert res.estimable.tolist() == [True, True, True, False]
    assert estimate(frame, "reg", formula, False).estimable.all()
    assert estimate(frame, "dr", formula, False, separation="csdid").estimable.all()


@pytest.mark.parametrize("method", ["reg", "dr"])
@pytest.mark.parametrize("formula", ["~ flag + x", "~ x + flag"])
def test_cells_of_a_panel_whose_earlier_period_has_no_flag(method, formula):
    """Covariates are those of the earlier period: period 2 for the change from 2 to 3."""
    frame = units_of([16] * 5)
    frame = flagged(frame, (frame["g"] > 0) | (frame["t"] != 2))
    res = estimate(frame, method, formula, True)
    assert res.ledger["what"].tolist() == ["ATT(3,3)"]
    # Then the flag is the treatment itself, which the propensity of "dr" finds first.
    reason = f"{FAULTY} controls" if method == "reg" else REASONS[Status.NO_OVERLAP]
    assert res.ledger["reason"].tolist() == [f"{reason}: flag"]
    assert res.estimable.tolist() == [True, True, True, False]


@every_kind
@every_method
def test_no_controls_and_no_overlap_come_before_collinear_columns(method, panel):
    """Base periods are no fault of anything, whatever the columns do in other cells."""
    frame = units_of([16] * 5)
    frame = flagged(frame, frame["g"] > 0)
    res = estimate(frame, method, "~ flag + x", panel, base_period="universal")
    base = res.cells.is_base
    assert (res.att[base] == 0).all() and (res.estimates.fault[base] == -1).all()
    if method in ("reg", "dr", "drimp"):
        assert np.isnan(res.att[~base]).all()
        assert (res.estimates.fault[~base] == 1).all()
        reason = f"{FAULTY} controls" if method == "reg" else REASONS[Status.NO_OVERLAP]
        assert set(res.ledger["reason"]) == {f"{reason}: flag"}
