"""p-values that would mean nothing are not there; those that are too small are named."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.core.results import Inference
from didjack.core.withheld import notes_on_few_treated

COLUMNS = ("l_homicide", "year", "gvar", "sid")


def reduced(*cohorts: int) -> dj.ATTgt:
    castle = dj.load_dataset("castle")
    return dj.att_gt(castle[castle["gvar"].isin([0, *cohorts])], *COLUMNS, est_method="reg")


@pytest.fixture(scope="module")
def florida() -> dj.Aggregate:
    return dj.aggte(reduced(2005), type="simple")


def inferences(agg: dj.Aggregate) -> dict[str, Inference]:
    """Every kind that has t or normal critical values."""
    return {
        "t": dj.jackknife(agg).inference,
        "clustered": agg.analytic("sid"),
        "by unit": agg.inference,
        "bootstrap": dj.multiplier(agg, n_boot=50).inference,
        "combination of t": dj.jackknife(agg).lincom("2*overall"),
        "combination": agg.inference.lincom("2*overall"),
    }


def test_with_one_treated_cluster_there_is_a_standard_error_and_no_more(florida):
    for name, inference in inferences(florida).items():
        assert inference.se[0] > 0, name
        frame = inference.to_frame().iloc[0]
        assert np.isnan(frame[["p", "ci_low", "ci_high"]].astype(float)).all(), name
        assert frame["n_treated_clusters"] == 1, name
        assert "only one treated cluster stands behind it" in " ".join(inference.notes), name
    jk = dj.jackknife(florida)
    assert np.isnan([jk.p, *jk.ci]).all()
    assert np.isnan(jk.tidy()["p_value"]).all()


def test_exact_values_stand(florida):
    exact = dj.jackknife(florida, critical="exact")
    assert exact.p == pytest.approx(0.6107, abs=1e-4)  # castle reduced to Florida
    assert np.isfinite(exact.ci).all() and exact.inference.notes == []
    assert exact.se == pytest.approx(dj.jackknife(florida).se, rel=1e-12)


def test_hansens_deletion_is_large_enough(florida):
    """Florida's own deletion leaves nothing: its deviation is the estimate."""
    usual, general = dj.jackknife(florida), dj.jackknife(florida, lost="generalized")
    H = usual.n_replicates
    expected = np.sqrt(usual.se**2 * H / (H - 1) + usual.att**2)
    assert general.se == pytest.approx(expected, rel=1e-12)
    assert abs(general.t) < 1 and general.p > 0.3 and general.method == "CV3, generalized"
    assert np.isfinite(general.ci).all() and general.inference.notes == []
    for wrong in ({"critical": "exact"}, {"center": "mean"}):
        with pytest.raises(dj.DataError, match="lost='generalized'"):
            dj.jackknife(florida, lost="generalized", **wrong)
    with pytest.raises(dj.DataError, match="lost must be"):
        dj.jackknife(florida, lost="ignore")


def test_without_lost_deletions_hansens_is_cv3_up_to_its_factor():
    agg = dj.aggte(reduced(2006, 2007), type="dynamic")
    usual, general = dj.jackknife(agg), dj.jackknife(agg, lost="generalized")
    full = np.isfinite(usual.replicates[1:]).all(axis=0)
    H = usual.n_clusters
    np.testing.assert_allclose(
        general.inference.se[full], usual.inference.se[full] * np.sqrt(H / (H - 1)), rtol=1e-12
    )


@pytest.mark.parametrize("cohorts", [(2005,), (2007,)])
def test_it_warns_where_one_looks(cohorts):
    agg = dj.aggte(reduced(*cohorts), type="simple")
    with pytest.warns(dj.FewTreatedWarning, match="exact"):
        dj.jackknife(agg)


def test_it_does_not_warn_of_what_it_does_not_concern(florida):
    every = dj.aggte(dj.att_gt(dj.load_dataset("castle"), *COLUMNS, est_method="reg"), "simple")
    with warnings.catch_warnings():
        warnings.simplefilter("error", dj.FewTreatedWarning)
        dj.jackknife(every)
        dj.jackknife(florida, critical="exact")
        dj.randomize(florida, n_permutations=5)


def test_a_combination_is_as_thin_as_its_thinnest_part():
    agg = dj.aggte(dj.att_gt(dj.load_dataset("castle"), *COLUMNS, est_method="reg"), "dynamic")
    jk = dj.jackknife(agg)
    counts = dict(zip(jk.parameters, jk.n_treated_clusters.tolist(), strict=True))
    assert counts["event:5"] == 1 and counts["event:4"] > 1
    for result in (jk, agg.inference, dj.multiplier(agg, n_boot=50)):
        thin = result.lincom("event:4 - event:5")
        assert thin.n_treated_clusters[0] == 1 and np.isnan(thin.p[0])
        thick = result.lincom("event:1 - event:0")
        assert thick.n_treated_clusters[0] == min(counts["event:1"], counts["event:0"])
        assert np.isfinite(thick.p[0])


def test_base_periods_do_not_thin_a_combination():
    """They are zero by construction, and nobody stands behind them."""
    res = dj.att_gt(dj.load_dataset("castle"), *COLUMNS, base_period="universal", est_method="reg")
    jk = dj.jackknife(dj.aggte(res, "dynamic"))
    assert jk.n_treated_clusters[jk.parameters.index("event:-1")] == 0
    assert np.isfinite(jk.lincom("event:0 - event:-1").p[0])


def test_counts_are_those_of_the_frame():
    castle = dj.load_dataset("castle")
    res = dj.att_gt(castle, *COLUMNS, est_method="reg")
    by_cohort = castle[castle["gvar"] > 0].groupby("gvar")["sid"].nunique()
    agg = dj.aggte(res, "group")
    for inference in (agg.inference, dj.jackknife(agg).inference):
        counts = pd.Series(inference.n_treated_clusters, inference.parameters)
        assert counts.pop("overall") == by_cohort.sum()
        assert counts.tolist() == by_cohort.tolist()


def test_sentences_name_parameters_and_counts():
    names = [f"event:{e}" for e in range(9)]
    counts, counted = np.array([1, 1, 2, 5, 6, 7, 0, 3, 4]), np.ones(9, dtype=bool)
    counted[6] = False  # a base period
    void, few = notes_on_few_treated(names, counts, counted)
    assert "for event:0, event:1: only one" in void
    assert few.startswith("Only 2 to 5 treated clusters stand behind event:2, event:3, event:7, ")
    assert "event:4" not in few and "event:6" not in void
    many = notes_on_few_treated(names, np.ones(9, dtype=int), np.ones(9, dtype=bool))[0]
    assert "event:5 and 3 more:" in many
    assert notes_on_few_treated(names, np.full(9, 6), counted) == []


def test_few_controls_are_named_too():
    """t errs as often with two controls as with two treated clusters."""
    castle = dj.load_dataset("castle")
    never = castle.loc[castle["gvar"] == 0, "sid"].unique()[:3]
    few = castle[(castle["gvar"] > 0) | castle["sid"].isin(never)]
    agg = dj.aggte(dj.att_gt(few, *COLUMNS, est_method="reg"), type="simple")
    with pytest.warns(dj.FewTreatedWarning, match="Only 3 clusters of controls stand behind"):
        jk = dj.jackknife(agg)
    assert jk.n_control_clusters.tolist() == [3] and jk.n_treated_clusters.tolist() == [21]
    assert any("Only 3 clusters of controls" in note for note in jk.warnings)
    cmp = dj.csdid(few, *COLUMNS, est_method="reg", types=["simple", "group"])
    assert (
        "Only 3 clusters of controls stand behind overall (simple), overall (group), "
        in " ".join(cmp.notes)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact = dj.jackknife(agg, critical="exact")
    assert not any("controls" in note for note in exact.warnings)
    later = dj.att_gt(castle, *COLUMNS, est_method="reg", control_group="notyettreated")
    counts = dj.jackknife(dj.aggte(later, "simple")).n_control_clusters
    assert counts[0] > 29  # those treated later are controls until then
