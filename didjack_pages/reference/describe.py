"""From the name of a function, class or constant to a description of it, without importing it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import griffe

from didjack.errors import ReportError

# How annotations read in the list of parameters where the docstring gives no type of its own.
_PLAIN = {
    "Array": "array",
    "Index": "array of int",
    "Mask": "array of bool",
    "NDArray[np.int64]": "array of int",
    "None": "None",
}
_MODULE = re.compile(r"\b(?:np|pd|griffe)\.(?=[A-Z])")


@dataclass(frozen=True)
class Item:
    """One entry of a section, such as a parameter; several names may share it."""

    names: tuple[str, ...]
    type: str
    text: str


@dataclass(frozen=True)
class Section:
    """A section of a docstring: running text without title, or items."""

    title: str
    text: str = ""
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Description:
    """A function, class, method, property or constant.

    Attributes
    ----------
    name : str
        "aggte"; of members "Jackknife.lincom".
    kind : {"function", "class", "constant", "method", "property"}
    path : str
        Where users import it from.
    source : griffe.Object
        Where it is defined, which decides what the names in its docstring mean.
    parameters : tuple of (str, str)
        Name and default of what it is called with; "*" where those by name alone begin.
    sections : tuple of Section
        In the order of the docstring.
    members : tuple of Description
        Public methods and properties of a class, in the order of the source.
    """

    name: str
    kind: str
    path: str
    source: griffe.Object = field(repr=False)
    parameters: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    members: tuple[Description, ...] = ()

    @property
    def module(self) -> str:
        """The file that defines it, from the folder of the project."""
        return f"{self.source.module.path.replace('.', '/')}.py"

    @property
    def returns(self) -> str:
        """What a function returns or a property is, by its annotation."""
        if self.kind == "class":
            return ""
        found = getattr(self.source, "returns", None) or getattr(self.source, "annotation", None)
        return "" if found is None else plain_type(str(found))

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        text = self.sections[0].text if self.sections and not self.sections[0].title else ""
        return text.split("\n\n")[0]

    @property
    def raised(self) -> bool:
        """Whether it is an exception."""
        bases = getattr(self.source, "bases", ())
        return any(str(base).endswith(("Error", "Exception")) for base in bases)


@cache
def package() -> griffe.Object:
    """Read the source of the package."""
    loaded = griffe.load("didjack", search_paths=[Path(__file__).resolve().parents[2]])
    assert isinstance(loaded, griffe.Object)
    return loaded


def describe(path: str) -> Description:
    """Describe what ``didjack.<path>`` is.

    Parameters
    ----------
    path : str
        As users import it, without ``didjack.``.

    Raises
    ------
    ReportError
        There is no such thing.
    """
    try:
        found = package()[path]
        source = found.final_target if isinstance(found, griffe.Alias) else found
    except (KeyError, griffe.AliasResolutionError):
        raise ReportError(f"The reference names didjack.{path}, which does not exist.") from None
    name = path.rsplit(".", 1)[-1]
    if isinstance(source, griffe.Class):
        members = tuple(_member(name, path, member) for member in _public(source))
        return Description(
            name, "class", path, source, _signature(source), _sections(source), members
        )
    kind = "function" if isinstance(source, griffe.Function) else "constant"
    return Description(name, kind, path, source, _signature(source), _sections(source))


def _public(source: griffe.Class) -> Iterator[griffe.Object]:
    """List methods and properties, inherited ones last; fields belong to the docstring."""
    inherited = source.inherited_members
    for name, found in {**source.members, **inherited}.items():
        member = found.final_target if isinstance(found, griffe.Alias) else found
        if name.startswith("_") or not isinstance(member, griffe.Object):
            continue
        if isinstance(member, griffe.Function) or "property" in member.labels:
            yield member


def _member(owner: str, path: str, source: griffe.Object) -> Description:
    kind = "property" if "property" in source.labels else "method"
    return Description(
        f"{owner}.{source.name}",
        kind,
        f"{path}.{source.name}",
        source,
        _signature(source),
        _sections(source),
    )


def fields(source: griffe.Class) -> dict[str, str]:
    """Return the public fields of a class with their annotations."""
    return {
        name: plain_type(str(member.annotation))
        for name, member in source.members.items()
        if isinstance(member, griffe.Attribute)
        and "property" not in member.labels
        and not name.startswith("_")
    }


def _signature(source: griffe.Object) -> tuple[tuple[str, str], ...]:
    if not isinstance(source, (griffe.Function, griffe.Class)):
        return ()
    parts: list[tuple[str, str]] = []
    by_name = griffe.ParameterKind.keyword_only
    for parameter in source.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is by_name and not any(name.startswith("*") for name, _ in parts):
            parts.append(("*", ""))
        stars = {
            griffe.ParameterKind.var_positional: "*",
            griffe.ParameterKind.var_keyword: "**",
        }.get(parameter.kind, "")
        default = "" if stars or parameter.default is None else _source_text(parameter.default)
        parts.append((stars + parameter.name, default))
    return tuple(parts)


def _source_text(value: object) -> str:
    """Write a default as the source does, with double quotes."""
    text = str(value)
    return re.sub(r"'([^'\"]*)'", r'"\1"', text)


def plain_type(annotation: str) -> str:
    """Write an annotation for readers: "pd.DataFrame" as "DataFrame", "Array" as "array"."""
    text = _MODULE.sub("", annotation.replace("NDArray[np.int64]", "Index"))
    return re.sub(r"\b(Array|Index|Mask)\b", lambda word: _PLAIN[word[0]], text)


def _sections(source: griffe.Object) -> tuple[Section, ...]:
    if source.docstring is None:
        return ()
    parsed = source.docstring.parse("numpy", warnings=False)
    sections = [_section(section, source) for section in parsed]
    return tuple(section for section in sections if section is not None)


def _section(section: griffe.DocstringSection, source: griffe.Object) -> Section | None:
    value = section.value
    match section.kind:
        case griffe.DocstringSectionKind.text:
            return Section("", inspect.cleandoc(value))
        case griffe.DocstringSectionKind.admonition:
            return Section(str(section.title), inspect.cleandoc(value.contents))
        case griffe.DocstringSectionKind.examples:
            return Section("Examples", "\n\n".join(text for _, text in value))
        case kind:
            title = kind.value.capitalize()
            return Section(title, items=tuple(_grouped(_items(value))))


def _items(entries: Iterable[griffe.DocstringElement]) -> Iterator[Item]:
    for entry in entries:
        names = [name.strip() for name in (getattr(entry, "name", "") or "").split(",")]
        yield Item(tuple(filter(None, names)), _type(entry.annotation), entry.description)


def _grouped(items: Iterable[Item]) -> Iterator[Item]:
    """Join again the names that share one entry of the docstring."""
    last: Item | None = None
    for item in items:
        if last is not None and last.names and (last.type, last.text) == (item.type, item.text):
            last = Item(last.names + item.names, item.type, item.text)
            continue
        if last is not None:
            yield last
        last = item
    if last is not None:
        yield last


def _type(annotation: object) -> str:
    if isinstance(annotation, (griffe.ExprTuple, griffe.ExprSet)):  # {"dr", "reg"}: one of these
        elements = [_source_text(element) for element in annotation.elements]
        if not all(element.startswith('"') for element in elements):  # "array, (n,)"
            return ", ".join(map(plain_type, elements))
        return " or ".join(filter(None, [", ".join(elements[:-1]), elements[-1]]))
    return "" if annotation is None else plain_type(str(annotation))
