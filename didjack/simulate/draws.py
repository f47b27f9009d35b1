"""Drawing outcomes: means of clusters by period, and units where they are wanted.

The outcome of a unit is cluster effect + period effect + shock to its cluster in the period +
noise + effect of treatment. Two things make the drawing cheap, and both are exact:

- Without covariates every estimator here depends on the data through the means of clusters by
  period and the sizes of clusters only. The mean of n independent normal noises is normal with
  variance sd^2/n, so the means are drawn themselves, not the units.
- Cluster effects and period effects cancel from every estimator here. They are set to zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.simulate.designs import Design


def draw_means(design: Design, rng: np.random.Generator, n: int) -> Array:
    """Draw the means of clusters by period.

    y_gt = shock_sd f_g u_gt + noise_sd e_gt / sqrt(n_g) + effect_gt, with u an AR(1) of variance
    one, e standard normal, and f_g the factor on the shocks of treated clusters.

    Parameters
    ----------
    design : Design
    rng : Generator
    n : int
        Number of replications.

    Returns
    -------
    (n, G, T) array
    """
    shape = (n, design.clusters, design.periods)
    y = autoregress(_innovations(design, rng, shape), design.rho)
    scale = np.where(design.cohort < len(design.adoption), design.treated_sd, 1.0)
    y *= (design.shock_sd * scale)[:, None]
    if design.noise_sd:
        y += rng.standard_normal(shape) * (design.noise_sd / np.sqrt(design.sizes))[:, None]
    y += design.effects
    return y


def autoregress(news: Array, rho: float) -> Array:
    """Turn independent draws of variance one into a stationary AR(1), in place.

    u_1 = e_1, u_t = rho u_(t-1) + sqrt(1 - rho^2) e_t, so that every u_t has variance one.

    Parameters
    ----------
    news : (..., T) array
        Changed, and returned.
    rho : float
        Between -1 and 1.
    """
    if rho:
        for t in range(1, news.shape[-1]):
            news[..., t] *= np.sqrt(1 - rho**2)
            news[..., t] += rho * news[..., t - 1]
    return news


def _innovations(design: Design, rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    if design.tails == "t5":
        return np.asarray(rng.standard_t(5, shape) * np.sqrt(3 / 5))
    return rng.standard_normal(shape)


def unit_frame(design: Design, means: Array, rng: np.random.Generator) -> pd.DataFrame:
    """Spread means over units: long data as `att_gt` takes them.

    Parameters
    ----------
    design : Design
    means : (G, T) array
        One replication of `draw_means`.
    rng : Generator
        For the deviations of units from the mean of their cluster, which add up to zero; for
        effects of units and periods.

    Returns
    -------
    DataFrame
        Columns unit, cluster, period, cohort (first treated period, 0 for never), y.
    """
    cluster = np.repeat(np.arange(design.clusters), design.sizes)
    first = np.append(design.starts + 1, 0)[design.cohort]
    n, T = len(cluster), design.periods
    noise = rng.standard_normal((n, T)) * design.noise_sd
    noise -= pd.DataFrame(noise).groupby(cluster).transform("mean").to_numpy()
    y = means[cluster] + noise + rng.standard_normal((n, 1)) + rng.standard_normal(T)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), T),
            "cluster": np.repeat(cluster, T),
            "period": np.tile(np.arange(1, T + 1), n),
            "cohort": np.repeat(first[cluster], T),
            "y": y.ravel(),
        }
    )
