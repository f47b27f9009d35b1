"""Callouts, tabsets, margin notes and scrolling tables in pandoc's document tree."""

from __future__ import annotations

import itertools
from typing import Any

from didjack_pages.render.labels import is_theorem
from didjack_pages.render.tree import (
    Node,
    attributes,
    div,
    first_header,
    html,
    pairs_of,
    plain,
    rewrite,
    span,
    string,
    tag,
    words,
)

CALLOUTS = {
    "callout-note": "Note",
    "callout-tip": "Tip",
    "callout-important": "Important",
    "callout-warning": "Warning",
    "callout-caution": "Caution",
}


def rewrite_blocks(blocks: list[Node]) -> list[Node]:
    """Turn the fenced divs that have a meaning into their HTML structure."""
    counter = itertools.count(1)

    def change(node: Node) -> Node | list[Node] | None:
        kind = node["t"]
        if kind == "Table":
            return div([node], classes=["table-scroll"])
        if kind == "CodeBlock":
            return _code_block(node)
        if kind != "Div":
            return None
        classes = node["c"][0][1]
        if any(name in CALLOUTS for name in classes):
            return callout(node)
        if "panel-tabset" in classes:
            return tabset(node, next(counter))
        if "column-margin" in classes or "aside" in classes:
            return _margin_note(node)
        if "layout-ncol" in pairs_of(node["c"][0]):
            return _layout(node)
        if is_theorem(node["c"][0]):
            return _name_theorem(node)
        return None

    changed: list[Node] = rewrite(blocks, change)
    return changed


def callout(node: Node) -> list[Node]:
    """Return a callout: a bordered note, or `<details>` when it collapses."""
    attr, content = node["c"]
    kind = next(name for name in attr[1] if name in CALLOUTS)
    pairs = pairs_of(attr)
    default = CALLOUTS[kind]
    header = first_header(content)
    if header is not None:
        title, content = header["c"][2], content[1:]
    elif "title" in pairs:
        title = words(pairs["title"])
    else:
        title = []
    if title:
        heading = [span([string(f"{default}:"), {"t": "Space"}], "", ["visually-hidden"]), *title]
    else:
        heading = [string(default)]
    shapes = [f"callout-{pairs['appearance']}"] if "appearance" in pairs else []
    names = " ".join(["callout", *attr[1], *shapes])
    body = div(content, classes=["callout-body"])
    identifier = attr[0] or None
    if "collapse" in pairs:
        is_open = pairs["collapse"].lower() == "false"
        return [
            html(tag("details", id=identifier, class_=names, open=is_open)),
            html('<summary class="callout-title">'),
            plain(heading),
            html("</summary>"),
            body,
            html("</details>"),
        ]
    quiet = pairs.get("appearance") in ("simple", "minimal") and not title
    top = [] if quiet else [html('<p class="callout-title">'), plain(heading), html("</p>")]
    return [html(tag("div", id=identifier, class_=names)), *top, body, html("</div>")]


def tabset(node: Node, number: int) -> Node | list[Node]:
    """Return the sections of a tabset as tabs; without JavaScript all of them are shown."""
    attr, content = node["c"]
    level = next((b["c"][0] for b in content if b["t"] == "Header"), None)
    if level is None:
        return node
    panels: list[tuple[list[Node], list[Node]]] = []
    before: list[Node] = []
    for block in content:
        if block["t"] == "Header" and block["c"][0] == level:
            panels.append((block["c"][2], []))
        elif panels:
            panels[-1][1].append(block)
        else:
            before.append(block)
    group = pairs_of(attr).get("group")
    out = [*before, html(tag("div", class_="panel-tabset", data_group=group))]
    out.append(html('<div class="tabs" role="tablist">'))
    for index, (title, _) in enumerate(panels, start=1):
        name, first = f"tabset-{number}-{index}", index == 1
        button = tag(
            "button",
            type="button",
            role="tab",
            id=f"{name}-tab",
            aria_controls=name,
            aria_selected="true" if first else "false",
            tabindex="0" if first else "-1",
        )
        out += [html(button), plain(title), html("</button>")]
    out.append(html("</div>"))
    for index, (title, body) in enumerate(panels, start=1):
        name = f"tabset-{number}-{index}"
        out.append(html(tag("div", role="tabpanel", id=name, aria_labelledby=f"{name}-tab")))
        # On paper and without JavaScript there are no tabs, but their names are needed.
        out += [html('<p class="tab-name">'), plain(title), html("</p>"), *body, html("</div>")]
    return [*out, html("</div>")]


def _name_theorem(node: Node) -> Node | None:
    """Turn the heading that names a theorem into a name, so that it is no section."""
    attr, content = node["c"]
    header = first_header(content)
    if header is None:
        return None
    name = div([plain(header["c"][2])], classes=["theorem-name"])
    return {"t": "Div", "c": [attr, [name, *content[1:]]]}


def _margin_note(node: Node) -> list[Node]:
    return [html(tag("aside", class_="margin-note")), *node["c"][1], html("</aside>")]


def _layout(node: Node) -> Node:
    attr, content = node["c"]
    pairs = pairs_of(attr)
    columns = pairs.pop("layout-ncol")
    style = f"--columns: {int(columns) if columns.isdigit() else 1}"
    new = attributes(attr[0], [*attr[1], "layout"], style=style, **pairs)
    return {"t": "Div", "c": [new, content]}


def _code_block(node: Node) -> Node | list[Node] | None:
    """Give outputs their own container, so that style and copy button tell them from code."""
    attr, text = node["c"]
    if "cell-output" not in attr[1]:
        return None
    stream: dict[str, Any] = {"t": "CodeBlock", "c": [attributes(), text]}
    return div([stream], classes=attr[1])
