"""What every cluster contributes to ATT(g,t), in every replicate: the estimators as linear forms.

Given cohorts, covariates and weights, all estimators are linear in outcomes, and so is every
deletion: ATT = sum_i l_i y_i. Propensities, trimming and Newton's steps depend on covariates only.
A shock that moves all rows of cluster h in one period by one therefore moves ATT(g,t) by the sum
of l_i over these rows. In a panel that is a_h in period t and -a_h in the base period, with

- reg:  a_h = n_h / N - s_h' A^-1 xbar,
- ipw:  a_h = n_h / N - O_h / O,
- ipw_ht:  a_h = (n_h - O_h) / N,
- dr:   a_h = n_h / N - O_h / O - s_h' A^-1 (xbar - xbar_o),

where n_h is the weight of the treated in cluster h and N its sum, xbar the mean of x over the
treated, s_h the sum of w x over the controls in cluster h and A the controls' sum of w x x', O_h
the sum of their odds and O its sum, xbar_o the mean of x by odds. All of these are those of the
replicate; a deleted cluster contributes nothing. In repeated cross-sections the two periods have
sums of their own; the propensity is common to both. (`ipw_ht` has W / (W_D W_t) in place of 1 / N,
and `dr_rc1` and `drimp_rc1` have the mean of x over the treated of each period.) Every summand is a
term of `didjack.estimators.loading_terms`; those of odds stand in `control_terms`. An estimator
without formulas here is estimated with outcomes that are one in one cluster and period: slower, and
no less exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from didjack.core.linalg import Mask
from didjack.core.moments import Clusters
from didjack.estimators.estimates import Estimates, left_out_columns
from didjack.estimators.loading_terms import CellLoadings, TermList
from didjack.estimators.methods import WEIGHTING, is_difference_of_means
from didjack.estimators.odds import TRIM
from didjack.estimators.own import OwnFunction
from didjack.estimators.own_loadings import own_terms
from didjack.estimators.panel_loadings import PanelTerms
from didjack.estimators.parts import parts_of
from didjack.estimators.registry import estimator
from didjack.estimators.row_loadings import RowTerms
from didjack.estimators.samples import compared_rows
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

# Those with formulas here.
KNOWN = ("reg", *WEIGHTING)


def cell_loadings(
    panel: Panel,
    cells: Cells,
    clusters: Clusters,
    method: str,
    estimates: Estimates,
    separation: str = "drop",
    *,
    trim: float = TRIM,
    fix_weights: str | None = None,
    function: OwnFunction | None = None,
) -> CellLoadings:
    """Find the loadings of every cell, in the full sample and without each cluster.

    Cells with samples of their own (`didjack.estimators.parts`) load on a cluster and period by
    the rows that their part has of it.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters
    method : str
        A name in `didjack.estimators.ESTIMATORS`.
    estimates : Estimates
        Of all R = C + 1 replicates, with their propensity models.
    separation : str
        As in `didjack.att_gt`; "csdid" adds what Stata's rule adds to `dr`.
    trim : float
        Controls with this propensity or a larger one get no weight.
    fix_weights : str or None
        As in `didjack.att_gt`.
    function : callable, optional
        The estimator, where it is one of the user's own.

    Returns
    -------
    CellLoadings

    Raises
    ------
    DesignError
        There are too many clusters for odds of continuous covariates, or a function of the
        user's own is not linear in outcomes.
    """
    out = TermList(len(clusters), len(cells))
    left_out = left_out_columns(panel, clusters)
    how = _How(method, "csdid" if separation == "csdid" else "drop", trim, left_out, function)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = parts_of(panel, cells, fix_weights)
        if parts is None:
            _add_terms(panel, cells, clusters, estimates, how, out)
        for i, part in enumerate(parts or ()):
            out.enter(i, part.at)
            own = part.clusters(clusters)
            _add_terms(part.panel, part.cells, own, part.estimates(estimates), how, out)
    return out.loadings()


@dataclass(frozen=True, eq=False)
class _How:
    """How cells are estimated: arguments of `cell_loadings`, and the (R, k) `left_out`."""

    method: str
    separation: str
    trim: float
    left_out: Mask
    function: OwnFunction | None = None


def _add_terms(
    panel: Panel, cells: Cells, clusters: Clusters, estimates: Estimates, how: _How, out: TermList
) -> None:
    if how.function is not None:
        own_terms(panel, cells, clusters, how.left_out, how.function, out)
        return
    plain = is_difference_of_means(panel, how.method)
    if how.method not in KNOWN and not plain:
        _basis_terms(panel, cells, clusters, how, out)
        return
    form = PanelTerms if panel.is_panel else RowTerms
    terms = form.of(panel, cells, clusters, how.left_out)
    if how.method == "reg" or plain:
        terms.regression_terms(cells, out)
        return
    for compared in compared_rows(panel, cells, clusters):
        coef = estimates.models[int(compared.cells[0])].coef
        terms.weighting_terms(cells, compared, coef, how.method, how.separation, how.trim, out)


def _basis_terms(panel: Panel, cells: Cells, clusters: Clusters, how: _How, out: TermList) -> None:
    """Estimate outcomes that are one in one cluster and period, and zero elsewhere."""
    estimate = estimator(how.method, how.separation, how.trim).estimate
    time, base = np.zeros((2, len(clusters) + 1, len(clusters), len(cells)))
    for h in range(len(clusters)):
        for t in range(len(panel.times)):
            shock = ((clusters.code == h) & (panel.time == t)).astype(np.float64)
            att = estimate(replace(panel, y=shock), cells, clusters, None).att
            time[:, h, cells.time == t] = att[:, cells.time == t]
            base[:, h, cells.base == t] = att[:, cells.base == t]
    for c in np.flatnonzero(~cells.is_base).tolist():
        out.use(c, out.matrix((c, "time"), time[:, :, c]), time=1.0)
        out.use(c, out.matrix((c, "base"), base[:, :, c]), base=1.0)
