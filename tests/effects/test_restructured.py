"""Which deletions change more than weights, so that the rest is estimated anew."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.effects.deletions import restructured

TOWNS = ["north", "south", "east", "west", "island"]
COHORTS = [[0, 2], [0, 3], [3, 2], [0], [2, 0]]


def frame_of(cohorts: list[list[int]]) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    units = pd.DataFrame(
        [(town, g) for town, members in zip(TOWNS, cohorts, strict=True) for g in members],
        columns=["town", "g"],
    )
    units["unit"] = np.arange(len(units))
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3, 4]}), how="cross")
    return frame.assign(y=rng.normal(size=len(frame)))


def estimate(frame: pd.DataFrame, **options: object) -> dj.ATTgt:
    arguments = {"idname": "unit", "est_method": "reg"} | options
    return dj.att_gt(frame, "y", "t", "g", **arguments)


def changed(res: dj.ATTgt) -> list[str]:
    clusters = res.clusters("town")
    return [clusters.labels[h] for h in restructured(res.panel, clusters)]


def test_usually_none():
    assert changed(estimate(frame_of(COHORTS))) == []
    assert changed(estimate(frame_of(COHORTS), idname=None)) == []


@pytest.mark.parametrize("town", TOWNS)
@pytest.mark.parametrize("period", [1, 2, 4])
def test_a_period_that_one_cluster_alone_has_seen(town, period):
    frame = frame_of(COHORTS)
    frame = frame[(frame["t"] != period) | (frame["town"] == town)]
    assert changed(estimate(frame, idname=None)) == [town]


def test_two_such_periods_of_two_clusters():
    frame = frame_of(COHORTS)
    only = {2: "west", 4: "east"}
    keep = [t not in only or only[t] == town for t, town in zip(frame.t, frame.town, strict=True)]
    # In the order of the labels.
    assert changed(estimate(frame[keep], idname=None)) == ["east", "west"]


@pytest.mark.parametrize("others", [0, 1])
def test_incomplete_units_of_one_cluster(others):
    """Without them the panel is balanced, and no longer estimated like sections."""
    frame = frame_of(COHORTS)
    gone = frame["unit"].isin([2, 3]) & (frame["t"] == 4)  # both of "south"
    if others:
        gone |= (frame["unit"] == 0) & (frame["t"] == 3)
    res = estimate(frame[~gone], allow_unbalanced_panel=True)
    assert changed(res) == ([] if others else ["south"])


def test_the_only_cluster_with_never_treated():
    frame = frame_of([[2], [3], [3, 2], [4], [0, 0, 2]])
    assert changed(estimate(frame, control_group="notyettreated")) == ["island"]
    with pytest.raises(dj.DesignError, match="Cluster island of 'town' holds all never-treated"):
        changed(estimate(frame))
    shared = frame_of([[2], [3], [3, 2], [4, 0], [0, 0, 2]])
    assert changed(estimate(shared, control_group="notyettreated")) == []


def test_the_only_cluster_of_the_last_cohort():
    """Without never treated the last cohort is a control only."""
    frame = frame_of([[2], [3], [3, 2], [4], [2]])
    assert changed(estimate(frame, control_group="notyettreated")) == ["west"]
    shared = frame_of([[2, 4], [3], [3, 2], [4], [2]])
    assert changed(estimate(shared, control_group="notyettreated")) == []


def test_one_cluster_is_too_few():
    frame = frame_of(COHORTS).assign(region="all")
    with pytest.raises(dj.DesignError, match=r"Column 'region' has one cluster \(all\)"):
        estimate(frame).deletions("region")
    two = frame.assign(region=np.where(frame["town"].isin(TOWNS[:2]), "a", "b"))
    assert len(estimate(two).deletions("region").clusters) == 2


def test_clusters_that_cannot_be_used_are_named():
    frame = frame_of(COHORTS)
    gaps = frame.assign(town=frame["town"].where(frame["unit"] != 3))
    with pytest.raises(dj.DataError, match=r"'town' \(cluster\) has missing values") as caught:
        estimate(gaps).deletions("town")
    assert "Fill them, or drop these rows." in str(caught.value)
    moving = frame.assign(town=np.where(frame["t"] > 2, "north", frame["town"]))
    with pytest.raises(dj.DataError, match=r"'town' \(cluster\) changes within a unit of 'unit'"):
        estimate(moving).deletions("town")
    assert len(estimate(moving, idname=None).deletions("town").clusters) == 5
    with pytest.raises(dj.DataError, match="city"):
        estimate(frame).deletions("city")


@pytest.mark.parametrize("method", ["plot", "analytic"])
@pytest.mark.parametrize("kind", [dj.ATTgt, dj.Aggregate])
def test_intervals_cover_95_percent_unless_asked_otherwise(kind, method):
    assert inspect.signature(getattr(kind, method)).parameters["level"].default == 0.95


def test_plots_are_drawn_where_asked():
    from matplotlib import pyplot as plt

    res = estimate(frame_of(COHORTS), clustervars="town")
    for target in (res, dj.aggte(res, "dynamic"), dj.jackknife(dj.aggte(res))):
        figure, ax = plt.subplots()
        assert not ax.has_data()
        drawn = target.plot(ax=ax)
        assert drawn is figure and ax.has_data()
        plt.close(figure)
