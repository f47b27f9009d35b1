"""Cells with samples of their own: fixed and varying weights, and pairwise balancing.

Most cells share the sample, and differ in cohort and periods only. These options give cells
weights, covariates or units of their own:

- `fix_weights="base_period"`: units count by their weight in the last period before treatment (less
  anticipation) of the cell's cohort, `"first_period"` by that in the first period. Units that are
  not observed in that period leave the cell.
- `fix_weights="varying"`: each row counts by its own weight. Changes of units are given up for
  levels, as in repeated cross-sections; both rows of a unit have the covariates of the earlier
  period. Unbalanced panels are always estimated like that, with the covariates of each row.
- `balance="pair"`: a cell compares the changes of the units observed in both of its periods.

A part is a panel with the cells that it serves. Estimators see nothing but ordinary panels, so
whatever holds for these (replicates, influence functions, loadings) holds for parts. The rules are
those of `compute.att_gt` in R `did` 2.5.1 (`fix_weights`) and of `csdid` 2.0.0 (`bal(pair)`).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.estimators.estimates import (
    Estimates,
    cohort_totals,
    left_out_columns,
    unit_sums,
)
from didjack.estimators.registry import Estimator
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel

FIX_WEIGHTS = ("varying", "base_period", "first_period")


@dataclass(frozen=True, eq=False)
class PanelPart:
    """A panel and the cells that are estimated from it.

    Attributes
    ----------
    panel : Panel
        Rows, weights, covariates and layout of its own; cohorts have the codes of the whole.
    cells : Cells
        Periods are coded as in `panel`.
    at : (c,) int array
        Where the cells stand among all cells.
    rows, units : int arrays
        Rows and units of the whole panel that are in this one.
    """

    panel: Panel = field(repr=False)
    cells: Cells = field(repr=False)
    at: Index
    rows: Index = field(repr=False)
    units: Index = field(repr=False)

    def clusters(self, clusters: Clusters) -> Clusters:
        """Return the clusters of its rows; some may have none.

        Parameters
        ----------
        clusters : Clusters
            Of the rows of the whole panel.
        """
        return Clusters(clusters.name, clusters.labels, clusters.code[self.rows])

    def estimates(self, whole: Estimates) -> Estimates:
        """Return the estimates of its cells.

        Parameters
        ----------
        whole : Estimates
        """
        local = {int(c): i for i, c in enumerate(self.at)}
        return replace(
            whole,
            att=whole.att[:, self.at],
            status=whole.status[:, self.at],
            n_treated=whole.n_treated[self.at],
            n_control=whole.n_control[self.at],
            cell_weight=whole.cell_weight[:, self.at],
            separated=whole.separated[:, self.at],
            fault=whole.fault[self.at],
            models={local[c]: model for c, model in whole.models.items() if c in local},
        )


def parts_of(panel: Panel, cells: Cells, fix_weights: str | None) -> list[PanelPart] | None:
    """Split the cells by the sample that they need; None if all share the panel as it is.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    fix_weights : {"varying", "base_period", "first_period"} or None

    Returns
    -------
    list of PanelPart or None
    """
    varies = fix_weights == "varying" and (panel.is_panel or panel.is_pairwise)
    period = None if panel.constant_weights else weight_period(panel, cells, fix_weights)
    if not (varies or panel.is_pairwise or period is not None):
        return None
    early, late = cells.early, np.maximum(cells.time, cells.base)
    groups: dict[Hashable, list[int]] = {}
    for c in range(len(cells)):
        key = (
            (int(early[c]), int(late[c])) if panel.is_pairwise else None,
            None if period is None else int(period[c]),
            int(early[c]) if varies and not panel.constant_covariates else None,
        )
        groups.setdefault(key, []).append(c)
    row_of = np.full((panel.n_units, len(panel.times)), -1)
    row_of[panel.unit, panel.time] = np.arange(len(panel.rows))
    return [
        _part(panel, cells, np.array(members), row_of, period, varies)
        for members in groups.values()
    ]


def weight_period(panel: Panel, cells: Cells, fix_weights: str | None) -> Index | None:
    """Return the code of the period whose weights every cell has, (m,); None if none is fixed.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    fix_weights : str or None
    """
    if fix_weights == "first_period":
        return np.zeros(len(cells), dtype=np.intp)
    if fix_weights == "base_period":
        before = panel.times + panel.roles.anticipation < cells.group[:, None]
        return before.sum(axis=1) - 1  # periods ascend, and a treated cohort has one before
    return None


def notes_on_parts(panel: Panel, cells: Cells, fix_weights: str | None) -> list[str]:
    """Say which units leave comparisons for want of a period.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    fix_weights : str or None
    """
    n, observed = panel.n_units, np.bincount(panel.unit)
    found = []
    if panel.is_pairwise:
        found.append(
            f"balance='pair': {(observed < len(panel.times)).sum():,} of {n:,} units are "
            "not observed in every period, and leave the comparisons of a period that they miss."
        )
    period = None if panel.is_panel else weight_period(panel, cells, fix_weights)
    if period is None:
        return found
    there = np.zeros((n, len(panel.times)), dtype=bool)
    there[panel.unit, panel.time] = True
    for v in np.unique(period):
        served = period == v
        cohorts = cells.control_sets[cells.control_set[served]].any(axis=0)
        cohorts[cells.cohort[served]] = True
        gone = int((cohorts[panel.unit_cohort] & ~there[:, v]).sum())
        if gone:
            which = "the first period" if fix_weights == "first_period" else "the base period"
            groups = ", ".join(panel.roles.period_text(g) for g in np.unique(cells.group[served]))
            found.append(
                f"fix_weights='{fix_weights}': {gone:,} of {n:,} units are not observed "
                f"in {which} ({panel.roles.period_text(panel.times[v])}), and leave the "
                f"comparisons of cohort {groups}."
            )
    return found


def _part(
    panel: Panel, cells: Cells, at: Index, row_of: Index, period: Index | None, varies: bool
) -> PanelPart:
    """Form the panel of cells that have the same sample."""
    c = int(at[0])
    early, late = int(cells.early[c]), int(max(cells.time[c], cells.base[c]))
    chosen = np.ones(panel.n_units, dtype=bool)
    at_rows = np.ones(len(panel.rows), dtype=bool)
    codes = np.arange(len(panel.times))
    if panel.is_pairwise:
        chosen &= (row_of[:, early] >= 0) & (row_of[:, late] >= 0)
        at_rows &= (panel.time == early) | (panel.time == late)
        codes = np.searchsorted([early, late] if early < late else [early], codes)
    if period is not None:
        chosen &= row_of[:, period[c]] >= 0
    at_rows &= chosen[panel.unit]
    rows = np.flatnonzero(at_rows)
    unit, units = panel.unit[rows], np.flatnonzero(chosen)
    w, design = panel.w[rows], panel.design.take(rows)
    if period is not None:
        w = panel.w[row_of[unit, period[c]]]
    if varies and not panel.constant_covariates:
        design = panel.design.take(row_of[unit, early])
    layout = "panel" if panel.is_pairwise and not varies else "rc" if varies else panel.layout
    own = replace(
        panel,
        layout=layout,
        rows=panel.rows[rows],
        times=panel.times[np.unique([early, late])] if panel.is_pairwise else panel.times,
        time=codes[panel.time[rows]],
        cohort=panel.cohort[rows],
        unit=(np.cumsum(chosen) - 1)[unit],
        unit_labels=panel.unit_labels[units],
        y=panel.y[rows],
        w=w,
        design=design,
    )
    return PanelPart(own, _take(cells, at, codes), at, rows, units)


def _take(cells: Cells, at: Index, codes: Index) -> Cells:
    return Cells(
        cohort=cells.cohort[at],
        time=codes[cells.time[at]],
        base=codes[cells.base[at]],
        control_set=cells.control_set[at],
        control_sets=cells.control_sets,
        group=cells.group[at],
        period=cells.period[at],
        base_period=cells.base_period[at],
    )


@dataclass(frozen=True)
class EstimatorOfParts:
    """An estimator put to work on every part.

    Attributes
    ----------
    inner : Estimator
    fix_weights : str or None
    """

    inner: Estimator
    fix_weights: str | None = None

    def estimate(
        self, panel: Panel, cells: Cells, clusters: Clusters | None, start: Estimates | None
    ) -> Estimates:
        """Estimate every cell in the full sample and without each cluster.

        Parameters
        ----------
        panel : Panel
        cells : Cells
        clusters : Clusters or None
        start : Estimates or None
            Of the full sample.
        """
        parts = parts_of(panel, cells, self.fix_weights)
        if parts is None:
            return self.inner.estimate(panel, cells, clusters, start)
        # A covariate leaves where it is redundant in all rows of a replicate, not of a part.
        left_out = left_out_columns(panel, clusters)
        found = [
            self.inner.estimate(
                part.panel,
                part.cells,
                None if clusters is None else part.clusters(clusters),
                None if start is None else part.estimates(start),
                left_out,
            )
            for part in parts
        ]
        return _joined(parts, found, panel, clusters, left_out)

    def influence(self, panel: Panel, cells: Cells, estimates: Estimates) -> Array:
        """Influence functions of all cells over units, (n, m), on the scale of R `did`.

        Those of a part are scaled by units / units in the part, and zero for other units.

        Parameters
        ----------
        panel : Panel
        cells : Cells
        estimates : Estimates
            Of the full sample.
        """
        parts = parts_of(panel, cells, self.fix_weights)
        if parts is None:
            return self.inner.influence(panel, cells, estimates)
        out = np.zeros((panel.n_units, len(cells)), order="F")
        for part in parts:
            own = self.inner.influence(part.panel, part.cells, part.estimates(estimates))
            out[np.ix_(part.units, part.at)] = own * (panel.n_units / max(1, len(part.units)))
        out[:, ~np.isin(estimates.status[0], (Status.OK, Status.BASE_PERIOD))] = np.nan
        return out


def _joined(
    parts: list[PanelPart],
    found: list[Estimates],
    panel: Panel,
    clusters: Clusters | None,
    left_out: Mask,
) -> Estimates:
    """Put the estimates of the parts side by side; cohorts count as they do in the whole."""
    order = np.argsort(np.concatenate([part.at for part in parts]))
    by_replicate = ("att", "status", "cell_weight", "separated")
    by_cell = ("n_treated", "n_control", "fault")
    arrays = {
        name: np.concatenate([getattr(own, name) for own in found], axis=1)[:, order]
        for name in by_replicate
    } | {name: np.concatenate([getattr(own, name) for own in found])[order] for name in by_cell}
    models = {
        int(part.at[c]): model
        for part, own in zip(parts, found, strict=True)
        for c, model in own.models.items()
    }
    cohort_rows, cohort_weight = cohort_totals(unit_sums(panel, clusters), panel)
    return Estimates(
        **arrays,
        cohort_rows=cohort_rows,
        cohort_weight=cohort_weight,
        left_out=left_out,
        models=models,
    )
