"""Improved doubly robust estimation (`est_method="drimp"`): Sant'Anna and Zhao (2020), Section 3.

The estimators of `dr`, equations (3.1) and (3.4), with other nuisance estimates (Sections 3.1 and
3.2), whose errors do not matter at first order. So standard errors too are doubly robust.

- The propensity comes from inverse probability tilting (Graham, Pinto and Egel 2012): weighted by
  their odds, the controls get exactly the covariate means of the treated (`propensity`).
- The regression of the controls is weighted by these odds.

Controls with a propensity of .995 or more do not enter the estimate, but they do enter the
regression, as in R `DRDID`.

For the symbols see `ipw`.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask, factorize, pack_outer, unpack_symmetric
from didjack.estimators.dr import locally_efficient, not_efficient
from didjack.estimators.full_sample import FullSample, deviations
from didjack.estimators.odds import odds_sums, treated_sums
from didjack.estimators.propensity import Sample
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


def att_panel(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from a panel: Sant'Anna and Zhao (2020), equation (3.1) with Section 3.1.

        ATT = sum_i (w_i D_i - o_i) (dy_i - x_i' b) / sum_j w_j D_j

    with o from inverse probability tilting and b from `odds_regression`. The o_i add up to the
    weight of the treated unless some are trimmed; R divides both parts by the weight of the
    treated in either case. R: `drdid_imp_panel` of DRDID.

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
        beta = odds_regression(sample, dy, nuisance)
        x_treated = treated_sums(sample, sample.X)
        residual = odds[:, k:] - np.einsum("rk,rck->rc", odds[:, :k], beta)
        fitted = np.einsum("rk,rck->rc", x_treated, beta)
        return (treated[:, 1:] - fitted - residual) / treated[:, :1]


def att_rc(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), (3.4) with Section 3.2.

    The expression of `dr.att_rc`, with o from inverse probability tilting over both periods and
    b_01 and b_00 from `odds_regression` in each; b_11 and b_10 are by sampling weight. R:
    `drdid_imp_rc` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    return locally_efficient(compared, nuisance, _odds_regressions(compared, nuisance))


def att_rc1(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Estimate from repeated cross-sections: Sant'Anna and Zhao (2020), (3.3) with Section 3.2.

    The expression of `dr.att_rc1` with the nuisance estimates of `att_rc`; the treated are not
    regressed. R: `drdid_imp_rc1` of DRDID.

    Parameters
    ----------
    compared : ComparedRows
    nuisance : Nuisance

    Returns
    -------
    (R, 1) array
        ATT of one cell in every replicate.
    """
    return not_efficient(compared, nuisance, _odds_regressions(compared, nuisance))


def _odds_regressions(compared: ComparedRows, nuisance: Nuisance) -> Array:
    """Regress the controls of the late and of the early period, (R, 2, k)."""
    assert compared.late is not None
    beta = [
        odds_regression(compared.sample.take(period), compared.y[period], nuisance)[:, 0]
        for period in (compared.late, ~compared.late)
    ]
    return np.stack(beta, axis=1)


def odds_regression(sample: Sample, y: Array, nuisance: Nuisance) -> Array:
    """Regress the controls' outcomes on covariates, weighted by their odds without trimming.

        b = (sum_i o_i x_i x_i')^-1 sum_i o_i x_i y_i

    R: `wols.br.panel` and `wols_rc` of DRDID.

    Parameters
    ----------
    sample : Sample
    y : (n, c) array
    nuisance : Nuisance

    Returns
    -------
    (R, c, k) array
    """
    k, c = sample.X.shape[1], y.shape[1]
    xy = (sample.X[:, None, :] * y[:, :, None]).reshape(len(y), c * k)
    sums = odds_sums(sample, nuisance.coef, np.column_stack([pack_outer(sample.X), xy]), np.inf)
    size = k * (k + 1) // 2
    gram = unpack_symmetric(sums[:, None, :size], k)
    factor = factorize(gram, nuisance.left_out[:, None, :])
    return factor.solve(sums[:, size:].reshape(-1, c, k))


def influence_panel(full: FullSample, dy: Array, kept: float) -> Array:
    """Influence function of `att_panel`, divided by n; as in R's `drdid_imp_panel`.

        psi_i / n = [(w_i D_i - o_i) (dy_i - x_i' b) - w_i D_i ATT] / sum_j w_j D_j

    Parameters
    ----------
    full : FullSample
    dy : (n,) array
    kept : float
        Not used: no nuisance estimate has a part.

    Returns
    -------
    (n,) array
    """
    treated = full.w * full.d
    total = treated.sum()
    residual = dy - full.least_squares(dy, full.untrimmed)[0]
    att = ((treated - full.odds) * residual).sum() / total
    return ((treated - full.odds) * residual - treated * att) / total


def influence_rc(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc`, divided by n; as in R's `drdid_imp_rc`.

    That of `dr.influence_rc` without the effects of estimated coefficients (s_i, b_1i, b_0i).

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

    def of_period(rows: Mask) -> Array:
        treated = full.w * full.d * rows
        direct, fitted_control = _direct(full, y, rows, kept)
        fitted_treated, _ = full.least_squares(y, treated)
        of_both, of_this = full.efficiency_terms(fitted_treated - fitted_control, treated)
        return direct + of_both - of_this

    return of_period(late) - of_period(~late)


def influence_rc1(full: FullSample, y: Array, late: Mask, kept: float) -> Array:
    """Influence function of `att_rc1`, divided by n; as in R's `drdid_imp_rc1`.

        psi_i / n = A_i(late) - A_i(early),   A_i = w1_i (e_i - m1) - w0_i (e_i - m0)

    with the symbols of `dr.influence_rc`.

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
    return _direct(full, y, late, kept)[0] - _direct(full, y, ~late, kept)[0]


def _direct(full: FullSample, y: Array, rows: Mask, kept: float) -> tuple[Array, Array]:
    """Return A_i of one period and what the controls' regression predicts, (n,) each."""
    in_period = rows.astype(np.float64)
    treated, odds = full.w * full.d * in_period, full.odds * in_period
    fitted, _ = full.least_squares(y, full.untrimmed * in_period)
    residual = y - fitted
    of_control = deviations(residual, odds) / odds.sum()
    return deviations(residual, treated) / treated.sum() - kept * of_control, fitted
