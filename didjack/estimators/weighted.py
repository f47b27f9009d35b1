"""Inverse probability weighting and the doubly robust estimators, on the replicate axis.

All of them compare the treated with controls weighted by their odds p / (1 - p):

- `ipw`: Hajek means of the change, treated minus reweighted controls.
- `dr`: outcome regression, corrected by the reweighted mean of the controls' residuals; in
  repeated cross-sections the locally efficient form with four outcome regressions.
- `drimp`: as `dr`, with the propensity from inverse probability tilting and the outcome
  regression weighted by its odds.

Sant'Anna and Zhao (2020); `std_ipw_did_*`, `drdid_*` and `drdid_imp_*` of R `DRDID`.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask, factorize, pack_outer, unpack_symmetric
from didjack.core.moments import Clusters
from didjack.estimators.csdid_rule import csdid_shift
from didjack.estimators.estimates import Estimates, left_out_columns, presence
from didjack.estimators.odds import odds_sums, treated_sums
from didjack.estimators.propensity import Propensity, Sample, fit, largest
from didjack.estimators.regressions import METHODS, OVERLAP, TRIM, Method, Regressions
from didjack.estimators.samples import Comparison, comparisons
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def estimate(
    panel: Panel,
    cells: Cells,
    clusters: Clusters | None,
    start: Estimates | None = None,
    *,
    method: str,
    separation: str,
) -> Estimates:
    """Estimate every cell in the full sample and without each cluster.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
    start : Estimates, optional
        Of the full sample, whose propensity models the deletions start from.
    method : {"ipw", "dr", "drimp"}
    separation : {"drop", "csdid"}
        What to do where some controls are set apart from all treated; see `didjack.att_gt`.

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first; R = 1 without clusters.
    """
    there = presence(panel, cells, clusters)
    left_out = left_out_columns(panel, clusters)
    base = Regressions.of(panel, cells, clusters, left_out)
    if panel.design.intercept_only:  # all methods coincide, and the propensity is a share
        share = there.treated / np.maximum(there.treated + there.control, 1)
        failures = {Status.NO_OVERLAP: share >= TRIM, Status.SINGULAR: base.fit.singular}
        return there.estimates(base.fit.att, failures, cells, left_out, fault=base.fit.fault)
    how = METHODS[method]
    as_stata = separation == "csdid"
    att = np.full(base.fit.att.shape, np.nan)
    no_overlap = np.zeros(att.shape, dtype=bool)
    separated = np.zeros(att.shape, dtype=bool)
    fault = base.fault(how)
    models: dict[int, Propensity] = {}
    for comparison in comparisons(panel, cells, clusters):
        at = comparison.cells
        known = None if start is None else start.models.get(int(at[0]))
        model = fit(comparison.sample, left_out, how.model, known)
        models[int(at[0])] = model
        no_overlap[:, at] = _no_overlap(comparison, model, left_out, how)[:, None]
        separated[:, at] = model.separated[:, None]
        fault[at] = np.where(fault[at] < 0, model.column[0], fault[at])
        one = _combine_panel if panel.is_panel else _combine_rc
        att[:, at] = one(comparison, model.coef, base, how, left_out)
        if as_stata and how.regression == "plain":
            att[:, at] += csdid_shift(comparison, model.coef, base)
    failures = {Status.NO_OVERLAP: no_overlap}
    if how.regression != "none":
        failures[Status.SINGULAR] = base.fit.singular
        if not panel.is_panel and not as_stata:  # Stata omits collinear columns
            failures[Status.TREATED_SINGULAR] = base.treated_singular
    return there.estimates(
        att, failures, cells, left_out, fault=fault, separated=separated, models=models
    )


def _no_overlap(comparison: Comparison, model: Propensity, left_out: Mask, how: Method) -> Mask:
    """Apply R `did`'s check: the largest propensity of an unweighted logit, (R,)."""
    sample = comparison.sample
    coef, failed = model.coef, model.singular
    if len(sample.w) == 0:
        return failed
    weighted = not (sample.w == comparison.count * sample.w[0] / comparison.count[0]).all()
    if weighted or how.model != "logit":
        plain = Sample(sample.X, sample.d, comparison.count, sample.cluster, sample.n_replicates)
        other = fit(plain, left_out)
        coef, failed = other.coef, failed | other.singular
    return failed | (largest(sample, np.where(failed[:, None], 0.0, coef)) >= OVERLAP)


def _combine_panel(
    comparison: Comparison, coef: Array, base: Regressions, how: Method, left_out: Mask
) -> Array:
    """ATT of the cells of one propensity model, (R, c)."""
    sample, y = comparison.sample, comparison.y
    k = sample.X.shape[1]
    ones = np.ones((len(y), 1))
    treated = treated_sums(sample, np.column_stack([ones, y]))
    sums = odds_sums(sample, coef, np.column_stack([sample.X, y]), TRIM)
    with np.errstate(divide="ignore", invalid="ignore"):
        if how.regression == "none":
            return treated[:, 1:] / treated[:, :1] - sums[:, k:] / sums[:, :1]
        if how.regression == "plain":
            beta = base.signed_beta(comparison.cells)
            residual = sums[:, k:] - np.einsum("rk,rck->rc", sums[:, :k], beta)
            return base.fit.att[:, comparison.cells] - residual / sums[:, :1]
        beta = _odds_regression(sample, coef, y, left_out)
        x_treated = treated_sums(sample, sample.X)
        residual = sums[:, k:] - np.einsum("rk,rck->rc", sums[:, :k], beta)
        fitted = np.einsum("rk,rck->rc", x_treated, beta)
        return (treated[:, 1:] - fitted - residual) / treated[:, :1]


def _odds_regression(sample: Sample, coef: Array, y: Array, left_out: Mask) -> Array:
    """Regress the controls' y on covariates by odds; (R, c, k)."""
    k, c = sample.X.shape[1], y.shape[1]
    xy = (sample.X[:, None, :] * y[:, :, None]).reshape(len(y), c * k)
    sums = odds_sums(sample, coef, np.column_stack([pack_outer(sample.X), xy]), np.inf)
    p = k * (k + 1) // 2
    factor = factorize(unpack_symmetric(sums[:, None, :p], k), left_out[:, None, :])
    return factor.solve(sums[:, p:].reshape(-1, c, k))


def _combine_rc(
    comparison: Comparison, coef: Array, base: Regressions, how: Method, left_out: Mask
) -> Array:
    """ATT of one cell of repeated cross-sections, (R, 1)."""
    sample, y, late = comparison.sample, comparison.y, comparison.late
    assert late is not None
    k, c = sample.X.shape[1], int(comparison.cells[0])
    features = np.column_stack([sample.X, y])
    by_period = np.column_stack([features * late[:, None], features * ~late[:, None]])
    sums = odds_sums(sample, coef, by_period, TRIM).reshape(-1, 2, k + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if how.regression == "none":
            treated = treated_sums(sample, by_period).reshape(-1, 2, k + 1)
            change = treated[..., k] / treated[..., 0] - sums[..., k] / sums[..., 0]
            return change[:, :1] - change[:, 1:]
        if how.regression == "plain":
            beta = base.fit.beta[:, base.fit.which[c]]  # (R, 2, k)
        else:
            parts = [
                _odds_regression(_only(sample, keep), coef, y[keep], left_out)[:, 0]
                for keep in (late, ~late)
            ]
            beta = np.stack(parts, axis=1)
        residual = (sums[..., k] - (sums[..., :k] * beta).sum(axis=-1)) / sums[..., 0]
        change = base.treated_change[:, c] - (beta[:, 0] - beta[:, 1])
        pooled = base.pooled[:, c]
        att = (pooled * change).sum(axis=-1) / pooled[:, 0] - (residual[:, 0] - residual[:, 1])
    return np.asarray(att[:, None])


def _only(sample: Sample, keep: Mask) -> Sample:
    cluster = None if sample.cluster is None else sample.cluster[keep]
    return Sample(sample.X[keep], sample.d[keep], sample.w[keep], cluster, sample.n_replicates)
