"""The hand-over to sensitivity analysis, against a public implementation where it is installed.

moderndid takes a vector and a covariance, as R HonestDiD does. It is no dependency of the tests
(it brings a solver and a data-frame library): `pip install -e ".[honestdid]"` installs it.
"""

from __future__ import annotations

import numpy as np
import pytest
from compare import assert_close
from scipy import stats

import didjack as dj
from didjack.inference.honest import honest_bounds

pytestmark = pytest.mark.filterwarnings("ignore")  # the solver of the other package warns
honest = pytest.importorskip(
    "moderndid.didhonest.sensitivity", reason="moderndid[didhonest] is not installed"
)


@pytest.fixture(scope="module")
def handed() -> dj.inference.honestdid.HonestDiDInput:
    res = dj.att_gt(
        dj.load_dataset("castle"),
        "l_homicide",
        "year",
        "gvar",
        "sid",
        est_method="reg",
        base_period="universal",
    )
    return dj.jackknife(dj.aggte(res, "dynamic", min_e=-4, max_e=4)).to_honestdid()


def test_its_original_interval_is_ours_with_normal_critical_values(handed) -> None:
    """With no restriction it must reproduce estimate and standard error of event time 0."""
    original = honest.construct_original_cs(
        betahat=handed.betahat,
        sigma=handed.sigma,
        num_pre_periods=handed.num_pre,
        num_post_periods=handed.num_post,
    )
    first = handed.num_pre  # event time 0 is the first after the reference period
    half = stats.norm.ppf(0.975) * np.sqrt(handed.sigma[first, first])
    assert_close(original.lb, handed.betahat[first] - half, 1e-9, "lower end")
    assert_close(original.ub, handed.betahat[first] + half, 1e-9, "upper end")


def test_bounds_widen_with_the_violation_allowed(handed) -> None:
    found = honest.create_sensitivity_results_sm(
        betahat=handed.betahat,
        sigma=handed.sigma,
        num_pre_periods=handed.num_pre,
        num_post_periods=handed.num_post,
        m_vec=np.array([0.0, 0.05]),
    )
    width = np.asarray(found["ub"]) - np.asarray(found["lb"])
    assert np.isfinite(width).all()
    assert width[1] > width[0] > 0


def test_its_smoothness_intervals_are_ours(handed) -> None:
    """Both are exact but for its cone program; relative magnitudes take it a minute."""
    bounds = np.array([0.0, 0.02, 0.05, 0.2])
    theirs = honest.create_sensitivity_results_sm(
        betahat=handed.betahat,
        sigma=handed.sigma,
        num_pre_periods=handed.num_pre,
        num_post_periods=handed.num_post,
        m_vec=bounds,
    )
    ours = honest_bounds(handed, "smoothness", Mvec=bounds)
    scale = float(ours.high[0] - ours.low[0])
    assert_close(ours.low, np.asarray(theirs["lb"]), 1e-3, "lower ends", scale)
    assert_close(ours.high, np.asarray(theirs["ub"]), 1e-3, "upper ends", scale)
