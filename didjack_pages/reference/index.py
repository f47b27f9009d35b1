"""Where every documented name stands, and what refers to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import griffe

from didjack_pages.reference.describe import Description, describe
from didjack_pages.reference.groups import GROUPS
from didjack_pages.reference.markup import WORD, Link


@dataclass(frozen=True)
class Index:
    """All descriptions, by page, and the way from a name to its place.

    Attributes
    ----------
    pages : dict of str to tuple of Description
        The entries of every page.
    places : dict of str to (str, str)
        Page and anchor by the path of the definition, such as "didjack.effects.aggregate.aggte".
    short : dict of str to str
        That path by the name of an entry.
    """

    pages: Mapping[str, tuple[Description, ...]]
    places: Mapping[str, tuple[str, str]]
    short: Mapping[str, str]

    def link(self, page: str, scope: Description) -> Link:
        """Return the links for the text of one entry on one page."""

        def address(name: str) -> str | None:
            path = self._path(name, scope.source)
            if path is None or path not in self.places or path == scope.source.path:
                return None
            target, anchor = self.places[path]
            return f"#{anchor}" if target == page else f"{target}.ipynb#{anchor}"

        return address

    def _path(self, name: str, source: griffe.Object) -> str | None:
        """Return the path of the definition that a name means where it is written."""
        if name.startswith("didjack."):
            path = name.removeprefix("didjack.")
            return next((p for p in self.places if p == name), self.short.get(path))
        first, _, rest = name.partition(".")
        try:
            path = source.resolve(first)
        except griffe.NameResolutionError:
            path = self.short.get(name if name in self.short else first, "")
            rest = "" if name in self.short else rest
        known = self.short.get(path.removeprefix("didjack."), path)
        return f"{known}.{rest}" if rest else known

    def referring(self, section: str, entry: Description) -> list[Description]:
        """List what names an entry in its section "Returns" or "Raises"."""
        found = []
        for other in self._all():
            types: list[str] = []
            for part in other.sections:
                if part.title == section:
                    types += [item.type for item in part.items]
            if section == "Returns":
                types.append(other.returns)
            words = {match[0] for text in types for match in WORD.finditer(text)}
            if any(self._path(word, other.source) == entry.source.path for word in words):
                found.append(other)
        return found

    def _all(self) -> Iterator[Description]:
        for entries in self.pages.values():
            for entry in entries:
                yield entry
                yield from entry.members


def anchor(entry: Description) -> str:
    """Return the id of an entry on its page: "aggte", "Jackknife-lincom"."""
    return entry.name.replace(".", "-")


@cache
def index() -> Index:
    """Describe everything that the groups name."""
    pages = {page: tuple(map(describe, group.names)) for page, group in GROUPS.items()}
    places: dict[str, tuple[str, str]] = {}
    short: dict[str, str] = {}
    for page, entries in pages.items():
        for entry in entries:
            short[entry.path] = short[entry.name] = entry.source.path
            for part in _with_fields(entry):
                places[part[0]] = (page, part[1])
    return Index(pages, places, short)


def _with_fields(entry: Description) -> Iterable[tuple[str, str]]:
    yield entry.source.path, anchor(entry)
    for member in entry.members:
        yield member.source.path, anchor(member)
    for section in entry.sections:
        if section.title == "Attributes":
            for item in section.items:
                for name in item.names:
                    yield f"{entry.source.path}.{name}", f"{entry.name}-{name}"
