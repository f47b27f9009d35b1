"""Deletions that leave nothing, with the estimate itself as their deviation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference.generalized import (
    generalized_covariance,
    generalized_deviations,
    generalized_variance,
)


def frame(treated: int, seed: int, controls: int = 9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = treated + controls
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), 4),
            "time": np.tile(np.arange(1, 5), n),
            "first": np.repeat([3] * treated + [0] * controls, 4),
            "y": rng.standard_normal(4 * n),
        }
    )


def variance_of(agg: dj.Aggregate) -> tuple[np.ndarray, np.ndarray]:
    replicates = dj.jackknife(agg).replicates
    deviations = generalized_deviations(replicates[0], replicates[1:])
    return deviations, generalized_variance(deviations)


def simple(data: pd.DataFrame) -> dj.Aggregate:
    return dj.aggte(dj.att_gt(data, "y", "time", "first", "unit", est_method="reg"), type="simple")


@pytest.mark.parametrize("seed", range(8))
def test_one_treated_cluster_is_never_significant(seed):
    agg = simple(frame(1, seed))
    deviations, V = variance_of(agg)
    assert deviations[0, 0] == -agg.att
    assert abs(agg.att) <= np.sqrt(V[0])
    # Whatever the effect: t tends to one from below.
    data = frame(1, seed)
    data["y"] += 1e6 * ((data["first"] > 0) & (data["time"] >= 3))
    assert abs(simple(data).att) <= np.sqrt(variance_of(simple(data))[1][0]) * (1 + 1e-15)


def test_a_regression_with_a_generalized_inverse():
    """Difference in means after less before: the minimum-norm coefficients without a cluster."""
    for treated in (1, 3):
        data = frame(treated, 1)
        wide = data.pivot_table(index="unit", columns="time", values="y").to_numpy()
        y = wide[:, 2:].mean(axis=1) - wide[:, 1]
        d = (np.arange(len(y)) < treated).astype(float)
        X = np.column_stack([np.ones(len(y)), d])
        theta = np.linalg.lstsq(X, y, rcond=None)[0][1]
        without = [np.linalg.pinv(np.delete(X, h, axis=0)) @ np.delete(y, h) for h in range(len(y))]
        expected = sum((b[1] - theta) ** 2 for b in without)
        _, V = variance_of(simple(data))
        assert V[0] == pytest.approx(expected, rel=1e-12)


def test_without_such_deletions_it_is_cv3_up_to_the_factor():
    agg = simple(frame(4, 2))
    deviations, V = variance_of(agg)
    cv3 = dj.jackknife(agg).inference.se ** 2
    np.testing.assert_allclose(generalized_variance(deviations, factor=True), cv3, rtol=1e-13)
    np.testing.assert_allclose(V, cv3 * 13 / 12, rtol=1e-13)


def test_arrays():
    estimate = np.array([2.0, np.nan])
    deleted = np.array([[1.0, 1.0], [np.nan, np.nan], [4.0, 0.0]])
    deviations = generalized_deviations(estimate, deleted)
    np.testing.assert_array_equal(deviations[:, 0], [-1.0, -2.0, 2.0])
    assert np.isnan(deviations[:, 1]).all()
    kept = deviations[:, :1]
    assert generalized_variance(kept) == 9 and generalized_covariance(kept) == 9
    assert generalized_covariance(kept, factor=True) == 6
    assert np.isnan(generalized_variance(kept[:1])) and np.isnan(generalized_covariance(kept[:1]))
