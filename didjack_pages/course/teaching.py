"""How the course is taught: lectures with their lessons, from ``teaching.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar

import nbformat

from didjack.display.wording import listed
from didjack.errors import ReportError
from didjack.forms import Form, Whole, read_form
from didjack_pages.course.lessons import Lesson, Text, course, lesson
from didjack_pages.paths import notebooks_dir

_SECTION = re.compile(r"^#{2,4} +(?P<title>.+?) *\{#(?P<id>sec-[\w-]+)[^}]*\} *$", re.MULTILINE)
_EXERCISE = re.compile(r"^:{3,} *\{#(?P<id>exr-[\w-]+)[^}]*\}\s+#+ +(?P<title>.+)$", re.MULTILINE)


class Part(Form, frozen=True, kw_only=True):
    """What a lecture takes from one lesson.

    Attributes
    ----------
    lesson : int
        Its number.
    minutes : int
    live : tuple of str
        Labels of the sections whose code is run in class.
    homework : tuple of str
        Labels of the exercises.
    """

    named_by: ClassVar[tuple[str, ...]] = ("lesson",)

    lesson: Whole
    minutes: Whole
    live: tuple[str, ...] = ()
    homework: tuple[str, ...] = ()


class Lecture(Form, frozen=True, kw_only=True):
    """One meeting of a class.

    Attributes
    ----------
    title : str
    parts : tuple of Part
    note : str
        Markdown that is added.
    """

    named_by: ClassVar[tuple[str, ...]] = ("title",)

    title: str
    parts: tuple[Part, ...]
    note: str = ""

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return sum(part.minutes for part in self.parts)


@cache
def lectures(plan: str) -> tuple[Lecture, ...]:
    """List the lectures of a plan of ``teaching.toml``, in order.

    Raises
    ------
    ReportError
        If there is no such plan, or it has mistakes.
    """
    path = notebooks_dir() / "learn" / "teaching.toml"
    plans = read_form(path, dict[str, tuple[Lecture, ...]], ReportError)
    if plan not in plans:
        raise ReportError(f"teaching.toml has no plan {plan!r}; it has {', '.join(plans)}")
    return plans[plan]


def labels(one: Lesson) -> Mapping[str, str]:
    """Return the labelled sections and exercises of a lesson: label -> title."""
    path = notebooks_dir() / "learn" / f"{one.name}.ipynb"
    if not path.is_file():
        return {}
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = [*_SECTION.finditer(text), *_EXERCISE.finditer(text)]
    return {match["id"]: match["title"].strip() for match in found}


def lecture_plan(plan: str) -> Text:
    """Write a plan: for each lecture its lessons, with live code and homework."""
    blocks = []
    for number, lecture in enumerate(lectures(plan), start=1):
        rows = "\n".join(f"- {_part(part)}" for part in lecture.parts)
        note = f"\n\n{lecture.note}" if lecture.note else ""
        blocks.append(f"**{number}. {lecture.title}** ({lecture.minutes} minutes)\n\n{rows}{note}")
    return Text("\n\n".join(blocks))


def _part(part: Part) -> str:
    one = lesson(part.lesson)
    text = f"{one.link()}, {part.minutes} minutes."
    for word, wanted in (("Live", part.live), ("Homework", part.homework)):
        if links := _links(one, wanted):
            text += f" *{word}:* {listed(links)}."
    return text


def _links(one: Lesson, wanted: Iterable[str]) -> list[str]:
    known = labels(one)
    return [f"[{known[label]}]({one.address(label=label)})" for label in wanted if label in known]


def course_table() -> Text:
    """Write the list of lessons with their questions, what they build on and their data."""
    rows = ["| Lesson | Question | Builds on | Data |", "|:-------|:---------|:---|:------|"]
    for one in course():
        needs = ", ".join(lesson(k).link(text=str(k)) for k in one.needs)
        data = ", ".join(one.link(name, name) for name in one.on)
        rows.append(f"| {one.link()} | {one.question} | {needs} | {data} |")
    return Text("\n".join(rows))


def direct_needs() -> list[tuple[int, int]]:
    """List the pairs (earlier, later) of lessons that build on each other directly.

    A pair that follows from others is left out: who has read 3, which builds on 2, has read 2.
    """
    before: dict[int, set[int]] = {}
    for one in course():
        before[one.number] = set(one.needs).union(*(before[k] for k in one.needs))
    return [
        (k, one.number)
        for one in course()
        for k in one.needs
        if not any(k in before[other] for other in one.needs)
    ]
