"""Weights of zero, whose weight counts, thresholds of overlap, and errors that are rounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.errors import DataError, DesignError

NAMES = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}


def drawn(n: int = 40, periods: int = 4, seed: int = 0) -> pd.DataFrame:
    """Draw a balanced panel with weights and covariates that change over time."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"unit": np.arange(n), "g": rng.choice([0, 0, 3, 4], size=n)})
    frame = units.merge(pd.DataFrame({"t": range(1, periods + 1)}), how="cross")
    frame["x"] = rng.normal(size=len(frame)) + 0.3 * (frame["g"] > 0)
    frame["w"] = rng.uniform(0.5, 2.0, size=len(frame))
    frame["y"] = 3 + frame["x"] + rng.normal(size=len(frame))
    return frame


# --- weights of zero --------------------------------------------------------------------------


@pytest.mark.parametrize("idname", ["unit", None])
@pytest.mark.parametrize("method", ["reg", "ipw", "dr", "drimp"])
def test_units_of_weight_zero_count_but_have_no_part(method, idname):
    """Estimates are those without them; errors too, but for a division by more units."""
    frame = drawn()
    gone = frame["unit"] % 5 == 1
    options = NAMES | {"idname": idname, "weightsname": "w", "xformla": "~ x", "est_method": method}
    zero = dj.att_gt(frame.assign(w=frame["w"].where(~gone, 0.0)), **options)
    less = dj.att_gt(frame[~gone], **options)
    # Newton's iterations end at another last digit.
    np.testing.assert_allclose(zero.att, less.att, rtol=1e-9)
    np.testing.assert_allclose(zero.se, less.se, rtol=1e-9)
    assert zero.n > less.n
    np.testing.assert_allclose(dj.aggte(zero).att, dj.aggte(less).att, rtol=1e-9)


@pytest.mark.parametrize("method", ["reg", "dr"])
def test_a_cohort_of_weight_zero_has_no_estimate(method):
    frame = drawn()
    frame.loc[(frame["g"] == 3) & (frame["t"] == 2), "w"] = 0.0
    res = dj.att_gt(frame, **NAMES, weightsname="w", est_method=method)
    cells = res.to_frame().set_index(["group", "time"])
    assert cells.loc[(3, 3), "reason"].startswith("all treated, or all controls, have weight zero")
    assert np.isnan(cells.loc[(3, 3), "att"])  # its base period is 2
    assert np.isfinite(cells.loc[(3, 2), "att"])  # the earlier period is 1
    assert np.isfinite(cells.loc[4, "att"]).all()


# --- whose weight counts ----------------------------------------------------------------------


def test_fixed_weights_are_those_of_the_period():
    """With the weight of the base period in every row the default gives the same."""
    frame = drawn()
    for g, base in ((3, 2), (4, 3)):
        mine = frame[frame["g"].isin([0, g])]
        weight = mine[mine["t"] == base].set_index("unit")["w"]
        plain = dj.att_gt(mine.assign(w=mine["unit"].map(weight)), **NAMES, weightsname="w")
        fixed = dj.att_gt(frame, **NAMES, weightsname="w", fix_weights="base_period")
        at = fixed.cells.group == g
        np.testing.assert_allclose(fixed.att[at], plain.att, rtol=1e-12)
        assert not np.allclose(dj.att_gt(frame, **NAMES, weightsname="w").att[at], plain.att)


def test_units_that_leave_are_named():
    frame = drawn()
    frame = frame.drop(index=frame.index[(frame["unit"] < 6) & (frame["t"] == 1)])
    options = NAMES | {"weightsname": "w"}
    first = dj.att_gt(frame, **options, balance="none", fix_weights="first_period")
    found = [note for note in first.notes if "not observed" in note]
    assert len(found) == 1 and "6 of 40 units" in found[0] and "first period (1)" in found[0]
    pair = dj.att_gt(frame, **options, balance="pair")
    assert any("6 of 40 units" in note for note in pair.notes)
    assert pair.n == 40 and dj.att_gt(frame, **options).n == 34


def test_pairs_of_a_balanced_panel_are_the_panel():
    frame = drawn()
    pair, full = (dj.att_gt(frame, **NAMES, xformla="~ x", balance=b) for b in ("pair", "full"))
    np.testing.assert_array_equal(pair.att, full.att)
    np.testing.assert_array_equal(pair.se, full.se)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fix_weights": "base"}, "fix_weights must be 'varying' or"),
        ({"fix_weights": "base_period", "idname": None}, "needs a panel"),
        ({"balance": "pairs"}, "balance must be"),
        ({"balance": "pair", "idname": None}, "needs a panel"),
        ({"balance": "full", "allow_unbalanced_panel": True}, "balance='none', not 'full'"),
        ({"pscoretrim": 0.0}, "pscoretrim must be a number above 0"),
        ({"pscoretrim": "high"}, "pscoretrim must be a number above 0"),
        ({"last_as_never": 1}, "last_as_never must be True or False"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(DataError, match=words):
        dj.att_gt(drawn(), **NAMES | options)


def test_the_last_cohort_is_never_treated_only_on_demand():
    frame = drawn().query("g > 0")
    with pytest.raises(DesignError, match="last_as_never=True"):
        dj.att_gt(frame, **NAMES)
    res = dj.att_gt(frame, **NAMES, last_as_never=True)
    assert list(res.groups) == [3] and list(res.times) == [1, 2, 3]
    assert any("last_as_never" in note for note in res.notes)
    some = drawn()
    ours, plain = dj.att_gt(some, **NAMES, last_as_never=True), dj.att_gt(some, **NAMES)
    np.testing.assert_array_equal(ours.att, plain.att)  # somebody is never treated


# --- overlap and trimming without covariates --------------------------------------------------


@pytest.mark.parametrize(
    ("treated", "weight", "estimated"),
    [
        (996, 1.0, False),  # weighted share .996: all controls are trimmed
        (996, 0.5, True),  # .992
        (990, 1.0, True),
        (990, 4.0, False),  # .997
        (3996, 0.1, False),  # weighted .990, unweighted .999
    ],
)
def test_shares_of_the_treated(treated, weight, estimated):
    """4 or 10 controls of weight one, and treated of some other weight."""
    controls = 4 if treated != 990 else 10
    units = pd.DataFrame({"unit": np.arange(treated + controls)})
    units["g"] = np.where(units["unit"] < treated, 2, 0)
    units["w"] = np.where(units["g"] == 2, weight, 1.0)
    frame = units.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["y"] = np.random.default_rng(1).normal(size=len(frame))
    for idname in ("unit", None):
        options = NAMES | {"idname": idname, "weightsname": "w"}
        assert np.isfinite(dj.att_gt(frame, **options, est_method="dr").att[0]) == estimated
        assert np.isfinite(dj.att_gt(frame, **options, est_method="reg").att[0])
        every = dj.att_gt(frame, **options, est_method="dr", pscoretrim=1)
        assert np.isfinite(every.att[0]) == (treated != 3996)


# --- standard errors that are rounding error --------------------------------------------------


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_rounding_error_is_no_standard_error(scale):
    """Changes that are equal in a cohort and among controls have no standard error; others do."""
    frame = drawn().query("g in (0, 3)").copy()
    frame["y"] = scale * (0.7 * (frame["t"] >= 3) * (frame["g"] == 3) + 0.1 * frame["unit"])
    frame.loc[frame["t"] == 4, "y"] += scale * 1e-8 * frame["unit"] ** 2
    res = dj.att_gt(frame, **NAMES, est_method="reg")
    assert np.isnan(res.se).tolist() == [True, True, False]
    assert res.to_frame()["reason"].str.contains("nothing varies").tolist() == [True, True, False]
    assert np.isnan(res.inference.p[1])
