"""Tests of the engine with critical values of their own: the public functions, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

import didjack as dj
from didjack.errors import DataError, DesignError
from didjack.inference.decision import decision, models_tried
from didjack.inference.error_models import ErrorModel, fit_errors
from didjack.inference.fitted_variances import fitted_variances, variances_of
from didjack.inference.generalized import generalized_deviations, generalized_variance
from didjack.inference.reference_model import TRatio, equal_variances
from didjack.sample.blocks import balanced_blocks
from didjack.simulate import LEVELS, Design, Engine, Settings, draw_means, unit_frame
from didjack.simulate.compared import Test
from didjack.simulate.compiled import compile_csdid, evaluate
from didjack.simulate.critical_values import Fit, fit_samples
from didjack.simulate.design_forms import design_forms
from didjack.simulate.design_loadings import Average, fixed_loadings, loadings
from didjack.simulate.outcomes import DrawnSamples, outcome_of, unavailable
from didjack.simulate.tally import Tally

EXACT = {"rtol": 1e-9, "atol": 1e-12}
DESIGNS = {
    "one cohort": Design(clusters=15, periods=6, treated=3, adoption=(4,), units=4, gamma=2.0,
                         treat="spread"),
    "one treated cluster": Design(clusters=13, periods=6, treated=1, adoption=(4,), units=3,
                                  gamma=3.0, treat="small"),
    "two cohorts": Design(clusters=16, periods=7, treated=3, adoption=(3, 5), units=5, gamma=1.0,
                          rho=0.8),
    "cohorts of one cluster": Design(clusters=14, periods=7, treated=3, adoption=(3, 5, 4),
                                     units=4, gamma=2.0, treat="small"),
    "equal sizes": Design(clusters=13, periods=5, treated=2, adoption=(3,), units=3),
    "many treated": Design(clusters=12, periods=6, treated=7, adoption=(2, 5), units=4, gamma=1.0),
}  # fmt: skip
TYPES = ("simple", "dynamic", "group", "calendar", "event:0", "event:last")


@pytest.fixture(params=DESIGNS, ids=str)
def design(request):
    return DESIGNS[request.param]


@pytest.fixture
def drawn(design):
    """A few replications, and one of them as data of units."""
    rng = np.random.default_rng(7)
    means = draw_means(design, rng, 3)
    return means, unit_frame(design, means[1], rng)


def estimate(frame):
    return dj.att_gt(
        frame, "y", "period", "cohort", "unit", clustervars="cluster", est_method="reg"
    )


def parameter_of(design, type):
    """The average that has the parameter, and the parameter's name."""
    last = design.periods - min(design.adoption)
    names = {"event:0": "event:0", "event:last": f"event:{last}"}
    return ("dynamic", names[type]) if type in names else (type, "overall")


def outcome(name, compiled, design, means, fit=None):
    sample = DrawnSamples(means, evaluate(compiled, means), fit, design)
    kind = {"hansen": "generalized", "cv3": "jackknife", "clustered-z": "clustered"}
    kind |= {"conley-taber": "placebo", "ferman-pinto": "placebo"}
    df = {"hansen": design.clusters - 1.0, "clustered-z": np.inf}.get(
        name, compiled.n_deletions - 1.0
    )
    test = Test(name, kind.get(name, "exact"), df)
    return outcome_of(test, compiled, sample, Settings(), np.random.default_rng(0))


def noise_of(frame, design):
    """The variance of the noise of units as the public fit estimates it."""
    blocks = balanced_blocks(frame, "y", "period", "cohort", "unit", "cluster")
    spare = (design.sizes - 1).sum() * (design.periods - 1)
    return blocks, blocks.within.sum() / spare


@pytest.mark.parametrize("type", TYPES)
def test_estimates_deletions_and_clustered_errors_of_every_parameter(design, drawn, type):
    means, frame = drawn
    average, name = parameter_of(design, type)
    agg = dj.aggte(estimate(frame), type=average)
    at = agg.parameters.index(name)
    compiled = compile_csdid(design, type)
    jk = dj.jackknife(agg)
    cv3 = outcome("cv3", compiled, design, means)
    clustered = outcome("clustered-z", compiled, design, means)
    s = evaluate(compiled, means)
    np.testing.assert_allclose(
        [s.estimate[1], cv3.se[1], clustered.se[1]],
        [agg.values[at], jk.inference.se[at], agg.analytic("cluster").se[at]],
        **EXACT,
    )
    assert compiled.n_deletions - 1 == jk.inference.df[at]
    assert compiled.n_treated_clusters == jk.n_treated_clusters[at]


@pytest.mark.parametrize("type", TYPES)
def test_exact_critical_values_are_those_of_the_jackknife(design, drawn, type):
    means, frame = drawn
    average, name = parameter_of(design, type)
    agg = dj.aggte(estimate(frame), type=average)
    at = agg.parameters.index(name)
    compiled = compile_csdid(design, type)
    ours = outcome("exact", compiled, design, means)
    doubled = outcome("exact-2", compiled, design, means)
    np.testing.assert_array_equal(ours.se, doubled.se)
    for i, level in enumerate(LEVELS):
        jk = dj.jackknife(agg, critical="exact", model="equal", level=1 - level)
        assert ours.se[1] == pytest.approx(jk.inference.se[at], rel=1e-9)
        assert ours.critical[i] == pytest.approx(jk.inference.exact_critical_value[at], rel=1e-9)
        one = np.eye(len(agg.parameters))[at]
        forms = jk.exact.ratio(one, np.isfinite(jk.replicates[1:, at]))
        assert forms.p(float(doubled.critical[i]), 2.0) == pytest.approx(level, rel=1e-9)


@pytest.mark.parametrize("type", ["simple", "event:last"])
def test_fitted_critical_values_are_those_of_the_jackknife(design, drawn, type):
    """Fit and table, the table within its interpolation error."""
    means, frame = drawn
    average, name = parameter_of(design, type)
    res = estimate(frame)
    agg = dj.aggte(res, type=average)
    at = agg.parameters.index(name)
    blocks, noise = noise_of(frame, design)
    size, cohort = design.sizes.astype(float), design.cohort
    fit = fit_samples(means, np.full(len(means), noise), size, cohort)
    public = fit_errors(blocks.mean, blocks.weight, blocks.within, cohort)
    np.testing.assert_allclose(
        [fit.rho[1], fit.shock[1], fit.noise[1]],
        [public.rho, public.shock_sd**2, public.noise_sd**2], rtol=1e-7, atol=1e-10,
    )  # fmt: skip
    assert fitted_variances(res.deletions("cluster")).name == "fitted"
    ours = outcome("fitted", compile_csdid(design, type), design, means, fit)
    for i, level in enumerate(LEVELS):
        jk = dj.jackknife(agg, critical="exact", model="fitted", level=1 - level)
        assert ours.se[1] == pytest.approx(jk.inference.se[at], rel=1e-9)
        expected = jk.inference.exact_critical_value[at]
        assert ours.critical[i, 1] == pytest.approx(expected, rel=3e-3)


def test_many_fits_are_single_fits():
    rng = np.random.default_rng(3)
    design = DESIGNS["many treated"]
    means = draw_means(design, rng, 40)
    within, size = rng.chisquare(20, 40), design.sizes.astype(float)
    spare = (size - 1).sum() * (design.periods - 1)
    fit = fit_samples(means, within / spare, size, design.cohort)
    share = np.full(design.clusters, 1 / design.clusters)
    for i in range(40):
        one = fit_errors(means[i], size, within[i] * share, design.cohort)
        np.testing.assert_allclose(
            [fit.rho[i], fit.shock[i], fit.noise[i]],
            [one.rho, one.shock_sd**2, one.noise_sd**2], **EXACT,
        )  # fmt: skip


def test_the_table_of_fitted_critical_values_is_near_the_exact_ones():
    rng = np.random.default_rng(5)
    design = Design(treated=2, gamma=4.0, treat="small")
    forms = compile_csdid(design, "simple").exact
    size = design.sizes.astype(float)
    table = forms.fitted_table(size, LEVELS)
    for rho, noise_sd in zip(rng.uniform(0, 0.98, 12), np.exp(rng.uniform(-5, 6, 12)), strict=True):
        errors = ErrorModel(rho, 0.7, noise_sd)
        model = variances_of(errors, np.broadcast_to(size[:, None], forms.loadings.shape[1:]))
        exact = TRatio.of(forms.loadings, forms.usable, forms.treated, model).distribution()
        fit = Fit(np.array([rho]), np.array([0.49]), np.array([noise_sd**2]))
        ours = table.critical_values(fit)[:, 0]
        np.testing.assert_allclose(
            ours, [exact.critical_value(1 - level) for level in LEVELS], rtol=2e-3
        )
    nothing = Fit(np.zeros(1), np.zeros(1), np.ones(1))  # no shocks: the limit of the table
    assert np.isfinite(table.critical_values(nothing)).all()


@pytest.mark.parametrize("type", TYPES)
def test_generalized_deletions_count_those_that_leave_nothing(design, drawn, type):
    means, frame = drawn
    average, name = parameter_of(design, type)
    agg = dj.aggte(estimate(frame), type=average)
    at = agg.parameters.index(name)
    deleted = dj.jackknife(agg).replicates[:, at]
    variance = generalized_variance(generalized_deviations(deleted[0], deleted[1:]))
    ours = outcome("hansen", compile_csdid(design, type), design, means)
    assert ours.se[1] == pytest.approx(np.sqrt(variance), rel=1e-9)


@pytest.mark.parametrize("method", ["conley-taber", "ferman-pinto"])
@pytest.mark.parametrize("type", ["simple", "group", "event:0", "event:last"])
def test_placebos_are_those_of_few_treated(design, drawn, method, type):
    means, frame = drawn
    compiled = compile_csdid(design, type)
    average, name = parameter_of(design, type)
    agg = dj.aggte(estimate(frame), type=average)
    if method in unavailable(compiled, design):
        with pytest.raises(DesignError):
            dj.few_treated(agg, "cluster", method=method, max_treated=3)
        return
    ours = outcome(method, compiled, design, means)
    estimates = evaluate(compiled, means).estimate
    for i, level in enumerate(LEVELS):
        public = dj.few_treated(agg, "cluster", method=method, level=1 - level, max_draws=999)
        at = public.parameters.index(name)
        half = (ours.se * ours.critical[i])[1]
        assert half == pytest.approx(public.half_widths[at], rel=1e-9)
        rejects = ours.relative(estimates)[i, 1] > 1
        assert rejects == (public.p[at] <= level + 1e-12)


def test_placebos_that_fit_a_boundary():
    """Squares that rise with size have no noise; those of the smallest alone have no shocks."""
    from scipy.optimize import nnls

    from didjack.simulate.control_placebos import nonnegative_fit

    rng = np.random.default_rng(0)
    inverse = 1 / np.array([1.0, 2, 3, 5, 8, 13])
    squares = np.vstack([
        1 / inverse, inverse**3, rng.chisquare(1, (60, 6)) * inverse, rng.chisquare(1, (60, 6))
    ])  # fmt: skip
    shock, noise = nonnegative_fit(squares, inverse)
    design = np.column_stack([np.ones(6), inverse])
    expected = np.array([nnls(design, row)[0] for row in squares])
    np.testing.assert_allclose(np.hstack([shock, noise]), expected, rtol=1e-9, atol=1e-12)
    assert (expected == 0).any(axis=0).all()
    assert (expected > 0).all(axis=1).any()


def test_loadings_of_randomization_and_planning_are_those_of_the_library(design):
    G = design.clusters
    weight = design.sizes * np.vstack([np.ones(G), 1 - np.eye(G)])
    for type in TYPES:
        average = Average.of(type, design.starts, design.periods)
        own = loadings(average, np.tile(design.cohort, (G + 1, 1)), weight)
        library = design_forms(design, type)
        kept = np.append(True, library.usable)
        np.testing.assert_array_equal(np.isfinite(own).all(axis=(1, 2)), kept)
        np.testing.assert_allclose(own[kept], library.refit[kept], rtol=0, atol=1e-14)
        fixed = fixed_loadings(average, design.cohort, weight)
        np.testing.assert_array_equal(np.isfinite(fixed).all(axis=(1, 2)), kept)
        np.testing.assert_allclose(fixed[kept], library.fixed[kept], rtol=0, atol=1e-14)


def test_what_is_significant_under_the_rule():
    """The exact test decides alone where the rule says so; elsewhere more is asked."""
    for design, alone in (
        (Design(treated=2, gamma=2.0), False),
        (Design(treated=5), True),
        (Design(treated=5, gamma=4.0, treat="small"), False),
        (Design(treated=5, adoption=(2, 4, 6, 8, 10)), False),  # one cluster in each cohort
    ):
        compiled = compile_csdid(design, "simple")
        forms = compiled.exact
        shape = forms.loadings.shape[1:]
        size = np.broadcast_to(design.sizes[:, None].astype(float), shape)
        tried = models_tried(equal_variances(*shape), size)
        ratios = [TRatio.of(forms.loadings, forms.usable, forms.treated, m) for m, _ in tried]
        rule = decision(tried, ratios, 0.05)
        assert rule.exact_decides == alone
        means = draw_means(design, np.random.default_rng(0), 200)
        found = outcome("verdict", compiled, design, means)
        exact = outcome("exact", compiled, design, means)
        t = evaluate(compiled, means).estimate / exact.se
        at = LEVELS.index(0.05)
        np.testing.assert_array_equal(np.abs(t) >= found.critical[at], rule.significant(t))
        assert (found.critical[at] == pytest.approx(exact.critical[at], rel=1e-9)) == alone


def test_exact_critical_values_hold_their_level():
    """One of ten treated, 20,000 replications: within four Monte Carlo standard errors."""
    design = Design(clusters=10, periods=4, treated=1, adoption=(3,), rho=0.0)
    engine = Engine(design, Settings(types=("simple",), tests=("exact",), twfe=False), seed=2)
    tally = Tally.total(engine.run(range(40), 20_000))
    for i, level in enumerate(LEVELS):
        error = np.sqrt(level * (1 - level) / 20_000)
        assert abs(tally.rejected[i] / 20_000 - level) < 4 * error
        assert tally.covered[i] == 20_000 - tally.rejected[i]


def test_size_adjusted_power_uses_the_quantile_without_effect():
    design = Design(clusters=10, periods=4, treated=3, adoption=(3,), effect=(1.5,))
    tests = ("clustered-z", "clustered-t", "cv3", "exact", "permutation", "unit-z")
    engine = Engine(design, Settings(types=("simple",), tests=tests, twfe=False), seed=2)
    tally = Tally.total(engine.run(range(4), 2000))
    power = tally.size_adjusted().reshape(len(tests), len(LEVELS))
    means = np.concatenate([draw_means(design, engine.rng(b), 500) for b in range(4)])
    compiled = engine.estimators["simple"]
    s, null = (evaluate(compiled, m) for m in (means, means - design.effects))
    for test, deviations in (("clustered-z", "scores"), ("cv3", "deviations")):
        t, t0 = (
            np.abs(x.estimate) / np.sqrt(np.square(getattr(x, deviations)).sum(axis=1))
            for x in (s, null)
        )
        for i, level in enumerate(LEVELS):
            c = np.sort(t0)[int(np.ceil(2000 * (1 - level))) - 1]
            assert power[tests.index(test), i] == (t > c).mean()
    # Critical values do not matter, nor does anything that moves them; draws of their own do.
    np.testing.assert_array_equal(power[0], power[1])
    np.testing.assert_array_equal(power[2], power[3])
    assert np.isnan(power[4:]).all()
    plain = Engine(Design(clusters=10, periods=4, treated=3, adoption=(3,)), engine.settings)
    assert np.isnan(plain.block(0).size_adjusted()).all()


def test_event_times_that_a_design_does_not_have():
    with pytest.raises(DataError, match=r"no event:9: the last event time is 4"):
        compile_csdid(Design(), "event:9")
    with pytest.raises(DataError, match="types has event:-1"):
        Settings(types=("event:-1",))


def test_tests_that_a_design_does_not_allow_are_left_out():
    tests = ("exact", "fitted", "verdict", "conley-taber", "ferman-pinto", "cv3")

    def names(**design):
        engine = Engine(Design(**design), Settings(types=("simple",), tests=tests, twfe=False))
        return {t.name for t in engine.tests["simple"]}

    assert names(treated=2, gamma=1.0) == set(tests)
    assert names(treated=2) == set(tests) - {"ferman-pinto"}
    few = set(tests) - {"conley-taber", "ferman-pinto"}
    assert names(treated=4, gamma=1.0) == few
    assert names(clusters=11, treated=2, gamma=1.0) == few  # nine controls
    assert names(treated=19) == set()
    assert names(treated=5, units=1, noise_sd=0.0) == {"exact", "verdict", "cv3"}
