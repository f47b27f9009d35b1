"""What the lessons share: their order, the head of each page, one notation, one glossary."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, ClassVar

import msgspec

from didjack.display.wording import listed
from didjack.errors import DidjackWarning, ReportError
from didjack.forms import Form, Whole, read_form
from didjack_pages.paths import notebooks_dir

_FOLDER = "/reports/learn"  # where the pages of the lessons lie, for links between them


class Text(str):
    """Markdown that a notebook shows as such when it ends a cell."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


class Lesson(Form, frozen=True, kw_only=True):
    """One lesson of the course.

    Attributes
    ----------
    number : int
        Place in the course, from 1.
    name : str
        Name of its notebook and of its page.
    title, question : str
    needs : tuple of int
        Numbers of the lessons that it builds on.
    on : tuple of str
        Specifications that it is executed on; the first one for its own page.
    """

    number: Whole
    name: str
    title: str
    question: str
    needs: tuple[Whole, ...]
    on: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

    def link(self, specification: str | None = None, text: str | None = None) -> str:
        """Return a markdown link to the lesson's page, on its first data or on others."""
        return f"[{text or f'{self.number}. {self.title}'}]({self.address(specification)})"

    def address(self, specification: str | None = None, label: str = "") -> str:
        """Return the address of the lesson's page, or of something on it that has a label."""
        other = specification is not None and specification != self.on[0]
        folder = f"{_FOLDER}/{specification}" if other else _FOLDER
        return f"{folder}/{self.name}.ipynb{f'#{label}' if label else ''}"

    @property
    def student_link(self) -> str:
        """Markdown link to the notebook without solutions."""
        return f"[notebook for students](/reports/students/{self.name}.ipynb)"


class _CourseFile(Form, frozen=True, kw_only=True):
    lesson: tuple[Lesson, ...]


@cache
def course() -> tuple[Lesson, ...]:
    """List the lessons, in order.

    Raises
    ------
    ReportError
        If ``notebooks/learn/course.toml`` has mistakes.
    """
    return read_form(notebooks_dir() / "learn" / "course.toml", _CourseFile, ReportError).lesson


def lesson(number: int) -> Lesson:
    """Return a lesson by its number.

    Raises
    ------
    ReportError
        If there is none.
    """
    for one in course():
        if one.number == number:
            return one
    raise ReportError(f"the course has no lesson {number}; it has {len(course())}")


def head(number: int, specification: str) -> Text:
    """Write the lines under a lesson's title: what it needs, its data, its other versions.

    Warnings of the package stay off the page from here on: lessons show notes where they teach
    something, and small examples would warn in most cells.

    Parameters
    ----------
    number : int
        Of the lesson.
    specification : str
        That the page is executed on.
    """
    warnings.simplefilter("ignore", DidjackWarning)
    own = lesson(number)
    needs = [lesson(k).link() for k in own.needs]
    before = f"Builds on {listed(needs)}." if needs else "Needs means, variances and regression."
    others = [own.link(name, f"`{name}`") for name in own.on if name != specification]
    data = f"Computed on `{specification}`"
    data += f"; the same lesson on {listed(others)}." if others else "."
    return Text(
        f"::: {{.lesson-head}}\n**{own.question}** {before} {data} "
        f"For exercises: {own.student_link}.\n:::"
    )


class _Symbol(Form, frozen=True, kw_only=True):
    symbol: str
    meaning: str


class _Section(Form, frozen=True, kw_only=True):
    title: str
    symbols: dict[str, _Symbol]


@cache
def _notation() -> Mapping[str, _Section]:
    path = notebooks_dir() / "learn" / "notation.toml"
    return read_form(path, dict[str, _Section], ReportError)


def notation(*keys: str) -> Text:
    """Write a table of symbols: those named, in the order of the shared table, or all of them.

    Raises
    ------
    ReportError
        If the table has no such symbol.
    """
    sections = _notation().values()
    known = {key for section in sections for key in section.symbols}
    if unknown := sorted(set(keys) - known):
        raise ReportError(
            f"notation.toml has no symbol {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    if keys:
        rows = [
            entry for section in sections for key, entry in section.symbols.items() if key in keys
        ]
        return Text(_symbol_table(rows))
    return Text(
        "\n\n".join(
            f"## {section.title}\n\n{_symbol_table(section.symbols.values())}"
            for section in sections
        )
    )


def _symbol_table(entries: Iterable[_Symbol]) -> str:
    rows = [f"| {entry.symbol} | {entry.meaning} |" for entry in entries]
    return "\n".join(["| Symbol | Meaning |", "|:----------|:--------------------|", *rows])


class Term(Form, frozen=True, kw_only=True):
    """One entry of the glossary.

    Attributes
    ----------
    term, definition : str
        In markdown.
    lesson : tuple of int
        Numbers of the lessons that introduce or use it.
    software : str
        What programs call it, if they do.
    """

    named_by: ClassVar[tuple[str, ...]] = ("term",)

    term: str
    definition: str
    lesson: tuple[Whole, ...]
    software: str = ""

    @property
    def anchor(self) -> str:
        """Identifier of the entry on the page of the glossary."""
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.term.lower()).strip("-")


class _GlossaryFile(Form, frozen=True, kw_only=True):
    term: tuple[Term, ...]


@cache
def terms() -> tuple[Term, ...]:
    """List the entries of the glossary, sorted.

    Raises
    ------
    ReportError
        If ``notebooks/learn/glossary.toml`` has mistakes.
    """
    path = notebooks_dir() / "learn" / "glossary.toml"
    found = read_form(path, _GlossaryFile, ReportError).term
    return tuple(sorted(found, key=lambda entry: entry.term.lower()))


def glossary() -> Text:
    """Write the glossary: a definition list with an anchor for each term."""
    return Text("\n\n".join(map(_entry, terms())))


def _entry(entry: Term) -> str:
    where = listed([lesson(k).link(text=str(k)) for k in entry.lesson])
    word = "Lesson" if len(entry.lesson) == 1 else "Lessons"
    programs = f" *Software:* {entry.software}." if entry.software else ""
    return f"[{entry.term}]{{#{entry.anchor}}}\n\n:   {entry.definition}{programs} {word} {where}."
