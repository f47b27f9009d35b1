"""TOML files whose every key is checked: unknown, missing or mistyped keys are errors."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from didjack.errors import DataError

# The keys of a table and the types that each accepts.
Form = Mapping[str, tuple[type, ...]]


def _words(kinds: Iterable[type]) -> str:
    words = {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}
    return " or ".join(words.get(kind, "a table") for kind in kinds)


def _is_a(value: Any, kinds: tuple[type, ...]) -> bool:
    # In Python True is an int; in a catalog it is not.
    return type(value) in kinds


def check(raw: Mapping[str, Any], form: Form, required: set[str], where: str) -> None:
    """Compare a table with its form: unknown keys, missing keys, types."""
    for key, value in raw.items():
        if key not in form:
            close = difflib.get_close_matches(key, form, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(form)}."
            raise DataError(f"{where}: unknown key {key!r}; {hint}")
        if not _is_a(value, form[key]):
            raise DataError(f"{where}: key {key!r} must be {_words(form[key])}, but is {value!r}.")
    for key in form:
        if key in required and key not in raw:
            raise DataError(f"{where}: key {key!r} is missing.")


def texts(value: Iterable[Any], key: str, where: str) -> tuple[str, ...]:
    """Return the value of a key as a tuple of texts."""
    items = tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise DataError(f"{where}: key {key!r} must hold texts only.")
    return items


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; what goes wrong is a DataError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a TOML file: {error}.") from error


def dump(value: Any) -> str:
    """Write one value as TOML."""
    # JSON's texts, whole numbers, truth values and lists are TOML's too.
    return json.dumps(value, ensure_ascii=False)
