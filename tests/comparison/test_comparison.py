"""Every inference side by side: which rows there are, that they are those of the parts."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import didjack as dj
from didjack.inference import exact

COLUMNS = ("l_homicide", "year", "gvar", "sid")
EVERY = ["CV3, exact", "CV3, t(H-1)", "clustered", "by unit"]


@pytest.fixture(scope="module")
def castle() -> dj.Comparison:
    frame = dj.load_dataset("castle")
    return dj.csdid(frame, *COLUMNS, est_method="reg", n_permutations=99, seed=3)


@pytest.fixture(scope="module")
def florida() -> dj.Comparison:
    frame = dj.load_dataset("castle")
    frame = frame[frame["gvar"].isin([0, 2005])]
    return dj.csdid(frame, *COLUMNS, est_method="reg", types=["simple", "dynamic"])


def test_rows_are_those_of_the_parts(castle):
    for type, agg in castle.aggregates.items():
        found = castle.inferences(type)
        assert list(found) == [*EVERY, "randomization"]
        exact = dj.jackknife(agg, critical="exact").inference
        np.testing.assert_array_equal(found["CV3, exact"].p, exact.p)
        np.testing.assert_array_equal(found["CV3, t(H-1)"].se, dj.jackknife(agg).inference.se)
        np.testing.assert_array_equal(found["clustered"].se, agg.analytic("sid").se)
        np.testing.assert_array_equal(found["by unit"].se, agg.analytic(None).se)
        drawn = dj.randomize(agg, "sid", n_permutations=99, seed=3)
        np.testing.assert_array_equal(found["randomization"].p, drawn.p_values("t"))
    frame = castle.to_frame()
    assert frame["inference"].tolist() == [*EVERY, "randomization"] * 4
    assert frame["n_treated_clusters"].eq(21).all()
    assert frame["df"].isna().tolist() == [True, False, False, False, True] * 4
    assert len(castle.to_frame(elements=True)) == 5 * sum(
        len(agg.parameters) for agg in castle.aggregates.values()
    )


def test_one_rule_for_all(florida):
    frame = florida.to_frame().set_index(["aggregation", "inference"])
    for type in florida.aggregates:
        for name in EVERY[1:]:
            assert frame.loc[(type, name), ["p", "ci_low", "ci_high"]].isna().all()
            assert frame.loc[(type, name), "se"] > 0
        assert frame.loc[(type, "CV3, exact"), "p"] == pytest.approx(0.6107, abs=1e-4)
    notes = " ".join(florida.notes)
    assert "No p-value and no interval for overall (simple), overall (dynamic)" in notes
    assert "Conley-Taber inference on the overall effect (simple): p = 0.433" in notes
    assert "exact if shocks to clusters are independent and normal" in notes
    row = next(line for line in florida.summary().split("\n") if "CV3, t(H-1)" in line)
    assert row.split()[-6:-3] == ["-", "-", "-"]  # p, ci_low, ci_high


def test_by_unit_falls_under_the_rule_of_clusters():
    """Many treated units in one state are no more than one treated cluster."""
    frame = dj.load_dataset("mpdta")
    state = frame.groupby("state")["first.treat"].transform("max")
    only = frame["state"] == frame.loc[state > 0, "state"].iloc[0]
    frame = frame[only | (frame["first.treat"] == 0)]
    cmp = dj.csdid(frame, "lemp", "year", "first.treat", "countyreal", cluster="state",
                   est_method="reg", type="simple")  # fmt: skip
    assert cmp.attgt.analytic(None).n_treated_clusters.min() > 1
    found = cmp.inferences("simple")
    assert np.isnan(found["by unit"].p[0]) and np.isnan(found["clustered"].p[0])
    assert np.isfinite(found["CV3, exact"].p[0])


def test_where_there_is_no_exact_distribution_the_reason_stands():
    frame = dj.load_dataset("castle")
    cmp = dj.csdid(frame, *COLUMNS, xformla="~ l_homicide", est_method="reg", type="simple")
    assert list(cmp.inferences("simple")) == EVERY[1:]
    assert cmp.exact == {} and "contain the outcome" in cmp.no_exact
    assert any(n.startswith("No exact critical values: The covariates") for n in cmp.notes)
    assert cmp.recommended("simple") is cmp.jackknives["simple"]


def test_more_clusters_than_asked_for_unasked(monkeypatch):
    monkeypatch.setattr(exact, "UNASKED", 10)
    cmp = dj.csdid(dj.load_dataset("castle"), *COLUMNS, est_method="reg", type="simple")
    assert cmp.no_exact.startswith("50 clusters are more than 10")
    assert "CV3, exact" not in cmp.inferences("simple")
    assert "No verdict: 50 clusters are more than 10" in cmp.jackknives["simple"].summary()
    asked = dj.jackknife(cmp.aggregates["simple"], critical="exact")
    assert "Verdict: 21 of 50" in asked.summary()


def test_odds_of_covariates_take_longer(monkeypatch):
    monkeypatch.setattr(exact, "UNASKED_ODDS", 10)
    frame = dj.load_dataset("castle")
    arguments = {"xformla": "~ popwt", "type": "simple"}
    slow = dj.csdid(frame, *COLUMNS, **arguments)
    assert slow.no_exact.startswith("50 clusters with propensities are more than 10")
    assert dj.csdid(frame, *COLUMNS, est_method="reg", **arguments).no_exact == ""
    assert dj.csdid(frame, *COLUMNS, type="simple").no_exact == ""  # no covariates


def test_randomization_that_is_not_possible_says_so():
    frame = dj.load_dataset("mpdta")
    one = frame["countyreal"] == frame.loc[frame["first.treat"] == 2007, "countyreal"].iloc[0]
    frame.loc[one, "first.treat"] = 2006  # now its state has two cohorts
    cmp = dj.csdid(frame, "lemp", "year", "first.treat", "countyreal", cluster="state",
                   est_method="reg", type="simple", n_permutations=19)  # fmt: skip
    assert cmp.randomizations == {}
    assert any(note.startswith("No randomization inference: ") for note in cmp.notes)


def test_placebos_are_for_few_treated_clusters(castle, florida):
    assert castle.placebos("simple") == []
    (test,) = florida.placebos("simple")  # all states have one unit: no sizes that differ
    assert test.method == "conley-taber"
    direct = dj.few_treated(florida.aggregates["simple"], "sid")
    assert test.p[0] == direct.p[0]


def test_the_level_of_clustering_is_tested_on_request(castle):
    frame = dj.load_dataset("mpdta")
    cmp = dj.csdid(frame, "lemp", "year", "first.treat", "countyreal", cluster="state",
                   est_method="reg", type="simple")  # fmt: skip
    test = cmp.cluster_level("simple")
    assert (test.fine, test.coarse) == ("countyreal", "state")
    with pytest.raises(dj.DesignError):
        castle.cluster_level("simple")  # both are the state


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"type": "simple", "types": ["group"]}, "not both"), ({"n_permutations": -1}, "0 or more")],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(dj.DataError, match=message):
        dj.csdid(dj.load_dataset("castle"), *COLUMNS, **wrong)


@pytest.mark.parametrize("word", ["cluster", "clustervars"])
def test_the_cluster_variable_reaches_every_part(word):
    frame = dj.load_dataset("mpdta")
    columns = ("lemp", "year", "first.treat", "countyreal")
    cmp = dj.csdid(frame, *columns, est_method="reg", type="simple", **{word: "state"})
    plain = dj.aggte(dj.att_gt(frame, *columns, est_method="reg"), "simple")
    agg = cmp.aggregates["simple"]
    assert agg.se == pytest.approx(plain.analytic("state").se[0], rel=1e-12)
    assert agg.se != pytest.approx(plain.se, rel=1e-3)
    assert cmp.attgt.inference.n_clusters == dj.jackknife(agg).n_clusters == 29
    assert dj.jackknife(agg).se == cmp.jackknives["simple"].se
    assert dj.multiplier(agg, n_boot=10).n_clusters == 29
    assert dj.randomize(agg, n_permutations=9).cluster == "state"
    assert not any("No cluster variable" in note for note in cmp.notes)


def test_it_says_which_clusters_it_took(florida):
    assert "No cluster variable was given: every 'sid' is a cluster." in florida.notes


def test_two_names_of_one_argument():
    frame = dj.load_dataset("mpdta")
    columns = ("lemp", "year", "first.treat", "countyreal")
    with pytest.raises(dj.DataError, match="two names of the same argument"):
        dj.csdid(frame, *columns, clustervars="state", cluster="countyreal")
    agg = dj.aggte(dj.att_gt(frame, *columns, est_method="reg"), "simple")
    with pytest.raises(dj.DataError, match="one cluster variable, not 'state' and 'countyreal'"):
        dj.jackknife(agg, "state", cluster="countyreal")
    with pytest.raises(dj.DataError, match="one cluster variable"):
        dj.randomize(agg, ["state", "countyreal"])
    assert dj.jackknife(agg, "state", cluster="state").se == dj.jackknife(agg, cluster="state").se
    assert dj.wald_pretest(agg.attgt, "state").p == dj.wald_pretest(agg.attgt, cluster="state").p


def test_verdicts_come_first(castle, florida):
    for cmp in (castle, florida):
        lines = cmp.summary().split("\n")
        for line, (type, found) in zip(lines, cmp.verdicts().items(), strict=False):
            assert line == f"{type}: {found.sentence}"
            assert found.p == pytest.approx(cmp.exact[type].p, rel=1e-12)
    assert castle.verdict().significant and castle.verdict("dynamic").significant is False
    assert castle.verdict("dynamic", "event:-8").significant is None
    assert florida.verdict().significant is False
    test = castle.exact["dynamic"].pretest()
    assert f"Before treatment: {test.sentence}" in castle.summary().split("\n")
    assert "smallest p (CV3, exact) of 7 parameters (1 left out" in test.sentence
    assert "No test before treatment: Fewer than 2 treated clusters" in florida.summary()


def test_no_verdict_without_exact_values():
    frame = dj.load_dataset("castle")
    cmp = dj.csdid(frame, *COLUMNS, xformla="~ l_homicide", est_method="reg", type="simple")
    assert cmp.verdicts() == {}
    with pytest.raises(dj.DesignError, match="contain the outcome"):
        cmp.verdict()
    assert "No verdict: The covariates" in cmp.jackknives["simple"].summary()


def test_the_set_that_randomization_does_not_reject_is_told(castle):
    ((low, high),) = castle.randomizations["simple"].intervals()
    text = f"95% set of the overall effect (simple) that randomization does not reject: {low:.4g}"
    assert f"{text} to {high:.4g}." in castle.notes


def test_windows_go_where_they_apply():
    frame = dj.load_dataset("castle")
    cmp = dj.csdid(frame, *COLUMNS, est_method="reg", min_e=-3, max_e=2)
    assert list(cmp.aggregates) == ["simple", "dynamic", "group", "calendar"]
    assert cmp.aggregates["dynamic"].labels.tolist() == [-3, -2, -1, 0, 1, 2]
    for type, window in (("simple", {"max_e": 2}), ("dynamic", {"min_e": -3, "max_e": 2}),
                         ("group", {"max_e": 2}), ("calendar", {})):  # fmt: skip
        apart = dj.aggte(cmp.attgt, type, **window)
        np.testing.assert_array_equal(cmp.aggregates[type].values, apart.values)
    assert cmp.jackknives["simple"].att != dj.csdid(frame, *COLUMNS, type="simple").aggregates[
        "simple"
    ].att  # fmt: skip
    balanced = dj.csdid(frame, *COLUMNS, est_method="reg", balance_e=1, type="dynamic")
    assert balanced.aggregates["dynamic"].labels.max() == 1
    for type, name in (("simple", "min_e"), ("calendar", "max_e"), ("group", "balance_e")):
        with pytest.raises(dj.DataError, match=f"{name} does not apply to '{type}'"):
            dj.csdid(frame, *COLUMNS, est_method="reg", types=[type], **{name: 1})


def test_the_long_table(castle):
    tidy, frame = castle.tidy(), castle.to_frame(elements=True)
    assert tidy.columns.tolist() == [
        "aggregation", "term", "inference", "estimate", "std_error", "statistic", "p_value",
        "conf_low", "conf_high", "n_treated_clusters",
    ]  # fmt: skip
    for ours, theirs in (("term", "parameter"), ("estimate", "att"), ("p_value", "p")):
        assert tidy[ours].equals(frame[theirs].rename(ours))
    assert len(castle.tidy(elements=False)) == len(castle.to_frame())
    one = tidy[(tidy["aggregation"] == "dynamic") & (tidy["inference"] == "CV3, t(H-1)")]
    np.testing.assert_array_equal(one["std_error"], castle.jackknives["dynamic"].inference.se)


def test_one_row_on_everything(castle, florida):
    row = castle.glance().squeeze()
    assert row[["n", "n_clusters", "n_treated_clusters", "n_permutations"]].tolist() == [
        50, 50, 21, 99,
    ]  # fmt: skip
    assert row["cluster"] == "sid" and bool(row["exact"])
    assert row["aggregations"] == "simple, dynamic, group, calendar"
    assert row["n_warnings"] == len(castle.warnings) > 0
    assert florida.glance()["n_treated_clusters"].item() == 1
    assert set(castle.warnings) <= set(castle.notes)


def test_every_argument_of_csdid_is_documented():
    doc = dj.csdid.__doc__
    for name in inspect.signature(dj.csdid).parameters:
        assert re.search(rf"^    (\w+, )*{name}(, \w+)* :", doc, re.MULTILINE), name
