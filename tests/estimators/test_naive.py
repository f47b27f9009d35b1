"""The estimator equals plain loops over cells (tests/naive.py), on random designs.

The loops themselves are checked against R in the first test, so that both sides of the
comparison do not share one misunderstanding.
"""

from __future__ import annotations

import naive
import numpy as np
import pandas as pd
import pytest
from compare import assert_close
from designs import Drawn, designs
from hypothesis import assume, given, note, settings
from references import AGGREGATIONS, Run, r_runs

import didjack as dj
from didjack.errors import DesignError

RTOL = 1e-11  # least squares by orthogonal decomposition there, by normal equations here


def columns(frame: pd.DataFrame, run: Run) -> tuple[pd.DataFrame, list[str], str | None]:
    """Return the frame of a run of R under the names that the loops use."""
    k = run.kwargs
    x = [] if k["xformla"] is None else k["xformla"].removeprefix("~").split("+")
    out = frame[x].assign(
        unit=frame[k["idname"]] if k["idname"] else np.arange(len(frame)),
        t=frame[k["tname"]],
        g=frame[k["gname"]],
        y=frame[k["yname"]],
    )
    if k["weightsname"] is not None:
        out["wt"] = frame[k["weightsname"]]
    return out, x, "wt" if k["weightsname"] else None


RUNS = [
    run
    for run in r_runs()
    if run.kwargs["est_method"] == "reg"
    and run.kwargs["clustervars"] is None
    and run.kwargs["anticipation"] == 0
    and not run.kwargs["allow_unbalanced_panel"]
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_loops_agree_with_r(run, dataset):
    frame, x, weight = columns(dataset(run.data), run)
    k = run.kwargs
    cells, share = naive.att_gt(frame, x, weight, k["panel"], k["control_group"], k["base_period"])
    assert list(cells) == list(zip(run.groups, run.times, strict=True))
    assert_close(list(cells.values()), run.att, 1e-10, "ATT(g,t)")
    for type_ in AGGREGATIONS:
        overall, *elements = naive.aggregate(cells, share, type_).values()
        assert_close(overall, run.aggregates[type_].att, 1e-10, type_)
        assert_close(elements, run.aggregates[type_].atts, 1e-10, type_)


def check(drawn: Drawn) -> None:
    note(drawn.frame.to_string())
    try:
        res = dj.att_gt(drawn.frame, **drawn.kwargs)
    except DesignError:
        assume(False)
    x = list(drawn.covariates)
    cells, share = naive.att_gt(
        drawn.frame, x, drawn.weight, drawn.panel, drawn.control_group, drawn.base_period
    )
    frame = res.to_frame()
    ours = dict(zip(zip(frame["group"], frame["time"], strict=True), frame["att"], strict=True))
    expected = [cells[key] for key in ours]
    assert_close(list(ours.values()), expected, RTOL, "ATT(g,t)", drawn.scale)
    left_out = {key for key in set(cells) - set(ours) if not np.isnan(cells[key])}
    assert not left_out, f"cells with an estimate are missing: {left_out}"
    for type_ in AGGREGATIONS:
        check_aggregate(res, naive.aggregate(cells, share, type_), type_, drawn.scale)


def check_aggregate(res: dj.ATTgt, expected: dict[str, float], type_: str, scale: float) -> None:
    try:
        frame = dj.aggte(res, type=type_).to_frame()
    except DesignError:
        assert np.isnan(expected["overall"])
        return
    assert list(frame["parameter"]) == list(expected)
    assert_close(frame["att"], list(expected.values()), RTOL, type_, scale)


@settings(max_examples=40)
@given(designs(panel=True))
def test_random_panels(drawn):
    check(drawn)


@settings(max_examples=40)
@given(designs(panel=False))
def test_random_cross_sections(drawn):
    check(drawn)


@settings(max_examples=25)
@given(designs(panel=True, covariates=2))
def test_random_panels_with_covariates(drawn):
    check(drawn)


@settings(max_examples=25)
@given(designs(panel=False, covariates=2))
def test_random_cross_sections_with_covariates(drawn):
    check(drawn)
