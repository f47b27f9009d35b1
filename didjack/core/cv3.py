"""The delete-one-cluster jackknife variance CV3: the one place where it is computed.

With theta the full-sample estimate, theta_(h) the one without cluster h, and H deletions that
can be estimated,

    V = (H - 1) / H * sum_h (theta_(h) - theta)^2.

CV3 centres at the full-sample estimate, CV3J at the mean of the deletions (MacKinnon, Nielsen and
Webb 2023, "Fast and reliable jackknife and bootstrap methods for cluster-robust inference").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from didjack.core.linalg import Array


def deviations(
    estimate: ArrayLike, deleted: Array, center: str = "estimate", axis: int = 0
) -> tuple[Array, Array]:
    """Return theta_(h) minus its centre for every deletion, and the number of deletions.

    Parameters
    ----------
    estimate : array
        theta, of the shape of `deleted` without the axis of deletions.
    deleted : array
        theta_(h), NaN where a deletion leaves nothing to estimate.
    center : {"estimate", "mean"}
        theta (CV3) or the mean of the theta_(h) (CV3J).
    axis : int
        Axis of `deleted` along which clusters are deleted.

    Returns
    -------
    deviations : array of the shape of `deleted`
        Zero where a deletion leaves nothing to estimate.
    count : array of the shape of `estimate`
        H.
    """
    usable = np.isfinite(deleted)
    count = usable.sum(axis=axis)
    middle = np.asarray(estimate, dtype=np.float64)
    if center == "mean":
        total = np.where(usable, deleted, 0.0).sum(axis=axis)
        middle = total / np.maximum(count, 1)
    return np.where(usable, deleted - np.expand_dims(middle, axis), 0.0), count


def variance(deviations: Array, count: ArrayLike, axis: int = 0) -> Array:
    """Return (H - 1) / H times the sum of squared deviations; NaN with fewer than two deletions.

    Parameters
    ----------
    deviations : array
        From `deviations`; zero for deletions that do not count.
    count : array
        H, broadcastable to the shape of `deviations` without `axis`.
    axis : int
        Axis of deletions.
    """
    along_last = np.moveaxis(deviations, axis, -1)
    # No array of squares: simulations have millions of deviations at a time.
    squares = np.einsum("...h,...h->...", along_last, along_last)
    return np.asarray(factor(count) * squares)


def covariance(deviations: Array, count: ArrayLike) -> Array:
    """Return the joint covariance of P parameters, (P, P), from (C, P) deviations.

    A deletion that removes a parameter contributes nothing to its row and column. Each parameter
    keeps its own factor (H - 1) / H: the diagonal is that of `variance`, and the matrix is
    positive semi-definite.

    Parameters
    ----------
    deviations : (C, P) array
    count : int or (P,) array
        H of each parameter.
    """
    scaled = scores(deviations, count)
    return np.asarray(scaled.T @ scaled)


def scores(deviations: Array, count: ArrayLike) -> Array:
    """Return deviations times the root of (H - 1) / H: (C, P), with scores' scores = `covariance`.

    Parameters
    ----------
    deviations : (C, P) array
    count : int or (P,) array
        H of each parameter.
    """
    return np.asarray(deviations * np.sqrt(factor(count)))


def factor(count: ArrayLike) -> Array:
    """Return (H - 1) / H, NaN where H < 2.

    Parameters
    ----------
    count : array
        H.
    """
    H = np.asarray(count, dtype=np.float64)
    return np.where(H > 1, (H - 1) / np.maximum(H, 1), np.nan)
