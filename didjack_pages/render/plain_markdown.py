"""Quarto's markdown as plain markdown, for notebooks that are read without a renderer."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from didjack.errors import SiteError
from didjack_pages.render.flat import MARK, SPACE, emphasis, flatten, is_mark, strong
from didjack_pages.render.labels import NAMES, THEOREMS, Labels, kind_of
from didjack_pages.render.pandoc import missing_citations, read_markdown, run_pandoc
from didjack_pages.render.references import replace_references
from didjack_pages.render.tree import (
    Node,
    attributes,
    div,
    first_header,
    nodes,
    pairs_of,
    rewrite,
    span,
    string,
    words,
)

#: What Jupyter shows: CommonMark with tables and formulas.
WRITER = "commonmark+pipe_tables+strikeout+tex_math_dollars-raw_html"
_EQUATION = re.compile(r"^\{#(?P<label>eq-[\w:.-]+)\}(?P<rest>.*)$")
_MARK = re.compile(r"^\ue000(\d+)\ue001$", re.MULTILINE)
_END = re.compile(r"[.!?:]$")


@dataclass(frozen=True)
class Piece:
    """A part of a document: its markdown, and the float that it is the caption of."""

    text: str
    label: str = ""
    caption: str = ""  # "fig" or "tbl"


@dataclass
class _References:
    """What references say: numbers, and the headings of sections."""

    labels: Labels = field(default_factory=Labels)
    sections: dict[str, list[Node]] = field(default_factory=dict)


def plain_pieces(
    pieces: Iterable[Piece], bibliography: Path, link: Callable[[str], str]
) -> list[str]:
    """Write each piece of a document in plain markdown.

    Callouts and margin notes become quotations, tabs and theorems bold titles, references and
    citations words. Numbers are those of the whole document, in the order of the pieces, as on
    its page. A block may begin in one piece and end in another.

    Parameters
    ----------
    pieces : iterable of Piece
    bibliography : Path
        Where citations are looked up.
    link : callable
        Gives the new address of each link; an empty one leaves the text alone.

    Returns
    -------
    list of str
        One text for each piece, empty where nothing is left of it, then the list of the works
        that are cited.

    Raises
    ------
    SiteError
        For labels used twice, references without target and citations without entry.
    """
    given = list(pieces)
    text = "\n\n".join(f"```{{={MARK}}}\n{k}\n```\n\n{p.text}" for k, p in enumerate(given))
    with tempfile.TemporaryDirectory() as scratch:
        document = read_markdown(text, {}, Path(scratch))
    names = _References()
    blocks = _number(document["blocks"], given, names)
    problems = list(names.labels.problems)
    blocks = flatten(_refer(blocks, names, problems), link)
    blocks = _captions(blocks, given, names.labels)
    document["blocks"] = [*blocks, _mark(len(given)), div([], "refs")]
    arguments = ["-f", "json", "-t", WRITER, "--wrap=preserve", "--citeproc"]
    result = run_pandoc([*arguments, f"--bibliography={bibliography}"], json.dumps(document))
    problems += [f"@{key} is not in the bibliography" for key in missing_citations(result.warnings)]
    if problems:
        raise SiteError("; ".join(problems))
    parts = _MARK.split(result.text)
    found = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    return [found[k].strip() for k in range(len(given) + 1)]


def _mark(number: int) -> Node:
    return {"t": "Para", "c": [string(f"\ue000{number}\ue001")]}


def _number(blocks: list[Node], pieces: list[Piece], names: _References) -> list[Node]:
    """Give everything that has a label its number, and take the labels out."""
    labels = names.labels

    def change(node: Node) -> Node | list[Node] | None:
        kind, content = node["t"], node.get("c", [])
        if kind == "Header" and kind_of(content[1][0]) == "sec":
            names.sections[content[1][0]] = content[2]
        elif kind in ("Para", "Plain"):
            return {"t": kind, "c": _equations(content, labels)}
        elif is_mark(node) and kind_of(pieces[int(content[1])].label):
            labels.add(pieces[int(content[1])].label)
        elif kind == "Table" and kind_of(content[0][0]) == "tbl":
            bare = {"t": "Table", "c": [attributes(), [None, []], *content[2:]]}
            return [bare, _caption("tbl", labels.add(content[0][0]), _inside(content[1]))]
        elif kind == "Figure":
            number = labels.add(content[0][0]) if kind_of(content[0][0]) else ""
            return _caption("fig", number, _inside(content[1]))
        elif kind == "Div" and kind_of(content[0][0]) in THEOREMS:
            return _theorem(content[0], content[1], labels.add(content[0][0]))
        return None

    numbered: list[Node] = rewrite(blocks, change)
    return numbered


def _inside(caption: list[Any]) -> list[Node]:
    return [inline for block in caption[1] for inline in block["c"]]


def _equations(inlines: list[Node], labels: Labels) -> list[Node]:
    """Move the label behind a displayed formula into it, as its number."""
    out: list[Node] = []
    for node in inlines:
        match = _EQUATION.match(node["c"]) if node["t"] == "Str" else None
        places = [k for k, one in enumerate(out) if one["t"] not in ("Space", "SoftBreak")]
        if match is None or not places or out[places[-1]]["t"] != "Math":
            out.append(node)
            continue
        shape, formula = out[places[-1]]["c"]
        tagged = f"{formula.rstrip()} \\tag{{{labels.add(match['label'])}}}\n"
        out[places[-1] :] = [{"t": "Math", "c": [shape, tagged]}]
        if match["rest"]:
            out.append(string(match["rest"]))
    return out


def _theorem(attr: list[Any], content: list[Node], number: str) -> list[Node]:
    header = first_header(content)
    name = header["c"][2] if header else words(pairs_of(attr).get("name", ""))
    title = words(f"{NAMES[kind_of(attr[0])]} {number}")
    if name:
        title += [SPACE, string("("), *name, string(")")]
    return [strong([*title, string(".")]), *(content[1:] if header else content)]


def _caption(kind: str, number: str, caption: list[Node]) -> Node:
    mark = words(f"{NAMES[kind]} {number}.") if number else []
    return emphasis([*mark, *([SPACE] if mark and caption else []), *caption])


def _refer(blocks: list[Node], names: _References, problems: list[str]) -> list[Node]:
    """Replace references by words; those to sections begin a sentence with a capital."""
    referred, wrong = replace_references(
        blocks,
        names.labels.numbers | names.sections,
        lambda label, reference: _reference_words(label, reference, names),
    )
    problems += wrong
    for node in nodes(referred):
        if node["t"] in ("Para", "Plain"):
            _capitals(node["c"])
    return referred


def _capitals(inlines: list[Node]) -> None:
    said = [node for node in inlines if node["t"] not in ("Space", "SoftBreak")]
    for before, node in zip([None, *said], said, strict=False):
        starts = before is None or (before["t"] == "Str" and _END.search(before["c"]))
        if starts and node["t"] == "Span" and "section" in node["c"][0][1]:
            node["c"][1][0]["c"] = "The"


def _reference_words(label: str, reference: Node, names: _References) -> list[Node]:
    if label in names.sections:
        title = {"t": "Quoted", "c": [{"t": "DoubleQuote"}, names.sections[label]]}
        return [span([*words("the section"), SPACE, title], "", ["section"])]
    kind, number = kind_of(label), names.labels.numbers[label]
    alone = reference["citationMode"]["t"] == "SuppressAuthor"
    word = [] if alone else reference["citationPrefix"] or words(NAMES[kind])
    shown = string(f"({number})" if kind == "eq" else number)
    return [*word, *([SPACE] if word else []), shown]


def _captions(blocks: list[Node], pieces: list[Piece], labels: Labels) -> list[Node]:
    """Set captions, with their numbers, and put marks where the pieces begin."""
    out: list[Node] = []
    piece = Piece("")
    for node in blocks:
        if is_mark(node):
            piece = pieces[int(node["c"][1])]
            out.append(_mark(int(node["c"][1])))
        elif piece.caption and node["t"] in ("Para", "Plain"):
            out.append(_caption(piece.caption, labels.numbers.get(piece.label, ""), node["c"]))
        else:
            out.append(node)
    return out
