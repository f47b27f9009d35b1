"""Deletions that take a parameter, or all treatment, away: combinations, bands, fixed weights.

Expected values come from loops over cells and deletions (tests/looped.py) and from the formulas.
Tolerance: 1e-11, for differences of a few outcomes near one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from looped import att_gt, cells_of, cv3, deletions, frame_of
from scipy import optimize, special, stats

import didjack as dj

RTOL = 1e-11

# Cluster 0 alone has been treated for three periods: without it event times 1 and 2 are lost.
LOSES_EVENTS = [[2, 2], [4], [4, 4], [4], [0, 0], [0]]


@cache
def event_study() -> tuple[dj.Jackknife, pd.DataFrame]:
    frame = frame_of(LOSES_EVENTS, seed=1)
    return dj.jackknife(dj.aggte(att_gt(frame), type="dynamic")), deletions(frame, "dynamic")


@pytest.mark.parametrize(
    ("expression", "weights"),
    [
        ("event:1 - event:0", {"event:1": 1.0, "event:0": -1.0}),
        ("0.5*event:0 + event:2/4", {"event:0": 0.5, "event:2": 0.25}),
        ("event:0 - overall", {"event:0": 1.0, "overall": -1.0}),
        ("-event:2", {"event:2": -1.0}),
    ],
)
@pytest.mark.parametrize("center", ["estimate", "mean"])
def test_combinations_leave_out_deletions_that_lack_a_part(expression, weights, center):
    jk, by_loop = event_study()
    jk = dj.jackknife(jk.target, center=center)
    values = sum(by_loop[name] * weight for name, weight in weights.items()).to_numpy()
    assert np.isnan(values).sum() == (0 if set(weights) == {"event:0", "overall"} else 1)
    used = values[~np.isnan(values)][1:]
    H = len(used)
    middle = values[0] if center == "estimate" else used.mean()
    se = np.sqrt((H - 1) / H * ((used - middle) ** 2).sum())
    for asked in (expression, weights):
        found = jk.lincom(asked)
        assert found.att[0] == pytest.approx(values[0], rel=RTOL)
        assert found.se[0] == pytest.approx(se, rel=RTOL)
        assert found.df[0] == H - 1
        p = 2 * stats.t.sf(abs(values[0] / se), H - 1)
        # With one treated cluster behind a part there is no p-value.
        behind = [jk.n_treated_clusters[jk.parameters.index(name)] for name in weights]
        assert found.n_treated_clusters[0] == min(behind)
        assert found.p[0] == pytest.approx(p if min(behind) > 1 else np.nan, rel=1e-9, nan_ok=True)


def test_each_parameter_has_the_deletions_that_it_has():
    jk, by_loop = event_study()
    for i, name in enumerate(jk.parameters):
        se, H = cv3(by_loop[name].to_numpy())
        assert jk.inference.se[i] == pytest.approx(se, rel=RTOL), name
        assert jk.inference.df[i] == H - 1
    assert set(jk.inference.df) == {4.0, 5.0}


def coverage_of_two(critical: float, rho: float, df: int) -> float:
    """Return P(|T1| and |T2| below a value) of a bivariate t, by Gaussian quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(100)  # right to ten digits and more
    s, at_s = 2.5 * (nodes + 1), 2.5 * weights  # chi(df) / sqrt(df), below 5
    a = critical * s[:, None]
    z, at_z = a * nodes, a * weights  # the first of two normals
    root = np.sqrt(1 - rho**2)
    inner = special.ndtr((a - rho * z) / root) - special.ndtr((-a - rho * z) / root)
    rectangle = (at_z * inner * np.exp(-(z**2) / 2)).sum(axis=1) / np.sqrt(2 * np.pi)
    density = stats.chi.pdf(s * np.sqrt(df), df) * np.sqrt(df)
    return float((at_s * density * rectangle).sum())


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_band_has_the_fewest_degrees_of_freedom(level):
    """Of two event times one survives all 5 deletions, the other 4."""
    frame = frame_of([[2], [3, 3], [3], [0, 0], [0]], periods=3, seed=3)
    jk = dj.jackknife(dj.aggte(att_gt(frame), type="dynamic", min_e=0))
    by_loop = deletions(frame, "dynamic")[["event:0", "event:1"]].to_numpy()
    away = np.nan_to_num(by_loop[1:] - by_loop[0])  # a lost parameter contributes nothing
    rho = (away[:, 0] @ away[:, 1]) / np.sqrt((away**2).sum(axis=0).prod())
    (se0, H0), (se1, H1) = cv3(by_loop[:, 0]), cv3(by_loop[:, 1])
    assert (H0, H1) == (5, 4)

    def critical_value(df: int) -> float:
        return optimize.brentq(lambda c: coverage_of_two(c, rho, df) - level, 0.5, 20)

    expected = critical_value(3)
    # The standard error of the simulated quantile: that of a share, over the density there.
    step = 0.05
    density = (
        coverage_of_two(expected + step, rho, 3) - coverage_of_two(expected - step, rho, 3)
    ) / (2 * step)
    error = np.sqrt(level * (1 - level) / 100_000) / density
    band = jk.band(level=level, n_draws=100_000, seed=5, min_treated=1)
    assert band.parameters == ("event:0", "event:1")
    assert abs(band.critical_value - expected) < 4 * error
    assert expected - critical_value(4) > 8 * error  # so that the test can tell them apart
    table = band.to_frame()
    for row, (estimate, se) in enumerate(zip(by_loop[0], (se0, se1), strict=True)):
        half = band.critical_value * se
        assert table["band_low"][row] == pytest.approx(estimate - half, rel=RTOL)
        assert table["band_high"][row] == pytest.approx(estimate + half, rel=RTOL)


# --- fixed weights ----------------------------------------------------------------------------


def fixed(frame: pd.DataFrame, keys: list[tuple[float, float]]) -> np.ndarray:
    """Average cells with the full sample's sizes; what a deletion loses keeps its estimate."""
    full, share = cells_of(frame)
    total = sum(share[g] for g, _ in keys)
    values = [sum(share[g] * full[g, t] for g, t in keys) / total]
    for c in frame["cluster"].unique():
        cells, _ = cells_of(frame[frame["cluster"] != c])
        there = {key: cells.get(key, full[key]) for key in keys}
        nothing_treated = not (frame.loc[frame["cluster"] != c, "g"] > 0).any()
        mean = sum(share[g] * there[g, t] for g, t in keys) / total
        values.append(np.nan if nothing_treated else mean)
    return np.array(values)


FIXED = {
    "one cluster treated": [[3, 3], [0], [0, 0], [0]],
    "one cluster treated, two cohorts": [[2, 3, 3], [0], [0, 0], [0]],
    "each cohort in one cluster": [[2, 2], [3], [0], [0, 0], [0]],
    "several clusters treated": [[2, 3], [3], [2], [0, 0], [0]],
}


@pytest.mark.parametrize("design", FIXED)
@pytest.mark.parametrize("first", [1, 0])
def test_fixed_weights(design, first):
    """Without the only treated cluster nothing is known, and it is skipped; otherwise filled."""
    order = FIXED[design] if first else FIXED[design][::-1]
    frame = frame_of(order, seed=4)
    agg = dj.aggte(att_gt(frame), type="simple")
    jk = dj.jackknife(agg, estimand="fixed")
    post = [key for key in cells_of(frame)[0] if key[1] >= key[0]]
    expected = fixed(frame, post)
    se, H = cv3(expected)
    np.testing.assert_allclose(jk.replicates[:, 0], expected, rtol=RTOL)
    assert jk.se == pytest.approx(se, rel=RTOL)
    sole = design.startswith("one cluster")
    assert (jk.n_replicates, jk.df) == (H, H - 1) == (len(order) - sole, len(order) - sole - 1)
    skipped = [order.index(FIXED[design][0])] if sole else []
    assert jk.skipped["cluster"].tolist() == skipped
    assert jk.att == pytest.approx(expected[0], rel=RTOL)


@pytest.mark.parametrize("estimand", ["fixed", "refit"])
def test_cells_without_the_only_treated_cluster(estimand):
    frame = frame_of(FIXED["one cluster treated"], seed=5)
    jk = dj.jackknife(att_gt(frame), estimand=estimand)
    full = cells_of(frame)[0]
    for i, key in enumerate(full):
        rows = [full[key], np.nan]
        rows += [cells_of(frame[frame["cluster"] != c])[0][key] for c in (1, 2, 3)]
        np.testing.assert_allclose(jk.replicates[:, i], rows, rtol=RTOL)
        assert jk.inference.se[i] == pytest.approx(cv3(np.array(rows))[0], rel=RTOL)
        assert jk.inference.df[i] == 2
