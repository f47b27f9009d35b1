"""The tests that are compared, and the counts that a table is made from."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from didjack.core import cv3
from didjack.core.linalg import Array
from didjack.effects.average_types import TYPES
from didjack.errors import DataError
from didjack.inference.multiplier_draws import DRAWS, spread

LEVELS = (0.01, 0.05, 0.1)
"""Levels of the tests in the tables of studies."""

SHARED = 25  # replications that share their multipliers

LABELS = {
    "unit-z": "influence functions by unit, normal",
    "clustered-z": "clustered influence functions, normal",
    "clustered-t": "clustered influence functions, t(G - 1)",
    "cv3": "cluster jackknife CV3, t(H - 1)",
    "cv3j": "cluster jackknife CV3J, t(H - 1)",
    "exact": "CV3, exact under equal variances",
    "exact-2": "CV3, exact with treated clusters of twice the standard deviation",
    "fitted": "CV3, exact under fitted shocks and noise",
    "verdict": "significant by the decision rule",
    "hansen": "jackknife with generalized deletions (Hansen), t(G - 1)",
    "rademacher": "multiplier bootstrap, Rademacher",
    "mammen": "multiplier bootstrap, Mammen",
    "webb": "multiplier bootstrap, Webb",
    "permutation": "randomization inference on the estimate",
    "permutation-t": "randomization inference on the CV3 t statistic",
    "conley-taber": "residuals of the controls (Conley-Taber)",
    "ferman-pinto": "residuals of the controls, rescaled to size (Ferman-Pinto)",
    "twfe-cv1": "two-way fixed effects, CV1, t(G - 1)",
    "twfe-cv3": "two-way fixed effects, CV3, t(H - 1)",
}
"""What the tests are, by the names that tables give them."""

CSDID_TESTS = tuple(name for name in LABELS if not name.startswith("twfe"))
"""Names of the tests of CSDID, those of `LABELS` but for two-way fixed effects."""

# Those that need deletions; "hansen" counts the ones that leave nothing.
JACKKNIFED = ("cv3", "cv3j", "exact", "exact-2", "fitted", "verdict", "hansen", "permutation-t",
              "twfe-cv3")  # fmt: skip
FAST_TESTS = ("unit-z", "clustered-z", "clustered-t", "cv3", "cv3j")


_EVENT_TIME = re.compile(r"event:(\d+|last)")


@dataclass(frozen=True)
class Settings:
    """What is computed in every replication.

    Attributes
    ----------
    types : tuple of str
        Aggregations of CSDID; "event:0" and the like for single event times, "event:last" for the
        last that any cohort reaches.
    tests : tuple of str
        Tests of CSDID, of `CSDID_TESTS`.
    twfe : bool
        Also two-way fixed effects, with CV1 and CV3.
    n_boot : int
        Draws of each multiplier bootstrap.
    n_permutations : int
        Random assignments of randomization inference.
    """

    types: tuple[str, ...] = TYPES
    tests: tuple[str, ...] = FAST_TESTS
    twfe: bool = True
    n_boot: int = 399
    n_permutations: int = 399

    def __post_init__(self) -> None:
        """Refuse unknown names and counts that are too small."""
        averages = tuple(name for name in self.types if not _EVENT_TIME.fullmatch(name))
        for key, names, known in (("types", averages, TYPES), ("tests", self.tests, CSDID_TESTS)):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise DataError(
                    f"Settings: {key} has {', '.join(unknown)}; there are {', '.join(known)}."
                )
        for key in ("n_boot", "n_permutations"):
            if getattr(self, key) < 19:
                raise DataError(f"Settings: {key} is {getattr(self, key)}; use 19 or more.")


_OWN_CRITICAL_VALUES = {
    "exact": ("exact", "exact-2", "fitted", "verdict"),
    "placebo": ("conley-taber", "ferman-pinto"),
    "permutation": ("permutation", "permutation-t"),
}


@dataclass(frozen=True)
class Test:
    """One test of an estimator: how its standard error is made, and its critical values.

    Attributes
    ----------
    name : str
        Of `LABELS`.
    kind : {"unit", "clustered", "jackknife", "bootstrap", "exact", "generalized", "placebo", \
"permutation"}
    df : float
        Degrees of freedom; inf for the normal distribution, NaN where critical values are not
        Student's, or there is a p-value only.
    centred : bool
        Whether a jackknife is centred at the mean of its deletions (CV3J).
    """

    __test__ = False  # pytest takes classes of this name for its own

    name: str
    kind: str
    df: float
    centred: bool = False


def tests_of(
    estimator: str,
    settings: Settings,
    n_clusters: int,
    n_deletions: int,
    unavailable: Collection[str] = (),
) -> tuple[Test, ...]:
    """List the tests of an estimator; those that cannot be computed are left out.

    Parameters
    ----------
    estimator : str
        An aggregation, or "twfe".
    settings : Settings
    n_clusters, n_deletions : int
        Without two deletions there is no jackknife.
    unavailable : collection of str
        Tests that the design does not allow for other reasons.
    """
    G, H = float(n_clusters), float(n_deletions)
    if estimator == "twfe":
        every = [Test("twfe-cv1", "clustered", G - 1), Test("twfe-cv3", "jackknife", H - 1)]
    else:
        kinds = {
            "unit-z": Test("unit-z", "unit", np.inf),
            "clustered-z": Test("clustered-z", "clustered", np.inf),
            "clustered-t": Test("clustered-t", "clustered", G - 1),
            "cv3": Test("cv3", "jackknife", H - 1),
            "cv3j": Test("cv3j", "jackknife", H - 1, centred=True),
            "hansen": Test("hansen", "generalized", G - 1),
        }
        for kind, names in _OWN_CRITICAL_VALUES.items():
            kinds |= {name: Test(name, kind, np.nan) for name in names}
        kinds |= {name: Test(name, "bootstrap", np.inf) for name in DRAWS}
        every = [kinds[name] for name in settings.tests]
    left_out = {*unavailable, *(JACKKNIFED if H < 2 else ())}
    return tuple(t for t in every if t.name not in left_out)


def unit_se(scores: Array, sizes: NDArray[np.int64], within: Array) -> Array:
    """Return the standard error that takes every unit as independent, (n,).

    sqrt(sum_g (s_g^2 / n_g + v_g)), with s_g the cluster's score, n_g its units, and v_g the sum
    of squares of its units' influence around their mean.

    Parameters
    ----------
    scores : (n, G) array
        Influence sums of clusters over the number of units.
    sizes : (G,) int array
        Units of each cluster.
    within : (n, G) array
        Sums of squares of units' influence around the mean of their cluster. With normal noise
        they are chi-square, independent of the means, so they need not be made from units.
    """
    return np.asarray(np.sqrt((scores**2 / sizes + within).sum(axis=1)))


def clustered_se(scores: Array, factor: float = 1.0) -> Array:
    """Return standard errors from scores of clusters, sqrt(factor sum_g s_g^2), (n,).

    Parameters
    ----------
    scores : (n, G) array
    factor : float
        Of small samples.
    """
    return np.sqrt(factor * np.einsum("nc,nc->n", scores, scores))


def jackknife_se(deviations: Array, center: str = "estimate") -> Array:
    """Return CV3 or CV3J standard errors of n replications; NaN with fewer than two deletions.

    Parameters
    ----------
    deviations : (n, H) array
        Deletions minus estimate.
    center : {"estimate", "mean"}
        CV3 or CV3J.
    """
    H = deviations.shape[1]
    if center == "mean":  # estimates are zero here, since they were subtracted
        deviations, _ = cv3.deviations(np.zeros(len(deviations)), deviations, center, axis=1)
    return np.sqrt(cv3.variance(deviations, H, axis=1))


def bootstrap_se(name: str, scores: Array, n_boot: int, rng: np.random.Generator) -> Array:
    """Return multiplier-bootstrap standard errors (R `did`'s interquartile range), (n,).

    A few replications share their multipliers, since draws cost more than products. Each rejection
    keeps its probability; only their dependence makes Monte Carlo standard errors a little too
    small.
    """
    n, G = scores.shape
    out = np.empty(n)
    for start in range(0, n, SHARED):
        part = scores[start : start + SHARED]
        draws = DRAWS[name](rng, (n_boot, G)) @ part.T
        out[start : start + SHARED] = spread(draws, "iqr")
    return out
