"""Bad input: an error that names the column, some rows and the remedy, or a counted drop."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.errors import DataError, DesignError

KWARGS: dict[str, Any] = {
    "yname": "sales",
    "tname": "month",
    "gname": "first",
    "idname": "shop",
    "clustervars": "town",
    "est_method": "reg",
}
WITH_X = KWARGS | {"xformla": "~ size"}
SECTIONS = WITH_X | {"panel": False, "idname": None}
REMEDY = re.compile(
    r"\b(use|pass|give|drop|drops|fill|convert|correct|add|remove|aggregate|choose|must be|check|"
    r"shift|convert|look like|reset_index|did you mean|rename|needs?|columns:)(\b|\s)",
    re.IGNORECASE,
)


@pytest.fixture
def shops() -> pd.DataFrame:
    """Return 12 shops in 6 towns over months 1-5; the index holds labels that say the row."""
    rng = np.random.default_rng(0)
    units = pd.DataFrame(
        {"shop": np.arange(12), "town": np.repeat(np.arange(6), 2), "first": [0, 0, 3, 0, 4, 3] * 2}
    )
    frame = units.merge(pd.DataFrame({"month": range(1, 6)}), how="cross")
    frame["sales"] = rng.normal(size=len(frame))
    frame["size"] = rng.normal(size=len(frame))
    return frame.set_axis([f"row{i}" for i in range(len(frame))])


def refused(error: type[Exception], frame: Any, kwargs: dict[str, Any], *names: str) -> str:
    """Check that att_gt refuses, and that the message holds all names and a remedy."""
    with pytest.raises(error) as caught:
        dj.att_gt(frame, **kwargs)
    message = str(caught.value)
    for name in names:
        assert name in message, f"{name!r} is not in: {message}"
    assert REMEDY.search(message), f"no remedy in: {message}"
    return message


def set_at(frame: pd.DataFrame, column: str, rows: list[int], value: Any) -> pd.DataFrame:
    frame = frame.copy()
    if not pd.api.types.is_numeric_dtype(pd.Series([value]).dtype):
        frame[column] = frame[column].astype(object)
    elif isinstance(value, float):
        frame[column] = frame[column].astype(float)
    frame.iloc[rows, frame.columns.get_loc(column)] = value
    return frame


def test_the_good_data_are_good(shops):
    for kwargs in (KWARGS, WITH_X, SECTIONS):
        res = dj.att_gt(shops, **kwargs)
        assert res.ledger.empty
        assert np.isfinite(dj.jackknife(dj.aggte(res, type="simple")).se)


# --- columns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["yname", "tname", "gname", "idname", "clustervars"])
def test_missing_column(shops, argument):
    refused(DataError, shops, KWARGS | {argument: "nowhere"}, "nowhere", argument)


def test_missing_weights_column(shops):
    refused(DataError, shops, KWARGS | {"weightsname": "nowhere"}, "nowhere", "weightsname")


def test_missing_covariate(shops):
    refused(DataError, shops, KWARGS | {"xformla": "~ size + nowhere"}, "nowhere", "xformla")


def test_close_name_is_suggested(shops):
    assert "sales" in refused(DataError, shops, KWARGS | {"yname": "Sales"}, "Sales")


def test_no_frame():
    refused(DataError, [[1, 2], [3, 4]], KWARGS, "DataFrame")


def test_no_rows(shops):
    refused(DataError, shops.iloc[:0], KWARGS, "row")


def test_repeated_column_names(shops):
    twice = pd.concat([shops, shops[["sales"]]], axis=1)
    refused(DataError, twice, KWARGS, "sales")


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["sales", "month", "first"])
def test_text_where_numbers_belong(shops, column):
    message = refused(DataError, set_at(shops, column, [7, 9], "n/a"), KWARGS, column, "n/a")
    assert "row7" in message and "row9" in message


def test_numbers_as_text(shops):
    refused(
        DataError, shops.assign(sales=shops["sales"].astype(str)), KWARGS, "sales", "to_numeric"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["sales", "size"])
def test_missing_outcome_or_covariate_is_counted(shops, column, value):
    """In a panel the whole unit goes, as in R did; in cross-sections only the rows."""
    bad = set_at(shops, column, [7, 9, 11], value)
    panel = dj.att_gt(bad, **WITH_X)
    assert panel.n == 10
    entry = panel.ledger.query("kind == 'rows'").squeeze()
    assert (entry["count"], entry["what"]) == (3, column) or column in str(entry["what"])
    assert panel.ledger.query("kind == 'units'")["count"].sum() == 2
    sections = dj.att_gt(bad, **SECTIONS)
    assert sections.n == len(shops) - 3
    assert sections.ledger.query("kind == 'rows'")["count"].sum() == 3


def test_missing_outcome_equals_dropping_by_hand(shops):
    bad = set_at(shops, "sales", [7, 9, 11], np.nan)
    for kwargs, by_hand in (
        (WITH_X, shops[~shops["shop"].isin([1, 2])]),
        (SECTIONS, shops.drop(index=["row7", "row9", "row11"])),
    ):
        ours = dj.aggte(dj.att_gt(bad, **kwargs), type="group").to_frame()
        expected = dj.aggte(dj.att_gt(by_hand, **kwargs), type="group").to_frame()
        pd.testing.assert_frame_equal(ours, expected, rtol=1e-12)


def test_every_outcome_missing(shops):
    refused(DataError, shops.assign(sales=np.nan), KWARGS, "sales")


@pytest.mark.parametrize("column", ["town", "shop", "month"])
def test_missing_identifiers(shops, column):
    message = refused(DataError, set_at(shops, column, [7, 9], np.nan), KWARGS, column)
    assert "row7" in message and "row9" in message


def test_missing_cluster_named_in_the_jackknife(shops):
    bad = set_at(shops.assign(county=shops["town"]), "county", [7], np.nan)
    agg = dj.aggte(dj.att_gt(bad, **KWARGS), type="simple")
    with pytest.raises(DataError, match=r"(?s)county.*row7"):
        dj.jackknife(agg, cluster="county")
    with pytest.raises(DataError, match="nowhere"):
        dj.jackknife(agg, cluster="nowhere")


def test_negative_weights(shops):
    bad = set_at(shops.assign(people=1.0), "people", [7], -2.0)
    refused(DataError, bad, KWARGS | {"weightsname": "people"}, "people", "row7")


def test_no_positive_weight(shops):
    bad = shops.assign(people=0.0)
    refused(DataError, bad, KWARGS | {"weightsname": "people"}, "people", "positive")


def test_missing_weights_are_counted(shops):
    bad = set_at(shops.assign(people=1.0), "people", [7], np.nan)
    res = dj.att_gt(bad, **SECTIONS | {"weightsname": "people"})
    assert res.ledger.query("kind == 'rows'")["count"].sum() == 1


def test_negative_cohort(shops):
    refused(DataError, set_at(shops, "first", list(range(5)), -1), KWARGS, "first", "row0")


MISSING = {"None": None, "NaN": np.nan, "NA": pd.NA, "NaT": pd.NaT}


@pytest.mark.parametrize("dtype", ["object", "float64", "Float64", "Int64", "category"])
@pytest.mark.parametrize("missing", MISSING.values(), ids=MISSING.keys())
@pytest.mark.parametrize("kwargs", [WITH_X, SECTIONS])
def test_missing_cohorts_are_never_treated(shops, missing, dtype, kwargs):
    """Counted, named and estimated like 0, whatever stands for missing."""
    bad = shops.assign(first=shops["first"].astype(object))
    bad.loc[bad["shop"] == 1, "first"] = missing
    if dtype != "object":
        bad["first"] = pd.Series(
            [np.nan if pd.isna(g) else float(g) for g in bad["first"]], bad.index
        ).astype(dtype)
    res, expected = dj.att_gt(bad, **kwargs), dj.att_gt(shops, **kwargs)
    np.testing.assert_array_equal(res.att, expected.att)
    entry = res.ledger.squeeze()
    assert (entry["kind"], entry["what"], entry["count"]) == ("cohort", "missing", 5)
    assert "'first'" in entry["reason"] and "never treated" in entry["reason"]
    assert "check that these are not unknown" in entry["reason"]  # shops 0, 3, ... have 0
    note = res.notes[0]
    assert note.startswith("Cohort missing (5 rows): no value in column 'first'")
    assert note in res.summary()


def test_missing_cohorts_as_the_only_never_treated(shops):
    bad = shops.assign(first=shops["first"].replace(0, np.nan))
    entry = dj.att_gt(bad, **KWARGS).ledger.squeeze()
    assert entry["count"] == 30 and entry["reason"].endswith("counted as never treated")


def test_missing_cohorts_among_rows_that_leave(shops):
    """Counted are the rows that stay."""
    bad = set_at(shops.assign(first=shops["first"].replace(0, np.nan)), "sales", [0, 1], np.nan)
    ledger = dj.att_gt(bad, **SECTIONS).ledger
    assert ledger[["kind", "count"]].to_numpy().tolist() == [["rows", 2], ["cohort", 28]]


def test_a_cohort_that_is_missing_in_some_periods(shops):
    message = refused(DataError, set_at(shops, "first", [12], np.nan), KWARGS, "first", "shop")
    assert "row12" in message


def test_zero_and_inf_need_no_note(shops):
    res = dj.att_gt(shops.assign(first=shops["first"].replace(0, np.inf)), **KWARGS)
    assert res.ledger.empty and not any("missing" in note for note in res.notes)


@pytest.mark.parametrize("column", ["sales", "month", "first", "size", "weight"])
@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(object),
        lambda x: x.map(lambda v: Decimal(repr(float(v)))),
        lambda x: x.astype("Float64"),
        lambda x: x.astype("category"),
    ],
    ids=["object", "Decimal", "Float64", "category"],
)
def test_numbers_of_other_types(shops, column, convert):
    if column == "size" and convert(shops["size"]).dtype == "category":
        pytest.skip("a covariate of this type has an indicator for each value")
    shops = shops.assign(weight=2.5)
    kwargs = WITH_X | {"weightsname": "weight"}
    res = dj.att_gt(shops.assign(**{column: convert(shops[column])}), **kwargs)
    np.testing.assert_array_equal(res.att, dj.att_gt(shops, **kwargs).att)


@pytest.mark.parametrize("value", [True, "3", b"3", 1j, [3]])
def test_objects_that_are_no_numbers(shops, value):
    bad = shops.assign(first=shops["first"].astype(object))
    bad["first"] = pd.Series([value] * 5 + bad["first"].tolist()[5:], bad.index, dtype=object)
    refused(DataError, bad, KWARGS, "first")


# --- units ------------------------------------------------------------------------------------


def test_duplicated_unit_and_period(shops):
    bad = pd.concat([shops, shops.iloc[[7]].set_axis(["again"])])
    message = refused(DataError, bad, KWARGS, "shop", "month")
    assert "row7" in message or "again" in message


def test_cohort_changes_within_unit(shops):
    message = refused(DataError, set_at(shops, "first", [12], 5), KWARGS, "first", "shop")
    assert re.search(r"row1[0-4]", message)


def test_cluster_changes_within_unit(shops):
    message = refused(DataError, set_at(shops, "town", [12], 5), KWARGS, "town", "shop")
    assert re.search(r"row1[0-4]", message)


def test_cluster_of_the_jackknife_changes_within_unit(shops):
    agg = dj.aggte(dj.att_gt(shops.assign(odd=shops["month"] % 2), **KWARGS), type="simple")
    with pytest.raises(DataError, match=r"(?s)odd.*shop"):
        dj.jackknife(agg, cluster="odd")


def test_incomplete_units_are_counted(shops):
    res = dj.att_gt(shops.drop(index=["row7", "row9"]), **KWARGS)
    entry = res.ledger.query("kind == 'units'").squeeze()
    assert (res.n, entry["count"], entry["what"]) == (11, 1, "shop")


def test_an_unbalanced_panel_is_called_so(shops):
    """Nowhere repeated cross-sections, though the same formulas are used."""
    gaps = shops.drop(index=["row7", "row9"])
    res = dj.att_gt(gaps, **KWARGS | {"allow_unbalanced_panel": True})
    assert res.n == 12 and "12 units (unbalanced panel)" in res.summary()
    agg = dj.aggte(res, "group")
    words = [res.summary(), *res.notes, agg.summary(), repr(res.glance()), res.ledger.to_string()]
    words += [dj.jackknife(agg).summary(), *dj.jackknife(agg).notes]
    assert not any("cross-section" in text for text in words)
    whole = dj.att_gt(shops, **KWARGS | {"allow_unbalanced_panel": True})
    assert "unbalanced" not in whole.summary() and "12 units" in whole.summary()


def test_no_complete_unit(shops):
    gaps = shops[(shops["shop"] + shops["month"]) % 5 != 0]
    refused(DesignError, gaps, KWARGS, "shop", "month", "panel")


def test_panel_without_unit(shops):
    refused(DataError, shops, KWARGS | {"idname": None, "panel": True}, "idname", "panel=False")


# --- what may not be meant --------------------------------------------------------------------


@pytest.fixture
def many(shops) -> pd.DataFrame:
    """Five times as many shops, so that no cohort is small."""
    parts = [shops.assign(shop=shops["shop"] + 100 * i) for i in range(5)]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(sales=np.random.default_rng(4).normal(size=len(frame)), people=2.0)


WEIGHTED = KWARGS | {"weightsname": "people"}


def of_sample(frame, **kwargs) -> list[str]:
    """Return the notes on the sample, without those on p-values of few treated clusters."""
    res = dj.att_gt(frame, **kwargs)
    return [note for note in res.notes if note not in res.inference.warnings]


def test_nothing_to_say(many):
    for kwargs in (WEIGHTED, WEIGHTED | {"xformla": "~ size"}, SECTIONS):
        frame = many if kwargs["idname"] else many.drop(columns="shop")
        assert of_sample(frame, **kwargs) == []


def test_small_cohorts_are_named(shops, many):
    """The rule of R did: five units, and one more for each covariate."""
    (note,) = of_sample(shops, **KWARGS)
    assert note == "Small cohorts, with fewer than 5 units: 3, 4."
    six = many[many["shop"] % 100 != 5]  # of cohort 3; with ten shops 0, 1, ... in cohort 4
    for k, small in ((0, False), (5, False), (6, True)):
        names = [f"x{i}" for i in range(k)]
        rng = np.random.default_rng(k)
        frame = six.assign(**{name: rng.normal(size=len(six)) for name in names})
        notes = of_sample(frame, **KWARGS | {"xformla": "~ " + " + ".join(["1", *names])})
        assert bool(notes) == small
        assert not small or "fewer than 11 units (5 and the number of covariates): 4." in notes[0]


def test_weights_that_change_are_named(many):
    changing = many.assign(people=many["month"])
    (note,) = of_sample(changing, **WEIGHTED)
    assert note.startswith("Column 'people' (weightsname) changes within units")
    assert of_sample(changing.drop(columns="shop"), **SECTIONS | {"weightsname": "people"}) == []


def test_whose_weight_counts_is_named(many):
    """The earlier period's, unless fix_weights or rows that are not paired say otherwise."""
    changing = many.assign(people=many["month"] + many["shop"] % 3)

    def rule(frame, **options):
        (note,) = (n for n in of_sample(frame, **WEIGHTED | options) if "changes within units" in n)
        return note.split(": ", 1)[1]

    earlier = "a comparison weights by the earlier of its two periods"
    assert rule(changing).startswith(earlier) and "fix_weights changes that" in rule(changing)
    assert rule(changing, fix_weights="first_period").startswith(
        "a comparison weights by fix_weights='first_period'"
    )
    gaps = changing.drop(index=changing.index[[1]])
    alone = rule(gaps, allow_unbalanced_panel=True)
    assert alone.startswith("every row has its own weight")
    assert "by the mean over a unit's periods" in alone
    assert rule(gaps, balance="pair").startswith(earlier)
    pair, full = (dj.att_gt(changing, **WEIGHTED, balance=b).att for b in ("pair", "full"))
    np.testing.assert_allclose(pair, full, rtol=1e-10)
    constant = many.assign(people=many["shop"] % 3 + 1).drop(index=many.index[[1]])
    notes = of_sample(constant, **WEIGHTED, allow_unbalanced_panel=True)
    assert not any("changes within units" in note for note in notes)


def test_few_never_treated_units_are_named_with_the_remedy(many):
    never = many.loc[many["first"].eq(0), "shop"].unique()
    few = many[~many["shop"].isin(never[4:])]
    notes = of_sample(few, **KWARGS)
    assert "Small cohorts, with fewer than 5 units: never treated." in notes
    assert any("control_group='notyettreated' adds units" in note for note in notes)
    notes = of_sample(few, **KWARGS | {"control_group": "notyettreated"})
    assert not any("adds units" in note for note in notes)


def test_a_constant_outcome_is_named(many):
    (note,) = of_sample(many.assign(sales=3.0), **KWARGS)
    assert note == "Column 'sales' is 3 in every row: all effects are zero."


def test_a_forgotten_unit_is_named(many):
    (note,) = of_sample(many, **SECTIONS)
    assert "column 'shop' occurs once in each period: pass idname='shop'" in note
    # Not where a value occurs twice in a period, is missing, or changes cohort.
    rows = many.assign(shop=np.arange(len(many)))
    twice = many.assign(shop=many["shop"].where(many["month"] > 1, many["shop"] // 2))
    mixed = many.assign(shop=np.random.default_rng(0).permutation(many["shop"]))
    for frame in (rows, twice, mixed):
        assert of_sample(frame, **SECTIONS) == []


def test_units_left_out_are_set_against_all(many):
    res = dj.att_gt(many.drop(index=[0, 7, 8]), **KWARGS)
    assert "2 of 60 units are left out for missing periods" in res.notes[1]
    assert res.notes[0].startswith("Units of shop left out (2 units): not observed in all 5")


LATER = {"month": lambda d: d["month"] + 2000}


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({**LATER, "first": lambda d: (d["first"] > 0) * 1}, {}, ["'first'", "dj.gname("]),
        ({**LATER, "first": lambda d: d["first"] > 0}, {}, ["'first'", "indicator"]),
        ({**LATER, "first": lambda d: (d["month"] >= 2003) * 1.0}, {}, ["'first'", "indicator"]),
        ({"month": "2004-01"}, {}, ["month", "look like dates", "to_datetime", "dt.year"]),
        ({"first": "2004/1/31"}, {}, ["first", "look like dates"]),
        ({"shop": lambda d: d["shop"].map(lambda v: [v])}, {}, ["shop", "lists", "Convert"]),
        ({}, {"yname": ["sales"]}, ["yname must be the name of one column"]),
        ({}, {"gname": None}, ["gname must be the name of one column"]),
        ({}, {"idname": {"shop"}}, ["idname must be the name of one column"]),
        ({}, {"clustervars": 3}, ["clustervars must be the name"]),
        ({}, {"panel": "no"}, ["panel must be True or False"]),
        ({}, {"allow_unbalanced_panel": "no"}, ["allow_unbalanced_panel must be True or False"]),
    ],
)
def test_remedies(shops, change, options, words):
    refused(DataError, shops.assign(**change), KWARGS | options, *words)


def test_one_as_a_cohort(shops):
    """Where 1 is a period, 0 and 1 may be cohorts, and if it is the first an indicator."""
    with pytest.raises(DesignError, match="give the first treated period if 0 and 1"):
        dj.att_gt(shops.assign(first=shops["first"] > 0), **KWARGS)
    frame = shops.assign(month=shops["month"] - 2, first=(shops["first"] > 0) * 1)
    assert dj.att_gt(frame, **KWARGS).groups.tolist() == [1]


def test_levels_of_the_index_are_columns(shops):
    indexed = shops.set_index(["shop", "month"])
    before = indexed.copy(deep=True)
    ours, theirs = dj.att_gt(indexed, **KWARGS), dj.att_gt(shops, **KWARGS)
    np.testing.assert_array_equal(ours.att, theirs.att)
    pd.testing.assert_frame_equal(indexed, before)
    bad = indexed.assign(sales="a")
    assert "index (0, 1)" in refused(DataError, bad, KWARGS, "sales")


def test_long_periods_are_told_apart(shops):
    """Six digits do not tell 20060103 from 20060104."""
    days = shops.assign(
        month=20060100 + shops["month"],
        first=shops["first"].replace({3: 20060103, 4: 20070101}) + 0,
    )
    res = dj.att_gt(days, **KWARGS)
    assert res.ledger["what"].tolist() == ["20070101"]
    assert "(20060105)" in res.ledger["reason"].squeeze()
    assert any("Small cohorts" in note and "20060103" in note for note in res.notes)


# --- designs ----------------------------------------------------------------------------------


def test_no_never_treated(shops):
    bad = shops.assign(first=shops["first"].replace(0, 5))
    refused(DesignError, bad, KWARGS, "first", "notyettreated")
    assert np.isfinite(dj.att_gt(bad, **KWARGS | {"control_group": "notyettreated"}).att).any()


def test_nobody_treated(shops):
    refused(DesignError, shops.assign(first=0), KWARGS, "first")


def test_everybody_treated_at_once_and_no_controls(shops):
    kwargs = KWARGS | {"control_group": "notyettreated"}
    refused(DesignError, shops.assign(first=3), kwargs, "first")


def test_all_treated_in_the_first_period(shops):
    bad = shops.assign(first=shops["first"].where(shops["first"] == 0, 1))
    message = refused(DesignError, bad, KWARGS, "first")
    assert "first period" in message


def test_some_treated_in_the_first_period_are_counted(shops):
    bad = shops.assign(first=shops["first"].replace(4, 1))
    res = dj.att_gt(bad, **KWARGS)
    entry = res.ledger.query("kind == 'cohort'").squeeze()
    assert (entry["count"], entry["what"]) == (10, "1")
    assert "first period" in entry["reason"] and list(res.groups) == [3]


def test_cohort_after_the_sample_is_counted_as_never_treated(shops):
    bad = shops.assign(first=shops["first"].replace(4, 17))
    res = dj.att_gt(bad, **KWARGS)
    entry = res.ledger.query("kind == 'cohort'").squeeze()
    assert (entry["count"], entry["what"]) == (10, "17")
    assert "never treated" in entry["reason"] and list(res.groups) == [3]


def test_cohort_between_the_periods(shops):
    """Months 1, 2, 4, 5, and treatment in month 3, which was not sampled: 4 is the first after."""
    sampled = shops[shops["month"] != 3]
    res = dj.att_gt(sampled, **KWARGS)
    frame = res.to_frame().query("group == 3")
    assert list(frame["post"]) == list(frame["time"] >= 3)
    assert set(frame.loc[frame["post"], "base"]) == {2}


def test_one_period(shops):
    refused(DesignError, shops[shops["month"] == 3], KWARGS, "first")


def test_one_cluster(shops):
    agg = dj.aggte(dj.att_gt(shops.assign(town=1), **KWARGS), type="simple")
    with pytest.raises(DesignError) as caught:
        dj.jackknife(agg)
    assert "town" in str(caught.value) and REMEDY.search(str(caught.value))


def test_two_clusters_of_which_one_is_treated(shops):
    bad = shops.assign(town=(shops["first"] > 0).astype(int))
    agg = dj.aggte(dj.att_gt(bad, **KWARGS), type="simple")
    with pytest.raises(DesignError) as caught:
        dj.jackknife(agg)
    assert "town" in str(caught.value)


def test_no_cluster_is_named_for_cross_sections(shops):
    agg = dj.aggte(dj.att_gt(shops, **SECTIONS | {"clustervars": None}), type="simple")
    with pytest.raises(DataError, match="cluster"):
        dj.jackknife(agg)


def test_collinear_covariates_are_named(shops):
    kwargs = KWARGS | {"xformla": "~ size + double"}
    res = dj.att_gt(shops.assign(double=2 * shops["size"]), **kwargs)
    assert list(res.ledger.query("kind == 'covariate'")["what"]) == ["double"]


def test_covariate_collinear_in_some_cells_only(shops):
    """A dummy that no control has in month 2: those cells are NaN and the ledger says why."""
    flag = ((shops["month"] == 3) | (shops["first"] > 0)) & (shops["size"] > 0)
    res = dj.att_gt(shops.assign(flag=flag.astype(int)), **SECTIONS | {"xformla": "~ flag"})
    cells = res.ledger.query("kind == 'cell'")
    assert len(cells) == np.isnan(res.att).sum() > 0
    assert cells["reason"].str.contains("collinear").all()
    assert cells[["group", "time"]].notna().all(axis=None)


# --- formulas and options ---------------------------------------------------------------------


@pytest.mark.parametrize("formula", ["~ size +", "sales ~ size", "~ 0 + size", "~ size - 1"])
def test_formulas_that_cannot_be_used(shops, formula):
    with pytest.raises(DataError, match="xformla"):
        dj.att_gt(shops, **KWARGS | {"xformla": formula})


def test_formula_that_takes_the_logarithm_of_negative_numbers(shops):
    res = dj.att_gt(shops, **SECTIONS | {"xformla": "~ np.log(size)"})
    assert res.n == (shops["size"] > 0).sum()
    assert res.ledger.query("kind == 'rows'")["count"].sum() == (shops["size"] <= 0).sum()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("est_method", "ols"),
        ("control_group", "never"),
        ("base_period", "first"),
        ("anticipation", -1),
    ],
)
def test_unknown_options(shops, option, value):
    with pytest.raises(ValueError, match=option):
        dj.att_gt(shops, **KWARGS | {option: value})


@pytest.mark.parametrize("arguments", [{"type": "event"}, {"type": "simple", "weights": "none"}])
def test_unknown_options_of_aggte(shops, arguments):
    res = dj.att_gt(shops, **KWARGS)
    with pytest.raises(ValueError, match=r"event|none"):
        dj.aggte(res, **arguments)


@pytest.mark.parametrize("window", [{"min_e": 50}, {"max_e": -50}, {"balance_e": 50}])
def test_empty_window_of_event_times(shops, window):
    res = dj.att_gt(shops, **KWARGS)
    with pytest.raises(DesignError, match=r"min_e|max_e|balance_e"):
        dj.aggte(res, type="dynamic", **window)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5])
def test_levels_outside_of_zero_and_one(shops, level):
    agg = dj.aggte(dj.att_gt(shops, **KWARGS), type="simple")
    with pytest.raises(ValueError, match="level"):
        dj.jackknife(agg, level=level)


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("", "empty.csv", ["empty"]),
        ("shop,month\n", "header.csv", ["row"]),
        ("a,b\n1,2\n", "table.xyz", [".xyz", ".csv"]),
    ],
)
def test_files(tmp_path, content, name, words):
    from didjack.datasets import read_table

    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_table(path)
    for word in (name, *words):
        assert word in str(caught.value)


def test_message_can_fail(shops):
    """The checks above notice a message without column or without remedy."""
    with pytest.raises(AssertionError, match="is not in"):
        refused(DataError, shops, KWARGS | {"yname": "nowhere"}, "another column")
    with pytest.raises(pytest.fail.Exception):
        refused(DataError, shops, KWARGS)


def test_numbers_too_large_to_square_are_refused(shops):
    for column, argument in [("sales", "yname"), ("size", "weightsname")]:
        frame = set_at(shops, column, [7], 1e120)
        refused(DataError, frame, KWARGS | {argument: column}, column, "1e+100", "row7")
    dj.att_gt(set_at(shops, "sales", [7], 1e99), **KWARGS)
    never = shops.assign(first=shops["first"].replace(0, np.inf))
    dj.att_gt(never, **KWARGS)  # infinite is not large: never treated
