"""Quarto's markdown as plain markdown, for notebooks that are read without a renderer."""

from __future__ import annotations

import pytest

from didjack.errors import SiteError
from didjack_pages.render.plain_markdown import Piece, plain_pieces


def plain(text, tmp_path, **pieces):
    bib = tmp_path / "works.bib"
    bib.write_text(
        "@article{smith2021, author={Smith, Ann and Gauß, Bo}, title={On it}, "
        "journal={J}, year={2021}}\n"
    )
    given = [Piece(text), *pieces.get("more", [])]
    return plain_pieces(given, bib, lambda target: "beside.ipynb" if "learn" in target else "")


CASES = [
    (
        '::: {.callout-note title="Definition: Score"}\nLet\n$$\na\n= b\n$$\nbe.\n:::',
        "> **Definition: Score**\n>\n> Let\n> $$a = b$$\n> be.",
    ),
    ("::: {.callout-tip}\n## Intuition\nYes.\n:::", "> **Intuition**\n>\n> Yes."),
    ("::: {.column-margin}\nAside.\n:::", "> Aside."),
    (
        '::: {.panel-tabset group="s"}\n### R\n`a`\n\n### Stata\n`b`\n:::',
        "**R**\n\n`a`\n\n**Stata**\n\n`b`",
    ),
    (
        "::: {#exr-a}\n## Short *name*\nDo it.\n:::\n\nSee @exr-a.",
        "**Exercise 1 (Short *name*).**\n\nDo it.\n\nSee Exercise 1.",
    ),
    ("::: {.proof}\nQED.\n:::", "*Proof.*\n\nQED."),
    (
        "$$\na = b\n$$ {#eq-a}\n\nBy @eq-a, and [-@eq-a].",
        "$$\na = b \\tag{1}\n$$\n\nBy Equation (1), and (1).",
    ),
    (
        "## Two words {#sec-a .unnumbered}\n\n@sec-a says. In @sec-a it is.",
        "## Two words\n\nThe section “Two words” says. In the section “Two words” it is.",
    ),
    ("A [page](/reports/learn/x.ipynb#sec-a), [two](#sec-b).", "A [page](beside.ipynb), two."),
    ("| a | b |\n|---|---|\n| $P(A|B)$ | 1 |", r"$P(A\vert B)$"),
    ("Words.^[An aside.]", "Words. (An aside.)"),
    ("::: {.lesson-head}\n**Why?**\n:::", "**Why?**"),
    ("@smith2021 say; yes [@smith2021, eq. 2].", "Smith and Gauß (2021) say; yes"),
]


@pytest.fixture(scope="module")
def plain_cases(tmp_path_factory):
    """All cases as one document: a call of pandoc takes longer than its work."""
    more = [Piece(text) for text, _ in CASES]
    return plain("", tmp_path_factory.mktemp("bib"), more=more)[1:]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_quartos_markdown_becomes_plain(number, plain_cases):
    found = plain_cases[number]
    assert CASES[number][1] in found
    assert ":::" not in found
    assert "{#" not in found


def test_captions_are_numbered_with_the_page_and_citations_are_listed(tmp_path):
    more = [Piece("All of it [@smith2021].", "fig-a", "fig"), Piece("@fig-a")]
    head, caption, reference, works = plain("@fig-a", tmp_path, more=more)
    assert (head, reference) == ("Figure 1", "Figure 1")
    assert caption == "*Figure 1. All of it (Smith and Gauß 2021).*"
    assert works.startswith("Smith, Ann, and Bo Gauß. 2021.")


def test_a_block_may_reach_over_several_pieces(tmp_path):
    more = [Piece("Inside."), Piece(":::")]
    text = plain('::: {.callout-note title="T"}\nBefore.', tmp_path, more=more)
    assert text[:3] == ["**T**\n\nBefore.", "Inside.", ""]


@pytest.mark.parametrize(
    "text",
    [
        "@fig-none",
        "[@nobody1900]",
        "$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}",
        "$$a$$ {#eq-a}\n\n@eq-a [@smith2021]",
    ],
)
def test_what_has_no_target_is_an_error(text, tmp_path):
    with pytest.raises(SiteError, match=r"fig-none|nobody1900|eq-a"):
        plain(text, tmp_path)
