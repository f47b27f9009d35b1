"""The tables of a comparison, for pages and papers: frames of text, great_tables, LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.comparison import BY_UNIT, CLUSTERED, EXACT, RANDOMIZED, STUDENT, Comparison
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


def _named(cmp: Comparison, type: str) -> dict[str, Inference]:
    """List the inferences of an aggregation by their names in tables, the recommended one first.

    One less where clustered and by unit coincide.
    """
    cluster, unit = cmp.cluster, unit_noun(cmp.attgt)
    found = cmp.inferences(type)
    same = found[CLUSTERED].method == found[BY_UNIT].method  # every unit is a cluster
    names = {
        EXACT: f"CV3, exact (by {cluster})",
        STUDENT: f"CV3, t({cmp.jackknives[type].df:,}) (by {cluster})",
        CLUSTERED: f"Influence functions (by {cluster})",
        BY_UNIT: "" if same else f"Influence functions (by {unit})",
        RANDOMIZED: f"Randomization of t (by {cluster})",
    }
    return {names[name]: inference for name, inference in found.items() if names[name]}


def _digits(cmp: Comparison) -> int:
    return decimals(i.se[0] for t in cmp.aggregates for i in cmp.inferences(t).values())


def inference_frame(cmp: Comparison) -> pd.DataFrame:
    """Write the overall effects with every inference, as text.

    Parameters
    ----------
    cmp : Comparison

    Returns
    -------
    DataFrame
        Columns aggregation, then Inference, ATT, Std. error, t, p, interval, Treated clusters.
        A dash stands where there is no p-value and no interval.
    """
    digits, rows = _digits(cmp), []
    rule = next(iter(cmp.aggregates.values())).elements.rule
    size = "cohort size" if rule.weights == "did" else "treated rows"
    interval_name = f"{percent_label(cmp.level)} interval"
    for type in cmp.aggregates:
        treated = f"{cmp.jackknives[type].n_treated_clusters[0]:,}"
        for name, i in _named(cmp, type).items():
            rows.append(
                {
                    "aggregation": WORDS[type].title.format(size=size),
                    "Inference": name,
                    "ATT": number(i.att[0], digits),
                    "Std. error": number(i.se[0], digits),
                    "t": number(i.t[0], 2),
                    "p": p_value(i.p[0]),
                    interval_name: interval(i.ci_low[0], i.ci_high[0], digits),
                    "Treated clusters": treated,
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

    Standard error, p and interval of "exact" keep the weights of the full sample under deletion,
    as exact critical values do.

    Parameters
    ----------
    cmp : Comparison
    type : {"dynamic", "group", "calendar"}
    """
    jk, found = cmp.jackknives[type], cmp.inferences(type)
    clustered, cv3 = found[CLUSTERED], found[STUDENT]
    shown = found.get(EXACT, cv3)
    treated = count_treated(cmp.aggregates[type], jk.cluster)
    digits = decimals(np.concatenate([clustered.se, cv3.se]))
    rows = []
    for k, name in enumerate(cmp.aggregates[type].labels, start=1):
        row = {
            WORDS[type].element: label(name, cmp.aggregates[type].frequency),
            "Treated clusters": str(treated[k]),
            "ATT": number(cv3.att[k], digits),
            "Clustered s.e.": number(clustered.se[k], digits),
            "p, normal": p_value(clustered.p[k]),
            "CV3 s.e.": number(cv3.se[k], digits),
            f"p, t({jk.df:,})": p_value(cv3.p[k]),
        }
        if EXACT in found:
            row |= {
                "CV3 s.e., exact": number(shown.se[k], digits),
                "p, exact": p_value(shown.p[k]),
            }
        ends = interval(shown.ci_low[k], shown.ci_high[k], digits)
        rows.append(row | {_interval_name(cmp, type): ends})
    return pd.DataFrame(rows)


def _interval_name(cmp: Comparison, type: str) -> str:
    kind = "exact" if type in cmp.exact else "CV3"
    return f"{percent_label(cmp.level)} interval, {kind}"


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
    size = "Units" if unit_noun(cmp.attgt) == "unit" else "Observations"
    rows = ["ATT", f"Clustered s.e. ({jk.cluster})", "p-value, normal", "CV3 jackknife s.e.",
            f"p-value, t({jk.df:,})"]  # fmt: skip
    if cmp.exact:
        rows += ["CV3 s.e., fixed weights", "p-value, exact"]
    rows += [_interval_name(cmp, next(iter(cmp.aggregates))), size, "Clusters", "Treated clusters"]
    columns: dict[str, list[str]] = {"": rows}
    for type in cmp.aggregates:
        columns[WORDS[type].short] = _paper_column(cmp, type, digits)
    return pd.DataFrame(columns)


def _paper_column(cmp: Comparison, type: str, digits: int) -> list[str]:
    found, jk = cmp.inferences(type), cmp.jackknives[type]
    clustered, cv3 = found[CLUSTERED], found[STUDENT]
    shown = found.get(EXACT, cv3)
    numbers = [
        number(cv3.att[0], digits),
        f"({number(clustered.se[0], digits)})",
        p_value(clustered.p[0]),
        f"[{number(cv3.se[0], digits)}]",
        p_value(cv3.p[0]),
    ]
    if EXACT in found:
        numbers += [f"[{number(shown.se[0], digits)}]", p_value(shown.p[0])]
    return [
        *numbers,
        interval(shown.ci_low[0], shown.ci_high[0], digits),
        f"{cmp.attgt.n:,}",
        f"{jk.n_clusters:,}",
        f"{count_treated(cmp.aggregates[type], jk.cluster)[0]:,}",
    ]


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
