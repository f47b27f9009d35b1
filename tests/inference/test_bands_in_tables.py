"""Simultaneous limits beside pointwise ones, and analytic results with what a jackknife has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from looped import att_gt, frame_of
from scipy import stats

import didjack as dj
from didjack.effects.joint import Joint
from didjack.inference.bands import make_band, sup_t_band, sup_t_quantile


@pytest.fixture(scope="module")
def cells() -> dj.ATTgt:
    groups = [[2, 2, 3], [3, 2], [4, 4], [0], [0, 0, 0], [0, 2], [2, 3, 4], [3, 4, 0]]
    return att_gt(frame_of(groups, seed=1), base_period="universal")


@pytest.fixture(scope="module")
def events(cells: dj.ATTgt) -> dj.Aggregate:
    return dj.aggte(cells, "dynamic")


def results(events: dj.Aggregate) -> list[object]:
    return [
        events,
        events.attgt,
        Joint.of([events, dj.aggte(events.attgt, "group")]),
        dj.multiplier(events, n_boot=200),
        dj.multiplier(events, n_boot=200, rng="R", seed=1),
        dj.jackknife(events),
        dj.jackknife(events, critical="exact"),
    ]


@pytest.mark.parametrize("which", range(7))
def test_limits_are_those_of_the_band(events, which):
    result = results(events)[which]
    frame = result.tidy(bands=True).set_index("term")
    band = result.band().to_frame().set_index("parameter")
    inside = [name for name in frame.index if name in band.index]
    assert inside
    withheld = dict(zip(result.inference.parameters, result.inference.withheld, strict=True))
    for name in frame.index:
        low, high = frame.loc[name, ["band_low", "band_high"]]
        if name in band.index and not withheld[name]:
            assert (low, high) == (band.loc[name, "band_low"], band.loc[name, "band_high"])
            if which in (0, 1, 2, 5):  # the others have critical values of their own
                assert low < frame.loc[name, "conf_low"] and frame.loc[name, "conf_high"] < high
        else:
            assert np.isnan(low) and np.isnan(high)
    again = result.to_frame(bands=True)
    np.testing.assert_array_equal(again["band_low"], frame["band_low"])
    np.testing.assert_array_equal(again["band_high"], frame["band_high"])


def test_bands_come_unasked_where_they_cost_nothing(events):
    assert "band_low" in dj.multiplier(events, n_boot=50).tidy()
    assert "band_low" not in dj.multiplier(events, n_boot=50).tidy(bands=False)
    assert "band_low" not in dj.multiplier(events, n_boot=50).to_frame()
    for result in (events, events.attgt, dj.jackknife(events)):
        assert "band_low" not in result.tidy() and "band_low" not in result.to_frame()


def test_a_single_average_has_no_band(cells):
    frame = dj.aggte(cells).tidy(bands=True)
    assert frame[["band_low", "band_high"]].isna().all(axis=None)
    with pytest.raises(dj.DesignError, match="no band"):
        dj.aggte(cells).band()


def test_the_band_of_influence_functions(events):
    """Its critical value is that of the largest of correlated normals."""
    band = events.band(level=0.9, n_draws=20_000, seed=4)
    names = list(band.parameters)
    vcov = events.vcov.loc[names, names].to_numpy()
    corr = vcov / np.sqrt(np.outer(np.diag(vcov), np.diag(vcov)))
    expected = sup_t_quantile(corr, np.inf, 0.9, 20_000, 4)
    assert band.critical_value == pytest.approx(expected, rel=1e-12)
    assert stats.norm.ppf(0.95) < band.critical_value < stats.norm.ppf(1 - 0.05 / len(names)) + 0.03
    assert "event:-1" not in names and "overall" not in names
    assert events.band().critical_value == sup_t_band(events.inference).critical_value


def test_what_rests_on_one_treated_cluster_is_left_out():
    groups = [[2, 2], [3, 3], [2, 0], [0, 0], [0], [0, 0]]
    agg = dj.aggte(att_gt(frame_of(groups, seed=2)), "group")
    counts = dict(zip(agg.parameters, agg.inference.n_treated_clusters, strict=True))
    assert counts["group:3"] == 1 and counts["group:2"] == 2
    band = agg.band()
    assert band.left_out == ("group:3",) and band.parameters == ("group:2",)
    assert agg.band(min_treated=1).parameters == ("group:2", "group:3")
    # Also where the band of a bootstrap has it: its pointwise interval is withheld.
    boot = dj.multiplier(agg, n_boot=50)
    assert "group:3" in boot.band().parameters
    frame = boot.tidy().set_index("term")
    assert np.isnan(frame.loc["group:3", "band_low"]) and np.isnan(frame.loc["group:3", "conf_low"])
    assert np.isfinite(frame.loc["group:2", "band_low"])


def test_covariance_and_combinations_of_analytic_results(cells, events):
    for result in (cells, events, Joint.of([events])):
        pd.testing.assert_frame_equal(result.vcov, result.inference.vcov)
    psi = events.influence[:, [events.parameters.index(f"event:{e}") for e in (1, 0)]]
    code = events.estimation.unit_clusters("cluster")
    sums = np.array([(psi[code == c, 0] - psi[code == c, 1]).sum() for c in range(code.max() + 1)])
    expected = np.sqrt((sums**2).sum()) / events.estimation.n
    assert events.lincom("event:1 - event:0").se[0] == pytest.approx(expected, rel=1e-12)


def test_hand_over_of_the_analytic_covariance(events):
    handed = events.to_honestdid()
    names = [f"event:{e:g}" for e in handed.event_times]
    np.testing.assert_array_equal(handed.sigma, events.vcov.loc[names, names])
    assert -1 not in handed.event_times and handed.df == np.inf
    assert handed.num_pre + handed.num_post == len(names)
    with pytest.raises(dj.DesignError, match="universal"):
        res = att_gt(events.attgt.panel.source)
        dj.aggte(res, "dynamic").to_honestdid()
    with pytest.raises(dj.DesignError, match="dynamic"):
        dj.aggte(events.attgt, "group").to_honestdid()


@pytest.mark.parametrize(
    ("value", "words"), [(1.9, "narrower than"), (1.95, ""), (6.9, ""), (7.0, "too large")]
)
def test_a_critical_value_that_cannot_be_relied_on_is_named(events, value, words):
    """R `did` warns from 7 on, and of bands that are narrower than intervals one by one."""
    inference = events.inference
    at = [i for i, se in enumerate(inference.se) if np.isfinite(se)]
    notes = make_band(inference, at, value, 0.95).notes
    assert len(notes) == bool(words)
    assert all(words in note for note in notes)
    assert make_band(inference, at, 2.3, 0.99).notes  # the intervals of 99% have 2.576
    balanced = replace(make_band(inference, at, value, 0.95), tail=0.01)
    assert balanced.notes == []
