"""The shortest fixed-length interval when the slope of diverging trends changes by at most M.

Rambachan and Roth (2023), "A more credible approach to parallel trends": the restriction
Delta^SD(M), |delta_(t+1) - 2 delta_t + delta_(t-1)| <= M, and fixed-length confidence intervals
(FLCI). Followed from R `HonestDiD` 0.2.8 (`findOptimalFLCI`); the paper was not at hand, so that no
equation is cited.

An estimate l'beta_post + v'beta_pre of l'tau is biased by l'delta_post + v'delta_pre. A linear
trend must drop out, and what is left is a sum over the second differences of delta, with weights

    q_j = sum_(t > j) (t - j) v_(-t)  before treatment,  sum_(t > j) (t - j) l_t  after it.

The bias is at most M times the sum of their absolute values, and q_0 = sum_t t l_t is given. The
interval is the estimate -+ sd * c(bias / sd), where c(b) is the quantile of |N(b, 1)|. What bias
can be had for what variance is a lasso in the other q_j, whose solutions are linear between knots;
the shortest interval is found on that path. R solves a cone program, and draws c.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import special
from scipy.optimize import brentq, minimize_scalar

from didjack.core.linalg import Array
from didjack.errors import DesignError

SINGULAR = 1e-10  # smallest eigenvalue of the correlations before treatment


@dataclass(frozen=True, eq=False)
class LinearEstimates:
    """Estimates with as little variance as their worst bias allows; n knots.

    Attributes
    ----------
    pre : (n, num_pre) array
        Weights v of the estimates before treatment, at every knot; linear between them.
    bias : (n,) array
        Largest bias for M = 1: it grows from knot to knot.
    sigma : (p, p) array
    post : (num_post,) array
        l.
    """

    pre: Array = field(repr=False)
    bias: Array = field(repr=False)
    sigma: Array = field(repr=False)
    post: Array = field(repr=False)

    def weights(self, knot: float) -> Array:
        """Return (v, l) at a knot or between two, (p,)."""
        return np.concatenate([self._between(self.pre, knot), self.post])

    def half_length(self, knot: float, M: float, alpha: float) -> float:
        """Return sd * c(M bias / sd) at a knot or between two."""
        all_weights = self.weights(knot)
        sd = float(np.sqrt(all_weights @ self.sigma @ all_weights))
        return sd * folded_quantile(M * float(self._between(self.bias, knot)) / sd, 1 - alpha)

    def shortest(self, M: float, alpha: float) -> float:
        """Return the knot, or the place between two, with the shortest interval."""
        last = len(self.pre) - 1
        tried = [float(knot) for knot in range(last + 1)]
        for knot in range(last):
            found = minimize_scalar(
                lambda at: self.half_length(at, M, alpha),
                bounds=(knot, knot + 1),
                method="bounded",
                options={"xatol": 1e-9},
            )
            tried.append(float(found.x))
        return min(tried, key=lambda at: self.half_length(at, M, alpha))

    @staticmethod
    def _between(values: Array, knot: float) -> Array:
        low = min(int(knot), max(len(values) - 2, 0))
        high = min(low + 1, len(values) - 1)
        return np.asarray(values[low] + (knot - low) * (values[high] - values[low]))


def smoothness_interval(
    betahat: Array, estimates: LinearEstimates, M: float, alpha: float
) -> tuple[float, float]:
    """Return the shortest fixed-length interval of l'tau under Delta^SD(M).

    Parameters
    ----------
    betahat : (p,) array
        Estimates by event time without the reference period.
    estimates : LinearEstimates
        From `linear_estimates`.
    M : float
    alpha : float
    """
    knot = estimates.shortest(M, alpha)
    middle = float(estimates.weights(knot) @ betahat)
    half = estimates.half_length(knot, M, alpha)
    return middle - half, middle + half


def linear_estimates(sigma: Array, num_pre: int, weights: Array) -> LinearEstimates:
    """Return the path of estimates from the least variance to the least bias.

    Parameters
    ----------
    sigma : (p, p) array
        Covariance of the estimates by event time without the reference period.
    num_pre : int
    weights : (num_post,) array
        l, weights of the effects after treatment.

    Raises
    ------
    DesignError
        The covariance before treatment is singular.
    """
    before, n_post = sigma[:num_pre, :num_pre], len(weights)
    sd = np.sqrt(np.diag(before))
    if np.linalg.eigvalsh(before / np.outer(sd, sd))[0] < SINGULAR:
        raise DesignError(
            f"The covariance of the {num_pre} event times before treatment is singular: there are "
            "too few deletions for so many. Narrow the window with min_e."
        )
    T = second_differences(num_pre)
    times = np.arange(1, n_post + 1)
    q_0 = float(times @ weights)
    after = [np.maximum(times - j, 0) @ weights for j in range(1, n_post)]
    G = T.T @ before @ T
    g = G[1:, 0] * q_0 + T[:, 1:].T @ sigma[:num_pre, num_pre:] @ weights
    free = lasso_path(G[1:, 1:], g)[::-1]  # from no penalty, the least variance, to all zeros
    q = np.column_stack([np.full(len(free), q_0), free])
    return LinearEstimates(
        pre=q @ T.T,
        bias=np.abs(q).sum(axis=1) + np.abs(after).sum(),
        sigma=sigma,
        post=weights,
    )


def second_differences(num_pre: int) -> Array:
    """Return T with v = T q: v_(-t) = q_(t-1) - 2 q_t + q_(t+1), from period -num_pre to -1.

    Parameters
    ----------
    num_pre : int
    """
    T = np.eye(num_pre) - 2 * np.eye(num_pre, k=1) + np.eye(num_pre, k=2)
    return T[::-1]


def lasso_path(G: Array, g: Array) -> Array:
    """Return the minimizers of q'Gq / 2 + g'q + penalty |q|_1 at all knots, (n, k).

    They are linear in the penalty between knots. The first has the smallest penalty with all
    zeros, the last none.

    Parameters
    ----------
    G : (k, k) array
        Positive definite.
    g : (k,) array
    """
    k = len(g)
    knots = [np.zeros(k)]
    penalty = float(np.abs(g).max(initial=0.0))
    if penalty == 0:
        return np.array(knots)
    sign = np.zeros(k)
    j = int(np.abs(g).argmax())
    sign[j] = -np.sign(g[j])
    while penalty > 0:
        on = sign != 0
        # q = fixed - penalty * slope where it is not zero, until the next change
        fixed, slope = np.zeros((2, k))
        fixed[on], slope[on] = np.linalg.solve(G[np.ix_(on, on)], np.stack([-g[on], sign[on]]).T).T
        gradient, moves = g + G @ fixed, -G @ slope  # its value is gradient + penalty * moves
        enters = _next(
            [
                (float(gradient[i] / (side - moves[i])), int(i))
                for i in np.flatnonzero(~on)
                for side in (1, -1)
                if side != moves[i]
            ],
            penalty,
        )
        leaves = _next(
            [(float(fixed[i] / slope[i]), int(i)) for i in np.flatnonzero(on & (slope != 0))],
            penalty,
        )
        penalty = max(enters[0], leaves[0], 0.0)
        knots.append(np.where(on, fixed - penalty * slope, 0.0))
        if penalty == 0:
            break
        if enters[0] >= leaves[0]:
            i = enters[1]
            sign[i] = -np.sign(gradient[i] + penalty * moves[i])
        else:
            knots[-1][leaves[1]] = sign[leaves[1]] = 0.0
    return np.array(knots)


def _next(places: list[tuple[float, int]], penalty: float) -> tuple[float, int]:
    """Return the largest place below the penalty, where rounding does not make it the same."""
    below = [(at, i) for at, i in places if 0 < at < penalty * (1 - 1e-10)]
    return max(below, default=(0.0, -1))


def folded_quantile(b: float, level: float) -> float:
    """Return c with P(|N(b, 1)| <= c) = level.

    Parameters
    ----------
    b : float
    level : float
    """
    b = abs(b)
    # P(N(b, 1) <= c) is larger than the probability; with b = 0 the upper end is the solution
    low, high = b + special.ndtri(level) - 1e-6, b + special.ndtri((1 + level) / 2) + 1e-6
    return float(
        brentq(lambda c: special.ndtr(c - b) - special.ndtr(-c - b) - level, low, high, xtol=1e-13)
    )
