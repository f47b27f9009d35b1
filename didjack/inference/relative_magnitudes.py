"""Confidence sets when trends diverge after treatment at most Mbar times as much as before.

Rambachan and Roth (2023), "A more credible approach to parallel trends": the restriction
Delta^RM(Mbar) on relative magnitudes, and the hybrid of a conditional and a least favourable test
(C-LF) of Andrews, Roth and Pakes (2023). Followed from R `HonestDiD` 0.2.8
(`computeConditionalCS_DeltaRM` with the moments after treatment, its default); the papers were not
at hand, so that no equation is cited.

The estimates are normal around tau + delta with a known covariance, tau zero before treatment. With
D_t the change of delta from the period before to t, the restriction is a union over the periods s
before treatment and both signs of

    |D_t| <= Mbar u  for all t after treatment,   u = sign * D_s >= 0.

Of theta = sum_t l_t tau_t it is to be tested whether some tau and delta in the set go with it. That
is a linear program whose dual has few vertices here, because the D_t have one inequality on each
side. With w_t the weight of D_t in l'delta, e = l'betahat and u taken from betahat, they are

    (e - theta - Mbar |w|_1 u) / N+,   (theta - e - Mbar |w|_1 u) / N-,   -2 Mbar u / P_t,

where N+, N- and P_t add up the standard deviations of the inequalities that a vertex uses. The
statistic is the largest of them. All are linear in the pair (e, u), so that its least favourable
critical value is one integral, computed by quadrature where R draws 1,000 times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import special
from scipy.optimize import brentq

from didjack.core.linalg import Array, Mask

KAPPA = 0.1  # size of the first step, relative to alpha: alpha / 10, as in R
POINTS = 500  # of the grid that finds the ends of a set; each is refined by three more
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_FAR = 9.0  # standard deviations beyond which the normal distribution is left out: 1e-19
_ZERO = 1e-12


@dataclass(frozen=True, eq=False)
class Branch:
    """One period s and sign: K statistics, linear in (e, u) and theta.

    Attributes
    ----------
    rows : (K, 2) array
        Weights of e and u in the statistics; theta has minus the weight of e.
    at : (2,) array
        e and u.
    covariance : (2, 2) array
        Of e and u.
    alpha : float
        Level of the test.
    """

    rows: Array = field(repr=False)
    at: Array = field(repr=False)
    covariance: Array = field(repr=False)
    alpha: float

    def accepts(self, theta: Array, least_favorable: float) -> Mask:
        """Say which values are not rejected.

        Parameters
        ----------
        theta : (n,) array
        least_favorable : float
            Critical value of the first step.
        """
        Z = (self.rows @ self.at)[:, None] - np.outer(self.rows[:, 0], theta)
        C = self.rows @ self.covariance @ self.rows.T
        largest, eta = Z.argmax(axis=0), Z.max(axis=0)
        variance = C[largest, largest]
        random = variance > _ZERO * C.max()
        slope = C[largest].T / np.where(random, variance, 1.0)  # of the others on the largest
        # The largest stays the largest as long as its value is in [low, high].
        gap = 1 - slope
        with np.errstate(divide="ignore", invalid="ignore"):
            meet = (Z - slope * eta) / gap
        low = np.where(gap > _ZERO, meet, -np.inf).max(axis=0)
        high = np.where(gap < -_ZERO, meet, np.inf).min(axis=0)
        sd = np.sqrt(np.where(random, variance, 1.0))
        size = self.alpha * (1 - KAPPA) / (1 - KAPPA * self.alpha)
        p = truncated_p(eta / sd, low / sd, np.minimum(high, least_favorable) / sd)
        rejected = (eta > least_favorable) | ((eta > 0) & (~random | (p < size)))
        return np.asarray(~rejected)

    def least_favorable(self) -> float:
        """Return c with P(largest statistic <= c) = 1 - kappa, all means zero."""
        below = 1 - KAPPA * self.alpha
        return float(brentq(lambda c: self._probability(c) - below, 0.0, 2 * _FAR, xtol=1e-12))

    def _probability(self, c: float) -> float:
        (upper, lower), pairs = self.rows[:2], self.rows[2:]
        sd_e, sd_u = np.sqrt(np.diag(self.covariance))
        start, slope = -_FAR, 0.0
        if sd_u > 0:
            slope = self.covariance[0, 1] / sd_u
            if (pairs[:, 1] < 0).any():  # u is at least so large
                start = max(start, float((c / pairs[:, 1].min()) / sd_u))
        left = np.sqrt(max(sd_e**2 - slope**2, 0.0))
        half = (_FAR - start) / 2
        u = start + half * (_NODES + 1)  # in standard deviations
        density = half * _WEIGHTS * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
        ends = [
            (c - row[1] * sd_u * u) / row[0] - slope * u for row in (lower, upper)
        ]  # between which e - E(e | u) must lie
        if left <= _ZERO * sd_e:
            inside = ((ends[0] <= 0) & (ends[1] >= 0)).astype(float)
        else:
            inside = np.maximum(special.ndtr(ends[1] / left) - special.ndtr(ends[0] / left), 0.0)
        return float(density @ inside)

    def interval(self) -> tuple[float, float] | None:
        """Return the smallest and the largest value that is not rejected; None if all are."""
        c = self.least_favorable()
        upper, lower = self.rows[:2]
        # Beyond these values one of the first two statistics is larger than c.
        bounds = np.sort([(row @ self.at - c) / row[0] for row in (upper, lower)])
        grid = np.linspace(bounds[0], bounds[1], POINTS)
        kept = np.flatnonzero(self.accepts(grid, c))
        if not len(kept):
            return None
        low = self._end(c, grid[max(kept[0] - 1, 0)], grid[kept[0]])
        high = self._end(c, grid[min(kept[-1] + 1, POINTS - 1)], grid[kept[-1]])
        return low, high

    def _end(self, c: float, outside: float, inside: float) -> float:
        """Narrow the step between a rejected and an accepted value down to 1e-8 of it."""
        for _ in range(3):
            grid = np.linspace(outside, inside, POINTS)
            kept = np.flatnonzero(self.accepts(grid, c))
            first = kept[0] if len(kept) else POINTS - 1
            outside, inside = grid[max(first - 1, 0)], grid[first]
        return float(inside)


def truncated_p(z: Array, low: Array, high: Array) -> Array:
    """Return P(Z >= z) of a standard normal Z that is known to lie between low and high.

    Parameters
    ----------
    z, low, high : (n,) arrays

    Returns
    -------
    (n,) array
        1 where z is not between them.
    """
    at, first, last = (special.log_ndtr(-x) for x in (z, low, high))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        p = (np.exp(at - first) - np.exp(last - first)) / -np.expm1(last - first)
    return np.where((low <= z) & (z <= high) & (low < high), p, 1.0)


def first_differences(num_pre: int, num_post: int) -> Array:
    """Return the matrix of first differences of a path without its reference period, (p, p).

    Parameters
    ----------
    num_pre, num_post : int
        Periods before and after the reference period, where the path is zero.
    """
    D = np.eye(num_pre + num_post + 1)[1:] - np.eye(num_pre + num_post + 1)[:-1]
    return np.delete(D, num_pre, axis=1)


def branches(
    betahat: Array, sigma: Array, num_pre: int, weights: Array, Mbar: float, alpha: float
) -> list[Branch]:
    """Return the tests whose sets together are the confidence set.

    Parameters
    ----------
    betahat, sigma : (p,) and (p, p) arrays
        Estimates by event time without the reference period, and their covariance.
    num_pre : int
    weights : (num_post,) array
        l, weights of the effects after treatment.
    Mbar : float
    alpha : float
    """
    p, n_post = len(betahat), len(weights)
    D = first_differences(num_pre, n_post)
    after = D[num_pre:]
    effect = np.concatenate([np.zeros(num_pre), weights])
    w = np.cumsum(weights[::-1])[::-1]  # l'delta = sum_t w_t D_t
    m = Mbar * np.abs(w).sum()
    found = []
    for u in np.concatenate([D[:num_pre], -D[:num_pre]]):
        both = np.stack([after - Mbar * u, -after - Mbar * u])  # D_t - Mbar u, -D_t - Mbar u
        sd = np.sqrt(np.einsum("atp,pq,atq->at", both, sigma, both))
        up, down = np.maximum(w, 0), np.maximum(-w, 0)
        rows = [
            np.array([1.0, -m]) / (up @ sd[0] + down @ sd[1]),
            np.array([-1.0, -m]) / (down @ sd[0] + up @ sd[1]),
        ]
        rows += [np.array([0.0, -2 * Mbar]) / total for total in sd.sum(axis=0)]
        pair = np.stack([effect, u])
        assert pair.shape == (2, p)
        found.append(Branch(np.array(rows), pair @ betahat, pair @ sigma @ pair.T, alpha))
    return found


def relative_magnitude_interval(
    betahat: Array, sigma: Array, num_pre: int, weights: Array, Mbar: float, alpha: float
) -> tuple[float, float]:
    """Return the ends of the C-LF confidence set of l'tau under Delta^RM(Mbar).

    The set can have gaps; these are its smallest and its largest value. It holds the estimate.

    Parameters
    ----------
    betahat, sigma, num_pre, weights, Mbar, alpha
        As for `branches`.
    """
    tests = branches(betahat, sigma, num_pre, weights, Mbar, alpha)
    ends = [found for test in tests if (found := test.interval()) is not None]
    return min(low for low, _ in ends), max(high for _, high in ends)
