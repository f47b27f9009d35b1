"""What the lesson on the cluster jackknife derives, on random designs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.regression import regress

UNITS, PERIODS = 14, 3


def design(seed: int) -> pd.DataFrame:
    """A panel of two-unit clusters: seven of them, cohorts 2 and 3 of two clusters each."""
    rng = np.random.default_rng(seed)
    cohort = np.repeat(rng.permutation([2, 2, 3, 3, 0, 0, 0]), 2)
    frame = pd.DataFrame({"i": np.repeat(np.arange(UNITS), PERIODS)})
    frame["t"] = np.tile(np.arange(1, PERIODS + 1), UNITS)
    frame["h"] = frame["i"] // 2
    frame["g"] = cohort[frame["i"]]
    # Both cohorts and the controls have low and high values, so that no logit is separated.
    frame["x"] = (np.tile([-1.0, 1.0], UNITS // 2) + rng.uniform(-0.5, 0.5, UNITS))[frame["i"]]
    return frame


def replicates(frame: pd.DataFrame, y: np.ndarray, method: str) -> np.ndarray:
    """The simple average and its deletions, (H + 1,)."""
    res = dj.att_gt(
        frame.assign(y=y), "y", "t", "g", "i", xformla="~ x", est_method=method, clustervars="h"
    )
    return dj.jackknife(dj.aggte(res)).replicates[:, 0]


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_given_the_design_estimates_are_linear_and_cv3_is_not_too_small(method):
    frame, n = design(1), UNITS * PERIODS
    rows = np.eye(n)
    loadings = np.column_stack([replicates(frame, e, method) for e in rows])  # (H + 1, n)
    rng = np.random.default_rng(2)
    y = rng.normal(size=n)
    # The logits are iterated to 1e-9 of the linear predictor.
    np.testing.assert_allclose(loadings @ y, replicates(frame, y, method), atol=1e-8)

    cluster = frame["h"].to_numpy()
    ell, without = loadings[0], loadings[1:]
    for h in range(len(without)):  # a deletion has no loading on its own cluster
        np.testing.assert_allclose(without[h][cluster == h], 0, atol=1e-12)
    for _ in range(20):  # covariance matrices of any form within clusters
        root = rng.normal(size=(n, n)) * (cluster[:, None] == cluster)
        root *= np.exp(rng.normal(size=len(without)))[cluster][:, None]
        omega = root @ root.T
        contrast = without - ell
        expected = np.einsum("hi,ij,hj->", contrast, omega, contrast)
        assert expected >= ell @ omega @ ell


def test_equal_clusters_give_the_variance_of_a_mean():
    z = np.random.default_rng(4).normal(size=9)
    fit = regress(np.repeat(z, 3), np.ones((27, 1)), np.repeat(np.arange(9), 3))
    assert fit.cv3[0, 0] == pytest.approx(z.var(ddof=1) / 9, rel=1e-12)


def test_the_prediction_error_is_the_residual_blown_up():
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(30), rng.normal(size=(30, 2))])
    cluster, y = np.repeat(np.arange(6), 5), rng.normal(size=30)
    fit = regress(y, X, cluster)
    u = y - X @ fit.coef.to_numpy()
    for h in range(6):
        own = X[cluster == h]
        error = y[cluster == h] - own @ fit.without.loc[h].to_numpy()
        P = own @ np.linalg.inv(X.T @ X) @ own.T
        np.testing.assert_allclose((np.eye(5) - P) @ error, u[cluster == h], atol=1e-12)


def single_cells(n_g: int, n_0: int, seed: int) -> pd.DataFrame:
    """One unit per cluster, two periods, one cohort."""
    rng = np.random.default_rng(seed)
    n = n_g + n_0
    frame = pd.DataFrame({"i": np.repeat(np.arange(n), 2), "t": np.tile([1, 2], n)})
    frame["y"] = rng.normal(size=2 * n)
    frame["g"] = np.where(frame["i"] < n_g, 2, 0)
    return frame


@pytest.mark.parametrize(("n_g", "n_0"), [(2, 3), (2, 30), (7, 4)])
def test_cv3_blows_up_the_parts_of_the_clustered_variance(n_g, n_0):
    frame, H = single_cells(n_g, n_0, seed=n_g), n_g + n_0
    agg = dj.aggte(dj.att_gt(frame, "y", "t", "g", "i", est_method="reg"))
    psi = agg.influence[:, 0] / H
    parts = np.array([(psi[:n_g] ** 2).sum(), (psi[n_g:] ** 2).sum()])
    assert agg.se**2 == pytest.approx(parts.sum(), rel=1e-12)
    inflated = parts @ np.array([(n_g / (n_g - 1)) ** 2, (n_0 / (n_0 - 1)) ** 2])
    jk = dj.jackknife(agg)
    assert jk.se**2 == pytest.approx((H - 1) / H * inflated, rel=1e-12)


def with_a_lost_cohort() -> pd.DataFrame:
    """Eight units in four periods; unit 0 is cohort 2."""
    cohort = np.array([2, 3, 3, 3, 0, 0, 0, 0])
    frame = pd.DataFrame({"i": np.repeat(np.arange(8), 4), "t": np.tile([1, 2, 3, 4], 8)})
    frame["g"], frame["y"] = cohort[frame["i"]], np.random.default_rng(6).normal(size=32)
    return frame


def test_a_lost_cohort_moves_the_average_by_its_weight_and_its_distance():
    res = dj.att_gt(with_a_lost_cohort(), "y", "t", "g", "i", est_method="reg")
    agg = dj.aggte(res)
    jk, fixed = dj.jackknife(agg), dj.jackknife(agg, estimand="fixed")
    cells = res.to_frame().query("post")
    w = 3 / (3 + 3 * 2)  # one unit in three periods, three units in two
    effect = cells.query("group == 2")["att"].mean()
    assert jk.lost_cohorts.to_numpy().tolist() == [[0, 2]]
    assert jk.atts[0] - jk.att == pytest.approx(w / (1 - w) * (jk.att - effect), rel=1e-10)
    assert fixed.atts[0] == pytest.approx(jk.att, rel=1e-12)


def test_cv3_is_cv3j_and_the_square_of_the_bias():
    agg = dj.aggte(dj.att_gt(with_a_lost_cohort(), "y", "t", "g", "i", est_method="reg"))
    jk, mean = dj.jackknife(agg), dj.jackknife(agg, center="mean")
    gap = jk.df * (jk.atts.mean() - jk.att) ** 2
    assert gap > 1e-6
    assert jk.se**2 == pytest.approx(mean.se**2 + gap, rel=1e-12)
