"""Conley-Taber and Ferman-Pinto in simulations: controls in the places of treated clusters.

As `didjack.inference.few_treated`, for many samples of one design at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.inference.few_treated import MIN_CONTROLS
from didjack.inference.placebo_paths import placements

MOST_TREATED = 3  # treated clusters behind a parameter, as in `few_treated`
PLACEBOS = 999  # placebo estimates of each sample; all of them where there are no more


@dataclass(frozen=True, eq=False)
class ControlPlacebos:
    """What the placebo estimates of a parameter are made of; S treated clusters, N controls.

    Attributes
    ----------
    paths : (S, T) array
        Loadings of the estimate on the treated clusters.
    treated_sizes : (S,) array
        Units of the treated clusters.
    controls : (N,) int array
        Never-treated clusters.
    sizes : (N,) array
        Their units.
    """

    paths: Array = field(repr=False)
    treated_sizes: Array = field(repr=False)
    controls: Index = field(repr=False)
    sizes: Array = field(repr=False)

    @property
    def available(self) -> bool:
        """Whether there are few enough treated clusters and enough controls."""
        return 1 <= len(self.paths) <= MOST_TREATED and len(self.controls) >= MIN_CONTROLS

    @property
    def sizes_differ(self) -> bool:
        """Whether the controls can show how variances fall with size."""
        return bool(np.ptp(self.sizes) > 0)

    def draws(self, means: Array, rescale: bool, limit: int = PLACEBOS, seed: int = 0) -> Array:
        """Return the placebo estimates of n samples, (n, B).

        Parameters
        ----------
        means : (n, G, T) array
            Means of clusters by period.
        rescale : bool
            Rescale the controls' residuals to the sizes of the treated clusters (Ferman and
            Pinto), by the fitted variance A + B / M.
        limit, seed : int
            As `max_draws` and `seed` of `few_treated`.
        """
        y = means[:, self.controls]
        share = self.sizes / self.sizes.sum()
        residual = y - np.einsum("c,nct->nt", share, y)[:, None]
        statistics = np.einsum("nct,st->nsc", residual, self.paths)
        close = 1e-12 * np.abs(self.paths).max()
        alike = bool((np.abs(self.paths - self.paths[0]) <= close).all())
        if rescale:
            alike = alike and bool((self.treated_sizes == self.treated_sizes[0]).all())
            shock, noise = nonnegative_fit(np.square(statistics), 1 / self.sizes)
            to = shock + noise / self.treated_sizes[:, None]
            statistics = statistics * np.sqrt(to / (shock + noise / self.sizes))
        S, N = len(self.paths), len(self.controls)
        chosen, _ = placements(S, N, alike, limit, seed)
        out = statistics[:, 0, chosen[:, 0]]
        for place in range(1, S):
            out += statistics[:, place, chosen[:, place]]
        return np.asarray(out)


def nonnegative_fit(squares: Array, inverse: Array) -> tuple[Array, Array]:
    """Regress squares on one and 1 / M with coefficients that are not negative.

    With two coefficients the constrained optimum is the free one where that is allowed, else the
    better of the two regressions on one regressor.

    Parameters
    ----------
    squares : (..., N) array
    inverse : (N,) array
        1 / M.

    Returns
    -------
    shock, noise : (..., 1) arrays
    """
    mean, middle = squares.mean(axis=-1, keepdims=True), inverse.mean()
    around = inverse - middle
    slope = (squares @ around)[..., None] / (around @ around)
    through = (squares @ inverse)[..., None] / (inverse @ inverse)
    level = mean - slope * middle
    free = (slope >= 0) & (level >= 0)
    # Explained sums of squares of the two regressions on one regressor.
    flat = len(inverse) * mean**2 >= through**2 * (inverse @ inverse)
    shock = np.where(free, level, np.where(flat, mean, 0.0))
    noise = np.where(free, slope, np.where(flat, 0.0, through))
    return shock, noise


def half_widths(draws: Array, levels: tuple[float, ...]) -> Array:
    """Return how far the effects that are not rejected lie from the estimate, (L, n).

    As `didjack.inference.placebo_paths.half_width`: the m-th largest draw, m = floor(level (1 +
    B)); inf where B is too small for the level.

    Parameters
    ----------
    draws : (n, B) array
    levels : tuple of float
        Levels of the tests.
    """
    B = draws.shape[1]
    m = np.floor(np.array(levels) * (1 + B) + 1e-9).astype(int)
    size = np.abs(draws)
    reached = sorted({B - k for k in m.tolist() if k > 0})
    ordered = np.partition(size, reached, axis=1) if reached else size
    return np.stack([ordered[:, B - k] if k > 0 else np.full(len(size), np.inf) for k in m])
