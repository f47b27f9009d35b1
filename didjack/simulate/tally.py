"""Counts over replications, from which a table of rates is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array
from didjack.simulate.compared import LEVELS


@dataclass(eq=False)
class Tally:
    """Sums over replications, by estimator, test and level (rows of the table).

    Attributes
    ----------
    n, rejected, covered : (rows,) int arrays
        Replications with a standard error; rejections of no effect; intervals with the truth.
    length, estimate, square, se : (rows,) arrays
        Sums of interval lengths, errors of the estimate, their squares, and standard errors.
    statistics : (2, rows, n) array
        Statistics over their critical values of all n replications, without an effect and with
        it; n is zero where no size-adjusted power is asked for.
    """

    n: Array
    rejected: Array
    covered: Array
    length: Array
    estimate: Array
    square: Array
    se: Array
    statistics: Array

    @classmethod
    def empty(cls, rows: int, kept: int = 0) -> Tally:
        """Start from zero.

        Parameters
        ----------
        rows : int
        kept : int
            Replications whose statistics are kept.
        """
        statistics = np.full((2, rows, kept), np.nan)
        n, rejected, covered, length, estimate, square, se = np.zeros((7, rows))
        return cls(n, rejected, covered, length, estimate, square, se, statistics)

    def add(self, at: int, estimate: Array, truth: float, se: Array, critical: Array) -> None:
        """Count a test with a standard error, at all levels from row `at` on.

        Parameters
        ----------
        at : int
        estimate : (n,) array
        truth : float
        se : (n,) array
        critical : (L,) or (L, n) array
            Critical values of each level, common to all replications or one for each.
        """
        good = se > 0
        error, se = (estimate - truth)[good], se[good]
        size, miss = np.abs(estimate[good]) / se, np.abs(error) / se
        for row, c in enumerate(critical, start=at):
            if c.ndim:
                c = c[good]
            self._count(row, error)
            self.rejected[row] = (size > c).sum()
            self.covered[row] = (miss <= c).sum()
            self.length[row] = 2 * (c * se).sum() if c.ndim else 2 * c * se.sum()
            self.se[row] = se.sum()

    def add_p(self, at: int, estimate: Array, truth: float, p: Array) -> None:
        """Count a test that has a p-value only."""
        for row, level in enumerate(LEVELS, start=at):
            self._count(row, estimate - truth)
            self.rejected[row] = (p <= level + 1e-12).sum()
            self.covered[row] = self.length[row] = self.se[row] = np.nan

    def size_adjusted(self) -> Array:
        """Return power at the critical values that give each test its level, (rows,).

        The share of statistics with an effect above the quantile at 1 - level of those without
        one, from the same draws; NaN where they were not kept.
        """
        out = np.full(len(self.n), np.nan)
        for row in range(len(out) if self.statistics.shape[2] else 0):
            null, found = self.statistics[:, row]
            if np.isfinite(null).all():
                level = LEVELS[row % len(LEVELS)]
                out[row] = (found > np.quantile(null, 1 - level, method="inverted_cdf")).mean()
        return out

    def _count(self, row: int, error: Array) -> None:
        self.n[row] = len(error)
        self.estimate[row] = error.sum()
        self.square[row] = error @ error

    @classmethod
    def total(cls, tallies: list[Tally]) -> Tally:
        """Add up, in the order given: floating-point sums are then the same in every run."""
        out = cls.empty(len(tallies[0].n))
        for tally in tallies:
            for name, values in vars(tally).items():
                if name != "statistics":
                    getattr(out, name)[:] += values
        out.statistics = np.concatenate([tally.statistics for tally in tallies], axis=2)
        return out
