from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.display import tables
from didjack.display.diagnostics import (
    cluster_frame,
    cohort_frame,
    influence_frame,
    treated_clusters,
)
from didjack.display.latex import latex_table, latex_text
from didjack.display.wording import (
    cluster_label,
    count,
    decimals,
    interval,
    label,
    listed,
    markdown_text,
    names_of,
    number,
    p_equals,
    p_value,
    percent_label,
    plain,
    python_call,
    rounded,
    text_frame,
)

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}


@pytest.fixture(scope="module")
def castle() -> dj.Comparison:
    return dj.csdid(dj.load_dataset("castle"), **COLUMNS, est_method="reg", cluster="sid")


@pytest.fixture(scope="module")
def mpdta() -> dj.Comparison:
    columns = {"yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal"}
    return dj.csdid(dj.load_dataset("mpdta"), **columns, est_method="reg", cluster="state")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.0419, 3, "\u22120.042"), (-0.0001, 3, "0.000"), (1234.5, 1, "1,234.5"),
     (np.inf, 0, "\u221e"), (np.nan, 2, "\u2013"), (2, 0, "2")],
)  # fmt: skip
def test_numbers(value, digits, text):
    assert number(value, digits) == text


def test_decimals_show_three_digits_of_the_smallest():
    assert decimals([0.0387, 0.5]) == 4
    assert decimals([0.0387], 2) == 3
    assert decimals([12345.0]) == 0
    assert decimals([np.nan, 0.0, np.inf]) == 3
    assert decimals([]) == 3


def test_p_values():
    assert (p_value(0.0004), p_value(0.0005), p_value(np.nan)) == ("<0.001", "0.001", "\u2013")
    assert p_equals(0.018) == "p\u00a0=\u00a00.018"
    assert p_equals(1e-9) == "p\u00a0<\u00a00.001"


def test_words():
    assert count(1, "cluster") == "1 cluster"
    assert count(2500, "entry", "entries") == "2,500 entries"
    assert listed([]) == ""
    assert listed([2005.0]) == "2005"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(range(5), 2) == "0, 1 and 3 more"
    assert (label(-8.0), label(2006.5), label(np.int64(-3)), label("x")) == (
        "\u22128", "2006.5", "\u22123", "x")  # fmt: skip
    assert interval(-1, 1, 1) == "[\u22121.0,\u00a01.0]"
    assert interval(np.nan, 1) == "\u2013"


def test_names_are_found_where_they_stand_one_to_one():
    frame = dj.load_dataset("castle")
    assert names_of(frame, "sid")[10] == "Florida"
    assert names_of(frame, "state") == {}
    assert names_of(frame.drop(columns="state"), "sid") == {}
    assert names_of(frame.assign(state="same"), "sid") == {}
    assert cluster_label(10, "sid", {10: "Florida"}) == "Florida"
    assert cluster_label(11, "sid") == "sid 11"
    assert cluster_label("Ohio", "state") == "Ohio"


def test_python_call_can_be_run():
    arguments = {"yname": 'a "b"', "panel": False, "clustervars": ["x"], "xformla": "~ " + "z" * 90}
    text = python_call("f", "df", arguments)
    given: dict[str, object] = {}
    exec(text, {"f": lambda df, **k: given.update(k), "df": None})
    assert given == arguments
    assert python_call("f", "df", {"a": 1}) == "f(\n    df, a=1,\n)"


def test_inference_frame_has_every_number(mpdta):
    frame = tables.inference_frame(mpdta)
    columns = ["aggregation", "Inference", "ATT", "Std. error", "t", "p", "95% interval",
               "Treated clusters"]  # fmt: skip
    assert list(frame.columns) == columns
    assert len(frame) == 16
    raw = mpdta.to_frame()
    shown = frame["Std. error"].astype(float).to_numpy()
    np.testing.assert_allclose(shown, raw["se"], atol=0.51 * 10 ** -decimals(raw["se"]))
    assert frame["Inference"].tolist()[:4] == [
        "CV3, exact (by state)", "CV3, t(28) (by state)", "Influence functions (by state)",
        "Influence functions (by unit)",
    ]  # fmt: skip
    assert frame["Treated clusters"].tolist()[0] == "13"


def test_analytic_and_clustered_share_a_line_where_they_are_the_same(castle):
    frame = tables.inference_frame(castle)
    assert len(frame) == 12
    assert frame["Inference"][2] == "Influence functions (by sid)"


def test_treated_clusters_behind_each_effect(castle):
    by_cohort = dj.load_dataset("castle").groupby("gvar")["sid"].nunique().drop(0)
    behind = treated_clusters(castle.aggregates["group"], "sid")
    assert behind.tolist() == [21, *by_cohort.tolist()]
    assert treated_clusters(castle.aggregates["simple"], "sid").tolist() == [21]
    frame = tables.elements_frame(castle, "group")
    assert frame["Treated clusters"].tolist() == [str(n) for n in by_cohort]


def test_influence_shares_are_the_parts_of_the_variance(castle):
    jk = castle.jackknives["simple"]
    frame = influence_frame(jk, {10: "Florida"})
    H = jk.n_clusters
    parts = (H - 1) / H * frame["change"] ** 2
    assert parts.sum() == pytest.approx(jk.se**2, rel=1e-12)
    np.testing.assert_allclose(frame["share"], parts / parts.sum())
    florida = frame.set_index("name").loc["Florida"]
    assert florida["lost"] == (2005.0,)
    assert florida["without"] == jk.atts[10]
    assert frame["change"].abs().is_monotonic_decreasing


def test_a_skipped_cluster_comes_last_without_numbers():
    frame = dj.load_dataset("castle").query("gvar in (0, 2005)")
    jk = dj.jackknife(dj.aggte(dj.att_gt(frame, **COLUMNS, est_method="reg"), "simple"))
    last = influence_frame(jk).iloc[-1]
    assert last["cluster"] == 10
    assert np.isnan(last["without"])
    assert np.isnan(last["share"])
    assert "skipped" in tables.lost_table(jk).as_raw_html()


def test_clusters_and_cohorts_add_up(mpdta):
    res = mpdta.attgt
    clusters, cohorts = cluster_frame(res, "state"), cohort_frame(res, "state")
    assert clusters["units"].sum() == cohorts["units"].sum() == res.n == 500
    assert clusters["share"].sum() == pytest.approx(1)
    assert cohorts["share"].sum() == pytest.approx(1)
    assert cohorts["cohort"].tolist() == [2004, 2006, 2007, 0]
    assert cohorts["sole_cluster"].tolist() == [17, None, None, None]
    assert clusters["treated"].sum() == 13


def test_weights_count_in_the_shares():
    res = dj.att_gt(dj.load_dataset("castle"), **COLUMNS, weightsname="popwt", est_method="reg")
    shares = cluster_frame(res, "state").set_index("cluster")["share"]
    people = dj.load_dataset("castle").groupby("state")["popwt"].first()
    np.testing.assert_allclose(shares, people / people.sum())


def test_tables_are_the_same_html_in_every_run_and_have_own_ids(castle):
    def html() -> list[str]:
        return [
            tables.inference_table(castle).as_raw_html(),
            tables.elements_table(castle, "dynamic").as_raw_html(),
            tables.cohort_table(castle.attgt, "sid").as_raw_html(),
            tables.influence_table(castle.jackknives["simple"]).as_raw_html(),
            tables.paper_table(castle).as_raw_html(),
            tables.lost_table(castle.jackknives["simple"]).as_raw_html(),
        ]

    assert html() == html()
    ids = [re.search(r'id="(\w+)"', text)[1] for text in html()]
    assert len(set(ids)) == len(ids)


def test_ledger_table_tells_what_and_why():
    frame = dj.load_dataset("castle")
    frame.loc[3, "l_homicide"] = np.nan
    frame.loc[frame["sid"] == 2, "gvar"] = 1999
    html = tables.ledger_table(dj.att_gt(frame, **COLUMNS, est_method="reg")).as_raw_html()
    assert "missing or not finite" in html
    assert "already treated in the first period" in html
    assert "11 rows" in html


def test_paper_frame(mpdta):
    frame = tables.paper_frame(mpdta).set_index("")
    assert list(frame.columns) == ["Simple", "Event study", "Group", "Calendar"]
    jk = mpdta.jackknives["simple"]
    digits = decimals(mpdta.to_frame()["se"])
    assert frame.loc["CV3 jackknife s.e.", "Simple"] == f"[{jk.se:.{digits}f}]"
    assert frame.loc["Clusters", "Simple"] == "29"
    assert frame.loc["Treated clusters", "Simple"] == "13"
    assert frame.loc["Units", "Simple"] == "500"


def test_text_frame_knows_the_columns():
    frame = pd.DataFrame(
        {"parameter": ["a_b", "c"], "att": [-1.23456, np.nan], "se": [0.0123, 0.5],
         "t": [-100.4, 2.0], "p": [1e-9, 0.04], "df": [np.inf, 49.0], "n_clusters": [50, 1200]},
        index=[7, 7],
    )  # fmt: skip
    assert text_frame(frame).to_dict("list") == {
        "parameter": ["a_b", "c"], "att": ["\u22121.2346", "\u2013"], "se": ["0.0123", "0.5000"],
        "t": ["\u2212100.40", "2.00"], "p": ["<0.001", "0.040"], "df": ["\u221e", "49"],
        "n_clusters": ["50", "1200"],
    }  # fmt: skip


def test_signs_for_the_screen_and_for_markdown():
    assert plain(f"{interval(-1, 1, 1)} {number(np.inf)} {number(np.nan)}") == "[-1.0, 1.0] inf -"
    assert markdown_text("<0.001") == "\\<0.001"


def test_shares_and_single_numbers():
    assert (percent_label(0.95), percent_label(0.999), percent_label(0.07)) == (
        "95%", "99.9%", "7%")  # fmt: skip
    assert (rounded(0.286512), rounded(0), rounded(1234.5)) == ("0.2865", "0", "1,234")


def test_latex_columns_of_words_are_set_left():
    frame = pd.DataFrame({"a": ["x"], "b": ["1"], "c": ["y"]})
    assert r"\begin{tabular}{lrl}" in latex_table(frame, left=["c"])


def test_latex_escapes():
    assert latex_text("50% of a_b & $x$ {c} \\ #1") == (
        r"50\% of a\_b \& \$x\$ \{c\} \textbackslash{} \#1"
    )
    assert latex_text("[\u22121.20,\u00a00.5]") == "[$-1.20$,~0.5]"
    assert latex_text("<0.001 \u2013 \u221e") == r"$<$0.001 -- $\infty$"


def test_latex_of_every_result(castle):
    for result in (
        castle,
        castle.attgt,
        castle.aggregates["dynamic"],
        castle.jackknives["group"],
        pd.DataFrame({"name": ["a_b"], "x": [1.5]}),
    ):
        text = tables.to_latex(result, caption="50% & more", label="tab:x")
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert len({line.replace(r"\&", "").count("&") for line in rows}) == 1
        assert r"\caption{50\% \& more}" in text
        assert r"\label{tab:x}" in text
        assert text.isascii()
    assert tables.to_latex(castle).startswith(r"\begin{tabular}{lrrrr}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(castle, tmp_path: Path):
    body = tables.to_latex(castle, caption="A", label="b")
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    )
    (tmp_path / "a.tex").write_text(document)
    subprocess.run(
        ["pdflatex", "-halt-on-error", "a.tex"], cwd=tmp_path, check=True, capture_output=True
    )
