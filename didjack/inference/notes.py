"""What the reader of a jackknife must know: deletions that are skipped or move the estimand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from didjack.core.linalg import Mask
from didjack.core.moments import Clusters


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
    return [f"Skipped cluster {cluster}: {reason}." for cluster, reason in skipped.to_numpy()]


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
    names = ", ".join(name for name, few in zip(parameters, fewer, strict=True) if few)
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
    return [
        f"Without cluster {cluster}, cohort {', '.join(f'{g:g}' for g in rows['cohort'])} is "
        f"lost: {moves}."
        for cluster, rows in lost.groupby("cluster", sort=False)
    ]


def notes_on_covariates(lost: pd.DataFrame) -> list[str]:
    """Write a sentence on every deletion that makes covariates redundant.

    Parameters
    ----------
    lost : DataFrame
        cluster, covariate.
    """
    return [
        f"Without cluster {cluster}, covariate {', '.join(rows['covariate'])} is redundant."
        for cluster, rows in lost.groupby("cluster", sort=False)
    ]
