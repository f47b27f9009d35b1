"""Checks of the user's frame; every refusal names the column, the rows and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Mapping
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError

SHOWN = 5  # how many offending rows a message names
LARGEST = 1e100  # squares and products of larger numbers leave the range of doubles


def require_frame(data: object) -> None:
    """Refuse what is not a DataFrame with rows and distinct column names."""
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            f"data must be a DataFrame of pandas (or of polars, pyarrow, DuckDB), "
            f"not {type(data).__name__}."
        )
    if data.shape[0] == 0:
        raise DataError("data has no rows. Check the file that was read or the filter applied.")
    twice = data.columns[data.columns.duplicated()]
    if len(twice):
        raise DataError(f"data has more than one column named '{twice[0]}'. Rename or drop one.")


def require_columns(data: pd.DataFrame, named: Mapping[str, str]) -> None:
    """Refuse names that are not columns, with the nearest column as a suggestion."""
    for argument, name in named.items():
        if not isinstance(name, Hashable) or name is None:
            raise DataError(f"{argument} must be the name of one column, not {name!r}.")
        if name in data.index.names and name not in data.columns:
            raise DataError(
                f"{argument}: '{name}' is a level of the index of data, not a column. Use "
                "data.reset_index()."
            )
        if name not in data.columns:
            raise DataError(
                f"{argument}: there is no column '{name}' in data.{_nearest(name, data)}"
            )


def _nearest(name: str, data: pd.DataFrame) -> str:
    columns = [str(c) for c in data.columns]
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        return (
            f" The only column is '{columns[0][:60]}': the file was probably read with the "
            "wrong delimiter."
        )
    near = difflib.get_close_matches(str(name), columns, n=1)
    listed = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
    return (f" Did you mean '{near[0]}'?" if near else "") + f" Columns: {listed}."


def some_rows(index: pd.Index, bad: Mask) -> str:
    """Name the first few offending rows by their index labels."""
    labels = index[bad]
    shown = ", ".join(str(label) for label in labels[:SHOWN])
    return f"{len(labels)} row{'s' if len(labels) > 1 else ''}, index {shown}" + (
        ", ..." if len(labels) > SHOWN else ""
    )


def refuse(data: pd.DataFrame, column: str, bad: Mask, problem: str, remedy: str) -> None:
    """Raise a DataError that names the column, the bad rows and the remedy; nothing if none is."""
    if bad.any():
        raise DataError(f"Column '{column}' {problem} ({some_rows(data.index, bad)}). {remedy}")


def refuse_pairs(data: pd.DataFrame, rows: Index, bad: Mask, problem: str, remedy: str) -> None:
    """Raise when any two consecutive rows of a sorted order conflict.

    `rows` are the positions in the sorted order, and `bad[i]` says whether the i-th and the next
    conflict.
    """
    if bad.any():
        marked = np.zeros(len(data), dtype=bool)
        at = np.flatnonzero(bad)
        marked[rows[at]] = marked[rows[at + 1]] = True
        raise DataError(f"{problem} ({some_rows(data.index, marked)}). {remedy}")


def no_missing(data: pd.DataFrame, column: str) -> None:
    """Refuse missing identifiers: a row without unit or cluster cannot be placed."""
    refuse(
        data,
        column,
        data[column].isna().to_numpy(),
        "has missing values",
        "Fill them, or drop these rows.",
    )


def numeric(
    data: pd.DataFrame, column: str, argument: str, missing: str = "refuse", infinite: str = "same"
) -> Array:
    """Return a column as float64, refusing text, dates and (unless kept) missing values.

    Numbers beyond `LARGEST` are refused as well.

    Parameters
    ----------
    data : DataFrame
    column, argument : str
        The column, and the argument that named it.
    missing, infinite : {"refuse", "keep"}
        What to do with NaN and with infinite values ("same": as with NaN).
    """
    values = _plain_numbers(data[column])
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or isinstance(
        values.dtype, pd.PeriodDtype
    ):
        raise DataError(
            f"Column '{column}' ({argument}) holds dates. Convert it to numbers first, for "
            f"example data['{column}'].dt.year."
        )
    if not pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(_not_numeric(values, column, argument))
    if pd.api.types.is_complex_dtype(values.dtype):
        raise DataError(f"Column '{column}' ({argument}) holds complex numbers.")
    out = values.to_numpy(dtype=np.float64, na_value=np.nan)
    refuse(
        data,
        column,
        np.isfinite(out) & (np.abs(out) > LARGEST),
        f"({argument}) has numbers beyond {LARGEST:g}, whose squares cannot be computed",
        "Correct these rows, or divide the column.",
    )
    if missing == "refuse":
        refuse(
            data,
            column,
            ~np.isfinite(out),
            f"({argument}) has missing or infinite values",
            "Fill them, or drop these rows.",
        )
    elif infinite == "same":
        out = np.where(np.isfinite(out), out, np.nan)
    return out


def _plain_numbers(values: pd.Series) -> pd.Series:
    """Return objects and categories that are numbers as floats, other columns as they are."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories = values.cat.categories
        if not pd.api.types.is_numeric_dtype(categories.dtype):
            return values
        numbers = np.append(categories.to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
        return pd.Series(numbers[values.cat.codes], index=values.index, name=values.name)
    if not objects_are_numbers(values):
        return values
    missing = values.isna().to_numpy()
    out = np.full(len(values), np.nan)
    out[~missing] = values[~missing].to_numpy(dtype=np.float64)
    return pd.Series(out, index=values.index, name=values.name)


def objects_are_numbers(values: pd.Series) -> bool:
    """Whether a column holds Python objects, which are real numbers or missing.

    Such columns come from databases and from assignments of None or pd.NA.
    """
    if values.dtype != object:
        return False
    types = {type(value) for value in values[values.notna()]}
    return bool(types) and all(
        issubclass(type_, (Real, Decimal)) and not issubclass(type_, (bool, np.bool_))
        for type_ in types
    )


def _not_numeric(values: pd.Series, column: str, argument: str) -> str:
    as_numbers = pd.to_numeric(values.astype("str"), errors="coerce")
    bad = as_numbers.isna().to_numpy() & values.notna().to_numpy()
    if bad.any():
        example = values[bad].iloc[0]
        where = f"{some_rows(values.index, bad)}, for example {example!r}"
        remedy = f"Correct these rows, then use pd.to_numeric(data['{column}'])."
        if isinstance(example, str) and re.fullmatch(r"\d{4}([-/.]\d{1,2}){1,2}.*", example):
            to_dates = f"pd.to_datetime(data['{column}'])"
            remedy = f"These look like dates: use {to_dates}, or {to_dates}.dt.year for years."
    else:
        where = f"type {values.dtype}"
        remedy = f"Convert it: data['{column}'] = pd.to_numeric(data['{column}'])."
    return f"Column '{column}' ({argument}) is not numeric ({where}). {remedy}"


def refuse_indicator(gname: str, g: Array, t: Array) -> None:
    """Refuse 0 and 1 as cohorts, unless 1 is a period or comes after all of them."""
    if not (g == 1.0).any() or not np.isin(g, (0.0, 1.0)).all():
        return
    if (t == 1.0).any() or t.max() < 1.0:
        return
    raise DataError(
        f"Column '{gname}' (gname) holds 0 and 1 only, like an indicator of treatment; gname is "
        "the first treated period. If the indicator is 1 in treated periods, make it so: "
        f"data['first'] = dj.gname(data, idname, tname, '{gname}'), and pass gname='first'."
    )


def factorize(values: pd.Series) -> tuple[Index, pd.Index]:
    """Code labels in sorted order, in order of appearance where they cannot be sorted."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    try:
        codes, labels = pd.factorize(values, sort=True)
    except TypeError:  # labels of several types have no order
        try:
            codes, labels = pd.factorize(values, sort=False)
        except TypeError as error:
            raise DataError(
                f"Column '{values.name}' holds {type(values.iloc[0]).__name__}s, which cannot be "
                "labels of units or clusters. Convert them to text or numbers."
            ) from error
    return np.asarray(codes, dtype=np.intp), pd.Index(labels)
