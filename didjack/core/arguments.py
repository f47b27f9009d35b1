"""Types of arguments: each function refuses what is not of its type, by name and with its value."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from numbers import Real

import numpy as np
import pandas as pd

from didjack.errors import DataError

MOST = 100_000_000  # draws: more are a slip, and would not fit into memory


def require_text(*, optional: bool = False, **given: object) -> None:
    """Refuse what is not text.

    Parameters
    ----------
    optional : bool
        Whether None is allowed.
    **given : object
        Values by the name of their argument.
    """
    for name, value in given.items():
        if not (isinstance(value, str) or (optional and value is None)):
            raise DataError(f"{name} must be text, not {shown(value)}.")


def require_numbers(*, optional: bool = False, **given: object) -> None:
    """Refuse what is not a real number; as in `require_text`."""
    for name, value in given.items():
        is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        if not (is_number or (optional and value is None)):
            raise DataError(f"{name} must be a number, not {shown(value)}.")
        if isinstance(value, int) and abs(value) > 2**63:  # no float, or none of its digits
            raise DataError(f"{name} must be a number of less than 19 digits, not {shown(value)}.")


def require_whole(*, least: int = 0, most: int = MOST, **given: object) -> None:
    """Refuse what is not a whole number from `least` to `most`; otherwise as in `require_text`."""
    for name, value in given.items():
        is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_whole:
            raise DataError(f"{name} must be a whole number, {least} or more, not {shown(value)}.")
        if int(value) < least:  # type: ignore[call-overload]
            raise DataError(f"{name} must be {least} or more, not {shown(value)}.")
        if int(value) > most:  # type: ignore[call-overload]
            raise DataError(f"{name} must be {most:,} or less, not {shown(value)}.")


def require_seed(seed: object) -> None:
    """Refuse what is not a seed: a whole number, 0 or more."""
    require_whole(seed=seed, most=2**128)


def require_share(**given: object) -> None:
    """Refuse what does not lie between 0 and 1, such as the level of an interval."""
    for name, value in given.items():
        require_numbers(**{name: value})  # type: ignore[arg-type]
        if not 0 < value < 1:  # type: ignore[operator]
            raise DataError(f"{name} must lie between 0 and 1 (0.95 for 95%), not {value!r}.")


def require_instance(value: object, name: str, kinds: type | tuple[type, ...], remedy: str) -> None:
    """Refuse what is not of a class.

    Parameters
    ----------
    value : object
    name : str
        Of the argument.
    kinds : type or tuple of types
    remedy : str
        Where users get one from, such as "the result of att_gt".
    """
    if not isinstance(value, kinds):
        raise DataError(f"{name} must be {remedy}, not {shown(value)}.")


def require_name(**given: object) -> None:
    """Refuse what cannot be the name of a column; None is allowed; as in `require_text`."""
    for name, value in given.items():
        missing = value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
        if missing or not isinstance(value, Hashable):
            raise DataError(f"{name} must be the name of one column, not {shown(value)}.")


def is_one_of(value: object, choices: Iterable[str]) -> bool:
    """Whether a value is text and among the choices; arrays and the like are not."""
    return isinstance(value, str) and value in choices


def shown(value: object) -> str:
    """Write a value for an error: short ones as they are, others by their class."""
    text = repr(value) if isinstance(value, (str, bytes, Real, type(None), complex)) else ""
    return text if text and len(text) <= 60 else f"a {type(value).__name__}"
