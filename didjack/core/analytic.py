"""Analytic standard errors from influence functions (formulas of R `did` 2.5)."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.core.moments import indicator

# Standard errors up to so many units in the last place of the outcome's size are rounding error.
# Where changes do not vary at all, 1 to 10 were seen.
ROUNDING = 1000 * np.finfo(np.float64).eps


def standard_errors(influence: Array, cluster: Index | None, scale: float = 0.0) -> Array:
    """Return the standard error of every column of an influence function.

    Parameters
    ----------
    influence : (n, P) array
        Mean zero, on the scale Var = mean square / n.
    cluster : (n,) int array or None
        Cluster code of each unit. With clusters sqrt(sum_c S_c^2) / n, where S_c is the sum of
        the influence function over cluster c; without, sqrt(mean square / n). Neither has a
        small-sample factor, as in R `did`.
    scale : float
        Size of the outcomes, as in `errors_of_sums`.

    Returns
    -------
    (P,) array
        NaN for a column that is zero throughout, or up to rounding: what is zero by construction
        has no standard error.
    """
    return errors_of_sums(influence_sums(influence, cluster), len(influence), scale)


def influence_sums(influence: Array, cluster: Index | None) -> Array:
    """Return S_c, the sums within clusters, (C, P); the influence function itself without any.

    Parameters
    ----------
    influence : (n, P) array
    cluster : (n,) int array or None
    """
    return influence if cluster is None else cluster_sums(influence, cluster)


def errors_of_sums(sums: Array, n: int, scale: float = 0.0) -> Array:
    """Return sqrt(sum_c S_c^2) / n for every column, NaN where all are zero up to rounding.

    An average of n outcomes of size s carries a rounding error of about 2e-16 s / sqrt(n). What is
    not a thousand times as large says nothing on sampling, and is NaN. R `did` takes whatever is
    below 1.5e-7 for zero, in whatever unit the outcome is.

    Parameters
    ----------
    sums : (C, P) array
        From `influence_sums`.
    n : int
        Units.
    scale : float
        Size of the outcomes: the largest absolute value.
    """
    errors = np.sqrt(np.einsum("cp,cp->p", sums, sums)) / n
    return np.where(errors <= ROUNDING * scale / np.sqrt(n), np.nan, errors)


def cluster_sums(influence: Array, cluster: Index) -> Array:
    """Sum the rows of an (n, P) influence function within clusters, (C, P)."""
    return np.asarray(indicator(cluster, int(cluster.max()) + 1) @ influence)
