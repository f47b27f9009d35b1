"""Knots of splines are those of the full sample, in every deletion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj

QUANTILES = (1 / 3, 2 / 3)  # where five degrees of freedom of a cubic spline have their knots


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return 60 units in 12 clusters, a skewed covariate, and cohorts 3, never and 5 (of 5)."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(12), 5)
    units = pd.DataFrame(
        {
            "id": np.arange(60),
            "cl": cluster,
            "g": np.array([3, 0, 4])[cluster % 3],
            "x": np.exp(rng.normal(size=60)),
        }
    )
    data = units.merge(pd.DataFrame({"t": range(1, 6)}), how="cross")
    return data.assign(y=rng.normal(size=len(data)) + data["x"] * data["t"])


def fixed_knots(x: pd.Series, spline: str) -> str:
    knots = np.quantile(x, QUANTILES).tolist()
    return f"~ {spline}(x, knots={knots}, lower_bound={x.min()}, upper_bound={x.max()})"


@pytest.mark.parametrize(("spline", "df"), [("bs", 5), ("cr", 4)])
@pytest.mark.parametrize("est_method", ["reg", "ipw", "dr", "drimp"])
def test_deletions_keep_the_knots(frame, spline, df, est_method):
    roles = {"yname": "y", "tname": "t", "gname": "g", "idname": "id", "est_method": est_method}
    own = f"~ {spline}(x, df={df})"
    deletions = dj.att_gt(frame, **roles, xformla=own).deletions("cl")
    for h in range(3):
        rest = frame[frame["cl"] != h]
        kept = dj.att_gt(rest, **roles, xformla=fixed_knots(frame["x"], spline)).att
        # 1e-9: propensities of both converge from different starts, and splines are collinear.
        np.testing.assert_allclose(deletions.estimates.att[h + 1], kept, rtol=1e-9, atol=1e-9)
        new = dj.att_gt(rest, **roles, xformla=own).att
        assert np.nanmax(np.abs(kept - new)) > 1e-4


def test_deletions_that_change_the_frame_keep_the_knots(frame):
    """Without cluster 1 nobody is never treated, and the last cohort becomes the control."""
    frame = frame.assign(g=frame["g"].where((frame["cl"] == 1) | (frame["g"] > 0), 4))
    roles = {"yname": "y", "tname": "t", "gname": "g", "idname": "id", "est_method": "reg"}
    roles |= {"control_group": "notyettreated"}
    deletions = dj.att_gt(frame, **roles, xformla="~ bs(x, df=5)").deletions("cl")
    refit = deletions.refits[1]
    assert refit is not None
    rest = frame[frame["cl"] != 1]
    kept = dj.att_gt(rest, **roles, xformla=fixed_knots(frame["x"], "bs")).att
    np.testing.assert_allclose(refit.att, kept, rtol=1e-11, atol=1e-11)
    assert np.abs(kept - dj.att_gt(rest, **roles, xformla="~ bs(x, df=5)").att).max() > 1e-4


@pytest.mark.parametrize("written", ["center(x)", "scale(x)", "poly(x, 1)", "I(3 * x - 7)"])
def test_centre_and_scale_do_not_matter(frame, written):
    roles = {"yname": "y", "tname": "t", "gname": "g", "idname": "id"}
    plain = dj.att_gt(frame, **roles, xformla="~ x").deletions("cl").estimates.att
    other = dj.att_gt(frame, **roles, xformla=f"~ {written}").deletions("cl").estimates.att
    np.testing.assert_allclose(other, plain, rtol=1e-9, atol=1e-11)
