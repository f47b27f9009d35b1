"""Analytic standard errors from influence functions (formulas of R `did` 2.5)."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.core.moments import indicator


def standard_errors(influence: Array, cluster: Index | None) -> Array:
    """Return the standard error of every column of an influence function.

    Parameters
    ----------
    influence : (n, P) array
        Mean zero, on the scale Var = mean square / n.
    cluster : (n,) int array or None
        Cluster code of each unit. With clusters sqrt(sum_c S_c^2) / n, where S_c is the sum of
        the influence function over cluster c; without, sqrt(mean square / n). Neither has a
        small-sample factor, as in R `did`.

    Returns
    -------
    (P,) array
        NaN for a column that is zero throughout: what is zero by construction has no
        standard error.
    """
    return errors_of_sums(influence_sums(influence, cluster), len(influence))


def influence_sums(influence: Array, cluster: Index | None) -> Array:
    """Return S_c, the sums within clusters, (C, P); the influence function itself without any.

    Parameters
    ----------
    influence : (n, P) array
    cluster : (n,) int array or None
    """
    return influence if cluster is None else cluster_sums(influence, cluster)


def errors_of_sums(sums: Array, n: int) -> Array:
    """Return sqrt(sum_c S_c^2) / n for every column, NaN where all are zero.

    Parameters
    ----------
    sums : (C, P) array
        From `influence_sums`.
    n : int
        Units.
    """
    total = np.einsum("cp,cp->p", sums, sums)
    return np.where(total == 0, np.nan, np.sqrt(total) / n)


def cluster_sums(influence: Array, cluster: Index) -> Array:
    """Sum the rows of an (n, P) influence function within clusters, (C, P)."""
    return np.asarray(indicator(cluster, int(cluster.max()) + 1) @ influence)
