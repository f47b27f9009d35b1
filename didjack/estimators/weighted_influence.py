"""Influence functions of the weighting estimators in the full sample.

Written as in R `DRDID`, with sums in place of means: whatever is divided by a total weight there
is divided by it here, and the common factor n appears once at the end.

For `dr` in repeated cross-sections one term has R's sign, not the derivative's: `drdid_rc` (DRDID
1.2.3, and Stata's translation of it) adds the effect of the early period's outcome regression
where the estimate subtracts it. The term vanishes in large samples when the propensity model holds;
standard errors agree with both programs this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from didjack.core.linalg import Array, factorize
from didjack.estimators import reg
from didjack.estimators.csdid_rule import missing_rows
from didjack.estimators.estimates import Estimates
from didjack.estimators.propensity import Sample, control_odds
from didjack.estimators.regressions import METHODS, TRIM, Method
from didjack.estimators.samples import Comparison, comparisons
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def influence(
    panel: Panel, cells: Cells, estimates: Estimates, method: str, separation: str
) -> Array:
    """Influence functions of the cells, (n, m) over units or rows; see `reg.influence`.

    With `separation="csdid"` the values of the rows that Stata's logit drops are missing, the
    others are centred at their own mean and scaled up, as csdid does before it aggregates.
    """
    if panel.design.intercept_only:
        return reg.influence(panel, cells, estimates)
    how = METHODS[method]
    wanted = estimates.status[0] == Status.OK
    n = panel.n_units if panel.is_panel else len(panel.rows)
    out = np.zeros((n, len(cells)), order="F")
    for comparison in comparisons(panel, cells, None, merge=False):
        if not wanted[comparison.cells].any():
            continue
        model = _Model.of(comparison, estimates.models[int(comparison.cells[0])].coef[:1])
        missing = missing_rows(comparison) if separation == "csdid" else None
        for j, c in enumerate(comparison.cells):
            if not wanted[c]:
                continue
            y = comparison.y[:, j]
            gone = np.zeros(len(y), dtype=bool) if missing is None else missing[:, 0]
            kept = 1.0 - gone.mean()
            if panel.is_panel:
                value = _panel(model, y, how, kept)
            else:
                value = _rc(model, y, comparison, how, kept)
            if missing is not None:
                value = np.where(gone, 0.0, value - value[~gone].mean()) / kept
            out[comparison.rows, c] = panel.n_units * value
    return out


@dataclass(frozen=True)
class _Model:
    """A sample with its fitted odds; n rows, k columns."""

    X: Array
    w: Array
    d: Array  # (n,) 0 or 1
    odds: Array  # (n,) w p / (1 - p) of the controls, trimmed
    untrimmed: Array
    score: Array  # (n, k) score of the propensity model times its inverse Hessian

    @classmethod
    def of(cls, comparison: Comparison, coef: Array) -> _Model:
        sample = comparison.sample
        p = expit(sample.X @ coef[0])
        d = sample.d.astype(np.float64)
        hessian = (sample.X * (sample.w * p * (1 - p))[:, None]).T @ sample.X
        residual = sample.X * (sample.w * (d - p))[:, None]
        return cls(
            X=sample.X,
            w=sample.w,
            d=d,
            odds=_odds(sample, coef, TRIM),
            untrimmed=_odds(sample, coef, np.inf),
            score=residual @ _inverse(hessian),
        )

    def ols(self, y: Array, weight: Array) -> tuple[Array, Array]:
        """Return fitted values and the influence of each row on the coefficients, (n, k)."""
        inverse = _inverse((self.X * weight[:, None]).T @ self.X)
        beta = inverse @ (self.X * weight[:, None]).T @ y
        fitted = self.X @ beta
        return fitted, (self.X * (weight * (y - fitted))[:, None]) @ inverse


def _odds(sample: Sample, coef: Array, trim: float) -> Array:
    none = (np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))
    return control_odds(sample, slice(None), none, coef, trim)[:, 0]


def _inverse(matrix: Array) -> Array:
    """Invert, with zeros for redundant columns (directions without curvature)."""
    return factorize(matrix).solve(np.eye(len(matrix)))


def _panel(model: _Model, y: Array, how: Method, kept: float) -> Array:
    """Influence of each unit; `kept` is the share of rows with a propensity (1 but in Stata)."""
    X, treated, odds = model.X, model.w * model.d, model.odds
    s_t, s_c = treated.sum(), odds.sum()
    if how.regression == "none":
        residual, ols = y, None
    else:
        weight = model.w * (1 - model.d) if how.regression == "plain" else model.untrimmed
        fitted, ols = model.ols(y, weight)
        residual = y - fitted
    if how.regression == "odds":  # neither nuisance estimate matters at first order
        att = ((treated - odds) * residual).sum() / s_t
        return ((treated - odds) * residual - treated * att) / s_t
    eta_t, eta_c = (treated * residual).sum() / s_t, (odds * residual).sum() / s_c
    of_treated = treated * (residual - eta_t)
    of_control = odds * (residual - eta_c)
    of_control = kept * of_control + model.score @ (X.T @ of_control)
    if ols is not None:
        of_treated = of_treated - ols @ (X.T @ treated)
        of_control = of_control - ols @ (X.T @ odds)
    return of_treated / s_t - of_control / s_c


def _rc(model: _Model, y: Array, comparison: Comparison, how: Method, kept: float) -> Array:
    late = comparison.late
    assert late is not None
    parts = [_rc_period(model, y, now.astype(np.float64), how, kept) for now in (late, ~late)]
    # The change over time is the late period's part minus the early one's, except where R
    # DRDID adds them (see `_rc_period`).
    return parts[0][0] - parts[1][0] + parts[0][1] + parts[1][1]


def _rc_period(
    model: _Model, y: Array, now: Array, how: Method, kept: float
) -> tuple[Array, Array]:
    """Return the part of one period, and what R `DRDID` adds over periods."""
    X = model.X
    treated, odds = model.w * model.d * now, model.odds * now
    s_t, s_c = treated.sum(), odds.sum()
    plus = np.zeros(len(y))
    if how.regression == "none":
        residual = y
    else:
        weight = model.w * (1 - model.d) if how.regression == "plain" else model.untrimmed
        fitted_c, ols_c = model.ols(y, weight * now)
        fitted_t, ols_t = model.ols(y, treated)
        residual = y - fitted_c
    eta_t, eta_c = (treated * residual).sum() / s_t, (odds * residual).sum() / s_c
    of_control = odds * (residual - eta_c) / s_c
    value = treated * (residual - eta_t) / s_t - kept * of_control
    if how.regression != "odds":
        value = value - model.score @ (X.T @ of_control)
    if how.regression == "none":
        return value, plus
    # The efficiency terms: the effect averaged over all treated instead of this period's.
    everyone = model.w * model.d
    gap = fitted_t - fitted_c
    share, share_now = everyone / everyone.sum(), treated / s_t
    value = value + share * (gap - share @ gap) - share_now * (gap - share_now @ gap)
    if how.regression == "plain":
        plus = -ols_c @ (X.T @ (treated / s_t - odds / s_c))
        value = value + (ols_t - ols_c) @ (X.T @ (share - share_now))
    return value, plus


__all__ = ["influence"]
