"""Columns that the catalog derives from others, by rules that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd

from didjack.errors import DataError


@dataclass(frozen=True)
class Derivation:
    """One derived column: the rule that makes it and the rule's arguments."""

    column: str
    rule: str
    arguments: Mapping[str, Any]
    description: str


def _complete(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column that must exist and have no missing values."""
    if column not in frame.columns:
        raise DataError(f"there is no column {column!r}; the file has {', '.join(frame.columns)}")
    values = frame[column]
    missing = values.index[values.isna()]
    if len(missing):
        rows = ", ".join(str(row) for row in missing[:5])
        raise DataError(
            f"column {column!r} has {len(missing)} missing values (rows {rows}, counted from 0);"
            f" fill or drop them"
        )
    return values


def _first_period(frame: pd.DataFrame, *, flag: str, by: str, time: str) -> pd.Series:
    """Return the first time at which the flag is 1 in the row's group, 0 if it never is."""
    on, group, times = (_complete(frame, name) for name in (flag, by, time))
    if not on.isin([0, 1]).all():
        raise DataError(f"column {flag!r} must hold 0 and 1 only")
    first = times[on == 1].groupby(group[on == 1]).min()
    return group.map(first).fillna(0).astype(times.dtype)


def _integer_division(frame: pd.DataFrame, *, of: str, divisor: int) -> pd.Series:
    """Return ``of // divisor``."""
    values = _complete(frame, of)
    if not pd.api.types.is_numeric_dtype(values):
        raise DataError(f"column {of!r} is not numeric")
    if not np.isfinite(values.to_numpy(dtype="float64")).all():
        raise DataError(f"column {of!r} has infinite values")
    return (values // divisor).astype("int64")


_Divisor = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
# What a rule does, and the name and type of each of its arguments.
RULES: dict[str, tuple[Callable[..., pd.Series], dict[str, Any]]] = {
    "first_period": (_first_period, {"flag": str, "by": str, "time": str}),
    "integer_division": (_integer_division, {"of": str, "divisor": _Divisor}),
}


def derive(frame: pd.DataFrame, derivations: tuple[Derivation, ...], where: str) -> pd.DataFrame:
    """Add derived columns to a frame.

    Parameters
    ----------
    frame : DataFrame
        The table as read; it is not changed.
    derivations : tuple of Derivation
        Applied in their order, so that one may use the column of an earlier one.
    where : str
        What to call the dataset in messages.

    Returns
    -------
    DataFrame
        The table with the columns added.

    Raises
    ------
    DataError
        A column that a rule needs is missing or unfit, or the new name is taken.
    """
    for item in derivations:
        start = f"{where}: derived column {item.column!r}"
        if item.column in frame.columns:
            raise DataError(f"{start}: the file already has a column of this name.")
        try:
            values = RULES[item.rule][0](frame, **item.arguments)
        except DataError as error:
            raise DataError(f"{start} ({item.rule}): {error}.") from None
        frame = frame.assign(**{item.column: values})
    return frame
