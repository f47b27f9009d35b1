"""Descriptions as pages, in the markdown that both renderers of the site read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from didjack.errors import ReportError
from didjack_pages.reference.defaults import defaults_markdown
from didjack_pages.reference.describe import Description, Item, Section
from didjack_pages.reference.groups import GROUPS
from didjack_pages.reference.index import Index, anchor, index
from didjack_pages.reference.markup import Link, blocks, code, fenced, indented, inline, linked_type

_WIDTH = 36  # characters of a signature on one line: what fits on a phone
NOTHING = "\N{NO-BREAK SPACE}"


def group_markdown(name: str) -> str:
    """Write one page of the reference.

    Parameters
    ----------
    name : str
        A key of `GROUPS`.

    Returns
    -------
    str
        Markdown, headings from level 2 on.

    Raises
    ------
    ReportError
        There is no such group, or it names what does not exist.
    """
    if name not in GROUPS:
        raise ReportError(f"The reference has no page {name!r}; it has {', '.join(GROUPS)}.")
    known = index()
    entries = known.pages[name]
    parts = [GROUPS[name].text, "\n".join(_line(entry, name, known) for entry in entries)]
    for entry in entries:
        parts += _entry(entry, name, known)
    if name == "estimation":
        parts.append(defaults_markdown())
    return "\n\n".join(part for part in parts if part)


def _line(entry: Description, page: str, known: Index) -> str:
    """Write an entry's line in the list at the top of its page."""
    summary = inline(entry.summary, known.link(page, entry))
    return f"- [{code(entry.name)}](#{anchor(entry)}): {summary}"


def _entry(entry: Description, page: str, known: Index) -> Iterator[str]:
    link = known.link(page, entry)
    yield f"## {code(entry.name)} {{#{anchor(entry)}}}"
    yield from _head(entry, known, link)
    yield from _text(entry, link)
    yield from _attributes(entry, page, known)
    yield " ".join([*_used_by(entry, known, link), f"Defined in {code(entry.module)}."])
    for member in entry.members:
        if member.kind == "method":
            yield f"### {code(f'{member.name}()')} {{#{anchor(member)}}}"
            if member.parameters:
                yield fenced(signature(member.name.split(".")[-1], member.parameters), "python")
            yield from _text(member, known.link(page, member))


def _head(entry: Description, known: Index, link: Link) -> Iterator[str]:
    """Show how it is called, or for what only functions make, where it is."""
    path = f"didjack.{entry.path}"
    if entry.kind == "function" or (entry.kind == "class" and not _made(entry, known)):
        yield fenced(signature(path, entry.parameters), "python")
    elif entry.kind == "constant":
        value = str(getattr(entry.source, "value", ""))
        yield fenced(f"{path} = {value}" if len(value) <= _WIDTH else path, "python")
    else:
        yield fenced(f"class {path}", "python")
    if entry.raised:
        bases = ", ".join(linked_type(str(base), link) for base in entry.source.bases)  # type: ignore[attr-defined]
        yield f"A kind of {bases}."


def _made(entry: Description, known: Index) -> bool:
    return entry.raised or bool(known.referring("Returns", entry))


def signature(name: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Write a call with its defaults, one parameter per line where it is long.

    Parameters
    ----------
    name : str
    parameters : iterable of (str, str)
        Name and default, empty where there is none.
    """
    parts = [f"{key}={default}" if default else key for key, default in parameters]
    line = f"{name}({', '.join(parts)})"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), ")"])


def _text(entry: Description, link: Link) -> Iterator[str]:
    """Write the sections of a docstring but "Attributes", and what is returned in any case."""
    sections = [section for section in entry.sections if section.title != "Attributes"]
    told = any(section.title == "Returns" for section in sections)
    if entry.kind != "constant" and not told and entry.returns not in ("", "None"):
        at = next((i for i, part in enumerate(sections) if part.title == "Raises"), len(sections))
        sections.insert(at, Section("Returns", items=(Item((), entry.returns, ""),)))
    for section in sections:
        yield from _section(section, link)


def _section(section: Section, link: Link) -> Iterator[str]:
    if section.title == "Returns" and not any(item.text for item in section.items):
        yield f"**Returns** {', '.join(linked_type(item.type, link) for item in section.items)}"
        return
    if section.title:
        yield f"**{section.title}**"
    if section.text:
        yield blocks(section.text, link)
    if section.items:
        yield _definitions(section.items, link)


def _definitions(items: Iterable[Item], link: Link, anchors: str = "") -> str:
    """Write items as a definition list, which no screen is too narrow for."""
    return "\n\n".join(_definition(item, link, anchors) for item in items)


def _definition(item: Item, link: Link, anchors: str) -> str:
    names = [
        f"[{code(name)}]{{#{anchors}-{name}}}" if anchors else code(name) for name in item.names
    ]
    term = ", ".join(names)
    kind = linked_type(item.type, link)
    text = indented(blocks(item.text, link)) if item.text else ""
    gap = "\n\n" if "\n\n" in text else "\n"  # without the blank line paragraphs would run together
    if not term:
        return f"{kind}{gap}:   {text}" if text else kind
    # A definition must not be empty, else pandoc reads the term as a paragraph.
    return f"{term}{gap}:   {'. '.join(filter(None, [kind, text])) or NOTHING}"


def _attributes(entry: Description, page: str, known: Index) -> Iterator[str]:
    """List fields and properties together: to the user both are attributes."""
    own = [item for part in entry.sections if part.title == "Attributes" for item in part.items]
    properties = [member for member in entry.members if member.kind == "property"]
    if not own and not properties:
        return
    yield "**Attributes**"
    lists = [_definitions(own, known.link(page, entry), entry.name)] if own else []
    for member in properties:
        text = "\n\n".join(_property_text(member))
        item = Item((member.name.split(".")[-1],), member.returns, text)
        lists.append(_definition(item, known.link(page, member), entry.name))
    yield "\n\n".join(lists)


def _property_text(member: Description) -> Iterator[str]:
    for section in member.sections:
        if section.text:
            yield section.text
        for item in section.items:
            yield f"{section.title} `{item.type}`: {item.text}"


def _used_by(entry: Description, known: Index, link: Link) -> Iterator[str]:
    for section, verb in (("Returns", "Returned by"), ("Raises", "Raised by")):
        if entry.kind != "class" or (section == "Raises") != entry.raised:
            continue
        users = known.referring(section, entry)
        if users:
            names = ", ".join(f"[{code(user.name)}]({_address(user, link)})" for user in users)
            yield f"{verb} {names}."


def _address(user: Description, link: Link) -> str:
    return link(f"didjack.{user.source.path.removeprefix('didjack.')}") or f"#{anchor(user)}"
