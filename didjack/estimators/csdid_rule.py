"""What Stata `csdid` does where a covariate separates controls from all treated.

Where no treated row has some value of a covariate, Stata's logit drops the control rows that have
it, and their influence value is missing. csdid then reports the mean of the recentered influence
function over the other rows, which moves the doubly robust estimate. No paper describes the rule;
it is that of csdid 1.81, and reproduces its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Factor, Mask, pack_outer, unpack_symmetric
from didjack.estimators.odds import mean_x, odds_sums, replicate_sums, treated_sums
from didjack.estimators.propensity import Sample
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


def csdid_shift(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Return what Stata `csdid` adds to the doubly robust ATT under separation, (R, c).

    The mean of the recentered influence function ATT + psi_i over all N rows is the ATT. Over
    the rows that are not in M, the dropped ones, it is not: the outcome regressions did use M.
    Their effects b_i on the coefficients add up to zero over all rows, so that

        shift = - N / (N - |M|) sum_{i in M} b_i' v,   b_i = (sum w x x')^-1 w_i x_i (y_i - x_i' b)

    v is the derivative of psi's mean with respect to the coefficients of the controls. In a
    panel, with means of x by odds and among the treated (o and 1),

        v = xbar_o - xbar_1

    In repeated cross-sections there is such a sum for each period, with xbar_1 over the treated
    of both. The sign of the early one is that of R's `drdid_rc` and of csdid (`dr.influence_rc`):

        v(late) = xbar_o(late) - xbar_1,   v(early) = xbar_o(early) + xbar_1 - 2 xbar_1(early)

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance
        Of `dr`.
    """
    sample = compared.sample
    shift = np.zeros((sample.n_replicates, compared.y.shape[1]))
    missing = missing_rows(compared)
    if missing is None:
        return shift
    scale = _share(compared, missing)
    with np.errstate(divide="ignore", invalid="ignore"):
        for period, x, direction in _directions(compared, nuisance.coef):
            effects = _effects_of_missing(compared, nuisance, missing, x, direction, period)
            for j, effect in enumerate(effects):
                shift[:, [j]] -= scale * effect
    return shift


def _share(compared: ComparedRows, missing: Mask) -> Array:
    """Return N / (N - |M|) of every replicate, (R, 1)."""
    rows = replicate_sums(compared.sample, np.ones_like(missing), compared.count[:, None])
    dropped = replicate_sums(compared.sample, missing, compared.count[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        return rows / (rows - dropped)


def _directions(compared: ComparedRows, coef: Array) -> Iterator[tuple[int, Array, Array]]:
    """Yield every period (one in a panel), x that is zero outside of it, and v, (R, k)."""
    sample = compared.sample
    x_treated = mean_x(treated_sums(sample, sample.X))
    periods = [np.ones(len(sample.X), dtype=bool)]
    if compared.late is not None:
        periods = [compared.late, ~compared.late]
    for period, in_period in enumerate(periods):
        x = sample.X * in_period[:, None]
        x_odds = mean_x(odds_sums(sample, coef, x, np.inf))
        direction = x_odds - x_treated
        if period == 1:
            direction = x_odds + x_treated - 2 * mean_x(treated_sums(sample, x))
        yield period, x, direction


@dataclass(frozen=True, eq=False)
class ShiftCoefficients:
    """What outcomes of one period count in `csdid_shift`, by row; R replicates, k columns.

    With u = (sum w x x')^-1 v and s = N / (N - |M|), an outcome y_i counts

        - s w_i x_i'u, if i is in M,   and   s w_i x_i' (sum w x x')^-1 sum_{j in M} w_j x_j x_j'u,

    if i is a control: the regression has it.

    Attributes
    ----------
    dropped : (R, k) array
        -s u, the coefficient of w x for the rows in M.
    fit : (R, k) array
        The coefficient of w x for all controls.
    """

    dropped: Array
    fit: Array


def shift_coefficients(
    compared: ComparedRows, missing: Mask, coef: Array, factors: Sequence[Factor]
) -> list[ShiftCoefficients]:
    """Write `csdid_shift` as a linear form in outcomes, period by period.

    Parameters
    ----------
    compared : ComparedRows
    missing : (n, R) bool array
        From `missing_rows`.
    coef : (R, k) array
        Coefficients of the propensity model.
    factors : sequence of Factor
        Of the controls' sums of w x x' in each period; one in a panel.

    Returns
    -------
    list of ShiftCoefficients
        Of period t and of the base period; of the change in a panel.
    """
    sample, scale = compared.sample, _share(compared, missing)
    k, w = sample.X.shape[1], sample.w[:, None]
    found = []
    for period, x, direction in _directions(compared, coef):
        pull = factors[period].solve(direction)
        packed = replicate_sums(sample, missing, w * pack_outer(x))
        moved = np.einsum("rij,rj->ri", unpack_symmetric(packed, k), pull)
        found.append(ShiftCoefficients(-scale * pull, scale * factors[period].solve(moved)))
    return found


def _effects_of_missing(
    compared: ComparedRows,
    nuisance: Nuisance,
    missing: Mask,
    x: Array,
    direction: Array,
    period: int,
) -> Iterator[Array]:
    """Yield sum_{i in M} b_i' v of each cell, (R, 1); x is zero outside the period."""
    sample, controls = compared.sample, nuisance.regressions.controls
    k, w = sample.X.shape[1], sample.w[:, None]
    packed = replicate_sums(sample, missing, w * pack_outer(x))
    for j, c in enumerate(compared.cells):
        xy = replicate_sums(sample, missing, w * x * compared.y[:, j, None])
        if compared.late is None:
            regression = controls.which[c]
            beta = nuisance.regressions.signed_beta(compared.cells[[j]])[:, 0]
        else:
            regression = controls.which[c, period]
            beta = controls.beta[:, regression]
        score = xy - np.einsum("rij,rj->ri", unpack_symmetric(packed, k), beta)
        solved = controls.factor.take(regression).solve(direction)
        yield (score * solved).sum(axis=1, keepdims=True)


def missing_rows(compared: ComparedRows) -> Mask | None:
    """Mark the control rows that Stata's logit drops in each replicate, (n, R); None if none.

    A covariate with two values of which the treated have only one predicts perfectly: the
    controls with the other value are dropped.
    """
    sample = compared.sample
    X = sample.X[:, 1:]
    if not len(X):
        return None
    low, high = X.min(axis=0), X.max(axis=0)
    two_valued = ((X == low) | (X == high)).all(axis=0) & (low < high)
    if not two_valued.any():
        return None
    is_high = (X == high)[:, two_valued].astype(np.float64)
    counts = Sample(sample.X, sample.d, compared.count, sample.cluster, sample.n_replicates)
    treated = treated_sums(counts, np.column_stack([np.ones(len(X)), is_high]))
    none_high = np.rint(treated[:, 1:]) == 0
    all_high = np.rint(treated[:, 1:]) == np.rint(treated[:, :1])
    hits = is_high @ none_high.T.astype(float) + (1 - is_high) @ all_high.T.astype(float)
    missing = (hits > 0) & ~sample.d[:, None]
    return missing if missing.any() else None
