"""Outcome regression: the change of the controls, predicted at the covariates of the treated.

All that is needed are Gram matrices and cross products, which are linear in rows. Each replicate
is therefore one small solve. Formulas: Sant'Anna and Zhao (2020), and `reg_did_panel` and
`reg_did_rc` of R `DRDID` for weights and influence functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from didjack.cells import Cells, Status
from didjack.estimators.results import (
    Estimates,
    cohort_totals,
    left_out_columns,
    row_sums_by_period,
    settle,
    unit_sums,
)
from didjack.linalg import Array, Factor, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.moments import Clusters, RowSums
from didjack.panel import Panel


def estimate(panel: Panel, cells: Cells, clusters: Clusters | None) -> Estimates:
    """Estimate every cell in the full sample and, with clusters, without each of them.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
        None: the full sample only.

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first.
    """
    left_out = left_out_columns(panel, clusters)
    units = unit_sums(panel, clusters)
    cohort_rows, cohort_weight = cohort_totals(units, panel)
    if panel.is_panel:
        fit = fit_panel(panel, cells, units, left_out)
        treated = cohort_rows[:, cells.cohort]
        control = (cohort_rows @ cells.control_sets.T)[:, cells.control_set]
        missing_treated, missing_control = treated == 0, control == 0
    else:
        sums = row_sums_by_period(panel, clusters)
        fit = fit_rc(panel, cells, sums, left_out)
        pair = _pair_counts(panel, cells, sums)
        treated, control = pair.treated.sum(axis=-1), pair.control.sum(axis=-1)
        missing_treated = (pair.treated == 0).any(axis=-1)
        missing_control = (pair.control == 0).any(axis=-1)
    status = np.full(fit.att.shape, Status.OK, dtype=np.int8)
    status[fit.singular] = Status.SINGULAR
    status[missing_control] = Status.NO_CONTROLS
    status[missing_treated] = Status.NO_TREATED
    att, status = settle(fit.att, status, cells)
    return Estimates(
        att=att,
        status=status,
        n_treated=treated[0],
        n_control=control[0],
        cohort_rows=cohort_rows,
        cohort_weight=cohort_weight,
        left_out=left_out,
    )


@dataclass(frozen=True)
class Fit:
    """Control regressions and ATT of every replicate; `beta[:, which]` belongs to the cells."""

    att: Array  # (R, m)
    beta: Array  # (R, regressions, k)
    factor: Factor  # of the (R, regressions, k, k) Gram matrices
    which: Index  # (m,) for a panel; (m, 2) in repeated cross-sections: period t, base period
    singular: Mask  # (R, m)


# ---------------------------------------------------------------- balanced panels


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


def fit_panel(panel: Panel, cells: Cells, units: RowSums, left_out: Mask) -> Fit:
    """Regress the controls' change on the covariates of the earlier period, per replicate."""
    k = panel.design.k
    pairs = pairs_of(cells)
    wide = Wide.of(panel)
    gram_of, periods = wide.gram_periods(pairs.early)
    xx = np.stack([units(wide.weighted_outer(e)) for e in periods], axis=2)
    xdy = np.stack([units(wide.weighted_change(e, t)) for e, t in zip(*_ends(pairs), strict=True)],
                   axis=2)  # fmt: skip
    keys = np.stack([cells.control_set, pairs.of_cell])
    regressions, which = np.unique(keys, axis=1, return_inverse=True)
    which = which.reshape(-1)
    gram, rhs = _control_sums(xx, xdy, cells.control_sets, regressions, gram_of)
    factor = factorize(unpack_symmetric(gram, k), left_out[:, None, :])
    beta = factor.solve(rhs)
    # The first row of x x' is x itself, the first entry of x dy is dy: the intercept is one.
    firsts = np.cumsum(np.arange(k + 1))[:k]
    at = gram_of[pairs.of_cell]
    treated = xx[:, cells.cohort, at][..., firsts]
    change = xdy[:, cells.cohort, pairs.of_cell, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = (change - (treated * beta[:, which]).sum(axis=-1)) / treated[..., 0]
    return Fit(pairs.sign * raw, beta, factor, which, factor.singular[:, which])


def _ends(pairs: Pairs) -> tuple[list[int], list[int]]:
    return pairs.early.tolist(), pairs.late.tolist()


def _control_sums(
    xx: Array, xdy: Array, sets: Mask, regressions: Index, gram_of: Index
) -> tuple[Array, Array]:
    """Add up the moments of the control cohorts of every (control set, pair) regression."""
    R, n = xx.shape[0], regressions.shape[1]
    gram, rhs = np.empty((R, n, xx.shape[-1])), np.empty((R, n, xdy.shape[-1]))
    for s, members in enumerate(sets):
        mine = np.flatnonzero(regressions[0] == s)
        pair = regressions[1, mine]
        gram[:, mine] = xx[:, members].sum(axis=1)[:, gram_of[pair]]
        rhs[:, mine] = xdy[:, members].sum(axis=1)[:, pair]
    return gram, rhs


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
        w = panel.w.reshape(n, T).T
        X = panel.design.X.reshape(n, T, -1).transpose(1, 0, 2)
        constant = bool((w == w[0]).all() and (X == X[0]).all())
        if constant:
            w, X = w[:1], X[:1]
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


# ---------------------------------------------------------------- repeated cross-sections


@dataclass(frozen=True)
class PairCounts:
    """Rows of the treated and of the controls in (t, base), both (R, m, 2)."""

    treated: NDArray[np.int64]
    control: NDArray[np.int64]


def _pair_counts(panel: Panel, cells: Cells, sums: RowSums) -> PairCounts:
    Q, T = len(panel.cohorts), len(panel.times)
    rows = np.rint(sums(np.ones((len(panel.rows), 1)))).astype(np.int64)
    rows = rows.reshape(-1, Q, T)
    controls = np.einsum("sq,rqt->rst", cells.control_sets, rows)
    ends = np.stack([cells.time, cells.base], axis=1)
    return PairCounts(
        rows[:, cells.cohort[:, None], ends], controls[:, cells.control_set[:, None], ends]
    )


def fit_rc(panel: Panel, cells: Cells, sums: RowSums, left_out: Mask) -> Fit:
    """Regress the controls' outcome on covariates in each period, per replicate."""
    k, Q, T = panel.design.k, len(panel.cohorts), len(panel.times)
    X, w, y = panel.design.X, panel.w, panel.y
    xx = sums(w[:, None] * pack_outer(X)).reshape(-1, Q, T, k * (k + 1) // 2)
    xy = sums(X * (w * y)[:, None]).reshape(-1, Q, T, k)
    ends = np.stack([cells.time, cells.base], axis=1)
    keys = np.stack([np.repeat(cells.control_set, 2), ends.ravel()])
    regressions, which = np.unique(keys, axis=1, return_inverse=True)
    which = which.reshape(-1, 2)
    gram, rhs = _control_sums(xx, xy, cells.control_sets, regressions, np.arange(T))
    factor = factorize(unpack_symmetric(gram, k), left_out[:, None, :])
    beta = factor.solve(rhs)
    firsts = np.cumsum(np.arange(k + 1))[:k]
    treated = xx[:, cells.cohort[:, None], ends][..., firsts]  # (R, m, 2, k)
    outcome = xy[:, cells.cohort[:, None], ends, 0]
    pooled = treated.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = outcome / treated[..., 0]
        change = beta[:, which[:, 0]] - beta[:, which[:, 1]]
        predicted = (pooled * change).sum(axis=-1) / pooled[..., 0]
    att = means[..., 0] - means[..., 1] - predicted
    return Fit(att, beta, factor, which, np.asarray(factor.singular[:, which].any(axis=-1)))


# ---------------------------------------------------------------- influence functions


def influence(panel: Panel, cells: Cells) -> Array:
    """Influence functions of all cells in the full sample.

    Parameters
    ----------
    panel : Panel
    cells : Cells

    Returns
    -------
    (n, m) array
        Mean zero over units; the variance of ATT(g,t) is its mean square over n. Zero for base
        periods, NaN for cells without an estimate. Scaled by n over the units of the cell, as
        R `did` does.
    """
    status = estimate(panel, cells, None).status[0]
    compute = _influence_panel if panel.is_panel else _influence_rc
    out = compute(panel, cells, status == Status.OK)
    out[:, ~np.isin(status, (Status.OK, Status.BASE_PERIOD))] = np.nan
    return out


def _influence_panel(panel: Panel, cells: Cells, wanted: Mask) -> Array:
    n = panel.n_units
    wide, pairs = Wide.of(panel), pairs_of(cells)
    units = unit_sums(panel, None)
    fit = fit_panel(panel, cells, units, np.zeros((1, panel.design.k), dtype=bool))
    cohort = panel.unit_cohort
    out = np.zeros((n, len(cells)), order="F")
    for c in np.flatnonzero(wanted):
        p = pairs.of_cell[c]
        X, w = wide.X[wide.at(pairs.early[p])], wide.w[wide.at(pairs.early[p])]
        change = wide.y[pairs.late[p]] - wide.y[pairs.early[p]]
        residual = w * (change - X @ fit.beta[0, fit.which[c]])
        treated = cohort == cells.cohort[c]
        control = cells.control_sets[cells.control_set[c]][cohort]
        pull = _pull(fit.factor, fit.which[c], (w[treated, None] * X[treated]).sum(axis=0))
        total = w[treated].sum()
        out[treated, c] = residual[treated] - w[treated] * pairs.sign[c] * fit.att[0, c]
        out[control, c] = -residual[control] * (X[control] @ pull)
        out[:, c] *= pairs.sign[c] * n / total
    return out


def _influence_rc(panel: Panel, cells: Cells, wanted: Mask) -> Array:
    n, Q, T = len(panel.rows), len(panel.cohorts), len(panel.times)
    X, w, y = panel.design.X, panel.w, panel.y
    sums = row_sums_by_period(panel, None)
    fit = fit_rc(panel, cells, sums, np.zeros((1, panel.design.k), dtype=bool))
    rows = _rows_by(panel.cohort * T + panel.time, Q * T)
    out = np.zeros((n, len(cells)), order="F")
    for c in np.flatnonzero(wanted):
        controls = np.flatnonzero(cells.control_sets[cells.control_set[c]])
        ends = (cells.time[c], cells.base[c])
        both = np.concatenate([rows[cells.cohort[c] * T + t] for t in ends])
        pooled = (w[both, None] * X[both]).sum(axis=0)
        change = fit.beta[0, fit.which[c, 0]] - fit.beta[0, fit.which[c, 1]]
        out[both, c] -= w[both] * (X[both] @ change - pooled @ change / pooled[0]) / pooled[0]
        for sign, t, r in zip((1.0, -1.0), ends, fit.which[c], strict=True):
            own = rows[cells.cohort[c] * T + t]
            mean = np.average(y[own], weights=w[own])
            out[own, c] += sign * w[own] * (y[own] - mean) / w[own].sum()
            other = np.concatenate([rows[q * T + t] for q in controls])
            residual = y[other] - X[other] @ fit.beta[0, r]
            pull = _pull(fit.factor, r, pooled)
            out[other, c] -= sign * w[other] * residual * (X[other] @ pull) / pooled[0]
    out *= n
    return out


def _rows_by(code: Index, n: int) -> list[Index]:
    """List the rows that carry each of the codes 0..n-1."""
    order = np.argsort(code, kind="stable")
    return np.split(order, np.cumsum(np.bincount(code, minlength=n))[:-1])


def _pull(factor: Factor, regression: int, treated: Array) -> Array:
    """Solve X'WX a = sum of w x over the treated: how a control's residual moves the ATT."""
    one = Factor(
        factor.lower[0, regression],
        factor.pivots[0, regression],
        factor.redundant[0, regression],
        factor.excluded[0, regression],
    )
    return one.solve(treated)
