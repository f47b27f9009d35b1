"""Designs: what a Monte Carlo experiment draws from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from didjack.core.linalg import Array, Index
from didjack.errors import DataError

TREAT = ("large", "small", "spread")
TAILS = ("normal", "t5")


@dataclass(frozen=True)
class Design:
    """One cell of a Monte Carlo study: G clusters of units, observed in T periods.

    Attributes
    ----------
    clusters, periods : int
        G and T.
    treated : int
        Clusters that are ever treated; the others are the controls.
    adoption : tuple of int
        First treated period of each cohort, from 2 to T. The treated clusters are dealt out to
        the cohorts in turn.
    units : int
        Units per cluster on average; each is observed in every period.
    gamma : float
        Inequality of cluster sizes: cluster g has G * units * exp(gamma g/G) / sum_j exp(gamma
        j/G) units, rounded (MacKinnon and Webb, 2017). Zero: all of one size.
    treat : {"large", "small", "spread"}
        Whether the largest, the smallest, or clusters evenly spaced by size are treated.
    rho : float
        Autocorrelation of the shocks to a cluster, an AR(1) started from its stationary law.
    shock_sd, noise_sd : float
        Standard deviation of the shock to a cluster in a period, and of the noise of a unit in
        a period.
    treated_sd : float
        Factor on the shocks of treated clusters.
    tails : {"normal", "t5"}
        Distribution of what is new in a shock, scaled to variance one. Noise is normal.
    effect : tuple of float
        Effect at event times 0, 1, ...; the last entry holds from then on.
    """

    clusters: int = 20
    periods: int = 10
    treated: int = 10
    adoption: tuple[int, ...] = (6,)
    units: int = 30
    gamma: float = 0.0
    treat: str = "large"
    rho: float = 0.5
    shock_sd: float = 1.0
    noise_sd: float = 3.0
    treated_sd: float = 1.0
    tails: str = "normal"
    effect: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn or estimated."""
        for problem in _problems(self):
            raise DataError(f"Design: {problem}")

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Units of each cluster, ascending where gamma is positive, (G,)."""
        G = self.clusters
        share = np.exp(self.gamma * np.arange(1, G + 1) / G)
        return np.maximum(1, np.rint(G * self.units * share / share.sum())).astype(np.int64)

    @cached_property
    def cohort(self) -> Index:
        """Cohort of each cluster, (G,): a position in `adoption`; len(adoption) for controls."""
        G, order = self.clusters, np.argsort(self.sizes, kind="stable")
        if self.treat == "large":
            chosen = order[::-1][: self.treated]
        elif self.treat == "small":
            chosen = order[: self.treated]
        else:
            at = np.floor((np.arange(self.treated) + 0.5) * G / self.treated).astype(int)
            chosen = order[at]
        cohort = np.full(G, len(self.adoption), dtype=np.intp)
        cohort[chosen] = np.arange(self.treated) % len(self.adoption)
        return cohort

    @cached_property
    def starts(self) -> Index:
        """First treated period of each cohort, counted from zero, (Q,)."""
        return np.array(self.adoption, dtype=np.intp) - 1

    @cached_property
    def effects(self) -> Array:
        """Effect of every cluster in every period, (G, T)."""
        path = np.array(self.effect, dtype=np.float64)
        out = np.zeros((self.clusters, self.periods))
        for q, start in enumerate(self.starts):
            event_time = np.arange(self.periods - start)
            out[self.cohort == q, start:] = path[np.minimum(event_time, len(path) - 1)]
        return out

    @cached_property
    def key(self) -> str:
        """A short name that follows from the content; part of the seed."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, with numbers in one form: 0 and 0.0 are the same design."""
        out: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name == "effect":
                value = [float(v) for v in value]
            elif f.name == "adoption":
                value = [int(v) for v in value]
            elif isinstance(f.default, float):
                value = float(value)
            out[f.name] = value
        return out


def _problems(d: Design) -> list[str]:
    """List what is wrong with a design; each entry names the key and the remedy."""
    G, T = d.clusters, d.periods
    checks = {
        f"clusters is {G}; there must be 3 or more.": G >= 3,
        f"periods is {T}; there must be 2 or more.": T >= 2,
        f"treated is {d.treated}; at least one cluster must be treated.": d.treated >= 1,
        f"{d.treated} treated clusters, but clusters is {G}: at most {G - 1} can be treated, since "
        "one must stay untreated.": d.treated < G,
        "adoption is empty; give the first treated period of each cohort.": len(d.adoption) > 0,
        f"adoption {list(d.adoption)} names a period twice; each cohort has its own.": len(
            set(d.adoption)
        )
        == len(d.adoption),
        f"adoption {list(d.adoption)} lies outside the periods 2 to {T}; one period before "
        "treatment is needed.": all(2 <= g <= T for g in d.adoption),
        f"{len(d.adoption)} cohorts, but only {d.treated} treated clusters; every cohort needs "
        "one.": len(d.adoption) <= d.treated,
        f"units is {d.units}; there must be at least one per cluster.": d.units >= 1,
        f"gamma is {d.gamma}; it must be zero or positive.": d.gamma >= 0,
        f"treat is {d.treat!r}; it must be one of {', '.join(TREAT)}.": d.treat in TREAT,
        f"rho is {d.rho}; it must lie between -1 and 1.": -1 < d.rho < 1,
        "shock_sd, noise_sd and treated_sd must be zero or positive.": min(
            d.shock_sd, d.noise_sd, d.treated_sd
        )
        >= 0,
        "shock_sd and noise_sd are both zero; nothing would be random.": d.shock_sd + d.noise_sd
        > 0,
        f"tails is {d.tails!r}; it must be one of {', '.join(TAILS)}.": d.tails in TAILS,
        "effect is empty; give 0 for no effect.": len(d.effect) > 0,
    }
    return [problem for problem, fine in checks.items() if not fine]
