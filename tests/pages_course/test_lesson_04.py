"""Identities that lesson 4 derives, on random panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import didjack as dj

TIMES = range(2000, 2008)


def panel(seed: int) -> pd.DataFrame:
    """Draw thirty units in five cohorts, one of them a single unit."""
    rng = np.random.default_rng(seed)
    cohorts = np.repeat([0, 2003, 2004, 2006, 2007], [14, 6, 5, 4, 1])
    frame = pd.DataFrame(
        [(u, g, t) for u, g in enumerate(cohorts) for t in TIMES], columns=["unit", "g", "t"]
    )
    return frame.assign(y=rng.normal(size=len(frame)) + 0.3 * frame["unit"])


def cells(df: pd.DataFrame, **options: object) -> pd.Series:
    res = dj.att_gt(df, "y", "t", "g", "unit", est_method="reg", **options)
    return res.to_frame().set_index(["group", "time"])["att"]


@pytest.mark.parametrize("seed", range(3))
def test_long_differences_are_sums_of_short_ones(seed):
    df = panel(seed)
    short, long = cells(df), cells(df, base_period="universal")
    before = [(g, t) for g, t in long.index if t < g - 1]
    assert len(before) == 2 + 3 + 5 + 6
    for g, t in before:
        steps = sum(short[g, r] for r in range(t + 1, g))
        assert long[g, t] == pytest.approx(-steps, abs=1e-12)


def test_long_differences_with_changing_controls_are_not():
    df = panel(0)
    options = {"control_group": "notyettreated"}
    short, long = cells(df, **options), cells(df, base_period="universal", **options)
    # From 2003 on the controls of cohort 2007 shrink from step to step.
    assert abs(long[2007, 2002] + sum(short[2007, r] for r in range(2003, 2007))) > 1e-3


@pytest.mark.parametrize("a", [1, 2])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
def test_anticipation_shifts_the_effects_of_a_cohort(base_period, a):
    df = panel(1)
    none, some = cells(df), cells(df, anticipation=a, base_period=base_period)
    long = cells(df, base_period="universal")
    effects = [(g, t) for g, t in some.index if t >= g]
    assert {g for g, _ in effects} == {2003, 2004, 2006, 2007}
    for g, t in effects:
        assert some[g, t] == pytest.approx(none[g, t] - long[g, g - 1 - a], abs=1e-12)


def test_wald_statistic_does_not_depend_on_the_base_period():
    df = panel(2)
    df = df[df["g"].isin([0, 2006])]
    tests = [
        dj.wald_pretest(dj.att_gt(df, "y", "t", "g", "unit", base_period=base))
        for base in ("varying", "universal")
    ]
    assert tests[0].df == tests[1].df == (5.0,)
    # Two linear systems with condition numbers of a few hundred.
    assert tests[0].statistic == pytest.approx(tests[1].statistic, rel=1e-10)


def test_rank_of_the_pretest_is_bounded_by_cohort_sizes():
    res = dj.att_gt(panel(0), "y", "t", "g", "unit")
    pre = ~res.cells.post
    rank = np.linalg.matrix_rank(res.influence[:, pre])
    cells_of = {g: int((pre & (res.cells.group == g)).sum()) for g in res.groups}
    bound = len(np.unique(res.cells.period[pre]))
    bound += sum(min(n - 1, cells_of[g]) for g, n in {2003: 6, 2004: 5, 2006: 4, 2007: 1}.items())
    assert rank == bound < pre.sum()


def test_size_of_the_chi_squared_test_is_hotellings():
    H, q, reps = 20, 5, 20_000
    draws = np.random.default_rng(0).normal(size=(reps, H, q))
    mean = draws.mean(axis=1)
    deviations = draws - mean[:, None]
    # The analytic covariance: sums of influence functions, without a factor for small samples.
    V = np.einsum("rhi,rhj->rij", deviations, deviations) / H**2
    W = np.einsum("ri,ri->r", mean, np.linalg.solve(V, mean[..., None])[..., 0])
    critical = stats.chi2.ppf(0.95, q)
    exact = stats.f.sf(critical * (H - q) / (q * H), q, H - q)
    error = np.sqrt(exact * (1 - exact) / reps)
    assert abs((W > critical).mean() - exact) < 4 * error
    assert exact - 0.05 > 20 * error  # far from the nominal level
    # The factor of the sample covariance, as in CV3, is not that of the analytic one.
    other = stats.f.sf(critical * (H - q) / (q * (H - 1)), q, H - q)
    assert abs((W > critical).mean() - other) > 4 * error
