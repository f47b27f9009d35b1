"""Simultaneous confidence bands: one critical value for all elements (sup-t), or one for each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.arguments import require_seed, require_share, require_whole
from didjack.core.linalg import Array, Index
from didjack.core.results import SHOWN, Inference
from didjack.core.screen import screen_table
from didjack.core.views import Shown
from didjack.effects.from_influence import FromInfluence
from didjack.errors import DesignError
from didjack.inference.places import places, with_error
from didjack.inference.thin import leave_out_thin, note_on_thin

# R `did` warns at these, of any value below the normal quantile; drawn quantiles of one element
# are as far below it by chance.
NARROW, WIDE = 0.99, 7.0


@dataclass(frozen=True, eq=False, repr=False)
class Band(Shown):
    """A band that covers all P parameters together with the given probability.

    Attributes
    ----------
    method : str
    parameters : tuple of str, length P
    att, se : (P,) arrays
    critical_value : float or (P,) array
        Of the largest absolute t statistic; in a balanced band one for each parameter.
    level : float
    tail : float or None
        In a balanced band the tail level that all parameters have in common.
    left_out : tuple of str
        Elements with a standard error that rest on fewer than `min_treated` treated clusters.
    min_treated : int
    n_treated_clusters : (P,) int array or None
        Treated clusters behind each parameter.
    """

    method: str
    parameters: tuple[str, ...]
    att: Array = field(repr=False)
    se: Array = field(repr=False)
    critical_value: float | Array
    level: float
    tail: float | None = None
    left_out: tuple[str, ...] = ()
    min_treated: int = 0
    n_treated_clusters: Index | None = field(default=None, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: att, se, band_low, band_high; critical_value if they differ."""
        half = self.critical_value * self.se
        frame = pd.DataFrame(
            {
                "parameter": self.parameters,
                "att": self.att,
                "se": self.se,
                "band_low": self.att - half,
                "band_high": self.att + half,
            }
        )
        if self.tail is not None:
            frame["critical_value"] = self.critical_value
        if self.n_treated_clusters is not None:
            frame["n_treated_clusters"] = self.n_treated_clusters
        return frame

    def headline(self) -> list[str]:
        """Return the table, up to twelve rows, under its method and level."""
        value = "" if self.tail is not None else f", critical value {self.critical_value:.3f}"
        return [
            f"Simultaneous {100 * self.level:g}% band ({self.method}{value})",
            screen_table(self.to_frame(), limit=SHOWN),
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        return "\n".join([self.headline()[0], "", screen_table(self.to_frame()), "", *self.notes])

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the band must know."""
        return note_on_thin(self.left_out, self.min_treated) + self._note_on_width()

    def _note_on_width(self) -> list[str]:
        """Say that one critical value for all is too small or too large to be relied on."""
        if self.tail is not None:
            return []
        value, alone = float(self.critical_value), NormalDist().inv_cdf(0.5 + self.level / 2)
        if value < NARROW * alone:
            return [
                f"The band is narrower than intervals one by one: its critical value is "
                f"{value:.3f}, theirs {alone:.3f}. More draws, or more clusters, are needed; rely "
                "on the intervals."
            ]
        if value >= WIDE:
            return [
                f"The critical value of the band, {value:.1f}, is too large to be reliable: there "
                "are few units in a cohort, few clusters, or outcomes that hardly vary."
            ]
        return []


def sup_t_band(
    inference: Inference, level: float | None = None, n_draws: int = 100_000, seed: int = 0
) -> Band:
    """Make a sup-t band over the elements of an average, or over group-time effects.

    Overall effects do not belong to it, nor elements without a standard error (base periods).

    Parameters
    ----------
    inference : Inference
        With a joint covariance, from `analytic`, `jackknife(...).inference`, ...; its smallest
        degrees of freedom count, infinitely many give a normal distribution.
    level : float, optional
        Coverage of the band; that of the inference without it.
    n_draws, seed : int
        See `sup_t_quantile`.

    Returns
    -------
    Band

    Raises
    ------
    DesignError
        No element has a standard error, or there is no joint covariance.
    """
    level = inference.level if level is None else level
    at = band_elements(inference)
    se = inference.se[at]
    corr = inference.vcov.to_numpy()[np.ix_(at, at)] / np.outer(se, se)
    value = sup_t_quantile(corr, float(inference.df[at].min()), level, n_draws, seed)
    return make_band(inference, at, value, level)


def sup_t_quantile(corr: Array, df: float, level: float, n_draws: int, seed: int) -> float:
    """Return a quantile of the largest absolute entry of a multivariate t, from seeded draws.

    Parameters
    ----------
    corr : (P, P) array
        Correlations; may be singular.
    df : float
        Degrees of freedom; inf for the normal.
    level : float
        Probability.
    n_draws : int
        The Monte Carlo error of the coverage is about sqrt(level (1 - level) / n_draws).
    seed : int
    """
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((n_draws, len(corr))) @ _root(corr).T
    largest = np.abs(draws).max(axis=1)
    if np.isfinite(df):
        largest /= np.sqrt(rng.chisquare(df, n_draws) / df)
    return float(np.quantile(largest, level))


def analytic_band(
    result: FromInfluence, level: float | None, n_draws: int, seed: int, min_treated: int
) -> Band:
    """Make the band of an analytic inference; see `FromInfluence.band`.

    Parameters
    ----------
    result : FromInfluence
    level, n_draws, seed, min_treated
        As there.
    """
    if level is not None:
        require_share(level=level)
    require_whole(least=1, n_draws=n_draws)
    require_whole(min_treated=min_treated)
    require_seed(seed)
    inference = result.inference
    counts = inference.n_treated_clusters
    assert counts is not None  # every analytic inference counts them
    among = places(inference, lambda parameter: parameter.is_element)
    kept, left_out = leave_out_thin(inference, counts, min_treated, among)
    band = sup_t_band(kept, level, n_draws, seed)
    return replace(band, left_out=left_out, min_treated=min_treated)


def band_limits(result: Any) -> tuple[Array, Array]:
    """Return the lower and upper limits of a result's band, (P,) each.

    NaN where there is no band, for what is not in it, and where intervals are withheld.

    Parameters
    ----------
    result : Inferred
        With `band`.
    """
    inference: Inference = result.inference
    low, high = np.full((2, len(inference.parameters)), np.nan)
    try:
        frame = result.band().to_frame()
    except DesignError:
        return low, high
    place = {name: i for i, name in enumerate(inference.parameters)}
    at = [place[name] for name in frame["parameter"]]
    low[at], high[at] = frame["band_low"], frame["band_high"]
    low[inference.withheld] = high[inference.withheld] = np.nan
    return low, high


def band_elements(inference: Inference) -> list[int]:
    """Return the places of the parameters that a band covers.

    Parameters
    ----------
    inference : Inference

    Raises
    ------
    DesignError
        No element has a standard error.
    """
    at = with_error(inference, places(inference, lambda parameter: parameter.is_element))
    if not at:
        raise DesignError("No element has a standard error, so there is no band.")
    return at


def make_band(inference: Inference, at: list[int], critical_value: float, level: float) -> Band:
    """Put a band around some parameters.

    Parameters
    ----------
    inference : Inference
    at : list of int
        Their places, from `band_elements`.
    critical_value : float
        Of the largest absolute t statistic.
    level : float
        Coverage.
    """
    names = tuple(inference.parameters[i] for i in at)
    method = f"{inference.method} sup-t"
    return Band(
        method,
        names,
        inference.att[at],
        inference.se[at],
        critical_value,
        level,
        n_treated_clusters=treated_of(inference, at),
    )


def treated_of(inference: Inference, at: list[int]) -> Index | None:
    """Return the treated clusters behind some parameters, if they are known.

    Parameters
    ----------
    inference : Inference
    at : list of int
        Places of the parameters.
    """
    counts = inference.n_treated_clusters
    return None if counts is None else counts[at]


def _root(corr: Array) -> Array:
    """Return a square root of a positive semi-definite matrix, which may be singular."""
    values, vectors = np.linalg.eigh(corr)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
