"""`save` and `load`: a result as one JSON file with checksum and versions, never as a program."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import platform
import stat
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from didjack.comparison import Comparison
from didjack.core.arguments import require_instance
from didjack.core.results import Inference, Inferred
from didjack.core.views import Shown
from didjack.errors import DataError
from didjack.forms import convert, read_at_most
from didjack.inference.jackknife import Jackknife
from didjack.inference.multiplier import Multiplier
from didjack.inference.recombined import DeletionRule, DrawnInference
from didjack.saving.document import (
    FORMAT,
    SCHEMA,
    Content,
    DeletionsForm,
    Document,
    DrawsForm,
    plain,
    read_array,
    read_frame,
    read_inference,
    write_array,
    write_frame,
    write_inference,
)
from didjack.saving.saved import SavedResult
from didjack.version import __version__
from didjack.writing import write_text

LARGEST = 2**30
"""Bytes that a file of a result may have."""
_METHODS = ("to_frame", "tidy", "glance")
_TABLES = ("ledger", "skipped", "lost_cohorts", "lost_covariates")


def save(result: Shown, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a result as one JSON file, whole or not at all.

    Parameters
    ----------
    result : Jackknife, Aggregate, ATTgt, Comparison, Multiplier, Inference or another result
        A result of `load` cannot be saved again: copy its file.
    path : str or Path
    overwrite : bool
        Whether another file may be replaced.

    Raises
    ------
    OutputError
        The file exists or cannot be written.
    DataError
        The result was read from a file.
    """
    if isinstance(result, SavedResult):
        raise DataError("This result was read from a file: copy that file instead.")
    content = msgspec.json.encode(_content(result))
    document = Document(
        format=FORMAT,
        schema=SCHEMA,
        sha256=hashlib.sha256(content).hexdigest(),
        content=msgspec.Raw(content),
    )
    write_text(path, msgspec.json.encode(document).decode("utf-8") + "\n", overwrite=overwrite)


def load(path: str | Path) -> SavedResult:
    """Read a result that `save` wrote. Nothing in the file is run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    SavedResult
        With tables, inferences, notes and summary; it cannot be fitted again.

    Raises
    ------
    DataError
        There is no such file, it was changed since, a newer didjack wrote it, or it is no result.
    """
    require_instance(path, "path", (str, Path), "the name of a file")
    path = Path(path)
    document = _document(_read(path), path)
    content = bytes(document.content)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise DataError(f"{path}: the file was changed since it was saved: its checksum differs.")
    form = convert(_decoded(content, path), Content, str(path))
    try:
        return _saved(form)
    except DataError as error:
        raise DataError(f"{path}: not a result of didjack: {error}") from None


def _read(path: Path) -> bytes:
    regular = True
    with contextlib.suppress(OSError, ValueError):  # reading it says what is wrong
        regular = stat.S_ISREG(path.stat().st_mode)
    if not regular:  # a pipe would be waited for
        raise DataError(f"{path}: not a file.")
    return read_at_most(path, LARGEST, "result of didjack")


class _Head(msgspec.Struct):
    """What a file of any schema has."""

    format: str
    schema: int


def _document(text: bytes, path: Path) -> Document:
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format == FORMAT and head.schema > SCHEMA:
            raise DataError(
                f"{path}: written by a newer didjack (schema {head.schema}, this one reads up to "
                f"{SCHEMA}): update didjack."
            )
        if head.format == FORMAT and head.schema == SCHEMA:
            return msgspec.json.decode(text, type=Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    raise DataError(f"{path}: not a result of didjack: save() writes such files.")


def _decoded(content: bytes, path: Path) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DataError(f"{path}: not a result of didjack: its content is not JSON.") from None


# ------------------------------------------------------------------------------------ writing


def _content(result: Shown) -> Content:
    deletions = _deletions(result) if isinstance(result, Jackknife) else None
    draws = _draws(result) if isinstance(result, Multiplier) else None
    summary = getattr(result, "summary", None)
    return Content(
        kind=type(result).__name__,
        versions=_versions(),
        arguments=_arguments(result),
        inferences=[write_inference(found, key) for key, found in _inferences(result)],
        frames=[write_frame(frame, name) for name, frame in _frames(result)],
        warnings=list(getattr(result, "warnings", [])),
        notes=list(getattr(result, "notes", [])),
        summary=summary() if summary else result.to_frame().to_string(index=False),
        deletions=deletions,
        draws=draws,
    )


def _versions() -> dict[str, str]:
    return {
        "didjack": __version__,
        "numpy": np.__version__,
        "pandas": version("pandas"),
        "python": platform.python_version(),
    }


def _arguments(result: Any) -> dict[str, Any]:
    """Return the arguments of `att_gt` behind a result; empty for what has none."""
    for name in ("target", "attgt"):
        result = getattr(result, name, result)
    estimation = getattr(result, "estimation", None)
    if estimation is None:
        return {}
    # A function of the user's own is not saved; est_method is its name.
    options = {k: v for k, v in vars(estimation.options).items() if k != "function"}
    given = {**dataclasses.asdict(estimation.panel.roles), **options}
    return {name: plain(value) for name, value in given.items()}


def _inferences(result: Shown) -> Iterator[tuple[tuple[str, ...], Inference]]:
    if isinstance(result, Comparison):
        for type in result.aggregates:
            for name, found in result.inferences(type).items():
                yield (type, name), found
    elif isinstance(result, Inference):
        yield (), result
    elif isinstance(result, Inferred):
        yield (), result.inference


def _frames(result: Shown) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in _METHODS:
        if hasattr(result, name):
            yield name, getattr(result, name)()
    for name in _TABLES:
        if hasattr(result, name):
            yield name, getattr(result, name)
    if isinstance(result, Comparison):
        yield "to_frame(elements=True)", result.to_frame(elements=True)
    if isinstance(result, Jackknife):
        names = [str(name) for name in result.parameters]
        deleted = pd.DataFrame(result.replicates[1:], columns=names)
        deleted.insert(0, "cluster", result.clusters.labels, allow_duplicates=True)
        yield "deletions", deleted


def _deletions(result: Jackknife) -> DeletionsForm:
    rule = result.rule
    return DeletionsForm(replicates=write_array(result.replicates), **dataclasses.asdict(rule))


def _draws(result: Multiplier) -> DrawsForm:
    return DrawsForm(draws=write_array(result.draws), **dataclasses.asdict(result.rule))


# ------------------------------------------------------------------------------------ reading


def _saved(form: Content) -> SavedResult:
    named = {tuple(part.key): read_inference(part) for part in form.inferences}
    rule, values = _rule(form, len(named[()].parameters) if () in named else 0)
    return SavedResult(
        kind=form.kind,
        arguments=form.arguments,
        versions=form.versions,
        named=named,
        frames={part.name: read_frame(part) for part in form.frames},
        warning_lines=tuple(form.warnings),
        note_lines=tuple(form.notes),
        text=form.summary,
        rule=rule,
        values=values,
    )


def _rule(form: Content, P: int) -> tuple[DeletionRule | DrawnInference | None, Any]:
    made = form.deletions or form.draws
    if made is not None and not 0 < made.level < 1:
        raise DataError(f"level is {made.level!r}.")
    if form.deletions is not None:
        d = form.deletions
        values = read_array(d.replicates, "deletions", "float64", (d.n_clusters + 1, P))
        rule = DeletionRule(d.method, d.center, d.lost, d.n_clusters, d.level, d.largest)
        return rule, values
    if form.draws is not None:
        b = form.draws
        values = read_array(b.draws, "draws", "float64", (None, P))
        return DrawnInference(b.method, b.scale, b.n_clusters, b.level), values
    return None, None
