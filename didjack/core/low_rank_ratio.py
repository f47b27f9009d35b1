"""The distribution of t ratios for thousands of deletions: Gram matrices of a special form.

The deviation of deletion h from the estimate is something common to all deletions, of few
dimensions, and what the deleted cluster had contributed. The Gram matrix of deviations is therefore

    G = B K B' - B P' - P B' + diag(d),

with B and P of q columns: a diagonal plus a matrix of rank 2 q. By Woodbury's identity the
determinant and the inverse of I + y c G need, for every y, the sums over deletions of
v_h v_h' / (1 + y c d_h), with v_h the rows of (B, P, b) and b the inner products with the
estimate. As a function of log d the weight 1 / (1 + y c d) is smooth, with its nearest singularity
pi away from the real axis: on a bin of length 2 a polynomial through 20 Chebyshev points has a
relative error of 1e-16. So these sums are collected once at the points of a few bins, and all y
after that cost nothing that grows with the number of deletions. Nothing is H x H.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.ratio_distribution import NullDistribution, RatioDistribution

DENSE = 400  # up to so many deletions, an eigendecomposition is as fast
_BIN = 2.0  # length of a bin of log d
_POINTS = 20  # of the polynomial of a bin
_LOG_LARGEST = 150.0  # of a determinant: its root adds less than 1e-32 to p
_ILL = 1e12  # beyond this y c d the systems are singular but for rounding
_CANCELLED = 1e-13  # a sum below this share of its parts is a rounding error
_ZERO = 1e-25  # diagonal entries below this share of the largest are zero


@dataclass(frozen=True, eq=False)
class LowRankGram:
    """G = B K B' - B P' - P B' + diag(d); H deletions, q columns.

    Attributes
    ----------
    diagonal : (H,) array
        d, not negative.
    basis : (H, q) array
        B.
    core : (q, q) array
        K.
    pull : (H, q) array
        P.
    """

    diagonal: Array = field(repr=False)
    basis: Array = field(repr=False)
    core: Array = field(repr=False)
    pull: Array = field(repr=False)

    @property
    def trace(self) -> float:
        """Sum of the diagonal of G; zero where it is a rounding error of its parts."""
        common = float(np.einsum("hq,hq->", self.basis @ self.core, self.basis))
        parts = np.array(
            [self.diagonal.sum(), common, -2 * np.einsum("hq,hq->", self.basis, self.pull)]
        )
        return float(parts.sum()) if parts.sum() > _CANCELLED * np.abs(parts).sum() else 0.0

    def dense(self) -> Array:
        """Return G, (H, H)."""
        half = (0.5 * self.basis @ self.core - self.pull) @ self.basis.T
        return np.asarray(half + half.T + np.diag(self.diagonal))


def ratio_distribution(
    gram: LowRankGram, cross: Array, square: float, scale: float
) -> NullDistribution:
    """Return the distribution of a t ratio, in the way that is faster.

    Parameters
    ----------
    gram : LowRankGram
        Inner products of the deviations' loadings.
    cross : (H,) array
        Inner products with the loadings of the estimate.
    square : float
        Squared length of these.
    scale : float
        c: (H - 1) / H for CV3.
    """
    H, q = gram.basis.shape
    if H <= DENSE or 8 * q >= H:
        return RatioDistribution.of(gram.dense(), cross, square, scale)
    return LowRankRatio.of(gram, cross, square, scale)


@dataclass(frozen=True, eq=False)
class LowRankRatio(NullDistribution):
    """The distribution from sums over deletions at J points of the diagonal.

    Attributes
    ----------
    points : (J,) array
        Values of c d.
    counts : (J,) array
        Weights of the points in sums over deletions; they add up to H.
    sums : (J, 2 q + 1, 2 q + 1) array
        Sums of v v' with these weights.
    turn : (2 q, 2 q) array
        c [[K, -I], [-I, 0]].
    scale, length : float
        c and l'l.
    """

    points: Array = field(repr=False)
    counts: Array = field(repr=False)
    sums: Array = field(repr=False)
    turn: Array = field(repr=False)
    scale: float
    length: float

    @classmethod
    def of(cls, gram: LowRankGram, cross: Array, square: float, scale: float) -> LowRankRatio:
        """Collect the sums; for the arguments see `ratio_distribution`."""
        q = gram.basis.shape[1]
        # Columns of B and P of like size keep the systems well conditioned.
        size = np.sqrt(_length(gram.pull) / _length(gram.basis))
        basis, pull, core = gram.basis * size, gram.pull / size, gram.core / np.outer(size, size)
        rows = np.column_stack([basis, pull, cross])
        points, counts, sums = _collect(scale * gram.diagonal, rows)
        turn = np.block([[core, -np.eye(q)], [-np.eye(q), np.zeros((q, q))]])
        return cls(points, counts, sums, scale * turn, scale, square)

    @property
    def square(self) -> float:
        """Squared length of l."""
        return self.length

    @property
    def exists(self) -> bool:
        """Whether S is not zero."""
        return bool(self.points.max(initial=0.0) > 0)

    @cached_property
    def largest(self) -> float:
        """The largest value of F that is not rounding; p is far below 1e-32 there."""
        return float(self.growth(np.array([np.inf]))[0])

    def growth(self, y: Array) -> Array:
        """Return F(y), (n,).

        Parameters
        ----------
        y : (n,) array
            Beyond where F can be told from rounding, its value is the last one that can.
        """
        return self._solve(np.minimum(y, _ILL / self.points.max()))[1]

    def log_factor(self, first: float, y: Array) -> Array:
        """Return log det(I + y S) + log l'(I + first S)^-1 (I + y S)^-1 l, (n,).

        Parameters
        ----------
        first : float
        y : (n,) array
            Larger than `first`.
        """
        matters = ~self._negligible(y)
        log_det, growth = self._solve(np.append(y[matters], first))
        # Partial fractions: the form is the slope of F between the two points.
        inner = (growth[:-1] - growth[-1]) / (y[matters] - first)
        out = np.full(len(y), np.inf)
        out[matters] = log_det[:-1] + np.log(np.maximum(inner, np.finfo(float).tiny))
        return out

    def _negligible(self, y: Array) -> Mask:
        """Say where the determinant is so large that nothing is added to p.

        A part of rank 2 q with q negative eigenvalues takes at most q factors away.
        """
        largest, q = self.points.max(), len(self.turn) // 2
        least = np.log1p(y[:, None] * self.points) @ self.counts - q * np.log1p(y * largest)
        return np.asarray((least > _LOG_LARGEST) | (y * largest > _ILL))

    def _solve(self, y: Array) -> tuple[Array, Array]:
        """Return log det(I + y S) and F(y)."""
        below = 1 + y[:, None] * self.points
        W = np.tensordot(1 / below, self.sums, 1)  # (n, 2q + 1, 2q + 1)
        V, v = W[:, :-1, :-1], W[:, :-1, -1]
        step = y[:, None, None] * self.turn
        system = np.eye(len(self.turn)) + step @ V
        _, log_det = np.linalg.slogdet(system)
        moved = np.linalg.solve(system, step @ v[..., None])[..., 0]
        covered = W[:, -1, -1] - np.einsum("nq,nq->n", v, moved)
        growth = y * (self.length - y * self.scale * covered)
        return np.log(below) @ self.counts + log_det, growth


def _length(columns: Array) -> Array:
    """Return the lengths of columns; one where a column is zero."""
    length = np.sqrt(np.einsum("hq,hq->q", columns, columns))
    return np.asarray(np.where(length > 0, length, 1.0))


def _collect(diagonal: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Spread deletions over the points of bins of log d, and add up v v' at the points."""
    positive = diagonal > _ZERO * diagonal.max(initial=0.0)
    points, counts, sums = [], [], []
    if not positive.all():
        points.append(np.zeros(1))
        counts.append(np.array([(~positive).sum()]))
        sums.append((rows[~positive].T @ rows[~positive])[None])
    place = np.log(diagonal[positive])
    which = np.floor((place - place.min(initial=0.0)) / _BIN)
    for number in np.unique(which):
        members = np.flatnonzero(positive)[which == number]
        at, weight = _spread(np.log(diagonal[members]))
        points.append(np.exp(at))
        counts.append(weight.sum(axis=0))
        sums.append(np.stack([(rows[members] * w[:, None]).T @ rows[members] for w in weight.T]))
    return np.concatenate(points), np.concatenate(counts), np.concatenate(sums)


def _spread(place: Array) -> tuple[Array, Array]:
    """Return points (J,), and weights (n, J) with which a smooth function at a place is theirs.

    The places themselves where these are few, else Chebyshev points of the first kind with the
    weights of barycentric interpolation (Berrut and Trefethen 2004).
    """
    distinct, code = np.unique(place, return_inverse=True)
    if len(distinct) <= _POINTS:
        return distinct, np.eye(len(distinct))[code.reshape(-1)]
    angle = (2 * np.arange(_POINTS) + 1) * np.pi / (2 * _POINTS)
    middle, half = (distinct[0] + distinct[-1]) / 2, (distinct[-1] - distinct[0]) / 2
    points = middle + half * np.cos(angle)
    gap = place[:, None] - points
    on = gap == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(np.arange(_POINTS) % 2, -1.0, 1.0) * np.sin(angle) / gap
        weight /= weight.sum(axis=1, keepdims=True)
    hit = on.any(axis=1)
    weight[hit] = on[hit]
    return points, weight
