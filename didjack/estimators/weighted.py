"""The weighting estimators on the replicate axis: those of `methods`.

All of them compare the treated with controls weighted by their odds p / (1 - p), and need a
propensity model for every comparison. This module goes through the comparisons, fits the models
and decides which cells have an estimate; the formulas stand in `ipw`, `ipw_ht`, `dr` and
`drimp`.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Mask
from didjack.core.moments import Clusters
from didjack.estimators.csdid_rule import csdid_shift
from didjack.estimators.estimates import Estimates, Presence, left_out_columns, presence
from didjack.estimators.methods import WEIGHTING, Method, is_difference_of_means
from didjack.estimators.odds import OVERLAP, TRIM, largest
from didjack.estimators.propensity import Propensity, Sample, fit
from didjack.estimators.regressions import Nuisance, OutcomeRegressions
from didjack.estimators.samples import ComparedRows, compared_rows
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def estimate(
    panel: Panel,
    cells: Cells,
    clusters: Clusters | None,
    start: Estimates | None = None,
    left_out: Mask | None = None,
    *,
    method: str,
    separation: str,
    trim: float = TRIM,
) -> Estimates:
    """Estimate every cell in the full sample and without each cluster.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
    start : Estimates, optional
        Of the full sample, whose propensity models the deletions start from.
    left_out : (R, k) bool array, optional
        Covariates without a coefficient in a replicate, where the panel is part of another.
    method : str
        A name in `didjack.estimators.methods.WEIGHTING`.
    separation : {"drop", "csdid"}
        What to do where some controls are set apart from all treated; see `didjack.att_gt`.
    trim : float
        Controls with this propensity or a larger one get no weight.

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first; R = 1 without clusters.
    """
    present = presence(panel, cells, clusters)
    left_out = left_out_columns(panel, clusters) if left_out is None else left_out
    regressions = OutcomeRegressions.of(panel, cells, clusters, left_out)
    if is_difference_of_means(panel, method):
        return _without_covariates(present, cells, regressions, left_out, trim)
    formulas = WEIGHTING[method]
    regresses, as_stata = formulas.regression != "none", separation == "csdid"
    att_of = formulas.att_panel if panel.is_panel else formulas.att_rc
    att = np.full(regressions.controls.att.shape, np.nan)
    no_overlap = np.zeros(att.shape, dtype=bool)
    singular = regressions.controls.singular.copy() if regresses else np.zeros_like(no_overlap)
    separated = np.zeros(att.shape, dtype=bool)
    fault = np.full(len(cells), -1)
    if regresses:
        fault = regressions.fault if formulas.efficient else regressions.controls.fault.copy()
    models: dict[int, Propensity] = {}
    for compared in compared_rows(panel, cells, clusters):
        at = compared.cells
        known = None if start is None else start.models.get(int(at[0]))
        model = fit(compared.sample, left_out, formulas.propensity, known)
        models[int(at[0])] = model
        collinear = model.collinear[:, None]
        no_overlap[:, at] = _no_overlap(compared, model, left_out, formulas)[:, None] & ~collinear
        singular[:, at] |= collinear  # and so are the controls alone
        separated[:, at] = model.separated[:, None]
        fault[at] = np.where(fault[at] < 0, model.column[0], fault[at])
        nuisance = Nuisance(model.coef, regressions, left_out, trim)
        att[:, at] = att_of(compared, nuisance)
        if as_stata and formulas.regression == "plain":
            att[:, at] += csdid_shift(compared, nuisance)
    failures = {Status.SINGULAR: singular}
    # Stata omits collinear columns.
    if regresses and not panel.is_panel and formulas.efficient and not as_stata:
        failures[Status.TREATED_SINGULAR] = regressions.treated_singular
    # Last, as R `did` checks it first: a covariate that only the treated have is a constant among
    # the controls, and what fails is the overlap.
    failures[Status.NO_OVERLAP] = no_overlap
    return present.estimates(
        att, failures, cells, left_out, fault=fault, separated=separated, models=models
    )


def _without_covariates(
    present: Presence,
    cells: Cells,
    regressions: OutcomeRegressions,
    left_out: Mask,
    trim: float,
) -> Estimates:
    """Return the difference of mean changes, in which all methods coincide.

    The propensity is the share of the treated: by count in R `did`'s check of overlap, by weight
    where DRDID trims, which leaves no control at all.
    """
    controls = regressions.controls
    share = present.treated / np.maximum(present.treated + present.control, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = present.treated_weight / (present.treated_weight + present.control_weight)
    failures = {
        Status.NO_OVERLAP: (share >= OVERLAP) | (weighted >= trim),
        Status.SINGULAR: controls.singular,
    }
    return present.estimates(controls.att, failures, cells, left_out, fault=controls.fault)


def _no_overlap(
    compared: ComparedRows, model: Propensity, left_out: Mask, formulas: Method
) -> Mask:
    """Apply R `did`'s check: the largest propensity of a logit without weights, (R,)."""
    sample = compared.sample
    coef, failed = model.coef, model.singular
    if len(sample.w) == 0:
        return failed
    # Rows that stand for several have the sum of their weights.
    weighted = not (sample.w == compared.count * sample.w[0] / compared.count[0]).all()
    if weighted or formulas.propensity != "logit":
        plain = Sample(sample.X, sample.d, compared.count, sample.cluster, sample.n_replicates)
        unweighted = fit(plain, left_out)
        coef, failed = unweighted.coef, failed | unweighted.singular
    return failed | (largest(sample, np.where(failed[:, None], 0.0, coef)) >= OVERLAP)
