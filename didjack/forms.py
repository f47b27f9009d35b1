"""Forms: what a TOML file may hold, said by a class; what does not fit is one clear sentence.

msgspec compares a file with its form. Its own messages name a type and a position; ours name the
entry, the key, what was found and what is wanted, so that a mistake can be mended at once.
"""

from __future__ import annotations

import datetime
import difflib
import json
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import msgspec

from didjack.errors import DataError, DidjackError

T = TypeVar("T")

LARGEST_FILE = 4_000_000
"""Bytes. A form is written by hand; more than this is some other file."""

Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""A whole number that 64-bit integers and doubles hold exactly."""

_WORDS: dict[Any, tuple[str, str]] = {  # one of them, several of them
    str: ("a text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "values that are true or false"),
}
_MISSING = (type(None), msgspec.UnsetType)
_TABLE, _LIST = ("a table", "tables"), ("a list", "lists")
_SHOWN = 60  # characters of a faulty value that a message quotes


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a TOML file: its keys are the fields, and there are no others.

    A subclass repeats ``frozen=True``, which type checkers want, and ``kw_only=True``, so that
    required fields may follow optional ones.

    Attributes
    ----------
    named_by : tuple of str
        Keys by which a message names the table among others of its list; the first one that the
        table has counts. Without any, the message counts from 1.
    """

    named_by: ClassVar[tuple[str, ...]] = ("name",)


def read_form(path: Path, kind: type[T], error: type[DidjackError] = DataError) -> T:
    """Read a TOML file of a known form.

    Parameters
    ----------
    path : Path
        The file.
    kind : type
        A `Form`, or a dict or tuple of forms.
    error : type
        The class of the error that is raised.

    Returns
    -------
    object
        Of the given type.

    Raises
    ------
    DidjackError
        Of the given class: as for `read_toml` and `convert`.
    """
    return convert(read_toml(path, error), kind, path.name, error)


def read_at_most(path: Path, most: int, kind: str, error: type[DidjackError] = DataError) -> bytes:
    """Read a file of limited length.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes.
    kind : str
        What a file that is longer is not.
    error : type
        The class of the error that is raised.

    Raises
    ------
    DidjackError
        Of the given class: the file is missing, cannot be read or is too large.
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(most + 1)
    except FileNotFoundError:
        raise error(f"{path}: there is no such file.") from None
    except OSError as fault:
        raise error(f"{path}: cannot be read: {fault.strerror}.") from fault
    except ValueError:
        raise error(f"{str(path)!r} cannot be the name of a file.") from None
    if len(content) > most:
        raise error(f"{path}: not a {kind}: it has more than {most:,} bytes.")
    return content


def read_toml(path: Path, error: type[DidjackError] = DataError) -> dict[str, Any]:
    """Read a TOML file without comparing it with a form.

    Parameters
    ----------
    path : Path
        The file.
    error : type
        The class of the error that is raised.

    Raises
    ------
    DidjackError
        Of the given class: the file is missing, cannot be read, is too large or is not TOML.
    """
    content = read_at_most(path, LARGEST_FILE, "TOML file of ours", error)
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise error(f"{path}: not a TOML file: lists are nested too deeply.") from None
    except ValueError as fault:  # not UTF-8, not TOML, or a number of thousands of digits
        raise error(f"{path}: not a TOML file: {str(fault).rstrip('.')}.") from fault


def convert(raw: Any, kind: type[T], where: str, error: type[DidjackError] = DataError) -> T:
    """Turn what a TOML file holds into a type.

    Whole numbers are accepted where a number is wanted. Nothing else is converted: neither a text
    into a number, nor true into 1.

    Parameters
    ----------
    raw : object
        Tables, lists, texts, numbers as `read_toml` returns them. They are not changed.
    kind : type
        A `Form`, or a dict or tuple of forms.
    where : str
        Begins the message: the file, and the entry if ``raw`` is not all of it.
    error : type
        The class of the error that is raised.

    Returns
    -------
    object
        Of the given type.

    Raises
    ------
    DidjackError
        Of the given class: a key is unknown or missing, or a value is of the wrong type. The
        message names the entry, the key, what was found, and for an unknown key those there are.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as fault:
        reason = str(fault)
    steps, value, wanted = _find(raw, kind)
    entry, subject = _place(steps, _as_table(wanted, value) is not None)
    start = ", ".join([where, *entry])
    raise error(f"{start}: {_problem(value, wanted, subject, reason)}")


def dump(value: Any) -> str:
    """Write a text, a whole number, true or false, or a list of them as TOML."""
    # In these JSON is TOML, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# ------------------------------------------------------------------------------- where it is


class _Step(NamedTuple):
    """One step into a file: by a key, or by a place in a list."""

    key: str | int
    name: str = ""  # of the table in a list


def _find(value: Any, kind: Any) -> tuple[list[_Step], Any, Any]:
    """Return the way to the innermost value that does not fit, the value, and its type."""
    for key, child, child_kind in _children(value, kind):
        if not _fits(child, child_kind):
            steps, found, wanted = _find(child, child_kind)
            return [_Step(key, _name(child, child_kind)), *steps], found, wanted
    return [], value, kind


def _children(value: Any, kind: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Yield key, value and type of what a table or list holds; unknown keys are left out."""
    for choice in _choices(kind):
        origin, arguments = get_origin(choice), get_args(choice)
        if isinstance(value, dict) and origin is dict:
            yield from ((key, child, arguments[1]) for key, child in value.items())
        elif isinstance(value, dict) and _is_form(choice):
            for field in msgspec.structs.fields(choice):
                if field.encode_name in value:
                    yield field.encode_name, value[field.encode_name], field.type
        elif isinstance(value, list) and origin in (list, tuple):
            yield from ((place, child, arguments[0]) for place, child in enumerate(value))


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _is_form(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _choices(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union, without bounds and without what stands for a missing key."""
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(c for arg in get_args(kind) if arg not in _MISSING for c in _choices(arg))
    return (kind,)


def _as_table(kind: Any, value: Any) -> type[msgspec.Struct] | None:
    """Return the form that a table should have had, None if something else is wrong."""
    forms = [choice for choice in _choices(kind) if _is_form(choice)]
    return forms[0] if forms and isinstance(value, dict) else None


def _name(value: Any, kind: Any) -> str:
    form = _as_table(kind, value)
    for key in getattr(form, "named_by", ()):
        if isinstance(value.get(key), (str, int)):
            return _shown(value[key])
    return ""


def _place(steps: list[_Step], is_table: bool) -> tuple[list[str], str]:
    """Return the names of the tables on the way, and what the message is about, if a value is."""
    subject = ""
    if not is_table and steps:
        place = steps[-1].key
        if isinstance(place, int) and len(steps) > 1:
            subject, steps = f"entry {place + 1} of key {_shown(steps[-2].key)}", steps[:-2]
        else:
            subject, steps = f"key {_shown(place)}", steps[:-1]
    entry: list[str] = []
    for step in steps:
        if isinstance(step.key, str):
            is_plain = step.key.isidentifier() and len(step.key) <= _SHOWN
            entry.append(step.key if is_plain else _shown(step.key))
        else:  # the key before it names the list: one of its "datasets" is a "dataset"
            word = entry.pop().removesuffix("s") if entry else "entry"
            entry.append(f"{word} {step.name or step.key + 1}")
    return entry, subject


# -------------------------------------------------------------------------------- what it is


def _problem(value: Any, kind: Any, subject: str, reason: str) -> str:
    form = _as_table(kind, value)
    if form is None:
        start = f"{subject} must be" if subject else "must be"
        return f"{start} {_wanted(kind, value)}, but is {_shown(value)}."
    fields = msgspec.structs.fields(form)
    known = [field.encode_name for field in fields]
    for key in value:
        if key not in known:
            close = difflib.get_close_matches(key[:_SHOWN], known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            return f"unknown key {_shown(key)}{hint} The keys are {', '.join(known)}."
    for field in fields:
        if field.required and field.encode_name not in value:
            return f"key {field.encode_name!r} is missing."
    return f"{reason}."


def _wanted(kind: Any, value: Any) -> str:
    """Say which values fit; bounds only where the type is right."""
    words = " or ".join(_words(choice)[0] for choice in _choices(kind))
    bounds = list(_bounds(kind))
    if not bounds or not any(_fits(value, choice) for choice in _choices(kind)):
        return words
    return f"{words}, {' and '.join(bounds)}"


def _bounds(kind: Any) -> Iterator[str]:
    for part in get_args(kind):
        if isinstance(part, msgspec.Meta):
            limits = (("at least", part.ge), ("at most", part.le))
            yield from (f"{word} {limit:,}" for word, limit in limits if limit is not None)
            if part.min_length is not None:
                yield f"{part.min_length} or more"
        elif get_origin(kind) in (Union, types.UnionType):
            yield from _bounds(part)


def _words(kind: Any) -> tuple[str, str]:
    if kind in _WORDS:
        return _WORDS[kind]
    if get_origin(kind) is Literal:
        return (f"one of {', '.join(map(repr, get_args(kind)))}",) * 2
    if get_origin(kind) in (list, tuple):
        several = " or ".join(_words(choice)[1] for choice in _choices(get_args(kind)[0]))
        return f"a list of {several}", f"lists of {several}"
    return _TABLE


def _shown(value: Any) -> str:
    """Quote a value of a file, shortened: it may be of any length."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        words = (_TABLE if isinstance(value, dict) else _LIST)[0]
        return words if value else words.replace("a ", "an empty ")
    if isinstance(value, (datetime.date, datetime.time)):
        return str(value)
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN + 2 else f"{text[:_SHOWN]}..."
