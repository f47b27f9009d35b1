"""Numbers and lists as words, for tables, figures, sentences and the screen."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from didjack.sample.periods import period_text

MINUS = "\u2212"
NONE = "\u2013"  # what a table shows where there is no number
INFINITE = "\u221e"
# Control characters, line ends of every kind, and signs that change the direction of writing.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_MARKDOWN = re.compile(r"""[\\`*_{}\[\]<>$~^@|#!&]|-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\.""")
# An address begins where a colon does not end a word; "event:-1" and "group:2007" are none.
_SCHEME = re.compile(r":(?!\s|$|[-\u2212]?\d+(?:\.\d+)?(?:\s|$))")
# At the start of a line: lists, definitions, captions, underlined headings, titles.
_START = re.compile(r"^(\s*)(?:(?=[-+:=%(])|(\w{1,9})(?=[.)](?:\s|$)))")
# Quarto looks for its shortcodes in code too, where nothing can be escaped: a word joiner, which
# has no width, keeps the signs apart.
_SHORTCODE = ("{{<", "{{\u2060<")
_KEYBOARD = str.maketrans({MINUS: "-", NONE: "-", INFINITE: "inf", "\u00a0": " "})


def decimals(scales: Iterable[float], significant: int = 3) -> int:
    """Return how many decimals are needed to show the smallest of some numbers.

    Parameters
    ----------
    scales : iterable of float
        For example standard errors. Zero, negative and non-finite values are ignored.
    significant : int
        Digits that the smallest number shows.

    Returns
    -------
    int
        Between 0 and 10.
    """
    usable = [s for s in scales if math.isfinite(s) and s > 0]
    if not usable:
        return significant
    return int(np.clip(significant - 1 - math.floor(math.log10(min(usable))), 0, 10))


def number(value: float, digits: int = 3) -> str:
    """Format a number with a fixed count of decimals and a true minus sign."""
    if not math.isfinite(value):
        return INFINITE if value > 0 else NONE
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


def rounded(value: float, significant: int = 4) -> str:
    """Format a number on its own, not negative, with so many significant digits."""
    return number(value, decimals([value], significant) if value else 0)


def percent(share: float, digits: int = 0) -> str:
    """Format a share as a percentage."""
    return f"{number(100 * share, digits)}%"


def percent_label(share: float) -> str:
    """Write a share that was chosen, such as a level, as a percentage with the digits it has."""
    return f"{100 * share:.12g}%"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 cluster`, `2,500 rows`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def label(value: Any, frequency: str = "") -> str:
    """Write a period, cohort or cluster: whole numbers without decimals, others told apart.

    Parameters
    ----------
    value : object
    frequency : str
        Of the dates that a period or cohort is a code of; empty: it is what it is.
    """
    if frequency or isinstance(value, pd.Period):
        return period_text(value, frequency)
    if isinstance(value, float | np.floating):
        return _digits(value).replace("-", MINUS)
    if isinstance(value, int | np.integer):
        return str(value).replace("-", MINUS)
    return one_line(str(value))


def _digits(value: float | np.floating) -> str:
    short = f"{value:.12g}"
    return short if math.isnan(value) or type(value)(short) == value else str(value)


def text_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Write a table of estimates as text.

    Parameters
    ----------
    frame : DataFrame
        Columns t, p and df are recognised by their names. Other columns of floats are estimates
        and standard errors; their decimals are those of the smallest value in the column se.

    Returns
    -------
    DataFrame
        The same columns as strings, with a new index.
    """
    digits = decimals(frame["se"]) if "se" in frame else 3
    special = {"t": lambda x: number(x, 2), "p": p_value, "df": lambda x: number(x, 0)}
    columns = {}
    for name, values in frame.items():
        if pd.api.types.is_float_dtype(values):
            write = special.get(str(name), lambda x: number(x, digits))
            columns[str(name)] = [write(float(x)) for x in values]
        else:
            columns[str(name)] = [label(x) for x in values]
    return pd.DataFrame(columns)


def plain(text: str) -> str:
    """Replace typographic signs by those of a keyboard: numbers on a screen are copied."""
    return text.translate(_KEYBOARD)


def one_line(text: str) -> str:
    """Replace line ends and other control characters by spaces, at both ends by nothing.

    Parameters
    ----------
    text : str
        From data or file names, which may hold anything.
    """
    return " ".join(part for part in _CONTROL.split(text) if part)


def markdown_text(text: str) -> str:
    """Escape a text so that markdown shows it as it is.

    No tag, link, address, formula, citation, raw block, div, cell of a table, list or shortcode
    comes out of it, in pandoc's and Quarto's markdown as in that of GitHub and Jupyter.

    Parameters
    ----------
    text : str
        From data, file names or options. It becomes one line.

    Returns
    -------
    str
        For the running text, a title or the cell of a table.
    """
    flat = one_line(text).replace(*_SHORTCODE)
    escaped = _SCHEME.sub(r"\:", _MARKDOWN.sub(r"\\\g<0>", flat))
    return _START.sub(lambda found: f"{found[1]}{found[2] or ''}\\", escaped)


def code_text(text: str) -> str:
    """Write a text as code in markdown, whatever signs it has.

    Parameters
    ----------
    text : str
        For example the name of a column.

    Returns
    -------
    str
        Between backticks, more of them than stand together in the text.
    """
    flat = one_line(text).replace(*_SHORTCODE)
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest or not flat.strip() else ""
    return f"{fence}{gap}{flat}{gap}{fence}"


def figure_text(text: str) -> str:
    """Escape a text for matplotlib, which would read formulas between dollar signs.

    Parameters
    ----------
    text : str
    """
    return one_line(text).replace("$", r"\$")


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
        return one_line(names[value])
    if isinstance(value, str):
        return one_line(value)
    return f"{one_line(variable)} {label(value)}"


def markdown_cluster(
    value: object, variable: str, names: Mapping[object, str] | None = None
) -> str:
    """Write a cluster in markdown: its name, or its number with the variable as code.

    Parameters
    ----------
    value : object
    variable : str
    names : mapping, optional
        Cluster to name for readers.
    """
    if isinstance(value, str) or (names and value in names):
        return markdown_text(cluster_label(value, variable, names))
    return f"{code_text(variable)} {label(value)}"


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


_CODE_SIGNS = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escaped(sign: str) -> str:
    """Write a sign that would end a line, or cannot be seen, by its number."""
    return f"\\u{ord(sign):04x}" if _CONTROL.match(sign) else sign


def python_text(text: str) -> str:
    """Write a text as a Python string on one line that ends no block of code in markdown.

    Parameters
    ----------
    text : str
    """
    inside = "".join(_CODE_SIGNS.get(c) or _escaped(c) for c in text)
    return '"{}"'.format(inside.replace("{{<", r"{{\x3c"))


def _literal(value: object) -> str:
    if isinstance(value, str):
        return python_text(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_literal(v) for v in value)}]"
    return repr(value)
