"""Outcome regression: the change of the controls, predicted at the covariates of the treated.

All that is needed are Gram matrices and cross products, which are linear in rows. Each replicate
is therefore one small solve. Formulas: Sant'Anna and Zhao (2020), and `reg_did_panel` and
`reg_did_rc` of R `DRDID` for weights and influence functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import (
    Array,
    Factor,
    Index,
    Mask,
    factorize,
    first_column,
    pack_outer,
    unpack_symmetric,
)
from didjack.core.moments import Clusters, RowSums, rows_by
from didjack.estimators.estimates import (
    Estimates,
    left_out_columns,
    presence,
    row_sums_by_period,
    unit_sums,
)
from didjack.estimators.wide import Pairs, Wide, pairs_of
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def estimate(
    panel: Panel, cells: Cells, clusters: Clusters | None, start: Estimates | None = None
) -> Estimates:
    """Estimate every cell in the full sample and, with clusters, without each of them.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
        None: the full sample only.
    start : Estimates, optional
        Of the full sample; nothing is iterated here, so it is not used.

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first.
    """
    left_out = left_out_columns(panel, clusters)
    there = presence(panel, cells, clusters)
    if panel.is_panel:
        fit = fit_panel(panel, cells, unit_sums(panel, clusters), left_out)
    else:
        fit = fit_rc(panel, cells, RowMoments.of(panel, clusters), left_out)
    failures = {Status.SINGULAR: fit.singular}
    return there.estimates(fit.att, failures, cells, left_out, fault=fit.fault)


@dataclass(frozen=True)
class Fit:
    """Control regressions and ATT of every replicate; `beta[:, which]` belongs to the cells."""

    att: Array  # (R, m)
    beta: Array  # (R, regressions, k)
    factor: Factor  # of the (R, regressions, k, k) Gram matrices
    which: Index  # (m,) for a panel; (m, 2) in repeated cross-sections: period t, base period
    singular: Mask  # (R, m)

    @property
    def fault(self) -> Index:
        """Collinear column among the controls in the full sample, (m,); -1 if there is none."""
        redundant = self.factor.redundant[0, self.which]
        if redundant.ndim == 3:  # either of two periods
            redundant = redundant.any(axis=1)
        return np.where(redundant.any(axis=1), redundant.argmax(axis=1), -1)


# ---------------------------------------------------------------- balanced panels


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
    treated = first_column(xx[:, cells.cohort, gram_of[pairs.of_cell]], k)
    # The first entry of x dy is dy: the intercept is one.
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


# ---------------------------------------------------------------- repeated cross-sections


@dataclass(frozen=True)
class RowMoments:
    """Sums of w x x' and w x y by replicate, cohort and period."""

    xx: Array  # (R, Q, T, k(k+1)/2), packed lower triangles
    xy: Array  # (R, Q, T, k)

    @classmethod
    def of(cls, panel: Panel, clusters: Clusters | None) -> RowMoments:
        """Sum once over the rows."""
        k, Q, T = panel.design.k, len(panel.cohorts), len(panel.times)
        X, w = panel.design.X, panel.w
        sums = row_sums_by_period(panel, clusters)
        xx = sums(w[:, None] * pack_outer(X)).reshape(-1, Q, T, k * (k + 1) // 2)
        xy = sums(X * (w * panel.y)[:, None]).reshape(-1, Q, T, k)
        return cls(xx, xy)

    @property
    def k(self) -> int:
        """Number of covariates, intercept included."""
        return self.xy.shape[-1]

    @property
    def x(self) -> Array:
        """Sums of w x, (R, Q, T, k): the first column of x x'."""
        return first_column(self.xx, self.k)


def fit_rc(panel: Panel, cells: Cells, moments: RowMoments, left_out: Mask) -> Fit:
    """Regress the controls' outcome on covariates in each period, per replicate."""
    ends = np.stack([cells.time, cells.base], axis=1)
    keys = np.stack([np.repeat(cells.control_set, 2), ends.ravel()])
    regressions, which = np.unique(keys, axis=1, return_inverse=True)
    which = which.reshape(-1, 2)
    periods = np.arange(len(panel.times))
    gram, rhs = _control_sums(moments.xx, moments.xy, cells.control_sets, regressions, periods)
    factor = factorize(unpack_symmetric(gram, moments.k), left_out[:, None, :])
    beta = factor.solve(rhs)
    treated = moments.x[:, cells.cohort[:, None], ends]  # (R, m, 2, k)
    outcome = moments.xy[:, cells.cohort[:, None], ends, 0]
    pooled = treated.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = outcome / treated[..., 0]
        change = beta[:, which[:, 0]] - beta[:, which[:, 1]]
        predicted = (pooled * change).sum(axis=-1) / pooled[..., 0]
    att = means[..., 0] - means[..., 1] - predicted
    singular = np.asarray(factor.singular[:, which].any(axis=-1))
    return Fit(att, beta, factor, which, singular)


# ---------------------------------------------------------------- influence functions


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
    Q, T = len(panel.cohorts), len(panel.times)
    X, w, y = panel.design.X, panel.w, panel.y
    fit = fit_rc(
        panel, cells, RowMoments.of(panel, None), np.zeros((1, panel.design.k), dtype=bool)
    )
    rows = rows_by(panel.cohort * T + panel.time, Q * T)
    out = np.zeros((len(panel.rows), len(cells)), order="F")
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
    return out * panel.n_units


def _pull(factor: Factor, regression: int, treated: Array) -> Array:
    """Solve X'WX a = sum of w x over the treated: how a control's residual moves the ATT."""
    return factor.take(regression).solve(treated[None])[0]
