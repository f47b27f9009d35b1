"""The outcome regressions that the weighting estimators add, and which of them a method uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask, factorize, unpack_symmetric
from didjack.core.moments import Clusters
from didjack.estimators import reg
from didjack.estimators.estimates import unit_sums
from didjack.estimators.wide import pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

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
