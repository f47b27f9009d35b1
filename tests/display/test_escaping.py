"""Texts from data in tables, figures, LaTeX, paragraphs and on the screen."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import hostile
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from typer.testing import CliRunner

import didjack as dj
from didjack.cli import app
from didjack.display.great_layout import great_table
from didjack.display.latex import latex_table, latex_text
from didjack.display.paragraph import methods_paragraph
from didjack.display.wording import (
    cluster_label,
    figure_text,
    label,
    markdown_cluster,
    one_line,
    python_call,
)
from didjack_pages.render.navigation import plain_title, unescaped
from didjack_pages.render.pandoc import READER, run_pandoc


@pytest.fixture(scope="module")
def comparison():
    roles = hostile.ROLES
    return dj.csdid(hostile.frame(), **{k: roles[k] for k in roles}, type="simple")


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_tables_in_html_show_the_text(text):
    frame = pd.DataFrame({text: [text, "b"], "n": ["1", text], "g": [text, "h"]})
    page = great_table(frame, group="g", note=text).as_raw_html()
    body = page[page.index("<table") :]
    assert hostile.dangers(body) == []
    assert not set(hostile.elements(body)) & {"script", "img", "svg", "b", "a", "input"}
    assert "{{<" not in body
    words = " ".join(one_line(text).split())
    assert hostile.visible(body).count(words) >= 4


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_figures_show_the_text(text):
    figure, ax = plt.subplots()
    ax.set_yticks([0], [figure_text(text)])
    ax.annotate(figure_text(text), (0, 0))
    file = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none"}), pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)  # signs the font lacks
        figure.savefig(file, format="svg")
    plt.close(figure)
    root = ET.fromstring(file.getvalue())
    shown = [" ".join("".join(e.itertext()).split()) for e in root.iter() if e.tag.endswith("text")]
    assert shown.count(" ".join(one_line(text).split())) == 2
    assert not any(e.tag.endswith("script") for e in root.iter())


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_latex_has_no_commands_of_the_text(text):
    table = latex_table(pd.DataFrame({text: [text]}), caption=text, label=text)
    assert table.count("\n") == 12
    escaped = latex_text(text)
    ours = r"\\(?:[&%$#_{}]|textbackslash\{\}|textasciitilde\{\}|textasciicircum\{\})|\$[<>]\$|~"
    left = re.sub(ours, "", escaped)
    assert not re.search(r"[\\$&%#_{}^\n]", left)
    label_of = table.partition(r"\label{")[2].partition("\n")[0]
    assert not re.search(r"[\\{}%#$&~^]", label_of.removesuffix("}"))


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_a_call_can_be_run_whatever_its_columns_are_called(text):
    code = python_call("f", "df", {"yname": text, "many": [text, "b"]})
    seen = {}
    exec(code, {"f": lambda df, **given: seen.update(given), "df": None})
    assert seen == {"yname": text, "many": [text, "b"]}
    assert all(line.startswith(("f(", "    ", ")")) for line in code.splitlines())


def test_labels_are_one_line_of_visible_signs():
    assert label("a\nb\x1b[1m\u202e") == "a b [1m"
    assert cluster_label(3, "c\n:::", None) == "c ::: 3"
    assert cluster_label(3, "c", {3: "\na\tb"}) == "a b"
    assert markdown_cluster(3, "c`x") == "`` c`x `` 3"
    assert markdown_cluster(3, "c", {3: "<b>"}) == r"\<b\>"


def test_the_methods_paragraph_holds_no_markdown_of_the_data(comparison):
    text = methods_paragraph(comparison, form="markdown")
    page = run_pandoc(["-f", READER, "-t", "html5", "--mathml"], text).text
    assert hostile.dangers(page) == []
    assert set(hostile.elements(page)) <= {"p", "span", "code"}
    assert text.count("\n") == 0
    shown = hostile.visible(page)
    for role in ("yname", "idname", "weightsname", "clustervars"):
        assert " ".join(one_line(hostile.ROLES[role]).split()) in shown.replace("\u2060", "")


def test_the_methods_paragraph_holds_no_latex_of_the_data(comparison):
    text = methods_paragraph(comparison, form="latex")
    assert "\n" not in text
    assert r"\input" not in text and r"\frac" not in text
    assert r"\textbackslash{}frac" in text
    assert set(re.findall(r"\\[a-z]+", text)) <= {
        r"\citep", r"\texttt", r"\textbackslash", r"\textasciitilde", r"\textasciicircum",
    }  # fmt: skip


def test_a_title_is_shown_without_its_backslashes():
    assert plain_title(r"\<b\> of `x` and a\_b") == "<b> of x and a_b"
    assert plain_title(r"5 \* 3 \$") == "5 * 3 $"
    assert unescaped(r"from a\_b.csv") == "from a_b.csv"


def test_the_terminal_is_not_steered(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    path = tmp_path / "a\x1b[31m.csv"
    frame = hostile.frame()
    frame.to_csv(path, index=False)
    roles = hostile.ROLES
    words = ["--yname", roles["yname"], "--tname", roles["tname"], "--gname", roles["gname"]]
    words += ["--idname", roles["idname"], "--cluster", roles["clustervars"], "--type", "simple"]
    done = CliRunner().invoke(app, ["estimate", str(path), *words, "-o", str(tmp_path / "t.md")])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert hostile.dangers((tmp_path / "t.md").read_text()) == []
    failed = CliRunner().invoke(app, ["estimate", str(path), *words, "--cluster", "\x1b[2Jx"])
    assert failed.exit_code == 2
    assert "\x1b" not in failed.output
