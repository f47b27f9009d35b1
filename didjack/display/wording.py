"""Numbers and lists as words: the sentences of the report pages are computed with these."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

MINUS = "\u2212"
NONE = "\u2013"  # what a table shows where there is no number


def decimals(scales: Iterable[float], significant: int = 3) -> int:
    """Return how many decimals show the smallest of some numbers with so many digits.

    Parameters
    ----------
    scales : iterable of float
        Standard errors, say; what is not a positive number has no say.
    significant : int
    """
    usable = [s for s in scales if math.isfinite(s) and s > 0]
    if not usable:
        return significant
    return int(np.clip(significant - 1 - math.floor(math.log10(min(usable))), 0, 10))


def number(value: float, digits: int = 3) -> str:
    """Format a number with a fixed count of decimals and a true minus sign."""
    if not math.isfinite(value):
        return "\u221e" if value > 0 else NONE
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def interval(low: float, high: float, digits: int = 3) -> str:
    """Format an interval in brackets."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"[{number(low, digits)},\u00a0{number(high, digits)}]"


def p_value(p: float) -> str:
    """Format a p-value: three decimals, or that it is less."""
    if not math.isfinite(p):
        return NONE
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """Format a p-value for a sentence, without line breaks: `p = 0.012`, `p < 0.001`."""
    text = p_value(p)
    sign, digits = ("<", text[1:]) if text.startswith("<") else ("=", text)
    return f"p\u00a0{sign}\u00a0{digits}"


def percent(share: float, digits: int = 0) -> str:
    """Format a share as a percentage."""
    return f"{number(100 * share, digits)}%"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 cluster`, `2,500 rows`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def label(value: object) -> str:
    """Write a period, cohort or cluster: whole numbers without decimals."""
    if isinstance(value, float | np.floating):
        return f"{value:.12g}".replace("-", MINUS)
    if isinstance(value, int | np.integer):
        return str(value).replace("-", MINUS)
    return str(value)


def listed(items: Iterable[object], limit: int | None = None, last: str = "and") -> str:
    """Write a list: `a`, `a and b`, `a, b and c`; beyond the limit `a, b and 3 more`."""
    words = [label(item) for item in items]
    if limit is not None and len(words) > limit:
        words = [*words[:limit], f"{len(words) - limit} more"]
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def names_of(frame: pd.DataFrame, cluster: str) -> dict[object, str]:
    """Find names for clusters that the data only number.

    Parameters
    ----------
    frame : DataFrame
    cluster : str
        The cluster variable.

    Returns
    -------
    dict
        Cluster to name, from the first column of text whose values stand one to one with those
        of the cluster variable; empty if there is none, or if the clusters are text themselves.
    """
    if not pd.api.types.is_numeric_dtype(frame[cluster]):
        return {}
    for column in frame.columns:
        values = frame[column]
        if column == cluster or pd.api.types.is_numeric_dtype(values) or not _is_text(values):
            continue
        pairs = frame[[cluster, column]].drop_duplicates()
        if len(pairs) == pairs[cluster].nunique() == pairs[column].nunique():
            return dict(zip(pairs[cluster].tolist(), pairs[column].astype(str), strict=True))
    return {}


def _is_text(values: pd.Series) -> bool:
    present = values.dropna()
    return len(present) == len(values) and all(isinstance(v, str) for v in present.unique())


def cluster_label(value: object, variable: str, names: Mapping[object, str] | None = None) -> str:
    """Write a cluster for readers: its name; a bare number goes with its variable."""
    if names and value in names:
        return names[value]
    if isinstance(value, str):
        return value
    return f"{variable} {label(value)}"


def python_call(function: str, first: str, arguments: Mapping[str, object], width: int = 76) -> str:
    """Write a call as Python code, filled to lines.

    Parameters
    ----------
    function, first : str
        Name of the function and the expression of its first argument.
    arguments : mapping
        Keyword arguments; their `repr` with double quotes is what is written.
    width : int
    """
    pieces = [first, *(f"{key}={_literal(value)}" for key, value in arguments.items())]
    lines, current = [], ""
    for piece in pieces:
        longer = f"{current} {piece}," if current else f"    {piece},"
        if current and len(longer) > width:
            lines.append(current)
            longer = f"    {piece},"
        current = longer
    return "\n".join([f"{function}(", *lines, current, ")"])


def _literal(value: object) -> str:
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    if isinstance(value, Sequence):
        return f"[{', '.join(_literal(v) for v in value)}]"
    return repr(value)
