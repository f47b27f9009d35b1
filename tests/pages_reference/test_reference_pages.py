"""The reference of the site: complete, true to the signatures, and in markdown that renders."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from html import escape

import pypandoc
import pytest

from didjack.errors import ReportError
from didjack_pages.paths import notebooks_dir
from didjack_pages.reference import GROUPS, group_markdown
from didjack_pages.reference.command_line import commands_markdown
from didjack_pages.reference.describe import Description, describe, fields
from didjack_pages.reference.index import index
from didjack_pages.reference.markup import blocks, inline, linked_type, paragraph
from didjack_pages.reference.pages import signature

ENTRIES = [entry for entries in index().pages.values() for entry in entries]
CALLED = [
    part
    for entry in ENTRIES
    for part in (entry, *entry.members)
    if part.kind in ("function", "method")
]
CLASSES = [entry for entry in ENTRIES if entry.kind == "class" and not entry.raised]


def _names(entry: Description, *titles: str) -> list[str]:
    sections = [part for part in entry.sections if part.title in titles]
    return [name for part in sections for item in part.items for name in item.names]


# ------------------------------------------------------------------------------ completeness


@pytest.mark.parametrize("module", ["", "simulate", "display.plots"])
def test_every_public_name_is_documented_once(module):
    public = importlib.import_module(f"didjack.{module}".rstrip(".")).__all__
    # Modules may have functions of one name: those of another are not counted.
    named = [e.name for e in ENTRIES if e.path in (e.name, f"{module}.{e.name}")]
    assert {name: named.count(name) for name in public} == dict.fromkeys(public, 1)


def test_every_entry_is_what_users_get_when_they_import_it():
    for entry in ENTRIES:
        module, _, name = f"didjack.{entry.path}".rpartition(".")
        found = getattr(importlib.import_module(module), name)
        if entry.kind != "constant":
            assert f"{found.__module__}.{found.__qualname__}" == entry.source.path


def test_every_entry_and_member_has_a_summary():
    parts = [part for entry in ENTRIES for part in (entry, *entry.members)]
    assert [part.name for part in parts if not part.summary.endswith((".", ":"))] == []


@pytest.mark.parametrize("entry", CALLED, ids=lambda entry: entry.name)
def test_docstring_and_signature_have_the_same_parameters(entry):
    taken = [name for name, _ in entry.parameters if name != "*"]
    assert sorted(_names(entry, "Parameters", "Other parameters")) == sorted(taken)


@pytest.mark.parametrize("entry", CLASSES, ids=lambda entry: entry.name)
def test_docstring_and_class_have_the_same_fields(entry):
    assert sorted(_names(entry, "Attributes")) == sorted(fields(entry.source))


def test_what_does_not_exist_is_an_error():
    with pytest.raises(ReportError, match=r"names didjack\.twfe\.twfee, which does not exist"):
        describe("twfe.twfee")
    with pytest.raises(ReportError, match=r"no page 'estimations'; it has estimation, inference"):
        group_markdown("estimations")


# ------------------------------------------------------------------------------ links


@pytest.fixture(scope="module")
def pages():
    texts = {name: group_markdown(name) for name in GROUPS}
    return {**texts, "command-line": commands_markdown()}


def _anchors(text):
    return re.findall(r"\{#([^}]+)\}", text)


def test_ids_are_unique_and_links_lead_to_one(pages):
    anchors = {name: _anchors(text) for name, text in pages.items()}
    for name, found in anchors.items():
        assert len(found) == len(set(found)), f"an id is twice on the page {name}"
    count = 0
    for name, text in pages.items():
        for page, anchor in re.findall(r"\]\((?:([\w-]+)\.ipynb)?(?:#([^)]+))?\)", text):
            assert not anchor or anchor in anchors[page or name], f"{name}: {page}#{anchor}"
            count += 1
    assert count > 300


@pytest.mark.parametrize(
    ("entry", "name", "address"),
    [
        ("jackknife", "aggte", "estimation.ipynb#aggte"),
        ("jackknife", "didjack.aggte", "estimation.ipynb#aggte"),
        ("jackknife", "Jackknife", "#Jackknife"),
        ("Jackknife", "lincom", "#Jackknife-lincom"),
        ("Jackknife", "replicates", "#Jackknife-replicates"),
        ("jackknife", "Jackknife.lincom", "#Jackknife-lincom"),
        ("Comparison", "didjack.display.tables.to_latex", "#to_latex"),
        ("display.tables.to_latex", "Jackknife", "inference.ipynb#Jackknife"),
        ("jackknife", "jackknife", None),  # itself
        ("att_gt", "data", None),
        ("att_gt", "did", None),
        ("regression.twfe", "tables", None),  # a module
        ("Aggregate", "Elements", None),
        ("plan", "Plan", "#Plan"),
    ],
)
def test_names_mean_what_they_mean_where_they_are_written(entry, name, address):
    page = next(p for p, group in GROUPS.items() if entry in group.names)
    assert index().link(page, describe(entry))(name) == address


def test_who_returns_and_who_raises():
    named = {entry.name: entry for entry in ENTRIES}
    returning = {e.name for e in index().referring("Returns", named["Inference"])}
    assert {"Aggregate.analytic", "Jackknife.inference", "Jackknife.lincom"} <= returning
    assert "aggte" not in returning
    raising = [e.name for e in index().referring("Raises", named["ChecksumError"])]
    assert raising == ["load_dataset"]


# ------------------------------------------------------------------------------ markdown

TEXTS = (
    "theta_(h) - theta, V^-1 b' and a*b*c, x_1_ at $5 or $6, ~ x1 + C(x3) ~",
    '"dr", <b>bold</b>, [a](b) and [@key], {x}, # not a heading, | a | b |',
    "$x$, ~x~, H^x^, _x_, <b and x>, `x",
    "1. is no list",
    "a) is none either",
    "- nor this -- or that ... here",
    ": no definition",
    "% no title",
    "(X'X)^{-1} X_g'u_g, H < 2, a @fig-one, \\alpha, http://x.y",
)


def test_plain_text_stays_as_it_is():
    """Nothing becomes emphasis, a formula, a link, a citation or a list: paragraphs and no more."""
    markdown = "\n\n".join(map(paragraph, TEXTS))
    html = pypandoc.convert_text(markdown, "html", format="markdown", extra_args=["--wrap=none"])
    shown = [escape(text, quote=False) for text in TEXTS]
    assert html.replace("&quot;", '"').strip().splitlines() == [f"<p>{text}</p>" for text in shown]


def test_words_in_backticks_are_code_and_links():
    link = {"aggte": "#aggte", "didjack.aggte": "#aggte"}.get
    assert inline("see `aggte`, ``aggte()`` or :func:`didjack.aggte`", link) == (
        "see [`aggte`](#aggte), [`aggte()`](#aggte) or [`didjack.aggte`](#aggte)"
    )
    assert inline("R `did` and ``f(**kwargs)``", link) == "R `did` and `f(**kwargs)`"


def test_values_in_quotes_are_no_names():
    link = {"csdid": "#csdid", "Aggregate": "#Aggregate"}.get
    assert linked_type('"did" or "csdid"', link) == r"*\"did\" or \"csdid\"*"
    assert linked_type("dict of str to Aggregate", link) == (
        "*dict of str to [Aggregate](#Aggregate)*"
    )


def test_paragraphs_lists_literal_blocks_and_examples():
    text = (
        "One\nline.\n\n- first\n  item\n- second\n\nIn R::\n\n    a <- `b`\n      c\n\n>>> f(1)\n2"
    )
    assert blocks(text, {}.get).split("\n\n") == [
        "One line.",
        "- first item\n- second",
        "In R:",
        "```\na <- `b`\n  c\n```",
        "```python\n>>> f(1)\n2\n```",
    ]


def test_signatures_break_where_they_are_long():
    assert signature("f", [("a", ""), ("*", ""), ("b", "None")]) == "f(a, *, b=None)"
    assert signature("f" * 50, [("a", ""), ("bcdefgh", '"i"')]) == (
        "f" * 50 + '(\n    a,\n    bcdefgh="i",\n)'
    )
    given = dict(describe("att_gt").parameters)
    assert given["est_method"] == '"dr"'
    assert given["anticipation"] == "0"


def test_paragraphs_of_a_definition_stay_apart(pages):
    html = pypandoc.convert_text(pages["inference"], "html", format="markdown")
    definition = html.partition('id="Jackknife-vcov"')[2].partition("</dd>")[0]
    assert definition.count("<p>") == 2


def test_types_come_from_the_docstring_else_from_the_annotation():
    items = {
        name: item.type
        for part in describe("att_gt").sections
        for item in part.items
        for name in item.names
    }
    assert items["control_group"] == '"nevertreated" or "notyettreated"'
    assert items["clustervars"] == "str or sequence of str"
    assert {m.name: m.returns for m in describe("ATTgt").members}["ATTgt.att"] == "array"


# ------------------------------------------------------------------------------ command line


def test_every_option_of_every_command_is_there(pages):
    from typer.main import get_command

    from didjack.cli import app

    text = pages["command-line"]
    for name, command in get_command(app).commands.items():
        _, _, rest = text.partition(f"{{#{name}}}")
        own = rest.partition("\n## ")[0]
        for parameter in command.params:
            option = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar
            assert re.search(rf"^`{re.escape(option)}[ `]", own, re.MULTILINE), (name, option)
    assert "[bold]" not in text
    assert "(default: `0.95`, at least 0.5, at most 0.999)" in text


# ------------------------------------------------------------------------------ pages of the site


def _entries():
    content = tomllib.loads((notebooks_dir() / "pages.toml").read_text(encoding="utf-8"))
    return [page for page in content["page"] if page["notebook"] == "reference.ipynb"]


def test_every_group_has_its_page():
    pages = [(entry["name"], entry["parameters"]["group"]) for entry in _entries()]
    assert pages == [(name, name) for name in GROUPS]


def test_nobody_else_pays_for_the_parser():
    code = "import sys, didjack, didjack.cli; sys.exit('griffe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
