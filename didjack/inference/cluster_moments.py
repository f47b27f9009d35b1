"""Sums per cluster from which outcome regression follows for any assignment of cohorts.

Where every cluster belongs to one cohort, another assignment only gives the clusters other labels:
what a cluster adds to a sum over a cohort stays the same. The sums are those of
`didjack.estimators.reg`, by cluster instead of by cohort, with an axis of outcomes: the outcome
itself and, for intervals, the effect of one that the actual treatment would have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, pack_outer
from didjack.core.moments import Clusters, RowSums
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import NEVER, Panel


@dataclass(frozen=True, eq=False)
class ClusterMoments:
    """Sums of each cluster; C clusters, E designs, D differences, k columns, Y outcomes, m cells.

    In panels a design is a period whose covariates are used, and a difference a pair of periods,
    y standing for the change from the early to the late one. In repeated cross-sections designs
    and differences are the T periods, and y stands for the outcome in the period.

    Attributes
    ----------
    count : (C, E) array
        Units (panels) or rows of the period.
    xx : (C, E, k(k+1)/2) array
        Sums of w x x', packed.
    xy : (C, D, Y, k) array
        Sums of w x y.
    cohort_weight : (C,) array
        Sum over units of the weight in averages.
    cell_weight : (C, E) array
        Sums of the weights that Stata `csdid` averages cells by.
    ends : (m, 2) or (m, 1) int array
        Differences that each cell uses: period and base period, or the one pair.
    sign : (m,) array
        -1 for cells of a panel that run backwards in time.
    design_of : (D,) int array
        Design of each difference.
    k : int
    """

    count: Array = field(repr=False)
    xx: Array = field(repr=False)
    xy: Array = field(repr=False)
    cohort_weight: Array = field(repr=False)
    cell_weight: Array = field(repr=False)
    ends: Index = field(repr=False)
    sign: Array = field(repr=False)
    design_of: Index = field(repr=False)
    k: int

    @property
    def is_panel(self) -> bool:
        """Whether differences over time are taken unit by unit."""
        return self.ends.shape[1] == 1


def cluster_moments(panel: Panel, cells: Cells, clusters: Clusters) -> ClusterMoments:
    """Sum within clusters what the cells need.

    Parameters
    ----------
    panel : Panel
    cells : Cells
        Those whose estimates are wanted.
    clusters : Clusters

    Returns
    -------
    ClusterMoments
        With Y = 2 outcomes: that of the data, and treatment under the actual assignment.
    """
    outcomes = outcomes_of(panel)
    if panel.is_panel:
        return _panel_moments(panel, cells, clusters, outcomes)
    return _row_moments(panel, cells, clusters, outcomes)


def outcomes_of(panel: Panel) -> Array:
    """Return the outcome, and one where a row is treated under the actual assignment, (2, N).

    Parameters
    ----------
    panel : Panel
    """
    first, time = panel.cohorts[panel.cohort], panel.times[panel.time]
    treated = (first != NEVER) & (time >= first)
    return np.stack([panel.y, treated.astype(np.float64)])


def _panel_moments(
    panel: Panel, cells: Cells, clusters: Clusters, outcomes: Array
) -> ClusterMoments:
    n, C, k = panel.n_units, len(clusters), panel.design.k
    wide, pairs = Wide.of(panel), pairs_of(cells)
    design_of, periods = wide.gram_periods(pairs.early)
    sums = RowSums(np.zeros(n, dtype=np.intp), 1, clusters.code[panel.unit_rows], C)

    def total(features: Array) -> Array:
        return np.asarray(sums.within(features)[:, 0])

    xx = np.stack([total(wide.weighted_outer(e)) for e in periods], axis=1)
    xy = np.empty((C, len(pairs.early), len(outcomes), k))
    for i, values in enumerate(outcomes):
        y = values.reshape(n, -1).T
        for d, (e, late) in enumerate(zip(pairs.early, pairs.late, strict=True)):
            at = wide.at(e)
            xy[:, d, i] = total(wide.X[at] * (wide.w[at] * (y[late] - y[e]))[:, None])
    weights = total(np.column_stack([np.ones(n), panel.unit_weight, panel.unit_mean_weight]))
    everywhere = np.ones(len(periods))
    return ClusterMoments(
        count=weights[:, :1] * everywhere,
        xx=xx,
        xy=xy,
        cohort_weight=weights[:, 1],
        cell_weight=weights[:, 2:] * everywhere,
        ends=pairs.of_cell[:, None],
        sign=pairs.sign,
        design_of=design_of,
        k=k,
    )


def _row_moments(panel: Panel, cells: Cells, clusters: Clusters, outcomes: Array) -> ClusterMoments:
    C, T, k, w, X = len(clusters), len(panel.times), panel.design.k, panel.w, panel.design.X
    sums = RowSums(panel.time, T, clusters.code, C)
    units = RowSums(np.zeros(panel.n_units, dtype=np.intp), 1, clusters.code[panel.unit_rows], C)
    xy = [sums.within(X * (w * values)[:, None]) for values in outcomes]
    counted = sums.within(np.column_stack([np.ones(len(w)), w]))
    return ClusterMoments(
        count=counted[..., 0],
        xx=sums.within(w[:, None] * pack_outer(X)),
        xy=np.stack(xy, axis=2),
        cohort_weight=units.within(panel.unit_weight[:, None])[:, 0, 0],
        cell_weight=counted[..., 1],
        ends=np.stack([cells.time, cells.base], axis=1),
        sign=np.ones(len(cells)),
        design_of=np.arange(T),
        k=k,
    )
