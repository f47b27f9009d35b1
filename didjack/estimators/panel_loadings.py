"""Terms of the loadings of cells in balanced panels; formulas in `didjack.estimators.loadings`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask, first_column
from didjack.core.moments import Clusters, delete_one
from didjack.estimators import reg
from didjack.estimators.control_terms import ControlRows, dropped_values, odds_gram, odds_values
from didjack.estimators.csdid_rule import missing_rows, shift_coefficients
from didjack.estimators.estimates import unit_sums
from didjack.estimators.loading_terms import TermList
from didjack.estimators.methods import WEIGHTING
from didjack.estimators.odds import mean_x, odds_sums
from didjack.estimators.samples import ComparedRows
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True, eq=False)
class PanelTerms:
    """Sums of w x of a panel, and the controls' regressions; E periods with moments of their own.

    Attributes
    ----------
    x : (C, Q, E, k) array
    total : (R, Q, E, k) array
        Their sums in every replicate.
    slot : (m,) int array
        Which of the E each cell uses.
    fitted : ControlRegressions
    left_out : (R, k) bool array
    """

    x: Array
    total: Array
    slot: Index
    fitted: reg.ControlRegressions
    left_out: Mask

    @classmethod
    def of(cls, panel: Panel, cells: Cells, clusters: Clusters, left_out: Mask) -> PanelTerms:
        """Add up, and fit the regressions in all replicates."""
        units = unit_sums(panel, clusters)
        wide, pairs = Wide.of(panel), pairs_of(cells)
        gram_of, periods = wide.gram_periods(pairs.early)
        sums = np.stack([units.within(wide.weighted_outer(e)) for e in periods], axis=2)
        x = first_column(sums, panel.design.k)
        slot = gram_of[pairs.of_cell]
        fitted = reg.fit_panel(panel, cells, units, left_out)
        return cls(x, delete_one(x), slot, fitted, left_out)

    def treated(self, q: int, e: int, out: TermList) -> int:
        """Add the term n_h / N of a cohort."""
        total, own = self.total[:, q, e, :1], self.x[:, q, e, :1]
        return out.term(("treated", q, e), 1 / total, ("treated", q, e), own)

    def regressed(self, cells: Cells, c: int, gap: Array, out: TermList) -> int:
        """Add the term -s_h' A^-1 gap of the cells that are regressed as cell c is."""
        key = ("controls", int(cells.control_set[c]), int(self.slot[c]))
        control = self.x[:, cells.control_sets[key[1]], key[2]].sum(axis=1)
        pull = self.fitted.factor.take(self.fitted.which[c]).solve(gap)
        return out.term((key, int(cells.cohort[c])), -pull, key, control)

    def moved(self, cells: Cells, c: int, coef: Array, out: TermList) -> int:
        """Add the term s_h' coef of Stata's rule."""
        key = ("controls", int(cells.control_set[c]), int(self.slot[c]))
        control = self.x[:, cells.control_sets[key[1]], key[2]].sum(axis=1)
        return out.term(("moved", key, int(cells.cohort[c])), coef, key, control)

    def regression_terms(self, cells: Cells, out: TermList) -> None:
        """Add the terms of all cells, estimated by outcome regression."""
        groups: dict[tuple[int, int, int], list[int]] = {}
        for c in np.flatnonzero(~cells.is_base).tolist():
            key = (int(cells.cohort[c]), int(cells.control_set[c]), int(self.slot[c]))
            groups.setdefault(key, []).append(c)
        for (q, _, e), members in groups.items():
            total = self.total[:, q, e]
            terms = [
                self.treated(q, e, out),
                self.regressed(cells, members[0], total / total[:, :1], out),
            ]
            _use_as_change(out, members, terms)

    def weighting_terms(
        self,
        cells: Cells,
        compared: ComparedRows,
        coef: Array,
        method: str,
        separation: str,
        trim: float,
        out: TermList,
    ) -> None:
        """Add the terms of the cells of one propensity model with coefficients (R, k)."""
        c, sample, formulas = int(compared.cells[0]), compared.sample, WEIGHTING[method]
        q, e = int(cells.cohort[c]), int(self.slot[c])
        total = self.total[:, q, e]
        by_odds = odds_sums(sample, coef, sample.X, trim)
        rows = ControlRows.of(sample)
        key = (q, int(cells.control_set[c]), e)
        terms = [self.treated(q, e, out)]
        if formulas.regression == "odds":
            gram = odds_gram(sample, coef, self.left_out)
            pull = gram.solve(total - by_odds) / total[:, :1]
            values = odds_values(sample.X, coef, 1 / total[:, 0], pull, trim)
        else:
            scale = 1 / (by_odds if formulas.normalised else total)[:, 0]
            values = odds_values(sample.X, coef, scale, trim=trim)
        terms.append(rows.term(("odds", key), values, -1.0, key[1:], out))
        if formulas.regression == "plain":
            gap = total / total[:, :1] - mean_x(by_odds)
            terms.append(self.regressed(cells, c, gap, out))
            if separation == "csdid" and (missing := missing_rows(compared)) is not None:
                factor = self.fitted.factor.take(self.fitted.which[c])
                (shift,) = shift_coefficients(compared, missing, coef, [factor])
                values = dropped_values(sample.X, missing, shift)
                terms.append(rows.term(("dropped", key), values, 1.0, key[1:], out))
                terms.append(self.moved(cells, c, shift.fit, out))
        _use_as_change(out, compared.cells.tolist(), terms)


def _use_as_change(out: TermList, members: list[int], terms: list[int]) -> None:
    for c in members:
        for j in terms:
            out.use(c, j, time=1.0, base=-1.0)
