"""Variants of R's DRDID: `ipw_did_panel`, `ipw_did_rc`, `drdid_rc1` and `drdid_imp_rc1`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plain_weighting as plain
import pytest
from compare import assert_close

import didjack as dj
from didjack.estimators import ESTIMATORS

VARIANTS = [name for name, entry in ESTIMATORS.items() if entry.variant_of is not None]


def two_periods(weighted: bool = True) -> pd.DataFrame:
    """Draw 80 units over two periods, 40 of them treated; the covariate moves treatment."""
    rng = np.random.default_rng(12)
    units = pd.DataFrame({"unit": np.arange(80), "g": np.tile([0, 0, 2, 0, 2], 16)})
    frame = units.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["x"] = rng.normal(size=len(frame)) + 0.4 * (frame["g"] > 0)
    frame["w"] = rng.uniform(0.5, 2.0, size=len(frame)) if weighted else 1.0
    frame["y"] = 3 + 0.5 * frame["x"] ** 2 + frame["t"] * frame["x"] + rng.normal(size=len(frame))
    # Shares of the treated that differ between periods tell scales apart.
    return frame.drop(frame.index[(frame["t"] == 2) & (frame["unit"] % 10 == 2)])


def estimate(frame: pd.DataFrame, method: str, **options: Any) -> dj.ATTgt:
    arguments = {"xformla": "~ x", "weightsname": "w"} | options
    return dj.att_gt(frame, "y", "t", "g", est_method=method, **arguments)


def rows_of(frame: pd.DataFrame) -> plain.Rows:
    return plain.Rows(
        frame["y"].to_numpy(),
        (frame["g"] > 0).to_numpy().astype(float),
        np.column_stack([np.ones(len(frame)), frame["x"]]),
        frame["w"].to_numpy(),
        (frame["t"] == 2).to_numpy(),
    )


def signs_of(rows: plain.Rows) -> np.ndarray:
    assert rows.late is not None
    return np.where(rows.late, 1.0, -1.0)


def horvitz_thompson(rows: plain.Rows) -> float:
    """Divide by the product of the shares of treated and of the period, as in `ipw_did_rc`."""
    assert rows.late is not None
    p = plain.propensity(rows, "ipw")
    w = rows.w / rows.w.mean()
    share, late = np.mean(w * rows.d), np.mean(w * rows.late)
    of_period = np.where(rows.late, late, 1 - late)
    weight = (rows.d - (1 - rows.d) * p / (1 - p)) * w / (share * of_period)
    return float(np.mean(weight * signs_of(rows) * rows.y))


def without_treated_regressions(rows: plain.Rows, method: str) -> float:
    """Subtract what the controls' regression of the period predicts, and compare means."""
    assert rows.late is not None
    p = plain.propensity(rows, method)
    odds, control = rows.w * p / (1 - p), rows.d == 0
    found = 0.0
    for sign, now in ((1, rows.late), (-1, ~rows.late)):
        by = odds if method == "drimp" else rows.w
        rest = rows.y - rows.X @ plain.least_squares(rows, by, control & now)
        found += sign * np.average(rest[~control & now], weights=rows.w[~control & now])
        found -= sign * np.average(rest[control & now], weights=odds[control & now])
    return float(found)


@pytest.mark.parametrize("covariates", ["~ x", None])
def test_horvitz_thompson_in_cross_sections(covariates):
    """Without covariates too, where it is no difference of means."""
    frame = two_periods()
    rows = rows_of(frame)
    if covariates is None:
        rows = plain.Rows(rows.y, rows.d, rows.X[:, :1], rows.w, rows.late)
    ours = estimate(frame, "ipw_ht", xformla=covariates)
    assert_close(ours.att, [horvitz_thompson(rows)], 1e-12, "ATT", 1.0)
    others = estimate(frame, "ipw", xformla=covariates)
    assert abs(ours.att[0] - others.att[0]) > 0.05


@pytest.mark.parametrize(("method", "propensity"), [("dr_rc1", "dr"), ("drimp_rc1", "drimp")])
def test_estimates_without_regressions_of_the_treated(method, propensity):
    frame = two_periods()
    expected = without_treated_regressions(rows_of(frame), propensity)
    assert_close(estimate(frame, method).att, [expected], 1e-11, "ATT", 1.0)
    assert abs(expected - estimate(frame, propensity).att[0]) > 1e-3


def test_horvitz_thompson_in_a_panel():
    frame = two_periods()
    frame = frame[frame.groupby("unit")["t"].transform("size") == 2]
    early = frame[frame["t"] == 1].set_index("unit")
    change = frame[frame["t"] == 2].set_index("unit")["y"] - early["y"]
    d = (early["g"] > 0).to_numpy().astype(float)
    X, w = np.column_stack([np.ones(len(d)), early["x"]]), early["w"].to_numpy()
    rows = plain.Rows(change.to_numpy(), d, X, w)
    p = plain.propensity(rows, "ipw")
    expected = (w * (d - (1 - d) * p / (1 - p))) @ rows.y / (w @ d)
    ours = estimate(frame, "ipw_ht", idname="unit")
    assert_close(ours.att, [expected], 1e-12, "ATT", 1.0)
    trimmed = estimate(frame, "ipw_ht", idname="unit", pscoretrim=0.5)
    kept = (d == 1) | (p < 0.5)
    expected = (w * (d - (1 - d) * p / (1 - p)) * kept) @ rows.y / (w @ d)
    assert_close(trimmed.att, [expected], 1e-12, "ATT with trimming", 1.0)


@pytest.mark.parametrize("covariates", ["~ x", None])
def test_influence_of_horvitz_thompson_is_a_derivative_where_weights_are_equal(covariates):
    frame = two_periods(weighted=False)
    rows = rows_of(frame)
    if covariates is None:
        rows = plain.Rows(rows.y, rows.d, rows.X[:, :1], rows.w, rows.late)
    slopes = []
    for i in range(len(rows.y)):
        ends = []
        for sign in (1, -1):
            w = rows.w.copy()
            w[i] += sign * 1e-4
            ends.append(horvitz_thompson(rows.weighted(w)))
        slopes.append((ends[0] - ends[1]) / 2e-4)
    ours = estimate(frame, "ipw_ht", xformla=covariates).influence[:, 0]
    # Central differences have an error of the square of the step.
    assert_close(ours, len(slopes) * np.array(slopes), 1e-6, "influence", 10.0)


def test_influence_of_the_improved_estimator_is_that_with_known_nuisances():
    frame = two_periods()
    rows = rows_of(frame)
    assert rows.late is not None
    p = plain.propensity(rows, "drimp")
    odds, control = rows.w * p / (1 - p), rows.d == 0
    expected = np.zeros(len(p))
    for sign, now in ((1, rows.late), (-1, ~rows.late)):
        rest = rows.y - rows.X @ plain.least_squares(rows, odds, control & now)
        for group, weight in ((~control & now, rows.w), (control & now, -odds)):
            share = np.where(group, weight, 0) / weight[group].sum()
            mean = (share @ rest) * np.sign(weight[0])
            side = np.sign(weight[0])
            expected += sign * side * share * (rest - mean * side)
    ours = estimate(frame, "drimp_rc1").influence[:, 0]
    assert_close(ours, len(p) * expected, 1e-9, "influence", 10.0)


@pytest.mark.parametrize("method", ["dr_rc1", "drimp_rc1"])
def test_in_panels_they_are_the_ordinary_ones(method):
    frame = two_periods()
    frame = frame[frame.groupby("unit")["t"].transform("size") == 2]
    ours, other = (
        estimate(frame, m, idname="unit") for m in (method, ESTIMATORS[method].variant_of)
    )
    np.testing.assert_array_equal(ours.att, other.att)
    np.testing.assert_array_equal(ours.influence, other.influence)


@pytest.mark.parametrize("method", VARIANTS)
def test_the_rule_of_stata_is_refused(method):
    with pytest.raises(dj.DataError, match=r"separation='csdid' .* separation='drop'"):
        estimate(two_periods(), method, separation="csdid")


@pytest.mark.parametrize("covariates", ["~ x", None])
def test_horvitz_thompson_is_tested_by_refits_in_cross_sections(covariates):
    """Randomization inference must not take the differences of means without covariates."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"c": np.repeat(np.arange(6), 24), "t": np.tile([1, 2, 2], 48)})
    frame["g"] = np.where(frame["c"] < 2, 2, 0)
    frame["x"], frame["y"] = rng.normal(size=(2, len(frame)))
    result = dj.att_gt(
        frame, "y", "t", "g", xformla=covariates, est_method="ipw_ht", clustervars="c"
    )
    found = dj.randomize(dj.aggte(result), n_permutations=15)
    assert "est_method='ipw_ht'" in found.refit_reason
