"""Small symmetric systems, solved for all replicates at once, with a rank check that names columns.

The regressions of CSDID are tiny (a handful of covariates) and many (cells times replicates).
A Cholesky-like elimination written over the batch costs k vectorized steps, and its pivots say
which column is redundant: the pivot of column j, relative to its diagonal, is 1 - R² of the
regression of column j on the columns before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

# A column counts as redundant when less than this share of its sum of squares is left after
# regressing it on the columns before it. Exact collinearity leaves about 1e-16; covariates are
# centred and scaled before, so that a genuine signal is far above.
RANK_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Factor:
    """LDL' factors of a batch of symmetric positive semi-definite matrices.

    Attributes
    ----------
    lower : (..., k, k) array
        Unit lower triangular factors.
    pivots : (..., k) array
        Diagonal of D; one where a column is excluded.
    redundant : (..., k) bool array
        Columns found to be a linear combination of the columns before them.
    excluded : (..., k) bool array
        Columns without a coefficient: the redundant ones and those left out on request.
    """

    lower: Array
    pivots: Array
    redundant: Mask
    excluded: Mask

    @property
    def singular(self) -> Mask:
        """Whether a matrix of the batch has a redundant column, shape (...)."""
        return np.asarray(self.redundant.any(axis=-1))

    def take(self, at: int) -> Factor:
        """Return the factors at one place of the second axis."""
        return Factor(
            self.lower[:, at], self.pivots[:, at], self.redundant[:, at], self.excluded[:, at]
        )

    def among(self, keep: Mask) -> Factor:
        """Return some of the factors along the first axis."""
        return Factor(
            self.lower[keep], self.pivots[keep], self.redundant[keep], self.excluded[keep]
        )

    def solve(self, rhs: Array) -> Array:
        """Solve A x = rhs; excluded columns get the coefficient zero.

        Parameters
        ----------
        rhs : (..., k) array

        Returns
        -------
        (..., k) array
        """
        shape = np.broadcast_shapes(self.pivots.shape, rhs.shape)
        x = np.broadcast_to(rhs, shape).copy()
        k = shape[-1]
        for j in range(1, k):
            x[..., j] -= (self.lower[..., j, :j] * x[..., :j]).sum(axis=-1)
        # An excluded column has zeros below its diagonal, so it has not touched the others.
        x = np.where(self.excluded, 0.0, x / self.pivots)
        for j in range(k - 2, -1, -1):
            x[..., j] -= (self.lower[..., j + 1 :, j] * x[..., j + 1 :]).sum(axis=-1)
        return x


def factorize(matrices: Array, left_out: Mask | None = None) -> Factor:
    """Factor symmetric positive semi-definite matrices and find their redundant columns.

    Parameters
    ----------
    matrices : (..., k, k) array
        Gram matrices X'WX.
    left_out : bool array broadcastable to (..., k), optional
        Columns to leave out whatever their pivot; they do not count as redundant.

    Returns
    -------
    Factor
    """
    k = matrices.shape[-1]
    skip = np.zeros(matrices.shape[:-1], dtype=bool)
    if left_out is not None:
        skip |= left_out
    lower = np.zeros_like(matrices)
    pivots = np.ones(matrices.shape[:-1])
    redundant = np.zeros_like(skip)
    for j in range(k):
        scaled = lower[..., j, :j] * pivots[..., :j]
        diagonal = matrices[..., j, j]
        pivot = diagonal - (scaled * lower[..., j, :j]).sum(axis=-1)
        # `not >`, so that a zero diagonal or a NaN counts as redundant too.
        redundant[..., j] = ~(pivot > RANK_TOLERANCE * diagonal) & ~skip[..., j]
        out = redundant[..., j] | skip[..., j]
        pivots[..., j] = np.where(out, 1.0, pivot)
        lower[..., j, j] = 1.0
        rest = matrices[..., j + 1 :, j] - (lower[..., j + 1 :, :j] * scaled[..., None, :]).sum(
            axis=-1
        )
        lower[..., j + 1 :, j] = np.where(out[..., None], 0.0, rest / pivots[..., j, None])
    return Factor(lower, pivots, redundant, redundant | skip)


def unpack_symmetric(packed: Array, k: int) -> Array:
    """Turn (..., k(k+1)/2) lower triangles, row by row, into (..., k, k) matrices."""
    out = np.empty((*packed.shape[:-1], k, k))
    rows, cols = _lower_triangle(k)
    out[..., rows, cols] = packed
    out[..., cols, rows] = packed
    return out


def first_column(packed: Array, k: int) -> Array:
    """Take the first columns of packed triangles, (..., k): of x x', x itself by the intercept."""
    return packed[..., np.cumsum(np.arange(k + 1))[:k]]


def pack_outer(X: Array) -> Array:
    """Return the lower triangles of x x' of every row, shape (n, k(k+1)/2)."""
    rows, cols = _lower_triangle(X.shape[-1])
    return np.asarray(X[:, rows] * X[:, cols])


@lru_cache
def _lower_triangle(k: int) -> tuple[Index, Index]:
    rows, cols = np.tril_indices(k)
    return rows, cols
