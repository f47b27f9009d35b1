"""The jackknife is what a loop gives: drop the rows of a cluster, estimate afresh, aggregate.

Tolerance: 1e-12 of the estimate, or of the largest outcome if that is larger. An ATT(g,t) is a
difference of averages of outcomes, so it carries their rounding error (1e-16 of the outcomes,
times the few operations between) however small it is itself. With propensities 1e-9: they come
from Newton's iterations, started at the full sample here and from nothing in the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare import assert_close
from designs import Drawn, designs
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

import didjack as dj
from didjack.errors import DesignError

RTOL = 1e-12
RTOL_LOGIT = 1e-9
AGGREGATIONS: list[dict[str, Any]] = [
    {"type": "simple"},
    {"type": "group"},
    {"type": "calendar"},
    {"type": "dynamic"},
    {"type": "dynamic", "balance_e": 1},
    {"type": "dynamic", "min_e": -2, "max_e": 2},
    {"type": "simple", "max_e": 1},
    {"type": "group", "max_e": 1},
]


@dataclass(frozen=True)
class Case:
    """A dataset, its cluster variable, and the arguments of att_gt."""

    data: str
    cluster: str
    kwargs: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        options = [str(v) for k, v in self.kwargs.items() if k.islower() and k not in COLUMNS]
        return "-".join([self.data, *options])


COLUMNS = ("yname", "tname", "gname", "idname", "clustervars")
CASTLE = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
MEDICAID = {"yname": "dins", "tname": "year", "gname": "yexp2", "idname": "stfips"}
MPDTA = {"yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal"}
MERIT = {"yname": "coll", "tname": "year", "gname": "gvar", "panel": False}
SECTIONS = MPDTA | {"idname": None, "panel": False}
UNBALANCED = MPDTA | {"allow_unbalanced_panel": True}
NEVER, NOTYET = {"control_group": "nevertreated"}, {"control_group": "notyettreated"}
VARYING, UNIVERSAL = {"base_period": "varying"}, {"base_period": "universal"}
REG, IPW, DR = ({"est_method": method} for method in ("reg", "ipw", "dr"))
LPOP, THREE = {"xformla": "~ lpop"}, {"xformla": "~ male + black + asian"}
EARLY = {"anticipation": 1}


def case(data: str, cluster: str, *parts: dict[str, Any]) -> Case:
    kwargs: dict[str, Any] = {"clustervars": cluster}
    for part in parts:
        kwargs |= part
    return Case(data, cluster, kwargs)


CASES = [
    *(
        case("castle", "sid", CASTLE, REG, controls, base, weights)
        for controls in (NEVER, NOTYET)
        for base in (VARYING, UNIVERSAL)
        for weights in ({}, {"weightsname": "popwt"})
    ),
    case("castle", "sid", CASTLE, DR, NOTYET, UNIVERSAL, EARLY, {"weightsname": "popwt"}),
    case("medicaid", "stfips", MEDICAID, REG, NEVER, VARYING, {"weightsname": "W"}),
    case("medicaid", "stfips", MEDICAID, REG, NEVER, UNIVERSAL),
    case("medicaid", "stfips", MEDICAID, REG, NOTYET, VARYING, EARLY),
    case("medicaid", "stfips", MEDICAID, IPW, NOTYET, UNIVERSAL, {"weightsname": "W"}),
    case("mpdta", "st", MPDTA, REG, NEVER, VARYING),
    case("mpdta", "st", MPDTA, REG, NEVER, UNIVERSAL, LPOP),
    case("mpdta", "st", MPDTA, REG, NOTYET, VARYING, {"xformla": "~ lpop + I(lpop**2)"}),
    case("mpdta", "st", MPDTA, IPW, NEVER, VARYING, LPOP, EARLY),
    case("mpdta", "st", MPDTA, DR, NOTYET, UNIVERSAL, LPOP),
    case("mpdta", "st", SECTIONS, DR, NEVER, VARYING, LPOP),
    case("mpdta_unbalanced", "st", UNBALANCED, REG, NOTYET, UNIVERSAL, LPOP),
    case("mpdta_unbalanced", "st", UNBALANCED, IPW, NEVER, VARYING, LPOP),
    case("mpdta_unbalanced", "st", UNBALANCED, DR, NEVER, UNIVERSAL, LPOP, EARLY),
    case("merit", "state", MERIT, REG, NEVER, VARYING, THREE),
    case("merit", "state", MERIT, REG, NOTYET, UNIVERSAL, THREE),
    case("merit", "state", MERIT, DR, NEVER, VARYING),
]


@dataclass
class Loop:
    """The full sample and one fresh estimate per deleted cluster; None where there is none."""

    full: dj.ATTgt
    without: dict[Any, dj.ATTgt | None]
    scale: float
    rtol: float


def att_gt_or_none(frame: pd.DataFrame, kwargs: dict[str, Any]) -> dj.ATTgt | None:
    try:
        return dj.att_gt(frame, **kwargs)
    except DesignError:
        return None


def loop_over_clusters(frame: pd.DataFrame, kwargs: dict[str, Any], scale: float) -> Loop:
    """Estimate without each cluster that has a row in the sample.

    R didjack and Stata csdidjack also delete clusters whose rows are not used (all of them treated
    from the start, say), which gives the full-sample estimate once more and one more H.
    """
    full, column = dj.att_gt(frame, **kwargs), frame[kwargs["clustervars"]]
    clusters = np.unique(column.to_numpy()[full.panel.rows])
    without = {c: att_gt_or_none(frame[column != c], kwargs) for c in clusters}
    return Loop(full, without, scale, RTOL if kwargs["est_method"] == "reg" else RTOL_LOGIT)


def values(res: dj.ATTgt | None, aggregation: dict[str, Any]) -> dict[str, float] | None:
    """Return the estimates by name of the parameter, None if there is nothing to estimate."""
    if res is None:
        return None
    try:
        agg = dj.aggte(res, **aggregation)
    except DesignError:
        return None
    return dict(zip(agg.parameters, agg.values, strict=True))


def compare(jk: dj.Jackknife, loop: Loop, aggregation: dict[str, Any]) -> None:
    """Compare every replicate, every standard error, and what was skipped."""
    names = list(jk.vcov.columns)
    full = values(loop.full, aggregation)
    assert full is not None and list(full) == names
    one_by_one = {c: values(res, aggregation) or {} for c, res in loop.without.items()}
    rows = [full, *one_by_one.values()]
    expected = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    assert_close(jk.replicates, expected, loop.rtol, "replicates", loop.scale)
    clusters, overall = np.array(list(one_by_one)), expected[1:, 0]
    skipped = np.isnan(overall)
    assert list(jk.skipped["cluster"]) == list(clusters[skipped])
    assert list(jk.atts.index) == list(clusters[~skipped])
    assert_close(jk.atts, overall[~skipped], loop.rtol, "delete-one estimates", loop.scale)
    compare_cv3(jk, expected, loop.scale, loop.rtol)


def compare_cv3(jk: dj.Jackknife, expected: np.ndarray, scale: float, rtol: float) -> None:
    """Compare standard errors, df and covariances with the formula of CV3, by parameter."""
    H = (~np.isnan(expected[1:])).sum(axis=0)
    deviations = np.where(np.isnan(expected[1:]), 0.0, expected[1:] - expected[0])
    factor = np.where(H > 1, (H - 1) / np.maximum(H, 1), np.nan)
    variance = factor * (deviations**2).sum(axis=0)
    table = jk.to_frame()
    ours, theirs = (without_zeros(se, rtol * scale) for se in (table["se"], np.sqrt(variance)))
    assert_close(ours, theirs, rtol, "CV3 standard errors", scale)
    assert_close(table["df"], np.where(H > 1, H - 1.0, np.nan), 0.0, "degrees of freedom")
    assert (jk.df, jk.n_clusters) == (max(H[0] - 1, 0), len(deviations))
    joint = deviations.T @ deviations * np.sqrt(factor[:, None] * factor)
    assert_close(jk.vcov, joint, rtol, "CV3 covariances", scale**2)


def without_zeros(se: Any, smallest: float) -> np.ndarray:
    """Turn standard errors that are zero, or rounding errors of it, into NaN: no test there."""
    se = np.asarray(se, dtype=float)
    return np.where(se > smallest, se, np.nan)


# --- the datasets -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loops(dataset: Callable[[str], pd.DataFrame]) -> Callable[[Case], Loop]:
    known: dict[str, Loop] = {}

    def loop(case: Case) -> Loop:
        if case.name not in known:
            frame = dataset(case.data)
            scale = float(frame[case.kwargs["yname"]].abs().max())
            known[case.name] = loop_over_clusters(frame, case.kwargs, scale)
        return known[case.name]

    return loop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=lambda a: "-".join(map(str, a.values())))
def test_datasets(case, aggregation, loops):
    loop = loops(case)
    compare(dj.jackknife(dj.aggte(loop.full, **aggregation)), loop, aggregation)


def test_lost_cohorts_are_reported(loops):
    loop = loops(CASES[0])  # Florida alone makes up the cohort of 2005
    jk = dj.jackknife(dj.aggte(loop.full, type="group"))
    lost = jk.lost_cohorts
    expected = set()
    for cluster, res in loop.without.items():
        assert res is not None
        expected |= {(cluster, g) for g in set(loop.full.groups) - set(res.groups)}
    assert {(c, g) for c, g in zip(lost["cluster"], lost["cohort"], strict=True)} == expected
    assert expected, "castle has a cohort of one state"


# --- random designs ---------------------------------------------------------------------------


def check(drawn: Drawn, aggregation: dict[str, Any]) -> None:
    frame, kwargs = drawn.frame, drawn.kwargs
    note(frame.to_string())
    res = att_gt_or_none(frame, kwargs)
    assume(res is not None and values(res, aggregation) is not None)
    assume(len(np.unique(frame["cluster"].to_numpy()[res.panel.rows])) > 1)
    loop = loop_over_clusters(frame, kwargs, drawn.scale)
    agg = dj.aggte(loop.full, **aggregation)
    try:
        jk = dj.jackknife(agg)
    except DesignError as error:
        check_refusal(error, drawn, loop, aggregation)
        return
    compare(jk, loop, aggregation)


def check_refusal(error: DesignError, drawn: Drawn, loop: Loop, aggregation: dict) -> None:
    """A refusal is right if too few deletions can be estimated, or the last control goes."""
    estimable = [values(res, aggregation) for res in loop.without.values()]
    if sum(v is not None and not np.isnan(v["overall"]) for v in estimable) < 2:
        return
    clusters = last_never_treated(drawn)
    assert drawn.control_group == "nevertreated" and len(clusters) == 1, str(error)
    assert f"{clusters[0]}" in str(error) and "notyettreated" in str(error)


def last_never_treated(drawn: Drawn) -> np.ndarray:
    frame = drawn.frame
    never = (frame["g"] == 0) | (frame["g"] > frame["t"].max() + drawn.anticipation)
    return np.unique(frame.loc[never, "cluster"])


AGGREGATION = st.sampled_from(AGGREGATIONS)


@settings(max_examples=70)
@given(designs(panel=True), AGGREGATION)
def test_random_panels(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=70)
@given(designs(panel=False), AGGREGATION)
def test_random_cross_sections(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=30)
@given(designs(panel=True, covariates=1), AGGREGATION)
def test_random_panels_with_covariate(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=30)
@given(designs(panel=False, covariates=1), AGGREGATION)
def test_random_cross_sections_with_covariate(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=30)
@given(designs(panel=True, covariates=1, methods=("ipw", "dr"), anticipation=1), AGGREGATION)
def test_random_panels_with_propensity(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=30)
@given(designs(panel=False, covariates=1, methods=("ipw", "dr"), anticipation=1), AGGREGATION)
def test_random_cross_sections_with_propensity(drawn, aggregation):
    check(drawn, aggregation)


METHODS = ("reg", "ipw", "dr")


@settings(max_examples=30)
@given(designs(panel=True, methods=METHODS, anticipation=1, unbalanced=True), AGGREGATION)
def test_random_unbalanced_panels(drawn, aggregation):
    check(drawn, aggregation)


@settings(max_examples=30)
@given(designs(True, 1, METHODS, anticipation=1, unbalanced=True), AGGREGATION)
def test_random_unbalanced_panels_with_covariate(drawn, aggregation):
    check(drawn, aggregation)


# --- designs that must not be left to chance --------------------------------------------------


def panel_of(cohorts: list[list[int]]) -> pd.DataFrame:
    """Return a panel of 2000-2004: one inner list per cluster, one cohort per unit."""
    rng = np.random.default_rng(7)
    units = [(c, g) for c, members in enumerate(cohorts) for g in members]
    frame = pd.DataFrame(units, columns=["cluster", "g"])
    frame["unit"] = np.arange(len(frame))
    frame = frame.merge(pd.DataFrame({"t": range(2000, 2005)}), how="cross")
    frame["y"] = rng.normal(size=len(frame)) + (frame["g"] > 0) * (frame["t"] >= frame["g"])
    return frame


def drawn_from(frame: pd.DataFrame, control_group: str, base_period: str) -> Drawn:
    return Drawn(frame, True, (), None, control_group, base_period)


SPECIAL = {
    "a cohort in one cluster": [[2002], [2003], [2003, 2003], [0], [0], [0, 0]],
    "clusters that span cohorts": [[2002, 2003, 0], [2003, 0], [2002, 0, 0], [2004, 2002]],
    "clusters of one unit": [[2002], [2002], [2003], [2003], [0], [0], [0]],
    "single treated cluster": [[2002, 2002], [0], [0, 0], [0]],
    "single treated cluster, two cohorts": [[2002, 2003, 2004], [0], [0, 0], [0]],
    "nearly all in one cluster": [[2002, 2003, 0, 0, 2003, 0, 2002], [2002], [0], [2003]],
}


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=lambda a: "-".join(map(str, a.values())))
@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control_group", ["nevertreated", "notyettreated"])
@pytest.mark.parametrize("design", SPECIAL)
def test_special_designs(design, control_group, base_period, aggregation):
    drawn = drawn_from(panel_of(SPECIAL[design]), control_group, base_period)
    loop = loop_over_clusters(drawn.frame, drawn.kwargs, drawn.scale)
    compare(dj.jackknife(dj.aggte(loop.full, **aggregation)), loop, aggregation)


def test_single_treated_cluster_is_skipped_and_said():
    drawn = drawn_from(panel_of(SPECIAL["single treated cluster"]), "nevertreated", "varying")
    jk = dj.jackknife(dj.aggte(dj.att_gt(drawn.frame, **drawn.kwargs), type="simple"))
    assert list(jk.skipped["cluster"]) == [0]
    assert "treated" in jk.skipped["reason"].iloc[0]
    assert (jk.n_clusters, len(jk.atts), jk.df) == (4, 3, 2)


def test_deleting_the_last_never_treated_cluster_is_an_error():
    frame = panel_of([[2002], [2003], [2004], [0, 0]])
    drawn = drawn_from(frame, "nevertreated", "varying")
    agg = dj.aggte(dj.att_gt(frame, **drawn.kwargs), type="simple")
    with pytest.raises(DesignError, match=r"(?s)\b3\b.*notyettreated"):
        dj.jackknife(agg)


def test_not_yet_treated_controls_outlive_the_last_never_treated_cluster():
    drawn = drawn_from(panel_of([[2002], [2003], [2004], [0, 0]]), "notyettreated", "varying")
    for aggregation in AGGREGATIONS:
        loop = loop_over_clusters(drawn.frame, drawn.kwargs, drawn.scale)
        compare(dj.jackknife(dj.aggte(loop.full, **aggregation)), loop, aggregation)


def test_another_cluster_variable_can_be_named(dataset):
    frame = dataset("mpdta")
    kwargs = {"yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal"}
    by_county = dj.aggte(dj.att_gt(frame, **kwargs, est_method="reg"), type="dynamic")
    by_state = dj.aggte(
        dj.att_gt(frame, **kwargs, est_method="reg", clustervars="st"), type="dynamic"
    )
    assert_close(
        dj.jackknife(by_county, cluster="st").vcov,
        dj.jackknife(by_state).vcov,
        RTOL,
        "covariances by state",
    )


# --- propensities that a deletion changes much ------------------------------------------------


def with_covariate(cohorts: list[list[int]], x: list[float]) -> pd.DataFrame:
    """Return `panel_of` with a covariate that is constant within unit."""
    frame = panel_of(cohorts)
    return frame.assign(x1=np.array(x)[frame["unit"]])


PROPENSITIES = {
    # The unit at 50 has a propensity of one, so that its cohort has no estimate; without its
    # cluster the cohort has one.
    "overlap without one cluster": with_covariate(
        [[2002], [2002, 2003], [2003], [0, 0, 0], [0, 0, 0], [0, 0]],
        [50, 1, 0, 1, 0, 1, 2, -1, 1, 2, -1, 0],
    ),
    # Without the first cluster the logit separates, and Newton's iterations from the estimate of
    # the full sample overshoot to and fro.
    "separation without one cluster": with_covariate(
        [[0, 0, 0, 0, 0, 0, 0], [0], [0, 0, 2002, 0]],
        [1, 0, -1, 1, 1, 2, 2, -1, -1, 0, 0, -1],
    ),
}


@pytest.mark.parametrize("method", ["ipw", "dr"])
@pytest.mark.parametrize("design", PROPENSITIES)
def test_propensities_that_a_deletion_changes_much(design, method):
    frame = PROPENSITIES[design]
    drawn = Drawn(frame, True, ("x1",), None, "nevertreated", "varying", method)
    for aggregation in AGGREGATIONS:
        loop = loop_over_clusters(frame, drawn.kwargs, drawn.scale)
        jk = dj.jackknife(dj.aggte(loop.full, **aggregation))
        compare(jk, loop, aggregation)


# --- the comparison can fail ------------------------------------------------------------------


def test_comparison_notices_one_changed_outcome():
    drawn = drawn_from(panel_of(SPECIAL["clusters of one unit"]), "nevertreated", "varying")
    jk = dj.jackknife(dj.aggte(dj.att_gt(drawn.frame, **drawn.kwargs), type="dynamic"))
    changed = drawn.frame.copy()
    changed.loc[3, "y"] += 1e-10
    loop = loop_over_clusters(changed, drawn.kwargs, drawn.scale)
    with pytest.raises(AssertionError, match="replicates: relative difference"):
        compare(jk, loop, {"type": "dynamic"})


def test_comparison_notices_an_estimate_that_should_not_be_there():
    drawn = drawn_from(panel_of(SPECIAL["a cohort in one cluster"]), "nevertreated", "varying")
    loop = loop_over_clusters(drawn.frame, drawn.kwargs, drawn.scale)
    jk = dj.jackknife(dj.aggte(loop.full, type="group"))
    loop.without[0] = loop.without[1]  # the cohort of cluster 0 is not lost in this one
    with pytest.raises(AssertionError, match="NaN"):
        compare(jk, loop, {"type": "group"})
