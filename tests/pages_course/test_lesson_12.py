"""What lesson 12 relies on: exact reading, dating, planning without peeking, power of a pretest."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import didjack as dj

COLUMNS = {"yname": "y", "tname": "t", "gname": "g", "idname": "i"}


def panel(seed: int, cohorts: tuple[int, ...] = (0, 0, 0, 0, 0, 4, 4, 4, 5, 5, 7)) -> pd.DataFrame:
    """Draw a panel of one unit per entry of `cohorts`, in periods 1 to 8."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"i": range(len(cohorts)), "g": cohorts})
    frame = units.merge(pd.DataFrame({"t": range(1, 9)}), how="cross")
    frame["y"] = rng.normal(size=len(frame)).cumsum()
    return frame


def cells(frame: pd.DataFrame, **options) -> pd.Series:
    """Estimate the effects from treatment on, by cohort and period."""
    found = dj.att_gt(frame, **COLUMNS, est_method="reg", **options).to_frame()
    return found[found["post"]].set_index(["group", "time"])["att"]


@given(st.floats(0, 1, allow_subnormal=False))
def test_percent_as_exponent_is_read_exactly(x):
    text = f"{Decimal(repr(x)).scaleb(2):f}%"
    assert float(text.replace("%", "e-2")) == x


def test_division_by_a_hundred_is_not_exact():
    draws = np.random.default_rng(0).uniform(size=1000).tolist()
    divided = [float(Decimal(repr(x)).scaleb(2)) / 100 for x in draws]
    assert divided != draws


@pytest.mark.parametrize("seed", [1, 2])
def test_cohorts_moved_later_lose_the_effect_of_their_first_period(seed):
    frame = panel(seed)
    before = cells(frame)
    later = frame.assign(g=frame["g"] + (frame["g"] > 0))
    for anticipation in (0, 1):
        moved = cells(later, anticipation=anticipation)
        assert len(moved) > 5
        for (g, t), att in moved.items():
            first = 0.0 if anticipation else before[g - 1, g - 1]
            assert att == pytest.approx(before[g - 1, t] - first, abs=1e-12)


def test_planning_does_not_see_effects_that_a_cohort_has_in_common():
    frame = panel(3)
    effect = np.random.default_rng(4).normal(size=(9, 9))[frame["g"], frame["t"]]
    treated = (frame["g"] > 0) & (frame["t"] >= frame["g"])
    first, second = (
        dj.plan(data, *COLUMNS.values(), reps=200).table
        for data in (frame, frame.assign(y=frame["y"] + 3 * effect * treated))
    )
    # The effects are added and taken off again, which rounds.
    np.testing.assert_allclose(second["mde"], first["mde"], rtol=1e-9)
    noisier = frame.assign(y=frame["y"] * (1 + 0.1 * (frame["i"] % 3)))
    other = dj.plan(noisier, *COLUMNS.values(), reps=200).table
    assert np.abs(other["mde"] / first["mde"] - 1).min() > 0.01


def test_a_linear_trend_of_the_treated_is_the_line_through_the_reference_period():
    frame = panel(5)
    frame["y"] = frame["i"] ** 2 + np.sin(frame["t"]) + 0.3 * frame["t"] * (frame["g"] > 0)
    res = dj.att_gt(frame, **COLUMNS, base_period="universal")
    study = dj.aggte(res, type="dynamic")
    e = study.labels
    np.testing.assert_allclose(study.to_frame()["att"][1:], 0.3 * (e + 1), atol=1e-10)


@pytest.mark.parametrize("size", [1.0, 1.5])
def test_the_pretest_has_the_power_of_a_noncentral_f(size):
    """The estimate is normal and its covariance an independent Wishart, here drawn by hand."""
    rng = np.random.default_rng(6)
    H, q, n = 12, 3, 4000
    root = np.tril(rng.normal(size=(q, q))) + 2 * np.eye(q)
    delta = size * root @ np.array([1.0, -2.0, 0.5])
    deviations = rng.normal(size=(n, H - 1, q)) @ root.T
    V = np.einsum("nhi,nhj->nij", deviations, deviations) / (H - 1)
    b = delta + rng.normal(size=(n, q)) @ root.T
    form = np.einsum("ni,ni->n", b, np.linalg.solve(V, b[..., None])[..., 0])
    critical = stats.f.ppf(0.95, q, H - q)
    rejected = ((H - q) / (q * (H - 1)) * form > critical).mean()
    noncentrality = delta @ np.linalg.solve(root @ root.T, delta)
    power, other = stats.ncf.sf(critical, q, H - q, [noncentrality, noncentrality / 2])
    error = np.sqrt(power * (1 - power) / n)
    assert abs(rejected - power) < 3 * error
    assert abs(rejected - other) > 10 * error  # a wrong noncentrality would be seen
