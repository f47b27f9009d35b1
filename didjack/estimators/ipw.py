"""Inverse probability weighting (`est_method="ipw"`): Sant'Anna and Zhao (2020), (4.1) and (4.2).

The treated are compared with controls that are weighted by their odds of treatment, so that the
controls have the covariates of the treated. Abadie (2005) had the idea; here the weights of each
group add up to one (Hajek's form). For a cohort g and a period t these are the sample versions of
equation (2.2) of Callaway and Sant'Anna (2021) with never treated controls, and of (2.5) with not
yet treated ones.

Symbols, here and in `dr` and `drimp`: w_i sampling weight, D_i = 1 in the cohort and 0 among its
controls, dy_i change of the outcome, x_i covariates with intercept, p_i propensity, o_i odds:

    o_i = w_i (1 - D_i) p_i / (1 - p_i)
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.estimators.full_sample import FullSample, deviations
from didjack.estimators.odds import odds_sums, treated_sums
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


def att_panel(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from a panel: Sant'Anna and Zhao (2020), equation (4.1).

        ATT = sum_i D_i w_i dy_i / sum_i D_i w_i - sum_i o_i dy_i / sum_i o_i

    R: `std_ipw_did_panel` of DRDID.

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
    k = sample.X.shape[1]
    treated = treated_sums(sample, np.column_stack([np.ones((len(dy), 1)), dy]))
    odds = odds_sums(sample, nuisance.coef, np.column_stack([sample.X, dy]), nuisance.trim)
    with np.errstate(divide="ignore", invalid="ignore"):
        return treated[:, 1:] / treated[:, :1] - odds[:, k:] / odds[:, :1]


def att_rc(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), equation (4.2).

        ATT = [mean_w(y | D = 1, late) - mean_o(y | D = 0, late)]
            - [mean_w(y | D = 1, early) - mean_o(y | D = 0, early)]

    with means weighted by w and by o. One propensity model serves both periods. R:
    `std_ipw_did_rc` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    sample, by_period = compared.sample, compared.by_period()
    k = sample.X.shape[1]
    odds = odds_sums(sample, nuisance.coef, by_period, nuisance.trim).reshape(-1, 2, k + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        treated = treated_sums(sample, by_period).reshape(-1, 2, k + 1)
        difference = treated[..., k] / treated[..., 0] - odds[..., k] / odds[..., 0]
        return difference[:, :1] - difference[:, 1:]


def influence_panel(full: FullSample, dy: Array, kept: float) -> Array:
    """Influence function of `att_panel`, divided by n; as in R's `std_ipw_did_panel`.

        psi_i / n = w1_i (dy_i - m1) - w0_i (dy_i - m0) - s_i' sum_j w0_j (dy_j - m0) x_j

    w1 and w0 are w D and o, scaled to add up to one, m1 and m0 the means of dy with these
    weights, and s_i the effect of row i on the coefficients of the logit (`FullSample.score`).

    Parameters
    ----------
    full : FullSample
    dy : (n,) array
    kept : float
        Share of the rows that have a propensity: 1, but for rows that Stata's logit drops.

    Returns
    -------
    (n,) array
    """
    treated = full.w * full.d
    of_control = deviations(dy, full.odds)
    of_control = kept * of_control + full.score @ (full.X.T @ of_control)
    return deviations(dy, treated) / treated.sum() - of_control / full.odds.sum()


def influence_rc(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc`, divided by n; as in R's `std_ipw_did_rc`.

    The expression of `influence_panel` for the late period, minus that for the early one; y
    stands in place of dy, and w1 and w0 are those of one period.

    Parameters
    ----------
    full : FullSample
    y : (n,) array
    late : (n,) bool array
    kept : float
        As in `influence_panel`.

    Returns
    -------
    (n,) array
    """

    def of_period(rows: Mask) -> Array:
        in_period = rows.astype(np.float64)
        treated, odds = full.w * full.d * in_period, full.odds * in_period
        of_control = deviations(y, odds) / odds.sum()
        direct = deviations(y, treated) / treated.sum() - kept * of_control
        return direct - full.score @ (full.X.T @ of_control)

    return of_period(late) - of_period(~late)
