"""Influence functions of outcome regression, equation (2.2) of Sant'Anna and Zhao (2020)."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Factor, Mask
from didjack.core.moments import rows_by
from didjack.estimators.estimates import Estimates, unit_sums
from didjack.estimators.reg import RowMoments, fit_panel, fit_rc
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def influence(panel: Panel, cells: Cells, estimates: Estimates) -> Array:
    """Influence functions of the cells with an estimate in the full sample.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    estimates : Estimates
        Of the full sample; the columns of cells without an estimate stay zero.

    Returns
    -------
    (N, m) array over units of a panel, over rows of repeated cross-sections
        On the scale of R `did`: mean zero, Var(ATT) = mean square / n.
    """
    compute = _influence_panel if panel.is_panel else _influence_rc
    return compute(panel, cells, estimates.status[0] == Status.OK)


def _influence_panel(panel: Panel, cells: Cells, wanted: Mask) -> Array:
    """Influence functions of `reg.fit_panel`; as in R's `reg_did_panel`.

        psi_i / n = w1_i (e_i - ATT) - b_i' sum_j w1_j x_j,   e_i = dy_i - x_i' b

    w1 is w D scaled to add up to one, and b_i = (sum_C w x x')^-1 w_i (1 - D_i) e_i x_i the
    effect of row i on the coefficients b.
    """
    n = panel.n_units
    wide, pairs = Wide.of(panel), pairs_of(cells)
    none_left_out = np.zeros((1, panel.design.k), dtype=bool)
    controls = fit_panel(panel, cells, unit_sums(panel, None), none_left_out)
    cohort = panel.unit_cohort
    out = np.zeros((n, len(cells)), order="F")
    for c in np.flatnonzero(wanted):
        p, which = pairs.of_cell[c], controls.which[c]
        X, w = wide.X[wide.at(pairs.early[p])], wide.w[wide.at(pairs.early[p])]
        change = wide.y[pairs.late[p]] - wide.y[pairs.early[p]]
        residual = w * (change - X @ controls.beta[0, which])
        treated = cohort == cells.cohort[c]
        control = cells.control_sets[cells.control_set[c]][cohort]
        x_treated = (w[treated, None] * X[treated]).sum(axis=0)
        solved = _solve(controls.factor, which, x_treated)
        total = w[treated].sum()
        out[treated, c] = residual[treated] - w[treated] * pairs.sign[c] * controls.att[0, c]
        out[control, c] = -residual[control] * (X[control] @ solved)
        out[:, c] *= pairs.sign[c] * n / total
    return out


def _influence_rc(panel: Panel, cells: Cells, wanted: Mask) -> Array:
    """Influence functions of `reg.fit_rc`; as in R's `reg_did_rc`.

        psi_i / n = u_i(late) - u_i(early) - v_i (x_i - xbar)' (b_1 - b_0)
                    - (b_1i - b_0i)' xbar

    u_i = w1_i (y_i - mean_w(y)) within the treated of a period, v_i is w_i D_i scaled to add up
    to one over both periods, xbar = sum v_j x_j, and b_1i and b_0i are the effects of row i on
    the coefficients of the controls in the late and the early period.
    """
    Q, T = len(panel.cohorts), len(panel.times)
    X, w, y = panel.design.X, panel.w, panel.y
    none_left_out = np.zeros((1, panel.design.k), dtype=bool)
    fitted = fit_rc(panel, cells, RowMoments.of(panel, None), none_left_out)
    rows = rows_by(panel.cohort * T + panel.time, Q * T)
    out = np.zeros((len(panel.rows), len(cells)), order="F")
    for c in np.flatnonzero(wanted):
        control_cohorts = np.flatnonzero(cells.control_sets[cells.control_set[c]])
        ends = (cells.time[c], cells.base[c])
        both = np.concatenate([rows[cells.cohort[c] * T + t] for t in ends])
        pooled = (w[both, None] * X[both]).sum(axis=0)
        change = fitted.beta[0, fitted.which[c, 0]] - fitted.beta[0, fitted.which[c, 1]]
        out[both, c] -= w[both] * (X[both] @ change - pooled @ change / pooled[0]) / pooled[0]
        for sign, t, which in zip((1.0, -1.0), ends, fitted.which[c], strict=True):
            treated = rows[cells.cohort[c] * T + t]
            mean = np.average(y[treated], weights=w[treated])
            out[treated, c] += sign * w[treated] * (y[treated] - mean) / w[treated].sum()
            control = np.concatenate([rows[q * T + t] for q in control_cohorts])
            residual = y[control] - X[control] @ fitted.beta[0, which]
            solved = _solve(fitted.factor, which, pooled)
            out[control, c] -= sign * w[control] * residual * (X[control] @ solved) / pooled[0]
    return out * panel.n_units


def _solve(factor: Factor, regression: int, x_treated: Array) -> Array:
    """Return (sum_C w x x')^-1 times the sum of w x over the treated, (k,)."""
    return factor.take(regression).solve(x_treated[None])[0]
