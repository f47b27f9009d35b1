"""Tables, ledgers and texts of group-time effects and averages, on a panel done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.effects.estimation import Estimation
from didjack.effects.joint import Joint

# Periods 1, 2, 4. The never treated change by 1 on average from 1 to 2 and by 2 from 2 to 4.
PATHS = {
    "a": (0, (1.0, 3.0, 6.0)),
    "b": (0, (2.0, 2.0, 3.0)),
    "c": (2, (0.0, 4.0, 7.0)),
    "d": (2, (1.0, 3.0, 3.0)),
    "e": (4, (5.0, 5.0, 9.0)),
}
SHARED = {"est_method": "reg", "clustervars": "town"}


def by_hand() -> pd.DataFrame:
    rows = [
        (u, g, t, y) for u, (g, path) in PATHS.items() for t, y in zip((1, 2, 4), path, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["unit", "g", "t", "y"])
    return frame.assign(town=frame["unit"].map({"a": 1, "b": 2, "c": 3, "d": 3, "e": 4}))


def att_gt(frame: pd.DataFrame, **options: object) -> dj.ATTgt:
    return dj.att_gt(frame, "y", "t", "g", "unit", **SHARED | options)


def test_the_table_of_cells():
    res = att_gt(by_hand())
    frame = res.to_frame()
    assert frame["group"].tolist() == [2, 2, 4, 4] and frame["group"].dtype == "int64"
    assert frame["time"].tolist() == [2, 4, 2, 4] and frame["time"].dtype == "int64"
    assert frame["event_time"].tolist() == [0, 2, -2, 0]
    assert frame["post"].tolist() == [True, True, False, True]
    assert frame["base"].tolist() == [1, 1, 1, 2]
    # Cohort 2 changes by 3 and 4.5 from 1 on, the never treated by 1 and 3; cohort 4 by 0 and 4.
    np.testing.assert_allclose(frame["att"], [2.0, 1.5, -1.0, 2.0], rtol=1e-14)
    assert frame["n_treated"].tolist() == [2, 2, 1, 1]
    assert frame["n_control"].tolist() == [2, 2, 2, 2]
    assert frame["status"].tolist() == ["ok"] * 4
    assert frame["reason"].tolist() == [""] * 4
    assert frame["se"].tolist() == res.se.tolist() == res.analytic("town").se.tolist()
    assert res.inference.method == "clustered" and res.inference.n_clusters == 4
    assert res.analytic().method == "analytic" and res.analytic().level == 0.95
    assert frame.columns.tolist() == [
        "group", "time", "event_time", "post", "base", "att", "se", "n_treated", "n_control",
        "status", "reason", "n_treated_clusters",
    ]  # fmt: skip
    assert frame["n_treated_clusters"].tolist() == [1, 1, 1, 1]


def test_periods_that_are_no_whole_numbers_stay_as_they_are():
    frame = by_hand()
    half = frame.assign(t=frame["t"] / 2, g=frame["g"] / 2)
    table = att_gt(half).to_frame()
    assert table["time"].tolist() == [1, 2, 1, 2] and table["time"].dtype == "int64"
    assert table["base"].tolist() == [0.5, 0.5, 0.5, 1.0]


def test_base_periods_are_told_apart():
    table = att_gt(by_hand(), base_period="universal").to_frame()
    at_base = table["status"] == "base_period"
    assert table.loc[at_base, ["group", "time"]].to_numpy().tolist() == [[2, 1], [4, 2]]
    assert (table.loc[at_base, "reason"] == "base period: zero by construction").all()
    assert (table.loc[at_base, "att"] == 0).all() and table.loc[at_base, "se"].isna().all()


def test_one_row_on_everything():
    res = att_gt(by_hand())
    expected = {
        "n": 5, "n_groups": 2, "n_periods": 3, "n_cells": 4, "n_estimable": 4,
        "est_method": "reg", "control_group": "nevertreated", "base_period": "varying",
    }  # fmt: skip
    assert res.glance().to_dict("records") == [expected]
    agg = dj.aggte(res, "group")
    (row,) = agg.glance().to_dict("records")
    assert row == expected | {"type": "group", "att": agg.att, "se": agg.se}
    jk = dj.jackknife(agg)
    (row,) = jk.glance().to_dict("records")
    assert row == expected | {
        "att": jk.att, "se": jk.se, "method": "CV3", "cluster": "town", "n_clusters": 4,
        "n_replicates": 4, "df": 3,
    }  # fmt: skip


def test_what_results_are_made_of():
    res = att_gt(by_hand())
    assert res.groups.tolist() == [2, 4] and res.times.tolist() == [1, 2, 4]
    agg = dj.aggte(res, "group")
    # (2 + 1.5) / 2 for cohort 2, with two units; 2 for cohort 4, with one.
    np.testing.assert_allclose(agg.values, [(2 * 1.75 + 2) / 3, 1.75, 2.0], rtol=1e-14)
    assert agg.type == "group" and agg.labels.tolist() == [2, 4]
    assert agg.att == agg.values[0] and agg.atts.tolist() == agg.values[1:].tolist()
    errors = agg.analytic("town").se
    assert agg.se == errors[0] and agg.ses.tolist() == errors[1:].tolist()
    assert agg.analytic("town").method == "clustered" and agg.analytic().method == "analytic"
    assert agg.analytic("town").n_clusters == 4 and agg.analytic().n_clusters == 5
    assert agg.analytic("town", 0.9).level == 0.9 and agg.analytic("town").level == 0.95
    frame = agg.to_frame()
    assert "df" not in frame and "n_clusters" not in frame
    assert frame["parameter"].tolist() == ["overall", "group:2", "group:4"]


def test_short_texts():
    res = att_gt(by_hand())
    first, second, before, few, small, controls, empty, *table = res.summary().split("\n")
    assert first == "Group-time effects: 4 of 4 cells, 2 cohorts, 3 periods, 5 units"
    assert second == "Method reg, controls nevertreated, base period varying"
    assert before == f"Before treatment: {dj.wald_pretest(res).sentence}"
    assert few.startswith("Warning: No p-value and no interval for ATT(2,2), ATT(2,4)")
    assert small == "Small cohorts, with fewer than 5 units: never treated, 2, 4."
    assert controls.startswith("R did refuses a never-treated group as small as this one")
    assert empty == "" and len(table) == 5 and table[0].split()[:2] == ["group", "time"]
    assert table[1].split()[:2] == ["2", "2"]
    sections = dj.att_gt(by_hand(), "y", "t", "g", **SHARED)
    assert "rows (repeated cross-sections)" in sections.summary()
    incomplete = att_gt(by_hand().iloc[1:])
    assert "Left out: 1 entries, see .ledger" in incomplete.summary().split("\n")
    head, empty, *table = dj.aggte(res, "group").summary().split("\n")
    assert head == "Aggregation: group" and empty == ""
    rows = table[: table.index("")]
    assert [line.split()[0] for line in rows] == ["parameter", "overall", "group:2", "group:4"]


def test_several_averages_stand_side_by_side():
    res = att_gt(by_hand())
    parts = [dj.aggte(res, type_) for type_ in ("group", "simple")]
    joint = Joint.of(parts)
    assert joint.parameters == ("group", "group:2", "group:4", "simple")
    assert [p.kind for p in joint.parameters] == ["group", "group", "group", "simple"]
    assert joint.values.tolist() == [*parts[0].values, parts[1].att]
    assert joint.inference.se.tolist() == [*parts[0].inference.se, parts[1].se]
    assert joint.analytic().level == 0.95 and joint.analytic(level=0.8).level == 0.8
    for wrong, message in (
        ([], "Give aggregations from aggte"),
        ([parts[0], res], "Give aggregations from aggte"),
        ([parts[0], dj.aggte(res, "group")], "each type of aggregation once"),
    ):
        with pytest.raises(dj.DataError, match=message):
            Joint.of(wrong)


# --- what was left out ------------------------------------------------------------------------


def test_the_ledger_counts_rows_of_cells_and_says_why():
    """Sections where cohort 4 is not seen in period 2: two of its comparisons lack a period."""
    frame = by_hand()
    frame = frame[~((frame["g"] == 4) & (frame["t"] == 2))]
    res = dj.att_gt(frame, "y", "t", "g", **SHARED)
    assert res.ledger.columns.tolist() == ["kind", "what", "group", "time", "count", "reason"]
    why = "no treated rows in one of the two periods"
    # One treated row is left in each of the two comparisons, with four of the never treated.
    assert res.ledger.to_numpy().tolist() == [
        ["cell", "ATT(4,2)", 4.0, 2.0, 5, why],
        ["cell", "ATT(4,4)", 4.0, 4.0, 5, why],
    ]
    assert res.estimable.tolist() == [True, True, False, False]
    table = res.to_frame()
    assert table["status"].tolist() == ["ok", "ok", "no_treated", "no_treated"]
    assert table["reason"].tolist() == ["", "", why, why]


def separated(n: int = 60) -> pd.DataFrame:
    """Return a panel in which no treated unit has the flag; three periods, two cohorts."""
    rng = np.random.default_rng(0)
    units = pd.DataFrame({"unit": range(n), "g": rng.choice([0, 0, 2, 3], n)})
    units["x"], units["flag"] = rng.normal(size=n), (units["g"] == 0) * rng.integers(0, 2, n)
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3]}), how="cross")
    return frame.assign(y=rng.normal(size=len(frame)), town=frame["unit"])


@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
@pytest.mark.parametrize("rule", ["drop", "csdid", "error"])
def test_separation_is_told_and_refused_if_asked(rule, method):
    frame = separated()
    options = {"est_method": method, "xformla": "~ x + flag", "separation": rule}
    if rule == "error":
        with pytest.raises(dj.DesignError) as caught:
            att_gt(frame, **options)
        message = str(caught.value)
        assert message.startswith("4 cells cannot be estimated as specified: ATT(2,2): flag sep")
        assert "; ATT(3,3): flag separates" in message and "; ..." not in message
        return
    res = att_gt(frame, **options)
    units = frame.drop_duplicates("unit")["g"].value_counts()
    assert res.ledger["kind"].tolist() == ["separation"] * 4
    assert res.ledger["what"].tolist() == ["ATT(2,2)", "ATT(2,3)", "ATT(3,2)", "ATT(3,3)"]
    assert res.ledger["count"].tolist() == [units[g] + units[0] for g in (2, 2, 3, 3)]
    assert set(res.ledger["reason"]) == {
        "flag separates some controls from all treated: no weight for them"
    }


def test_a_covariate_that_spoils_a_cell_is_named():
    """In sections the treated have no flag in either period, so their regression has none."""
    res = att_gt(separated(), est_method="dr", xformla="~ x + flag", panel=False)
    assert set(res.ledger["kind"]) == {"cell"} and not res.estimable.any()
    assert set(res.ledger["reason"]) == {"covariates are collinear among the treated: flag"}
    with pytest.raises(dj.DesignError, match=r": no ATT\(g,t\) can be estimated; see .ledger"):
        dj.aggte(res)


def test_a_window_without_cells_is_told_from_a_sample_without_cells():
    with pytest.raises(dj.DesignError, match="Widen min_e, max_e or balance_e"):
        dj.aggte(att_gt(by_hand()), "dynamic", min_e=7)


def test_only_five_cells_are_listed_where_separation_is_refused():
    frame = separated()
    more = pd.concat([frame, frame[frame["t"] == 3].assign(t=4, y=0.0)])
    with pytest.raises(dj.DesignError) as caught:
        att_gt(more, est_method="dr", xformla="~ x + flag", separation="error")
    message = str(caught.value)
    assert message.startswith("6 cells") and message.count("flag separates") == 5
    assert "for them; .... Leave out the covariates named" in message


# --- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False, 1.0, "1", -1])
def test_anticipation_is_a_whole_number(value):
    with pytest.raises(dj.DataError, match="anticipation must be a whole number of periods"):
        att_gt(by_hand(), anticipation=value)


def test_anticipation_moves_base_periods():
    """Cohort 2 has no period before 1, and cohort 4 is compared with period 2."""
    for one in (1, np.int64(1)):
        res = att_gt(by_hand(), anticipation=one)
        assert res.groups.tolist() == [4]
    assert att_gt(by_hand(), anticipation=0).groups.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("given", "beyond"),
    [
        (None, None),
        ("unit", None),
        ("town", "town"),
        (["unit", "town"], "town"),
        (["town"], "town"),
    ],
)
def test_cluster_variables(given, beyond):
    res = att_gt(by_hand(), clustervars=given)
    assert res.beyond_unit == beyond
    assert res.deletions().clusters.name == (beyond or "unit")
    assert res.deletions("town").clusters.name == "town"
    assert res.unit_clusters(None) is None and res.unit_clusters("unit") is None
    assert res.unit_clusters("town").tolist() == [0, 1, 2, 2, 3]


def test_two_variables_beyond_the_unit_are_refused():
    frame = by_hand().assign(region=1)
    with pytest.raises(dj.DataError, match="clustervars names 2 variables"):
        att_gt(frame, clustervars=["town", "region"])


def test_the_unit_is_a_cluster_in_cross_sections():
    sections = dj.att_gt(by_hand(), "y", "t", "g", "unit", est_method="reg", panel=False,
                         clustervars="unit")  # fmt: skip
    assert sections.beyond_unit == "unit" and len(sections.unit_clusters("unit")) == 15
    assert sections.n == 15
    assert att_gt(by_hand(), panel=True).n == 5


def test_options_of_every_kind_are_listed():
    for option, listed in (
        ("control_group", "'nevertreated' or 'notyettreated'"),
        ("base_period", "'varying' or 'universal'"),
        ("separation", "'drop' or 'csdid' or 'error'"),
        ("est_method", "'dr' or 'ipw' or 'reg' or 'drimp' or .* or 'drimp_rc1'"),
    ):
        with pytest.raises(dj.DataError, match=f"{option} must be {listed}, not 'none'"):
            att_gt(by_hand(), **{option: "none"})


def test_another_frame_is_estimated_with_the_same_arguments():
    estimation = att_gt(by_hand(), control_group="notyettreated").estimation
    moved = estimation.on_frame(by_hand().assign(y=lambda f: 2 * f["y"]))
    assert isinstance(moved, Estimation) and moved.options == estimation.options
    np.testing.assert_allclose(moved.att, 2 * estimation.att, rtol=1e-14)
    part = estimation.refit(by_hand()["unit"].to_numpy() != "d")
    assert part.n == 4 and part.options == estimation.options
