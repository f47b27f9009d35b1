"""Tables for pages and papers: frames with formatted text, great_tables, LaTeX."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT, loc, style

from didjack.comparison import Comparison
from didjack.core.results import Inference
from didjack.display.diagnostics import (
    cohort_frame,
    cohort_words,
    influence_frame,
    records,
    unit_noun,
)
from didjack.display.diagnostics import treated_clusters as count_treated
from didjack.display.latex import latex_table
from didjack.display.vocabulary import WORDS
from didjack.display.wording import (
    NONE,
    cluster_label,
    count,
    decimals,
    interval,
    label,
    listed,
    number,
    p_value,
    percent,
)
from didjack.effects.attgt import ATTgt
from didjack.inference.jackknife import Jackknife
from didjack.sample.panel import NEVER


def great_table(
    frame: pd.DataFrame, group: str | None = None, note: str = "", unbroken: Sequence[str] = ()
) -> GT:
    """Lay out a frame of formatted text: first column left, the others right.

    Parameters
    ----------
    frame : DataFrame
    group : str, optional
        Column that divides the rows into groups with a heading.
    note : str
        A line under the table.
    unbroken : sequence of str
        Columns whose lines must not break.

    Returns
    -------
    great_tables.GT
        Its identifier follows from its content, so that equal tables are equal HTML.
    """
    text = frame.to_csv(index=False) + note
    identifier = "t" + hashlib.sha256(text.encode()).hexdigest()[:10]
    first, *others = [column for column in frame.columns if column != group]
    table = GT(frame, groupname_col=group, id=identifier)
    table = table.cols_align("left", [first]).cols_align("right", others)
    if unbroken:
        nowrap = style.css("white-space: nowrap")
        table = table.tab_style(nowrap, loc.body(columns=list(unbroken)))
    table = table.tab_options(table_font_names="inherit", row_group_font_weight="bold")
    return table.tab_source_note(note) if note else table


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
    interval_name = f"{100 * cmp.level:g}% interval"
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
    behind = count_treated(cmp.aggregates[type], jk.cluster)
    digits = decimals(np.concatenate([clustered.se, cv3.se]))
    rows = []
    for k, name in enumerate(cmp.aggregates[type].labels, start=1):
        rows.append(
            {
                WORDS[type].element: label(name),
                "Treated clusters": str(behind[k]),
                "ATT": number(cv3.att[k], digits),
                "Clustered s.e.": number(clustered.se[k], digits),
                "p ": p_value(clustered.p[k]),
                "CV3 s.e.": number(cv3.se[k], digits),
                "p": p_value(cv3.p[k]),
                f"{100 * cmp.level:g}% interval, CV3": interval(
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


def cohort_table(res: ATTgt, cluster: str, names: Mapping[object, str] | None = None) -> GT:
    """Lay out the cohorts: units, clusters, share of the sample, periods before and after.

    Parameters
    ----------
    res : ATTgt
    cluster : str
    names : mapping, optional
        Cluster to name; the sole cluster of a cohort is named.
    """
    units = "Units" if unit_noun(res) == "unit" else "Rows"
    rows = []
    for row in records(cohort_frame(res, cluster)):
        sole = row.sole_cluster
        extra = "" if sole is None else f" ({cluster_label(sole, cluster, names)})"
        rows.append(
            {
                "Cohort": "never treated" if row.cohort == NEVER else label(row.cohort),
                units: f"{row.units:,}",
                "Clusters": f"{row.clusters:,}{extra}",
                "Share of sample": percent(row.share, 1),
                "Periods before": str(row.before),
                "Periods treated": str(row.after) if row.cohort != NEVER else NONE,
            }
        )
    return great_table(pd.DataFrame(rows))


def influence_table(jk: Jackknife, names: Mapping[object, str] | None = None, rows: int = 8) -> GT:
    """Lay out the most influential clusters: what deleting each one does.

    Parameters
    ----------
    jk : Jackknife
    names : mapping, optional
        Cluster to name for readers.
    rows : int
        How many clusters.
    """
    frame = influence_frame(jk, names)
    frame = frame[np.isfinite(frame["without"])].head(rows)
    digits = decimals(frame["change"].abs().head(1), 2)
    cumulative = frame["share"].cumsum().to_numpy()
    lines = [
        {
            "Cluster deleted": row.name,
            "Cohort": cohort_words(row.cohorts),
            "Estimate without it": number(row.without, digits),
            "Change": number(row.change, digits),
            "Share of CV3 variance": percent(row.share, 1),
            "Cumulative": percent(cumulative[h], 1),
        }
        for h, row in enumerate(records(frame))
    ]
    return great_table(pd.DataFrame(lines))


def ledger_table(res: ATTgt) -> GT:
    """Lay out the ledger: what was left out, how much, and why; many alike share a line.

    Parameters
    ----------
    res : ATTgt
    """
    ledger = res.ledger.rename(columns={"count": "size"})  # tuples have a method count
    lines = []
    for (kind, reason), entries in ledger.groupby(["kind", "reason"], sort=False):
        names, sizes = entries["what"].tolist(), entries["size"]
        each = count(sizes.max(), "unit" if kind == "units" else "row")
        if sizes.min() != sizes.max():
            each = f"{sizes.min():,} to {each}"
        lines.append(
            {
                "What": f"{kind} {listed(names, 6)}" if kind != "cell" else listed(names, 6),
                "Reason": reason,
                "How many": f"{each}{' each' if len(names) > 1 else ''}",
            }
        )
    return great_table(pd.DataFrame(lines)).cols_align("left", ["Reason"])


def lost_table(jk: Jackknife, names: Mapping[object, str] | None = None) -> GT:
    """Lay out the deletions that change what is estimated.

    Parameters
    ----------
    jk : Jackknife
    names : mapping, optional
        Cluster to name for readers.
    """
    frame = influence_frame(jk, names)
    digits = decimals([jk.se], 3)
    lines: list[dict[str, Any]] = []
    for row in records(frame[[bool(lost) for lost in frame["lost"]]]):
        skipped = not np.isfinite(row.without)
        lines.append(
            {
                "Cluster deleted": row.name,
                "Cohorts lost": listed(row.lost),
                "Overall effect without it": "skipped" if skipped else number(row.without, digits),
                "With all clusters": number(jk.att, digits),
            }
        )
    return great_table(pd.DataFrame(lines))


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
    percent_text = f"{100 * cmp.level:g}%"
    size = "Units" if unit_noun(res) == "unit" else "Observations"
    names = ["ATT", f"Clustered s.e. ({cluster})", "p-value, normal", "CV3 jackknife s.e.",
             f"p-value, t({jk.df})", f"{percent_text} interval, CV3", size, "Clusters",
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
    return latex_table(_as_text(frame), caption, label)


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
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
