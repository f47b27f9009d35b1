"""The controls' odds of treatment, and sums over the rows of a comparison.

A propensity p turns into the odds weight w p / (1 - p) of a control. As in R `DRDID`, p is capped
and large ones are trimmed; as in R `did`, a cell with a still larger one is not estimated at all.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import replicate_totals
from didjack.estimators.propensity import Sample, logistic

CAP = 1.0 - 1e-6  # propensities above count as this one, so that nothing divides by zero (R DRDID)
TRIM = 0.995  # controls with this propensity or a larger one get no weight (R DRDID)
OVERLAP = 0.999  # a cell with this propensity, unweighted, or a larger one has no estimate (R did)


def control_odds(
    sample: Sample, rows: slice, deleted: tuple[Index, Index], coef: Array, trim: float
) -> Array:
    """Return the odds o_i = w_i p_i / (1 - p_i) of the controls among some rows, (rows, R).

    The weights w_0 of Sant'Anna and Zhao (2020), equations (3.1), (3.4), (4.1) and (4.2), before
    they are scaled to add up to one. R: `w.cont` in the functions of DRDID.

    Parameters
    ----------
    sample : Sample
    rows : slice
    deleted : pair of (d,) int arrays
        Rows (counted within the slice) and replicates where the row's cluster is deleted.
    coef : (R, k) array
        Coefficients of the propensity model.
    trim : float
        Controls with this propensity or a larger one get no weight; inf: all of them keep it.

    Returns
    -------
    array
        Zero for the treated, and where trimmed or deleted.
    """
    p = np.minimum(logistic(sample.X[rows] @ coef.T), CAP)
    odds = sample.w[rows, None] * p / (1.0 - p)
    odds[p >= trim] = 0.0
    odds[sample.d[rows]] = 0.0
    odds[deleted] = 0.0
    return odds


def largest(sample: Sample, coef: Array) -> Array:
    """Return the largest propensity over the rows of each replicate, (R,)."""
    replicates = np.arange(sample.n_replicates)
    out = np.full(sample.n_replicates, -np.inf)
    for rows, deleted in sample.chunks(replicates):
        eta = sample.X[rows] @ coef.T
        eta[deleted] = -np.inf
        np.maximum(out, eta.max(axis=0), out=out)
    return logistic(out)


def odds_sums(sample: Sample, coef: Array, features: Array, trim: float) -> Array:
    """Sum features over the controls, weighted by their odds; (R, F) from (n, F)."""
    out = np.zeros((sample.n_replicates, features.shape[1]))
    for rows, deleted in sample.chunks(np.arange(sample.n_replicates)):
        out += control_odds(sample, rows, deleted, coef, trim).T @ features[rows]
    return out


def treated_sums(sample: Sample, features: Array) -> Array:
    """Sum features over the treated, by sampling weight; (R, F) from (n, F)."""
    at = np.flatnonzero(sample.d)
    cluster = None if sample.cluster is None else sample.cluster[at]
    return replicate_totals(sample.w[at, None] * features[at], cluster, sample.n_replicates)


def replicate_sums(sample: Sample, keep: Mask, features: Array) -> Array:
    """Sum features over the kept rows of every replicate, (R, F); `keep` is (n, R)."""
    out = np.zeros((sample.n_replicates, features.shape[1]))
    for rows, deleted in sample.chunks(np.arange(sample.n_replicates)):
        chosen = keep[rows].astype(np.float64)
        chosen[deleted] = 0.0
        out += chosen.T @ features[rows]
    return out


def mean_x(sums: Array) -> Array:
    """Divide sums of x by the sum of the intercept."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / sums[:, :1]
