"""What is said about deletions, by hand: skipped ones, and those that move the estimand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack.core.moments import Clusters
from didjack.inference import notes

CLUSTERS = Clusters("town", pd.Index(["a", "b", "c", "d"]), np.array([0, 1, 2, 3, 0]))


def test_every_skipped_cluster_has_its_own_reason():
    frame = notes.skipped_frame(
        CLUSTERS,
        kept=np.array([True, False, True, False]),
        nothing_treated=np.array([True, False, False, True]),
    )
    assert frame.columns.tolist() == ["cluster", "reason"]
    assert frame["cluster"].tolist() == ["b", "d"]
    assert frame["reason"].tolist() == [
        "no cell of the aggregation can be estimated without it",
        "the only treated cluster; without it nothing is treated",
    ]
    assert notes.notes_on_skipped(frame) == [
        "Skipped cluster b: no cell of the aggregation can be estimated without it.",
        "Skipped cluster d: the only treated cluster; without it nothing is treated.",
    ]


def test_nothing_is_said_where_nothing_is_lost():
    kept = np.ones(4, dtype=bool)
    frame = notes.skipped_frame(CLUSTERS, kept, ~kept)
    assert len(frame) == 0 and frame.columns.tolist() == ["cluster", "reason"]
    assert notes.notes_on_skipped(frame) == []
    assert notes.notes_on_fewer(["overall", "event:0"], np.ones((4, 2), dtype=bool)) == []
    assert notes.notes_on_cohorts(pd.DataFrame({"cluster": [], "cohort": []}), "refit") == []
    assert notes.notes_on_covariates(pd.DataFrame({"cluster": [], "covariate": []})) == []


def test_parameters_with_fewer_deletions_are_named():
    """All 4, 3, 1 and none of the deletions: the last has no standard error to be too small."""
    usable = np.arange(4)[:, None] < np.array([4, 3, 1, 0])
    (note,) = notes.notes_on_fewer(["overall", "event:0", "event:1", "event:2"], usable)
    assert note == (
        "Some deletions leave nothing of event:0, event:1: the standard error varies the other "
        "clusters only, and is too small where one treated cluster carries the effect."
    )
    assert notes.notes_on_fewer(["event:1", "event:2"], usable[:, 2:]) == []


@pytest.mark.parametrize(
    ("estimand", "moves"),
    [
        ("refit", "the estimand moves"),
        ("fixed", "its effects are held at their full-sample estimates"),
    ],
)
def test_lost_cohorts_of_a_cluster_make_one_sentence(estimand, moves):
    lost = pd.DataFrame({"cluster": ["d", "b", "d"], "cohort": [2004.0, 2006.0, 2005.0]})
    assert notes.notes_on_cohorts(lost, estimand) == [
        f"Without cluster d, cohort 2004, 2005 is lost: {moves}.",
        f"Without cluster b, cohort 2006 is lost: {moves}.",
    ]


def test_redundant_covariates_of_a_cluster_make_one_sentence():
    lost = pd.DataFrame({"cluster": ["d", "b", "d"], "covariate": ["x", "x", "z"]})
    assert notes.notes_on_covariates(lost) == [
        "Without cluster d, covariate x, z is redundant.",
        "Without cluster b, covariate x is redundant.",
    ]


def test_cohorts_that_differ_in_the_eighth_digit_are_told_apart():
    lost = pd.DataFrame({"cluster": ["a", "a"], "cohort": [20060102.0, 20060103.0]})
    (note,) = notes.notes_on_cohorts(lost, "refit")
    assert "cohort 20060102, 20060103 is lost" in note
