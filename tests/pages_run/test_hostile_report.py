"""A report whose title, file, columns and clusters try to become more than text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import hostile
import pytest


@pytest.fixture(scope="module")
def pages(hostile_report):
    return {path.name: path.read_text(encoding="utf-8") for path in hostile_report.rglob("*.html")}


def own_scripts(html):
    """Take out the scripts of the site, which come first and hold no data."""
    return re.sub(r"<script>(?:(?!</script>).)*localStorage.*?</script>", "", html, flags=re.S)


def test_nothing_in_it_runs_or_reads(pages):
    assert len(pages) == 2
    for name, html in pages.items():
        assert hostile.dangers(own_scripts(html)) == [], name
        assert "root:" not in html


def test_everything_is_shown(pages):
    (page,) = (html for name, html in pages.items() if name != "index.html")
    text = hostile.visible(page).replace("\u2060", "")
    for part in ("<script>window.hacked=1</script>", "<img src=x onerror=window.hacked=20>"):
        assert part in text
    for name in hostile.ROLES.values():
        assert " ".join(re.sub(r"[\x00-\x1f]+", " ", name).split()) in text


def test_figures_are_well_formed_and_run_nothing(hostile_report):
    figures = list(hostile_report.rglob("*.svg"))
    assert len(figures) > 3
    for path in figures:
        tags = [element.tag.rpartition("}")[2] for element in ET.parse(path).iter()]
        assert "script" not in tags, path.name


def test_the_index_of_the_search_is_data(hostile_report):
    text = (hostile_report / "search-index.js").read_text(encoding="utf-8")
    assert json.loads(text.removeprefix("window.siteSearch=").strip().removesuffix(";"))


def test_no_shortcode_reaches_quarto(hostile_report):
    (path,) = hostile_report.parent.glob("*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = [
        "".join(text) if isinstance(text, list) else text
        for cell in cells
        for output in cell.get("outputs", ())
        for kind, text in output.get("data", {}).items()
        if kind in ("text/markdown", "text/html")
    ]
    shown += ["".join(cell["source"]) for cell in cells]
    assert len(shown) > 30
    assert not [text for text in shown if "{{<" in text]
