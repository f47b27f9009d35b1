"""The engine: one design compiled into matrices, replications evaluated in blocks.

Replications come in blocks of fixed size, each with a seed of its own that follows from the
study's seed, the design and the block's number. Tables are therefore the same for any number of
workers and any way of sharing out blocks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from didjack.core.linalg import Array
from didjack.errors import DataError
from didjack.inference.assignments import share_as_large
from didjack.simulate.compared import LEVELS, Settings, Test, jackknife_se, tests_of
from didjack.simulate.compiled import (
    Statistics,
    compile_csdid,
    compile_twfe,
    evaluate,
)
from didjack.simulate.critical_values import Fit, fit_samples
from didjack.simulate.designs import Design
from didjack.simulate.draws import draw_means
from didjack.simulate.outcomes import DrawnSamples, outcome_of, unavailable
from didjack.simulate.permutation import assignments, permuted_statistics
from didjack.simulate.tally import Tally

BLOCK = 500  # replications per seed


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
            name: tests_of(
                name, settings, c.n_clusters, c.n_deletions if c.valid else 0,
                unavailable(c, design),
            )
            for name, c in self.estimators.items()
        }  # fmt: skip

    def rng(self, block: int, *stream: int) -> np.random.Generator:
        """Return the generator of a block.

        Parameters
        ----------
        block : int
            Number of the block, from 0.
        *stream : int
            For draws beside those of the outcomes.
        """
        entropy = [self.seed, int(self.design.key, 16), block, *stream]
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
        fit = self._fit(means, number)
        adjust = bool(self.design.effects.any())
        null = means - self.design.effects if adjust else means
        tally = Tally.empty(self.rows, size if adjust else 0)
        at = 0
        for name, compiled in self.estimators.items():
            tests, truth = self.tests[name], self.truth[name]
            statistics = evaluate(compiled, means)
            sample = DrawnSamples(means, statistics, fit, self.design)
            without = DrawnSamples(null, evaluate(compiled, null), fit, self.design)
            p_permuted = self._permutation_p(name, means, statistics, rng)
            for test in tests:
                if test.kind == "permutation":
                    tally.add_p(at, statistics.estimate, truth, p_permuted[test.name])
                else:
                    found = outcome_of(test, compiled, sample, self.settings, rng)
                    tally.add(at, statistics.estimate, truth, found.se, found.critical)
                    if adjust and test.kind not in ("unit", "bootstrap"):  # these draw anew
                        plain = outcome_of(test, compiled, without, self.settings, rng)
                        rows = slice(at, at + len(LEVELS))
                        tally.statistics[0, rows] = plain.relative(without.statistics.estimate)
                        tally.statistics[1, rows] = found.relative(statistics.estimate)
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

    def _fit(self, means: Array, number: int) -> Fit | None:
        """Fit the error model to every sample, if a test asks for it.

        The sums of squares of units around their cluster are chi-square and independent of the
        means; they have a generator of their own, so that other tests see the same draws.
        """
        if not any(test.name == "fitted" for tests in self.tests.values() for test in tests):
            return None
        design = self.design
        spare = int((design.sizes - 1).sum()) * (design.periods - 1)
        rng = self.rng(number, 1)
        noise = design.noise_sd**2 * rng.chisquare(spare, BLOCK)[: len(means)] / max(spare, 1)
        # Effects that differ within a cohort do not exist here: the fit removes them.
        return fit_samples(means, noise, design.sizes.astype(np.float64), design.cohort)

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
