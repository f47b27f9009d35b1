"""One table form for every kind of inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from didjack.core.linalg import Array


@dataclass(frozen=True, eq=False)
class Inference:
    """Estimates with standard errors, tests and intervals; P parameters.

    Attributes
    ----------
    method : str
        "analytic", "clustered", "CV3", ...
    parameters : tuple of str, length P
    att, se : (P,) arrays
    df : (P,) array
        Degrees of freedom of the t distribution; inf for normal critical values.
    n_clusters : int
        Clusters (or units) that the standard error is made from.
    level : float
        Coverage of the intervals, between 0 and 1.
    """

    method: str
    parameters: tuple[str, ...]
    att: Array = field(repr=False)
    se: Array = field(repr=False)
    df: Array = field(repr=False)
    n_clusters: int
    level: float = 0.95

    @property
    def t(self) -> Array:
        """Ratios of estimate to standard error, (P,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.att / self.se)

    @property
    def p(self) -> Array:
        """Two-sided p-values, (P,)."""
        return np.asarray(2 * stats.t.sf(np.abs(self.t), self.df))

    @property
    def critical_value(self) -> Array:
        """Quantiles that the intervals use, (P,)."""
        return np.asarray(stats.t.ppf(0.5 + self.level / 2, self.df))

    @property
    def ci_low(self) -> Array:
        """Lower ends of the intervals, (P,)."""
        return self.att - self.critical_value * self.se

    @property
    def ci_high(self) -> Array:
        """Upper ends of the intervals, (P,)."""
        return self.att + self.critical_value * self.se

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter."""
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "att": self.att,
                "se": self.se,
                "t": self.t,
                "p": self.p,
                "ci_low": self.ci_low,
                "ci_high": self.ci_high,
                "df": self.df,
                "n_clusters": self.n_clusters,
            }
        )

    def tidy(self) -> pd.DataFrame:
        """Return the same under broom's names."""
        frame = tidy_frame(self.parameters, self.att, self.se, self.df)
        return frame.assign(conf_low=self.ci_low, conf_high=self.ci_high)


def tidy_frame(
    terms: Sequence[str], att: Array, se: Array, df: Array | float = np.inf
) -> pd.DataFrame:
    """Name terms, estimates, standard errors, statistics and p-values as broom does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = att / se
    return pd.DataFrame(
        {
            "term": list(terms),
            "estimate": att,
            "std_error": se,
            "statistic": statistic,
            "p_value": 2 * stats.t.sf(np.abs(statistic), df),
        }
    )
