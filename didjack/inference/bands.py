"""Simultaneous confidence bands: one critical value for all elements at once (sup-t)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.errors import DesignError

if TYPE_CHECKING:
    from didjack.inference.jackknife import Jackknife


@dataclass(frozen=True, eq=False)
class Band:
    """A band that covers all P parameters together with the given probability.

    Attributes
    ----------
    method : str
    parameters : tuple of str, length P
    att, se : (P,) arrays
    critical_value : float
        Of the largest absolute t statistic.
    level : float
    """

    method: str
    parameters: tuple[str, ...]
    att: Array = field(repr=False)
    se: Array = field(repr=False)
    critical_value: float
    level: float

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: att, se, band_low, band_high."""
        half = self.critical_value * self.se
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "att": self.att,
                "se": self.se,
                "band_low": self.att - half,
                "band_high": self.att + half,
            }
        )


def t_band(jk: Jackknife, level: float, n_draws: int, seed: int) -> Band:
    """Make a sup-t band from the joint CV3 covariance.

    The critical value is the quantile of the largest absolute entry of a multivariate t with the
    correlation of the covariance and the smallest H - 1 of the parameters as degrees of freedom,
    from seeded draws. Elements without a standard error (base periods) are left out.

    Parameters
    ----------
    jk : Jackknife
        Of an aggregation; its overall effect does not belong to the band.
    level : float
    n_draws : int
        The Monte Carlo error of the coverage is about sqrt(level (1 - level) / n_draws).
    seed : int

    Returns
    -------
    Band
    """
    inference = jk.inference
    elements = [i for i, name in enumerate(jk.parameters) if ":" in name or "(" in name]
    at = [i for i in elements if np.isfinite(inference.se[i])]
    if not at:
        raise DesignError("No element has a standard error, so there is no band.")
    se = inference.se[at]
    corr = jk.vcov.to_numpy()[np.ix_(at, at)] / np.outer(se, se)
    df = float(inference.df[at].min())
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((n_draws, len(at))) @ _root(corr).T
    largest = np.abs(draws).max(axis=1) / np.sqrt(rng.chisquare(df, n_draws) / df)
    names = tuple(jk.parameters[i] for i in at)
    value = float(np.quantile(largest, level))
    return Band(f"{jk.method} sup-t", names, inference.att[at], se, value, level)


def _root(corr: Array) -> Array:
    """Return a square root of a positive semi-definite matrix, which may be singular."""
    values, vectors = np.linalg.eigh(corr)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
