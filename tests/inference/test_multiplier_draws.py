"""The multiplier bootstrap by hand: its draws, R's quantiles of type 1, and the band's level."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from looped import att_gt, frame_of

import didjack as dj
from didjack.inference.multiplier_draws import bootstrap_draws, mammen, rademacher, webb

RTOL = 1e-12

Z = 2 * 0.6744897501960817  # interquartile range of the normal distribution


def type_1(values: np.ndarray, share: float) -> float:
    """Return R's quantile(type = 1): the smallest value with at least that share up to it."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered) - 1e-9) - 1]


@pytest.fixture(scope="module")
def agg() -> dj.Aggregate:
    frame = frame_of([[2, 2, 3], [3], [4, 4], [0], [0, 0, 0], [0, 2]], seed=1)
    return dj.aggte(att_gt(frame), type="dynamic")


@pytest.mark.parametrize("n_boot", [6, 7, 8, 9, 41])
def test_interquartile_range_of_order_statistics(agg, n_boot):
    boot = dj.multiplier(agg, n_boot=n_boot, seed=2)
    assert boot.draws.shape == (n_boot, len(agg.parameters))
    for j, se in enumerate(boot.inference.se):
        spread = type_1(boot.draws[:, j], 0.75) - type_1(boot.draws[:, j], 0.25)
        assert se == pytest.approx(spread / Z, rel=RTOL)
    assert boot.se == boot.inference.se[0]


def test_standard_deviation_around_zero(agg):
    boot = dj.multiplier(agg, n_boot=9, seed=2, scale="sd")
    np.testing.assert_allclose(
        boot.inference.se, [np.sqrt(np.mean(d**2)) for d in boot.draws.T], rtol=RTOL
    )


@pytest.mark.parametrize("n_boot", [8, 41])
@pytest.mark.parametrize("level", [0.95, 0.8, 0.5])
def test_band_is_the_quantile_of_the_largest_t(agg, n_boot, level):
    boot = dj.multiplier(agg, n_boot=n_boot, seed=3, level=level)
    t = np.abs(boot.draws[:, 1:] / boot.inference.se[1:])  # the overall effect is no element
    largest = np.array([max(row) for row in t])
    band = boot.band()
    assert band.critical_value == pytest.approx(type_1(largest, level), rel=RTOL)
    assert band.level == level and band.parameters == agg.parameters[1:]
    np.testing.assert_array_equal(band.att, agg.values[1:])
    np.testing.assert_array_equal(band.se, boot.inference.se[1:])
    other = boot.band(level=0.6)
    assert other.critical_value == pytest.approx(type_1(largest, 0.6), rel=RTOL)
    assert other.level == 0.6
    assert "bootstrap (rademacher)" in band.method
    table = band.to_frame()
    half = band.critical_value * band.se
    np.testing.assert_allclose(table["band_low"], agg.values[1:] - half, rtol=RTOL)
    np.testing.assert_allclose(table["band_high"], agg.values[1:] + half, rtol=RTOL)


def cluster_influence(agg: dj.Aggregate) -> np.ndarray:
    """Sum the influence of units by cluster, over n."""
    units = agg.attgt.panel.source.drop_duplicates("unit").sort_values("unit")["cluster"]
    psi = agg.influence / len(units)
    return np.array([psi[(units == c).to_numpy()].sum(axis=0) for c in sorted(units.unique())])


@pytest.mark.parametrize("distribution", ["rademacher", "mammen", "webb"])
def test_every_draw_weights_the_clusters(agg, distribution):
    """Each is a combination of points of the distribution, and many of these occur."""
    points = {
        "rademacher": [-1.0, 1.0],
        "mammen": [(1 - math.sqrt(5)) / 2, (1 + math.sqrt(5)) / 2],
        "webb": [s * math.sqrt(k / 2) for s in (-1, 1) for k in (1, 2, 3)],
    }[distribution]
    frame = frame_of([[2, 3], [3, 2], [2, 0], [0, 0]], seed=6)  # no sum of a cluster is zero
    study = dj.aggte(att_gt(frame), type="dynamic")
    sums = cluster_influence(study)
    possible = np.array(list(product(points, repeat=4))) @ sums
    boot = dj.multiplier(study, distribution=distribution, n_boot=300, seed=4)
    distance = np.abs(boot.draws[:, None] - possible).max(axis=2)
    assert (distance.min(axis=1) < 1e-12).all()
    # All 16 combinations of two points occur in 300 draws; of Webb's 1,296 about 270 do.
    assert len(set(distance.argmin(axis=1))) > (230 if distribution == "webb" else 15)


def test_units_are_the_clusters_of_no_cluster_variable():
    frame = frame_of([[2, 2], [3], [0, 0]], seed=7)
    study = dj.aggte(att_gt(frame, clustervars=None), type="simple")
    boot = dj.multiplier(study, n_boot=200, seed=1)
    assert boot.inference.n_clusters == 5
    psi = study.influence[:, 0] / 5
    possible = [np.dot(v, psi) for v in product([-1, 1], repeat=5)]
    assert max(np.abs(possible - d).min() for d in boot.draws[:, 0]) < 1e-12
    by_cluster = dj.multiplier(study, "cluster", n_boot=200, seed=1)
    assert by_cluster.inference.n_clusters == 3
    possible = [np.dot(v, cluster_influence(study)[:, 0]) for v in product([-1, 1], repeat=3)]
    assert max(np.abs(possible - d).min() for d in by_cluster.draws[:, 0]) < 1e-12


def test_base_periods_have_no_standard_error_and_no_place_in_the_band():
    frame = frame_of([[2, 2, 3], [3], [4], [0], [0, 0]], seed=8)
    study = dj.aggte(att_gt(frame, base_period="universal"), type="dynamic")
    boot = dj.multiplier(study, n_boot=20)
    at = study.parameters.index("event:-1")
    assert np.flatnonzero(np.isnan(boot.inference.se)).tolist() == [at]
    assert boot.band().parameters == tuple(
        name for name in study.parameters if name not in ("overall", "event:-1")
    )
    with pytest.raises(dj.DesignError, match="no band"):
        dj.multiplier(dj.aggte(study.attgt, type="simple"), n_boot=20).band()


def test_intervals_are_normal(agg):
    boot = dj.multiplier(agg, n_boot=30, level=0.5)
    assert np.isinf(boot.inference.df).all()
    thick = boot.n_treated_clusters > 1
    assert thick.any() and not thick.all()
    np.testing.assert_allclose(boot.inference.critical_value[thick], Z / 2, rtol=RTOL)
    assert np.isnan(boot.inference.critical_value[~thick]).all()
    assert dj.multiplier(agg, n_boot=30).inference.level == 0.95
    assert boot.inference.method == "bootstrap (rademacher)"
    assert (boot.distribution, boot.scale, boot.seed, boot.target) == ("rademacher", "iqr", 0, agg)
    np.testing.assert_array_equal(boot.inference.att, agg.values)
    assert boot.inference.parameters == agg.parameters
    assert boot.inference.n_clusters == 6


def test_blocks_have_seeds_of_their_own(agg):
    """999 draws unless asked otherwise; more draws begin with those of fewer blocks."""
    sums = np.eye(3)
    draws = bootstrap_draws(sums, "rademacher", 501, seed=1)
    assert draws.shape == (501, 3)
    np.testing.assert_array_equal(draws[:250], bootstrap_draws(sums, "rademacher", 250, seed=1))
    assert not np.array_equal(draws[:250], draws[250:500])
    assert not np.array_equal(draws, bootstrap_draws(sums, "rademacher", 501, seed=2))
    for block, seed in enumerate(np.random.SeedSequence(1).spawn(3)):  # 250, 250 and 1 draws
        signs = 2.0 * np.random.default_rng(seed).integers(0, 2, (250, 3)) - 1
        part = draws[250 * block : 250 * (block + 1)]
        np.testing.assert_array_equal(part, signs[: len(part)])
    by_seed = [dj.multiplier(agg, n_boot=20, seed=seed).draws for seed in (0, 1, 2)]
    assert not np.array_equal(by_seed[0], by_seed[1])
    assert not np.array_equal(by_seed[1], by_seed[2])
    assert len(dj.multiplier(agg).draws) == 999
    np.testing.assert_array_equal(dj.multiplier(agg).draws, dj.multiplier(agg, seed=0).draws)


@pytest.mark.parametrize("draw", [rademacher, mammen, webb])
def test_moments_of_the_multipliers(draw):
    """Mean zero and variance one; standard errors of both are below .003."""
    values = draw(np.random.default_rng(1), (400_000, 1))
    assert values.shape == (400_000, 1)
    assert abs(values.mean()) < 0.01 and abs((values**2).mean() - 1) < 0.01
    assert abs((values**3).mean() - (1 if draw is mammen else 0)) < 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        {"distribution": "normal"}, {"scale": "mad"}, {"n_boot": 1}, {"level": 0.0}, {"level": 1.0},
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(agg, wrong):
    with pytest.raises(dj.DataError, match=next(iter(wrong))):
        dj.multiplier(agg, **wrong)


def test_the_smallest_bootstrap(agg):
    assert dj.multiplier(agg, n_boot=2).draws.shape == (2, len(agg.parameters))
