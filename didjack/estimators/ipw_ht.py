"""Weighting whose weights are not scaled to one (`est_method="ipw_ht"`): Abadie (2005).

The estimator of Horvitz and Thompson's form: sums over the controls, weighted by their odds, are
divided by the weight of the treated. In `ipw` each group is divided by its own sum of weights.
Sums of odds equal the weight of the treated in large samples only, so that this estimator moves
when a constant is added to all changes; in repeated cross-sections also when one is added to all
outcomes, and without covariates too, unless treated and controls have the same share of their rows
in each period.

For the symbols see `ipw`.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.moments import replicate_totals
from didjack.estimators.full_sample import FullSample
from didjack.estimators.odds import odds_sums, treated_sums
from didjack.estimators.propensity import Sample
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


def att_panel(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from a panel.

        ATT = sum_i (w_i D_i - o_i) dy_i / sum_i w_i D_i

    R: `ipw_did_panel` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, c) array
        ATT of the cells of one propensity model in every replicate.
    """
    sample, dy = compared.sample, compared.y
    treated = treated_sums(sample, np.column_stack([np.ones((len(dy), 1)), dy]))
    odds = odds_sums(sample, nuisance.coef, dy, nuisance.trim)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (treated[:, 1:] - odds) / treated[:, :1]


def att_rc(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections.

        ATT = c_1 sum_{late} (w_i D_i - o_i) y_i - c_0 sum_{early} (w_i D_i - o_i) y_i

    with c_t = W / (W_D W_t) (`period_scales`). One propensity model serves both periods. R:
    `ipw_did_rc` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    sample, late = compared.sample, compared.late
    assert late is not None
    y = np.column_stack([compared.y[:, 0] * late, compared.y[:, 0] * ~late])
    odds = odds_sums(sample, nuisance.coef, y, nuisance.trim)
    with np.errstate(invalid="ignore"):
        of_period = period_scales(sample, late) * (treated_sums(sample, y) - odds)
        return of_period[:, :1] - of_period[:, 1:]


def period_scales(sample: Sample, late: Mask) -> Array:
    """Return W / (W_D W_t) of the late and the early period, (R, 2).

    W is the weight of all compared rows, W_D that of the treated and W_t that of the rows of a
    period: the share of the treated in a period is estimated by the product of both shares.

    Parameters
    ----------
    sample : Sample
    late : (n,) bool array
    """
    of_rows = np.column_stack([sample.d, late, ~late]) * sample.w[:, None]
    sums = replicate_totals(of_rows, sample.cluster, sample.n_replicates)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[:, 1:].sum(axis=1, keepdims=True) / (sums[:, :1] * sums[:, 1:])


def influence_panel(full: FullSample, dy: Array, kept: float) -> Array:
    """Influence function of `att_panel`, divided by n; as in R's `ipw_did_panel`.

        psi_i / n = [(w_i D_i - o_i) dy_i - w_i D_i ATT - s_i' sum_j o_j dy_j x_j] / sum_j w_j D_j

    with s_i the effect of row i on the coefficients of the logit (`FullSample.score`).

    Parameters
    ----------
    full : FullSample
    dy : (n,) array
    kept : float
        Not used: Stata's rule for rows that its logit drops is not applied to this estimator.

    Returns
    -------
    (n,) array
    """
    treated = full.w * full.d
    difference = (treated - full.odds) * dy
    att = difference.sum() / treated.sum()
    of_logit = full.score @ (full.X.T @ (full.odds * dy))
    return (difference - treated * att - of_logit) / treated.sum()


def influence_rc(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc`, divided by n; as in R's `ipw_did_rc`.

    With A_t = c_t sum (w_j D_j - o_j) y_j over the rows of a period, it is for this period

        c_t (w_i D_i - o_i) y_i + A_t / n - A_t w_i D_i / W_D - A_t w_i / W_t
            - s_i' c_t sum_j o_j y_j x_j

    where the first and the fourth term are those of rows of the period; the late period's less
    the early one's is psi_i / n. The derivative by weights has w_i / W in place of 1 / n, which
    is the same where weights are equal. R takes the mean weight for known.

    Parameters
    ----------
    full : FullSample
    y : (n,) array
    late : (n,) bool array
    kept : float
        Not used, as in `influence_panel`.

    Returns
    -------
    (n,) array
    """
    n, treated = len(y), full.w * full.d

    def of_period(rows: Mask) -> Array:
        in_period = full.w * rows
        scale = full.w.sum() / (treated.sum() * in_period.sum())
        of_control = scale * full.odds * rows * y
        difference = scale * treated * rows * y - of_control
        att = difference.sum()
        shares = 1.0 / n - treated / treated.sum() - in_period / in_period.sum()
        return difference + att * shares - full.score @ (full.X.T @ of_control)

    return of_period(late) - of_period(~late)
