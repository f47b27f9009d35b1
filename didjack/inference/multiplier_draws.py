"""Draws of the multiplier bootstrap, and the standard errors that follow from them.

They come in blocks with seeds of their own, so the result does not depend on the number of
workers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from didjack.core.linalg import Array
from didjack.core.progress import progress

BLOCK = 250  # draws per seed
_Z = float(ndtri(0.75) - ndtri(0.25))


def rademacher(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw -1 or 1 with equal probability (R `did`)."""
    return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0, dtype=np.float64)


def mammen(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw Mammen's two-point distribution, with third moment one (default of Stata `csdid`)."""
    root = np.sqrt(5.0)
    low = rng.random(shape) < (root + 1) / (2 * root)
    return np.where(low, -(root - 1) / 2, (root + 1) / 2)


def webb(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw Webb's six-point distribution, for fewer than a dozen clusters."""
    points = np.sqrt(np.array([0.5, 1.0, 1.5]))
    return np.concatenate([-points, points])[rng.integers(0, 6, shape)]


DRAWS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "rademacher": rademacher,
    "mammen": mammen,
    "webb": webb,
}


def bootstrap_draws(
    sums: Array, distribution: str, n_boot: int, seed: int, n_jobs: int = 1
) -> Array:
    """Draw sum_c v_c S_c, shape (B, P), in blocks that each have a seed of their own."""
    from joblib import Parallel, delayed, effective_n_jobs  # spared where nothing is drawn

    sizes = [min(BLOCK, n_boot - start) for start in range(0, n_boot, BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    tasks = (
        delayed(_block)(sums, distribution, size, s) for size, s in zip(sizes, seeds, strict=True)
    )
    blocks = progress(
        Parallel(n_jobs=n_jobs, return_as="generator")(tasks),
        len(sizes),
        f"{n_boot:,} draws of the multiplier bootstrap",
        remedy="n_jobs spreads them over several processors.",
        n_jobs=effective_n_jobs(n_jobs),
    )
    return np.concatenate(list(blocks))


def _block(sums: Array, distribution: str, size: int, seed: np.random.SeedSequence) -> Array:
    rng = np.random.default_rng(seed)
    return DRAWS[distribution](rng, (size, len(sums))) @ sums


def spread(draws: Array, scale: str) -> Array:
    """Return the standard error of each column, from the interquartile range or the deviation."""
    if scale == "sd":
        return np.asarray(np.sqrt((draws**2).mean(axis=0)))  # the draws have mean zero
    # inverted_cdf: the order statistics that R's quantile(type = 1) takes
    low, high = np.quantile(draws, [0.25, 0.75], axis=0, method="inverted_cdf")
    return np.asarray((high - low) / _Z)
