"""Composition of clusters and cohorts, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from looped import att_gt, frame_of

import didjack as dj
from didjack.display.diagnostics import (
    cluster_frame,
    cohort_frame,
    cohort_words,
    influence_frame,
    treated_clusters,
)

# Periods 1 to 4; cluster 2 alone holds the cohort of 4, which is treated in one period only.
COHORTS = [[2, 2, 0], [3], [4, 4], [0, 0, 0], [2]]


@pytest.fixture(scope="module")
def res() -> dj.ATTgt:
    return att_gt(frame_of(COHORTS, seed=1))


def test_periods_before_and_from_treatment_on(res):
    table = cohort_frame(res, "cluster").set_index("cohort")
    assert table.index.tolist() == [2, 3, 4, 0]  # the never treated last
    assert table["before"].tolist() == [1, 2, 3, 4]
    assert table["after"].tolist() == [3, 2, 1, 0]  # the first treated period is one of them
    assert table["units"].tolist() == [3, 1, 2, 4]
    assert table["clusters"].tolist() == [2, 1, 1, 2]
    np.testing.assert_allclose(table["share"], np.array([3, 1, 2, 4]) / 10, rtol=1e-15)
    assert table["sole_cluster"].tolist() == [None, 1, 2, None]


def test_treated_periods_with_gaps_and_cohorts_between_periods():
    frame = frame_of([[3], [3], [4], [0], [0]], seed=2)
    frame = frame[frame["t"] != 3]  # the cohort of 3 is seen treated in period 4 only
    table = cohort_frame(att_gt(frame), "cluster").set_index("cohort")
    assert table.loc[[3, 4], "after"].tolist() == [1, 1]
    assert table.loc[[3, 4], "before"].tolist() == [2, 2]


def test_clusters(res):
    table = cluster_frame(res, "cluster")
    assert table["cluster"].tolist() == [0, 1, 2, 3, 4]
    assert table["rows"].tolist() == [12, 4, 8, 12, 4]
    assert table["units"].tolist() == [3, 1, 2, 3, 1]
    assert table["treated"].tolist() == [True, True, True, False, True]
    assert table["treated_units"].tolist() == [2, 1, 2, 0, 1]
    assert table["cohorts"].tolist() == [(2,), (3,), (4,), (), (2,)]
    np.testing.assert_allclose(table["share"], np.array([3, 1, 2, 3, 1]) / 10, rtol=1e-15)


def test_treated_clusters_behind_each_parameter(res):
    assert treated_clusters(dj.aggte(res, type="simple"), "cluster").tolist() == [4]
    assert treated_clusters(dj.aggte(res, type="group"), "cluster").tolist() == [4, 2, 1, 1]
    events = dj.aggte(res, type="dynamic", min_e=0)
    assert treated_clusters(events, "cluster").tolist() == [4, 4, 3, 2]
    last = dj.aggte(res, type="dynamic", min_e=2)
    assert treated_clusters(last, "cluster").tolist() == [2, 2]


def test_influence_of_clusters(res):
    jk = dj.jackknife(dj.aggte(res, type="group"))
    table = influence_frame(jk, {2: "Two"}).set_index("cluster")
    deleted = {c: dj.aggte(att_gt(d), type="group").att for c, d in (
        (c, res.panel.source[res.panel.source["cluster"] != c]) for c in range(5)
    )}  # fmt: skip
    change = {c: v - jk.att for c, v in deleted.items()}
    assert table.index.tolist() == sorted(change, key=lambda c: -abs(change[c]))
    total = sum(d**2 for d in change.values())
    for c in range(5):
        assert table.loc[c, "without"] == pytest.approx(deleted[c], rel=1e-12)
        assert table.loc[c, "change"] == pytest.approx(change[c], rel=1e-9)
        assert table.loc[c, "share"] == pytest.approx(change[c] ** 2 / total, rel=1e-9)
    assert table.loc[[1, 2, 3], "lost"].tolist() == [(3.0,), (4.0,), ()]
    assert table.loc[2, "name"] == "Two"


def test_words_for_cohorts():
    assert cohort_words((2004.0, 2007.0)) == "2004, 2007"
    assert cohort_words(()) == "untreated"
