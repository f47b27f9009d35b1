"""ATT(g,t), aggregates, standard errors and the jackknife as R prints them, run by run."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from compare import assert_close, assert_same_labels
from references import AGGREGATIONS, Run, r_jackknives, supported_runs

import didjack as dj

RTOL = 1e-10
RUNS = supported_runs()


@pytest.fixture(scope="module")
def estimate(dataset):
    """Estimate each run once, whichever of its numbers are compared."""

    @cache
    def by_name(name: str) -> dj.ATTgt:
        run = next(run for run in RUNS if run.name == name)
        return dj.att_gt(dataset(run.data), **run.kwargs)

    return by_name


def compare_cells(res: dj.ATTgt, run: Run) -> None:
    cells = res.to_frame()
    assert_same_labels(cells["group"], run.groups, "groups")
    assert_same_labels(cells["time"], run.times, "times")
    assert_close(cells["att"], run.att, RTOL, "ATT(g,t)")
    assert_close(cells["se"], run.se, RTOL, "standard errors of ATT(g,t)")
    if run.n is not None:
        assert res.n == run.n


def compare_aggregate(agg: dj.Aggregate, run: Run, type_: str) -> None:
    expected = run.aggregates[type_]
    assert_close(agg.att, expected.att, RTOL, f"{type_}, overall")
    assert_close(agg.se, expected.se, RTOL, f"{type_}, standard error of the overall effect")
    assert_same_labels(agg.labels, expected.labels, f"{type_}, labels")
    assert_close(agg.atts, expected.atts, RTOL, f"{type_}, elements")
    assert_close(agg.ses, expected.ses, RTOL, f"{type_}, standard errors of the elements")


def test_every_dataset_and_option_is_covered():
    kinds = {(run.data, run.kwargs["panel"], run.kwargs["clustervars"]) for run in RUNS}
    assert kinds >= {
        ("mpdta", True, None),
        ("mpdta", True, "st"),
        ("mpdta", False, None),
        ("mpdta", False, "st"),
        ("mpdta", False, "countyreal"),
        ("castle", True, None),
        ("merit", False, None),
        ("merit", False, "state"),
    }
    for option in ("xformla", "control_group", "base_period", "weightsname"):
        assert len({run.kwargs[option] for run in RUNS}) >= 2, option


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
    jk = dj.jackknife(dj.aggte(res, type=expected.type))
    assert (jk.df, len(jk.atts)) == (expected.df, expected.reps)
    assert_same_labels(jk.atts.index, expected.clusters, "clusters")
    assert_close(jk.att, expected.att, RTOL, "estimate")
    assert_close(jk.se, expected.se, RTOL, "CV3 standard error")
    assert_close(jk.atts, expected.atts, RTOL, "delete-one estimates")
    assert_close(jk.t, expected.t, RTOL, "t")
    assert_close(jk.p, expected.p, RTOL, "p-value")
    assert_close(jk.ci, expected.ci, RTOL, "interval")


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
