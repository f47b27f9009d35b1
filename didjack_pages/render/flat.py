"""Fenced divs, links and formulas in a form that a notebook shows without a renderer."""

from __future__ import annotations

from collections.abc import Callable

from didjack_pages.render.blocks import CALLOUTS
from didjack_pages.render.labels import PROOFS
from didjack_pages.render.tree import (
    Node,
    attributes,
    first_header,
    nodes,
    pairs_of,
    rewrite,
    string,
    words,
)

MARK = "piece"  # format of the raw blocks that stand between the pieces of a document
SPACE: Node = {"t": "Space"}


def flatten(blocks: list[Node], link: Callable[[str], str]) -> list[Node]:
    """Rewrite what CommonMark lacks; `link` gives each link its new address, or none."""
    for change in (_block, lambda node: _inline(node, link), _formulas):
        blocks = rewrite(blocks, change)
    return blocks


def is_mark(node: Node) -> bool:
    """Tell whether a block stands between two pieces."""
    return bool(node["t"] == "RawBlock" and node["c"][0] == MARK)


def strong(inlines: list[Node]) -> Node:
    """Return a bold title."""
    return {"t": "Para", "c": [{"t": "Strong", "c": inlines}]}


def emphasis(inlines: list[Node]) -> Node:
    """Return an italic paragraph."""
    return {"t": "Para", "c": [{"t": "Emph", "c": inlines}] if inlines else []}


def _block(node: Node) -> list[Node] | None:
    """Turn fenced divs into quotations or titles."""
    if node["t"] != "Div":
        return None
    attr, content = node["c"]
    kind = next((name for name in attr[1] if name in CALLOUTS), None)
    proof = next((name for name in attr[1] if name in PROOFS), None)
    header = first_header(content)
    if kind is not None:
        title = words(pairs_of(attr).get("title", CALLOUTS[kind]))
        title, content = (header["c"][2], content[1:]) if header else (title, content)
        return _quotation([strong(title)], content)
    if "column-margin" in attr[1] or "aside" in attr[1]:
        return _quotation([], content)
    if "panel-tabset" in attr[1]:
        level = next((b["c"][0] for b in content if b["t"] == "Header"), None)
        is_tab = [b["t"] == "Header" and b["c"][0] == level for b in content]
        return [
            strong(block["c"][2]) if tab else block
            for block, tab in zip(content, is_tab, strict=True)
        ]
    if proof is not None:
        return [emphasis(words(f"{PROOFS[proof]}.")), *content]
    return list(content)


def _quotation(title: list[Node], content: list[Node]) -> list[Node]:
    """Quote the blocks, unless cells of the notebook lie between them."""
    if any(is_mark(node) for node in nodes(content)):
        return [*title, *content]
    return [{"t": "BlockQuote", "c": [*title, *content]}]


def _inline(node: Node, link: Callable[[str], str]) -> Node | list[Node] | None:
    kind = node["t"]
    if kind in ("Span", "Image"):
        return list(node["c"][1])
    if kind == "Link":
        target = link(node["c"][2][0])
        return {**node, "c": [*node["c"][:2], [target, ""]]} if target else list(node["c"][1])
    if kind == "Note":
        inside = [i for b in node["c"] if b["t"] in ("Para", "Plain") for i in b["c"]]
        return [SPACE, string("("), *inside, string(")")]
    if kind == "Header":
        return {"t": "Header", "c": [node["c"][0], attributes(), node["c"][2]]}
    if kind == "Math" and node["c"][0]["t"] == "InlineMath":
        return _one_line(node)
    return None


def _formulas(node: Node) -> Node | None:
    """Keep formulas apart from the signs of the blocks that they stand in.

    On a second line of a quotation its `>` would become a part of the formula; a bar would end
    the cell of a table.
    """
    if node["t"] == "BlockQuote":
        return {"t": "BlockQuote", "c": rewrite(node["c"], _one_line)}
    if node["t"] == "Table":
        return {"t": "Table", "c": rewrite(node["c"], _without_bars)}
    return None


def _one_line(node: Node) -> Node | None:
    if node["t"] != "Math":
        return None
    return {"t": "Math", "c": [node["c"][0], " ".join(node["c"][1].split())]}


def _without_bars(node: Node) -> Node | None:
    if node["t"] != "Math":
        return None
    text = node["c"][1].replace(r"\|", r"\Vert ").replace("|", r"\vert ")
    return {"t": "Math", "c": [node["c"][0], text]}
