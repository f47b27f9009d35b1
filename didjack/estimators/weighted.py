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

from dataclasses import dataclass

import numpy as np

from didjack.cells import Cells, Status
from didjack.estimators import reg
from didjack.estimators.propensity import Propensity, Sample, control_odds, fit, largest
from didjack.estimators.results import Estimates, left_out_columns, presence, unit_sums
from didjack.estimators.samples import Comparison, comparisons
from didjack.estimators.wide import pairs_of
from didjack.linalg import Array, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.moments import Clusters, RowSums
from didjack.panel import Panel

TRIM = 0.995  # controls with a larger propensity get no weight (R DRDID)
OVERLAP = 0.999  # a cell with a larger unweighted propensity is not estimated (R did)


@dataclass(frozen=True)
class Method:
    """What distinguishes the weighting estimators.

    Attributes
    ----------
    model : {"logit", "tilting"}
        Propensity model.
    regression : {"none", "plain", "odds"}
        Outcome regression of the controls: none, by sampling weight, by odds.
    """

    model: str
    regression: str


METHODS = {
    "ipw": Method("logit", "none"),
    "dr": Method("logit", "plain"),
    "drimp": Method("tilting", "odds"),
}


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


@dataclass(frozen=True)
class Regressions:
    """Outcome regressions by sampling weight: of the controls, and of the treated by period."""

    fit: reg.Fit
    sign: Array  # (m,): -1 for cells that run backwards in time
    pooled: Array  # (R, m, k): sum of w x over the treated of both periods; cross-sections
    treated_change: Array  # (R, m, k): change of the treated's coefficients; cross-sections
    treated_singular: Mask  # (R, m)
    treated_fault: Index  # (m,)

    @classmethod
    def of(
        cls, panel: Panel, cells: Cells, clusters: Clusters | None, left_out: Mask
    ) -> Regressions:
        """Fit them in every replicate."""
        if panel.is_panel:
            fitted = reg.fit_panel(panel, cells, unit_sums(panel, clusters), left_out)
            nothing = np.zeros((*fitted.att.shape, 0))
            sign = pairs_of(cells).sign
            none = np.full(len(cells), -1)
            return cls(fitted, sign, nothing, nothing, np.zeros_like(fitted.singular), none)
        moments = reg.RowMoments.of(panel, clusters)
        fitted = reg.fit_rc(panel, cells, moments, left_out)
        factor = factorize(unpack_symmetric(moments.xx, moments.k), left_out[:, None, None, :])
        beta = factor.solve(moments.xy)  # (R, Q, T, k)
        q, ends = cells.cohort, np.stack([cells.time, cells.base], axis=1)
        redundant = np.asarray(factor.redundant[:, q[:, None], ends].any(axis=2))  # (R, m, k)
        return cls(
            fitted,
            np.ones(len(cells)),
            moments.x[:, q[:, None], ends].sum(axis=2),
            beta[:, q, cells.time] - beta[:, q, cells.base],
            np.asarray(redundant.any(axis=-1)),
            np.where(redundant[0].any(axis=-1), redundant[0].argmax(axis=-1), -1),
        )

    def fault(self, how: Method) -> Index:
        """Collinear column of the regressions that a method uses, (m,); -1 if there is none."""
        if how.regression == "none":
            return np.full(len(self.sign), -1)
        return np.where(self.fit.fault < 0, self.treated_fault, self.fit.fault)

    def signed_beta(self, at: Index) -> Array:
        """Coefficients of the controls' signed change in some cells of a panel, (R, c, k)."""
        return self.fit.beta[:, self.fit.which[at]] * self.sign[at, None]


# ------------------------------------------------------------------ weighted sums


def _odds_sums(sample: Sample, coef: Array, features: Array, trim: float) -> Array:
    """Sum features over the controls, weighted by their odds; (R, F) from (n, F)."""
    out = np.zeros((sample.n_replicates, features.shape[1]))
    for rows, deleted in sample.chunks(np.arange(sample.n_replicates)):
        out += control_odds(sample, rows, deleted, coef, trim).T @ features[rows]
    return out


def _treated_sums(sample: Sample, features: Array) -> Array:
    """Sum features over the treated, by sampling weight; (R, F) from (n, F)."""
    at = np.flatnonzero(sample.d)
    cluster = None if sample.cluster is None else sample.cluster[at]
    one = RowSums(np.zeros(len(at), dtype=np.intp), 1, cluster, max(1, sample.n_replicates - 1))
    return one(sample.w[at, None] * features[at])[:, 0]


def _combine_panel(
    comparison: Comparison, coef: Array, base: Regressions, how: Method, left_out: Mask
) -> Array:
    """ATT of the cells of one propensity model, (R, c)."""
    sample, y = comparison.sample, comparison.y
    k = sample.X.shape[1]
    ones = np.ones((len(y), 1))
    treated = _treated_sums(sample, np.column_stack([ones, y]))
    sums = _odds_sums(sample, coef, np.column_stack([sample.X, y]), TRIM)
    with np.errstate(divide="ignore", invalid="ignore"):
        if how.regression == "none":
            return treated[:, 1:] / treated[:, :1] - sums[:, k:] / sums[:, :1]
        if how.regression == "plain":
            beta = base.signed_beta(comparison.cells)
            residual = sums[:, k:] - np.einsum("rk,rck->rc", sums[:, :k], beta)
            return base.fit.att[:, comparison.cells] - residual / sums[:, :1]
        beta = _odds_regression(sample, coef, y, left_out)
        x_treated = _treated_sums(sample, sample.X)
        residual = sums[:, k:] - np.einsum("rk,rck->rc", sums[:, :k], beta)
        fitted = np.einsum("rk,rck->rc", x_treated, beta)
        return (treated[:, 1:] - fitted - residual) / treated[:, :1]


def _odds_regression(sample: Sample, coef: Array, y: Array, left_out: Mask) -> Array:
    """Regress the controls' y on covariates by odds; (R, c, k)."""
    k, c = sample.X.shape[1], y.shape[1]
    xy = (sample.X[:, None, :] * y[:, :, None]).reshape(len(y), c * k)
    sums = _odds_sums(sample, coef, np.column_stack([pack_outer(sample.X), xy]), np.inf)
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
    sums = _odds_sums(sample, coef, by_period, TRIM).reshape(-1, 2, k + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if how.regression == "none":
            treated = _treated_sums(sample, by_period).reshape(-1, 2, k + 1)
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


# ------------------------------------------------------------------ Stata's convention


def csdid_shift(comparison: Comparison, coef: Array, base: Regressions) -> Array:
    """Return what Stata `csdid` adds to the doubly robust ATT under separation, (R, c).

    Where no treated row has some value of a covariate, Stata's logit drops the control rows that
    have it, and their influence value is missing. csdid reports the mean of the recentered
    influence function over the other rows. Its parts sum to zero there, but for the outcome
    regressions, which did use the dropped rows: minus their part, over the rows that are left.
    """
    sample, y, late = comparison.sample, comparison.y, comparison.late
    R, k = sample.n_replicates, sample.X.shape[1]
    shift = np.zeros((R, y.shape[1]))
    missing = missing_rows(comparison)
    if missing is None:
        return shift
    periods = [np.ones(len(y), dtype=bool)] if late is None else [late, ~late]
    rows = _replicate_sums(sample, np.ones_like(missing), comparison.count[:, None])
    gone = _replicate_sums(sample, missing, comparison.count[:, None])
    everyone = _mean_x(_treated_sums(sample, sample.X))
    for sign, now in zip((1.0, -1.0), periods, strict=False):
        x, w = sample.X * now[:, None], sample.w[:, None]
        packed = _replicate_sums(sample, missing, w * pack_outer(x))
        odds_mean = _mean_x(_odds_sums(sample, coef, x, np.inf))
        for j, c in enumerate(comparison.cells):
            xy = _replicate_sums(sample, missing, w * x * y[:, j, None])
            if late is None:
                r, direction = base.fit.which[c], odds_mean - everyone
                beta = base.signed_beta(comparison.cells)[:, j]
            else:
                r = base.fit.which[c, 0 if sign > 0 else 1]
                beta = base.fit.beta[:, r]
                direction = odds_mean - everyone
                if sign < 0:  # as in drdid_rc, where the early period enters with a plus
                    direction = odds_mean + everyone - 2 * _mean_x(_treated_sums(sample, x))
            score = xy - np.einsum("rij,rj->ri", unpack_symmetric(packed, k), beta)
            pull = base.fit.factor.take(r).solve(direction)
            with np.errstate(divide="ignore", invalid="ignore"):
                shift[:, [j]] -= rows / (rows - gone) * (score * pull).sum(axis=1, keepdims=True)
    return shift


def missing_rows(comparison: Comparison) -> Mask | None:
    """Mark the control rows that Stata's logit drops in each replicate, (n, R); None if none.

    A covariate with two values of which the treated have only one predicts perfectly: the
    controls with the other value are dropped.
    """
    sample = comparison.sample
    X = sample.X[:, 1:]
    low, high = X.min(axis=0), X.max(axis=0)
    two_valued = ((X == low) | (X == high)).all(axis=0) & (low < high)
    if not two_valued.any():
        return None
    is_high = (X == high)[:, two_valued].astype(np.float64)
    counts = Sample(sample.X, sample.d, comparison.count, sample.cluster, sample.n_replicates)
    treated = _treated_sums(counts, np.column_stack([np.ones(len(X)), is_high]))
    none_high = np.rint(treated[:, 1:]) == 0
    all_high = np.rint(treated[:, 1:]) == np.rint(treated[:, :1])
    hits = is_high @ none_high.T.astype(float) + (1 - is_high) @ all_high.T.astype(float)
    missing = (hits > 0) & ~sample.d[:, None]
    return missing if missing.any() else None


def _replicate_sums(sample: Sample, keep: Mask, features: Array) -> Array:
    """Sum features over the kept rows of every replicate, (R, F); `keep` is (n, R)."""
    out = np.zeros((sample.n_replicates, features.shape[1]))
    for rows, deleted in sample.chunks(np.arange(sample.n_replicates)):
        chosen = keep[rows].astype(np.float64)
        chosen[deleted] = 0.0
        out += chosen.T @ features[rows]
    return out


def _mean_x(sums: Array) -> Array:
    """Divide sums of x by the sum of the intercept."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / sums[:, :1]
