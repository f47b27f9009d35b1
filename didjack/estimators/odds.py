"""Sums over the rows of a comparison: by odds, by sampling weight, over chosen rows."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.moments import replicate_totals
from didjack.estimators.propensity import Sample, control_odds


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
