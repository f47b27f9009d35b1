"""The rows of each propensity model, with everything that is equal merged.

Cells share a propensity model when they compare the same cohort with the same controls at the
same covariates: in a panel whose covariates do not change, all cells of a cohort with fixed
controls; in repeated cross-sections each pair of periods has its own.

Rows with equal (cluster, cohort, period, covariates) enter every sum with the same propensity,
so they are merged into one with the sum of weights and the weighted mean outcome. With a few
discrete covariates that shrinks microdata by an order of magnitude and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters, indicator, rows_by
from didjack.estimators.propensity import Sample
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class ComparedRows:
    """The rows of a propensity model, with the outcomes of the cells that use it; n rows, c cells.

    Attributes
    ----------
    sample : Sample
    rows : (n,) int array
        Where the rows come from: units of a panel, merged rows of cross-sections.
    count : (n,) array
        Rows of the data behind each row.
    cells : (c,) int array
    y : (n, c) array
        Panels: change of the outcome in each cell, signed. Cross-sections: the outcome, c = 1.
    late : (n,) bool array or None
        Cross-sections: whether the row is of period t rather than of the base period.
    """

    sample: Sample = field(repr=False)
    rows: Index = field(repr=False)
    count: Array = field(repr=False)
    cells: Index
    y: Array = field(repr=False)
    late: Mask | None = field(repr=False)

    def by_period(self) -> Array:
        """Covariates and outcome of cross-sections by period, (n, 2(k + 1)).

        The late period's columns come first; rows of the other period are zero.
        """
        assert self.late is not None
        values = np.column_stack([self.sample.X, self.y])
        return np.column_stack([values * self.late[:, None], values * ~self.late[:, None]])


def compared_rows(
    panel: Panel, cells: Cells, clusters: Clusters | None, *, merge: bool = True
) -> Iterator[ComparedRows]:
    """Go through the propensity models of all cells but base periods.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
    merge : bool
        False keeps every row by itself, for influence functions.
    """
    if panel.is_panel:
        yield from _compared_in_panel(panel, cells, clusters)
    else:
        yield from _compared_in_rc(panel, cells, clusters, merge)


def _compared_in_panel(
    panel: Panel, cells: Cells, clusters: Clusters | None
) -> Iterator[ComparedRows]:
    wide, pairs = Wide.of(panel), pairs_of(cells)
    gram_of, _ = wide.gram_periods(pairs.early)
    cohort = panel.unit_cohort
    code = None if clusters is None else clusters.code[panel.unit_rows]
    R = 1 if clusters is None else len(clusters) + 1
    keys = np.stack([cells.cohort, cells.control_set, gram_of[pairs.of_cell]])
    for group in _groups(keys, ~cells.is_base):
        c = group[0]
        treated = cohort == cells.cohort[c]
        rows = np.flatnonzero(treated | cells.control_sets[cells.control_set[c]][cohort])
        p = pairs.of_cell[group]
        at = wide.at(int(pairs.early[p[0]]))
        change = wide.y[pairs.late[p]][:, rows] - wide.y[pairs.early[p]][:, rows]
        yield ComparedRows(
            Sample(wide.X[at][rows], treated[rows], wide.w[at][rows],
                   None if code is None else code[rows], R),
            rows, np.ones(len(rows)), group, (pairs.sign[group, None] * change).T, None,
        )  # fmt: skip


def _compared_in_rc(
    panel: Panel, cells: Cells, clusters: Clusters | None, merge: bool
) -> Iterator[ComparedRows]:
    data = _merged(panel, clusters) if merge else _unmerged(panel, clusters)
    T = len(panel.times)
    block = data.cohort * T + data.time
    rows_of = rows_by(block, len(panel.cohorts) * T)
    R = 1 if clusters is None else len(clusters) + 1
    for c in np.flatnonzero(~cells.is_base):
        q = cells.cohort[c]
        members = [q, *np.flatnonzero(cells.control_sets[cells.control_set[c]])]
        rows = np.concatenate([rows_of[m * T + t] for m in members
                               for t in (cells.time[c], cells.base[c])])  # fmt: skip
        cluster = None if data.cluster is None else data.cluster[rows]
        yield ComparedRows(
            Sample(data.X[rows], data.cohort[rows] == q, data.w[rows], cluster, R),
            rows, data.count[rows], np.array([c]), data.y[rows, None],
            data.time[rows] == cells.time[c],
        )  # fmt: skip


def _groups(keys: NDArray[np.intp], wanted: Mask) -> list[Index]:
    """Group the wanted cells by equal keys."""
    at = np.flatnonzero(wanted)
    _, group = np.unique(keys[:, at], axis=1, return_inverse=True)
    group = group.reshape(-1)
    return [at[group == i] for i in range(group.max() + 1)] if len(at) else []


@dataclass(frozen=True)
class _Rows:
    """Rows of cross-sections, as they are or merged; `count` of the data's rows are in each."""

    X: Array
    y: Array
    w: Array
    count: Array
    cohort: Index
    time: Index
    cluster: Index | None


def _unmerged(panel: Panel, clusters: Clusters | None) -> _Rows:
    code = None if clusters is None else clusters.code
    n = len(panel.rows)
    return _Rows(panel.design.X, panel.y, panel.w, np.ones(n), panel.cohort, panel.time, code)


def _merged(panel: Panel, clusters: Clusters | None) -> _Rows:
    """Merge rows that share cluster, cohort, period and covariates."""
    data = _unmerged(panel, clusters)
    key = data.cohort * len(panel.times) + data.time
    if data.cluster is not None:
        key = key * len(data.w) + data.cluster
    for column in data.X.T[1:]:
        codes, _ = pd.factorize(column)
        key, _ = pd.factorize(key)
        key = np.asarray(key, dtype=np.int64) * (int(codes.max()) + 1) + codes
    groups, labels = pd.factorize(key)
    n = len(labels)
    if n > 0.7 * len(groups):  # continuous covariates: nothing to gain
        return data
    first = np.full(n, -1)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    sums = indicator(groups, n)
    w = sums @ data.w
    weighted = sums @ (data.w * data.y)
    return _Rows(
        X=data.X[first],
        y=np.divide(weighted, w, out=np.zeros(n), where=w > 0),  # without weight y does not count
        w=w,
        count=sums @ data.count,
        cohort=data.cohort[first],
        time=data.time[first],
        cluster=None if data.cluster is None else data.cluster[first],
    )
