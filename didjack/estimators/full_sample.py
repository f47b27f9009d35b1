"""The rows of one cell in the full sample, with what influence functions are made of.

The formulas of R `DRDID` have means where sums stand here: whatever is divided by a total weight
there is divided by it here, and the common factor n appears once, in `weighted_influence`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, factorize
from didjack.estimators.odds import TRIM, control_odds
from didjack.estimators.propensity import Sample, logistic


@dataclass(frozen=True, eq=False)
class FullSample:
    """A cohort and its controls with their fitted odds; n rows, k columns.

    Attributes
    ----------
    X : (n, k) array
        Covariates with intercept.
    w : (n,) array
        Sampling weights.
    d : (n,) array
        1 in the cohort, 0 among the controls.
    odds : (n,) array
        w p / (1 - p) of the controls, zero where trimmed and for the treated.
    untrimmed : (n,) array
        The same without trimming.
    score : (n, k) array
        Effect of each row on the coefficients of the logit: w (d - p) H^-1 x, with
        H = sum w p (1 - p) x x'.
    """

    X: Array
    w: Array
    d: Array
    odds: Array
    untrimmed: Array
    score: Array

    @classmethod
    def of(cls, sample: Sample, coef: Array, trim: float = TRIM) -> FullSample:
        """Evaluate a propensity model at its coefficients, (1, k).

        Parameters
        ----------
        sample : Sample
        coef : (1, k) array
        trim : float
            Controls with this propensity or a larger one get no weight.
        """
        p = logistic(sample.X @ coef[0])
        d = sample.d.astype(np.float64)
        hessian = (sample.X * (sample.w * p * (1 - p))[:, None]).T @ sample.X
        residual = sample.X * (sample.w * (d - p))[:, None]
        return cls(
            X=sample.X,
            w=sample.w,
            d=d,
            odds=_odds(sample, coef, trim),
            untrimmed=_odds(sample, coef, np.inf),
            score=residual @ _inverse(hessian),
        )

    def least_squares(self, y: Array, weight: Array) -> tuple[Array, Array]:
        """Regress y on X by some weights.

        Returns
        -------
        fitted : (n,) array
        influence : (n, k) array
            Effect of each row on the coefficients: weight (y - x'b) (sum weight x x')^-1 x.
        """
        inverse = _inverse((self.X * weight[:, None]).T @ self.X)
        beta = inverse @ (self.X * weight[:, None]).T @ y
        fitted = self.X @ beta
        return fitted, (self.X * (weight * (y - fitted))[:, None]) @ inverse

    def shares(self, treated: Array) -> tuple[Array, Array]:
        """Return the treated's shares of weight over both periods, and of those in `treated`."""
        both = self.w * self.d
        return both / both.sum(), treated / treated.sum()

    def efficiency_terms(self, gap: Array, treated: Array) -> tuple[Array, Array]:
        """Return what averaging over all treated adds to the average over one period's.

        Parameters
        ----------
        gap : (n,) array
            Outcome predicted for the treated minus that for controls, in one period.
        treated : (n,) array
            w d of the treated of the period, else zero.

        Returns
        -------
        of_both, of_this : (n,) arrays
            Deviations of the gap from its mean over the treated of both periods, and of this
            one, times the shares of weight.
        """
        share, share_of_this = self.shares(treated)
        of_both = share * (gap - share @ gap)
        return of_both, share_of_this * (gap - share_of_this @ gap)


def deviations(values: Array, weight: Array) -> Array:
    """Return weight (values - their weighted mean): influences on that mean, times the total."""
    return weight * (values - (weight * values).sum() / weight.sum())


def _odds(sample: Sample, coef: Array, trim: float) -> Array:
    nothing = (np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))
    return control_odds(sample, slice(None), nothing, coef, trim)[:, 0]


def _inverse(matrix: Array) -> Array:
    """Invert, with zeros for redundant columns (directions without curvature)."""
    return factorize(matrix).solve(np.eye(len(matrix)))
