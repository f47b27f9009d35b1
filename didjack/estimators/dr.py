"""Doubly robust estimation (`est_method="dr"`): Sant'Anna and Zhao (2020), (3.1) and (3.4).

Outcome regression, corrected by what it leaves of the controls' outcomes, averaged with the weights
of `ipw`. It is right if either the regression or the propensity is. The propensity is a logit by
maximum likelihood, the regressions are by least squares: the "traditional" estimators. For a
cohort g and a period t these are the sample versions of equation (2.4) of Callaway and Sant'Anna
(2021) with never treated controls, and of (2.7) with not yet treated ones.

In repeated cross-sections this is the locally efficient estimator (3.4), with regressions of the
treated too. Equation (3.3) does without them, and is `est_method="dr_rc1"`; in panels both are one.

For the symbols see `ipw`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.estimators.full_sample import FullSample, deviations
from didjack.estimators.odds import odds_sums, treated_sums
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


def att_panel(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from a panel: Sant'Anna and Zhao (2020), equation (3.1).

        ATT = sum_i (w1_i - w0_i) (dy_i - x_i' b)
        w1_i = w_i D_i / sum_j w_j D_j,   w0_i = o_i / sum_j o_j

    with b from the regression of the controls' dy on x by sampling weight. The part with w1 is
    the outcome regression estimator, equation (2.2), which `reg` has computed. R: `drdid_panel`
    of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, c) array
        ATT of the cells of one propensity model in every replicate.
    """
    sample, dy, regressions = compared.sample, compared.y, nuisance.regressions
    k = sample.X.shape[1]
    odds = odds_sums(sample, nuisance.coef, np.column_stack([sample.X, dy]), nuisance.trim)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = regressions.signed_beta(compared.cells)
        residual = odds[:, k:] - np.einsum("rk,rck->rc", odds[:, :k], beta)
        return regressions.controls.att[:, compared.cells] - residual / odds[:, :1]


def att_rc(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), equation (3.4).

    With b_dt from the regression of y on x in group d (1 treated, 0 controls) and period t
    (1 late, 0 early), all by sampling weight,

        ATT = mean_w(x | D = 1)' [(b_11 - b_10) - (b_01 - b_00)]
            - [mean_o(y - x' b_01 | D = 0, late) - mean_o(y - x' b_00 | D = 0, early)]

    with means weighted by w and by o, the first over the treated of both periods. R's `drdid_rc`
    (DRDID) writes the same as the estimator without regressions of the treated, plus what these
    add; since their residuals have mean zero in each period, only their coefficients are left.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    return locally_efficient(compared, nuisance, _control_regressions(compared, nuisance))


def _control_regressions(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Return the controls' coefficients in the late and in the early period, (R, 2, k)."""
    controls = nuisance.regressions.controls
    return controls.beta[:, controls.which[compared.cells[0]]]


def locally_efficient(compared: ComparedRows, nuisance: Nuisance, beta: Array) -> Array:
    """Put equation (3.4) together, given the coefficients of the controls in both periods.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance
    beta : (R, 2, k) array
        b_01 and b_00 of `att_rc`.

    Returns
    -------
    (R, 1) array
    """
    sample, regressions, cell = compared.sample, nuisance.regressions, int(compared.cells[0])
    k = sample.X.shape[1]
    odds = odds_sums(sample, nuisance.coef, compared.by_period(), nuisance.trim).reshape(
        -1, 2, k + 1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = (odds[..., k] - (odds[..., :k] * beta).sum(axis=-1)) / odds[..., 0]
        change = regressions.treated_change[:, cell] - (beta[:, 0] - beta[:, 1])
        pooled = regressions.pooled[:, cell]
        att = (pooled * change).sum(axis=-1) / pooled[:, 0] - (residual[:, 0] - residual[:, 1])
    return np.asarray(att[:, None])


def att_rc1(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), equation (3.3).

        ATT = [mean_w(y - x' b_01 | D = 1, late) - mean_o(y - x' b_01 | D = 0, late)]
            - [mean_w(y - x' b_00 | D = 1, early) - mean_o(y - x' b_00 | D = 0, early)]

    with the symbols of `att_rc`. The treated are not regressed: the estimator is doubly robust,
    and not locally efficient. R: `drdid_rc1` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    return not_efficient(compared, nuisance, _control_regressions(compared, nuisance))


def not_efficient(compared: ComparedRows, nuisance: Nuisance, beta: Array) -> Array:
    """Put equation (3.3) together, given the coefficients of the controls in both periods.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance
    beta : (R, 2, k) array
        b_01 and b_00 of `att_rc`.

    Returns
    -------
    (R, 1) array
    """
    sample, by_period = compared.sample, compared.by_period()
    k = sample.X.shape[1]
    groups = (
        treated_sums(sample, by_period),
        odds_sums(sample, nuisance.coef, by_period, nuisance.trim),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        treated, control = (
            (sums[..., k] - (sums[..., :k] * beta).sum(axis=-1)) / sums[..., 0]
            for sums in (group.reshape(-1, 2, k + 1) for group in groups)
        )
        difference = treated - control
        return np.asarray(difference[:, :1] - difference[:, 1:])


def influence_panel(full: FullSample, dy: Array, kept: float) -> Array:
    """Influence function of `att_panel`, divided by n; as in R's `drdid_panel`.

        psi_i / n = w1_i (e_i - m1) - w0_i (e_i - m0) - s_i' sum_j w0_j (e_j - m0) x_j
                    - b_i' sum_j (w1_j - w0_j) x_j

    with e_i = dy_i - x_i' b, m1 and m0 its means by w1 and w0, s_i the effect of row i on the
    coefficients of the logit and b_i that on the coefficients of the regression.

    Parameters
    ----------
    full : FullSample
    dy : (n,) array
    kept : float
        As in `ipw.influence_panel`.

    Returns
    -------
    (n,) array
    """
    treated = full.w * full.d
    fitted, of_beta = full.least_squares(dy, full.w * (1 - full.d))
    residual = dy - fitted
    of_control = deviations(residual, full.odds)
    of_control = kept * of_control + full.score @ (full.X.T @ of_control)
    of_treated = deviations(residual, treated) - of_beta @ (full.X.T @ treated)
    of_control = of_control - of_beta @ (full.X.T @ full.odds)
    return of_treated / treated.sum() - of_control / full.odds.sum()


def influence_rc(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc`, divided by n; as in R's `drdid_rc` (DRDID 1.2.3).

    For one period, with w1 and w0 of that period, v_i = w_i D_i scaled to add up to one over
    both periods, e_i = y_i - x_i' b_0t, and gap_i = x_i' (b_1t - b_0t),

        A_i = w1_i (e_i - m1) - w0_i (e_i - m0) - s_i' sum_j w0_j (e_j - m0) x_j
              + v_i (gap_i - sum_j v_j gap_j) - w1_i (gap_i - sum_j w1_j gap_j)
              + (b_1i - b_0i)' sum_j (v_j - w1_j) x_j
        B_i = - b_0i' sum_j (w1_j - w0_j) x_j

    where b_1i and b_0i are the effects of row i on the coefficients of the treated and of the
    controls. Then

        psi_i / n = A_i(late) - A_i(early) + B_i(late) + B_i(early).

    The derivative of the estimate has minus B_i(early). R adds it (`inf.treat.or` and
    `inf.cont.or`), and so does Stata's translation; standard errors agree with both programs
    this way. The term vanishes in large samples when the propensity model holds.

    Parameters
    ----------
    full : FullSample
    y : (n,) array
    late : (n,) bool array
    kept : float
        As in `ipw.influence_panel`.

    Returns
    -------
    (n,) array
    """

    def of_period(rows: Mask) -> tuple[Array, Array]:
        treated = full.w * full.d * rows
        controls = _ControlTerms.of(full, y, rows, kept)
        fitted_treated, of_beta_treated = full.least_squares(y, treated)
        of_both, of_this = full.efficiency_terms(fitted_treated - controls.fitted, treated)
        value = controls.direct + of_both - of_this
        share, share_of_this = full.shares(treated)
        effect = of_beta_treated - controls.of_beta
        return value + effect @ (full.X.T @ (share - share_of_this)), controls.added

    (value_late, added_late), (value_early, added_early) = of_period(late), of_period(~late)
    return value_late - value_early + added_late + added_early


def influence_rc1(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc1`, divided by n; as in R's `drdid_rc1`.

    With the symbols of `influence_rc`,

        A_i = w1_i (e_i - m1) - w0_i (e_i - m0) - s_i' sum_j w0_j (e_j - m0) x_j
        B_i = - b_0i' sum_j (w1_j - w0_j) x_j
        psi_i / n = A_i(late) - A_i(early) + B_i(late) + B_i(early)

    B_i(early) has the sign of R's code, as in `influence_rc`.

    Parameters
    ----------
    full : FullSample
    y : (n,) array
    late : (n,) bool array
    kept : float
        As in `ipw.influence_panel`.

    Returns
    -------
    (n,) array
    """
    first, second = (_ControlTerms.of(full, y, rows, kept) for rows in (late, ~late))
    return first.direct - second.direct + first.added + second.added


@dataclass(frozen=True, eq=False)
class _ControlTerms:
    """One period's terms of influence functions that need no regression of the treated.

    fitted (n,) and of_beta (n, k) are of the controls' regression; direct and added (n,) are A_i
    and B_i of `influence_rc1`.
    """

    fitted: Array
    of_beta: Array
    direct: Array
    added: Array

    @classmethod
    def of(cls, full: FullSample, y: Array, rows: Mask, kept: float) -> _ControlTerms:
        X, in_period = full.X, rows.astype(np.float64)
        treated, odds = full.w * full.d * in_period, full.odds * in_period
        fitted, of_beta = full.least_squares(y, full.w * (1 - full.d) * in_period)
        residual = y - fitted
        of_control = deviations(residual, odds) / odds.sum()
        direct = deviations(residual, treated) / treated.sum() - kept * of_control
        direct = direct - full.score @ (X.T @ of_control)
        added = -of_beta @ (X.T @ (treated / treated.sum() - odds / odds.sum()))
        return cls(fitted, of_beta, direct, added)
