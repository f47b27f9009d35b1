"""Frames of text as LaTeX tables.

Written here because `to_latex` must work where only the core is installed: pandas' writer needs
Jinja, great_tables and pandoc are extras. great_tables also fixes size and width of the table,
and leaves minus signs and infinity as characters that pdfLaTeX rejects.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from didjack.display.wording import one_line

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\u00a0": "~",
    "\u2013": "--",
    "\u221e": r"$\infty$",
    "<": "$<$",
    ">": "$>$",
}
_NOT_IN_LABELS = re.compile(r"[\\{}%#$&~^\x00-\x1f\x7f]")
_NEGATIVE = re.compile(r"\u2212([\d.,]*\d)")


def latex_text(text: str) -> str:
    """Escape a text for LaTeX, on one line; negative numbers become formulas."""
    escaped = "".join(_SPECIAL.get(c, c) for c in one_line(text))
    return _NEGATIVE.sub(r"$-\1$", escaped).replace("\u2212", "$-$")


def latex_table(
    frame: pd.DataFrame, caption: str = "", label: str = "", left: Collection[str] = ()
) -> str:
    r"""Write a frame of text as a tabular with booktabs rules.

    Parameters
    ----------
    frame : DataFrame
        Strings; the first column is set left, the others right.
    caption, label : str
        With either, a table environment goes around it.
    left : collection of str
        Further columns that are set left.

    Returns
    -------
    str
        Needs `\usepackage{booktabs}`.
    """
    lines = [" & ".join(_cell(v) for v in row) + r" \\" for row in frame.to_numpy()]
    others = "".join("l" if c in left else "r" for c in frame.columns[1:])
    head = " & ".join(latex_text(str(c).strip()) for c in frame.columns) + r" \\"
    body = [
        rf"\begin{{tabular}}{{l{others}}}",
        r"\toprule",
        head,
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if caption or label:
        top = [r"\begin{table}", r"\centering"]
        top += [rf"\caption{{{latex_text(caption)}}}"] if caption else []
        top += [rf"\label{{{_NOT_IN_LABELS.sub('-', label)}}}"] if label else []
        body = [*top, *body, r"\end{table}"]
    return "\n".join(body) + "\n"


def _cell(value: object) -> str:
    text = latex_text(str(value))
    # At the start of a row an opening bracket would be read as an option of the line break.
    return f"{{{text}}}" if text.startswith("[") else text
