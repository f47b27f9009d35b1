"""Estimates and CV3 t statistics under other assignments of cohorts, without refitting.

An assignment only gives the clusters other labels. Sorted by the cohort they are given, the
clusters of every assignment form segments of the same lengths, so that all assignments of a block
are computed at once: sums over the clusters of a cohort, and over all of them but one, then one
small regression for each set of controls (`didjack.inference.cluster_moments`). What a refit does
in every replicate is done here too: rank checks, cells that cannot be estimated, averages over the
cells that are left, deletions that leave nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from didjack.core.cv3 import deviations, factor
from didjack.core.linalg import Array, Index, Mask, first_column, unpack_symmetric
from didjack.core.moments import Clusters
from didjack.core.progress import progress
from didjack.effects.aggregate import Aggregate
from didjack.effects.averages import Elements, aggregate, form_elements
from didjack.estimators.estimates import Estimates
from didjack.estimators.methods import WEIGHTING
from didjack.estimators.odds import OVERLAP
from didjack.inference.assigned import AssignedStatistics, cohort_of, refitted
from didjack.inference.cluster_moments import ClusterMoments, cluster_moments, outcomes_of
from didjack.inference.cohort_sums import CohortSums, Regressions
from didjack.inference.relabelled_odds import OddsComparison, UnitRows, compare
from didjack.sample.cells import Cells

Kind = TypeVar("Kind", bound=np.generic)

BLOCK = 500_000  # numbers of the largest array: bounds memory
ODDS_BLOCK = 200_000  # the same with odds, whose arrays are gone through more often


def relabelled(
    target: Aggregate, clusters: Clusters, assignments: Index, n_jobs: int = 1
) -> AssignedStatistics:
    """Estimate under other assignments from cluster moments.

    Parameters
    ----------
    target : Aggregate
        Without a reason to refit (`didjack.inference.assigned.why_refit`).
    clusters : Clusters
    assignments : (B, C) int array
        Cohort code of each cluster; every row a permutation of the actual cohorts.
    n_jobs : int
        Workers (joblib).

    Returns
    -------
    AssignedStatistics
        For all parameters of the average.
    """
    panel, cells = target.attgt.panel, _used(target)
    moments = cluster_moments(panel, cells, clusters)
    # Cells that an assignment cannot estimate are missing, not left out of the elements.
    elements = form_elements(
        cells,
        np.ones(len(cells), dtype=bool),
        target.elements.rule,
        panel.times[0],
        target.attgt.cells.period.max(),
    )
    sizes = np.bincount(cohort_of(target.attgt, clusters), minlength=len(panel.cohorts))
    options = target.attgt.options
    method = options.est_method
    plain = options.is_difference_of_means(panel)
    trim = options.pscoretrim if method in WEIGHTING and plain else None
    per_assignment = (len(clusters) + 1) * max(len(cells) * 4, moments.xy[0].size)
    rows = None
    if method in WEIGHTING and not plain:
        rows = UnitRows.of(panel, cells, clusters, outcomes_of(panel), options)
        per_assignment = max(per_assignment, rows.per_assignment * BLOCK // ODDS_BLOCK)
    step = max(1, BLOCK // per_assignment)
    starts = range(0, len(assignments), step)
    calls = (
        (moments, cells, elements, sizes, assignments[at : at + step], trim, rows) for at in starts
    )
    parts = progress(
        _blocks(calls, n_jobs),
        len(starts),
        f"estimating {len(assignments):,} assignments",
        remedy="n_jobs spreads them over several processors.",
        n_jobs=_workers(n_jobs),
    )
    estimate, form, scale, hard = (np.concatenate(p) for p in zip(*parts, strict=True))
    names = {name: i for i, name in enumerate(elements.parameters)}
    chosen = [names[name] for name in target.parameters]
    estimate, form = estimate[:, chosen], form[:, chosen]
    if hard.any():
        again = refitted(target, clusters, assignments[hard], n_jobs=n_jobs)
        estimate[hard], form[hard], scale[hard] = again.estimate, again.form, again.scale
    return AssignedStatistics(target.parameters, estimate, form, scale)


def _workers(n_jobs: int) -> int:
    if n_jobs == 1:
        return 1
    from joblib import effective_n_jobs  # spared where there is one worker

    return int(effective_n_jobs(n_jobs))


def _blocks(calls: Iterator[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    if n_jobs == 1:
        return (_block(*call) for call in calls)
    from joblib import Parallel, delayed  # spared where there is one worker

    return iter(Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_block)(*c) for c in calls))


def _used(target: Aggregate) -> Cells:
    """Keep the cells that the average can use under some assignment."""
    cells = target.attgt.cells
    if target.type == "dynamic":
        return cells
    return _take(cells, np.flatnonzero(cells.post))


def _take(cells: Cells, at: Index) -> Cells:
    return Cells(
        cohort=cells.cohort[at],
        time=cells.time[at],
        base=cells.base[at],
        control_set=cells.control_set[at],
        control_sets=cells.control_sets,
        group=cells.group[at],
        period=cells.period[at],
        base_period=cells.base_period[at],
        frequency=cells.frequency,
    )


# ---------------------------------------------------------------- one block of assignments


def _block(
    moments: ClusterMoments,
    cells: Cells,
    elements: Elements,
    sizes: Index,
    assignments: Index,
    trim: float | None,
    rows: UnitRows | None,
) -> tuple[Array, Array, Array, Mask]:
    B, C = assignments.shape
    hard = np.zeros(B, dtype=bool)
    order = np.argsort(assignments, axis=1, kind="stable")
    first = np.concatenate([[0], np.cumsum(sizes)])
    cohorts = [
        CohortSums.of(moments, order[:, first[q] : first[q + 1]], int(first[q]) + 1)
        for q in range(len(sizes))
    ]
    Y = moments.xy.shape[2]
    att = np.empty((Y, B, C + 1, len(cells)))
    for s, members in enumerate(cells.control_sets):
        mine = np.flatnonzero(cells.control_set == s)
        if len(mine) == 0:
            continue
        controls = CohortSums.pooled([cohorts[q] for q in np.flatnonzero(members)])
        fitted = Regressions.of(moments, controls, np.unique(moments.ends[mine]))
        for q in np.unique(cells.cohort[mine]):
            at = mine[cells.cohort[mine] == q]
            att[..., at] = _cells(moments, cells, at, cohorts[q], controls, fitted, trim, C + 1)
            if rows is None:
                continue
            own = at[~cells.is_base[at]]
            design = moments.design_of[moments.ends[own, 0]]
            for e in np.unique(design):
                some = own[design == e]
                compared = _compared(moments, some, cohorts[q], controls, fitted, order)
                value, left = compare(rows, compared)
                att[..., some] = np.moveaxis(value[:, :1], -1, 0)
                place = np.concatenate([cohorts[q].place, controls.place])
                att[:, :, place[:, None], some] = np.moveaxis(value[:, 1:], -1, 0)
                hard |= left
    return *_statistics(moments, cells, elements, cohorts, att), hard


def _compared(
    moments: ClusterMoments,
    at: Index,
    treated: CohortSums,
    controls: CohortSums,
    fitted: Regressions,
    order: Index,
) -> OddsComparison:
    """Collect what a comparison by odds takes from sums over clusters."""
    ends, k = moments.ends[at, 0], moments.k
    e = int(moments.design_of[ends[0]])

    def without_treated(sums: Array) -> Array:
        return np.concatenate([sums, np.repeat(sums[:, :1], len(controls.place), axis=1)], axis=1)

    def without_controls(sums: NDArray[Kind]) -> NDArray[Kind]:
        first = np.repeat(sums[:, :1], len(treated.place), axis=1)
        return np.concatenate([sums[:, :1], first, sums[:, 1:]], axis=1)

    xx = without_treated(treated.xx[:, :, e])
    return OddsComparison(
        design=e,
        differences=ends,
        sign=moments.sign[at],
        treated=order[:, treated.place - 1],
        controls=order[:, controls.place - 1],
        gram=unpack_symmetric(xx + without_controls(controls.xx[:, :, e]), k),
        x=first_column(xx, k),
        y=without_treated(treated.xy[..., 0][:, :, ends]),
        beta=without_controls(fitted.beta[:, :, ends]),
        singular=without_controls(np.asarray(fitted.singular[:, :, ends].any(axis=2))),
    )


def _cells(
    moments: ClusterMoments,
    cells: Cells,
    at: Index,
    treated: CohortSums,
    controls: CohortSums,
    fitted: Regressions,
    trim: float | None,
    R: int,
) -> Array:
    """ATT of cells with one cohort and one set of controls, (Y, B, R, c)."""
    ends = moments.ends[at]  # (c, 1 or 2)
    designs = moments.design_of[ends]
    x = first_column(treated.xx, moments.k)[:, :, designs]  # (B, n + 1, c, ends, k)
    y = treated.xy[..., 0][:, :, ends]  # (B, n + 1, c, ends, Y)
    beta = fitted.beta[:, :, ends]  # (B, n' + 1, c, ends, Y, k)
    rows_t, rows_c = treated.count[:, :, designs], controls.count[:, :, designs]
    weight_c = first_column(controls.xx, moments.k)[:, :, designs, 0]
    singular = np.asarray(fitted.singular[:, :, ends].any(axis=-1))
    sign = moments.sign[at]

    def combine(i: slice, j: slice) -> Array:
        """Estimate with these sums over the treated and those over the controls."""
        a, mean, b = x[:, i], y[:, i], beta[:, j]
        weight = a[..., 0]
        if moments.is_panel:
            fit = (a[..., None, :] * b).sum(axis=-1)
            value = ((mean - fit) / weight[..., None])[..., 0, :] * sign[:, None]
        else:
            means = mean / weight[..., None]
            pooled = a.sum(axis=-2)
            change = b[..., 0, :, :] - b[..., 1, :, :]
            fit = (pooled[..., None, :] * change).sum(axis=-1) / pooled[..., :1]
            value = means[..., 0, :] - means[..., 1, :] - fit
        n1, n0 = rows_t[:, i], rows_c[:, j]
        failed: Mask = singular[:, j] | np.asarray((n0 == 0).any(axis=-1))
        if trim is not None:  # without covariates the propensity is a share
            total = n1.sum(axis=-1) + n0.sum(axis=-1)
            failed = failed | np.asarray(n1.sum(axis=-1) / np.maximum(total, 1) >= OVERLAP)
            w1, w0 = weight.sum(axis=-1), weight_c[:, j].sum(axis=-1)
            failed = failed | np.asarray(w1 / (w1 + w0) >= trim)
        value = np.where(failed[..., None] | ~np.isfinite(value), np.nan, value)
        value = np.where(cells.is_base[at][:, None], 0.0, value)
        missing = np.asarray((n1 == 0).any(axis=-1))
        value = np.where(missing[..., None], np.nan, value)
        return np.moveaxis(value, -1, 0)  # (Y, B, rows, c)

    full, each = slice(0, 1), slice(1, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        everything = combine(full, full)
        out = np.empty((*everything.shape[:2], R, len(at)))
        out[:] = everything
        out[:, :, treated.place] = combine(each, full)
        out[:, :, controls.place] = combine(full, each)
    return out


def _statistics(
    moments: ClusterMoments, cells: Cells, elements: Elements, cohorts: list[CohortSums], att: Array
) -> tuple[Array, Array, Array]:
    """Average the cells of every replicate, and form the CV3 variances."""
    _, B, R, m = att.shape
    cohort_weight = np.empty((B, R, len(cohorts)))
    cell_weight = np.empty((B, R, m)) if elements.rule.weights == "csdid" else np.empty((B, R, 0))
    designs = moments.design_of[moments.ends]
    for q, sums in enumerate(cohorts):
        cohort_weight[:, :, q] = sums.cohort_weight[:, :1]
        cohort_weight[:, sums.place, q] = sums.cohort_weight[:, 1:]
        at = np.flatnonzero(cells.cohort == q)
        if cell_weight.size and len(at):
            weight = sums.cell_weight[:, :, designs[at]].sum(axis=-1)
            cell_weight[:, :, at] = weight[:, :1]
            cell_weight[:, sums.place[:, None], at] = weight[:, 1:]
    values = []
    for cell in att:
        replicates = _replicates(
            cell.reshape(B * R, m), cohort_weight.reshape(B * R, -1), cell_weight.reshape(B * R, -1)
        )
        values.append(aggregate(elements, replicates, cells).reshape(B, R, -1))
    stacked = np.stack(values, axis=-1)  # (B, R, P, Y)
    change, count = deviations(stacked[:, 0], stacked[:, 1:], axis=1)
    form = np.einsum("bcpy,bcpz->bpyz", change, change, optimize=True)
    form *= factor(count[..., 0])[..., None, None]
    largest = np.where(np.isfinite(att[0, :, 0]), np.abs(att[0, :, 0]), 0.0).max(axis=-1)
    return stacked[:, 0], form, largest


def _replicates(att: Array, cohort_weight: Array, cell_weight: Array) -> Estimates:
    """Give averages what they use of estimates."""
    nothing = np.empty(0, dtype=np.int64)
    return Estimates(
        att=att,
        status=np.empty(0, dtype=np.int8),
        n_treated=nothing,
        n_control=nothing,
        cohort_rows=nothing,
        cohort_weight=cohort_weight,
        left_out=np.empty(0, dtype=bool),
        cell_weight=cell_weight,
        separated=np.empty(0, dtype=bool),
        fault=nothing,
    )
