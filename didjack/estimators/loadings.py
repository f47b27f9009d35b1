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
sums of their own; the propensity is common to both. Every summand is a term of
`didjack.estimators.loading_terms`; those of odds stand in `control_terms`. An estimator without
formulas here is estimated with outcomes that are one in one cluster and period: slower, and no less
exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from didjack.core.moments import Clusters
from didjack.estimators.estimates import Estimates
from didjack.estimators.loading_terms import CellLoadings, TermList
from didjack.estimators.panel_loadings import PanelTerms
from didjack.estimators.registry import estimator
from didjack.estimators.row_loadings import RowTerms
from didjack.estimators.samples import compared_rows
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

# Those with formulas here.
KNOWN = ("reg", "ipw", "dr", "drimp")


def cell_loadings(
    panel: Panel,
    cells: Cells,
    clusters: Clusters,
    method: str,
    estimates: Estimates,
    separation: str = "drop",
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
    separation : str
        As in `didjack.att_gt`; "csdid" adds what Stata's rule adds to `dr`.

    Returns
    -------
    CellLoadings

    Raises
    ------
    DesignError
        There are too many clusters for odds of continuous covariates.
    """
    out = TermList(len(clusters), len(cells))
    if panel.design.intercept_only:
        method = "reg"  # all estimators coincide
    arguments = panel, cells, clusters, method, estimates, separation, out
    with np.errstate(divide="ignore", invalid="ignore"):
        if method not in KNOWN:
            _basis_terms(panel, cells, clusters, method, separation, out)
        elif panel.is_panel:
            _add_terms(PanelTerms.of(panel, cells, clusters), *arguments)
        else:
            _add_terms(RowTerms.of(panel, cells, clusters), *arguments)
    return out.loadings()


def _add_terms(
    terms: PanelTerms | RowTerms,
    panel: Panel,
    cells: Cells,
    clusters: Clusters,
    method: str,
    estimates: Estimates,
    separation: str,
    out: TermList,
) -> None:
    if method == "reg":
        terms.regression_terms(cells, out)
        return
    for compared in compared_rows(panel, cells, clusters):
        coef = estimates.models[int(compared.cells[0])].coef
        terms.weighting_terms(cells, compared, coef, method, separation, out)


def _basis_terms(
    panel: Panel, cells: Cells, clusters: Clusters, method: str, separation: str, out: TermList
) -> None:
    """Estimate outcomes that are one in one cluster and period, and zero elsewhere."""
    estimate = estimator(method, "csdid" if separation == "csdid" else "drop").estimate
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
