"""Identities of lesson 13: loadings, the exact p-value, its special cases and what it assumes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import brentq

import didjack as dj

T = 6
COHORTS = np.array([3, 4, 4, 5, 5, 5, 0, 0, 0, 0, 0, 0])  # cohort 3 is one cluster
H = len(COHORTS)


def panel(seed: int, cohorts: np.ndarray = COHORTS, units: int = 1) -> pd.DataFrame:
    """Draw units within clusters; with `units` 2, every other cluster has two of them."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(cohorts)), 1 + (units - 1) * (np.arange(len(cohorts)) % 2))
    n = len(cluster)
    return pd.DataFrame(
        {
            "i": np.repeat(np.arange(n), T),
            "h": np.repeat(cluster, T),
            "t": np.tile(np.arange(1, T + 1), n),
            "g": np.repeat(cohorts[cluster], T),
            "y": rng.standard_normal((n, T)).cumsum(axis=1).ravel(),
        }
    )


def aggregate(frame: pd.DataFrame, kind: str) -> dj.Aggregate:
    res = dj.att_gt(frame, "y", "t", "g", "i", est_method="reg", clustervars="h")
    return dj.aggte(res, kind)


def cell(g: int, t: int, kept: np.ndarray, cohorts: np.ndarray) -> np.ndarray:
    cohort, controls = kept & (cohorts == g), kept & (cohorts == 0)
    share = cohort / cohort.sum() - controls / controls.sum()
    ell = np.zeros((len(cohorts), T))
    ell[:, t - 1] += share
    ell[:, min(g, t) - 2] -= share
    return ell


def forms(cells: list, cohorts: np.ndarray = COHORTS) -> tuple[np.ndarray, np.ndarray]:
    """Loadings of a weighted sum of cells (g, t, w), and of the deviations that count."""
    everyone = np.ones(len(cohorts), dtype=bool)

    def combined(kept: np.ndarray) -> np.ndarray:
        return sum(
            w * cell(g, t, kept if (kept & (cohorts == g)).any() else everyone, cohorts)
            for g, t, w in cells
        ).ravel()

    full = combined(everyone)
    kept = [np.arange(len(cohorts)) != h for h in range(len(cohorts))]
    left = [k for k in kept if any((k & (cohorts == g)).any() for g, _, _ in cells)]
    return full, np.array([combined(k) - full for k in left])


def event(e: int) -> list:
    g, n = np.unique(COHORTS[COHORTS > 0], return_counts=True)
    there = (g + e <= T) & (g + e >= 2)
    return list(zip(g[there], g[there] + e, n[there] / n[there].sum(), strict=True))


def integral(nu: np.ndarray) -> float:
    """P(z_0^2 > sum_j nu_j z_j^2)."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    v = (nodes + 1) / 2
    sine = np.sin(np.pi / 2 * v**3)[:, None]
    values = np.exp(-np.log1p(np.asarray(nu) / sine**2).sum(axis=1) / 2)
    return float((weights / 2 * 3 * v**2) @ values)


def exact_p(c: float, ell: np.ndarray, delta: np.ndarray) -> float:
    n = len(delta)
    form = np.outer(ell, ell) - c**2 * (n - 1) / n * delta.T @ delta
    values = np.linalg.eigvalsh(form)
    return integral(np.clip(-values[:-1] / values[-1], 0, None))


def two_groups(k: int, n0: int) -> tuple[np.ndarray, np.ndarray]:
    """One date and one number for each cluster."""

    def means(kept: np.ndarray) -> np.ndarray:
        treated, controls = kept * (np.arange(k + n0) < k), kept * (np.arange(k + n0) >= k)
        return treated / treated.sum() - controls / controls.sum()

    full = means(np.ones(k + n0))
    first = 0 if k > 1 else 1
    return full, np.array([means(1 - np.eye(k + n0)[h]) - full for h in range(first, k + n0)])


def test_one_eigenvalue_gives_an_arctangent_and_equal_ones_students_t():
    for nu in (1e-3, 0.4, 1.0, 30.0):
        assert integral([nu]) == pytest.approx(2 / np.pi * np.arctan(nu**-0.5), rel=1e-11)
        for k in (2, 7, 40):
            # z_0^2 > nu chi^2_k says |t(k)| > sqrt(nu k). Far out 64 nodes have fewer digits.
            expected = 2 * stats.t.sf(np.sqrt(nu * k), k)
            assert integral(np.full(k, nu)) == pytest.approx(expected, rel=1e-9)


def test_the_integral_is_the_share_of_draws():
    nu = np.array([0.1, 0.5, 2.0])
    z = np.random.default_rng(1).standard_normal((200_000, 4)) ** 2
    share = (z[:, 0] > z[:, 1:] @ nu).mean()
    p = integral(nu)
    assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / 200_000)


@pytest.mark.parametrize("e", [-2, 0, 1, 3])
def test_event_times_by_hand_are_those_of_the_library(e):
    frame = panel(e + 9)
    y = frame["y"].to_numpy()
    jk = dj.jackknife(aggregate(frame, "dynamic"), "h", critical="exact")
    at = jk.parameters.index(f"event:{e}")
    ell, delta = forms(event(e))
    se = np.sqrt((len(delta) - 1) / len(delta) * ((delta @ y) ** 2).sum())
    assert ell @ y == pytest.approx(jk.inference.att[at], rel=1e-10)
    assert se == pytest.approx(jk.inference.se[at], rel=1e-10)
    t = abs(ell @ y) / se
    # Both integrals have about twelve digits.
    assert exact_p(t, ell, delta) == pytest.approx(jk.inference.p[at], rel=1e-9)
    c = jk.inference.exact_critical_value[at]
    assert exact_p(c, ell, delta) == pytest.approx(0.05, rel=1e-9)
    # Twice the standard deviation for the clusters treated behind it.
    behind = np.isin(COHORTS, [g for g, _, _ in event(e)])
    s = np.where(behind, 2.0, 1.0).repeat(T)
    doubled = jk.sensitivity(f"event:{e}", ratios=[1, 2]).p[1]
    assert exact_p(t, ell * s, delta * s) == pytest.approx(doubled, rel=1e-9)


def test_effects_and_fixed_effects_leave_the_deviations_and_the_deviations_are_orthogonal():
    cells = [(g, t, w / 2) for e in (0, 1) for g, t, w in event(e)]
    ell, delta = forms(cells)
    grid = ell.reshape(H, T)
    np.testing.assert_allclose(grid.sum(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(grid.sum(axis=1), 0, atol=1e-14)
    since = np.arange(1, T + 1) - COHORTS[:, None]
    effects = np.where((COHORTS > 0)[:, None] & (since >= 0), COHORTS[:, None] * (1 + since), 0)
    np.testing.assert_allclose(delta @ effects.ravel(), 0, atol=1e-13)
    np.testing.assert_allclose(delta @ ell, 0, atol=1e-14)
    assert np.abs(delta[0]).max() == 0  # the cohort of one cluster: its cells are held
    assert np.abs(delta[1:]).max(axis=1).min() > 0


def test_clusters_of_unequal_size_are_not_orthogonal():
    agg = aggregate(panel(3, units=2), "simple")
    jk = dj.jackknife(agg, "h", critical="exact")
    weights = np.zeros(len(jk.parameters))
    weights[0] = 1
    loadings = jk.exact.forms.loadings(weights).reshape(H + 1, -1)
    cross = (loadings[1:] - loadings[0]) @ loadings[0]
    assert np.abs(cross).max() > 1e-3


@pytest.mark.parametrize("e", [0, 2])
def test_an_effect_moves_the_standard_error_of_reweighted_deletions_only(e):
    frame = panel(4)
    moved = frame.assign(y=frame["y"] + 5.0 * ((frame["g"] == 3) & (frame["t"] >= 3)))
    at = {}
    for name, data in (("before", frame), ("after", moved)):
        for way in ("refit", "fixed"):
            jk = dj.jackknife(aggregate(data, "dynamic"), "h", estimand=way, critical="exact")
            at[name, way] = jk.inference.se[jk.parameters.index(f"event:{e}")]
    assert at["after", "fixed"] == pytest.approx(at["before", "fixed"], rel=1e-10)
    assert at["after", "refit"] > 1.2 * at["before", "refit"]


@pytest.mark.parametrize("n0", [3, 10, 29])
def test_one_treated_cluster_has_the_pooled_t_test(n0):
    ell, delta = two_groups(1, n0)
    c = np.sqrt(n0 + 1) * stats.t.ppf(0.975, n0 - 1)
    assert exact_p(c, ell, delta) == pytest.approx(0.05, rel=1e-9)
    # So have Satterthwaite's degrees of freedom, of a variance that is scaled to be unbiased.
    A = (n0 - 1) / n0 * (delta @ delta.T)
    assert np.trace(A) ** 2 / (A**2).sum() == pytest.approx(n0 - 1, rel=1e-10)
    assert np.sqrt(ell @ ell / np.trace(A)) == pytest.approx(np.sqrt(n0 + 1), rel=1e-10)


def test_satterthwaite_is_too_careful_with_two_treated_clusters():
    ell, delta = two_groups(2, 20)
    A = 21 / 22 * (delta @ delta.T)
    dof = np.trace(A) ** 2 / (A**2).sum()
    c = np.sqrt(ell @ ell / np.trace(A)) * stats.t.ppf(0.975, dof)
    assert 1 < dof < 1.2
    assert exact_p(c, ell, delta) < 0.01


def test_a_lone_cohort_has_the_same_interval_among_others():
    jk = dj.jackknife(aggregate(panel(6), "group"), "h", critical="exact")
    at = jk.parameters.index("group:3")
    n0, n = int((COHORTS == 0).sum()), H - 1
    c = np.sqrt(n0 + 1) * stats.t.ppf(0.975, n0 - 1) * np.sqrt((n0 - 1) / n0 * n / (n - 1))
    assert jk.inference.exact_critical_value[at] == pytest.approx(c, rel=1e-9)
    frame = panel(6)
    alone = dj.jackknife(aggregate(frame[frame["g"].isin([0, 3])], "simple"), "h", critical="exact")
    assert alone.p == pytest.approx(jk.inference.p[at], rel=1e-9)
    np.testing.assert_allclose(alone.ci, (jk.inference.ci_low[at], jk.inference.ci_high[at]))


def test_size_falls_towards_the_level_with_treated_clusters_and_rises_with_their_variance():
    size = {}
    for k, eta in [*((k, 1.0) for k in (1, 2, 3, 5)), *((k, 2.0) for k in (1, 2, 3, 5))]:
        ell, delta = two_groups(k, 15)
        s = np.where(np.arange(k + 15) < k, eta, 1.0)
        student = stats.t.ppf(0.975, len(delta) - 1)
        c = student if eta == 1 else brentq(lambda x, f=(ell, delta): exact_p(x, *f) - 0.05, 1, 50)
        size[k, eta] = exact_p(c, ell * s, delta * s)
    for eta in (1.0, 2.0):
        for k, more in combinations((1, 2, 3, 5), 2):
            assert size[k, eta] > size[more, eta] > 0.05
