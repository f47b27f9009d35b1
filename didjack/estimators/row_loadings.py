"""Terms of the loadings of cells in cross-sections; formulas in `didjack.estimators.loadings`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Factor, Mask, factorize, unpack_symmetric
from didjack.core.moments import Clusters, delete_one
from didjack.estimators import reg
from didjack.estimators.control_terms import ControlRows, dropped_values, odds_gram, odds_values
from didjack.estimators.csdid_rule import missing_rows, shift_coefficients
from didjack.estimators.estimates import row_sums_by_period
from didjack.estimators.ipw_ht import period_scales
from didjack.estimators.loading_terms import TermList
from didjack.estimators.methods import WEIGHTING, Method
from didjack.estimators.odds import mean_x, odds_sums
from didjack.estimators.samples import ComparedRows
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True, eq=False)
class RowTerms:
    """Sums of w x of cross-sections, and the regressions of controls and of treated.

    Attributes
    ----------
    x : (C, Q, T, k) array
    total : (R, Q, T, k) array
        Their sums in every replicate.
    fitted : ControlRegressions
    treated : Factor
        Of the sums of w x x' of each cohort and period, (R, Q, T, k, k).
    left_out : (R, k) bool array
    """

    x: Array
    total: Array
    fitted: reg.ControlRegressions
    treated: Factor
    left_out: Mask

    @classmethod
    def of(cls, panel: Panel, cells: Cells, clusters: Clusters, left_out: Mask) -> RowTerms:
        """Add up, and fit the regressions in all replicates."""
        k = panel.design.k
        moments = reg.RowMoments.of(panel, clusters)
        x = row_sums_by_period(panel, clusters).within(panel.w[:, None] * panel.design.X)
        x = x.reshape(len(clusters), len(panel.cohorts), len(panel.times), k)
        fitted = reg.fit_rc(panel, cells, moments, left_out)
        treated = factorize(unpack_symmetric(moments.xx, k), left_out[:, None, None, :])
        return cls(x, delete_one(x), fitted, treated, left_out)

    def mean_x(self, cells: Cells, c: int) -> Array:
        """Return the mean of x over the treated of both periods, (R, k)."""
        q = cells.cohort[c]
        pooled = self.total[:, q, cells.time[c]] + self.total[:, q, cells.base[c]]
        return pooled / pooled[:, :1]

    def controls(self, cells: Cells, c: int, t: int) -> tuple[tuple[str, int, int], Array]:
        """Return a key and the sums of w x over the controls of a cell in a period, (C, k)."""
        s = int(cells.control_set[c])
        return ("controls", s, t), self.x[:, cells.control_sets[s], t].sum(axis=1)

    def regression_terms(self, cells: Cells, out: TermList) -> None:
        """Add the terms of all cells, estimated by outcome regression."""
        for c in np.flatnonzero(~cells.is_base).tolist():
            q, target = int(cells.cohort[c]), self.mean_x(cells, c)
            for e, t in enumerate((int(cells.time[c]), int(cells.base[c]))):
                total, own = self.total[:, q, t, :1], self.x[:, q, t, :1]
                key, control = self.controls(cells, c, t)
                pull = self.fitted.factor.take(self.fitted.which[c, e]).solve(target)
                # Without covariates all cells of a cohort have the same regression.
                cell = q if target.shape[1] == 1 else (c, e)
                _use_at(out, c, e, out.term(("treated", q, t), 1 / total, ("treated", q, t), own))
                _use_at(out, c, e, out.term((key, cell), -pull, key, control))

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
        """Add the terms of the cell of one propensity model with coefficients (R, k)."""
        c, sample, formulas = int(compared.cells[0]), compared.sample, WEIGHTING[method]
        assert compared.late is not None
        factors = [self.fitted.factor.take(which) for which in self.fitted.which[c]]
        as_stata = formulas.regression == "plain" and separation == "csdid"
        missing = missing_rows(compared) if as_stata else None
        scales = None if formulas.normalised else period_scales(sample, compared.late)
        shifts = []
        if missing is not None:
            shifts = shift_coefficients(compared, missing, coef, factors)
        for e, t in enumerate((int(cells.time[c]), int(cells.base[c]))):
            part = compared.late if e == 0 else ~compared.late
            rows, of_period = ControlRows.of(sample, part), sample.take(part)
            key, control = self.controls(cells, c, t)
            by_odds, pull = odds_sums(of_period, coef, of_period.X, trim), None
            if formulas.regression != "none":
                gap = self._target(cells, c, t, formulas) - mean_x(by_odds)
                if formulas.regression == "plain":
                    fit = out.term((key, c, e), -factors[e].solve(gap), key, control)
                    _use_at(out, c, e, fit)
                else:
                    pull = odds_gram(of_period, coef, self.left_out).solve(gap)
            scale = None if scales is None else scales[:, e]
            _use_at(out, c, e, self._treated(cells, c, t, formulas, scale, out))
            scale = 1 / by_odds[:, 0] if scale is None else scale
            values = odds_values(sample.X, coef, scale, pull, trim)
            _use_at(out, c, e, rows.term(("odds", c, e), values, -1.0, key, out))
            if missing is not None:
                # Stata's rule adds to the estimate, whatever the period.
                values = dropped_values(sample.X, missing, shifts[e])
                dropped = rows.term(("dropped", c, e), values, 1.0, key, out)
                moved = out.term(("moved", c, e), shifts[e].fit, key, control)
                for j in (dropped, moved):
                    _use_at(out, c, e, j, sign=1.0)

    def _target(self, cells: Cells, c: int, t: int, formulas: Method) -> Array:
        """Return the mean of x that regressions predict for, (R, k)."""
        return (
            self.mean_x(cells, c)
            if formulas.efficient
            else mean_x(self.total[:, cells.cohort[c], t])
        )

    def _treated(
        self,
        cells: Cells,
        c: int,
        t: int,
        formulas: Method,
        scale: Array | None,
        out: TermList,
    ) -> int:
        """Add the term of the treated: their mean, sum, or what their regression predicts."""
        q = int(cells.cohort[c])
        total, own = self.total[:, q, t], self.x[:, q, t]
        if scale is not None:
            key = ("scaled", c, t)
            return out.term(key, scale[:, None], ("treated", q, t), own[:, :1])
        if formulas.regression == "none" or not formulas.efficient:
            return out.term(("treated", q, t), 1 / total[:, :1], ("treated", q, t), own[:, :1])
        regression = Factor(
            self.treated.lower[:, q, t],
            self.treated.pivots[:, q, t],
            self.treated.redundant[:, q, t],
            self.treated.excluded[:, q, t],
        )
        coef = regression.solve(self.mean_x(cells, c))
        return out.term(("treated", c, t), coef, ("treated", q, t), own)


def _use_at(out: TermList, c: int, e: int, j: int, sign: float | None = None) -> None:
    """Use a term in period t of a cell (e = 0), or with the other sign in its base period."""
    if e == 0:
        out.use(c, j, time=1.0 if sign is None else sign)
    else:
        out.use(c, j, base=-1.0 if sign is None else sign)
