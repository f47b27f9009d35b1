"""Propensity models of all replicates against one plain Newton iteration for each of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import didjack as dj
from didjack.estimators import odds, propensity
from didjack.estimators.propensity import Sample, fit

N, C = 120, 5
RTOL = 1e-9  # both iterate until the error is the square of a step below 1e-9


def drawn(clustered: bool = True) -> Sample:
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(N), rng.normal(size=(N, 2))])
    d = rng.random(N) < 1 / (1 + np.exp(0.4 - X[:, 1] + 0.5 * X[:, 2]))
    cluster = rng.integers(0, C, N)
    return Sample(X, d, rng.uniform(0.3, 3, N), cluster if clustered else None,
                  C + 1 if clustered else 1)  # fmt: skip


def plain(X: np.ndarray, d: np.ndarray, w: np.ndarray, model: str) -> np.ndarray:
    """Solve the two moment equations of the module by damped Newton steps from zero."""
    c = np.zeros(X.shape[1])
    for _ in range(200):
        e = np.exp(X @ c)
        residual = d - e / (1 + e) if model == "logit" else d - (1 - d) * e
        slope = e / (1 + e) ** 2 if model == "logit" else (1 - d) * e
        step = np.linalg.solve((X * (w * slope)[:, None]).T @ X, X.T @ (w * residual))
        c = c + step * min(1, 1 / np.abs(X @ step).max())
    return c


def kept(sample: Sample, h: int) -> np.ndarray:
    """Rows of a replicate; the first one has all of them."""
    return np.ones(N, dtype=bool) if h == 0 else sample.cluster != h - 1


@pytest.mark.parametrize("chunk", [propensity.CHUNK, 100, 1])
@pytest.mark.parametrize("model", ["logit", "tilting"])
def test_every_replicate_has_its_own_coefficients(model, chunk, monkeypatch):
    """Also when few rows are held at once: 100 / 6 of them, or one."""
    monkeypatch.setattr(propensity, "CHUNK", chunk)
    sample = drawn()
    found = fit(sample, np.zeros((C + 1, 3), dtype=bool), model)
    for h in range(C + 1):
        at = kept(sample, h)
        expected = plain(sample.X[at], sample.d[at].astype(float), sample.w[at], model)
        np.testing.assert_allclose(found.coef[h], expected, rtol=RTOL, err_msg=str(h))
    assert not found.singular.any() and not found.separated.any()
    assert (found.column == -1).all()


@pytest.mark.parametrize("model", ["logit", "tilting"])
def test_deletions_start_from_the_full_sample(model):
    sample, none = drawn(), np.zeros((C + 1, 3), dtype=bool)
    whole = fit(drawn(clustered=False), none[:1], model)
    assert whole.coef.shape == (1, 3)
    again, anew = fit(sample, none, model, whole), fit(sample, none, model)
    assert np.array_equal(again.coef[0], whole.coef[0])
    np.testing.assert_allclose(again.coef, anew.coef, rtol=RTOL)
    failed = propensity.Propensity(whole.coef, np.array([True]), np.array([True]), np.array([2]))
    marked = fit(sample, none, model, failed)
    assert marked.singular.tolist() == [True] + [False] * C
    assert marked.separated.all() and marked.column[0] == 2
    assert np.isnan(marked.coef[0]).all()


@pytest.mark.parametrize("at", [1, 2])
def test_the_column_that_separates_is_named(at):
    sample = drawn()
    X = sample.X.copy()
    flag = (~sample.d) & (np.arange(N) % 2 == 1)
    X[:, at] = flag - 0.3  # moved, as the columns of a design are by their means
    found = fit(Sample(X, sample.d, sample.w, sample.cluster, C + 1), np.zeros((C + 1, 3), bool))
    assert found.separated.all() and not found.singular.any()
    assert (found.column == at).all()
    # What is left is the model of the other rows; the controls set apart have no weight.
    rest = [0, 3 - at]
    d, w = sample.d.astype(float), sample.w
    expected = plain(X[~flag][:, rest], d[~flag], w[~flag], "logit")
    np.testing.assert_allclose(found.coef[0, 3 - at], expected[1], rtol=1e-8)
    eta = X @ found.coef[0]
    np.testing.assert_allclose(eta[~flag], X[~flag][:, rest] @ expected, rtol=1e-7, atol=1e-8)
    assert np.exp(eta[flag]).max() < 1e-10  # no weight to speak of


def test_without_treated_or_controls_there_is_no_model():
    sample = drawn()
    for h, group in ((0, sample.d), (1, ~sample.d)):  # cluster h alone has them
        keep = ~group | (sample.cluster == h)
        part = Sample(sample.X[keep], sample.d[keep], sample.w[keep], sample.cluster[keep], C + 1)
        found = fit(part, np.zeros((C + 1, 3), dtype=bool))
        assert found.singular.tolist() == [i == h + 1 for i in range(C + 1)]
        assert np.isnan(found.coef[h + 1]).all() and np.isfinite(found.coef[0]).all()


def test_collinear_columns_have_no_model():
    sample = drawn()
    X = np.column_stack([sample.X, sample.X[:, 1] - 2 * sample.X[:, 2]])
    part = Sample(X, sample.d, sample.w, sample.cluster, C + 1)
    found = fit(part, np.zeros((C + 1, 4), dtype=bool))
    assert found.singular.all() and (found.column == 3).all() and np.isnan(found.coef).all()


@pytest.mark.parametrize("chunk", [propensity.CHUNK, 50])
def test_sums_of_all_replicates(chunk, monkeypatch):
    """Sums of controls by odds, of the treated by weight, and of chosen rows."""
    monkeypatch.setattr(propensity, "CHUNK", chunk)
    sample = drawn()
    coef = np.linspace(-1, 1, 3 * (C + 1)).reshape(C + 1, 3)
    features = np.column_stack([np.ones(N), sample.X[:, 1] ** 2])
    choice = np.random.default_rng(1).random((N, C + 1)) < 0.4
    by_odds = odds.odds_sums(sample, coef, features, np.inf)
    treated = odds.treated_sums(sample, features)
    chosen = odds.replicate_sums(sample, choice, features)
    largest = odds.largest(sample, coef)
    for h in range(C + 1):
        at = kept(sample, h)
        eta = sample.X @ coef[h]
        weight = sample.w * ~sample.d * np.exp(eta) * at
        np.testing.assert_allclose(by_odds[h], weight @ features, rtol=1e-12)
        np.testing.assert_allclose(treated[h], (sample.w * sample.d * at) @ features, rtol=1e-12)
        np.testing.assert_allclose(chosen[h], (choice[:, h] & at) @ features, rtol=1e-12)
        assert largest[h] == pytest.approx(1 / (1 + np.exp(-eta[at].max())), rel=1e-14)
    np.testing.assert_allclose(odds.mean_x(by_odds), by_odds / by_odds[:, [0]], rtol=1e-15)


def test_a_comparison_whose_columns_are_collinear_is_called_so():
    """Two columns add up to a third in periods 2 and 3 only, so the other cells have one."""
    rng = np.random.default_rng(3)
    units = pd.DataFrame({"unit": range(80), "g": np.tile([0, 0, 2, 3], 20)})
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3]}), how="cross")
    frame["u"], frame["v"], frame["y"] = rng.normal(size=(3, len(frame)))
    frame["z"] = np.where(frame["t"] == 1, rng.normal(size=len(frame)), frame["u"] + frame["v"])
    res = dj.att_gt(frame, "y", "t", "g", xformla="~ u + v + z", est_method="ipw")
    assert res.to_frame()["status"].tolist() == ["ok", "ok", "ok", "singular"]
    assert res.ledger["reason"].str.endswith(": z").all() and len(res.ledger) == 1


# --- separation and tilting without a solution ----------------------------------------------------


@pytest.mark.parametrize("model", ["logit", "tilting"])
@pytest.mark.parametrize("size", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("elsewhere", [0.0, -1e-17, -1e-9, -0.3])
def test_a_column_that_is_nearly_zero_elsewhere_separates_too(elsewhere, size, model):
    """Zero wherever nothing is set apart: then its own curvature is all that there is of it."""
    sample = drawn()
    X = sample.X.copy()
    flag = (~sample.d) & (np.arange(N) % 2 == 1)
    X[:, 2] = np.where(flag, size, elsewhere)
    none = np.zeros((C + 1, 3), dtype=bool)
    found = fit(Sample(X, sample.d, sample.w, sample.cluster, C + 1), none, model)
    assert found.separated.all() and not found.singular.any() and (found.column == 2).all()
    # The limit: the model without the rows that are set apart. Up to e^-45 it is this one.
    for h in range(C + 1):
        at = kept(sample, h) & ~flag
        limit = plain(X[at, :2], sample.d[at].astype(float), sample.w[at], model)
        eta = X[at] @ found.coef[h]
        np.testing.assert_allclose(eta, X[at, :2] @ limit, rtol=1e-8, atol=1e-10)
        assert (X[kept(sample, h) & flag] @ found.coef[h] < -20).all()


def apart(seed: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Return covariates of 80 rows, and which are treated: 30 of them, moved in two columns."""
    rng = np.random.default_rng(seed)
    d = np.arange(80) < 30
    z = [rng.normal(size=80) + shift * d for _ in range(2)]
    return np.column_stack([np.ones(80), *z, rng.integers(0, 2, 80)]), d


def tilting_exists(X: np.ndarray, d: np.ndarray) -> bool:
    """Whether positive weights of the controls give the treated's means: a linear program."""
    Z = X[~d]
    n = len(Z)
    smallest = np.zeros(n + 1)
    smallest[-1] = -1.0  # the smallest weight, to be made as large as possible
    found = linprog(
        smallest,
        A_ub=np.column_stack([-np.eye(n), np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.column_stack([Z.T, np.zeros(Z.shape[1])]),
        b_eq=X[d].mean(axis=0),
        bounds=[(0, None)] * n + [(None, None)],
    )
    return bool(found.status == 0 and -found.fun > 1e-12)


@pytest.mark.parametrize("shift", [0.8, 1.2, 1.6])
def test_tilting_is_solved_where_a_solution_exists(shift):
    """In any order of the covariates; without a solution it fails in any order."""
    exists = []
    for seed in range(15):
        X, d = apart(seed, shift)
        exists.append(tilting_exists(X, d))
        for order in permutations([1, 2, 3]):
            moved = X[:, [0, *order]]
            found = fit(Sample(moved, d, np.ones(80), None, 1), np.zeros((1, 4), bool), "tilting")
            assert found.singular[0] == (not exists[-1]), (seed, order)
            if exists[-1]:
                odds = np.exp(moved[~d] @ found.coef[0])
                gap = moved[d].sum(axis=0) - odds @ moved[~d]
                assert np.abs(gap).max() < 1e-9 and not found.separated[0]
    assert 0 < sum(exists) < 15 or shift == 0.8


def test_tilting_without_a_solution_leaves_the_cell_out():
    """The treated's mean is beyond any mean of the controls; the logit has a solution there."""
    X, d = apart(6, 1.2)
    units = pd.DataFrame(X[:, 1:], columns=["u", "v", "z"]).assign(g=2 * d, unit=np.arange(80))
    frame = units.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    for order in permutations("uvz"):
        options = {"xformla": f"~ {' + '.join(order)}", "est_method": "drimp"}
        res = dj.att_gt(frame, "y", "t", "g", "unit", **options)
        assert np.isnan(res.att).all()
        assert "no convergence" in res.ledger["reason"].squeeze()
        logit = dj.att_gt(frame, "y", "t", "g", "unit", **options | {"est_method": "ipw"})
        assert logit.estimable.all() and logit.ledger.empty
