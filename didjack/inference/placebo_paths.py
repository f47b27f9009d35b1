"""What an estimate would be if controls stood in the places of its treated clusters.

An estimate is a sum over clusters of a path of loadings times the cluster's period means. With many
controls its error is the part of the few treated clusters. Its distribution is learnt from the
controls: their residual paths, put through the treated clusters' loadings (Conley and Taber 2011,
"Inference with 'Difference in Differences' with a small number of policy changes"). Where a
cluster's variance falls with its size, residuals are rescaled to the size of the treated cluster
(Ferman and Pinto 2019, "Inference in differences-in-differences with few treated groups and
heteroskedasticity").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from math import comb, perm

import numpy as np
from scipy.optimize import nnls

from didjack.core.linalg import Array, Index
from didjack.errors import DesignError

# Statistics that equal clusters share are equal up to rounding.
_TIES = 1 - 1e-10


@dataclass(frozen=True, eq=False)
class VarianceFit:
    """var(W_j | M_j) = A + B / M_j, for the path of one treated cluster.

    Attributes
    ----------
    shock : float
        A, what clusters of any size have in common.
    noise : float
        B, what averages out within a cluster.
    """

    shock: float
    noise: float

    @classmethod
    def of(cls, statistics: Array, sizes: Array) -> VarianceFit:
        """Regress squared statistics of the controls on one and 1 / M, with A, B >= 0.

        Parameters
        ----------
        statistics : (N,) array
            W of each control.
        sizes : (N,) array
            M, their number of observations.

        Raises
        ------
        DesignError
            All controls have one size.
        """
        if np.ptp(sizes) <= 1e-9 * np.abs(sizes).max():
            raise DesignError(
                f"All control clusters have the same size ({sizes[0]:g}): how variances fall with "
                "size cannot be learnt from them. Pass sizes that differ, or use "
                "method='conley-taber'."
            )
        design = np.column_stack([np.ones(len(sizes)), 1 / sizes])
        scale = np.square(statistics).mean() or 1.0  # W can be of any magnitude
        (shock, noise), _ = nnls(design, np.square(statistics) / scale)
        return cls(float(shock * scale), float(noise * scale))

    def variance(self, sizes: Array) -> Array:
        """Return A + B / M.

        Parameters
        ----------
        sizes : array
        """
        return self.shock + self.noise / np.asarray(sizes, dtype=np.float64)

    def ratio(self, treated: float, controls: Array) -> Array:
        """Return the standard deviation at one size relative to those at others.

        Parameters
        ----------
        treated : float
        controls : (N,) array

        Raises
        ------
        DesignError
            No variance is left for some cluster.
        """
        to, of = self.variance(np.array([treated])), self.variance(controls)
        if not (to > 0).all() or not (of > 0).all():
            raise DesignError(
                "The fitted variance is zero: the controls' residuals do not vary. Use "
                "method='conley-taber', or leave this parameter out."
            )
        return np.sqrt(to / of)


def control_statistics(paths: Array, residuals: Array) -> Array:
    """Put the residual path of every control through the path of every treated cluster, (S, N).

    Parameters
    ----------
    paths : (S, T) array
        Loadings of the estimate on the shocks of S treated clusters.
    residuals : (N, T) array
        Period means of N controls less what the controls have in common.
    """
    return np.asarray(paths @ residuals.T)


def placebo_estimates(statistics: Array, limit: int, seed: int) -> tuple[Array, bool]:
    """Add up the statistics of distinct controls in the places of the treated clusters.

    Parameters
    ----------
    statistics : (S, N) array
        Of every control in every place, N >= S.
    limit : int
        Largest number of ways that are all taken; else as many are drawn.
    seed : int
        Of the draws.

    Returns
    -------
    draws : (B,) array
    exact : bool
        Whether these are all ways.
    """
    largest = np.abs(statistics).max()
    alike = bool((np.abs(statistics - statistics[0]) <= 1e-12 * largest).all())
    S, N = statistics.shape
    chosen, exact = placements(S, N, alike, limit, seed)
    return statistics[np.arange(S), chosen].sum(axis=1), exact


def placements(
    n_places: int, n_controls: int, alike: bool, limit: int, seed: int
) -> tuple[Index, bool]:
    """Choose distinct controls for the places of the treated clusters.

    Parameters
    ----------
    n_places, n_controls : int
        S and N, N >= S.
    alike : bool
        Whether all places are the same, so that the order of the controls does not matter.
    limit, seed : int
        As in `placebo_estimates`.

    Returns
    -------
    chosen : (B, S) int array
    exact : bool
        Whether these are all ways.
    """
    ways = comb(n_controls, n_places) if alike else perm(n_controls, n_places)
    if ways > limit:
        return _distinct(n_controls, n_places, limit, np.random.default_rng(seed)), False
    listed = (combinations if alike else permutations)(range(n_controls), n_places)
    return np.array(list(listed), dtype=np.intp), True


def _distinct(N: int, S: int, n: int, rng: np.random.Generator) -> Index:
    """Draw n rows of S distinct numbers below N."""
    rows = rng.integers(0, N, (n, S))
    while True:
        ordered = np.sort(rows, axis=1)
        again = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not again.any():
            return rows
        rows[again] = rng.integers(0, N, (int(again.sum()), S))


def placebo_p(estimate: float, draws: Array) -> float:
    """Return (1 + number of draws as large in absolute value) / (1 + number of draws).

    Parameters
    ----------
    estimate : float
    draws : (B,) array
    """
    larger = np.abs(draws) >= abs(estimate) * _TIES
    return float((1 + larger.sum()) / (1 + len(draws)))


def half_width(draws: Array, level: float) -> float:
    """Return how far the constant effects that are not rejected lie from the estimate.

    Without an effect tau the estimate is theta - tau, so that tau is not rejected where fewer than
    m = floor((1 - level) (1 + B)) draws exceed abs(theta - tau): up to the m-th largest draw.

    Parameters
    ----------
    draws : (B,) array
    level : float

    Returns
    -------
    float
        inf with too few draws to reject anything.
    """
    m = int(np.floor((1 - level) * (1 + len(draws)) + 1e-9))
    if m < 1:
        return float("inf")
    return float(np.sort(np.abs(draws))[-m])
