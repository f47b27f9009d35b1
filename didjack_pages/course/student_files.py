"""Notebooks to work in, as files: for a class, and for the site."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from didjack.display.wording import listed
from didjack.errors import ReportError
from didjack.writing import write_generated
from didjack_pages.course.lessons import Lesson, course
from didjack_pages.course.students import lesson_text, suffix
from didjack_pages.paths import bibliography, notebooks_dir
from didjack_pages.run.dependencies import modules_used_by
from didjack_pages.run.hashes import (
    hash_file,
    hash_modules,
    hash_package,
    hash_text,
    hash_versions,
)


def write_students(
    folder: Path,
    lessons: Iterable[Lesson] | None = None,
    *,
    solutions: bool = False,
    force: bool = False,
) -> list[Path]:
    """Write the notebooks of lessons into a folder.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    lessons : iterable of Lesson, optional
        All of the course by default. Those whose notebook does not exist are passed over.
    solutions : bool
        Keep the solutions; the names of the files then end in ``-solutions``.
    force : bool
        Overwrite files that differ.

    Returns
    -------
    list of Path
        The notebooks, in the order of the lessons.

    Raises
    ------
    ReportError
        If a file is there and differs, for it may hold somebody's work. Nothing is written then.
    """
    sources = [_source(lesson) for lesson in (course() if lessons is None else lessons)]
    sources = [path for path in sources if path.is_file()]
    # pandoc is a process of its own: threads are enough to keep the cores busy.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        texts = list(pool.map(lambda path: lesson_text(path, solutions=solutions), sources))
    targets = [folder / f"{path.stem}{suffix(solutions)}.ipynb" for path in sources]
    kept = [
        target.name
        for target, text in zip(targets, texts, strict=True)
        if not force and target.is_file() and target.read_text(encoding="utf-8") != text
    ]
    if kept:
        raise ReportError(
            f"{folder} has {listed(kept)} with other contents, perhaps somebody's answers; "
            "choose another folder, or overwrite with --overwrite"
        )
    for target, text in zip(targets, texts, strict=True):
        write_generated(target, text)
    return targets


def refresh_students(folder: Path, record: Path) -> list[str]:
    """Write the notebooks of all lessons for the site, those alone that are not up to date.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; files that differ are overwritten.
    record : Path
        A JSON file with the hashes of what each notebook was made from and of the notebook.

    Returns
    -------
    list of str
        The names of the lessons whose notebooks were written.
    """
    made_from = _hashes_of_sources()
    known = _read_record(record)
    targets = {name: folder / f"{name}.ipynb" for name in made_from}
    stale = [
        lesson
        for lesson in course()
        if lesson.name in made_from
        and known.get(lesson.name) != [made_from[lesson.name], _hash_if_there(targets[lesson.name])]
    ]
    if stale:
        write_students(folder, stale, force=True)
        hashes = {name: [made_from[name], _hash_if_there(targets[name])] for name in made_from}
        write_generated(record, json.dumps(hashes, indent=1))
    return [lesson.name for lesson in stale]


def _hashes_of_sources() -> dict[str, str]:
    """Hash what the notebook of each lesson is made from."""
    lists = [notebooks_dir() / "learn" / name for name in ("course.toml", "notation.toml")]
    shared = [
        hash_package(),
        hash_modules(modules_used_by("didjack_pages.course.students")),
        hash_versions(None),
        *map(_hash_if_there, [bibliography(), *lists]),
    ]
    sources = {lesson.name: _source(lesson) for lesson in course()}
    return {
        name: hash_text("\n".join([hash_file(path), *shared]))
        for name, path in sources.items()
        if path.is_file()
    }


def _source(lesson: Lesson) -> Path:
    return notebooks_dir() / "learn" / f"{lesson.name}.ipynb"


def _hash_if_there(path: Path) -> str:
    return hash_file(path) if path.is_file() else ""


def _read_record(record: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
