"""The nuisance estimates that a doubly robust estimator combines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, Mask, factorize, unpack_symmetric
from didjack.core.moments import Clusters
from didjack.estimators import reg
from didjack.estimators.estimates import unit_sums
from didjack.estimators.odds import TRIM
from didjack.estimators.wide import pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True, eq=False)
class OutcomeRegressions:
    """Outcome regressions by sampling weight: of the controls, and of the treated by period.

    In a panel the change is regressed, and only that of the controls. In repeated cross-sections
    the outcome is regressed in each group and period: the four regressions of equation (3.4) of
    Sant'Anna and Zhao (2020).

    Attributes
    ----------
    controls : ControlRegressions
    sign : (m,) array
        -1 for cells of a panel that run backwards in time, else 1.
    pooled : (R, m, k) array
        Cross-sections: sum of w x over the treated of both periods; k = 0 in panels.
    treated_change : (R, m, k) array
        Cross-sections: change of the treated's coefficients; k = 0 in panels.
    treated_singular : (R, m) bool array
        Covariates are collinear among the treated of a period.
    treated_fault : (m,) int array
        Their collinear column in the full sample, -1 if there is none.
    """

    controls: reg.ControlRegressions = field(repr=False)
    sign: Array
    pooled: Array = field(repr=False)
    treated_change: Array = field(repr=False)
    treated_singular: Mask = field(repr=False)
    treated_fault: Index

    @classmethod
    def of(
        cls, panel: Panel, cells: Cells, clusters: Clusters | None, left_out: Mask
    ) -> OutcomeRegressions:
        """Fit them in every replicate."""
        if panel.is_panel:
            return cls._of_panel(panel, cells, clusters, left_out)
        moments = reg.RowMoments.of(panel, clusters)
        controls = reg.fit_rc(panel, cells, moments, left_out)
        factor = factorize(unpack_symmetric(moments.xx, moments.k), left_out[:, None, None, :])
        beta = factor.solve(moments.xy)  # (R, Q, T, k)
        q, ends = cells.cohort, np.stack([cells.time, cells.base], axis=1)
        redundant = np.asarray(factor.redundant[:, q[:, None], ends].any(axis=2))  # (R, m, k)
        return cls(
            controls,
            np.ones(len(cells)),
            moments.x[:, q[:, None], ends].sum(axis=2),
            beta[:, q, cells.time] - beta[:, q, cells.base],
            np.asarray(redundant.any(axis=-1)),
            np.where(redundant[0].any(axis=-1), redundant[0].argmax(axis=-1), -1),
        )

    @classmethod
    def _of_panel(
        cls, panel: Panel, cells: Cells, clusters: Clusters | None, left_out: Mask
    ) -> OutcomeRegressions:
        controls = reg.fit_panel(panel, cells, unit_sums(panel, clusters), left_out)
        empty = np.zeros((*controls.att.shape, 0))
        full_rank = np.zeros_like(controls.singular)
        no_fault = np.full(len(cells), -1)
        return cls(controls, pairs_of(cells).sign, empty, empty, full_rank, no_fault)

    @property
    def fault(self) -> Index:
        """Collinear column of the regressions of each cell, (m,); -1 if there is none."""
        return np.where(self.controls.fault < 0, self.treated_fault, self.controls.fault)

    def signed_beta(self, at: Index) -> Array:
        """Coefficients of the controls' signed change in some cells of a panel, (R, c, k)."""
        return self.controls.beta[:, self.controls.which[at]] * self.sign[at, None]


@dataclass(frozen=True, eq=False)
class Nuisance:
    """What has to be estimated before the ATT.

    Attributes
    ----------
    coef : (R, k) array
        Coefficients of the propensity model.
    regressions : OutcomeRegressions
        By sampling weight, of all cells.
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.
    trim : float
        Controls with this propensity or a larger one get no weight.
    """

    coef: Array = field(repr=False)
    regressions: OutcomeRegressions = field(repr=False)
    left_out: Mask = field(repr=False)
    trim: float = TRIM
