"""Texts from data in every place of markdown where they are put, through pandoc."""

from __future__ import annotations

import html

import hostile
import pytest

from didjack.display.wording import code_text, markdown_text, one_line, python_text
from didjack_pages.render.pandoc import READER, run_pandoc

PLACES = {
    "alone": "{}",
    "line": "A line with {} inside.",
    "list": "- {}\n- other",
    "heading": "## {}",
    "table": "| a | b |\n|:--|:--|\n| {} | c |",
    "callout": "::: {{.callout-note}}\n{}\n:::",
    "link": "[{}](page.html)",
    "bold": "**{}**",
    "caption": "| a |\n|---|\n| b |\n\n: {}",
}


def rendered(markdown, reader=READER):
    return run_pandoc(["-f", reader, "-t", "html5", "--mathml", "--wrap=none"], markdown).text


def shown(text):
    """Write what a reader should see; pandoc makes quotes and spaces typographic."""
    quotes = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
    return " ".join(text.replace("\u2060", "").translate(quotes).split())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", hostile.TEXTS)
def test_a_text_stays_a_text(text, place):
    page = rendered(PLACES[place].format(markdown_text(text)))
    assert hostile.dangers(page) == []
    assert shown(one_line(text)) in shown(hostile.visible(page))
    plain = rendered(PLACES[place].format("text"))
    widths = {"colgroup", "col"}  # pandoc sets them where a line of the table is long
    found = [tag for tag in hostile.elements(page) if tag not in widths]
    assert found == hostile.elements(plain)


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_code_stays_code(text):
    page = rendered(f"A line with {code_text(text)} inside.")
    assert hostile.dangers(page) == []
    code = html.unescape(page.partition("<code>")[2].rpartition("</code>")[0])
    assert shown(code) == shown(one_line(text))
    assert page.count("<code>") == 1


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_the_markdown_of_github_shows_the_same(text):
    page = rendered(f"A line with {markdown_text(text)} and {code_text(text)} inside.", "gfm")
    assert hostile.dangers(page.replace('href="http', 'href="')) == []
    assert shown(one_line(text)) in shown(hostile.visible(page))


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_python_code_with_a_text_is_the_text(text):
    line = python_text(text)
    assert eval(line) == text  # what the page shows can be run
    assert "{{<" not in line
    page = rendered(f"```python\n    x={line}\n```")
    assert hostile.dangers(page) == []
    assert page.count("</pre>") == 1


def test_escaped_numbers_are_as_readable_as_before():
    for text in ("0.05", "1,250", "event:-1", "group:2007", "a.b", "2004 to 2010", "CV3, t(H-1)"):
        assert markdown_text(text) == text
