"""The user's panel as a layout of blocks, and the error model fitted to its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError, DesignError
from didjack.regression import fixed_effects
from didjack.simulate import linear
from didjack.simulate.draws import autoregress
from didjack.simulate.engine import Compiled, compiled_of

MOST = 1000  # blocks: beyond, coefficients take much memory and asymptotics serve as well


@dataclass(frozen=True)
class ErrorModel:
    """AR(1) shocks to clusters, and noise of units that is independent over time.

    Attributes
    ----------
    rho, shock_sd : float
        Autocorrelation and standard deviation of shocks to a cluster in a period.
    noise_sd : float
        Standard deviation of the noise of a unit in a period; zero where units are clusters.
    """

    rho: float
    shock_sd: float
    noise_sd: float


@dataclass(frozen=True, eq=False)
class Layout:
    """Blocks of units that share cluster and cohort; M blocks, C clusters, Q cohorts.

    Attributes
    ----------
    cohort : (M,) int array
        Position in `starts`, Q for controls.
    size : (M,) array
        Number of units.
    cluster : (M,) int array
    starts : (Q,) int array
        First treated period of each cohort, counted from zero.
    periods : int
    """

    cohort: Index
    size: Array
    cluster: Index
    starts: Index
    periods: int

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster.max()) + 1

    @property
    def own(self) -> Mask:
        """Which blocks belong to a cluster, (C, M)."""
        return self.cluster == np.arange(self.n_clusters)[:, None]


def layout_of(
    blocks: fixed_effects.Blocks, type: str = "simple"
) -> tuple[fixed_effects.Blocks, Layout]:
    """Code cohorts as `att_gt` does: those treated from the first period on are left out."""
    times, T = blocks.times, len(blocks.times)
    kept = blocks.first > times[0]
    start = np.searchsorted(times, blocks.first[kept])
    starts = np.unique(start[start < T])
    if not len(starts):
        raise DesignError("Nothing is treated after the first period; see gname.")
    if (start < T).all():
        raise DesignError("Nothing is never treated: there are no controls to plan with.")
    if type == "dynamic" and len(np.unique(np.diff(times))) > 1:
        raise DataError("Periods have gaps of different length; plan another type of average.")
    if len(start) > MOST:
        raise DataError(
            f"{len(start)} clusters: planning is for up to {MOST}. With so many, few-cluster "
            "problems come from few treated clusters only; plan with a sample of the controls."
        )
    labels = np.unique(blocks.cluster[kept])
    cluster = np.searchsorted(labels, blocks.cluster[kept])
    if len(labels) < 3:
        raise DesignError("Fewer than three clusters; a coarser comparison cannot be simulated.")
    cohort = np.searchsorted(starts, start)
    own = fixed_effects.Blocks(
        blocks.D[kept], blocks.mean[kept], blocks.weight[kept], blocks.within[kept], cluster,
        blocks.first[kept], times, blocks.labels[labels],
    )  # fmt: skip
    return own, Layout(cohort, blocks.weight[kept], cluster, starts, T)


def fit_errors(blocks: fixed_effects.Blocks, layout: Layout) -> ErrorModel:
    """Fit the error model by moments that effects of clusters, periods and laws leave alone.

    Noise: units around the path of their block. Shocks: changes over k periods, less their mean
    in the cohort; half their variance is s^2 (1 - rho^k) plus that of mean noise. Effects of the
    law are common to a cohort and go with its mean.
    """
    T = layout.periods
    spare = float((layout.size - 1).sum() * (T - 1))
    noise = float(blocks.within.sum()) / spare if spare > 0 else 0.0
    lags = np.arange(1, min(T - 1, 8) + 1)
    moments = np.array([_half_variance(blocks.mean, layout, int(k)) for k in lags])
    if not np.isfinite(moments).all():
        raise DesignError(
            "Every cohort is one cluster: nothing shows how clusters of a cohort differ, and no "
            "error model can be fitted."
        )
    moments = np.maximum(moments - noise * _mean_inverse_size(layout), 0.0)
    weight = (T - lags).astype(np.float64)  # pairs of periods behind each moment
    best = (np.inf, 0.0, 0.0)
    for rho in np.linspace(0, 0.98, 99) if len(lags) > 1 else [0.0]:
        shape = 1 - rho**lags
        variance = float((weight * shape * moments).sum() / (weight * shape**2).sum())
        miss = float((weight * (moments - variance * shape) ** 2).sum())
        best = min(best, (miss, float(rho), variance))
    _, rho, variance = best
    if variance + noise <= 0:
        raise DesignError("The outcome does not vary between clusters of a cohort.")
    return ErrorModel(rho, float(np.sqrt(variance)), float(np.sqrt(noise)))


def _half_variance(mean: Array, layout: Layout, k: int) -> float:
    """Half the variance of changes over k periods between the blocks of a cohort."""
    change = mean[:, k:] - mean[:, :-k]
    total, spare = 0.0, 0
    for q in np.unique(layout.cohort):
        own = change[layout.cohort == q]
        total += float(((own - own.mean(axis=0)) ** 2).sum())
        spare += (len(own) - 1) * own.shape[1]
    return 0.5 * total / spare if spare else np.nan


def _mean_inverse_size(layout: Layout) -> float:
    """Mean of 1/n over blocks, weighted as `_half_variance` weighs their variances."""
    total, spare = 0.0, 0
    for q in np.unique(layout.cohort):
        own = layout.size[layout.cohort == q]
        total += float((1 / own).mean() * (len(own) - 1))
        spare += len(own) - 1
    return total / spare


def compile_average(layout: Layout, type: str) -> Compiled:
    """Find the coefficients of an aggregation on block means; deletions are of clusters."""
    average = linear.Average.of(type, layout.starts, layout.periods)
    weight = layout.size * np.vstack([np.ones(len(layout.size)), ~layout.own])
    full = linear.loadings(average, np.tile(layout.cohort, (len(weight), 1)), weight)
    scores = linear.influence_loadings(average, layout.cohort, layout.size)
    by_cluster = np.tensordot(layout.own.astype(np.float64), scores, axes=1)
    control = layout.cluster[layout.cohort == len(layout.starts)]
    return compiled_of(full, by_cluster, np.empty(0), 1.0, len(np.unique(control)) > 1)


def compile_fixed_effects(layout: Layout) -> Compiled:
    """Find the coefficients of two-way fixed effects on block means."""
    first = np.append(layout.starts, layout.periods)[layout.cohort]
    D = (np.arange(layout.periods) >= first[:, None]).astype(np.float64)
    weight = layout.size * np.vstack([np.ones(len(layout.size)), ~layout.own])
    scores = fixed_effects.score_loadings(D, layout.size)
    by_cluster = np.tensordot(layout.own.astype(np.float64), scores, axes=1)
    rows = layout.size.sum() * layout.periods
    factor = fixed_effects.cv1_factor(rows, layout.n_clusters, layout.periods)
    return compiled_of(fixed_effects.loadings(D, weight), by_cluster, np.empty(0), factor, True)


def draw_blocks(layout: Layout, model: ErrorModel, rng: np.random.Generator, n: int) -> Array:
    """Draw block means without effect, (n, M, T)."""
    shocks = autoregress(rng.standard_normal((n, layout.n_clusters, layout.periods)), model.rho)
    y = model.shock_sd * shocks[:, layout.cluster]
    if model.noise_sd:
        y += rng.standard_normal(y.shape) * (model.noise_sd / np.sqrt(layout.size))[:, None]
    return np.asarray(y)
