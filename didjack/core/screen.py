"""Numbers and tables for a screen: aligned, never cut, with the digits that standard errors leave.

What is shown here is rounded; the frames of results keep all digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

NONE = "-"  # where there is no number
SIGNIFICANT = 3  # digits of the smallest standard error
MOST_DECIMALS, MOST_DIGITS = 8, 12  # numbers beyond are written with an exponent
# Columns in the unit of the outcome: they share their decimals.
_EFFECTS = ("att", "coef", "estimate", "se", "std_error", "ci_low", "ci_high", "band_low",
            "band_high", "conf_low", "conf_high", "mde")  # fmt: skip
_ERRORS = ("se", "std_error")


class Bounds(NamedTuple):
    """An interval and a p-value, and what their critical value is."""

    name: str
    low: float
    high: float
    p: float


def p_text(p: float) -> str:
    """Write a p-value: three decimals, or that it is less; never 0.000.

    Parameters
    ----------
    p : float
    """
    if not math.isfinite(p):
        return NONE
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def number_writer(
    values: Iterable[float], errors: Iterable[float] = (), signed: bool = False
) -> Callable[[float], str]:
    """Return a function that writes numbers of one scale with the same decimals.

    Parameters
    ----------
    values : iterable of float
        What will be written; the largest decides whether an exponent is needed.
    errors : iterable of float
        Standard errors: the smallest shows three significant digits. Without a positive one the
        values themselves show four.
    signed : bool
        Write a plus too.
    """
    sizes = _positive(values)
    scales = _positive(errors)
    largest = float(sizes.max()) if len(sizes) else 1.0
    if len(scales):
        # A standard error that is rounding error must not ask for fifteen decimals of the others.
        finest = max(float(scales.min()), 1e-4 * float(np.median(scales)))
        significant = SIGNIFICANT
    else:
        finest, significant = max(float(sizes.min()), 1e-3 * largest) if len(sizes) else 1.0, 4
    last = significant - 1 - math.floor(math.log10(finest))
    first = math.floor(math.log10(largest)) + 1
    sign = "+" if signed else ""
    if last <= MOST_DECIMALS and first <= MOST_DIGITS:
        form = f"{sign}.{max(last, 0)}f"
    else:
        form = f"{sign}.{min(max(first - 1 + last, 2), 14)}e"
    return lambda value: _written(float(value), form)


def _positive(values: Iterable[float]) -> np.ndarray:
    sizes = np.abs(np.asarray(list(values), dtype=np.float64))
    return np.asarray(sizes[np.isfinite(sizes) & (sizes > 0)])


def _written(value: float, form: str) -> str:
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = f"{value:{form}}"
    return text.replace("-", "", 1) if float(text) == 0 and text.startswith("-") else text


def screen_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Write the cells of a frame of results as text.

    Parameters
    ----------
    frame : DataFrame
        Estimates, standard errors and intervals are known by the names of their columns and share
        their decimals; `t` and `statistic` have two, p-values three, other numbers four digits.
    """
    errors = [x for name in _ERRORS if name in frame for x in frame[name]]
    effects = [name for name in frame.columns if name in _EFFECTS and _is_float(frame[name])]
    shared = number_writer((x for name in effects for x in frame[name]), errors)
    columns: dict[str, list[str]] = {}
    for name, values in frame.items():
        if not _is_float(values):
            columns[str(name)] = [_one_line(value) for value in values]
            continue
        columns[str(name)] = [_writer(str(name), values, shared)(float(x)) for x in values]
    return pd.DataFrame(columns)


def _writer(name: str, values: pd.Series, shared: Callable[[float], str]) -> Callable[[float], str]:
    if name in _EFFECTS:
        return shared
    if name == "p" or name.startswith("p_"):
        return p_text
    if name in ("t", "statistic"):
        return lambda t: _written(t, ".2f" if abs(t) < 1e6 else ".2e")
    if (values.dropna() == values.dropna().round()).all():
        return lambda x: NONE if math.isnan(x) else f"{x:.12g}"
    return number_writer(values)


def _is_float(values: pd.Series) -> bool:
    return bool(pd.api.types.is_float_dtype(values))


def _one_line(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    return " ".join(str(value).split())


def screen_table(frame: pd.DataFrame, limit: int | None = None) -> str:
    """Write a frame as a table: text to the left, numbers to the right, no column left out.

    Parameters
    ----------
    frame : DataFrame
    limit : int, optional
        Rows to show; the last line counts the others.
    """
    shown = frame if limit is None else frame.iloc[:limit]
    text = screen_frame(shown)
    parts = []
    for name, (_, values) in zip(text.columns, frame.items(), strict=True):
        cells = [str(name), *text[name]]
        width = max(map(len, cells))
        left = not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)
        parts.append([cell.ljust(width) if left else cell.rjust(width) for cell in cells])
    lines = ["  ".join(row).rstrip() for row in zip(*parts, strict=True)]
    if len(shown) < len(frame):
        lines.append(f"... and {len(frame) - len(shown):,} more rows, see to_frame()")
    return "\n".join(lines)


def estimate_lines(att: float, se: float, bounds: Sequence[Bounds]) -> list[str]:
    """Write an estimate, its standard error and its intervals, aligned and with signs.

    Parameters
    ----------
    att, se : float
    bounds : sequence of Bounds
        Where both ends are NaN, the interval is withheld.
    """
    ends = [end for found in bounds for end in (found.low, found.high)]
    write = number_writer([att, *ends], [se], signed=True)
    plain = number_writer([att, *ends], [se])
    width = max(len(name) for name in ("estimate", *(found.name for found in bounds)))
    lines = [f"  {'estimate'.ljust(width)}  {write(att)}   s.e. {plain(se)}"]
    low = max((len(write(found.low)) for found in bounds), default=0)
    high = max((len(write(found.high)) for found in bounds), default=0)
    for found in bounds:
        name = found.name.ljust(width)
        if math.isnan(found.low) and math.isnan(found.high):
            lines.append(f"  {name}  no interval and no p-value")
            continue
        interval = f"[{write(found.low).rjust(low)}, {write(found.high).rjust(high)}]"
        lines.append(f"  {name}  {interval}   p {p_text(found.p)}")
    return lines


def count_text(n: int, noun: str) -> str:
    """Write a count with its noun: "1 cluster", "2,500 rows".

    Parameters
    ----------
    n : int
    noun : str
        In the singular.
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def remarks(warnings: Sequence[str], notes: Sequence[str]) -> list[str]:
    """List warnings first, then the notes that are no warnings, one line each.

    Parameters
    ----------
    warnings, notes : sequence of str
    """
    rest = [note for note in dict.fromkeys(notes) if note not in warnings]
    return [*(f"Warning: {text}" for text in dict.fromkeys(warnings)), *rest]
