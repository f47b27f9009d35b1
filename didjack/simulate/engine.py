"""The engine: one design compiled into matrices, replications evaluated in blocks.

Replications come in blocks of fixed size, each with a seed of its own that follows from the
study's seed, the design and the block's number. Tables are therefore the same for any number of
workers and any way of sharing out blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array
from didjack.errors import DataError
from didjack.inference.assignments import share_as_large
from didjack.regression import fixed_effects
from didjack.simulate.compared import (
    LEVELS,
    Settings,
    Tally,
    Test,
    bootstrap_se,
    clustered_se,
    jackknife_se,
    tests_of,
    unit_se,
)
from didjack.simulate.design_loadings import (
    Average,
    influence_loadings,
    loadings,
    unit_loadings,
)
from didjack.simulate.designs import Design
from didjack.simulate.draws import draw_means
from didjack.simulate.permutation import assignments, permuted_statistics

BLOCK = 500  # replications per seed


@dataclass(frozen=True, eq=False)
class Compiled:
    """Coefficients of one estimator on means of clusters by period; columns of a matrix.

    Attributes
    ----------
    estimate : (G T,) array
    deletions : (G T, H) array
        Estimate without a cluster minus the estimate, for the H deletions that can be estimated.
    scores : (G T, G) array
        What each cluster contributes to the clustered variance: influence sums over n, or scores.
    units : (G,) array
        Variance of a unit's influence over n around the mean of its cluster.
    factor : float
        Small-sample factor of the clustered variance.
    valid : bool
        False where a deletion is an error in the public functions: no controls are left.
    """

    estimate: Array = field(repr=False)
    deletions: Array = field(repr=False)
    scores: Array = field(repr=False)
    units: Array = field(repr=False)
    factor: float = 1.0
    valid: bool = True

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return self.scores.shape[1]

    @property
    def n_deletions(self) -> int:
        """Number of deletions H that can be estimated."""
        return self.deletions.shape[1]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What one estimator gives in n replications.

    Attributes
    ----------
    estimate : (n,) array
    deviations : (n, H) array
        Deletions minus estimate.
    scores : (n, G) array
    """

    estimate: Array
    deviations: Array
    scores: Array


def compile_csdid(design: Design, type: str) -> Compiled:
    """Find the coefficients of an aggregation of CSDID in a design.

    Parameters
    ----------
    design : Design
    type : {"simple", "dynamic", "group", "calendar"}
    """
    G = design.clusters
    average = Average.of(type, design.starts, design.periods)
    size = design.sizes.astype(np.float64)
    weight = size * np.vstack([np.ones(G), 1 - np.eye(G)])
    full = loadings(average, np.tile(design.cohort, (G + 1, 1)), weight)
    scores = influence_loadings(average, design.cohort, size)
    controls = int((design.cohort == len(design.adoption)).sum())
    of_unit = unit_loadings(average, design.cohort, size)
    units = design.noise_sd**2 * (of_unit**2).sum(axis=1)
    return compiled_of(full, scores, units, 1.0, controls > 1)


def compile_twfe(design: Design) -> Compiled:
    """Find the coefficients of two-way fixed effects in a design.

    Parameters
    ----------
    design : Design
    """
    G, T = design.clusters, design.periods
    size = design.sizes.astype(np.float64)
    first = np.append(design.starts, T)[design.cohort]
    D = (np.arange(T) >= first[:, None]).astype(np.float64)
    full = fixed_effects.loadings(D, size * np.vstack([np.ones(G), 1 - np.eye(G)]))
    scores = fixed_effects.score_loadings(D, size)
    return compiled_of(
        full, scores, np.zeros(G), fixed_effects.cv1_factor(size.sum() * T, G, T), True
    )


def compiled_of(full: Array, scores: Array, units: Array, factor: float, valid: bool) -> Compiled:
    """Turn coefficients (R, M, T) of replicates and (G, M, T) of scores into columns."""
    flat = full.reshape(len(full), -1)
    kept = np.isfinite(flat[1:]).all(axis=1)
    deletions = (flat[1:][kept] - flat[0]).T
    return Compiled(
        np.ascontiguousarray(flat[0]),
        np.ascontiguousarray(deletions),
        np.ascontiguousarray(scores.reshape(len(scores), -1).T),
        units,
        factor,
        valid,
    )


def evaluate(compiled: Compiled, means: Array) -> Statistics:
    """Apply the coefficients to means.

    Parameters
    ----------
    compiled : Compiled
    means : (n, G, T) array
    """
    rows = means.reshape(len(means), -1)
    return Statistics(rows @ compiled.estimate, rows @ compiled.deletions, rows @ compiled.scores)


class Engine:
    """Everything about one design that does not change between replications.

    Parameters
    ----------
    design : Design
    settings : Settings
        Aggregations and tests, bootstrap draws and permutations.
    seed : int
        Seed of the study.

    Attributes
    ----------
    estimators : dict of str to Compiled
        Coefficients by aggregation; "twfe" for two-way fixed effects.
    truth : dict of str to float
        What each of them should estimate.
    tests : dict of str to tuple of Test
        The tests of each.
    """

    def __init__(self, design: Design, settings: Settings, seed: int = 0) -> None:
        self.design, self.settings, self.seed = design, settings, seed
        self.estimators = {type: compile_csdid(design, type) for type in settings.types}
        if settings.twfe:
            self.estimators["twfe"] = compile_twfe(design)
        effects = design.effects.ravel()
        self.truth = {name: float(c.estimate @ effects) for name, c in self.estimators.items()}
        if settings.twfe:  # its own mean weighs effects otherwise; it is held to the simple average
            simple = compile_csdid(design, "simple")
            self.truth["twfe"] = float(simple.estimate @ effects)
        self.tests: dict[str, tuple[Test, ...]] = {
            name: tests_of(name, settings, c.n_clusters, c.n_deletions if c.valid else 0)
            for name, c in self.estimators.items()
        }

    def rng(self, block: int) -> np.random.Generator:
        """Return the generator of a block.

        Parameters
        ----------
        block : int
            Number of the block, from 0.
        """
        entropy = [self.seed, int(self.design.key, 16), block]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))

    def block(self, number: int, size: int = BLOCK) -> Tally:
        """Draw and test one block of replications.

        Parameters
        ----------
        number : int
            Number of the block, from 0.
        size : int
            Replications, at most those of a whole block.
        """
        rng = self.rng(number)
        means = draw_means(self.design, rng, BLOCK)[:size]
        tally = Tally.empty(self.rows)
        at = 0
        for name, compiled in self.estimators.items():
            statistics = evaluate(compiled, means)
            p_permuted = self._permutation_p(name, means, statistics, rng)
            for test in self.tests[name]:
                if test.kind == "permutation":
                    tally.add_p(at, statistics.estimate, self.truth[name], p_permuted[test.name])
                else:
                    se = self._standard_error(test, compiled, statistics, rng)
                    tally.add(at, statistics.estimate, self.truth[name], se, test.df)
                at += len(LEVELS)
        return tally

    @property
    def rows(self) -> int:
        """Rows of the table: estimators, tests and levels."""
        return sum(len(tests) for tests in self.tests.values()) * len(LEVELS)

    def run(self, blocks: Iterable[int], reps: int) -> list[Tally]:
        """Evaluate blocks of a run of `reps` replications; the last one may be smaller.

        Parameters
        ----------
        blocks : iterable of int
            Their numbers, from 0.
        reps : int
            Replications of the whole run.
        """
        return [self.block(b, min(BLOCK, reps - b * BLOCK)) for b in blocks]

    def _standard_error(
        self, test: Test, compiled: Compiled, s: Statistics, rng: np.random.Generator
    ) -> Array:
        if test.kind == "clustered":
            return clustered_se(s.scores, compiled.factor)
        if test.kind == "unit":
            sizes = self.design.sizes
            # Chi-square with n - 1 degrees of freedom; zero for a cluster of one unit.
            within = compiled.units * 2 * rng.standard_gamma((sizes - 1) / 2, s.scores.shape)
            return unit_se(s.scores, sizes, within)
        if test.kind == "jackknife":
            return jackknife_se(s.deviations, "mean" if test.centred else "estimate")
        return bootstrap_se(test.name, s.scores, self.settings.n_boot, rng)

    def _permutation_p(
        self, name: str, means: Array, s: Statistics, rng: np.random.Generator
    ) -> dict[str, Array]:
        """Return the p-values of randomization inference, by test."""
        wanted = {test.name for test in self.tests[name] if test.kind == "permutation"}
        if not wanted:
            return {}
        cohort, exact = assignments(self.design, self.settings.n_permutations, rng)
        studentize = "permutation-t" in wanted
        estimate, t = permuted_statistics(self.design, name, cohort, means, studentize)
        p = {"permutation": share_as_large(s.estimate, estimate, actual_among_them=exact)}
        if studentize:
            actual = s.estimate / jackknife_se(s.deviations)
            p["permutation-t"] = share_as_large(actual, t, actual_among_them=exact)
        return p


def check_replications(reps: int) -> int:
    """Return the number of blocks of a run."""
    if reps < 1:
        raise DataError(f"reps is {reps}; draw at least one replication.")
    return -(-reps // BLOCK)
