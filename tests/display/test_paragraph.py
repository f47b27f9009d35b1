"""The methods paragraph: each number from the data or another route, each form, each branch."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.display.paragraph import FORMS, methods_paragraph
from didjack.display.wording import names_of
from didjack.errors import DataError

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}


@pytest.fixture(scope="module")
def castle() -> pd.DataFrame:
    return dj.load_dataset("castle")


@pytest.fixture(scope="module")
def result(castle) -> dj.Comparison:
    return dj.csdid(castle, **COLUMNS, est_method="reg", types=["simple", "group"])


def test_numbers_are_those_of_the_data_and_of_refits(castle, result):
    """Counts from the frame; estimate, deletions and CV3 from fits without each state."""
    text = methods_paragraph(result, names=names_of(castle, "sid"))
    cohort = castle.groupby("sid")["gvar"].first()

    def simple(frame: pd.DataFrame) -> float:
        return dj.aggte(dj.att_gt(frame, **COLUMNS, est_method="reg"), type="simple").att

    theta = simple(castle)
    without = np.array([simple(castle[castle["sid"] != s]) for s in cohort.index])
    change = without - theta
    exact = result.exact["simple"]
    first = castle.loc[castle["sid"] == cohort.index[np.abs(change).argmax()], "state"].iloc[0]
    share = change[np.abs(change).argmax()] ** 2 / (change**2).sum()
    for words in (
        f"{len(cohort)} units (sid) in {castle['year'].nunique()} periods (2000 to 2010)",
        f"{(cohort > 0).sum()} units in {cohort[cohort > 0].nunique()} cohorts",
        f"{(cohort == 0).sum()} units are never treated",
        f"The estimate is {theta:.4f} with a standard error of {exact.se:.4f}",
        f"p\u00a0=\u00a0{exact.p:.3f}",
        "critical values are exact under the assumption that shocks to clusters are independent",
        f"With t(49) critical values p\u00a0=\u00a0{result.jackknives['simple'].p:.3f}.",
        f"clustered by sid give a standard error of {result.aggregates['simple'].se:.4f}",
        f"lies between {without.min():.3f} and {without.max():.3f}",
        f"{first} moves it most and makes up {100 * share:.0f}% of its variance",
        "Cohorts 2005 and 2009 are a single cluster each (Florida and Montana)",
        f"didjack {dj.__version__}",
    ):
        assert words in text
    assert f"is {theta + 1e-4:.4f} with" not in text  # the comparison can fail


def test_forms(result):
    texts = {form: methods_paragraph(result, form=form) for form in FORMS}
    for text in texts.values():
        assert not re.search(r"[\x00-\x1f]", text)
    assert "Callaway and Sant'Anna 2021" in texts["text"]
    assert "[@karim2026]" in texts["markdown"] and "`l_homicide`" in texts["markdown"]
    assert r"\citep{callaway2021}" in texts["latex"] and r"\texttt{l\_homicide}" in texts["latex"]
    assert r"95\%" in texts["latex"]


def test_averages_differ(result):
    simple, group = (methods_paragraph(result, type) for type in ("simple", "group"))
    assert "the mean effect over cohorts" in group and "the mean effect over cohorts" not in simple


def test_choices_are_named():
    df = dj.load_dataset("mpdta")
    columns = {"yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal"}
    text = methods_paragraph(
        dj.csdid(
            df, **columns, xformla="~ lpop", est_method="dr", control_group="notyettreated",
            base_period="universal", weightsname="lpop", cluster="state", type="simple",
            level=0.9, anticipation=1,
        ),
    )  # fmt: skip
    for words in (
        "the doubly robust estimator (Sant'Anna and Zhao 2020) with the covariates ~ lpop",
        "controls are units that are not yet treated",
        "moved back by 1 period of anticipation, for effects before treatment too",
        "weighted by lpop",
        "90% interval",
        "clusters (state)",
        "Cohort 2004 (100 rows): no period before treatment with anticipation=1.",
    ):
        assert words in text


INCOMPLETE = "Each comparison has the units that are observed in both of its periods."
LEVELS = "levels are compared instead of changes of units"
FIRST = "In all comparisons every unit counts by its weight in the first period"
BASE = "every unit counts by its weight in the last period before its cohort is treated"
ROWS = "Each row has its own weight, and levels are compared, by the formulas for repeated"
DEFAULTS = "Defaults are those of"


@pytest.mark.parametrize(
    ("gap", "rules", "said"),
    [
        (False, {}, []),
        (False, {"balance": "pair"}, []),  # nothing to balance
        (True, {"balance": "full"}, ["Units left out of sid (1 unit)"]),
        (True, {"balance": "pair"}, [INCOMPLETE]),
        (True, {"balance": "none"}, [LEVELS]),
        (True, {"allow_unbalanced_panel": True}, [LEVELS]),
        (False, {"weightsname": "popwt"}, []),
        (False, {"weightsname": "popwt", "fix_weights": "first_period"}, [f"{FIRST}."]),
        (False, {"weightsname": "popwt", "fix_weights": "base_period"}, [f"{BASE}."]),
        (
            False,
            {"weightsname": "popwt", "fix_weights": "base_period", "anticipation": 1},
            [f"{BASE}, less anticipation."],
        ),
        (False, {"weightsname": "popwt", "fix_weights": "varying"}, [ROWS]),
        (False, {"fix_weights": "varying"}, ["Levels are compared, by the formulas"]),
        (False, {"fix_weights": "first_period"}, []),  # all weights are one
        (
            True,
            {"weightsname": "popwt", "fix_weights": "first_period", "balance": "pair"},
            [INCOMPLETE, f"{FIRST}; a unit not observed in it has no part."],
        ),
        (
            True,
            {"fix_weights": "first_period", "balance": "none"},
            [LEVELS, "A unit has no part where it is not observed in the first period."],
        ),
        (
            True,
            {"weightsname": "popwt", "fix_weights": "varying", "balance": "none"},
            [LEVELS, "Each row has its own weight."],
        ),
        (False, {"like": "did", "est_method": "dr"}, [f"{DEFAULTS} R did 2.5.1."]),
        (
            False,
            {"like": "csdid2", "base_period": "varying"},
            [
                f"{DEFAULTS} Stata csdid 2.0.0; given otherwise: est_method='reg', "
                "base_period='varying'."
            ],
        ),
    ],
)
def test_rules_are_named_where_they_have_a_part(castle, gap, rules, said):
    frame = castle.drop(index=3) if gap else castle
    text = methods_paragraph(
        dj.csdid(frame, **COLUMNS, **({"est_method": "reg"} | rules), type="simple")
    )
    for words in said:
        assert words in text
    known = (INCOMPLETE, LEVELS, FIRST, BASE, "Each row has", "Levels are", "A unit", DEFAULTS)
    for words in known:
        assert (words in text) == any(words in part for part in said), words


def test_rules_are_escaped_in_latex(castle):
    result = dj.csdid(castle, **COLUMNS, type="simple", like="csdid2", base_period="varying")
    assert r"base\_period='varying'" in methods_paragraph(result, form="latex")


def test_what_was_left_out(castle):
    gaps = castle.assign(l_homicide=castle["l_homicide"].where(castle.index != 3))
    text = methods_paragraph(dj.csdid(gaps, **COLUMNS, est_method="reg", type="simple"))
    assert "Rows left out for l_homicide (1 row): missing or not finite." in text
    assert "Units left out of sid (1 unit): not observed in all 11 periods" in text


def test_without_never_treated_the_last_cohort_is_control_only(castle):
    treated = castle[castle["gvar"] > 0]
    text = methods_paragraph(
        dj.csdid(treated, **COLUMNS, control_group="notyettreated", type="simple")
    )
    assert "the last cohort, 2009, serves as control only" in text
    assert "never treated" not in text


def test_a_single_treated_cluster_is_said_to_be_skipped(castle):
    one = castle[castle["gvar"].isin([0, 2005])]
    text = methods_paragraph(dj.csdid(one, **COLUMNS, type="simple"), names={10: "Florida"})
    assert "No estimate exists without Florida; this deletion is left out." in text
    assert "of which 1 is treated." in text
    assert "No p-value of t(28) is reported: with fewer than two treated clusters" in text
    assert "Conley-Taber inference from 29 controls gives p\u00a0=\u00a00.433." in text
    assert "single cluster" not in text  # there is no other cohort to average over


def test_repeated_cross_sections(castle):
    columns = {k: v for k, v in COLUMNS.items() if k != "idname"}
    text = methods_paragraph(dj.csdid(castle, **columns, cluster="sid", type="simple"))
    assert "repeated cross-sections with 550 rows in 11 periods" in text


@pytest.mark.parametrize("arguments", [{"type": "calendar"}, {"form": "html"}])
def test_unknown_average_or_form(result, arguments):
    with pytest.raises(DataError, match=next(iter(arguments.values()))):
        methods_paragraph(result, **arguments)
