"""What every cluster contributes to ATT(g,t), in every replicate: the estimators as linear forms.

Given cohorts, covariates and weights, all estimators are linear in outcomes, and so is every
deletion: ATT = sum_i l_i y_i. Propensities, trimming and Newton's steps depend on covariates only.
A shock that moves all rows of cluster h in one period by one therefore moves ATT(g,t) by the sum
of l_i over these rows. In a panel that is a_h in period t and -a_h in the base period, with

- reg:  a_h = n_h / N - s_h' A^-1 xbar,
- ipw:  a_h = n_h / N - O_h / O,
- dr:   a_h = n_h / N - O_h / O - s_h' A^-1 (xbar - xbar_o),

where n_h is the weight of the treated in cluster h and N its sum, xbar the mean of x over the
treated, s_h the sum of w x over the controls in cluster h and A the controls' sum of w x x', O_h
the sum of their odds and O its sum, xbar_o the mean of x by odds. All of these are those of the
replicate; a deleted cluster contributes nothing. In repeated cross-sections the two periods have
sums of their own; the propensity is common to both. An estimator without formulas here is estimated
with outcomes that are one in one cluster and period: slower, and no less exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from didjack.core.linalg import (
    Array,
    Factor,
    Mask,
    factorize,
    first_column,
    pack_outer,
    unpack_symmetric,
)
from didjack.core.moments import Clusters, delete_one
from didjack.estimators import reg
from didjack.estimators.estimates import (
    Estimates,
    left_out_columns,
    row_sums_by_period,
    unit_sums,
)
from didjack.estimators.odds import TRIM, control_odds, mean_x, odds_sums
from didjack.estimators.propensity import Sample
from didjack.estimators.registry import estimator
from didjack.estimators.samples import compared_rows
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

# Those with formulas here.
KNOWN = ("reg", "ipw", "dr", "drimp")


@dataclass(frozen=True, eq=False)
class CellLoadings:
    """Coefficients of cluster-by-period shocks in ATT(g,t); R replicates, C clusters, m cells.

    Attributes
    ----------
    time : (R, C, m) array
        Of the shock to cluster h in period t of the cell.
    base : (R, C, m) array
        Of the shock in its base period.
    """

    time: Array = field(repr=False)
    base: Array = field(repr=False)


def cell_loadings(
    panel: Panel, cells: Cells, clusters: Clusters, method: str, estimates: Estimates
) -> CellLoadings:
    """Find the loadings of every cell, in the full sample and without each cluster.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters
    method : str
        A name in `didjack.estimators.ESTIMATORS`.
    estimates : Estimates
        Of all R = C + 1 replicates, with their propensity models.

    Returns
    -------
    CellLoadings
        Zero for base periods; of no meaning for cells that a replicate does not have.
    """
    if panel.design.intercept_only:
        method = "reg"  # all estimators coincide
    compute = _panel_loadings if panel.is_panel else _rows_loadings
    if method not in KNOWN:
        compute = _basis_loadings
    with np.errstate(divide="ignore", invalid="ignore"):
        time, base = compute(panel, cells, clusters, method, estimates)
    h = np.arange(len(clusters))
    for part in (time, base):
        part[h + 1, h] = 0.0
        part[:, :, cells.is_base] = 0.0
    return CellLoadings(time, base)


def _basis_loadings(
    panel: Panel, cells: Cells, clusters: Clusters, method: str, estimates: Estimates
) -> tuple[Array, Array]:
    """Estimate outcomes that are one in one cluster and period, and zero elsewhere."""
    estimate = estimator(method).estimate
    time, base = np.zeros((2, len(clusters) + 1, len(clusters), len(cells)))
    for h in range(len(clusters)):
        for t in range(len(panel.times)):
            shock = ((clusters.code == h) & (panel.time == t)).astype(np.float64)
            att = estimate(replace(panel, y=shock), cells, clusters, None).att
            time[:, h, cells.time == t] = att[:, cells.time == t]
            base[:, h, cells.base == t] = att[:, cells.base == t]
    return time, base


# ---------------------------------------------------------------- balanced panels


def _panel_loadings(
    panel: Panel, cells: Cells, clusters: Clusters, method: str, estimates: Estimates
) -> tuple[Array, Array]:
    units, left_out = unit_sums(panel, clusters), left_out_columns(panel, clusters)
    wide, pairs = Wide.of(panel), pairs_of(cells)
    gram_of, periods = wide.gram_periods(pairs.early)
    sums = np.stack([units.within(wide.weighted_outer(e)) for e in periods], axis=2)
    x = first_column(sums, panel.design.k)[:, :, gram_of[pairs.of_cell]]  # (C, Q, m, k)
    out = np.zeros((len(clusters) + 1, len(clusters), len(cells)))
    treated = x[:, cells.cohort, np.arange(len(cells))]  # (C, m, k)
    total = delete_one(treated)
    weight = treated[None, ..., 0] / total[:, None, :, 0]
    direction = total / total[..., :1]
    fitted = reg.fit_panel(panel, cells, units, left_out)

    def regressed(c: int, gap: Array) -> Array:
        control = x[:, cells.control_sets[cells.control_set[c]], c].sum(axis=1)
        return np.asarray(fitted.factor.take(fitted.which[c]).solve(gap) @ control.T)

    if method == "reg":
        for c in range(len(cells)):
            out[:, :, c] = weight[..., c] - regressed(c, direction[:, c])
        return out, -out
    for comparison in compared_rows(panel, cells, clusters):
        first = int(comparison.cells[0])
        sample, coef = comparison.sample, estimates.models[first].coef
        odds = odds_by_cluster(sample, coef, np.ones((len(sample.w), 1)), TRIM)[..., 0]
        by_odds = odds_sums(sample, coef, sample.X, TRIM)
        if method == "drimp":
            gram, by_cluster = _odds_regression(sample, coef, left_out)
            pull = gram.solve(total[:, first] - by_odds)
            share = (odds + np.einsum("rck,rk->rc", by_cluster, pull)) / total[:, first, :1]
        else:
            share = odds / odds.sum(axis=1, keepdims=True)
        for c in comparison.cells:
            out[:, :, c] = weight[..., c] - share
            if method == "dr":
                out[:, :, c] -= regressed(c, direction[:, c] - mean_x(by_odds))
    return out, -out


# ---------------------------------------------------------------- repeated cross-sections


def _rows_loadings(
    panel: Panel, cells: Cells, clusters: Clusters, method: str, estimates: Estimates
) -> tuple[Array, Array]:
    Q, T, k, C = len(panel.cohorts), len(panel.times), panel.design.k, len(clusters)
    left_out = left_out_columns(panel, clusters)
    moments = reg.RowMoments.of(panel, clusters)
    x = row_sums_by_period(panel, clusters).within(panel.w[:, None] * panel.design.X)
    x = x.reshape(C, Q, T, k)
    fitted = reg.fit_rc(panel, cells, moments, left_out)
    factor = factorize(unpack_symmetric(moments.xx, k), left_out[:, None, None, :])
    weighting = {} if method == "reg" else _weighting(panel, cells, clusters, estimates)
    out = np.zeros((2, C + 1, C, len(cells)))
    for c in np.flatnonzero(~cells.is_base):
        q, controls = cells.cohort[c], cells.control_sets[cells.control_set[c]]
        ends = (cells.time[c], cells.base[c])
        pooled = delete_one(x[:, q, ends[0]] + x[:, q, ends[1]])
        target = pooled / pooled[:, :1]
        for e, (sign, t) in enumerate(zip((1.0, -1.0), ends, strict=True)):
            own, control = x[:, q, t], x[:, controls, t].sum(axis=1)
            load = own[:, 0] / delete_one(own)[:, :1]
            if method == "reg":
                pull = fitted.factor.take(fitted.which[c, e]).solve(target)
                out[e, :, :, c] = sign * (load - pull @ control.T)
                continue
            sample, coef, late = weighting[int(c)]
            part = sample.take(late if e == 0 else ~late)
            odds = odds_by_cluster(part, coef, np.ones((len(part.w), 1)), TRIM)[..., 0]
            share = odds / odds.sum(axis=1, keepdims=True)
            if method == "ipw":
                out[e, :, :, c] = sign * (load - share)
                continue
            treated = Factor(
                factor.lower[:, q, t],
                factor.pivots[:, q, t],
                factor.redundant[:, q, t],
                factor.excluded[:, q, t],
            )
            load = treated.solve(target) @ own.T
            gap = target - mean_x(odds_sums(part, coef, part.X, TRIM))
            if method == "dr":
                pull = fitted.factor.take(fitted.which[c, e]).solve(gap)
                fit = pull @ control.T
            else:
                gram, by_cluster = _odds_regression(part, coef, left_out)
                fit = np.einsum("rck,rk->rc", by_cluster, gram.solve(gap))
            out[e, :, :, c] = sign * (load - share - fit)
    return out[0], out[1]


def _weighting(
    panel: Panel, cells: Cells, clusters: Clusters, estimates: Estimates
) -> dict[int, tuple[Sample, Array, Mask]]:
    """Return sample, coefficients (R, k) and late rows of the propensity model of every cell."""
    found = {}
    for comparison in compared_rows(panel, cells, clusters):
        c = int(comparison.cells[0])
        assert comparison.late is not None
        found[c] = (comparison.sample, estimates.models[c].coef, comparison.late)
    return found


# ---------------------------------------------------------------- sums by odds


def odds_by_cluster(sample: Sample, coef: Array, features: Array, trim: float) -> Array:
    """Sum features over the controls of every cluster, by their odds; (R, C, F) from (n, F)."""
    assert sample.cluster is not None
    R, F = sample.n_replicates, features.shape[1]
    out = np.zeros((F, R - 1, R))
    for rows, deleted in sample.chunks(np.arange(R)):
        odds = control_odds(sample, rows, deleted, coef, trim)
        code = sample.cluster[rows]
        n = np.arange(len(code))
        for f in range(F):
            indicator = sparse.csr_array((features[rows, f], (code, n)), shape=(R - 1, len(code)))
            out[f] += indicator @ odds
    return out.transpose(2, 1, 0)


def _odds_regression(sample: Sample, coef: Array, left_out: Mask) -> tuple[Factor, Array]:
    """Factor the controls' sum of o x x', and return their sums of o x by cluster (R, C, k)."""
    k = sample.X.shape[1]
    packed = odds_sums(sample, coef, pack_outer(sample.X), np.inf)
    return (
        factorize(unpack_symmetric(packed, k), left_out),
        odds_by_cluster(sample, coef, sample.X, np.inf),
    )
