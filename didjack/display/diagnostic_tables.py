"""Tables of what is behind an estimate: cohorts, influential clusters, what is left out or lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.display.diagnostics import (
    cohort_codes,
    cohort_words,
    influence_frame,
    records,
    unit_noun,
)
from didjack.display.great_layout import great_table
from didjack.display.wording import (
    NONE,
    cluster_label,
    count,
    decimals,
    label,
    listed,
    number,
    percent,
)
from didjack.effects.attgt import ATTgt
from didjack.inference.jackknife import Jackknife
from didjack.sample.panel import NEVER

if TYPE_CHECKING:
    from great_tables import GT


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
    for row in records(cohort_codes(res, cluster)):
        sole = row.sole_cluster
        cohort = "never treated" if row.cohort == NEVER else label(row.cohort, res.frequency)
        extra = "" if sole is None else f" ({cluster_label(sole, cluster, names)})"
        rows.append(
            {
                "Cohort": cohort,
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
