"""What Stata `csdid` does where a covariate separates controls from all treated."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask, pack_outer, unpack_symmetric
from didjack.estimators.odds import mean_x, odds_sums, replicate_sums, treated_sums
from didjack.estimators.propensity import Sample
from didjack.estimators.regressions import Regressions
from didjack.estimators.samples import Comparison


def csdid_shift(comparison: Comparison, coef: Array, base: Regressions) -> Array:
    """Return what Stata `csdid` adds to the doubly robust ATT under separation, (R, c).

    Where no treated row has some value of a covariate, Stata's logit drops the control rows that
    have it, and their influence value is missing. csdid reports the mean of the recentered
    influence function over the other rows. Its parts sum to zero there, but for the outcome
    regressions, which did use the dropped rows: minus their part, over the rows that are left.
    """
    sample, y, late = comparison.sample, comparison.y, comparison.late
    R, k = sample.n_replicates, sample.X.shape[1]
    shift = np.zeros((R, y.shape[1]))
    missing = missing_rows(comparison)
    if missing is None:
        return shift
    periods = [np.ones(len(y), dtype=bool)] if late is None else [late, ~late]
    rows = replicate_sums(sample, np.ones_like(missing), comparison.count[:, None])
    gone = replicate_sums(sample, missing, comparison.count[:, None])
    everyone = mean_x(treated_sums(sample, sample.X))
    for sign, now in zip((1.0, -1.0), periods, strict=False):
        x, w = sample.X * now[:, None], sample.w[:, None]
        packed = replicate_sums(sample, missing, w * pack_outer(x))
        odds_mean = mean_x(odds_sums(sample, coef, x, np.inf))
        for j, c in enumerate(comparison.cells):
            xy = replicate_sums(sample, missing, w * x * y[:, j, None])
            if late is None:
                r, direction = base.fit.which[c], odds_mean - everyone
                beta = base.signed_beta(comparison.cells[[j]])[:, 0]
            else:
                r = base.fit.which[c, 0 if sign > 0 else 1]
                beta = base.fit.beta[:, r]
                direction = odds_mean - everyone
                if sign < 0:  # as in drdid_rc, where the early period enters with a plus
                    direction = odds_mean + everyone - 2 * mean_x(treated_sums(sample, x))
            score = xy - np.einsum("rij,rj->ri", unpack_symmetric(packed, k), beta)
            pull = base.fit.factor.take(r).solve(direction)
            with np.errstate(divide="ignore", invalid="ignore"):
                shift[:, [j]] -= rows / (rows - gone) * (score * pull).sum(axis=1, keepdims=True)
    return shift


def missing_rows(comparison: Comparison) -> Mask | None:
    """Mark the control rows that Stata's logit drops in each replicate, (n, R); None if none.

    A covariate with two values of which the treated have only one predicts perfectly: the
    controls with the other value are dropped.
    """
    sample = comparison.sample
    X = sample.X[:, 1:]
    low, high = X.min(axis=0), X.max(axis=0)
    two_valued = ((X == low) | (X == high)).all(axis=0) & (low < high)
    if not two_valued.any():
        return None
    is_high = (X == high)[:, two_valued].astype(np.float64)
    counts = Sample(sample.X, sample.d, comparison.count, sample.cluster, sample.n_replicates)
    treated = treated_sums(counts, np.column_stack([np.ones(len(X)), is_high]))
    none_high = np.rint(treated[:, 1:]) == 0
    all_high = np.rint(treated[:, 1:]) == np.rint(treated[:, :1])
    hits = is_high @ none_high.T.astype(float) + (1 - is_high) @ all_high.T.astype(float)
    missing = (hits > 0) & ~sample.d[:, None]
    return missing if missing.any() else None
