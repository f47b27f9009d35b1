"""Text of docstrings as markdown: literals, links to what is documented, lists, code blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Link = Callable[[str], str | None]
"""The address of a documented name; None for any other word."""

_CODE = re.compile(r"(?::[a-z:]+:)?(`{1,2})(?!`)(.+?)\1")
_SPECIAL = re.compile(r"([\\`*_{}\[\]#^~$<>|@\"'])")
_MARKER = re.compile(r"^(|\(?(?:\d+|[A-Za-z]|[ivxlcdm]+))([-+:%.)])(?=\s)")
_DASHES = re.compile(r"-(?=-)|\.(?=\.)")
WORD = re.compile(r'"[^"]*"|[A-Za-z_](?:[\w.]*\w)?')  # a value in quotes is not a name
_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+")


def escape(text: str) -> str:
    """Write plain text so that pandoc reads it as it stands: no emphasis, formulas, citations."""
    return _DASHES.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\1", text))


def paragraph(text: str) -> str:
    """Write plain text as `escape` does; its beginning is no marker of a list either."""
    return _MARKER.sub(lambda m: f"{m[1]}\\{m[2]}", escape(text))


def code(text: str) -> str:
    """Write text as code within a line."""
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def fenced(text: str, language: str) -> str:
    """Write text as a block of code."""
    return f"```{language}\n{text}\n```"


def inline(text: str, link: Link) -> str:
    """Write one paragraph: words in backticks become code, and links where documented."""
    parts, at = [], 0
    text = " ".join(text.split())
    for match in _CODE.finditer(text):
        before = escape(text[at : match.start()]) if at else paragraph(text[: match.start()])
        parts += [before, linked_code(match[2], link)]
        at = match.end()
    return "".join([*parts, escape(text[at:]) if at else paragraph(text)])


def linked_code(name: str, link: Link) -> str:
    """Write a name as code, and as a link where it is documented."""
    address = link(name.removesuffix("()").removeprefix("."))
    return f"[{code(name)}]({address})" if address else code(name)


def linked_type(text: str, link: Link) -> str:
    """Write the type of a parameter in italics, with links from the names in it."""
    parts, at = [], 0
    for match in WORD.finditer(text):
        address = link(match[0])
        if address:
            parts += [escape(text[at : match.start()]), f"[{escape(match[0])}]({address})"]
            at = match.end()
    body = "".join([*parts, escape(text[at:])])
    return f"*{body}*" if body else ""


def blocks(text: str, link: Link) -> str:
    """Write the text of a docstring section: paragraphs, lists, literal blocks, examples."""
    return "\n\n".join(_blocks(text, link))


def _blocks(text: str, link: Link) -> Iterator[str]:
    literal = False
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if literal and block.startswith(" "):
            yield fenced(_dedent(block), "")
            continue
        literal = block.endswith("::")
        if literal:
            block = block[:-1]
        if block.startswith(">>>"):
            yield fenced(block, "python")
        elif _ITEM.match(block):
            yield "\n".join(f"- {inline(item, link)}" for item in _items(block))
        elif block.strip() != ":":
            yield inline(block, link)


def _items(block: str) -> list[str]:
    items: list[str] = []
    for line in block.splitlines():
        start = _ITEM.match(line)
        if start:
            items.append(line[start.end() :])
        else:
            items[-1] += f" {line.strip()}"
    return items


def _dedent(block: str) -> str:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines)


def indented(text: str) -> str:
    """Indent what belongs to an item of a definition list."""
    return text.replace("\n", "\n    ").replace("\n    \n", "\n\n")
