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

The eigenvalues are never computed. With S = sum_j Lambda_j v_j v_j', b_j = v_j'l, and rho^2 the
squared length of what of l lies outside S, lambda is the positive root of

    sum_j b_j^2 / (lambda + t^2 Lambda_j) + rho^2 / lambda = 1,

and with x_1 = 1 / lambda, x = x_1 / sin^2 phi, the determinant lemma gives

    prod_j (1 + mu_j x) = prod_j (1 + x t^2 Lambda_j) * x_1
        * (rho^2 + sum_j b_j^2 / ((1 + x_1 t^2 Lambda_j)(1 + x t^2 Lambda_j))).

One eigendecomposition of the H x H Gram matrix of deviations therefore serves every t. Hansen
(2021, "The exact distribution of the t-ratio with robust and clustered standard errors") treats
regressions in this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from didjack.core.linalg import Array

# phi = pi/2 v^3 with v on Gauss-Legendre nodes: relative error about 1e-12 down to p = 1e-20.
_NODES = 64
# What is smaller than this share of the whole is a rounding error of inner products.
_RANK = 1e-13


@dataclass(frozen=True, eq=False)
class RatioDistribution:
    """Null distribution of |l'z| / sqrt(z'Sz) for spherical z; q nonzero eigenvalues of S.

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
            inf where no t is as rare.
        """
        from scipy.optimize import brentq  # spared where no critical value is asked for

        alpha = 1 - level
        high = 2.0
        while self._tail(high) > alpha:
            high *= 4
            if high > 1e12:
                return float("inf")
        return float(brentq(lambda x: self._tail(x) - alpha, 0.0, high, xtol=1e-12, rtol=1e-12))

    def _tail(self, t: float) -> float:
        if np.isnan(t) or not len(self.spread):
            return float("nan")
        if t == 0:
            return 1.0
        squared = t * t * self.spread
        if self.outside == 0 and (self.shared / squared).sum() <= 1:
            return 0.0  # no z makes the ratio so large
        x1 = 1 / self._positive_eigenvalue(squared)
        grown = squared * x1 / _SINES  # (nodes, q): x t^2 Lambda
        inner = self.outside + (self.shared / ((1 + x1 * squared) * (1 + grown))).sum(axis=1)
        log_product = np.log1p(grown).sum(axis=1) + np.log(x1 * inner)
        return float(_WEIGHTS @ np.exp(-0.5 * log_product))

    def _positive_eigenvalue(self, squared: Array) -> float:
        """Solve sum_j b_j^2 / (x + t^2 Lambda_j) + rho^2 / x = 1 for x > 0.

        As a function of 1 / x the left side is concave and increasing; Newton's method from the
        left of the root stays there and converges.
        """
        # u = 1 / x: u (rho^2 + sum_j b_j^2 / (1 + u t^2 Lambda_j)) = 1
        u = 1 / (self.outside + self.shared.sum())
        for _ in range(200):
            below = 1 + u * squared
            value = u * (self.outside + (self.shared / below).sum()) - 1
            slope = self.outside + (self.shared / below**2).sum()
            step = value / slope
            u -= step
            if abs(step) <= 1e-15 * u:
                break
        return float(1 / u)


def _quadrature() -> tuple[Array, Array]:
    """Return sin^2 phi, as a column, and the weights of the integral over phi, times 2 / pi."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    v, weights = (nodes + 1) / 2, weights / 2
    phi = np.pi / 2 * v**3
    return np.sin(phi)[:, None] ** 2, weights * 3 * v**2


_SINES, _WEIGHTS = _quadrature()
