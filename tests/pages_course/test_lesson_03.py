"""What lesson 3 proves about the 2x2, without its notebook: weights, balance, biases, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import didjack as dj

METHODS = ("reg", "ipw", "dr", "drimp")
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw(seed: int, n: int = 80) -> Arrays:
    """Return changes, cohort and covariates with a constant."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    D = rng.random(n) < 1 / (1 + np.exp(0.3 - X[:, 1]))
    return X @ [0.1, 1.0, -0.5] + X[:, 1] ** 2 + rng.normal(size=n), D, X


def estimates(
    changes: np.ndarray, data: Arrays, method: str, xformla: str = "~ a + b", **more: Any
) -> np.ndarray:
    """Return the estimates from several vectors of changes, (m, n): each is a period's."""
    _, D, X = data
    m, n = changes.shape
    frame = pd.DataFrame(
        {
            "unit": np.tile(np.arange(n), m + 1),
            "t": np.repeat(np.arange(m + 1), n),
            "g": np.tile(np.where(D, 1, np.inf), m + 1),
            "a": np.tile(X[:, 1], m + 1),
            "b": np.tile(X[:, 2], m + 1),
            "y": np.concatenate([np.zeros(n), changes.ravel()]),
        }
    )
    fit = dj.att_gt(frame, "y", "t", "g", "unit", xformla=xformla, est_method=method, **more)
    return fit.att


def estimate(data: Arrays, method: str, xformla: str = "~ a + b", **more: Any) -> float:
    return float(estimates(data[0][None], data, method, xformla, **more)[0])


def implied_weights(data: Arrays, method: str) -> np.ndarray:
    """Return minus what a change of each control by one does: the estimate is linear in it."""
    dy, D, _ = data
    moved = estimates(dy + np.eye(len(dy))[~D], data, method)
    return estimate(data, method) - moved


@pytest.mark.parametrize("method", METHODS)
def test_every_estimate_is_a_weighted_difference(method):
    dy, D, X = data = draw(1)
    v = implied_weights(data, method)
    assert abs(v.sum() - 1) < 1e-12
    assert abs(dy[D].mean() - v @ dy[~D] - estimate(data, method)) < 1e-12
    imbalance = np.abs(v @ X[~D] - X[D].mean(axis=0)).max()
    assert imbalance > 1e-3 if method == "ipw" else imbalance < 1e-12


def test_weights_of_regression_are_linear_and_may_be_negative():
    dy, D, X = draw(1)
    D = D & (X[:, 1] > 0.5)  # a cohort at one end of the controls
    v = implied_weights((dy, D, X), "reg")
    fitted = X[~D] @ np.linalg.lstsq(X[~D], v, rcond=None)[0]
    np.testing.assert_allclose(v, fitted, atol=1e-13)
    assert v.min() < -1e-4


def test_dr_is_weighting_plus_what_remains_to_be_balanced():
    data = dy, D, X = draw(2)
    v = implied_weights(data, "ipw")
    gap = X[D].mean(axis=0) - v @ X[~D]
    beta = np.linalg.lstsq(X[~D], dy[~D], rcond=None)[0]
    correction = gap @ beta
    assert abs(estimate(data, "dr") - (estimate(data, "ipw") - correction)) < 1e-12
    assert abs(correction) > 1e-3


def test_tilting_needs_no_regression():
    data = dy, D, X = draw(3)
    v = implied_weights(data, "drimp")
    for beta in np.random.default_rng(0).normal(size=(3, 3)):
        u = dy - X @ beta
        assert abs(u[D].mean() - v @ u[~D] - estimate(data, "drimp")) < 1e-11


def test_bias_is_the_product_of_two_errors():
    """On a population with three values of x, by exact sums, for any two wrong models."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        share, p, m = rng.dirichlet(np.ones(3)), rng.uniform(0.1, 0.9, 3), rng.normal(size=3)
        m_star, o_star, o = rng.normal(size=3), rng.uniform(0.1, 3, 3), p / (1 - p)
        c = share * (1 - p)  # E[(1 - D) f] is the sum of c f
        treated = share * p / (share @ p)
        limit = treated @ (m - m_star) - c @ (o_star * (m - m_star)) / (c @ o_star)
        bias = c @ ((o / (c @ o) - o_star / (c @ o_star)) * (m - m_star))
        assert abs(limit - bias) < 1e-14
        for right in (3.7 * o, o_star):  # odds up to a factor; regression up to a constant
            other = m_star if right is not o_star else m - 1.3
            error = c @ ((o / (c @ o) - right / (c @ right)) * (m - other))
            assert abs(error) < 1e-14


def test_separated_controls_have_the_limit_without_them():
    dy, D, X = draw(5)
    X[:, 2] = ~D & (np.abs(X[:, 2]) > 1)  # b is 1 for some controls only
    kept = X[:, 2] == 0
    without = (dy[kept], D[kept], X[kept])
    change = {m: estimate((dy, D, X), m) - estimate(without, m, "~ a") for m in METHODS}
    assert abs(change["ipw"]) < 1e-10
    assert abs(change["drimp"]) < 1e-10
    assert abs(change["reg"]) > 1e-4  # regressions learn the slope of a from them
    assert abs(change["dr"]) > 1e-4
    with pytest.raises(dj.errors.DesignError, match="b separates some controls"):
        estimate((dy, D, X), "ipw", separation="error")


def test_comparison_can_fail():
    dy, D, X = data = draw(1)
    v = implied_weights(data, "dr") * (1 + 1e-6)
    assert abs(dy[D].mean() - v @ dy[~D] - estimate(data, "dr")) > 1e-9
    assert np.abs(v @ X[~D] - X[D].mean(axis=0)).max() > 1e-8
