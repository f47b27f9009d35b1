"""ATT(g,t), aggregates, standard errors and the jackknife as R prints them, run by run."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from compare import assert_close, assert_same_labels
from references import AGGREGATIONS, Jackknifed, Run, r_jackknives, r_runs

import didjack as dj

RTOL = 1e-10
# R stops the iterations of its logit when the deviance changes by less than 1e-8 (fastglm);
# didjack goes on to machine precision. What R leaves undone moves what it prints by up to 6e-9
# on mpdta, and by 1e-6 on merit, where the logit of some cells separates and has no maximum.
# test_difference_is_where_r_stops_its_logit shows that nothing else is behind it.
RTOL_LOGIT = {"mpdta": 1e-8, "mpdta_unbalanced": 1e-8, "merit": 2e-6}
RUNS = r_runs()


@pytest.fixture(scope="module")
def estimate(dataset):
    """Estimate each run once, whichever of its numbers are compared."""

    @cache
    def by_name(name: str) -> dj.ATTgt:
        run = next(run for run in RUNS if run.name == name)
        return dj.att_gt(dataset(run.data), **run.kwargs)

    return by_name


def tolerance(run: Run) -> float:
    with_logit = run.kwargs["est_method"] != "reg" and run.kwargs["xformla"] is not None
    return RTOL_LOGIT[run.data] if with_logit else RTOL


def compare_cells(res: dj.ATTgt, run: Run) -> None:
    rtol = tolerance(run)
    cells = res.to_frame()
    assert_same_labels(cells["group"], run.groups, "groups")
    assert_same_labels(cells["time"], run.times, "times")
    assert_close(cells["att"], run.att, rtol, "ATT(g,t)")
    assert_close(cells["se"], run.se, rtol, "standard errors of ATT(g,t)")
    if run.n is not None:
        assert res.n == run.n


def compare_aggregate(agg: dj.Aggregate, run: Run, type_: str) -> None:
    expected, rtol = run.aggregates[type_], tolerance(run)
    assert_close(agg.att, expected.att, rtol, f"{type_}, overall")
    assert_close(agg.se, expected.se, rtol, f"{type_}, standard error of the overall effect")
    assert_same_labels(agg.labels, expected.labels, f"{type_}, labels")
    assert_close(agg.atts, expected.atts, rtol, f"{type_}, elements")
    assert_close(agg.ses, expected.ses, rtol, f"{type_}, standard errors of the elements")


def compare_jackknife(jk: dj.Jackknife, expected: Jackknifed) -> None:
    assert (jk.df, len(jk.atts)) == (expected.df, expected.reps)
    assert_same_labels(jk.atts.index, expected.clusters, "clusters")
    assert_close(jk.att, expected.att, RTOL, "estimate")
    assert_close(jk.se, expected.se, RTOL, "CV3 standard error")
    assert_close(jk.atts, expected.atts, RTOL, "delete-one estimates")
    assert_close(jk.t, expected.t, RTOL, "t")
    assert_close(jk.p, expected.p, RTOL, "p-value")
    assert_close(jk.ci, expected.ci, RTOL, "interval")


def test_every_dataset_and_option_is_covered():
    kinds = {(run.data, run.kwargs["panel"], run.kwargs["clustervars"]) for run in RUNS}
    assert kinds >= {
        ("mpdta", True, None),
        ("mpdta", True, "st"),
        ("mpdta_unbalanced", True, None),
        ("mpdta_unbalanced", True, "st"),
        ("mpdta", False, None),
        ("mpdta", False, "st"),
        ("mpdta", False, "countyreal"),
        ("castle", True, None),
        ("merit", False, None),
        ("merit", False, "state"),
    }
    for option in ("xformla", "control_group", "base_period", "weightsname", "anticipation"):
        assert len({run.kwargs[option] for run in RUNS}) >= 2, option
    assert {run.kwargs["est_method"] for run in RUNS} == {"reg", "ipw", "dr"}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_cells(run, estimate):
    compare_cells(estimate(run.name), run)


@pytest.mark.parametrize("type_", AGGREGATIONS)
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_aggregates(run, type_, estimate):
    compare_aggregate(dj.aggte(estimate(run.name), type=type_), run, type_)


@pytest.mark.parametrize("expected", r_jackknives(), ids=lambda row: row.name)
def test_jackknife(expected, dataset):
    res = dj.att_gt(dataset(expected.data), **expected.kwargs)
    compare_jackknife(dj.jackknife(dj.aggte(res, type=expected.type)), expected)


def logit_as_in_r(X: np.ndarray, D: np.ndarray) -> np.ndarray:
    """Return propensities after the iterations that R makes: start, weights and stop of glm."""
    p, last = (D + 0.5) / 2, np.inf
    eta = np.log(p / (1 - p))
    for _ in range(100):
        root = np.sqrt(p * (1 - p))
        z = root * eta + (D - p) / root
        eta = X @ np.linalg.lstsq(root[:, None] * X, z, rcond=None)[0]
        p = 1 / (1 + np.exp(-eta))
        deviance = -2 * np.log(np.where(D == 1, p, 1 - p)).sum()
        if abs(deviance - last) < 1e-8 * (0.1 + abs(deviance)):
            break
        last = deviance
    return p


def ipw_of_cross_sections(frame: pd.DataFrame, run: Run, g: float, t: float) -> float:
    """Return one ATT(g,t), never-treated controls and varying base, with R's propensities."""
    times, k = np.sort(frame[run.kwargs["tname"]].unique()), run.kwargs
    base = times[times < min(g, t)].max()
    pair = frame[frame[k["tname"]].isin([t, base]) & frame[k["gname"]].isin([g, 0])]
    names = k["xformla"].removeprefix("~").split("+")
    D = (pair[k["gname"]] == g).to_numpy(dtype=float)
    late, y = (pair[k["tname"]] == t).to_numpy(dtype=float), pair[k["yname"]].to_numpy()
    p = logit_as_in_r(np.column_stack([np.ones(len(pair)), pair[names]]), D)
    odds = p * (1 - D) / (1 - p)
    means = [np.average(y, weights=w * s) for w in (D, odds) for s in (late, 1 - late)]
    return means[0] - means[1] - (means[2] - means[3])


@pytest.mark.parametrize("data", ["mpdta", "merit"])
def test_difference_is_where_r_stops_its_logit(data, dataset):
    (run,) = (
        run
        for run in RUNS
        if run.name.startswith(f"r_{data}_rc:")
        and run.kwargs["est_method"] == "ipw"
        and run.kwargs["xformla"] is not None
        and run.kwargs["control_group"] == "nevertreated"
    )
    cells = zip(run.groups, run.times, run.att, strict=True)
    for g, t, att in cells:
        if run.kwargs["base_period"] == "varying" or t >= g:
            as_in_r = ipw_of_cross_sections(dataset(data), run, g, t)
            assert_close(as_in_r, att, 1e-11, f"ATT({g:g},{t:g})")


@pytest.mark.parametrize("field", ["att", "se", "groups", "times"])
def test_comparison_of_cells_can_fail(field, estimate):
    run = RUNS[0]
    changed = getattr(run, field).copy()
    changed[3] *= 1 + 1e-8
    with pytest.raises(AssertionError):
        compare_cells(estimate(run.name), replace(run, **{field: changed}))


@pytest.mark.parametrize("field", ["att", "se", "labels", "atts", "ses"])
def test_comparison_of_aggregates_can_fail(field, estimate):
    run = RUNS[0]
    summary = run.aggregates["dynamic"]
    changed = replace(summary, **{field: getattr(summary, field) * (1 + 1e-8)})
    with pytest.raises(AssertionError):
        compare_aggregate(
            dj.aggte(estimate(run.name), type="dynamic"),
            replace(run, aggregates={"dynamic": changed}),
            "dynamic",
        )


def test_comparison_tells_a_missing_value_from_a_number():
    with pytest.raises(AssertionError, match="NaN"):
        assert_close([1.0, np.nan], [1.0, 0.0], RTOL, "se")
    with pytest.raises(AssertionError, match="NaN"):
        assert_close([1.0, 0.0], [1.0, np.nan], RTOL, "se")
