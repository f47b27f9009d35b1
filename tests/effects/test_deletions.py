"""Deletions as a value: made once, handed on, and checked against the target."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import didjack as dj
from didjack.effects.average_types import TYPES
from didjack.effects.estimation import Estimation

KWARGS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid",
          "est_method": "reg"}  # fmt: skip


@pytest.fixture
def castle() -> dj.ATTgt:
    return dj.att_gt(dj.load_dataset("castle"), **KWARGS)


@pytest.fixture
def passes(monkeypatch) -> list[str]:
    """Collect the cluster variable of every pass over the data."""
    made, plain = [], Estimation.replicates

    def replicates(self, clusters):
        made.append(clusters.name)
        return plain(self, clusters)

    monkeypatch.setattr(Estimation, "replicates", replicates)
    return made


def test_four_averages_of_csdid_share_one_pass(passes):
    comparison = dj.csdid(dj.load_dataset("castle"), **KWARGS)
    assert list(comparison.jackknives) == list(TYPES)
    assert passes == ["sid"]


def test_without_deletions_every_call_makes_a_pass(castle, passes):
    for type_ in TYPES:
        dj.jackknife(dj.aggte(castle, type_))
    assert passes == ["sid"] * 4
    deletions = castle.deletions("sid")
    for type_ in TYPES:
        dj.jackknife(dj.aggte(castle, type_), deletions=deletions)
    assert passes == ["sid"] * 5
    dj.jackknife([dj.aggte(castle, type_) for type_ in TYPES])
    assert passes == ["sid"] * 6


@pytest.mark.parametrize("estimand", ["refit", "fixed"])
@pytest.mark.parametrize("type_", TYPES)
def test_handed_on_they_give_the_same(castle, type_, estimand):
    agg, deletions = dj.aggte(castle, type_), castle.deletions()
    given = dj.jackknife(agg, estimand=estimand, deletions=deletions)
    made = dj.jackknife(agg, estimand=estimand)
    assert np.array_equal(given.replicates, made.replicates, equal_nan=True)
    assert given.notes == made.notes


def test_those_of_other_effects_or_clusters_are_refused(castle):
    other = dj.att_gt(dj.load_dataset("castle"), **KWARGS)
    with pytest.raises(dj.DataError, match="another att_gt result"):
        dj.jackknife(dj.aggte(castle), deletions=other.deletions())
    with pytest.raises(dj.DataError, match="by 'sid', not by 'year'"):
        dj.jackknife(dj.aggte(castle), "year", deletions=castle.deletions())
    assert dj.jackknife(dj.aggte(castle), "sid", deletions=castle.deletions()).cluster == "sid"


def test_cross_sections_without_a_cluster_are_refused():
    sections = KWARGS | {"idname": None}
    with pytest.raises(dj.DataError, match="need a cluster variable"):
        dj.att_gt(dj.load_dataset("castle"), **sections).deletions()


def test_no_result_holds_what_can_grow(castle):
    """A field that is filled later would make equal results differ."""
    before = {f.name for f in dataclasses.fields(castle)}
    dj.jackknife(castle)
    assert before == {"estimation"}
    assert {f.name for f in dataclasses.fields(castle.estimation)} == {
        "panel", "cells", "estimates", "options",
    }  # fmt: skip
    assert not any(
        isinstance(getattr(castle.estimation, f.name), (dict, list))
        for f in dataclasses.fields(castle.estimation)
    )
