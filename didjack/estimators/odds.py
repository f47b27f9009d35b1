"""The controls' odds of treatment, and sums over the rows of a comparison.

A propensity p turns into the odds weight w p / (1 - p) of a control. As in R `DRDID`, p is capped
and large ones are trimmed; as in R `did`, a cell with a still larger one is not estimated at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import replicate_totals
from didjack.estimators import expansion
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
    near = _near_full_sample(sample, coef, 0)
    if near is not None:
        # The largest is a row whose predictor in the full sample is among the largest.
        eta = sample.X @ coef[0]
        rows = eta >= _second_cluster(eta, near.cluster) - 2.1 * near.reach
        out[near.replicates] = _largest_predictor(sample.take(rows), near.replicates, coef)
        replicates = near.others
    out[replicates] = _largest_predictor(sample, replicates, coef)
    return logistic(out)


def _largest_predictor(sample: Sample, replicates: Index, coef: Array) -> Array:
    out = np.full(len(replicates), -np.inf)
    for rows, deleted in sample.chunks(replicates):
        eta = sample.X[rows] @ coef[replicates].T
        eta[deleted] = -np.inf
        np.maximum(out, eta.max(axis=0), out=out)
    return out


def _second_cluster(eta: Array, cluster: Index) -> float:
    """Return the largest value outside of the cluster that has the largest."""
    return float(eta[cluster != cluster[eta.argmax()]].max(initial=-np.inf))


def odds_sums(sample: Sample, coef: Array, features: Array, trim: float) -> Array:
    """Sum features over the controls, weighted by their odds; (R, F) from (n, F).

    Many replicates that are close to the full sample are summed as a power series
    (`didjack.estimators.expansion`).
    """
    out = np.empty((sample.n_replicates, features.shape[1]))
    replicates = np.arange(sample.n_replicates)
    near = _near_full_sample(sample, coef, features.shape[1])
    if near is not None:
        out[near.replicates] = _sums_by_series(sample, coef, features, trim, near)
        replicates = near.others
    out[replicates] = _sums_over_rows(sample, replicates, coef, features, trim)
    return out


def _sums_over_rows(
    sample: Sample, replicates: Index, coef: Array, features: Array, trim: float
) -> Array:
    out = np.zeros((len(replicates), features.shape[1]))
    for rows, deleted in sample.chunks(replicates):
        out += control_odds(sample, rows, deleted, coef[replicates], trim).T @ features[rows]
    return out


@dataclass(frozen=True)
class _Near:
    """Replicates whose linear predictors are close to those of the full sample, and the others."""

    replicates: Index
    others: Index
    reach: float  # no linear predictor moves by more
    degree: int
    cluster: Index


def _near_full_sample(sample: Sample, coef: Array, columns: int) -> _Near | None:
    """Find the replicates that a series can sum, where that pays."""
    R, n = sample.n_replicates, len(sample.X)
    if sample.cluster is None or R * n < expansion.MANY or not np.isfinite(coef[0]).all():
        return None
    reach = expansion.reach_of(sample.X, coef - coef[0])
    degree = expansion.best_degree(reach, n, sample.X.shape[1], columns, "odds")
    if degree is None:
        return None
    near = expansion.certain(reach, degree, "odds")
    replicates = np.flatnonzero(near)
    return _Near(
        replicates, np.flatnonzero(~near), float(reach[near].max()), degree, sample.cluster
    )


def _sums_by_series(
    sample: Sample, coef: Array, features: Array, trim: float, near: _Near
) -> Array:
    """Sum as `odds_sums` does; rows that are trimmed in some replicates only are summed singly."""
    eta, edge = sample.X @ coef[0], min(trim, CAP)
    distance = eta - np.log(edge / (1.0 - edge))
    close = np.abs(distance) <= 1.1 * near.reach + 1e-6
    if not trim < CAP:  # nobody is trimmed, but odds above are those of the cap
        close |= distance > 0
    rows = np.flatnonzero(~sample.d & ~close & (distance < 0))
    X, weighted = sample.X[rows], sample.w[rows, None] * features[rows]
    change = coef[near.replicates] - coef[0]
    series = expansion.Series.of(X, eta[rows], weighted, near.degree, "odds")
    out = expansion.take_away(
        series(change), near.cluster[rows], near.replicates, change, (X, eta[rows], weighted),
        np.exp,
    )  # fmt: skip
    singly = close & ~sample.d
    if singly.any():
        out += _sums_over_rows(sample.take(singly), near.replicates, coef, features[singly], trim)
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
