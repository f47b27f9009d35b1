"""The parts of pandoc's JSON document tree that the site needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

Node = dict[str, Any]
Change = Callable[[Node], "Node | list[Node] | None"]


def rewrite(tree: Any, change: Change) -> Any:
    """Apply `change` to every node, children first, in document order.

    `change` returns None to keep the node, a node to replace it, or a list to put several
    nodes (or none) in its place.
    """
    if isinstance(tree, list):
        out: list[Any] = []
        for item in tree:
            new = rewrite(item, change)
            if not (isinstance(new, dict) and "t" in new):
                out.append(new)
                continue
            changed = change(new)
            if changed is None:
                out.append(new)
            elif isinstance(changed, list):
                out.extend(changed)
            else:
                out.append(changed)
        return out
    if isinstance(tree, dict):
        return {key: rewrite(value, change) for key, value in tree.items()}
    return tree


def nodes(tree: Any) -> Iterator[Node]:
    """Walk over every node of a tree."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item)


def attributes(identifier: str = "", classes: Iterable[str] = (), **pairs: str) -> list[Any]:
    """Return a pandoc attribute triple."""
    return [identifier, list(classes), [[key, value] for key, value in pairs.items()]]


def div(content: list[Node], identifier: str = "", classes: Iterable[str] = ()) -> Node:
    """Return a block container."""
    return {"t": "Div", "c": [attributes(identifier, classes), content]}


def span(content: list[Node], identifier: str = "", classes: Iterable[str] = ()) -> Node:
    """Return an inline container."""
    return {"t": "Span", "c": [attributes(identifier, classes), content]}


def link(content: list[Node], target: str, classes: Iterable[str] = ()) -> Node:
    """Return a link."""
    return {"t": "Link", "c": [attributes("", classes), content, [target, ""]]}


def plain(content: list[Node]) -> Node:
    """Return inlines as a block without paragraph tags."""
    return {"t": "Plain", "c": content}


def string(text: str) -> Node:
    """Return one string of text (spaces in it do not break)."""
    return {"t": "Str", "c": text}


def words(text: str) -> list[Node]:
    """Return text as strings with breakable spaces between them."""
    out: list[Node] = []
    for word in text.split():
        out += [{"t": "Space"}, string(word)] if out else [string(word)]
    return out


def html(text: str) -> Node:
    """Return a block of raw HTML."""
    return {"t": "RawBlock", "c": ["html", text]}


def tag(name: str, **attrs: str | int | None) -> str:
    """Return an opening HTML tag; `_` in names becomes `-`, None and False leave one out."""
    parts = [name]
    for key, value in attrs.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(key)
        elif value not in (None, False):
            parts.append(f'{key}="{escape(str(value))}"')
    return f"<{' '.join(parts)}>"


def text_of(tree: Any) -> str:
    """Return the text of a tree without its formatting."""
    if isinstance(tree, list):
        return "".join(text_of(item) for item in tree)
    if not isinstance(tree, dict):
        return ""
    kind, content = tree.get("t"), tree.get("c")
    if kind == "Str":
        return str(content)
    if kind in ("Space", "SoftBreak", "LineBreak"):
        return " "
    if kind in ("Code", "Math", "CodeBlock"):
        return str(content[1])  # type: ignore[index]
    if kind in ("Note", "RawInline", "RawBlock"):
        return ""
    return text_of(content)


def pairs_of(attr: list[Any]) -> dict[str, str]:
    """Return the key-value attributes of an attribute triple."""
    return dict(attr[2])


def first_header(blocks: list[Node]) -> Node | None:
    """Return the header that starts a list of blocks, None when it starts otherwise."""
    return blocks[0] if blocks and blocks[0]["t"] == "Header" else None
