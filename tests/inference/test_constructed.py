"""Bands, tests before treatment and hand-overs of inferences whose covariance is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import didjack as dj
from didjack.core.results import Inference
from didjack.effects.parameters import OVERALL, Parameter
from didjack.inference import bands, honestdid, places, pretest

EVENTS = tuple(Parameter("event", (e,)) for e in (-3, -2, -1, 0, 1))
ESTIMATES = np.array([9.0, 0.3, -0.2, 0.0, 1.0, 2.0])
# Two scores for each parameter, so that covariances are sums of two products.
SCORES = np.array(
    [[1.0, 1.0, 0.0, 0.0, 0.5, 1.0], [2.0, 0.0, 2.0, 0.0, 1.0, -1.0], [0, 1.0, 1.0, 0, 0, 3.0]]
)


def event_study(df=5.0, method="CV3", scores=SCORES) -> Inference:
    """Return an inference with the reference period -1, which has no standard error."""
    variance = (scores**2).sum(axis=0)
    return Inference(
        method=method,
        parameters=(OVERALL, *EVENTS),
        att=ESTIMATES,
        se=np.sqrt(np.where(variance > 0, variance, np.nan)),
        df=np.broadcast_to(np.asarray(df, dtype=float), 6),
        n_clusters=12,
        level=0.9,
        scores=scores,
    )


def test_places():
    inference = event_study()
    assert places.places(inference, lambda p: p.kind == "event") == [1, 2, 3, 4, 5]
    assert places.places(inference, lambda p: p.is_element and p.at[0] > 0) == [5]
    assert places.with_error(inference, [0, 3, 5]) == [0, 5]
    assert places.event_times(inference) == {1: -3, 2: -2, 3: -1, 4: 0, 5: 1}
    combined = inference.lincom("event:1 - event:0")
    assert places.places(combined, lambda p: True) == [] == list(places.event_times(combined))


# --- tests before treatment -------------------------------------------------------------------


def test_f_of_two_parameters_by_hand():
    """With b = (.3, -.2) and V = [[2, 1], [1, 5]], b' V^-1 b = (.45 + .12 + .08) / 9."""
    form = (5 * 0.3**2 + 2 * 0.3 * 0.2 + 2 * 0.2**2) / 9
    found = pretest.joint_pretest(event_study())
    F = (6 - 2) / (2 * 5) * form
    assert found.statistic == pytest.approx(F, rel=1e-13)
    assert found.df == (2.0, 4.0) and found.method == "F (CV3)"
    assert found.p == pytest.approx(stats.f.sf(F, 2, 4), rel=1e-12)
    assert found.parameters == ("event:-3", "event:-2")


def test_the_fewest_degrees_of_freedom_count():
    df = [9.0, 4.0, 7.0, np.nan, 2.0, 2.0]  # 2 and 9 are not of parameters before treatment
    assert pretest.joint_pretest(event_study(df)).df == (2.0, 3.0)


@pytest.mark.parametrize("method", ["analytic", "clustered"])
def test_wald_by_hand(method):
    found = pretest.joint_pretest(event_study(np.inf, method))
    form = (5 * 0.3**2 + 2 * 0.3 * 0.2 + 2 * 0.2**2) / 9
    assert found.statistic == pytest.approx(form, rel=1e-13)
    assert (found.method, found.df) == ("Wald", (2.0,))
    assert found.p == pytest.approx(np.exp(-form / 2), rel=1e-12)  # chi-squared with two


@pytest.mark.parametrize(("method", "noun"), [("analytic", "units"), ("clustered", "clusters")])
def test_a_singular_covariance_names_what_it_is_made_of(method, noun):
    scores = SCORES.copy()
    scores[:, 2] = scores[:, 1]
    with pytest.raises(dj.DesignError, match=f"2 pre-treatment parameters from 12 {noun} is sing"):
        pretest.joint_pretest(event_study(np.inf, method, scores))
    with pytest.raises(dj.DesignError, match="CV3 covariance from 6 deletions has rank 1"):
        pretest.joint_pretest(event_study(5.0, "CV3", scores))


def test_the_scale_of_parameters_does_not_make_them_singular():
    scores = SCORES * np.array([1, 1e-9, 1, 1, 1, 1])
    assert pretest.joint_pretest(event_study(scores=scores)).df == (2.0, 4.0)


@pytest.mark.parametrize(("df", "refused"), [(1.0, True), (2.0, False)])
def test_there_are_more_deletions_than_parameters(df, refused):
    if refused:
        with pytest.raises(dj.DesignError, match="from 2 deletions has rank 2"):
            pretest.joint_pretest(event_study(df))
    else:
        assert pretest.joint_pretest(event_study(df)).df == (2.0, 1.0)


def test_nothing_before_treatment_is_refused():
    scores = SCORES * np.array([1, 0, 0, 0, 1, 1])
    with pytest.raises(dj.DesignError, match="no pre-treatment parameter with a standard error"):
        pretest.joint_pretest(event_study(scores=scores))


# --- bands ------------------------------------------------------------------------------------


def test_band_around_elements_with_an_error():
    inference = event_study([1.0, 5, 5, 5, 5, 4])
    band = bands.sup_t_band(inference, n_draws=2_000, seed=3)
    at = [1, 2, 4, 5]
    assert band.parameters == ("event:-3", "event:-2", "event:0", "event:1")
    assert band.method == "CV3 sup-t" and band.level == 0.9
    corr = np.corrcoef(np.vstack([SCORES, -SCORES])[:, at].T)
    value = bands.sup_t_quantile(corr, 4.0, 0.9, 2_000, 3)
    assert band.critical_value == pytest.approx(value, rel=1e-12)
    frame = band.to_frame()
    assert frame.columns.tolist() == ["parameter", "att", "se", "band_low", "band_high"]
    np.testing.assert_allclose(frame["band_low"], ESTIMATES[at] - value * band.se, rtol=1e-12)
    np.testing.assert_allclose(frame["band_high"], ESTIMATES[at] + value * band.se, rtol=1e-12)
    assert frame["att"].tolist() == ESTIMATES[at].tolist()
    wide = bands.sup_t_band(inference, 0.99, 2_000, 3)
    assert wide.level == 0.99 and wide.critical_value > value
    other = bands.sup_t_band(inference, n_draws=2_000, seed=4)
    assert other.critical_value != band.critical_value
    usual = bands.sup_t_band(inference)
    assert usual.critical_value == bands.sup_t_band(inference, 0.9, 100_000, 0).critical_value


@pytest.mark.parametrize("df", [2.0, 30.0, np.inf])
def test_equal_elements_have_the_quantile_of_one(df):
    """A singular correlation of one; the simulated quantile has an error of about 1.5%."""
    found = bands.sup_t_quantile(np.ones((3, 3)), df, 0.9, 40_000, 1)
    assert found == pytest.approx(stats.t.ppf(0.95, df), rel=0.05)


def test_independent_elements_have_the_quantile_of_a_power():
    found = bands.sup_t_quantile(np.eye(3), np.inf, 0.9, 40_000, 1)
    assert found == pytest.approx(stats.norm.ppf(0.5 + 0.9 ** (1 / 3) / 2), rel=0.03)


def test_a_matrix_that_is_singular_but_for_rounding_has_a_root():
    """Its smallest eigenvalue may come out below zero."""
    corr = np.array([[1.0, 1.0 + 1e-15], [1.0 + 1e-15, 1.0]])
    assert np.isfinite(bands.sup_t_quantile(corr, np.inf, 0.9, 1_000, 0))


def test_without_elements_there_is_no_band():
    with pytest.raises(dj.DesignError, match="No element has a standard error"):
        bands.sup_t_band(event_study(scores=SCORES * np.array([1, 0, 0, 0, 0, 0])))


# --- sensitivity analysis ---------------------------------------------------------------------


def test_the_event_study_without_its_reference_period():
    handed = honestdid.honestdid_input(event_study([1.0, 5, 4, np.nan, 6, 5]))
    at = [1, 2, 4, 5]
    assert handed.event_times.tolist() == [-3, -2, 0, 1]
    assert handed.betahat.tolist() == ESTIMATES[at].tolist()
    np.testing.assert_allclose(handed.sigma, SCORES[:, at].T @ SCORES[:, at], rtol=1e-14)
    assert (handed.num_pre, handed.num_post, handed.reference) == (2, 2, -1.0)
    assert handed.df == 4 and isinstance(handed.df, int) and isinstance(handed.reference, float)
    assert honestdid.honestdid_input(event_study(np.inf)).df == np.inf


def test_the_reference_period_can_be_another():
    scores = SCORES * np.array([1, 1, 0, 0, 1, 1])
    scores[0, 3] = 1.0
    handed = honestdid.honestdid_input(event_study(scores=scores), reference=-2)
    assert handed.event_times.tolist() == [-3, -1, 0, 1]
    assert (handed.num_pre, handed.num_post, handed.reference) == (1, 3, -2.0)


def test_hand_overs_that_are_refused():
    with pytest.raises(dj.DesignError, match="There is no event time -5 to leave out"):
        honestdid.honestdid_input(event_study(), reference=-5)
    with pytest.raises(dj.DesignError, match="event:-1 has no CV3 standard error"):
        honestdid.honestdid_input(event_study(), reference=0)
    lacking = event_study(scores=SCORES * np.array([1, 0, 1, 0, 1, 0]))
    with pytest.raises(dj.DesignError, match="event:-3, event:1 has no CV3 standard error"):
        honestdid.honestdid_input(lacking)
    estimated = SCORES.copy()
    estimated[0, 3] = 1.0
    with pytest.raises(dj.DesignError, match="base_period='universal'"):
        honestdid.honestdid_input(event_study(scores=estimated))
