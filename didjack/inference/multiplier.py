"""The multiplier bootstrap of influence functions, at the level of units or clusters.

It perturbs S_c, the sum of the influence function over cluster c, by independent draws v_c with
mean zero and variance one. It resamples no nuisance estimate and no weight, and with few
clusters it has nothing more to work with than the analytic standard error: it repeats its
downward bias. Draws come in blocks with their own seeds, so the result does not depend on the
number of workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed
from scipy import stats

from didjack.core.analytic import cluster_sums
from didjack.core.linalg import Array
from didjack.core.results import Inference
from didjack.effects.aggregate import Aggregate, Joint
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError, DesignError
from didjack.inference.bands import Band

BLOCK = 250  # draws per seed
_Z = stats.norm.ppf(0.75) - stats.norm.ppf(0.25)


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


@dataclass(frozen=True, eq=False)
class Multiplier:
    """A multiplier bootstrap; B draws, P parameters.

    Attributes
    ----------
    target : Aggregate, ATTgt or Joint
        What was bootstrapped.
    inference : Inference
        Standard errors with normal critical values, as R `did` uses them pointwise.
    draws : (B, P) array
        Bootstrap deviations of the parameters.
    distribution : {"rademacher", "mammen", "webb"}
        Of the multipliers.
    scale : {"iqr", "sd"}
        How standard errors follow from the draws, see `multiplier`.
    seed : int
        Of the draws.
    """

    target: Aggregate | ATTgt | Joint = field(repr=False)
    inference: Inference
    draws: Array = field(repr=False)
    distribution: str
    scale: str
    seed: int

    @property
    def se(self) -> float:
        """Standard error of the first parameter, the overall effect of an aggregation."""
        return float(self.inference.se[0])

    def band(self, level: float | None = None) -> Band:
        """Return the simultaneous band: the quantile of the largest absolute t over the draws.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; that of the intervals without it.
        """
        level = self.inference.level if level is None else level
        names = self.inference.parameters
        inner = [i for i, name in enumerate(names) if ":" in name or "(" in name]
        at = [i for i in inner if np.isfinite(self.inference.se[i])]
        if not at:
            raise DesignError("No element has a standard error, so there is no band.")
        largest = np.abs(self.draws[:, at] / self.inference.se[at]).max(axis=1)
        value = float(np.quantile(largest, level, method="inverted_cdf"))
        method = f"{self.inference.method} sup-t"
        kept = tuple(names[i] for i in at)
        return Band(method, kept, self.inference.att[at], self.inference.se[at], value, level)


def multiplier(
    target: Aggregate | ATTgt | Joint,
    cluster: str | None = None,
    level: float = 0.95,
    *,
    distribution: str = "rademacher",
    n_boot: int = 999,
    scale: str = "iqr",
    seed: int = 0,
    n_jobs: int = 1,
) -> Multiplier:
    """Bootstrap influence functions with random multipliers.

    Parameters
    ----------
    target : Aggregate, ATTgt or Joint
        From `aggte` or `att_gt`.
    cluster : str, optional
        Cluster variable; the default is the clustervars of `att_gt`, None of both: the unit.
    level : float
        Coverage of the intervals.
    distribution : {"rademacher", "mammen", "webb"}
        Of the multipliers: two points, -1 and 1; Mammen's two points; Webb's six.
    n_boot : int
        Number of draws.
    scale : {"iqr", "sd"}
        Standard errors from the interquartile range of the draws over that of a normal (R
        `did`), or from their standard deviation. When a few clusters dominate, the draws are
        not normal and the two differ; only the second converges to the clustered analytic one.
    seed : int
        Of the draws.
    n_jobs : int
        Workers (joblib). The result is the same for any number.

    Returns
    -------
    Multiplier

    Raises
    ------
    DataError
        An argument is out of range.
    """
    if distribution not in DRAWS:
        raise DataError(f"distribution must be one of {', '.join(DRAWS)}, not {distribution!r}.")
    if scale not in ("iqr", "sd"):
        raise DataError(f"scale must be 'iqr' or 'sd', not {scale!r}.")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    if n_boot < 2:
        raise DataError(f"n_boot must be 2 or more, not {n_boot!r}.")
    res = target.attgt
    name = cluster if cluster is not None else res.beyond_unit
    code = res.unit_clusters(name)
    influence = target.influence
    sums = influence if code is None else cluster_sums(influence, code)
    draws = bootstrap_draws(sums / res.n, distribution, n_boot, seed, n_jobs)
    zero = (sums == 0).all(axis=0)
    se = np.where(zero, np.nan, spread(draws, scale))
    inference = Inference(
        method=f"bootstrap ({distribution})",
        parameters=target.parameters,
        att=target.values,
        se=se,
        df=np.full(len(se), np.inf),
        n_clusters=len(sums),
        level=level,
    )
    return Multiplier(target, inference, draws, distribution, scale, seed)


def bootstrap_draws(
    sums: Array, distribution: str, n_boot: int, seed: int, n_jobs: int = 1
) -> Array:
    """Draw sum_c v_c S_c, shape (B, P), in blocks that each have a seed of their own."""
    sizes = [min(BLOCK, n_boot - start) for start in range(0, n_boot, BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    tasks = (
        delayed(_block)(sums, distribution, size, s) for size, s in zip(sizes, seeds, strict=True)
    )
    return np.concatenate(list(Parallel(n_jobs=n_jobs)(tasks)))


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
