"""Outcome regression (`est_method="reg"`): Sant'Anna and Zhao (2020), equation (2.2).

The change of the controls is regressed on covariates and predicted for the treated, after Heckman,
Ichimura and Todd (1997). For a cohort g and a period t this is the sample version of equation
(2.3) of Callaway and Sant'Anna (2021) with never treated controls, and of (2.6) with not yet
treated ones.

All that is needed are Gram matrices and cross products, which are linear in rows. Each replicate
is therefore one small solve. Influence functions stand in `reg_influence`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
from didjack.core.moments import Clusters, RowSums
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
    panel: Panel,
    cells: Cells,
    clusters: Clusters | None,
    start: Estimates | None = None,
    left_out: Mask | None = None,
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
    left_out : (R, k) bool array, optional
        Covariates without a coefficient in a replicate, where the panel is part of another.

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first.
    """
    left_out = left_out_columns(panel, clusters) if left_out is None else left_out
    present = presence(panel, cells, clusters)
    if panel.is_panel:
        fit = fit_panel(panel, cells, unit_sums(panel, clusters), left_out)
    else:
        fit = fit_rc(panel, cells, RowMoments.of(panel, clusters), left_out)
    failures = {Status.SINGULAR: fit.singular}
    return present.estimates(fit.att, failures, cells, left_out, fault=fit.fault)


@dataclass(frozen=True, eq=False)
class ControlRegressions:
    """Regressions of the controls, and the ATT that follow from them; R replicates, m cells.

    Attributes
    ----------
    att : (R, m) array
    beta : (R, regressions, k) array
        Coefficients; `beta[:, which]` belongs to the cells.
    factor : Factor
        Of the (R, regressions, k, k) Gram matrices.
    which : (m,) int array
        In repeated cross-sections (m, 2): the regression of period t and of the base period.
    singular : (R, m) bool array
        Covariates are collinear among the controls.
    """

    att: Array = field(repr=False)
    beta: Array = field(repr=False)
    factor: Factor = field(repr=False)
    which: Index
    singular: Mask = field(repr=False)

    @property
    def fault(self) -> Index:
        """Collinear column among the controls in the full sample, (m,); -1 if there is none."""
        redundant = self.factor.redundant[0, self.which]
        if redundant.ndim == 3:  # either of two periods
            redundant = redundant.any(axis=1)
        return np.where(redundant.any(axis=1), redundant.argmax(axis=1), -1)


# ---------------------------------------------------------------- balanced panels


def fit_panel(panel: Panel, cells: Cells, units: RowSums, left_out: Mask) -> ControlRegressions:
    """Estimate from a panel: Sant'Anna and Zhao (2020), equation (2.2).

        ATT = mean_w(dy | D = 1) - mean_w(x | D = 1)' b
        b = (sum_C w x x')^-1 sum_C w x dy

    with dy the change from the base period to t, C the controls, and w and x of the earlier of
    the two periods. R: `reg_did_panel` of DRDID.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    units : RowSums
        Sums over units within replicate and cohort.
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.

    Returns
    -------
    ControlRegressions
        Coefficients are those of the change from the early to the late period, whatever the
        direction of the cell.
    """
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
    return ControlRegressions(pairs.sign * raw, beta, factor, which, factor.singular[:, which])


def _ends(pairs: Pairs) -> tuple[list[int], list[int]]:
    return pairs.early.tolist(), pairs.late.tolist()


def _control_sums(
    xx: Array, xdy: Array, sets: Mask, regressions: Index, gram_of: Index
) -> tuple[Array, Array]:
    """Add up the moments of the control cohorts of every (control set, pair) regression."""
    R, n = xx.shape[0], regressions.shape[1]
    gram, rhs = np.empty((R, n, xx.shape[-1])), np.empty((R, n, xdy.shape[-1]))
    for s, members in enumerate(sets):
        of_set = np.flatnonzero(regressions[0] == s)
        pair = regressions[1, of_set]
        gram[:, of_set] = xx[:, members].sum(axis=1)[:, gram_of[pair]]
        rhs[:, of_set] = xdy[:, members].sum(axis=1)[:, pair]
    return gram, rhs


# ---------------------------------------------------------------- repeated cross-sections


@dataclass(frozen=True, eq=False)
class RowMoments:
    """Sums of w x x' and w x y by replicate, cohort and period.

    Attributes
    ----------
    xx : (R, Q, T, k(k+1)/2) array
        Packed lower triangles.
    xy : (R, Q, T, k) array
    """

    xx: Array = field(repr=False)
    xy: Array = field(repr=False)

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


def fit_rc(panel: Panel, cells: Cells, moments: RowMoments, left_out: Mask) -> ControlRegressions:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), equation (2.2).

        ATT = mean_w(y | D = 1, late) - mean_w(y | D = 1, early) - mean_w(x | D = 1)' (b_1 - b_0)

    with b_1 and b_0 from the regressions of the controls' y on x in period t ("late") and in the
    base period ("early"), and the mean of x over the treated of both. R: `reg_did_rc` of DRDID.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    moments : RowMoments
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.

    Returns
    -------
    ControlRegressions
    """
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
    return ControlRegressions(att, beta, factor, which, singular)
