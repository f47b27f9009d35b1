"""The exact null distribution of a t statistic whose variance is a sum of squared deviations.

An estimate that is linear in normal outcomes z, theta = l'z, is divided by the root of
V = c sum_h (d_h'z)^2, with d_h the loadings of the deviation theta_(h) - theta and, for CV3,
c = (H - 1) / H. For z ~ N(0, I),

    P(|theta| / sqrt(V) >= t) = P(z'(l l' - t^2 S) z >= 0),    S = c sum_h d_h d_h'.

The matrix l l' - t^2 S has one positive eigenvalue, lambda, and negative ones, -mu_j. The share of
a normal vector's directions with a positive form is then

    p = 2 / pi * int_0^{pi/2} prod_j (1 + mu_j / (lambda sin^2 phi))^(-1/2) dphi,

a smooth integral without cancellation, so that small p-values keep their relative precision (the
inversion of a characteristic function, Imhof 1961, has an absolute error instead). Normality
enters only through the direction of z: any spherical distribution gives the same p.

The eigenvalues are never computed. With

    F(y) = y l'(I + y S)^-1 l,

which grows with y, and y_1 the root of F(y_1) = t^2, lambda = F(y_1) / y_1, and with
y = y_1 / sin^2 phi the determinant lemma gives

    prod_j (1 + mu_j / (lambda sin^2 phi))
        = det(I + y S) l'(I + y_1 S)^-1 (I + y S)^-1 l * y_1 / F(y_1).

So p is an explicit function of y_1, and a critical value is found by varying y_1 instead of t. All
that is needed are the determinant and the two forms in l. With S = sum_j Lambda_j v_j v_j',
b_j = v_j'l, and rho^2 the squared length of what of l lies outside S, they are sums over j, and one
eigendecomposition of the H x H Gram matrix of deviations serves every t. Where that matrix is a
diagonal plus one of low rank, they come without it (`didjack.core.low_rank_ratio`). Hansen (2021,
"The exact distribution of the t-ratio with robust and clustered standard errors") treats
regressions in this way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from didjack.core.linalg import Array
from didjack.core.roots import increasing_root

# phi = pi/2 v^3 with v on Gauss-Legendre nodes: relative error about 1e-12 down to p = 1e-20.
_NODES = 64
# What is smaller than this share of the whole is a rounding error of inner products.
_RANK = 1e-13
_LARGEST_T = 1e12
_NORMAL = NormalDist()
_STEPS = 200
_MISSED = 1e-6  # a larger one means that no t is as rare


class NullDistribution(ABC):
    """Null distribution of |l'z| / sqrt(z'Sz) for spherical z.

    Attributes
    ----------
    square : float
        l'l.
    exists : bool
        Whether S is not zero.
    """

    @property
    @abstractmethod
    def square(self) -> float:
        """Squared length of l."""

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether S is not zero."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """The largest value of F, inf where l is not in the range of S."""

    @abstractmethod
    def growth(self, y: Array) -> Array:
        """Return F(y) = y l'(I + y S)^-1 l for (n,) values of y."""

    @abstractmethod
    def log_factor(self, first: float, y: Array) -> Array:
        """Return log det(I + y S) + log l'(I + first S)^-1 (I + y S)^-1 l, (n,)."""

    def p(self, t: ArrayLike) -> Array:
        """Return P(|T| >= |t|) for each t; one at zero, NaN for NaN.

        Parameters
        ----------
        t : array
        """
        size = np.abs(np.asarray(t, dtype=np.float64))
        flat = [self._tail(float(x)) for x in size.ravel()]
        return np.array(flat, dtype=np.float64).reshape(size.shape)

    def critical_value(self, level: float) -> float:
        """Return the t whose two-sided p-value is 1 - level.

        Parameters
        ----------
        level : float
            Coverage of the interval, between 0 and 1.

        Returns
        -------
        float
            inf where no t is as rare; NaN where S is zero.
        """
        if not self.exists:
            return float("nan")
        wanted = -_NORMAL.inv_cdf((1 - level) / 2)

        def above(place: float) -> float:
            tail, squared = self._at(float(np.exp(place)))
            if squared > _LARGEST_T**2 or tail == 0:
                return float("inf")
            # In normal quantiles of p the curve is nearly a line, with slope 1/2 or less.
            return float(np.log(max(-_NORMAL.inv_cdf(tail / 2), 1e-8) / wanted))

        root = increasing_root(above, float(np.log(wanted**2 / self.square)))
        missed, squared = abs(above(root)), self.growth(np.exp([root]))[0]
        return float(np.sqrt(squared)) if missed < _MISSED else float("inf")

    def _tail(self, t: float) -> float:
        if np.isnan(t) or not self.exists:
            return float("nan")
        if t == 0:
            return 1.0
        if t * t >= self.largest:
            return 0.0  # no z makes the ratio so large
        return self._at(self.solve(t * t))[0]

    def solve(self, target: float) -> float:
        """Return the y with F(y) = target.

        Parameters
        ----------
        target : float
            t squared.
        """

        def above(place: float) -> float:
            return float(np.log(self.growth(np.exp([place]))[0] / target))

        # F(y) is at most y l'l.
        return float(np.exp(increasing_root(above, float(np.log(target / self.square)))))

    def _at(self, first: float) -> tuple[float, float]:
        """Return p at y_1, and the t squared to which it belongs."""
        squared = float(self.growth(np.array([first]))[0])
        log_product = self.log_factor(first, first / _SINES) + np.log(first / squared)
        return float(_WEIGHTS @ np.exp(-0.5 * log_product)), squared


@dataclass(frozen=True, eq=False)
class RatioDistribution(NullDistribution):
    """The distribution from the q nonzero eigenvalues of S.

    Attributes
    ----------
    spread : (q,) array
        Lambda, the eigenvalues of S, positive.
    shared : (q,) array
        b^2, the squared parts of l along the eigenvectors of S.
    outside : float
        rho^2, the squared length of the part of l that S does not see.
    """

    spread: Array
    shared: Array
    outside: float

    @classmethod
    def of(cls, gram: Array, cross: Array, square: float, scale: float) -> RatioDistribution:
        """Decompose the deviations.

        Parameters
        ----------
        gram : (H, H) array
            Inner products d_g'd_h of the deviations' loadings, under the covariance of the
            reference model.
        cross : (H,) array
            Inner products d_h'l with the loadings of the estimate.
        square : float
            l'l.
        scale : float
            c: (H - 1) / H for CV3.
        """
        values, vectors = np.linalg.eigh(gram)
        kept = values > _RANK * max(values[-1], 0.0) if len(values) else np.zeros(0, dtype=bool)
        shared = (vectors[:, kept].T @ cross) ** 2 / values[kept]
        outside = float(square - shared.sum())
        return cls(scale * values[kept], shared, outside if outside > _RANK * square else 0.0)

    @property
    def square(self) -> float:
        """Squared length of l."""
        return float(self.outside + self.shared.sum())

    @property
    def exists(self) -> bool:
        """Whether S is not zero."""
        return len(self.spread) > 0

    @property
    def largest(self) -> float:
        """The largest value of F."""
        return float("inf") if self.outside > 0 else float((self.shared / self.spread).sum())

    def growth(self, y: Array) -> Array:
        """Return F(y), (n,).

        Parameters
        ----------
        y : (n,) array
        """
        return np.asarray(y * (self.outside + (1 / (1 + y[:, None] * self.spread)) @ self.shared))

    def solve(self, target: float) -> float:
        """Return the y with F(y) = target, by Newton's method.

        F is concave and increasing; from the left of the root Newton's method stays there.

        Parameters
        ----------
        target : float
        """
        y = target / self.square
        for _ in range(_STEPS):
            below = 1 + y * self.spread
            value = y * (self.outside + (self.shared / below).sum()) - target
            step = value / (self.outside + (self.shared / below**2).sum())
            y -= step
            if abs(step) <= 1e-15 * y:
                break
        return float(y)

    def log_factor(self, first: float, y: Array) -> Array:
        """Return log det(I + y S) + log l'(I + first S)^-1 (I + y S)^-1 l, (n,).

        Parameters
        ----------
        first : float
        y : (n,) array
        """
        grown = 1 + y[:, None] * self.spread
        inner = self.outside + (1 / grown) @ (self.shared / (1 + first * self.spread))
        return np.asarray(np.log(grown).sum(axis=1) + np.log(inner))


def _quadrature() -> tuple[Array, Array]:
    """Return sin^2 phi and the weights of the integral over phi, times 2 / pi, (nodes,)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    v, weights = (nodes + 1) / 2, weights / 2
    phi = np.pi / 2 * v**3
    return np.sin(phi) ** 2, weights * 3 * v**2


_SINES, _WEIGHTS = _quadrature()
