"""What the lesson on reading a jackknife derives, on random designs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.regression import regress


def panel(seed: int) -> pd.DataFrame:
    """Eleven units in six periods; cohorts of 3 to 6, the first and the last of one unit."""
    rng = np.random.default_rng(seed)
    cohort = np.array([3, 4, 4, 5, 5, 5, 6, 0, 0, 0, 0])
    frame = pd.DataFrame({"i": np.repeat(np.arange(11), 6), "t": np.tile(np.arange(1, 7), 11)})
    frame["g"], frame["y"] = cohort[frame["i"]], rng.normal(size=66)
    return frame


def loadings(frame: pd.DataFrame, kind: str, keep: np.ndarray) -> np.ndarray:
    """Loadings of an average on outcomes, summed over cells one by one."""
    g_of = frame.groupby("i")["g"].first().to_numpy()
    n = {g: int(((g_of == g) & keep).sum()) for g in np.unique(g_of)}
    cells = [(g, t) for g in (3, 4, 5, 6) for t in range(g, 7) if n[g]]

    def weight(g: int, t: int) -> float:
        if kind == "simple":
            return n[g] / sum(n[a] for a, _ in cells)
        if kind == "group":
            return n[g] / sum(n[a] for a in {a for a, _ in cells}) / (7 - g)
        key = (lambda a, s: s) if kind == "calendar" else (lambda a, s: s - a)
        same = [a for a, s in cells if key(a, s) == key(g, t)]
        return n[g] / sum(n[a] for a in same) / len({key(a, s) for a, s in cells})

    ell = np.zeros((len(g_of), 6))
    for g, t in cells:
        contrast = weight(g, t) * (keep & (g_of == g)) / n[g]
        contrast = contrast - weight(g, t) * (keep & (g_of == 0)) / n[0]
        ell[:, t - 1] += contrast
        ell[:, g - 2] -= contrast
    return ell


@pytest.mark.parametrize("kind", ["simple", "group", "calendar", "dynamic"])
def test_averages_and_their_deletions_are_sums_of_loadings_and_outcomes(kind):
    frame = panel(1)
    Y = frame["y"].to_numpy().reshape(11, 6)
    agg = dj.aggte(dj.att_gt(frame, "y", "t", "g", "i", est_method="reg"), kind)
    everyone = np.ones(11, dtype=bool)
    keeps = [everyone, *(np.arange(11) != h for h in range(11))]
    expected = [(loadings(frame, kind, keep) * Y).sum() for keep in keeps]
    np.testing.assert_allclose(dj.jackknife(agg).replicates[:, 0], expected, rtol=1e-10)


def test_partial_leverage_is_the_share_of_squared_loadings():
    frame = panel(2)
    X = pd.get_dummies(frame["t"], dtype=float).iloc[:, 1:].add_prefix("t")
    X.insert(0, "D", ((frame["g"] > 0) & (frame["t"] >= frame["g"])).astype(float))
    within = X - X.groupby(frame["i"]).transform("mean")
    fit = regress(frame["y"] - frame["y"].groupby(frame["i"]).transform("mean"), within, frame["i"])
    columns = pd.concat([X, pd.get_dummies(frame["i"], dtype=float)], axis=1).to_numpy()
    ell = np.linalg.pinv(columns)[0]  # of the coefficient of D, with dummies of units
    assert ell @ frame["y"] == pytest.approx(fit.coef["D"], rel=1e-10)
    v = pd.Series(ell**2).groupby(frame["i"]).sum()
    np.testing.assert_allclose(fit.partial_leverage("D"), v / v.sum(), rtol=1e-9)
    spread = ((v / v.mean() - 1) ** 2).mean()
    for rho in (0.0, 0.7):  # a shock common to a unit drops out, whatever its share
        assert fit.effective_clusters("D", rho) == pytest.approx(11 / (1 + spread), rel=1e-8)


def test_the_change_of_the_calendar_average_has_two_parts():
    frame = panel(3)
    agg = dj.aggte(dj.att_gt(frame, "y", "t", "g", "i", est_method="reg"), "calendar")
    jk = dj.jackknife(agg)
    by_period = jk.replicates[:, 1:]
    # Without the unit of cohort 3 the first period is lost, and the mean is over the others.
    assert np.isnan(by_period[1, 0]) and np.isfinite(by_period[1, 1:]).all()
    lost = by_period[0, 1:].mean() - jk.att
    changed = (by_period[1, 1:] - by_period[0, 1:]).mean()
    assert jk.atts[0] - jk.att == pytest.approx(lost + changed, rel=1e-10)


@pytest.mark.parametrize("H", [5, 12, 50])
def test_shares_of_equal_normal_deviations(H):
    d = np.random.default_rng(H).standard_normal((40_000, H)) ** 2
    concentration = ((d / d.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = concentration.std() / np.sqrt(len(d))
    assert abs(concentration.mean() - 3 / (H + 2)) < 4 * error
