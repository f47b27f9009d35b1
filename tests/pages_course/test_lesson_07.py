"""Identities of lesson 7, by enumeration: every draw, every placebo law, every resample."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference.multiplier_draws import DRAWS

FIVE = np.sqrt(5)
SIX = np.sqrt([0.5, 1, 1.5])
SUPPORT = {  # values and probabilities
    "rademacher": (np.array([-1.0, 1.0]), np.array([0.5, 0.5])),
    "mammen": (np.array([1 - FIVE, 1 + FIVE]) / 2, np.array([FIVE + 1, FIVE - 1]) / (2 * FIVE)),
    "webb": (np.concatenate([-SIX, SIX]), np.full(6, 1 / 6)),
}


def panel(seed: int, treated: int, controls: int) -> pd.DataFrame:
    """Draw a panel of one cohort, first treated in period 4 of 6."""
    rng = np.random.default_rng(seed)
    n, T = treated + controls, 6
    first = np.repeat(np.where(np.arange(n) < treated, 4, 0), T)
    unit, time = np.repeat(np.arange(n), T), np.tile(np.arange(1, T + 1), n)
    y = rng.standard_normal((n, T)).cumsum(axis=1).ravel()
    return pd.DataFrame({"unit": unit, "time": time, "first": first, "y": y})


def simple(frame: pd.DataFrame) -> dj.Aggregate:
    return dj.aggte(dj.att_gt(frame, "y", "time", "first", "unit", est_method="reg"), type="simple")


@pytest.mark.parametrize("name", SUPPORT)
def test_moments_of_all_draws(name):
    agg = simple(panel(1, 2, 3))
    S = agg.influence[:, 0] / agg.attgt.n
    values, p = SUPPORT[name]
    which = np.array(list(product(range(len(values)), repeat=len(S))))
    probability = p[which].prod(axis=1)
    draws = values[which] @ S
    np.testing.assert_allclose(probability.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(probability @ draws, 0, atol=1e-14)
    np.testing.assert_allclose(probability @ draws**2, agg.se**2, rtol=1e-12)
    third, fourth = p @ values**3, p @ values**4
    # 1e-10: the third powers of both signs nearly cancel.
    np.testing.assert_allclose(probability @ draws**3, third * (S**3).sum(), rtol=1e-10, atol=1e-15)
    effective = (S**2).sum() ** 2 / (S**4).sum()
    kurtosis = 3 + (fourth - 3) / effective
    np.testing.assert_allclose(probability @ draws**4, kurtosis * agg.se**4, rtol=1e-12)


@pytest.mark.parametrize("name", SUPPORT)
def test_the_library_draws_from_these_points(name):
    values, p = SUPPORT[name]
    drawn = DRAWS[name](np.random.default_rng(0), (400, 100))
    at = np.abs(drawn[..., None] - values).argmin(axis=-1)
    np.testing.assert_allclose(values[at], drawn, atol=1e-14)
    share = np.bincount(at.ravel(), minlength=len(p)) / drawn.size
    # Five standard errors of a share of 40,000 draws.
    np.testing.assert_allclose(share, p, atol=5 * 0.5 / np.sqrt(drawn.size))


@pytest.mark.parametrize(
    ("name", "scale", "error"), [("rademacher", "sd", 0.5), ("mammen", "sd", 0.5)]
)
def test_monte_carlo_error_of_the_standard_error(name, scale, error):
    agg = simple(panel(2, 5, 8))
    S = agg.influence[:, 0] / agg.attgt.n
    values, p = SUPPORT[name]
    kurtosis = 3 + (p @ values**4 - 3) * (S**4).sum() / (S**2).sum() ** 2
    B, seeds = 250, range(300)
    se = [dj.multiplier(agg, distribution=name, n_boot=B, scale=scale, seed=s).se for s in seeds]
    expected = error * np.sqrt((kurtosis - 1) / B)
    # A standard deviation from 300 values is known to 4%; four of these, and the linearization.
    np.testing.assert_allclose(np.std(se) / agg.se, expected, rtol=0.18)


def test_one_treated_cluster_has_no_influence_and_two_have_opposite_ones():
    one, two = simple(panel(3, 1, 5)).influence[:, 0], simple(panel(4, 2, 5)).influence[:, 0]
    assert abs(one[0]) < 1e-13
    assert abs(two[0] + two[1]) < 1e-13 < abs(two[0])
    d = panel(4, 2, 5).pivot_table(index="unit", columns="time", values="y")
    d = d[[4, 5, 6]].mean(axis=1) - d[3]
    np.testing.assert_allclose(two[0] / 7, (d[0] - d[1]) / 4, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_expected_variance_over_all_placebo_laws(k):
    frame = panel(5, 0, 7).drop(columns="first")
    N, J = 7, 7 - k
    d = frame.pivot_table(index="unit", columns="time", values="y")
    spread = (d[[4, 5, 6]].mean(axis=1) - d[3]).var(ddof=1)
    laws = [
        simple(frame.assign(first=np.where(frame["unit"].isin(chosen), 4, 0)))
        for chosen in combinations(range(N), k)
    ]
    estimates = np.array([agg.att for agg in laws])
    np.testing.assert_allclose((estimates**2).mean(), spread * (1 / k + 1 / J), rtol=1e-11)
    expected = spread * ((k - 1) / k**2 + (J - 1) / J**2)
    np.testing.assert_allclose(np.mean([agg.se**2 for agg in laws]), expected, rtol=1e-11)
    if k > 1:
        cv3 = spread * (N - 1) / N * (1 / (k - 1) + 1 / (J - 1))
        found = [dj.jackknife(agg).se ** 2 for agg in laws]
        np.testing.assert_allclose(np.mean(found), cv3, rtol=1e-11)


def test_resamples_that_lack_a_cohort():
    sizes, H = (1, 2), 5  # two treated cohorts, two controls
    cohort = np.array([0, 1, 1, 2, 2])
    resamples = cohort[np.array(list(product(range(H), repeat=H)))]
    absent = np.array([(resamples != c).all(axis=1) for c in (0, 1)])
    for c, m in enumerate(sizes):
        np.testing.assert_allclose(absent[c].mean(), (1 - m / H) ** H, rtol=1e-12)
    lost = sum(
        (-1) ** (size + 1) * (1 - sum(A) / H) ** H
        for size in (1, 2)
        for A in combinations(sizes, size)
    )
    np.testing.assert_allclose(absent.any(axis=0).mean(), lost, rtol=1e-12)
