"""What the reader of a jackknife must know: deletions that are skipped or move the estimand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from didjack.core.linalg import Mask
from didjack.core.moments import Clusters
from didjack.sample.periods import period_text

EACH = 6  # deletions up to which each has a sentence of its own


def named(parameter: str) -> str:
    """Write a parameter for a sentence.

    Parameters
    ----------
    parameter : str
    """
    return "the overall effect" if parameter == "overall" else parameter


def skipped_frame(clusters: Clusters, kept: Mask, nothing_treated: Mask) -> pd.DataFrame:
    """List the clusters whose deletion leaves no estimate: cluster, reason.

    Parameters
    ----------
    clusters : Clusters
    kept : (C,) bool array
        Deletions with an estimate.
    nothing_treated : (C,) bool array
        Deletions that remove all treated cohorts.
    """
    skipped = np.flatnonzero(~kept)
    reasons = np.where(
        nothing_treated[skipped],
        "the only treated cluster; without it nothing is treated",
        "no cell of the aggregation can be estimated without it",
    )
    return pd.DataFrame({"cluster": clusters.labels[skipped], "reason": reasons})


def notes_on_skipped(skipped: pd.DataFrame) -> list[str]:
    """Write a sentence on every skipped cluster.

    Parameters
    ----------
    skipped : DataFrame
        From `skipped_frame`.
    """
    if len(skipped) <= EACH:
        return [f"Skipped cluster {name}: {reason}." for name, reason in skipped.to_numpy()]
    names = skipped.groupby("reason", sort=False)["cluster"].agg(list)
    reasons = "; ".join(f"{reason} ({_few(list(found))})" for reason, found in names.items())
    return [f"Skipped {len(skipped):,} clusters: {reasons}."]


def notes_on_fewer(parameters: Sequence[str], usable: Mask) -> list[str]:
    """Write a sentence on the parameters that some deletions leave nothing of.

    Parameters
    ----------
    parameters : sequence of str, length P
    usable : (C, P) bool array
        Which deletions have which parameter.
    """
    count = usable.sum(axis=0)
    fewer = (count < count.max()) & (count > 0)
    if not fewer.any():
        return []
    names = _few([name for name, few in zip(parameters, fewer, strict=True) if few])
    return [
        f"Some deletions leave nothing of {names}: the standard error varies the other "
        "clusters only, and is too small where one treated cluster carries the effect."
    ]


def notes_on_cohorts(lost: pd.DataFrame, estimand: str) -> list[str]:
    """Write a sentence on every deletion that removes cohorts.

    Parameters
    ----------
    lost : DataFrame
        cluster, cohort.
    estimand : {"refit", "fixed"}
    """
    moves = (
        "the estimand moves"
        if estimand == "refit"
        else "its effects are held at their full-sample estimates"
    )
    by_cluster = lost.groupby("cluster", sort=False)
    if len(by_cluster) > EACH:
        pairs = [f"{_cohorts(rows)} without {cluster}" for cluster, rows in by_cluster]
        return [f"{len(by_cluster):,} deletions lose cohorts ({_few(pairs)}): {moves}."]
    return [
        f"Without cluster {cluster}, cohort {_cohorts(rows)} is lost: {moves}."
        for cluster, rows in by_cluster
    ]


def _cohorts(rows: pd.DataFrame) -> str:
    return ", ".join(map(period_text, rows["cohort"]))


def notes_on_covariates(lost: pd.DataFrame) -> list[str]:
    """Write a sentence on every deletion that makes covariates redundant.

    Parameters
    ----------
    lost : DataFrame
        cluster, covariate.
    """
    by_cluster = lost.groupby("cluster", sort=False)
    if len(by_cluster) > EACH:
        pairs = [f"{', '.join(rows['covariate'])} without {name}" for name, rows in by_cluster]
        return [f"{len(by_cluster):,} deletions make a covariate redundant ({_few(pairs)})."]
    return [
        f"Without cluster {cluster}, covariate {', '.join(rows['covariate'])} is redundant."
        for cluster, rows in by_cluster
    ]


def _few(items: Sequence[object]) -> str:
    rest = f" and {len(items) - EACH:,} more" if len(items) > EACH else ""
    return ", ".join(str(item) for item in items[:EACH]) + rest
