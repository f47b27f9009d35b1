"""What every estimator returns, and the bookkeeping that they share.

The axes of all arrays: R replicates (the full sample first, then one without each cluster), m
cells (cohort and period), Q cohorts (the never treated first), k columns of the design matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from didjack.core.linalg import Array, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.core.moments import Clusters, RowSums, delete_one
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


@dataclass(frozen=True, eq=False)
class Estimates:
    """ATT(g,t) on the replicate axis; R replicates, m cells, Q cohorts, k columns.

    Attributes
    ----------
    att : (R, m) array
        NaN where a replicate has no such cell.
    status : (R, m) int8 array
        `Status` codes.
    n_treated, n_control : (m,) int arrays
        Units (repeated cross-sections: rows of both periods) in the full sample.
    cohort_rows : (R, Q) int array
        Rows of each cohort; zero where a deletion removes the cohort.
    cohort_weight : (R, Q) array
        Sum over units of the aggregation weight: R `did`'s cohort sizes.
    left_out : (R, k) bool array
        Covariates that are redundant in a replicate as a whole.
    cell_weight : (R, m) array
        Weight of the treated observations of each cell: Stata `csdid`'s aggregation weights.
        Units of a panel by their mean weight; rows of both periods in cross-sections.
    separated : (R, m) bool array
        Cells whose propensity model sets some controls apart from all treated.
    fault : (m,) int array
        Column of the design that is collinear or separates in the full sample, else -1.
    models : mapping of int to object
        Fitted propensity models by their first cell: deletions start from the full sample's.
    """

    att: Array = field(repr=False)
    status: NDArray[np.int8] = field(repr=False)
    n_treated: NDArray[np.int64] = field(repr=False)
    n_control: NDArray[np.int64] = field(repr=False)
    cohort_rows: NDArray[np.int64] = field(repr=False)
    cohort_weight: Array = field(repr=False)
    left_out: Mask = field(repr=False)
    cell_weight: Array = field(repr=False)
    separated: Mask = field(repr=False)
    fault: Index = field(repr=False)
    models: Mapping[int, Any] = field(default_factory=dict, repr=False)


def full_sample(estimates: Estimates) -> Estimates:
    """Return the first replicate alone, R = 1, without the models.

    Parameters
    ----------
    estimates : Estimates
    """
    return replace(
        estimates,
        att=estimates.att[:1],
        status=estimates.status[:1],
        cohort_rows=estimates.cohort_rows[:1],
        cohort_weight=estimates.cohort_weight[:1],
        left_out=estimates.left_out[:1],
        cell_weight=estimates.cell_weight[:1],
        separated=estimates.separated[:1],
        models={},
    )


def unit_sums(panel: Panel, clusters: Clusters | None) -> RowSums:
    """Return sums over units within (replicate, cohort)."""
    rows = panel.unit_rows
    return RowSums(
        panel.unit_cohort,
        len(panel.cohorts),
        None if clusters is None else clusters.code[rows],
        1 if clusters is None else len(clusters),
    )


def row_sums_by_period(panel: Panel, clusters: Clusters | None) -> RowSums:
    """Return sums over rows within (replicate, cohort x period), the period running fastest."""
    T = len(panel.times)
    return RowSums(
        panel.cohort * T + panel.time,
        len(panel.cohorts) * T,
        None if clusters is None else clusters.code,
        1 if clusters is None else len(clusters),
    )


def cohort_totals(sums: RowSums, panel: Panel) -> tuple[NDArray[np.int64], Array]:
    """Count the units of each cohort and add up their weights, both (R, Q)."""
    features = np.column_stack([np.ones(panel.n_units), panel.unit_weight])
    totals = sums(features)
    return np.rint(totals[..., 0]).astype(np.int64), totals[..., 1]


def left_out_columns(panel: Panel, clusters: Clusters | None) -> Mask:
    """Find covariates that are redundant in all rows of a replicate, shape (R, k).

    A factor level that occurs in one cluster only leaves with it; what a refit without that
    cluster would do, leaving the column out, is done here too.
    """
    R = 1 if clusters is None else len(clusters) + 1
    k = panel.design.k
    if k == 1 or clusters is None:
        return np.zeros((R, k), dtype=bool)
    # Where covariates do not change over time, one row of each unit has the same rank.
    rows = panel.unit_rows if panel.constant_covariates else np.arange(len(panel.rows))
    packed = np.zeros((len(clusters), 1, k * (k + 1) // 2))
    for part in np.array_split(rows, 1 + len(rows) // 100_000):  # a copy of part of X at a time
        part_sums = RowSums(
            np.zeros(len(part), dtype=np.intp), 1, clusters.code[part], len(clusters)
        )
        packed += part_sums.within(pack_outer(panel.design.X[part]))
    gram = unpack_symmetric(delete_one(packed)[:, 0], k)
    return factorize(gram).redundant


@dataclass(frozen=True, eq=False)
class Presence:
    """The treated and the controls of each replicate, before anything is estimated.

    Attributes
    ----------
    treated, control : (R, m) int arrays
        Units of the cell; in repeated cross-sections rows of its two periods.
    no_treated, no_control : (R, m) bool arrays
        Whether one of the two periods has none.
    cohort_rows, cohort_weight : (R, Q) arrays
    cell_weight : (R, m) array
        As in `Estimates`.
    treated_weight, control_weight : (R, m) arrays
        Sums of sampling weights: of the earlier period in a panel, of both periods in
        cross-sections.
    no_weight : (R, m) bool array
        Whether the treated or the controls of one of the two periods have weight zero throughout.
    """

    treated: NDArray[np.int64]
    control: NDArray[np.int64]
    no_treated: Mask
    no_control: Mask
    cohort_rows: NDArray[np.int64]
    cohort_weight: Array
    cell_weight: Array
    treated_weight: Array
    control_weight: Array
    no_weight: Mask

    def estimates(
        self,
        att: Array,
        failures: Mapping[Status, Mask],
        cells: Cells,
        left_out: Mask,
        *,
        fault: Index,
        separated: Mask | None = None,
        models: Mapping[int, Any] | None = None,
    ) -> Estimates:
        """Combine with the estimates: cells without rows and failed ones become NaN.

        Parameters
        ----------
        att : (R, m) array
        failures : mapping of Status to (R, m) bool array
            In order of precedence, the weakest first.
        cells : Cells
        left_out, fault, separated, models
            As in `Estimates`; no cell is separated if not given.
        """
        status = np.full(att.shape, Status.OK, dtype=np.int8)
        for reason, failed in failures.items():
            status[failed] = reason
        status[self.no_weight] = Status.NO_WEIGHT
        status[self.no_control] = Status.NO_CONTROLS
        status[cells.is_base & (self.treated > 0)] = Status.BASE_PERIOD
        status[self.no_treated] = Status.NO_TREATED
        att = np.where(status == Status.OK, att, np.nan)
        # An estimate that overflowed or divided by zero is not one.
        status[(status == Status.OK) & ~np.isfinite(att)] = Status.NO_OVERLAP
        return Estimates(
            att=np.where(status == Status.BASE_PERIOD, 0.0, att),
            status=status,
            n_treated=self.treated[0],
            n_control=self.control[0],
            cohort_rows=self.cohort_rows,
            cohort_weight=self.cohort_weight,
            left_out=left_out,
            cell_weight=self.cell_weight,
            separated=np.zeros_like(self.no_treated) if separated is None else separated,
            fault=np.where(cells.is_base, -1, fault),
            models=models or {},
        )


def presence(panel: Panel, cells: Cells, clusters: Clusters | None) -> Presence:
    """Count the treated and the controls of every cell and replicate."""
    cohort_rows, cohort_weight = cohort_totals(unit_sums(panel, clusters), panel)
    if panel.is_panel:
        treated = cohort_rows[:, cells.cohort]
        control = (cohort_rows @ cells.control_sets.T)[:, cells.control_set]
        weight = unit_sums(panel, clusters)(panel.unit_mean_weight[:, None])[..., 0]
        by_period = _weights_by_period(panel, clusters)
        treated_weight = by_period[:, cells.cohort, cells.early]
        control_weight = np.einsum("sq,rqt->rst", cells.control_sets, by_period)
        control_weight = control_weight[:, cells.control_set, cells.early]
        return Presence(
            treated,
            control,
            treated == 0,
            control == 0,
            cohort_rows,
            cohort_weight,
            weight[:, cells.cohort],
            treated_weight,
            control_weight,
            (treated_weight == 0) | (control_weight == 0),
        )
    Q, T = len(panel.cohorts), len(panel.times)
    features = np.column_stack([np.ones(len(panel.rows)), panel.w])
    sums = row_sums_by_period(panel, clusters)(features).reshape(-1, Q, T, 2)
    rows, weights = np.rint(sums[..., 0]).astype(np.int64), sums[..., 1]
    ends = np.stack([cells.time, cells.base], axis=1)
    treated = rows[:, cells.cohort[:, None], ends]
    control = np.einsum("sq,rqt->rst", cells.control_sets, rows)
    control = control[:, cells.control_set[:, None], ends]
    treated_weight = weights[:, cells.cohort[:, None], ends]
    control_weight = np.einsum("sq,rqt->rst", cells.control_sets, weights)
    control_weight = control_weight[:, cells.control_set[:, None], ends]
    return Presence(
        treated.sum(axis=-1),
        control.sum(axis=-1),
        (treated == 0).any(axis=-1),
        (control == 0).any(axis=-1),
        cohort_rows,
        cohort_weight,
        treated_weight.sum(axis=-1),
        treated_weight.sum(axis=-1),
        control_weight.sum(axis=-1),
        ((treated_weight == 0) | (control_weight == 0)).any(axis=-1),
    )


def _weights_by_period(panel: Panel, clusters: Clusters | None) -> Array:
    """Sum the weights of the units of a balanced panel, (R, Q, T)."""
    T = len(panel.times)
    if panel.constant_weights:
        sums = unit_sums(panel, clusters)(panel.w[panel.unit_rows, None])
        return np.repeat(sums, T, axis=2)
    return row_sums_by_period(panel, clusters)(panel.w[:, None]).reshape(-1, len(panel.cohorts), T)
