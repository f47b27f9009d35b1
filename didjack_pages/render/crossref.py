"""Numbered sections, equations, figures, tables and theorems, and the references to them."""

from __future__ import annotations

import re

from didjack_pages.render.labels import NAMES, PROOFS, THEOREMS, Labels, kind_of
from didjack_pages.render.references import replace_references
from didjack_pages.render.tree import (
    Node,
    div,
    html,
    link,
    plain,
    rewrite,
    span,
    string,
    tag,
    text_of,
)

NBSP = "\u00a0"
_LABEL = re.compile(r"^\{#(?P<label>eq-[\w:.-]+)\}(?P<rest>.*)$")


def number_blocks(
    blocks: list[Node], *, sections: bool, depth: int = 6
) -> tuple[list[Node], Labels]:
    """Give numbers to everything that has one, in document order."""
    labels = Labels()
    top = min((b["c"][0] for b in blocks if b["t"] == "Header"), default=2)
    counters = [0] * 7

    def change(node: Node) -> Node | list[Node] | None:
        kind = node["t"]
        if kind == "Header":
            return _header(node, labels, counters, top, depth if sections else 0)
        if kind in ("Para", "Plain"):
            node["c"] = _equations(node["c"], labels)
        elif kind == "Figure":
            return _figure(node, labels)
        elif kind == "Div":
            return _div(node, labels)
        return None

    numbered: list[Node] = rewrite(blocks, change)
    return numbered, labels


def _header(node: Node, labels: Labels, counters: list[int], top: int, depth: int) -> Node | None:
    level, attr, inlines = node["c"]
    place = level - top
    number = ""
    if "unnumbered" not in attr[1] and 0 <= place < depth:
        counters[place] += 1
        counters[place + 1 :] = [0] * (len(counters) - place - 1)
        number = ".".join(str(n) for n in counters[: place + 1])
    if kind_of(attr[0]) == "sec":
        labels.add(attr[0], number or text_of(inlines))
    if not number:
        return None
    mark = span([string(number)], classes=["header-section-number"])
    return {"t": "Header", "c": [level, attr, [mark, {"t": "Space"}, *inlines]]}


def _equations(inlines: list[Node], labels: Labels) -> list[Node]:
    """Wrap displayed formulas, with the number of those that have a label behind them."""
    out: list[Node] = []
    index = 0
    while index < len(inlines):
        node = inlines[index]
        index += 1
        if node["t"] != "Math" or node["c"][0]["t"] != "DisplayMath":
            out.append(node)
            continue
        ahead = index
        while ahead < len(inlines) and inlines[ahead]["t"] in ("Space", "SoftBreak"):
            ahead += 1
        follower = inlines[ahead] if ahead < len(inlines) else {"t": ""}
        match = _LABEL.match(follower["c"]) if follower["t"] == "Str" else None
        formula = span([node], classes=["formula"])
        if match is None:
            out.append(span([formula], classes=["equation"]))
            continue
        number = labels.add(match["label"])
        mark = span([string(f"({number})")], classes=["equation-number"])
        out.append(span([formula, mark], match["label"], ["equation"]))
        if match["rest"]:
            out.append(string(match["rest"]))
        index = ahead + 1
    return out


def _figure(node: Node, labels: Labels) -> list[Node]:
    attr, caption, content = node["c"]
    inlines = [i for block in caption[1] for i in block["c"]] if caption[1] else []
    return _float(attr[0], "fig", content, inlines, labels, attr[1])


def _div(node: Node, labels: Labels) -> Node | list[Node] | None:
    (identifier, classes, pairs), content = node["c"]
    kind = kind_of(identifier)
    if "cell-float" in classes:
        caption: list[Node] = []
        if content and content[-1]["t"] == "Div" and "cell-caption" in content[-1]["c"][0][1]:
            caption = [i for block in content[-1]["c"][1] for i in block["c"]]
            content = content[:-1]
        shape = kind or dict(pairs).get("float-kind", "fig")
        return _float(identifier, shape, content, caption, labels)
    if "table-scroll" in classes and content[0]["t"] == "Table":
        return _table(node, labels)
    if kind in ("fig", "tbl"):
        caption = []
        if len(content) > 1 and content[-1]["t"] == "Para":
            caption, content = content[-1]["c"], content[:-1]
        return _float(identifier, kind, content, caption, labels, classes)
    if kind in THEOREMS:
        return _theorem(node, NAMES[kind], labels.add(identifier))
    proof = next((name for name in classes if name in PROOFS), None)
    return _theorem(node, PROOFS[proof], "") if proof else None


def _table(node: Node, labels: Labels) -> list[Node] | None:
    """Take the caption of a labelled table out of its scrolling box."""
    table = node["c"][1][0]
    attr, caption = table["c"][0], table["c"][1]
    if kind_of(attr[0]) != "tbl":
        return None
    identifier, attr[0] = attr[0], ""
    inlines = [i for block in caption[1] for i in block["c"]]
    table["c"][1] = [None, []]
    return _float(identifier, "tbl", [node], inlines, labels)


def _float(
    identifier: str,
    kind: str,
    content: list[Node],
    caption: list[Node],
    labels: Labels,
    classes: list[str] | None = None,
) -> list[Node]:
    """Return a figure or table with its caption: below figures, above tables."""
    number = labels.add(identifier) if kind_of(identifier) else ""
    names = " ".join(["float", f"float-{kind}", *(classes or [])])
    mark: list[Node] = []
    if number:
        text = f"{NAMES[kind]}{NBSP}{number}" + (":" if caption else "")
        mark = [span([string(text)], classes=["float-number"])]
        mark += [{"t": "Space"}] if caption else []
    head = [html("<figcaption>"), plain([*mark, *caption]), html("</figcaption>")]
    head = head if mark or caption else []
    parts = [*content, *head] if kind == "fig" else [*head, *content]
    return [html(tag("figure", id=identifier or None, class_=names)), *parts, html("</figure>")]


def _theorem(node: Node, name: str, number: str) -> Node:
    (identifier, classes, pairs), content = node["c"]
    title: list[Node] = []
    if content and content[0]["t"] == "Div" and "theorem-name" in content[0]["c"][0][1]:
        title, content = content[0]["c"][1][0]["c"], content[1:]
    elif "name" in dict(pairs):
        title = [string(dict(pairs)["name"])]
    label = f"{name}{NBSP}{number}" if number else name
    inside = [string(label)]
    if title:
        inside += [{"t": "Space"}, string("("), *title, string(")")]
    if not number:
        inside.append(string("."))
    mark = span(inside, classes=["theorem-title"])
    if content and content[0]["t"] in ("Para", "Plain"):
        first = {"t": "Para", "c": [mark, {"t": "Space"}, *content[0]["c"]]}
        content = [first, *content[1:]]
    else:
        content = [{"t": "Para", "c": [mark]}, *content]
    shape = "theorem" if number else "proof"
    return div(content, identifier, list(dict.fromkeys([shape, name.lower(), *classes])))


def resolve_references(blocks: list[Node], labels: Labels) -> tuple[list[Node], list[str]]:
    """Turn `@fig-x` and its like into links; return also what is wrong with them."""

    def linked(label: str, reference: Node) -> list[Node]:
        return [link(_reference_text(label, reference, labels), f"#{label}", classes=["crossref"])]

    return replace_references(blocks, labels.numbers, linked)


def _reference_text(label: str, reference: Node, labels: Labels) -> list[Node]:
    kind, number = kind_of(label), labels.numbers[label]
    prefix = reference["citationPrefix"]
    if reference["citationMode"]["t"] == "SuppressAuthor":
        return [string(number)]
    if prefix:
        return [*prefix, string(NBSP + number)]
    if kind == "sec" and not number[:1].isdigit():
        return [string(number)]
    return [string(f"{NAMES[kind]}{NBSP}{number}")]
