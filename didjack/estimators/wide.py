"""A balanced panel with one row per unit, and the pairs of periods that its cells difference.

Weights and covariates are those of the earlier period of a pair, as in R `did`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, pack_outer
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class Pairs:
    """The distinct (early, late) pairs of periods; the cells use pair `of_cell`, times `sign`.

    A pre-treatment cell with a universal base period runs backwards: its change is minus the
    change from the early to the late period.
    """

    early: Index  # (P,)
    late: Index  # (P,)
    of_cell: Index  # (m,)
    sign: Array  # (m,)


def pairs_of(cells: Cells) -> Pairs:
    """List the pairs of periods that the cells difference."""
    ends = np.stack([cells.early, np.maximum(cells.time, cells.base)])
    distinct, of_cell = np.unique(ends, axis=1, return_inverse=True)
    sign = np.where(cells.time < cells.base, -1.0, 1.0)
    return Pairs(distinct[0], distinct[1], of_cell.reshape(-1), sign)


@dataclass(frozen=True)
class Wide:
    """A balanced panel with one row per unit: outcomes (T, n), weights (T, n), X (T, n, k)."""

    y: Array
    w: Array
    X: Array
    constant: bool  # weights and covariates do not change over time

    @classmethod
    def of(cls, panel: Panel) -> Wide:
        """Reshape; when nothing but the outcome varies over time, keep one period of the rest."""
        n, T = panel.n_units, len(panel.times)
        constant = panel.constant_covariates and panel.constant_weights
        periods = slice(0, 1) if constant else slice(None)
        w = panel.w.reshape(n, T)[:, periods].T
        X = panel.design.X.reshape(n, T, panel.design.k)[:, periods].transpose(1, 0, 2)
        y = np.ascontiguousarray(panel.y.reshape(n, T).T)
        return cls(y, np.ascontiguousarray(w), np.ascontiguousarray(X), constant)

    def gram_periods(self, early: Index) -> tuple[Index, list[int]]:
        """Return which Gram matrix each pair uses, and the periods to compute them for."""
        if self.constant:
            return np.zeros(len(early), dtype=np.intp), [0]
        periods, gram_of = np.unique(early, return_inverse=True)
        return gram_of.reshape(-1), periods.tolist()

    def at(self, period: int) -> int:
        """Return the row of `w` and `X` that holds a period."""
        return 0 if self.constant else period

    def weighted_outer(self, e: int) -> Array:
        """Return the packed w x x' of every unit, (n, k(k+1)/2)."""
        return self.w[self.at(e)][:, None] * pack_outer(self.X[self.at(e)])

    def weighted_change(self, e: int, t: int) -> Array:
        """Return w x (y_t - y_e) of every unit, (n, k)."""
        return self.X[self.at(e)] * (self.w[self.at(e)] * (self.y[t] - self.y[e]))[:, None]
