"""Bounds of Rambachan and Roth: published numbers, and the programs that the algebra replaces."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from compare import assert_close
from scipy import optimize, stats

import didjack as dj
from didjack.errors import DataError, DesignError
from didjack.inference.honest import HonestBounds, honest_bounds
from didjack.inference.honestdid import HonestDiDInput
from didjack.inference.relative_magnitudes import (
    branches,
    first_differences,
    relative_magnitude_interval,
    truncated_p,
)
from didjack.inference.smoothness import (
    folded_quantile,
    lasso_path,
    linear_estimates,
    smoothness_interval,
)

FIRST = np.array([1.0, 0.0])
# R HonestDiD, github.com/asheshrambachan/HonestDiD: what it kept of the examples of its README
# (README_cache/gfm, chunks 5 and 6), of which the README prints three digits: Mbar or M, ends.
R_RELATIVE = [
    (0.0, 0.02876563121251613, 0.06431042392097558),
    (0.5, 0.024001896107258697, 0.06724195321651863),
    (1.0, 0.017039514030343955, 0.07200568832177609),
    (1.5, 0.008244926143714831, 0.07970095272257657),
    (2.0, -0.0009161029048571911, 0.08812909944726285),
]
R_SMOOTH = [
    (0.00, 0.02594147902742559, 0.06072578637633297),
    (0.01, 0.013197025151447349, 0.0786707425358153),
    (0.02, 0.002856995951433544, 0.09071603940652409),
    (0.03, -0.007142576403053387, 0.10071561176101101),
    (0.04, -0.017142576402225745, 0.11071561176018338),
    (0.05, -0.027142576401398125, 0.12071561175935576),
]
# Stata honestdid 0.5.3, README: the average of both effects, three digits.
STATA_AVERAGE = [
    (0.0, 0.041, 0.075),
    (0.5, 0.033, 0.080),
    (1.0, 0.020, 0.090),
    (1.5, 0.006, 0.103),
    (2.0, -0.008, 0.117),
]
# HonestDiD.jl, README: five digits of an example made up there; its quantile is exact, as ours.
JULIA_SMOOTH = [
    (0.00, 0.03849, 0.23376),
    (0.01, 0.027367, 0.2422),
    (0.02, 0.0061132, 0.25851),
    (0.03, -0.01481, 0.27416),
    (0.04, -0.028729, 0.294),
    (0.05, -0.041775, 0.31396),
    (0.06, -0.054089, 0.33366),
]
JULIA_RELATIVE = [
    (0.5, 0.031031, 0.28328),
    (1.0, -0.003003, 0.33734),
    (1.5, -0.053053, 0.39339),
    (2.0, -0.10511, 0.45345),
]


@pytest.fixture(scope="module")
def medicaid() -> tuple[np.ndarray, np.ndarray]:
    """Return event times 2008 to 2015 without 2013 as fixest has them, clustered by state.

    States that expanded in 2014 against all others, two-way fixed effects; the small-sample factor
    counts event times and years, not states, which are nested in clusters.
    """
    frame = dj.load_dataset("medicaid")
    frame = frame[(frame["year"] < 2016) & (frame["yexp2"] != 2015)]
    y = frame.pivot_table(index="stfips", columns="year", values="dins")
    treated = frame.groupby("stfips")["yexp2"].first().eq(2014).to_numpy(float)
    n, T = y.shape
    years = [column for column in y if column != 2013]
    X = np.stack([np.outer(treated, y.columns == year) for year in years], axis=-1)
    within = [_double_demeaned(part) for part in (X, y.to_numpy()[..., None])]
    X, y = (part.reshape(n, T, -1) for part in within)
    bread = np.linalg.inv(np.einsum("ntp,ntq->pq", X, X))
    beta = bread @ np.einsum("ntp,nt->p", X, y[..., 0])
    scores = np.einsum("ntp,nt->np", X, y[..., 0] - X @ beta) @ bread
    factor = n / (n - 1) * (n * T - 1) / (n * T - len(beta) - T)
    return beta, factor * scores.T @ scores


def _double_demeaned(x: np.ndarray) -> np.ndarray:
    rows, columns = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    return x - rows - columns + x.mean(axis=(0, 1))


@pytest.fixture(scope="module")
def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Return the example of HonestDiD.jl: three periods before, five after."""
    se = np.array([0.060, 0.050, 0.055, 0.050, 0.052, 0.060, 0.065, 0.070])
    lag = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    beta = np.array([0.02, -0.01, 0.03, 0.15, 0.20, 0.25, 0.22, 0.18])
    return beta, np.outer(se, se) * 0.6**lag


def on_grid(beta, sigma, num_pre, weights, Mbar) -> tuple[float, float, float]:
    """Return the ends among the 1,000 values that R tries, and the step between these."""
    after = sigma[num_pre:, num_pre:]
    grid = np.linspace(-20, 20, 1000) * np.sqrt(weights @ after @ weights)
    tests = branches(beta, sigma, num_pre, weights, Mbar, 0.05)
    kept = np.any([test.accepts(grid, test.least_favorable()) for test in tests], axis=0)
    return grid[kept].min(), grid[kept].max(), grid[1] - grid[0]


@pytest.mark.parametrize(("Mbar", "low", "high"), R_RELATIVE)
def test_relative_magnitudes_of_r(medicaid, Mbar, low, high):
    """On its grid the very same values: its simulated critical value lies within a step."""
    found = on_grid(*medicaid, 5, FIRST, Mbar)
    assert_close(found[:2], [low, high], 1e-10, "ends on the grid")
    ends = relative_magnitude_interval(*medicaid, 5, FIRST, Mbar, 0.05)
    assert 0 <= low - ends[0] < found[2] and 0 <= ends[1] - high < found[2]


@pytest.mark.parametrize(("Mbar", "low", "high"), STATA_AVERAGE)
def test_relative_magnitudes_of_stata(medicaid, Mbar, low, high):
    """An average of effects: within a step of its grid and three digits (it simulates too)."""
    average = np.array([0.5, 0.5])
    step = on_grid(*medicaid, 5, average, Mbar)[2]
    ends = relative_magnitude_interval(*medicaid, 5, average, Mbar, 0.05)
    assert np.abs(np.subtract(ends, [low, high])).max() < step + 5e-4


@pytest.mark.parametrize(("Mbar", "low", "high"), JULIA_RELATIVE)
def test_relative_magnitudes_of_julia(made_up, Mbar, low, high):
    """Five periods after treatment; 1,000 draws move its ends by one step more or less."""
    l_vec = np.eye(5)[0]
    found = on_grid(*made_up, 3, l_vec, Mbar)
    assert np.abs(np.subtract(found[:2], [low, high])).max() < 1.01 * found[2]


@pytest.mark.parametrize(("M", "low", "high"), R_SMOOTH)
def test_smoothness_of_r(medicaid, M, low, high):
    """R draws the quantile of |N(b, 1)|: one in a thousand of the half-length, and a bit."""
    ends = smoothness_interval(medicaid[0], linear_estimates(medicaid[1], 5, FIRST), M, 0.05)
    assert np.abs(np.subtract(ends, [low, high])).max() < 2e-3 * (high - low) / 2


@pytest.mark.parametrize(("M", "low", "high"), JULIA_SMOOTH)
def test_smoothness_of_julia(made_up, M, low, high):
    """All printed digits but one unit of the last: it solves a cone program."""
    ends = smoothness_interval(made_up[0], linear_estimates(made_up[1], 3, np.eye(5)[0]), M, 0.05)
    assert np.abs(np.subtract(ends, [low, high])).max() < 1e-5


# --- what stands for the programs that R solves ---------------------------------------------------

RNG = np.random.default_rng(12)
WEIGHTS = [np.array(w) for w in ([1.0, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5], [-1, 0.5, 1], [0, 1, -1])]


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Return two periods before and three after treatment."""
    root = RNG.normal(size=(9, 5))
    return RNG.normal(size=5), root.T @ root / 5


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("Mbar", [0.0, 0.4, 1.5])
def test_the_statistic_is_a_linear_program(drawn, weights, Mbar):
    """min eta so that A (betahat - (0, tau)) <= eta sd for some tau with l'tau = theta."""
    beta, sigma = drawn
    D = first_differences(2, 3)
    for test, u in zip(
        branches(beta, sigma, 2, weights, Mbar, 0.05), np.vstack([D[:2], -D[:2]]), strict=True
    ):
        A = np.vstack([D[2:] - Mbar * u, -D[2:] - Mbar * u])
        sd = np.sqrt(np.einsum("ij,jk,ik->i", A, sigma, A))
        for theta in (-2.0, 0.3, 4.0):
            program = optimize.linprog(
                [1, 0, 0, 0],
                A_ub=np.column_stack([-sd, -A[:, 2:]]),
                b_ub=-A @ beta,
                A_eq=[[0, *weights]],
                b_eq=[theta],
                bounds=[(None, None)] * 4,
            )
            largest = (test.rows @ test.at - test.rows[:, 0] * theta).max()
            assert largest == pytest.approx(program.fun, abs=1e-8)


def noisy_before() -> tuple[np.ndarray, np.ndarray]:
    """Return a design in which the largest statistic is bounded from above by another one."""
    rng = np.random.default_rng(21)
    root = rng.normal(size=(9, 5)) * [4, 4, 1, 1, 1]
    return rng.normal(size=5), root.T @ root / 5


@pytest.mark.parametrize(
    ("noisy", "weights", "Mbar", "ends"),
    [
        (False, WEIGHTS[2], 0.7, (-6, 6)),
        (False, WEIGHTS[2], 3.0, (-27, 27)),
        (True, WEIGHTS[3], 0.7, (-0.26, 0.16)),
    ],
)
def test_its_decision_is_that_of_the_conditional_distribution(drawn, noisy, weights, Mbar, ends):
    """By hand: where the largest statistic stays largest as it moves along its own covariance."""
    beta, sigma = noisy_before() if noisy else drawn
    values, level = np.linspace(-20, 20, 100_001), 0.045 / 0.995
    checked = 0
    for test in branches(beta, sigma, 2, weights, Mbar, 0.05):
        C, c = test.rows @ test.covariance @ test.rows.T, test.least_favorable()
        for theta in np.linspace(*ends, 41):
            Z = test.rows @ test.at - test.rows[:, 0] * theta
            k = Z.argmax()
            slope = C[k] / C[k, k]
            stays = (Z + np.outer(values - Z[k], slope)).max(axis=1) <= values + 1e-12
            inside = values[stays & (values <= c)]
            p = 1.0
            if Z[k] <= c:
                points = np.array([inside[0], Z[k], inside[-1]]) / np.sqrt(C[k, k])
                low, at, high = stats.norm.cdf(points)
                p = (high - at) / (high - low)
            if abs(p - level) < 5e-4 or abs(Z[k] - c) < 1e-6:  # the values have steps of 4e-4
                continue
            checked += 1
            rejected = Z[k] > c or (Z[k] > 0 and p < level)
            assert test.accepts(np.array([theta]), c)[0] == (not rejected)
    assert checked > 150


def test_the_least_favourable_critical_value_is_a_quantile(drawn):
    draws = RNG.standard_normal((400_000, 2))
    for Mbar in (0.0, 0.8, 2.0):
        for test in branches(*drawn, 2, WEIGHTS[2], Mbar, 0.05):
            root = np.linalg.cholesky(test.covariance)
            simulated = np.quantile((draws @ root.T @ test.rows.T).max(axis=1), 0.995)
            # of a probability .005 the draws know .0001, which is .01 of the quantile
            assert test.least_favorable() == pytest.approx(simulated, abs=0.03)


def test_it_covers_what_can_just_be(made_up):
    """At the end of what the restriction allows, in 400 samples."""
    _, sigma = made_up
    delta = np.array([0.00, -0.05, 0.00, 0.05, 0.10, 0.15, 0.20, 0.25])  # Mbar = 1, largest at -1
    draws = np.random.default_rng(5).multivariate_normal(delta, sigma, 400)
    kept = 0
    for beta in draws:
        tests = branches(beta, sigma, 3, np.eye(5)[0], 1.0, 0.05)
        kept += any(test.accepts(np.zeros(1), test.least_favorable())[0] for test in tests)
    assert kept / 400 > 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / 400)


def test_the_truncated_distribution_holds_in_both_tails():
    z, low, high = np.array([0.5, 1.0, -1.0, 2.0]), np.array([-1.0, 0.5, -np.inf, 3]), np.inf
    expected = stats.norm.sf(z) / stats.norm.sf(low)
    expected[3] = 1.0  # z is not between its bounds
    assert_close(truncated_p(z, low, np.full(4, high)), expected, 1e-13, "p-values")
    far = truncated_p(np.array([40.5]), np.array([40.0]), np.array([np.inf]))
    expected = np.exp(stats.norm.logsf(40.5) - stats.norm.logsf(40.0))
    assert_close(far, expected, 1e-10, "p-value in the tail")


def test_the_largest_bias_is_a_linear_program(made_up):
    _, sigma = made_up
    weights = np.array([0.5, -1.0, 0.0, 0.25, 1.0])
    estimates = linear_estimates(sigma, 3, weights)
    second = np.diff(np.insert(np.eye(8), 3, 0.0, axis=0), n=2, axis=0)  # of paths with a zero
    for knot, bias in enumerate(estimates.bias):
        program = optimize.linprog(
            -estimates.weights(knot),
            A_ub=np.vstack([second, -second]),
            b_ub=np.ones(2 * len(second)),
            bounds=[(None, None)] * 8,
        )
        assert bias == pytest.approx(-program.fun, abs=1e-7)
    assert estimates.weights(0)[3:] == pytest.approx(weights)


def test_the_lasso_path_fulfils_its_conditions():
    root = RNG.normal(size=(12, 6))
    G, g = root.T @ root, RNG.normal(size=6) * 5
    path = lasso_path(G, g)
    assert_close(path[-1], -np.linalg.solve(G, g), 1e-9, "without a penalty")
    assert not path[0].any()
    for first, last in pairwise(path):
        q = 0.3 * first + 0.7 * last  # between knots too
        gradient = g + G @ q
        penalty = np.abs(gradient).max()
        on = q != 0
        assert_close(gradient[on], -penalty * np.sign(q[on]), 1e-8, "gradient", scale=penalty)


@pytest.mark.parametrize("M", [0.0, 0.01, 0.05, 1.0])
def test_no_other_linear_estimate_has_a_shorter_interval(made_up, M):
    beta, sigma = made_up
    weights = np.eye(5)[1]
    low, high = smoothness_interval(beta, linear_estimates(sigma, 3, weights), M, 0.05)
    T = np.eye(3) - 2 * np.eye(3, k=1) + np.eye(3, k=2)
    constant = np.abs([np.maximum(np.arange(1, 6) - j, 0) @ weights for j in range(1, 5)]).sum()

    def half_length(q):
        q = np.array([np.arange(1, 6) @ weights, *q])
        v = np.concatenate([(T @ q)[::-1], weights])
        sd = np.sqrt(v @ sigma @ v)
        return sd * folded_quantile(M * (np.abs(q).sum() + constant) / sd, 0.95)

    found = min(
        (optimize.minimize(half_length, start, method="Nelder-Mead",
                           options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
         for start in ([0, 0], [1, 1], [-1, 0.5], [1.3, 0])),
        key=lambda result: result.fun,
    )  # fmt: skip
    assert (high - low) / 2 == pytest.approx(found.fun, rel=1e-6)


@pytest.mark.parametrize("b", [0.0, 0.3, 2.0, 40.0])
def test_the_folded_quantile(b):
    c = folded_quantile(b, 0.95)
    assert stats.norm.cdf(c - b) - stats.norm.cdf(-c - b) == pytest.approx(0.95, abs=1e-12)


# --- the result -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def event_study() -> dj.Jackknife:
    columns = ("dins", "year", "yexp2", "stfips")
    frame = dj.load_dataset("medicaid")
    res = dj.att_gt(frame, *columns, est_method="reg", base_period="universal")
    return dj.jackknife(dj.aggte(res, "dynamic", min_e=-5, max_e=4))


@pytest.fixture(scope="module")
def bounds(event_study) -> HonestBounds:
    return event_study.honest("relative_magnitude", Mbarvec=[0, 1, 2, 4])


def test_a_jackknife_hands_over_its_covariance(event_study, bounds):
    handed = event_study.to_honestdid()
    weights = np.eye(handed.num_post)[0]
    for i, Mbar in enumerate([0, 1, 2, 4]):
        ends = relative_magnitude_interval(
            handed.betahat, handed.sigma, handed.num_pre, weights, Mbar, 0.05
        )
        assert (bounds.low[i], bounds.high[i]) == ends
    place = list(event_study.parameters).index("event:0")
    att, se = event_study.inference.att[place], event_study.inference.se[place]
    half = stats.norm.ppf(0.975) * se
    assert_close(bounds.original, [att - half, att + half], 1e-12, "under parallel trends")
    assert (np.diff(bounds.high - bounds.low) > 0).all()
    exact = dj.jackknife(event_study.target, critical="exact", estimand="refit")
    assert_close(exact.honest(Mbarvec=[1]).low, bounds.low[1], 1e-12, "whatever the critical value")


@pytest.mark.parametrize("type_", ["relative_magnitude", "smoothness"])
def test_the_breakdown_value_is_where_the_interval_meets_zero(event_study, type_):
    found = event_study.honest(type_)
    name = "Mbarvec" if type_ == "relative_magnitude" else "Mvec"
    around = found.breakdown * np.array([0.999, 1.001])
    again = event_study.honest(type_, **{name: around})
    assert again.low[0] > 0 > again.low[1]
    assert again.to_frame()["excludes_zero"].tolist() == [True, False]
    assert f"{found.breakdown:.3g}" in found.sentence


def test_without_significance_nothing_breaks_down(event_study):
    found = event_study.honest(l_vec=[1, -1, 0, 0, 0], level=0.999999)
    assert np.isnan(found.breakdown) and "holds zero under parallel trends" in found.sentence
    assert found.parameter == "1*event:0 - 1*event:1"


def test_negative_effects_break_down_alike(event_study):
    handed = event_study.to_honestdid()
    mirrored = HonestDiDInput(
        handed.event_times, -handed.betahat, handed.sigma, handed.num_pre, handed.num_post, -1.0, 1
    )
    one, other = (honest_bounds(given, Mbarvec=[1.0]) for given in (handed, mirrored))
    assert other.breakdown == pytest.approx(one.breakdown, rel=1e-6)
    assert_close([other.low, other.high], [-one.high, -one.low], 1e-7, "mirrored")


def test_it_says_what_was_left_out_and_what_it_rests_on(bounds):
    columns = ("l_homicide", "year", "gvar", "sid")
    frame = dj.load_dataset("castle")
    res = dj.att_gt(frame, *columns, est_method="reg", base_period="universal")
    jk = dj.jackknife(dj.aggte(res, "dynamic"))
    text = jk.honest(Mbarvec=[1]).summary()
    assert "Left out: " in text and "fewer than 2 treated clusters" in text
    assert "Bounds that use them may hold too little." in text
    assert "exact critical values do not apply here" in text.replace("\n", " ")
    assert "Left out" not in bounds.summary()
    assert list(bounds.to_frame()) == ["Mbar", "ci_low", "ci_high", "excludes_zero", "method"]
    assert bounds.to_latex().startswith("\\begin{tabular}")
    assert isinstance(bounds.to_frame(), pd.DataFrame) and "<table" in bounds._repr_html_()


def test_the_figure(bounds, event_study):
    pytest.importorskip("matplotlib")
    for found in (bounds, event_study.honest("smoothness", Mvec=[0.01])):
        axes = found.plot().axes[0]
        assert found.bound in axes.get_xlabel()
        assert len(axes.get_xticks()) == len(found.bounds) + 1


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"type": "trend"}, "'relative_magnitude' or 'smoothness', not 'trend'"),
        ({"Mvec": [0.1]}, "Mvec to type='smoothness'"),
        ({"type": "smoothness", "Mbarvec": [1]}, "Mbarvec belongs to type='relative_magnitude'"),
        ({"Mbarvec": [-1]}, "zero or more"),
        ({"Mbarvec": []}, "zero or more"),
        ({"e": 9}, "There is no event time 9 after treatment. There are: 0, 1, 2, 3, 4."),
        ({"l_vec": [1]}, "one weight for each of 5 event times"),
        ({"l_vec": [0] * 5}, "not all zero"),
        ({"level": 95}, "level must lie between 0 and 1"),
    ],
)
def test_arguments_out_of_range_are_refused(event_study, kwargs, message):
    with pytest.raises(DataError, match=re.escape(message)):
        event_study.honest(**kwargs)


def test_designs_without_trends_to_compare_are_refused():
    def given(times, num_pre, rank):
        sigma = np.eye(len(times))[:, :rank] @ np.eye(len(times))[:rank]
        num_post = len(times) - num_pre
        return HonestDiDInput(np.array(times), np.ones(len(times)), sigma, num_pre, num_post, -1, 9)

    with pytest.raises(DesignError, match="no event time before the reference period"):
        honest_bounds(given([0.0, 1.0], 0, 2))
    with pytest.raises(DesignError, match="do not follow on each other"):
        honest_bounds(given([-4.0, -2.0, 0.0], 2, 3))
    sigma = given([-3.0, -2.0, 0.0], 2, 3)
    singular = np.ones((3, 3)) + np.diag([0.0, 0.0, 1.0])
    sigma = HonestDiDInput(sigma.event_times, sigma.betahat, singular, 2, 1, -1.0, 9)
    with pytest.raises(DesignError, match="is singular"):
        honest_bounds(sigma, "smoothness")
