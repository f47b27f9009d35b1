"""Conley-Taber and Ferman-Pinto against StatsPAI, closed forms, and placebo outcomes."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference.control_residuals import cluster_sizes, residual_means
from didjack.inference.few_treated import few_treated
from didjack.inference.placebo_paths import (
    VarianceFit,
    control_statistics,
    half_width,
    placebo_estimates,
    placebo_p,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "statspai_few_treated.json").read_text("utf-8")
)


def average(frame: pd.DataFrame, type_: str = "simple", **options: object) -> dj.Aggregate:
    arguments = {"est_method": "reg", "base_period": "universal"} | options
    return dj.aggte(dj.att_gt(frame, "y", "t", "first", "g", **arguments), type=type_)


@pytest.mark.parametrize("design", REFERENCE["designs"], ids=lambda d: f"{d['treated']} treated")
@pytest.mark.parametrize("method", ["conley_taber", "ferman_pinto"])
def test_statspai_in_the_case_in_which_the_estimators_coincide(design, method):
    frame, S = pd.DataFrame(design["data"]), design["treated"]
    frame["first"] = np.where(frame["g"] < S, 1, 0)
    expected = design["runs"][method]
    size = {"size": "size"} if method == "ferman_pinto" else {}
    found = few_treated(average(frame), method=method.replace("_", "-"), **size)
    draws = found.draws[0]
    if method == "ferman_pinto" and S > 1:
        # Places differ in size, so the order of controls matters; StatsPAI takes one of them.
        order = np.array(list(permutations(range(found.n_controls), S)))
        draws = draws[(np.diff(order, axis=1) > 0).all(axis=1)]
        for h, fit in ((h, found.fits["overall", h]) for h in range(S)):
            function = expected["variance_function"][f"treated_{h}"]
            np.testing.assert_allclose([fit.shock, fit.noise], [function["A"], function["B"]])
    # Their two-way demeaning stops at 1e-12.
    assert found.att[0] == pytest.approx(expected["estimate"], rel=1e-10)
    np.testing.assert_allclose(np.sort(draws), np.sort(expected["draws"]), rtol=1e-9, atol=1e-11)
    if len(draws) == len(found.draws[0]):
        np.testing.assert_allclose(found.equal_tailed[0], expected["quantile_interval"], rtol=1e-9)
        np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], expected["ci"], rtol=1e-9)


def staggered(seed: int = 0, controls: int = 12, units: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    first = np.array([2, 4, *[0] * controls])
    state = np.repeat(np.arange(len(first)), units + rng.integers(0, 2 * units - 1, len(first)))
    frame = pd.DataFrame({"g": np.arange(len(state)), "state": state, "first": first[state]})
    frame["x"] = rng.standard_normal(len(frame))
    frame["w"] = rng.uniform(0.5, 2, len(frame))
    frame = frame.merge(pd.DataFrame({"t": np.arange(1, 6)}), how="cross")
    frame["y"] = rng.standard_normal(len(frame)) + 0.3 * frame["t"] * frame["x"]
    return frame


@pytest.mark.parametrize(
    "options",
    [{}, {"control_group": "notyettreated"}, {"xformla": "~ x", "weightsname": "w"},
     {"xformla": "~ x", "panel": False}, {"est_method": "dr", "xformla": "~ x"}],
)  # fmt: skip
@pytest.mark.parametrize("type_", ["simple", "dynamic"])
def test_draws_are_estimates_of_placebo_outcomes(options, type_):
    """A control's residual path as the outcome of a treated cluster, zero everywhere else."""
    frame = staggered(units=5)
    agg = average(frame, type_, clustervars="state", **options)
    found = few_treated(agg)
    res, clusters = agg.attgt, agg.attgt.clusters("state")
    cohort = np.array([1, 2, *[0] * 12])
    residual = residual_means(res.panel, clusters, cohort)
    i = frame["state"].to_numpy()
    placebo = np.zeros((len(agg.parameters), 2, 12))
    for h in (0, 1):
        for j in range(12):
            outcome = np.where(i == h, residual[2 + j][frame["t"] - 1], 0.0)
            again = average(frame.assign(y=outcome), type_, clustervars="state", **options)
            placebo[:, h, j] = again.values
    for p, draws in enumerate(found.draws):
        n = found.n_treated_clusters[p]
        if n == 0:
            assert len(draws) == 0 and np.isnan(found.p[p])
            continue
        h = [0, 1] if n == 2 else [int(np.abs(placebo[p, 1]).max() > np.abs(placebo[p, 0]).max())]
        chosen = list(permutations(range(12), int(n)))
        expected = [sum(placebo[p, h[s], c[s]] for s in range(n)) for c in chosen]
        if len(draws) < len(expected):  # equal places: every pair of controls once
            expected = [e for e, c in zip(expected, chosen, strict=True) if list(c) == sorted(c)]
        np.testing.assert_allclose(np.sort(draws), np.sort(expected), atol=1e-12)


def test_residual_means_in_plain_numpy():
    frame = staggered(units=5)
    res = average(frame, clustervars="state", weightsname="w").attgt
    found = residual_means(res.panel, res.clusters("state"), np.array([1, 2, *[0] * 12]))
    for t in range(1, 6):
        now = frame[frame["t"] == t]
        never = now[now["first"] == 0]
        y = now["y"] - np.average(never["y"], weights=never["w"])
        for s in range(14):
            at = now["state"] == s
            mean = np.average(y[at], weights=now["w"][at])
            assert found[s, t - 1] == pytest.approx(mean, abs=1e-13)


def test_the_interval_is_what_the_test_does_not_reject():
    frame = staggered(3)
    agg = average(frame)
    for level in (0.5, 0.9, 0.95):
        found = few_treated(agg, level=level)
        alpha, effect = 1 - level, (frame["first"] > 0) & (frame["t"] >= frame["first"])
        for end, outward in ((found.ci_low[0], -1), (found.ci_high[0], 1)):
            for step, inside in ((-1e-7, True), (1e-7, False)):
                tau = end + outward * step
                other = few_treated(average(frame.assign(y=frame["y"] - tau * effect)))
                assert (other.p[0] > alpha) == inside
    assert half_width(np.arange(10.0), 0.95) == np.inf
    assert half_width(np.arange(-19.0, 0.0), 0.95) == 19.0
    assert placebo_p(3.0, np.array([1.0, -3.0, 4.0])) == 3 / 4


def test_sizes_and_the_variance_fit():
    frame = staggered(units=4)
    res = average(frame, clustervars="state", weightsname="w").attgt
    clusters = res.clusters("state")
    one = frame[(frame["state"] == 5) & (frame["t"] == 1)]["w"]
    effective = cluster_sizes(res.panel, clusters)[5]
    assert effective == pytest.approx(one.sum() ** 2 / (one**2).sum(), rel=1e-13)
    plain = average(frame, clustervars="state").attgt
    counts = frame[frame["t"] == 1].groupby("state").size().to_numpy()
    np.testing.assert_allclose(cluster_sizes(plain.panel, clusters), counts, rtol=1e-13)
    rng = np.random.default_rng(0)
    sizes = rng.uniform(5, 100, 400)
    statistics = np.sqrt(2 + 30 / sizes) * rng.choice([-1, 1], 400) * 1e-4
    fit = VarianceFit.of(statistics, sizes)  # no noise: the fit is exact
    np.testing.assert_allclose([fit.shock * 1e8, fit.noise * 1e8], [2, 30], rtol=1e-9)
    ratio = fit.ratio(10.0, sizes)
    np.testing.assert_allclose(ratio, np.sqrt(5 / (2 + 30 / sizes)), rtol=1e-9)
    rising = VarianceFit.of(np.sqrt(sizes), sizes)  # variance grows with size: B stays at zero
    assert rising.noise == 0 and rising.shock == pytest.approx(sizes.mean(), rel=1e-12)
    with pytest.raises(dj.DesignError, match="fitted variance is zero"):
        VarianceFit.of(np.zeros(3), np.array([1.0, 2.0, 3.0])).ratio(1.0, sizes)


def rejections(sizes: np.ndarray, n: int, noise: float, rescale: bool) -> float:
    """Share of null samples with p <= .05; the first cluster is treated."""
    rng = np.random.default_rng(7)
    path, rejected = np.array([-1.0, 0.5, 0.5]), 0
    for _ in range(n):
        spread = np.sqrt(1 + noise / sizes)[:, None]
        e = spread * rng.standard_normal((len(sizes), 3))
        e -= e[1:].mean(axis=0)
        statistics = control_statistics(path[None], e[1:])
        if rescale:
            fit = VarianceFit.of(statistics[0], sizes[1:])
            statistics *= fit.ratio(sizes[0], sizes[1:])
        draws, _ = placebo_estimates(statistics, 1000, 0)
        rejected += placebo_p(path @ e[0], draws) <= 0.05
    return rejected / n


def test_size():
    equal = np.full(60, 20.0)
    assert 0.025 < rejections(equal, 600, 0.0, rescale=False) < 0.075
    # The treated cluster is the smallest: its errors vary three times as much.
    small = np.concatenate([[5.0], np.geomspace(10, 400, 99)])
    assert rejections(small, 600, 100.0, rescale=False) > 0.18
    assert rejections(small, 600, 100.0, rescale=True) < 0.09


def test_draws_of_many_ways():
    statistics = np.random.default_rng(0).standard_normal((3, 40))
    every, exact = placebo_estimates(statistics, 60_000, 0)
    assert exact and len(every) == 40 * 39 * 38
    some, exact = placebo_estimates(statistics, 5_000, 1)
    assert not exact and len(some) == 5_000
    assert np.isin(np.round(some, 12), np.round(every, 12)).all()
    again, _ = placebo_estimates(statistics, 5_000, 1)
    np.testing.assert_array_equal(some, again)
    alike, exact = placebo_estimates(np.tile(statistics[0], (2, 1)), 1000, 0)
    assert exact and len(alike) == 40 * 39 / 2


def test_castle_event_times_that_rest_on_few_states(dataset):
    frame = dataset("castle").rename(
        columns={"l_homicide": "y", "year": "t", "gvar": "first", "sid": "g"}
    )
    agg = average(frame, "dynamic")
    found = few_treated(agg)
    table = found.to_frame().set_index("parameter")
    assert table["n_treated_clusters"]["event:5"] == 1  # Florida
    assert table["p"].notna().sum() == (table["n_treated_clusters"].between(1, 3)).sum() > 0
    assert np.isnan(table["p"]["overall"]) and "More than 3 treated clusters" in found.summary()
    assert found.assumption in found.notes


def test_what_cannot_be_tested_is_refused():
    frame = staggered()
    agg = average(frame)
    with pytest.raises(dj.DataError, match="aggregation from aggte, not ATTgt"):
        few_treated(agg.attgt)
    with pytest.raises(dj.DataError, match="'conley-taber' or 'ferman-pinto', not 'ct'"):
        few_treated(agg, method="ct")
    with pytest.raises(dj.DataError, match="size applies to"):
        few_treated(agg, size="x")
    with pytest.raises(dj.DataError, match=r"'x' \(size\) is not positive"):
        few_treated(agg, method="ferman-pinto", size="x")
    with pytest.raises(dj.DesignError, match="same size"):
        few_treated(agg, method="ferman-pinto")
    with pytest.raises(dj.DesignError, match=r"more than 1 treated clusters .* on 2"):
        few_treated(agg, max_treated=1)
    with pytest.raises(dj.DesignError, match="Only 5 never-treated clusters"):
        few_treated(average(staggered(controls=5)))
    mixed = staggered(units=4)
    mixed.loc[mixed["g"] == 0, "first"] = 0
    with pytest.raises(dj.DesignError, match=r"Cluster 0 of 'state' .* \(never, 2\)"):
        few_treated(average(mixed, clustervars="state"))
