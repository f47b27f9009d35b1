"""Sums by power series against sums over all rows."""

from __future__ import annotations

from math import factorial

import numpy as np
import pandas as pd
import pytest
from numpy.polynomial import Polynomial

import didjack as dj
from didjack.estimators import expansion, odds, propensity


def test_coefficients_are_derivatives():
    eta = np.array([-8.0, -1.3, 0.0, 0.4, 6.0])
    p = 1 / (1 + np.exp(-eta))
    found = {kind: expansion.coefficients(eta, 8, kind) for kind in ("odds", "logistic")}
    polynomial = Polynomial([0, 1])  # of p; dp = p - p^2
    for m in range(9):
        expected = polynomial(p) / factorial(m)
        np.testing.assert_allclose(found["logistic"][m], expected, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(found["odds"][m], np.exp(eta) / factorial(m), rtol=1e-14)
        polynomial = polynomial.deriv() * Polynomial([0, 1, -1])


@pytest.mark.parametrize("kind", ["odds", "logistic"])
@pytest.mark.parametrize("degree", [1, 2, 4, 7])
def test_the_remainder_is_a_bound(kind, degree):
    eta = np.linspace(-12, 12, 97)
    p = 1 / (1 + np.exp(-eta))
    size = np.exp(eta) if kind == "odds" else p * (1 - p)
    terms = expansion.coefficients(eta, degree, kind)
    for reach in (0.05, 0.5, 1.5):
        bound = float(expansion.remainder(np.array([reach]), degree, kind)[0])
        for move in (-reach, reach):
            series = (terms * move ** np.arange(degree + 1)[:, None]).sum(axis=0)
            true = np.exp(eta + move) if kind == "odds" else 1 / (1 + np.exp(-eta - move))
            assert (np.abs(true - series) <= bound * size + 1e-13 * true).all()


def test_the_bound_of_the_logistic_is_not_loose():
    # Eulerian numbers of 4 are 1, 11, 11, 1; binomials of 3 are 1, 3, 3, 1.
    bound = expansion.remainder(np.array([0.1]), 3, "logistic")[0]
    assert bound == pytest.approx(np.exp(0.1) * 0.1**4 * (11 / 3) / factorial(4), rel=1e-14)


def test_a_series_sums_every_row():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(300), rng.standard_normal((300, 3))])
    v, c = rng.standard_normal((300, 2)), rng.standard_normal(4)
    d = 0.004 * rng.standard_normal((7, 4))
    series = expansion.Series.of(X, X @ c, v, 6, "odds")
    np.testing.assert_allclose(series(d), np.exp(X @ (c + d).T).T @ v, rtol=1e-12)


def panel(n: int, per_cluster: int = 1, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal(n), rng.integers(0, 2, n)
    treated = rng.uniform(size=n) < 1 / (1 + np.exp(-1.2 * x + 0.5))
    T = 4
    frame = pd.DataFrame({"unit": np.repeat(np.arange(n), T), "time": np.tile(np.arange(1, 5), n)})
    frame["x"], frame["z"] = x[frame["unit"]], z[frame["unit"]]
    frame["first"] = np.where(treated, rng.integers(3, 5, n), 0)[frame["unit"]]
    frame["weight"] = rng.uniform(0.5, 2, n)[frame["unit"]]
    frame["cluster"] = frame["unit"] // per_cluster
    frame["y"] = rng.standard_normal(len(frame)) + frame["x"] * frame["time"]
    return frame


def count_series(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    evaluated: list[int] = []
    original = expansion.Series.__call__

    def counted(self: expansion.Series, change: np.ndarray) -> np.ndarray:
        evaluated.append(len(change))
        return original(self, change)

    monkeypatch.setattr(expansion.Series, "__call__", counted)
    return evaluated


@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weightsname": "weight"},
        {"panel": False, "clustervars": "cluster"},
        {"control_group": "notyettreated", "separation": "csdid"},
    ],
)
def test_deletions_are_what_sums_over_all_rows_give(monkeypatch, method, options):
    frame = panel(1500, per_cluster=1 + 2 * ("panel" in options))
    # A few units whose deletion moves the others a lot, and a few next to being trimmed.
    frame.loc[frame["unit"] % 500 == 7, "x"] += 3.0
    res = dj.att_gt(
        frame, "y", "time", "first", "unit", xformla="~ x + z", est_method=method, **options
    )
    name = options.get("clustervars")
    monkeypatch.setattr(expansion, "MANY", np.inf)
    slow = res.deletions(name).estimates
    evaluated = count_series(monkeypatch)
    monkeypatch.setattr(expansion, "MANY", 1)
    fast = res.deletions(name).estimates
    assert max(evaluated) > 0.8 * 500
    np.testing.assert_array_equal(fast.status, slow.status)
    # Estimates of size one whose sums run in another order.
    np.testing.assert_allclose(fast.att, slow.att, rtol=1e-11, atol=1e-12)
    change = slow.att[1:] - slow.att[0]
    np.testing.assert_allclose(fast.att[1:] - fast.att[0], change, rtol=1e-8, atol=1e-12)
    for at, model in slow.models.items():
        np.testing.assert_allclose(fast.models[at].coef, model.coef, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("trim", [0.6, 0.995, np.inf])
def test_trimming_and_the_largest_propensity_are_those_of_each_replicate(monkeypatch, trim):
    rng = np.random.default_rng(1)
    n = 2000
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    X[5, 1] = 25.0  # above the cap
    cluster = rng.permutation(np.repeat(np.arange(n // 2), 2))
    sample = propensity.Sample(X, rng.uniform(size=n) < 0.3, np.ones(n), cluster, n // 2 + 1)
    coef = np.array([0.3, 0.8, 0.1]) + 1e-3 * rng.standard_normal((n // 2 + 1, 3))
    coef[17] += 0.5  # too far for a series
    features = np.column_stack([X, rng.standard_normal(n)])
    monkeypatch.setattr(expansion, "MANY", np.inf)
    sums, largest = odds.odds_sums(sample, coef, features, trim), odds.largest(sample, coef)
    monkeypatch.setattr(expansion, "MANY", 1)
    evaluated = count_series(monkeypatch)
    found = odds.odds_sums(sample, coef, features, trim)
    size = np.abs(sums).max(axis=0)
    np.testing.assert_allclose(found, sums, rtol=1e-11, atol=1e-12 * size.max())
    np.testing.assert_allclose(odds.largest(sample, coef), largest, rtol=1e-13)
    assert max(evaluated) > 900


def test_a_unit_that_holds_a_model_together_is_left_to_the_full_sums(monkeypatch):
    frame = panel(900)
    only = frame["unit"] == 11
    frame["rare"] = only.astype(float)  # without this unit the column is redundant
    frame.loc[only, "first"] = 3
    res = dj.att_gt(frame, "y", "time", "first", "unit", xformla="~ x + rare", est_method="ipw")
    monkeypatch.setattr(expansion, "MANY", np.inf)
    slow = res.deletions().estimates
    monkeypatch.setattr(expansion, "MANY", 1)
    fast = res.deletions().estimates
    np.testing.assert_array_equal(fast.status, slow.status)
    np.testing.assert_allclose(fast.att, slow.att, rtol=1e-11, atol=1e-12)
