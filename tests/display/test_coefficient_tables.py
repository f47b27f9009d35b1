"""Results as columns of coefficient tables: what maketables reads, and its tables where it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.core.coefficients import STATISTICS
from didjack.effects.joint import Joint
from didjack.effects.parameters import Parameter
from didjack.regression import regress, twfe

COLUMNS = ("l_homicide", "year", "gvar", "sid")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return dj.load_dataset("castle")


@pytest.fixture(scope="module")
def columns(frame) -> dict[str, object]:
    cmp = dj.csdid(frame, *COLUMNS, est_method="reg", types=["simple", "dynamic"], level=0.9)
    agg = cmp.aggregates["dynamic"]
    jk = cmp.jackknives["dynamic"]
    florida = frame[frame["gvar"].isin([0, 2005])]
    one = dj.aggte(dj.att_gt(florida, *COLUMNS, est_method="reg"))
    X = pd.DataFrame({"const": 1.0, "a:b": (frame["gvar"] > 0) * 1.0})
    return {
        "comparison": cmp,
        "cells": cmp.attgt,
        "average": agg,
        "joint": Joint.of([agg, cmp.aggregates["simple"]]),
        "jackknife": jk,
        "exact": cmp.exact["dynamic"],
        "multiplier": dj.multiplier(agg, n_boot=50),
        "inference": jk.inference,
        "combination": jk.lincom("event:1 - event:0"),
        "few": dj.few_treated(one),
        "twfe": twfe(frame, *COLUMNS),
        "regression": regress(frame["l_homicide"], X, frame["sid"]),
    }


def test_every_column_has_the_attributes_of_the_protocol(columns):
    for name, model in columns.items():
        table = model.__maketables_coef_table__
        assert table.index.name == "Coefficient" and table.index.is_unique, name
        assert not table.index.str.contains(":").any(), name  # it would be an interaction
        assert {"b", "se", "t", "p"} <= set(table.columns), name
        assert table["b"].notna().all() and table.shape[1] == 6, name
        assert isinstance(model.__maketables_depvar__, str), name
        assert model.__maketables_fixef_string__ is None, name
        assert model.__maketables_var_labels__ is None, name
        keys = model.__maketables_default_stat_keys__
        assert "se_type" in keys and set(keys) <= set(STATISTICS), name
        assert all(model.__maketables_stat__(key) is not None for key in keys), name
        assert model.__maketables_stat__("r2") is None, name
        assert model.__maketables_stat_labels__["n_treated_clusters"] == "Treated clusters"
        assert set(model.__maketables_vcov_info__) == {"vcov_type", "clustervar"}, name


def test_numbers_are_those_of_the_frames(columns):
    jk = columns["jackknife"]
    table, frame = jk.__maketables_coef_table__, jk.to_frame()
    for ours, theirs in (("att", "b"), ("se", "se"), ("t", "t"), ("p", "p"),
                         ("ci_low", "ci90l"), ("ci_high", "ci90u")):  # fmt: skip
        np.testing.assert_array_equal(table[theirs], frame[ours])
    assert table.index[:2].tolist() == ["ATT", "Event time -8"]
    assert jk.__maketables_depvar__ == "l_homicide"
    facts = [jk.__maketables_stat__(key) for key in ("N", "n_units", "n_clusters", "se_type")]
    assert facts == [550, 50, 50, "CV3, by sid"]
    assert columns["exact"].__maketables_stat__("critical") == "exact"
    assert columns["average"].__maketables_stat__("se_type") == "analytic"
    assert jk.__maketables_vcov_info__ == {"vcov_type": "CV3", "clustervar": "sid"}
    level = columns["inference"].level
    assert level == 0.9 and "ci95l" in columns["twfe"].__maketables_coef_table__


def test_a_comparison_is_its_overall_effects_with_the_recommended_inference(columns):
    cmp = columns["comparison"]
    table = cmp.__maketables_coef_table__
    assert table.index.tolist() == ["ATT, simple", "ATT, event study"]
    assert table["p"].tolist() == [cmp.exact[type].p for type in ("simple", "dynamic")]
    assert cmp.__maketables_stat__("se_type") == "CV3, exact, by sid"
    assert cmp.__maketables_stat__("n_treated_clusters") == 21


def test_parameters_in_words():
    words = [Parameter("overall"), Parameter("event", (-1,)), Parameter("group", (2006,)),
             Parameter("calendar", (2007.5,)), Parameter("att", (2006, 2008))]  # fmt: skip
    assert [p.words for p in words] == [
        "ATT", "Event time -1", "Cohort 2006", "Period 2007.5", "ATT(2006,2008)",
    ]  # fmt: skip
    assert columns_of_combination() == ["event 1 - event 0"]


def columns_of_combination() -> list[str]:
    res = dj.att_gt(dj.load_dataset("castle"), *COLUMNS, est_method="reg")
    combined = dj.aggte(res, "dynamic").inference.lincom("event:1 - event:0")
    return combined.__maketables_coef_table__.index.tolist()


def test_tables_of_maketables(columns, tmp_path):
    maketables = pytest.importorskip("maketables", reason="maketables is not installed")
    table = maketables.ETable(list(columns.values()))
    assert table.df.shape[1] == len(columns)
    cell = table.df.loc[("coef", "ATT")].iloc[list(columns).index("jackknife")]
    jk = columns["jackknife"]
    assert cell.startswith(f"{jk.att:.3f}") and cell.endswith(f"({jk.se:.3f})")
    table.save(type="docx", file_name=str(tmp_path / "table.docx"))
    assert (tmp_path / "table.docx").stat().st_size > 5000
    table.save(type="tex", file_name=str(tmp_path / "table.tex"))
    assert "Treated clusters" in (tmp_path / "table.tex").read_text(encoding="utf-8")


def test_beside_a_model_of_pyfixest(columns, frame):
    maketables = pytest.importorskip("maketables", reason="maketables is not installed")
    pyfixest = pytest.importorskip("pyfixest", reason="pyfixest is not installed")
    treated = (frame["gvar"] > 0) & (frame["year"] >= frame["gvar"])
    model = pyfixest.feols("l_homicide ~ treated | sid + year",
                           frame.assign(treated=treated * 1), vcov={"CRV1": "sid"})  # fmt: skip
    table = maketables.ETable([columns["jackknife"], columns["twfe"], model], keep="ATT|treated")
    rows = table.df.loc["coef"]
    ours, theirs = rows.iloc[:, 1]["ATT"], rows.iloc[:, 2]["treated"]
    assert ours.split("\n")[0].strip("* ") == theirs.split("\n")[0].strip("* ")  # one estimate
    assert table.df.loc[("stats", "Observations")].tolist() == ["550", "-", "550"]
