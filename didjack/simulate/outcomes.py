"""What a test says of many samples: standard errors and critical values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from didjack.core.linalg import Array
from didjack.core.student import critical_value
from didjack.simulate.compared import (
    LEVELS,
    Settings,
    Test,
    bootstrap_se,
    clustered_se,
    jackknife_se,
    unit_se,
)
from didjack.simulate.compiled import Compiled, Statistics
from didjack.simulate.control_placebos import half_widths
from didjack.simulate.critical_values import ExactForms, Fit, FittedTable
from didjack.simulate.designs import Design


@dataclass(frozen=True, eq=False)
class DrawnSamples:
    """Some replications of a design, and what one estimator gives in them.

    Attributes
    ----------
    means : (n, G, T) array
    statistics : Statistics
    fit : Fit or None
        Error models fitted to the samples.
    design : Design
    """

    means: Array = field(repr=False)
    statistics: Statistics = field(repr=False)
    fit: Fit | None = field(repr=False)
    design: Design


@dataclass(frozen=True, eq=False)
class TestedSamples:
    """A test in n samples; L levels.

    Attributes
    ----------
    se : (n,) array
    critical : (L,) or (L, n) array
    """

    se: Array
    critical: Array

    def relative(self, estimate: Array) -> Array:
        """Return t statistics over their critical values, (L, n): above one is a rejection.

        Parameters
        ----------
        estimate : (n,) array
        """
        critical = self.critical if self.critical.ndim == 2 else self.critical[:, None]
        return np.asarray(np.abs(estimate) / self.se / critical)


def unavailable(compiled: Compiled, design: Design) -> set[str]:
    """Name the tests that a design does not allow, besides those that lack deletions.

    Parameters
    ----------
    compiled : Compiled
    design : Design
    """
    out = set()
    if compiled.placebos is None or not compiled.placebos.available:
        out |= {"conley-taber", "ferman-pinto"}
    elif not compiled.placebos.sizes_differ:
        out.add("ferman-pinto")
    if design.sizes.max() == 1:  # shocks to clusters and noise of units cannot be told apart
        out.add("fitted")
    return out


def outcome_of(
    test: Test,
    compiled: Compiled,
    sample: DrawnSamples,
    settings: Settings,
    rng: np.random.Generator,
) -> TestedSamples:
    """Return standard errors and critical values of a test.

    Parameters
    ----------
    test : Test
        Any kind but "permutation".
    compiled : Compiled
    sample : DrawnSamples
    settings : Settings
    rng : Generator
        For bootstraps, and for units around their clusters.
    """
    if test.kind == "exact":
        return _exact(test.name, compiled, sample)
    if test.kind == "placebo":
        return _placebo(test.name, compiled, sample)
    critical = np.array([critical_value(level, test.df) for level in LEVELS])
    return TestedSamples(_standard_error(test, compiled, sample, settings, rng), critical)


def _standard_error(
    test: Test,
    compiled: Compiled,
    sample: DrawnSamples,
    settings: Settings,
    rng: np.random.Generator,
) -> Array:
    s = sample.statistics
    if test.kind == "clustered":
        return clustered_se(s.scores, compiled.factor)
    if test.kind == "unit":
        sizes = sample.design.sizes
        # Chi-square with n - 1 degrees of freedom; zero for a cluster of one unit.
        within = compiled.units * 2 * rng.standard_gamma((sizes - 1) / 2, s.scores.shape)
        return unit_se(s.scores, sizes, within)
    if test.kind == "jackknife":
        return jackknife_se(s.deviations, "mean" if test.centred else "estimate")
    if test.kind == "generalized":
        return generalized_se(s, compiled.n_clusters)
    return bootstrap_se(test.name, s.scores, settings.n_boot, rng)


def generalized_se(statistics: Statistics, n_clusters: int) -> Array:
    """Return jackknife standard errors by generalized deviations, (n,).

    A deletion that leaves nothing deviates by the estimate itself. As
    `didjack.inference.generalized`, without the factor (G - 1) / G.

    Parameters
    ----------
    statistics : Statistics
    n_clusters : int
        G, those included whose deletion leaves nothing.
    """
    squares = np.einsum("nh,nh->n", statistics.deviations, statistics.deviations)
    lost = n_clusters - statistics.deviations.shape[1]
    return np.asarray(np.sqrt(squares + lost * statistics.estimate**2))


def _exact(name: str, compiled: Compiled, sample: DrawnSamples) -> TestedSamples:
    forms = compiled.exact
    assert forms is not None
    rows = sample.means.reshape(len(sample.means), -1)
    se = jackknife_se(rows @ forms.deviations)
    sizes = tuple(sample.design.sizes.tolist())
    if name == "fitted":
        assert sample.fit is not None
        return TestedSamples(se, _table(forms, sizes).critical_values(sample.fit))
    if name == "verdict":
        return TestedSamples(se, _decided(forms, sizes))
    return TestedSamples(se, _critical(forms, 2.0 if name == "exact-2" else 1.0))


# A design's critical values are computed once, not in every block; forms are compared by identity.
@lru_cache(maxsize=64)
def _critical(forms: ExactForms, ratio: float) -> Array:
    return forms.critical_values(LEVELS, ratio)


@lru_cache(maxsize=64)
def _table(forms: ExactForms, sizes: tuple[int, ...]) -> FittedTable:
    return forms.fitted_table(np.array(sizes, dtype=np.float64), LEVELS)


@lru_cache(maxsize=64)
def _decided(forms: ExactForms, sizes: tuple[int, ...]) -> Array:
    return forms.decided(np.array(sizes, dtype=np.float64), LEVELS)


def _placebo(name: str, compiled: Compiled, sample: DrawnSamples) -> TestedSamples:
    assert compiled.placebos is not None
    draws = compiled.placebos.draws(sample.means, name == "ferman-pinto")
    se = np.sqrt(np.square(draws).mean(axis=1))
    return TestedSamples(se, half_widths(draws, LEVELS) / se)
