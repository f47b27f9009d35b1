"""Designs, draws and the engine: the same numbers as the public functions, one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import didjack as dj
from didjack.errors import DataError
from didjack.regression import twfe
from didjack.simulate import (
    CSDID_TESTS,
    LEVELS,
    Design,
    Engine,
    Settings,
    compared,
    draw_means,
    unit_frame,
)
from didjack.simulate.compared import (
    JACKKNIFED,
    bootstrap_se,
    clustered_se,
    jackknife_se,
    unit_se,
)
from didjack.simulate.compiled import Statistics, compile_csdid, compile_twfe, evaluate
from didjack.simulate.design_loadings import Average, unit_loadings
from didjack.simulate.engine import BLOCK
from didjack.simulate.outcomes import DrawnSamples, outcome_of
from didjack.simulate.permutation import assignments, permuted_statistics
from didjack.simulate.tally import Tally

EXACT = {"rtol": 1e-9, "atol": 1e-12}
DESIGNS = {
    "one cohort": Design(clusters=8, periods=6, treated=3, adoption=(4,), units=4),
    "one treated cluster": Design(clusters=8, periods=6, treated=1, adoption=(4,), units=3),
    "staggered, unequal": Design(
        clusters=9, periods=7, treated=4, adoption=(5, 2, 7), units=4, gamma=3.0,
        treat="small", effect=(0.3, 0.6),
    ),
    "cohorts of one cluster": Design(
        clusters=9, periods=7, treated=4, adoption=(3, 5, 4, 2), units=5, gamma=2.0,
        treat="spread", tails="t5", rho=0.9, treated_sd=2.0,
    ),
    "two controls": Design(clusters=6, periods=5, treated=4, adoption=(2, 4), units=2, gamma=4.0),
}  # fmt: skip


@pytest.fixture(params=DESIGNS, ids=str)
def design(request):
    return DESIGNS[request.param]


@pytest.fixture
def drawn(design):
    """A few replications, and one of them as data of units."""
    rng = np.random.default_rng(7)
    means = draw_means(design, rng, 3)
    frame = unit_frame(design, means[1], rng)
    return means, frame


def estimate(frame):
    return dj.att_gt(
        frame, "y", "period", "cohort", "unit", clustervars="cluster", est_method="reg"
    )


@pytest.mark.parametrize("type", ["simple", "dynamic", "group", "calendar"])
def test_a_replication_gives_the_t_statistics_of_the_public_functions(design, drawn, type):
    means, frame = drawn
    agg = dj.aggte(estimate(frame), type=type)
    jk, jk_mean = dj.jackknife(agg), dj.jackknife(agg, center="mean")
    compiled = compile_csdid(design, type)
    s = evaluate(compiled, means)
    errors = [
        clustered_se(s.scores), jackknife_se(s.deviations), jackknife_se(s.deviations, "mean")
    ]  # fmt: skip
    ours = [s.estimate[1], *(s.estimate[1] / se[1] for se in errors)]
    theirs = [agg.att, agg.att / agg.se, jk.t, jk_mean.t]
    np.testing.assert_allclose(ours, theirs, **EXACT)
    assert jk.df == compiled.n_deletions - 1
    np.testing.assert_allclose(s.estimate[1] + s.deviations[1], jk.atts, **EXACT)


@pytest.mark.parametrize("type", ["simple", "dynamic", "group", "calendar"])
def test_units_taken_as_independent(design, drawn, type):
    """The within-cluster sums of squares of this very sample give R did's standard error."""
    means, frame = drawn
    res = estimate(frame)
    agg = dj.aggte(res, type=type)
    compiled = compile_csdid(design, type)
    size = design.sizes.astype(float)
    average = Average.of(type, design.starts, design.periods)
    own = unit_loadings(average, design.cohort, size)
    y = frame["y"].to_numpy().reshape(-1, design.periods)
    cluster = np.repeat(np.arange(design.clusters), design.sizes)
    part = pd.Series((own[cluster] * y).sum(axis=1))
    within = part.groupby(cluster).agg(lambda v: ((v - v.mean()) ** 2).sum()).to_numpy()
    se = unit_se(evaluate(compiled, means).scores[1:2], design.sizes, within[None])
    assert se[0] == pytest.approx(agg.analytic(None).se[0], rel=1e-9)
    np.testing.assert_allclose(compiled.units, 9 * (own**2).sum(axis=1))


def test_fixed_effects_should_estimate_the_simple_average():
    """Effects grow with time and cohorts are staggered: what they do estimate is another."""
    design = DESIGNS["staggered, unequal"]
    engine = Engine(design, Settings(types=("group", "simple")))
    assert engine.truth["twfe"] == engine.truth["simple"]
    post = design.effects > 0
    size = design.sizes[:, None] * post
    assert engine.truth["simple"] == pytest.approx((size * design.effects).sum() / size.sum())
    assert abs(engine.estimators["twfe"].estimate @ design.effects.ravel()
               - engine.truth["simple"]) > 1e-3  # fmt: skip


def test_units_vary_around_their_cluster_as_their_noise_does():
    """Sums of squares of n_g normal influences: mean u (n_g - 1), variance 2 u^2 (n_g - 1)."""
    design = DESIGNS["staggered, unequal"]
    engine = Engine(design, Settings(types=("simple",), tests=("unit-z",), twfe=False))
    compiled, n = engine.estimators["simple"], 20_000
    nothing = Statistics(np.zeros(n), np.zeros((n, 0)), np.zeros((n, design.clusters)))
    test = engine.tests["simple"][0]
    sample = DrawnSamples(np.zeros((n, 0, 0)), nothing, None, design)
    rng = np.random.default_rng(0)
    squares = outcome_of(test, compiled, sample, engine.settings, rng).se ** 2
    mean = (compiled.units * (design.sizes - 1)).sum()
    variance = (2 * compiled.units**2 * (design.sizes - 1)).sum()
    assert squares.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / n))
    # The fourth moment of a chi-square sum is at most 15 times its squared variance.
    assert squares.var() == pytest.approx(variance, rel=4 * np.sqrt(15 / n))


def test_two_way_fixed_effects_in_a_replication(design, drawn):
    means, frame = drawn
    result = twfe(frame, "y", "period", "cohort", "unit", cluster="cluster")
    compiled = compile_twfe(design)
    s = evaluate(compiled, means)
    ours = [
        s.estimate[1],
        clustered_se(s.scores, compiled.factor)[1],
        jackknife_se(s.deviations)[1],
    ]
    np.testing.assert_allclose(ours, [result.att, result.cv1.se[0], result.cv3.se[0]], **EXACT)


def test_the_engine_counts_what_the_statistics_say(design):
    """Every test without draws of its own: its standard error, its degrees of freedom, its counts.

    Where one cluster is treated H = G - 1, so that the two are told apart.
    """
    tests = ("clustered-z", "clustered-t", "cv3", "cv3j")
    engine = Engine(design, Settings(types=("simple", "group"), tests=tests), seed=3)
    tally = engine.block(0)
    means = draw_means(design, engine.rng(0), BLOCK)
    row = 0
    for name, compiled in engine.estimators.items():
        s, G, H = evaluate(compiled, means), compiled.n_clusters, compiled.n_deletions
        clustered = clustered_se(s.scores, compiled.factor)
        expected = {
            "clustered-z": (clustered, np.inf),
            "clustered-t": (clustered, G - 1),
            "cv3": (jackknife_se(s.deviations), H - 1),
            "cv3j": (jackknife_se(s.deviations, "mean"), H - 1),
            "twfe-cv1": (clustered, G - 1),
            "twfe-cv3": (jackknife_se(s.deviations), H - 1),
        }
        names = ("twfe-cv1", "twfe-cv3") if name == "twfe" else tests
        assert tuple(t.name for t in engine.tests[name]) == names
        for test in names:
            se, df = expected[test]
            error = s.estimate - engine.truth[name]
            for level in LEVELS:
                critical = stats.t.isf(level / 2, df)
                p = 2 * stats.t.sf(np.abs(s.estimate) / se, df)
                sums = vars(tally).items()
                found = {key: values[row] for key, values in sums if key != "statistics"}
                counts = {
                    "n": BLOCK,
                    "rejected": (p < level).sum(),
                    "covered": (np.abs(error) <= critical * se).sum(),
                    "length": 2 * critical * se.sum(),
                    "estimate": error.sum(),
                    "square": (error**2).sum(),
                    "se": se.sum(),
                }
                assert found == pytest.approx(counts, rel=1e-9, abs=1e-9), (name, test, level)
                row += 1
    assert row == engine.rows


def test_a_jackknife_needs_two_deletions():
    every = Settings(tests=CSDID_TESTS)
    for H, jackknifed in ((0, False), (1, False), (2, True)):
        names = {t.name for t in compared.tests_of("simple", every, 5, H)}
        assert names == set(CSDID_TESTS) - (set() if jackknifed else set(JACKKNIFED))
        fixed = {t.name for t in compared.tests_of("twfe", every, 5, H)}
        assert fixed == {"twfe-cv1"} | ({"twfe-cv3"} if jackknifed else set())


def test_the_truth_is_the_public_estimate_on_effects_alone():
    design = DESIGNS["staggered, unequal"]
    engine = Engine(design, Settings(types=("simple",), twfe=False), seed=3)
    # Units add noise that cancels.
    truth = dj.aggte(estimate(unit_frame(design, design.effects, engine.rng(0))), type="simple").att
    assert engine.truth["simple"] == pytest.approx(truth, abs=1e-12)


def test_standard_errors_of_zero_and_p_values_at_the_level():
    tally = Tally.empty(6)
    normal = stats.norm.isf(np.array(LEVELS) / 2)
    tally.add(0, np.array([1.0, 2.0, 3.0]), 2.0, np.array([0.0, 1.0, 1.0]), normal)
    assert tally.n.tolist() == [2, 2, 2, 0, 0, 0]
    assert tally.rejected[:3].tolist() == [1, 2, 2]  # 1.96 < 2 < 2.58
    assert tally.covered[:3].tolist() == [2, 2, 2]
    tally.add_p(3, np.array([1.0, 5.0]), 2.0, np.array([0.1 + 1e-15, 0.01]))
    assert tally.rejected[3:].tolist() == [1, 1, 2]
    assert tally.estimate[3:].tolist() == [2, 2, 2]
    assert tally.square[3:].tolist() == [10, 10, 10]


def test_assignments_are_listed_up_to_the_limit_and_with_one_cohort_only():
    rng = np.random.default_rng(0)
    one = Design(clusters=6, periods=4, treated=2, adoption=(3,))
    for limit, number, exact in ((15, 15, True), (14, 14, False), (99, 15, True)):
        cohort, listed = assignments(one, limit, rng)
        assert (len(cohort), listed) == (number, exact)
        assert (np.sort(cohort, axis=1) == [0, 0, 1, 1, 1, 1]).all()
    two = Design(clusters=5, periods=4, treated=2, adoption=(3, 4))  # twenty assignments
    cohort, listed = assignments(two, 99, rng)
    assert (len(cohort), listed) == (99, False)
    assert len(np.unique(cohort, axis=0)) == 20


@pytest.mark.parametrize("name", ["staggered, unequal", "one treated cluster", "one cohort"])
def test_permutations_are_estimates_with_cohorts_in_other_places(name):
    design = DESIGNS[name]
    means = draw_means(design, np.random.default_rng(0), 2)
    cohort = np.random.default_rng(1).permuted(np.tile(design.cohort, (3, 1)), axis=1)
    theta, t = permuted_statistics(design, "simple", cohort, means, studentize=True)
    plain, _ = permuted_statistics(design, "simple", cohort, means, studentize=False)
    np.testing.assert_allclose(plain, theta, **EXACT)
    frame = unit_frame(design, means[1], np.random.default_rng(2))
    for p in range(3):
        first = np.append(design.starts + 1, 0)[cohort[p]]
        moved = frame.assign(cohort=first[frame["cluster"]])
        jk = dj.jackknife(dj.aggte(estimate(moved), type="simple"))
        np.testing.assert_allclose([theta[1, p], t[1, p]], [jk.att, jk.t], **EXACT)


@pytest.mark.parametrize("name", ["rademacher", "mammen", "webb"])
def test_bootstrap_approaches_the_clustered_standard_error(name):
    # Many clusters of equal influence: the draws are nearly normal, so the interquartile range
    # estimates the same standard error; 4,000 draws leave about 2% of Monte Carlo error.
    scores = np.random.default_rng(0).normal(size=(3, 400)) / 20
    se = bootstrap_se(name, scores, 4000, np.random.default_rng(1))
    np.testing.assert_allclose(se, np.sqrt((scores**2).sum(axis=1)), rtol=0.08)


def test_moments_of_the_draws():
    design = Design(
        clusters=10, periods=4, treated=3, adoption=(3,), units=6, gamma=2.0, rho=0.7,
        treated_sd=1.5, effect=(1.0, 2.0),
    )  # fmt: skip
    n = 40_000
    y = draw_means(design, np.random.default_rng(0), n)
    np.testing.assert_allclose(y.mean(axis=0), design.effects, atol=5 * 1.8 / np.sqrt(n))
    treated = design.cohort == 0
    shock = np.where(treated, 1.5, 1.0) ** 2
    variance = shock + 9 / design.sizes
    for t in range(4):
        np.testing.assert_allclose(y[..., t].var(axis=0), variance, rtol=6 * np.sqrt(2 / n))
    lag2 = (y - design.effects)[..., 0] * (y - design.effects)[..., 2]
    np.testing.assert_allclose(lag2.mean(axis=0), 0.49 * shock, atol=6 * 4 / np.sqrt(n))


def test_heavy_tails_have_variance_one_and_are_heavy():
    design = Design(clusters=10, periods=5, treated=3, tails="t5", adoption=(3,), noise_sd=0.0,
                    rho=0.0)  # fmt: skip
    y = draw_means(design, np.random.default_rng(0), 10_000)
    assert y.var() == pytest.approx(1, abs=0.03)
    assert stats.kurtosis(y.ravel()) > 2


def test_size_is_the_level_where_theory_says_so():
    """Two groups of equal variance and size, one change: CV3 is the pooled two-sample t test.

    With n1 = n2 clusters, deletions move a mean by (y - mean)/(n1 - 1), so the CV3 variance is
    (H-1)/H * n1/(n1-1)^2 * (s1 + s2) with s the mean squares; against the exact t(2 n1 - 2)
    its size is known.
    """
    n1 = 10
    design = Design(clusters=2 * n1, periods=2, treated=n1, adoption=(2,), rho=0.0)
    engine = Engine(design, Settings(types=("simple",)), seed=5)
    reps = 40_000
    tally = Tally.total(engine.run(range(reps // BLOCK), reps))
    H, k = 2 * n1, n1 - 1
    # t_cv3 = t_exact * sqrt(ratio), where the exact variance is (s1 + s2) / (n1 (n1 - 1)).
    ratio = (H - 1) / H * n1**2 / k
    cv3 = np.sqrt(ratio / n1)
    clustered = np.sqrt(k / n1)
    for i, level in enumerate(LEVELS):
        sizes = {
            "clustered-z": 2 * stats.t.sf(stats.norm.isf(level / 2) * clustered, H - 2),
            "clustered-t": 2 * stats.t.sf(stats.t.isf(level / 2, H - 1) * clustered, H - 2),
            "cv3": 2 * stats.t.sf(stats.t.isf(level / 2, H - 1) * cv3, H - 2),
        }
        for name, size in sizes.items():
            row = [t.name for t in engine.tests["simple"]].index(name) * len(LEVELS) + i
            error = np.sqrt(size * (1 - size) / reps)
            assert abs(tally.rejected[row] / reps - size) < 4 * error, (name, level)


def test_randomization_inference_is_exact_under_exchangeability():
    design = Design(clusters=8, periods=4, treated=2, adoption=(3,), rho=0.5)
    settings = Settings(
        types=("simple",), tests=("permutation", "permutation-t"), twfe=False, n_permutations=99
    )
    tally = Tally.total(Engine(design, settings, seed=1).run(range(20), 10_000))
    # All 28 assignments are equally likely: p-values are k/28, each with probability 1/28.
    sizes = np.floor(28 * np.array(LEVELS)) / 28
    np.testing.assert_allclose(tally.rejected / 10_000, np.tile(sizes, 2), atol=4 * 0.003)


def test_few_assignments_are_enumerated():
    """One of 20 treated, equal sizes: the largest of 20 rejects at 5%, exactly one in 20."""
    design = Design(clusters=20, periods=4, treated=1, adoption=(3,))
    cohort, exact = assignments(design, 399, np.random.default_rng(0))
    assert exact
    assert len(np.unique(cohort, axis=0)) == len(cohort) == 20
    settings = Settings(types=("simple",), tests=("permutation",), twfe=False)
    tally = Tally.total(Engine(design, settings, seed=1).run(range(20), 10_000))
    rates = tally.rejected / 10_000
    np.testing.assert_allclose(rates, [0, 0.05, 0.1], atol=4 * np.sqrt(0.09 / 10_000))


def test_every_test_runs_and_one_control_has_no_jackknife():
    design = Design(clusters=5, periods=4, treated=4, adoption=(3,), units=2)
    engine = Engine(design, Settings(tests=CSDID_TESTS, n_boot=49, n_permutations=19))
    names = {t.name for t in engine.tests["simple"]}
    assert names == set(CSDID_TESTS) - {*JACKKNIFED, "conley-taber", "ferman-pinto"}
    assert np.isfinite(engine.block(0, 50).rejected).all()
    frame = unit_frame(design, design.effects, np.random.default_rng(0))
    with pytest.raises(dj.DesignError, match="holds all never-treated"):
        dj.jackknife(dj.aggte(estimate(frame)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated": 20}, "20 treated clusters, but clusters is 20: at most 19"),
        ({"treated": 25}, "25 treated clusters"),
        ({"treated": 0}, "at least one cluster must be treated"),
        ({"adoption": (11,)}, "outside the periods 2 to 10"),
        ({"adoption": (1,)}, "outside the periods 2 to 10"),
        ({"adoption": ()}, "adoption is empty"),
        ({"adoption": (3, 3)}, "names a period twice"),
        ({"adoption": (3, 4), "treated": 1}, "every cohort needs one"),
        ({"clusters": 2, "treated": 1}, "3 or more"),
        ({"periods": 1}, "2 or more"),
        ({"rho": 1.0}, "between -1 and 1"),
        ({"rho": -1.0}, "between -1 and 1"),
        ({"gamma": -1.0}, "zero or positive"),
        ({"treat": "first"}, "large, small, spread"),
        ({"tails": "cauchy"}, "normal, t5"),
        ({"shock_sd": 0.0, "noise_sd": 0.0}, "nothing would be random"),
        ({"units": 0}, "at least one per cluster"),
        ({"effect": ()}, "effect is empty"),
        ({"noise_sd": -1.0}, "zero or positive"),
    ],
)
def test_impossible_designs_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        Design(**change)


def test_sizes_and_treated_clusters():
    large = Design(clusters=10, treated=2, gamma=2.0, units=30)
    small = Design(clusters=10, treated=2, gamma=2.0, units=30, treat="small")
    assert abs(large.sizes.sum() - 300) <= 5  # rounding
    assert (np.diff(large.sizes) > 0).all()
    assert np.flatnonzero(large.cohort == 0).tolist() == [8, 9]
    assert np.flatnonzero(small.cohort == 0).tolist() == [0, 1]
    spread = Design(clusters=10, treated=2, gamma=2.0, treat="spread")
    assert np.flatnonzero(spread.cohort == 0).tolist() == [2, 7]


def test_unknown_settings_are_refused():
    with pytest.raises(DataError, match="types has fixed"):
        Settings(types=("fixed",))
    with pytest.raises(DataError, match="tests has cv9"):
        Settings(tests=("cv9",))
    with pytest.raises(DataError, match="n_boot is 5"):
        Settings(n_boot=5)
