"""The tables of a comparison, for pages and papers: frames of text, great_tables, LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.comparison import Comparison
from didjack.core.results import Inference
from didjack.display.diagnostic_tables import (
    cohort_table,
    influence_table,
    ledger_table,
    lost_table,
)
from didjack.display.diagnostics import treated_clusters as count_treated
from didjack.display.diagnostics import unit_noun
from didjack.display.great_layout import great_table
from didjack.display.latex import latex_table
from didjack.display.vocabulary import WORDS
from didjack.display.wording import (
    decimals,
    interval,
    label,
    number,
    p_value,
    percent_label,
    text_frame,
)

if TYPE_CHECKING:
    from great_tables import GT

__all__ = [
    "cohort_table",
    "elements_frame",
    "elements_table",
    "great_table",
    "inference_frame",
    "inference_table",
    "influence_table",
    "ledger_table",
    "lost_table",
    "paper_frame",
    "paper_table",
    "to_latex",
]


def _distinct(cmp: Comparison, type: str) -> list[tuple[str, Inference]]:
    """List the inferences of an aggregation; one less where analytic and clustered coincide."""
    by_unit, clustered, cv3 = cmp.inferences(type)
    cluster = cmp.jackknives[type].cluster
    unit = unit_noun(cmp.attgt)
    jackknife = (f"CV3 jackknife (by {cluster})", cv3)
    if clustered.method == by_unit.method:  # every unit is a cluster
        return [(f"Analytic = clustered (by {cluster})", by_unit), jackknife]
    return [(f"Analytic (by {unit})", by_unit), (f"Clustered (by {cluster})", clustered), jackknife]


def _digits(cmp: Comparison) -> int:
    return decimals(i.se[0] for t in cmp.aggregates for i in cmp.inferences(t))


def inference_frame(cmp: Comparison) -> pd.DataFrame:
    """Write the overall effects with every inference, as text.

    Parameters
    ----------
    cmp : Comparison

    Returns
    -------
    DataFrame
        Columns aggregation, then Inference, ATT, Std. error, t, p, interval, df.
    """
    digits, rows = _digits(cmp), []
    rule = next(iter(cmp.aggregates.values())).elements.rule
    size = "cohort size" if rule.weights == "did" else "treated rows"
    interval_name = f"{percent_label(cmp.level)} interval"
    for type in cmp.aggregates:
        for name, i in _distinct(cmp, type):
            rows.append(
                {
                    "aggregation": WORDS[type].title.format(size=size),
                    "Inference": name,
                    "ATT": number(i.att[0], digits),
                    "Std. error": number(i.se[0], digits),
                    "t": number(i.t[0], 2),
                    "p": p_value(i.p[0]),
                    interval_name: interval(i.ci_low[0], i.ci_high[0], digits),
                    "df": number(i.df[0], 0),
                }
            )
    return pd.DataFrame(rows)


def inference_table(cmp: Comparison) -> GT:
    """Lay out `inference_frame`, one group of rows for each aggregation.

    Parameters
    ----------
    cmp : Comparison
    """
    return great_table(inference_frame(cmp), group="aggregation", unbroken=["Inference"])


def elements_frame(cmp: Comparison, type: str = "dynamic") -> pd.DataFrame:
    """Write event times, cohorts or periods with clustered and CV3 inference, as text.

    Parameters
    ----------
    cmp : Comparison
    type : {"dynamic", "group", "calendar"}
    """
    jk = cmp.jackknives[type]
    _, clustered, cv3 = cmp.inferences(type)
    treated = count_treated(cmp.aggregates[type], jk.cluster)
    digits = decimals(np.concatenate([clustered.se, cv3.se]))
    rows = []
    for k, name in enumerate(cmp.aggregates[type].labels, start=1):
        rows.append(
            {
                WORDS[type].element: label(name),
                "Treated clusters": str(treated[k]),
                "ATT": number(cv3.att[k], digits),
                "Clustered s.e.": number(clustered.se[k], digits),
                "p ": p_value(clustered.p[k]),
                "CV3 s.e.": number(cv3.se[k], digits),
                "p": p_value(cv3.p[k]),
                f"{percent_label(cmp.level)} interval, CV3": interval(
                    cv3.ci_low[k], cv3.ci_high[k], digits
                ),
            }
        )
    return pd.DataFrame(rows)


def elements_table(cmp: Comparison, type: str = "dynamic") -> GT:
    """Lay out `elements_frame`.

    Parameters
    ----------
    cmp : Comparison
    type : {"dynamic", "group", "calendar"}
    """
    return great_table(elements_frame(cmp, type))


def paper_frame(cmp: Comparison) -> pd.DataFrame:
    """Write the table that a paper would print: one column for each aggregation.

    Parameters
    ----------
    cmp : Comparison

    Returns
    -------
    DataFrame
        The first column names the rows: effect, standard errors with p-values, interval, sizes.
    """
    digits = _digits(cmp)
    jk = next(iter(cmp.jackknives.values()))
    cluster, res = jk.cluster, cmp.attgt
    covered = percent_label(cmp.level)
    size = "Units" if unit_noun(res) == "unit" else "Observations"
    names = ["ATT", f"Clustered s.e. ({cluster})", "p-value, normal", "CV3 jackknife s.e.",
             f"p-value, t({jk.df})", f"{covered} interval, CV3", size, "Clusters",
             "Treated clusters"]  # fmt: skip
    columns: dict[str, list[str]] = {"": names}
    for type in cmp.aggregates:
        _, clustered, cv3 = cmp.inferences(type)
        treated = count_treated(cmp.aggregates[type], cluster)[0]
        columns[WORDS[type].short] = [
            number(cv3.att[0], digits),
            f"({number(clustered.se[0], digits)})",
            p_value(clustered.p[0]),
            f"[{number(cv3.se[0], digits)}]",
            p_value(cv3.p[0]),
            interval(cv3.ci_low[0], cv3.ci_high[0], digits),
            f"{res.n:,}",
            f"{jk.n_clusters:,}",
            f"{treated:,}",
        ]
    return pd.DataFrame(columns)


def paper_table(cmp: Comparison) -> GT:
    """Lay out `paper_frame`.

    Parameters
    ----------
    cmp : Comparison
    """
    return great_table(paper_frame(cmp), unbroken=[""])


def to_latex(result: Any, caption: str = "", label: str = "") -> str:
    """Write a result as a LaTeX table (booktabs).

    Parameters
    ----------
    result : Comparison, ATTgt, Aggregate, Jackknife or DataFrame
        A comparison becomes the table of `paper_frame`; the others their `to_frame()`, with
        numbers rounded to three significant digits of the smallest standard error.
    caption, label : str
        With either, the tabular is wrapped in a table environment.
    """
    if isinstance(result, Comparison):
        return latex_table(paper_frame(result), caption, label)
    frame = result if isinstance(result, pd.DataFrame) else result.to_frame()
    return latex_table(text_frame(frame), caption, label)
