"""The jackknife variance in which a deletion that leaves nothing counts with the estimate itself.

Where deleting a cluster leaves a regression singular, Hansen (2025, "Jackknife standard errors for
clustered regression") replaces the inverse by a generalized one. A coefficient that nothing is left
to estimate is then zero without the cluster, and its deviation is the estimate itself: theta_(h) -
theta = -theta. Carried over to CSDID, a deletion that leaves nothing of a parameter has that
deviation:

    V = sum_{h estimable} (theta_(h) - theta)^2 + (number of deletions that leave nothing) theta^2.

Hansen shows for regressions that this variance, without the factor (H - 1) / H, is not too small,
and that leaving such deletions out has no such guarantee. For CSDID it is a proposal.

It never rejects with one treated cluster: the deletion of that cluster leaves nothing, so V >=
theta^2 and |t| = |theta| / sqrt(V) <= 1, while critical values at 10% or less exceed 1.64.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array


def generalized_deviations(estimate: Array, deleted: Array) -> Array:
    """Return theta_(h) - theta, and -theta where a deletion leaves nothing.

    Parameters
    ----------
    estimate : (...) array
        theta of the full sample.
    deleted : (C, ...) array
        theta_(h) of all C deletions; NaN where one leaves nothing to estimate.

    Returns
    -------
    (C, ...) array
        NaN where there is no estimate in the full sample.
    """
    theta = np.asarray(estimate, dtype=np.float64)
    return np.where(np.isfinite(deleted), deleted, 0.0) - theta


def generalized_variance(deviations: Array, factor: bool = False) -> Array:
    """Add up squared deviations.

    Parameters
    ----------
    deviations : (C, ...) array
        From `generalized_deviations`; all C clusters count.
    factor : bool
        Multiply by (C - 1) / C, as CV3 does. What is proved of regressions is proved without it.

    Returns
    -------
    (...) array
        NaN with fewer than two clusters.
    """
    C = len(deviations)
    total = np.square(deviations).sum(axis=0)
    if C < 2:
        return np.full(total.shape, np.nan)
    return total * ((C - 1) / C if factor else 1.0)


def generalized_covariance(deviations: Array, factor: bool = False) -> Array:
    """Return the joint covariance of P parameters, (P, P).

    Parameters
    ----------
    deviations : (C, P) array
    factor : bool
        As in `generalized_variance`, which is the diagonal.
    """
    C = len(deviations)
    if C < 2:
        return np.full((deviations.shape[1],) * 2, np.nan)
    return np.asarray(deviations.T @ deviations) * ((C - 1) / C if factor else 1.0)
