"""What every estimator returns, and the bookkeeping that they share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from didjack.cells import Cells, Status
from didjack.linalg import Array, Mask, factorize, pack_outer, unpack_symmetric
from didjack.moments import Clusters, RowSums
from didjack.panel import Panel


@dataclass(frozen=True)
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
    """

    att: Array = field(repr=False)
    status: NDArray[np.int8] = field(repr=False)
    n_treated: NDArray[np.int64] = field(repr=False)
    n_control: NDArray[np.int64] = field(repr=False)
    cohort_rows: NDArray[np.int64] = field(repr=False)
    cohort_weight: Array = field(repr=False)
    left_out: Mask = field(repr=False)


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
    one = RowSums(np.zeros(len(panel.rows), dtype=np.intp), 1, clusters.code, len(clusters))
    gram = unpack_symmetric(one(pack_outer(panel.design.X))[:, 0], k)
    return factorize(gram).redundant


def settle(att: Array, status: NDArray[np.int8], cells: Cells) -> tuple[Array, NDArray[np.int8]]:
    """Set base periods to zero and cells without an estimate to NaN."""
    base = cells.is_base & (status != Status.NO_TREATED)
    status = np.where(base, Status.BASE_PERIOD, status).astype(np.int8)
    att = np.where(status == Status.OK, att, np.nan)
    return np.where(base, 0.0, att), status
