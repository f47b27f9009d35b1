"""Residual period means of clusters, and their sizes."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index, factorize
from didjack.core.moments import Clusters
from didjack.sample import checks
from didjack.sample.panel import Panel


def residual_means(panel: Panel, clusters: Clusters, cohort: Index) -> Array:
    """Average over each cluster and period what the never treated's covariates do not explain.

    Parameters
    ----------
    panel : Panel
    clusters : Clusters
    cohort : (C,) int array
        Cohort code of each cluster; 0 is never treated.

    Returns
    -------
    (C, T) array
        Weighted means of y - x'b_t, with b_t from the never treated of period t; NaN where a
        cluster has no row.
    """
    C, T = len(clusters), len(panel.times)
    residual = np.full(len(panel.rows), np.nan)
    never = cohort[clusters.code] == 0
    for t in range(T):
        now = panel.time == t
        at = now & never
        X, w = panel.design.X, panel.w
        gram = X[at].T @ (w[at, None] * X[at])
        beta = factorize(gram).solve(X[at].T @ (w[at] * panel.y[at]))
        residual[now] = panel.y[now] - X[now] @ beta
    block = clusters.code * T + panel.time
    weight = np.bincount(block, panel.w, minlength=C * T)
    total = np.bincount(block, panel.w * residual, minlength=C * T)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (total / weight).reshape(C, T)


def cluster_sizes(panel: Panel, clusters: Clusters, column: str | None = None) -> Array:
    """Return the size of every cluster, (C,).

    Parameters
    ----------
    panel : Panel
    clusters : Clusters
    column : str, optional
        A column of the data, averaged over the rows of a cluster; without it (sum w)^2 / sum w^2
        of the rows of a period, averaged over the periods in which there are any.

    Raises
    ------
    DataError
        The column is missing, not numeric or not positive.
    """
    C, T = len(clusters), len(panel.times)
    if column is not None:
        checks.require_columns(panel.source, {"size": column})
        values = checks.numeric(panel.source, column, "size")
        checks.refuse(
            panel.source, column, values <= 0, "(size) is not positive", "Correct these rows."
        )
        rows = np.bincount(clusters.code, minlength=C)
        return np.bincount(clusters.code, values[panel.rows], minlength=C) / rows
    block = clusters.code * T + panel.time
    total = np.bincount(block, panel.w, minlength=C * T).reshape(C, T)
    squares = np.bincount(block, panel.w**2, minlength=C * T).reshape(C, T)
    there = squares > 0
    effective = np.where(there, total**2 / np.where(there, squares, 1.0), 0.0)
    return np.asarray(effective.sum(axis=1) / there.sum(axis=1))
