"""A reference model of the errors, fitted to the outcome: shocks to clusters and noise of units.

With y_bt the mean outcome of block b (units of one cluster and cohort, n_b of them) in period t,

    y_bt = a_b + d_qt + s u_bt + e_bt,    u_bt AR(1) with variance one,    Var(e_bt) = w^2 / n_b,

where a_b is an effect of the block and d_qt, common to cohort q, holds effects of periods and of
the treatment. The moments below remove both, so that neither treatment effects nor
levels disturb the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.errors import DesignError

LAGS = 8  # longest change that is matched: few pairs of periods are behind longer ones
RHO_GRID = np.linspace(0, 0.98, 99)


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


def fit_errors(mean: Array, size: Array, within: Array, cohort: Index) -> ErrorModel:
    """Fit the error model by moments that effects of blocks, periods and treatment leave alone.

    Noise: w^2 = sum_b within_b / ((T - 1) sum_b (n_b - 1)). Shocks: half the variance of changes
    over k periods around their mean in the cohort is, in expectation,

        m_k = s^2 (1 - rho^k) + w^2 mean(1/n_b),    k = 1, ..., min(T - 1, 8).

    s^2 and rho minimize sum_k (T - k) (m_k - w^2 mean(1/n_b) - s^2 (1 - rho^k))^2, with rho on a
    grid of hundredths between 0 and 0.98 (0 with two periods, which say nothing of it). Periods
    count as equally far apart.

    Parameters
    ----------
    mean : (M, T) array
        Mean outcome of each block by period, in the units of the outcome.
    size : (M,) array
        Units n_b of each block.
    within : (M,) array
        Sum of squares of units' outcomes around their mean over time and the block's path.
    cohort : (M,) int array
        Blocks with one code share the effects of periods and of treatment.

    Returns
    -------
    ErrorModel

    Raises
    ------
    DesignError
        Every cohort is one block, or the outcome does not vary between the blocks of a cohort.
    """
    T = mean.shape[1]
    spare = float((size - 1).sum() * (T - 1))
    noise = float(within.sum()) / spare if spare > 0 else 0.0
    lags = np.arange(1, min(T - 1, LAGS) + 1)
    moments = np.array([half_variance(mean, cohort, int(k)) for k in lags])
    if not np.isfinite(moments).all():
        raise DesignError(
            "Every cohort is one cluster: nothing shows how clusters of a cohort differ, and no "
            "error model can be fitted."
        )
    moments = np.maximum(moments - noise * _mean_inverse_size(size, cohort), 0.0)
    rho, variance = _fit_shocks(moments, lags, (T - lags).astype(np.float64))
    if variance + noise <= 0:
        raise DesignError("The outcome does not vary between clusters of a cohort.")
    return ErrorModel(rho, float(np.sqrt(variance)), float(np.sqrt(noise)))


def _fit_shocks(moments: Array, lags: Index, weight: Array) -> tuple[float, float]:
    """Find rho and s^2 so that s^2 (1 - rho^k) is closest to the moments."""
    best = (np.inf, 0.0, 0.0)
    for rho in RHO_GRID if len(lags) > 1 else [0.0]:
        shape = 1 - rho**lags
        variance = float((weight * shape * moments).sum() / (weight * shape**2).sum())
        miss = float((weight * (moments - variance * shape) ** 2).sum())
        best = min(best, (miss, float(rho), variance))
    return best[1:]


def half_variance(mean: Array, cohort: Index, k: int) -> float:
    """Return half the variance of changes over k periods between the blocks of a cohort.

    Parameters
    ----------
    mean : (M, T) array
    cohort : (M,) int array
    k : int
        From 1 to T - 1.

    Returns
    -------
    float
        Pooled over cohorts with n - 1 degrees of freedom each; NaN if all are single blocks.
    """
    change = mean[:, k:] - mean[:, :-k]
    total, spare = 0.0, 0
    for q in np.unique(cohort):
        members = change[cohort == q]
        total += float(((members - members.mean(axis=0)) ** 2).sum())
        spare += (len(members) - 1) * members.shape[1]
    return 0.5 * total / spare if spare else np.nan


def _mean_inverse_size(size: Array, cohort: Index) -> float:
    """Mean of 1/n over blocks, weighted as `half_variance` weighs their variances."""
    total, spare = 0.0, 0
    for q in np.unique(cohort):
        members = size[cohort == q]
        total += float((1 / members).mean() * (len(members) - 1))
        spare += len(members) - 1
    return total / spare
