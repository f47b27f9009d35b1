"""Identities of lesson 10: coefficients and influence in closed form, and size by counting."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.simulate.compared import Settings
from didjack.simulate.designs import Design
from didjack.simulate.engine import Engine

T = 6


def coefficients(start: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients of the simple average on means of clusters by period, (H, T)."""
    t, after = np.arange(T), T - start
    own = 1.0 * (t >= start[:, None]) - after[:, None] * (t == start[:, None] - 1)
    a = weight[:, None] * own / (weight @ after)
    control = (start == T) * weight
    return a - np.outer(control / control.sum(), a.sum(axis=0))


def influence(start: np.ndarray, weight: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """S_h / n, (H,), from the closed form: own difference in differences less the estimate."""
    a = coefficients(start, weight)
    theta = float((a * Y).sum())
    control = start == T
    mean = weight[control] @ Y[control] / weight[control].sum()
    S = np.zeros(len(start))
    for h, g in enumerate(start):
        if g < T:
            own = Y[h, g:] - Y[h, g - 1] - (mean[g:] - mean[g - 1])
            S[h] = weight[h] * (own - theta).sum() / (weight @ (T - start))
        else:
            S[h] = a[h] @ (Y[h] - mean)
    return S


def panel(seed: int, start: list[int], sizes: list[int]) -> pd.DataFrame:
    """Draw units within clusters."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(start)), sizes)
    first = np.where(np.array(start) < T, np.array(start) + 1, 0)[cluster]
    n = len(cluster)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), T),
            "cluster": np.repeat(cluster, T),
            "time": np.tile(np.arange(1, T + 1), n),
            "first": np.repeat(first, T),
            "y": rng.standard_normal((n, T)).cumsum(axis=1).ravel(),
        }
    )


def simple(frame: pd.DataFrame) -> dj.Aggregate:
    res = dj.att_gt(
        frame, "y", "time", "first", "unit", est_method="reg", clustervars="cluster"
    )  # fmt: skip
    return dj.aggte(res, type="simple")


STARTS = [[2, 2, 4, 6, 6, 6], [1, 3, 3, 5, 6, 6, 6], [3, 6, 6, 6]]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("equal", [True, False])
def test_the_simple_average_its_deletions_and_its_influence(start, equal):
    H = len(start)
    sizes = [1] * H if equal else [1 + (5 * h) % 4 for h in range(H)]
    frame = panel(len(start), start, sizes)
    agg = simple(frame)
    jk = dj.jackknife(agg, "cluster")
    Y = frame.pivot_table(index="cluster", columns="time", values="y").to_numpy()
    s, w = np.array(start), np.array(sizes, dtype=float)
    np.testing.assert_allclose((coefficients(s, w) * Y).sum(), agg.att, rtol=1e-10)
    for h, without in jk.atts.items():
        kept = np.where(np.arange(H) == h, 0.0, w)
        np.testing.assert_allclose((coefficients(s, kept) * Y).sum(), without, rtol=1e-10)
    S = influence(s, w, Y)
    sums = pd.Series(agg.influence[:, 0]).groupby(np.repeat(np.arange(H), sizes)).sum()
    # Sums that are zero in theory, as with one treated cluster, are so up to rounding.
    np.testing.assert_allclose(sums / agg.attgt.n, S, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(np.sqrt((S**2).sum()), agg.se, rtol=1e-10)


@pytest.mark.parametrize(("H", "k"), [(6, 2), (7, 3), (6, 1)])
def test_each_p_value_of_all_assignments_occurs_once(H, k):
    frame = panel(10 * H + k, [T] * H, [1] * H)
    t = []
    for chosen in combinations(range(H), k):
        law = frame.assign(first=np.where(frame["cluster"].isin(chosen), 4, 0))
        t.append(abs(dj.jackknife(simple(law), "cluster").t))
    p = [(np.array(t) >= own * (1 - 1e-12)).mean() for own in t]
    np.testing.assert_allclose(np.sort(p), np.arange(1, len(t) + 1) / len(t), rtol=1e-12)


def test_coverage_is_one_minus_size_for_a_constant_effect():
    settings = Settings(types=("simple",), tests=("clustered-z", "cv3"), twfe=False)
    base = {"clusters": 12, "periods": T, "treated": 4, "adoption": (3, 5)}
    tally = Engine(Design(**base), settings, seed=3).block(0, 500)
    np.testing.assert_array_equal(tally.covered, tally.n - tally.rejected)
    moved = Engine(Design(**base, effect=(0.8,)), settings, seed=3).block(0, 500)
    # Another design has other seeds, so coverage agrees up to Monte Carlo error: five of them.
    error = 5 * np.sqrt(2 * 0.25 / 500)
    np.testing.assert_allclose(moved.covered / 500, tally.covered / 500, atol=error)
    assert (moved.rejected > tally.rejected).all()


def test_standard_error_of_a_paired_difference():
    rng = np.random.default_rng(0)
    first = rng.random(400) < 0.3
    second = first ^ (rng.random(400) < 0.1)
    b, c = (first & ~second).mean(), (second & ~first).mean()
    difference = first.astype(float) - second
    np.testing.assert_allclose(b + c - (b - c) ** 2, difference.var(), rtol=1e-12)
