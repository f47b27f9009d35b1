"""Terms of loadings that weight control rows by a function of their covariates: odds and others.

Such a term is the sum over the controls of a cluster of w_i f_r(x_i), with f_r of the replicate.
Where covariates have few distinct values z it is sum_z f_r(z) U_hz, with U_hz the weight of the
controls of cluster h with these values: a product, whatever the function. Otherwise it is a matrix
over replicates and clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Factor, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.core.moments import indicator
from didjack.estimators.csdid_rule import ShiftCoefficients
from didjack.estimators.loading_terms import TermList
from didjack.estimators.odds import TRIM, control_odds, odds_sums
from didjack.estimators.propensity import Sample

DISTINCT = 64  # with up to so many distinct rows of covariates a term is a product
_CHUNK = 1 << 20  # rows times replicates held at once

# Values of some rows, given their positions: (rows, R), for a weight of one.
Values = Callable[[Index], Array]


@dataclass(frozen=True, eq=False)
class ControlRows:
    """The controls of a comparison, and their distinct covariates; n rows, Z distinct ones.

    Attributes
    ----------
    sample : Sample
        All rows of the comparison.
    at : (n,) int array
        The controls among them.
    first : (Z,) int array or None
        One row for each distinct vector of covariates; None where there are many.
    code : (n,) int array or None
        Which of them each control has.
    """

    sample: Sample
    at: Index
    first: Index | None
    code: Index | None

    @classmethod
    def of(cls, sample: Sample, part: Mask | None = None) -> ControlRows:
        """Find the distinct covariates of the controls, or of those in one period.

        Parameters
        ----------
        sample : Sample
        part : (n,) bool array, optional
        """
        at = np.flatnonzero(~sample.d if part is None else ~sample.d & part)
        first, code = _distinct(sample.X[at])
        return cls(sample, at, None if first is None else at[first], code)

    def term(
        self, key: Hashable, values: Values, factor: float, controls: Hashable, out: TermList
    ) -> int:
        """Add the sum of w f_r(x) over the controls of every cluster, times a factor.

        Parameters
        ----------
        key : hashable
        values : callable
            f_r: from positions in the sample to (rows, R).
        factor : float
        controls : hashable
            Names these rows; other comparisons may have the same.
        out : TermList
        """
        assert self.sample.cluster is not None
        cluster, w, C = self.sample.cluster[self.at], self.sample.w[self.at], out.n_clusters
        if self.first is not None:
            assert self.code is not None
            Z = len(self.first)
            sums = np.bincount(cluster * Z + self.code, w, minlength=C * Z).astype(np.float64)
            return out.term(
                key, factor * values(self.first).T, ("rows", controls), sums.reshape(C, Z)
            )
        loadings = np.zeros((C, C + 1))
        for part in np.array_split(np.arange(len(self.at)), 1 + len(self.at) * C // _CHUNK):
            weighted = w[part, None] * values(self.at[part])
            loadings += indicator(cluster[part], C) @ weighted
        return out.matrix(key, factor * loadings.T)


def _distinct(X: Array) -> tuple[Index | None, Index | None]:
    """Find the distinct rows of a matrix with an intercept, if they are few."""
    # A sum with incommensurable weights tells rows apart; equal ones are compared afterwards.
    mark = (X * np.sqrt(np.arange(2.0, 2.0 + X.shape[1]))).sum(axis=1)
    _, first, code = np.unique(mark, return_index=True, return_inverse=True)
    if len(first) > DISTINCT or not (X == X[first][code]).all():
        return None, None
    return first, code.reshape(-1)


def odds_values(
    X: Array, coef: Array, scale: Array, pull: Array | None = None, trim: float = TRIM
) -> Values:
    """Return f_r(x) = scale_r o_r(x) + untrimmed o_r(x) x' pull_r as a function of rows.

    Parameters
    ----------
    X : (n, k) array
    coef : (R, k) array
        Coefficients of the propensity model.
    scale : (R,) array
    pull : (R, k) array, optional
        Zero without it.
    trim : float
        Controls with this propensity or a larger one get no weight.
    """

    def values(at: Index) -> Array:
        x = X[at]
        out = _odds(x, coef, trim) * scale
        return out if pull is None else out + _odds(x, coef, np.inf) * (x @ pull.T)

    return values


def dropped_values(X: Array, missing: Mask, shift: ShiftCoefficients) -> Values:
    """Return f_r(x) = x' dropped_r for the rows that Stata's rule drops, zero for others.

    Parameters
    ----------
    X : (n, k) array
    missing : (n, R) bool array
    shift : ShiftCoefficients
    """
    return lambda at: (X[at] @ shift.dropped.T) * missing[at]


def _odds(X: Array, coef: Array, trim: float) -> Array:
    """Return the odds of controls with given covariates and weight one, (rows, R)."""
    n = len(X)
    sample = Sample(X, np.zeros(n, dtype=bool), np.ones(n), None, len(coef))
    none = np.empty(0, dtype=np.intp)
    return control_odds(sample, slice(None), (none, none), coef, trim)


def odds_gram(sample: Sample, coef: Array, left_out: Mask) -> Factor:
    """Factor the controls' sums of o x x', with odds that are not trimmed, in every replicate.

    Parameters
    ----------
    sample : Sample
    coef : (R, k) array
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.
    """
    packed = odds_sums(sample, coef, pack_outer(sample.X), np.inf)
    return factorize(unpack_symmetric(packed, sample.X.shape[1]), left_out)
