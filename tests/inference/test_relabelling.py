"""Assignments from cluster moments against refits of frames."""

from __future__ import annotations

import numpy as np
import pytest
from designs import designs
from hypothesis import assume, given, settings

import didjack as dj
from didjack.inference import relabelling
from didjack.inference.assigned import cohort_of, refitted, why_refit
from didjack.inference.assignments import count_assignments, other_assignments

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}


def compare(agg: dj.Aggregate, name: str, n: int, rtol: float) -> None:
    clusters = agg.attgt.clusters(name)
    assert why_refit(agg, clusters) == ""
    cohort = cohort_of(agg.attgt, clusters)
    others, _ = other_assignments(cohort, n, np.random.default_rng(5))
    every = np.vstack([cohort, others[:n]])
    fast = relabelling.relabelled(agg, clusters, every)
    slow = refitted(agg, clusters, every)
    size = np.nanmax(np.abs(slow.estimate))
    np.testing.assert_allclose(fast.estimate, slow.estimate, rtol=rtol, atol=rtol * size)
    largest = np.nanmax(np.abs(slow.form), initial=0.0)
    np.testing.assert_allclose(fast.form, slow.form, rtol=rtol, atol=rtol * largest)
    np.testing.assert_allclose(fast.t, slow.t, rtol=100 * rtol)
    np.testing.assert_allclose(fast.att[0], agg.values, rtol=rtol, atol=rtol * size)
    np.testing.assert_allclose(fast.t[0], dj.jackknife(agg, name).inference.t, rtol=100 * rtol)


@pytest.mark.parametrize(
    ("type_", "options", "weights"),
    [
        ("simple", {}, "did"),
        ("simple", {"xformla": "~ x"}, "did"),
        ("dynamic", {"xformla": "~ fixed", "base_period": "universal"}, "did"),
        ("dynamic", {"control_group": "notyettreated"}, "did"),
        ("group", {"weightsname": "popwt"}, "csdid"),
        ("calendar", {"est_method": "dr"}, "did"),
        ("group", {"panel": False, "clustervars": "sid", "xformla": "~ x"}, "csdid"),
    ],
)
def test_castle(dataset, type_, options, weights):
    frame = dataset("castle")
    frame["fixed"] = frame.groupby("sid")["l_homicide"].transform("first")
    frame["x"] = frame["fixed"] + 0.3 * np.random.default_rng(0).standard_normal(len(frame))
    res = dj.att_gt(frame, **{"est_method": "reg"} | COLUMNS | options)
    # Sums run in another order; cross-sections subtract levels, whose rounding is larger.
    compare(dj.aggte(res, type=type_, weights=weights), "sid", 3, 1e-12)


@settings(max_examples=15)
@given(designs(panel=False, covariates=1))
def test_random_cross_sections(drawn):
    check_drawn(drawn)


@settings(max_examples=15)
@given(designs(panel=True, covariates=1, methods=("reg", "dr")))
def test_random_panels(drawn):
    check_drawn(drawn)


def check_drawn(drawn) -> None:
    """Compare on a design whose clusters are given one cohort each."""
    frame = drawn.frame.copy()
    frame["g"] = frame.groupby("cluster")["g"].transform("first")
    try:
        res = dj.att_gt(frame, **drawn.kwargs)
        agg = dj.aggte(res, type="dynamic")
        dj.jackknife(agg)
        assume(why_refit(agg, res.clusters("cluster")) == "")
    except dj.DidjackError:
        assume(False)
    # A variance that is zero but for rounding is none; estimates carry the outcomes' rounding.
    clusters = res.clusters("cluster")
    cohort = cohort_of(res, clusters)
    others, _ = other_assignments(cohort, 4, np.random.default_rng(5))
    every = np.vstack([cohort, others[:4]])
    fast, slow = relabelling.relabelled(agg, clusters, every), refitted(agg, clusters, every)
    scale = drawn.scale
    np.testing.assert_allclose(fast.estimate, slow.estimate, rtol=1e-9, atol=1e-10 * scale)
    np.testing.assert_allclose(fast.form, slow.form, rtol=1e-8, atol=1e-10 * scale**2)


def test_blocks_do_not_matter(dataset, monkeypatch):
    agg = dj.aggte(dj.att_gt(dataset("castle"), **COLUMNS, est_method="reg"), type="group")
    clusters = agg.attgt.clusters("sid")
    cohort = cohort_of(agg.attgt, clusters)
    others, exact = other_assignments(cohort, 7, np.random.default_rng(0))
    assert not exact
    whole = relabelling.relabelled(agg, clusters, others)
    monkeypatch.setattr(relabelling, "BLOCK", 1)
    parts = relabelling.relabelled(agg, clusters, others)
    # Matrix products of another size can round differently.
    np.testing.assert_allclose(whole.estimate, parts.estimate, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(whole.form, parts.form, rtol=1e-13, atol=1e-15)


def test_assignments_are_counted_and_listed_once():
    cohort = np.array([0, 0, 1, 2, 0, 1, 0])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1])
    every, exact = other_assignments(cohort, 1000, np.random.default_rng(0), stratum)
    assert exact and len(every) + 1 == 12 * 3
    assert len(np.unique(np.vstack([cohort, every]), axis=0)) == 36
    assert count_assignments(cohort) == 105
    drawn, exact = other_assignments(cohort, 20, np.random.default_rng(0), stratum)
    assert not exact
    for members in (slice(0, 4), slice(4, 7)):
        np.testing.assert_array_equal(
            np.sort(drawn[:, members], axis=1), np.tile(np.sort(cohort[members]), (20, 1))
        )


def frame_of(first: list[int], size: int = 4) -> object:
    import pandas as pd

    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(len(first)), size)
    frame = pd.DataFrame({"cluster": cluster, "unit": np.arange(len(cluster))})
    frame["first"] = np.array(first)[cluster]
    frame["level"] = frame["cluster"].eq(frame["cluster"].max()).astype(float)
    frame = frame.merge(pd.DataFrame({"time": np.arange(1, 6)}), how="cross")
    frame["x"] = frame.groupby("unit")["time"].transform(lambda _: rng.standard_normal())
    frame["y"] = rng.standard_normal(len(frame))
    return frame


@pytest.mark.parametrize(
    ("first", "options", "reason"),
    [
        ([3, 4, 0, 0, 0], {"est_method": "dr", "xformla": "~ x", "panel": False}, "propensity"),
        (
            [3, 4, 0, 0, 0],
            {"est_method": "dr", "xformla": "~ x", "separation": "csdid"},
            "separation='csdid'",
        ),
        ([3, 4, 0, 0, 0], {"separation": "error"}, "separation='error'"),
        ([3, 4, 5, 5, 5], {"control_group": "notyettreated"}, "nobody is never treated"),
        ([3, 4, 4, 0], {"control_group": "notyettreated"}, "one cluster is never treated"),
        ([3, 4, 0, 0, 0], {"xformla": "~ level", "panel": False}, "makes a covariate redundant"),
    ],
)
def test_designs_that_moments_do_not_cover_are_refitted(first, options, reason):
    arguments = {"est_method": "reg", "clustervars": "cluster"} | options
    res = dj.att_gt(frame_of(first), "y", "time", "first", "unit", **arguments)
    agg = dj.aggte(res, type="simple")
    r = dj.randomize(agg, n_permutations=2)
    assert reason in r.refit_reason and np.isfinite(r.p_t)
    expected = refitted(agg, r.clusters, r.assignments, with_effect=False)
    np.testing.assert_array_equal(r.others.att, expected.att)
