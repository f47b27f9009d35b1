"""What each cluster does to an estimate, and how clusters and cohorts are composed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Index
from didjack.core.moments import Clusters
from didjack.display.wording import cluster_label, label
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.averages import linearize
from didjack.inference.jackknife import Jackknife
from didjack.sample.panel import NEVER
from didjack.sample.periods import as_dates, period_values


def unit_noun(res: ATTgt) -> str:
    """Return what is observed: `unit` in panels, `row` in repeated cross-sections."""
    return "unit" if res.panel.roles.panel else "row"


def cluster_frame(res: ATTgt, cluster: str) -> pd.DataFrame:
    """Describe the clusters of a sample.

    Parameters
    ----------
    res : ATTgt
    cluster : str
        A column that is constant within unit.

    Returns
    -------
    DataFrame
        One row per cluster: cluster, rows, units (rows in repeated cross-sections), share (of
        the weighted sample), treated (whether any unit of it is), treated_units, cohorts (tuple
        of the first treated periods in it).
    """
    return with_dates(cluster_codes(res, cluster), res.frequency)


def cluster_codes(res: ATTgt, cluster: str) -> pd.DataFrame:
    """Return `cluster_frame` with cohorts as the numbers that results have.

    Parameters
    ----------
    res : ATTgt
    cluster : str
    """
    return _composition(res, res.clusters(cluster))


def with_dates(frame: pd.DataFrame, frequency: str) -> pd.DataFrame:
    """Turn the codes of cohorts into dates; the frame itself where they are numbers.

    Parameters
    ----------
    frame : DataFrame
        With a column "cohort" or one of tuples, "cohorts".
    frequency : str
        Of the dates; empty for numbers.
    """
    if not frequency:
        return frame
    if "cohort" in frame:
        return frame.assign(cohort=as_dates(frame["cohort"].to_numpy(), frequency))
    dated = [tuple(as_dates(np.array(codes), frequency)) for codes in frame["cohorts"]]
    return frame.assign(cohorts=pd.Series(dated, index=frame.index, dtype=object))


def _composition(res: ATTgt, clusters: Clusters) -> pd.DataFrame:
    panel, H = res.panel, len(clusters)
    unit_cluster = clusters.code[panel.unit_rows]
    weight = np.bincount(unit_cluster, panel.unit_weight, minlength=H)
    is_treated = np.isin(panel.unit_cohort, panel.treated)
    members = np.zeros((H, len(panel.cohorts)), dtype=bool)
    members[clusters.code, panel.cohort] = True
    cohorts = [tuple(panel.treated[row[panel.treated]]) for row in members]
    return pd.DataFrame(
        {
            "cluster": clusters.labels,
            "rows": np.bincount(clusters.code, minlength=H),
            "units": np.bincount(unit_cluster, minlength=H),
            "share": weight / weight.sum(),
            "treated": members[:, panel.treated].any(axis=1),
            "treated_units": np.bincount(unit_cluster[is_treated], minlength=H),
            "cohorts": [tuple(panel.cohorts[list(codes)].tolist()) for codes in cohorts],
        }
    )


def cohort_frame(res: ATTgt, cluster: str) -> pd.DataFrame:
    """Count units and clusters of every cohort.

    Parameters
    ----------
    res : ATTgt
    cluster : str

    Returns
    -------
    DataFrame
        One row per cohort, the never treated (cohort 0, of dates NaT) last: cohort, units (rows in
        repeated cross-sections), share (of the weighted sample), clusters, before and after
        (periods before treatment and from then on), sole_cluster (its cluster, where there is
        one only).
    """
    return with_dates(cohort_codes(res, cluster), res.frequency)


def cohort_codes(res: ATTgt, cluster: str) -> pd.DataFrame:
    """Return `cohort_frame` with cohorts as the numbers that results have, 0 for never.

    Parameters
    ----------
    res : ATTgt
    cluster : str
    """
    panel, clusters = res.panel, res.clusters(cluster)
    rows, sole = [], []
    for q in np.argsort(np.where(panel.cohorts == NEVER, np.inf, panel.cohorts), kind="stable"):
        g = panel.cohorts[q]
        member = panel.unit_cohort == q
        if not member.any():
            continue
        codes = np.unique(clusters.code[panel.cohort == q])
        after = int((panel.times >= g).sum()) if g != NEVER else 0
        rows.append(
            {
                "cohort": g,
                "units": int(member.sum()),
                "share": panel.unit_weight[member].sum() / panel.unit_weight.sum(),
                "clusters": len(codes),
                "before": len(panel.times) - after,
                "after": after,
            }
        )
        sole.append(clusters.labels[codes[0]] if len(codes) == 1 else None)
    return pd.DataFrame(rows).assign(sole_cluster=pd.Series(sole, dtype=object))


def treated_clusters(agg: Aggregate, cluster: str) -> Index:
    """Count the treated clusters behind every parameter of an aggregation.

    With one, deleting it leaves nothing of the parameter: the jackknife then varies the controls
    only, and influence functions see that cluster as it is, so both kinds of standard error
    leave out the variation that matters.

    Parameters
    ----------
    agg : Aggregate
    cluster : str

    Returns
    -------
    (1 + K,) int array
        The overall effect first; (1,) for `simple`.
    """
    panel, elements = agg.attgt.panel, agg.elements
    clusters = agg.attgt.clusters(cluster)
    members = np.zeros((len(panel.cohorts), len(clusters)), dtype=bool)
    members[panel.cohort, clusters.code] = True
    by_element = [
        members[np.unique(agg.attgt.cells.cohort[m])].any(axis=0) for m in elements.member
    ]
    used = [row for row, counts in zip(by_element, elements.in_overall, strict=True) if counts]
    overall = np.any(used, axis=0)
    each = by_element if len(agg.labels) else []
    return np.array([int(treated.sum()) for treated in (overall, *each)])


def influence_frame(jk: Jackknife, names: Mapping[object, str] | None = None) -> pd.DataFrame:
    """Say how much every cluster moves the overall effect.

    Parameters
    ----------
    jk : Jackknife
    names : mapping, optional
        Cluster to name for readers.

    Returns
    -------
    DataFrame
        One row per cluster, the most influential first: cluster, name, treated, units, cohorts,
        without (the estimate when it is deleted), change (that minus the full-sample estimate),
        share (its part of the CV3 variance), lost (the cohorts that leave with it). Clusters
        that were skipped have no numbers and come last.
    """
    frame = _composition(jk.aggregate.attgt, jk.clusters)
    without = jk.replicates[1:, 0]
    change = without - jk.att
    squares = np.where(np.isfinite(change), change**2, 0.0)
    total = squares.sum()
    share = squares / total if total > 0 else np.full(len(squares), np.nan)
    lost = jk.lost_cohorts.groupby("cluster", sort=False)["cohort"].apply(tuple).to_dict()
    frame = frame.assign(
        name=[cluster_label(c, jk.cluster, names) for c in frame["cluster"]],
        without=without,
        change=change,
        share=np.where(np.isfinite(change), share, np.nan),
        lost=[lost.get(c, ()) for c in frame["cluster"]],
    )
    columns = ["cluster", "name", "treated", "units", "cohorts", "without", "change", "share",
               "lost"]  # fmt: skip
    order = np.argsort(np.where(np.isfinite(change), -np.abs(change), np.inf), kind="stable")
    frame = frame.iloc[order][columns].reset_index(drop=True)
    return with_dates(frame, jk.aggregate.attgt.frequency)


def weights_frame(agg: Aggregate) -> pd.DataFrame:
    """List the weight of every ATT(g,t) in every parameter of an aggregation.

    A parameter is the sum of weight times ATT(g,t), over the cells that can be estimated. In
    the full sample the weights of each parameter add up to one.

    Parameters
    ----------
    agg : Aggregate

    Returns
    -------
    DataFrame
        One row per cell, in the order of `agg.attgt.to_frame()`: group, time, event_time, then
        a column for every parameter. Zero for cells that a parameter does not use.
    """
    cells = agg.attgt.cells
    weights = linearize(agg.elements, agg.attgt.estimates, cells).cell
    labels = {
        "group": period_values(cells.group, cells.frequency),
        "time": period_values(cells.period, cells.frequency),
        "event_time": period_values(cells.event_time),
    }
    values = dict(zip(agg.parameters, weights.T, strict=True))
    return pd.DataFrame(labels | values)


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a frame as named tuples."""
    return list(frame.itertuples(index=False))


def cohort_words(cohorts: tuple[object, ...]) -> str:
    """Write the treated cohorts of a cluster: `2006`, `2004, 2007`, `untreated`."""
    return ", ".join(label(g) for g in cohorts) or "untreated"
