"""Long data, validated and coded once: unit, time, cohort, weight, outcome and covariates.

`code_data` is the only place that reads the user's frame. What it leaves out it records as
`Drop` entries; what it cannot use it refuses with a `DataError` that names column and rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import indicator
from didjack.errors import DataError, DesignError
from didjack.sample.covariates import Covariates, evaluate_covariates
from didjack.sample.retained import (
    NEVER,
    Drop,
    Roles,
    checks,
    complete_rows,
    complete_units,
    drop_treated_at_start,
    left_out_so_far,
    never_if_after_sample,
    panel_order,
    record_missing_cohorts,
    require_comparison,
)


@dataclass(frozen=True, eq=False)
class Panel:
    """Coded data; N rows, n units, T periods, Q cohorts, k columns of the design.

    Attributes
    ----------
    layout : {"panel", "rc"}
        "panel": balanced, rows in the order (unit, time), so arrays reshape to (n, T).
        "rc": levels are compared, not changes of units. Repeated cross-sections, each row a unit
        of its own; or an unbalanced panel, whose rows belong to units, in the order (unit, time).
    source : DataFrame
        The user's frame, but for dates of periods and cohorts, which are numbers (never
        changed); `rows` are the positions in it, shape (N,).
    times : (T,) array
        Periods, ascending; dates are numbers here, as `didjack.sample.periods` codes them.
        `time` codes them per row, shape (N,).
    cohorts : (Q,) array
        First treated period of each cohort; entry 0 is always the never treated.
        `cohort` codes them per row, shape (N,).
    treated : (q,) int array
        The cohorts for which effects are estimated.
    unit : (N,) int array
        Unit of each row, 0..n-1, in the order of `unit_labels`.
    y, w : (N,) arrays
        Outcome and sampling weight.
    design : Covariates
        Covariates with intercept first, centred and scaled; `design.X` has shape (N, k).
    drops : tuple of Drop
        What was left out on the way.
    sampled : (M,) int array
        Positions of the rows from which periods and controls were determined: `rows` and the
        rows of units that are not observed in every period.
    sampled_time, sampled_cohort : (M,) arrays
        Their period and first treated period.
    control_only : float or None
        The last cohort, when nobody is never treated and it serves as control only. With never
        treated controls it has their code.
    """

    roles: Roles
    layout: str
    source: pd.DataFrame = field(repr=False)
    rows: Index = field(repr=False)
    times: Array
    time: Index = field(repr=False)
    cohorts: Array
    cohort: Index = field(repr=False)
    treated: Index
    unit: Index = field(repr=False)
    unit_labels: pd.Index = field(repr=False)
    y: Array = field(repr=False)
    w: Array = field(repr=False)
    design: Covariates = field(repr=False)
    drops: tuple[Drop, ...] = ()
    sampled: Index = field(repr=False, kw_only=True)
    sampled_time: Array = field(repr=False, kw_only=True)
    sampled_cohort: Array = field(repr=False, kw_only=True)
    control_only: float | None = field(default=None, kw_only=True)

    @property
    def n_units(self) -> int:
        """Number of units: those of the panel, or the rows of repeated cross-sections."""
        return len(self.unit_labels)

    @property
    def is_panel(self) -> bool:
        """Whether every unit is observed in every period and differences are taken."""
        return self.layout == "panel"

    @property
    def is_unbalanced(self) -> bool:
        """Whether this is a panel in which some units miss some periods."""
        return self.layout == "rc" and self.roles.panel

    @property
    def is_pairwise(self) -> bool:
        """Whether each cell of an unbalanced panel has the units observed in both its periods."""
        return self.is_unbalanced and self.roles.balance == "pair"

    @cached_property
    def constant_covariates(self) -> bool:
        """Whether the covariates of every unit of a balanced panel are the same in all periods."""
        if not self.is_panel:
            return False
        X = self.design.X.reshape(self.n_units, len(self.times), self.design.k)
        return all(bool((X[:, t] == X[:, 0]).all()) for t in range(1, X.shape[1]))

    @cached_property
    def constant_weights(self) -> bool:
        """Whether the weights of every unit of a balanced panel are the same in all periods."""
        w = self.w.reshape(self.n_units, len(self.times)) if self.is_panel else self.w[:, None]
        return self.is_panel and bool((w == w[:, :1]).all())

    @cached_property
    def outcome_scale(self) -> float:
        """Size of the outcomes: their largest absolute value."""
        return float(np.abs(self.y).max())

    @cached_property
    def unit_rows(self) -> Index:
        """One row of each unit, its first, shape (n,)."""
        return np.flatnonzero(np.diff(self.unit, prepend=-1))

    @property
    def unit_cohort(self) -> Index:
        """Cohort code of each unit, shape (n,)."""
        return self.cohort[self.unit_rows]

    @property
    def unit_weight(self) -> Array:
        """Weight of each unit in the aggregation, shape (n,).

        As in R `did`: its first period's in a balanced panel, its mean otherwise.
        """
        return self.w[self.unit_rows] if self.is_panel else self.unit_mean_weight

    @property
    def unit_mean_weight(self) -> Array:
        """Mean weight of each unit over its periods, shape (n,)."""
        return np.bincount(self.unit, self.w) / np.bincount(self.unit)

    def sum_by_unit(self, values: Array) -> Array:
        """Sum the rows of an (N, F) array within units, (n, F)."""
        if len(self.rows) == self.n_units:
            return values
        return np.asarray(indicator(self.unit, self.n_units) @ values)


def code_data(data: pd.DataFrame, roles: Roles, design: Covariates | None = None) -> Panel:
    """Validate long data and code them.

    Parameters
    ----------
    data : DataFrame
        One row per unit and period (panel) or per observation (repeated cross-sections).
        It is not modified.
    roles : Roles
        Column names and sample rules.
    design : Covariates, optional
        Of the rows of `data`, where the formula has been evaluated over more rows than these.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        A column is missing, not numeric, has missing identifiers, duplicated (unit, time)
        pairs, a cohort or cluster that changes within a unit, negative weights.
    DesignError
        Nothing is left to compare: no treated cohort, no never-treated unit when these are
        the controls, everybody treated in the first period.
    """
    checks.require_frame(data)
    checks.require_columns(data, _named_columns(roles))
    data = data.copy(deep=False)  # copy-on-write: later changes of the user's frame stay outside
    y = checks.numeric(data, roles.yname, "yname", missing="keep")
    t = checks.numeric(data, roles.tname, "tname")
    g, without_cohort = _cohort_values(data, roles.gname, t)
    w = _weights(data, roles.weightsname)
    for name in (roles.idname, *roles.clustervars):
        if name is not None:
            checks.no_missing(data, name)
    design = evaluate_covariates(data, roles.xformla) if design is None else design

    drops: list[Drop] = []
    keep = complete_rows(y, w, design, roles, drops)
    record_missing_cohorts(g, without_cohort & keep, keep, roles, drops)
    g = never_if_after_sample(g, t, keep, roles, drops)
    keep, control_only = require_comparison(g, t, keep, roles, drops)
    if control_only is not None and roles.control_group == "nevertreated":
        g = np.where(g == control_only, NEVER, g)  # all of its rows that are kept are untreated
    keep = drop_treated_at_start(g, t, keep, roles, drops)

    rows, unit, labels, layout = _arrange(data, t, g, keep, roles, drops)
    if len(rows) == 0:
        raise DesignError(f"No row is left to estimate from. {left_out_so_far(drops)}")
    times, time, cohorts, cohort, treated = _codes(t[rows], g[rows], control_only)
    if len(times) < 2:
        raise DesignError(
            f"Only one period of '{roles.tname}' ({roles.period_text(times[0])}) is left, and a "
            f"difference needs two. Add earlier or later periods. {left_out_so_far(drops)}"
        )
    if len(treated) == 0:
        raise DesignError(
            f"No treated cohort is left to estimate from: column '{roles.gname}' has no value "
            f"after the first period ({roles.period_text(times[0])}) for which controls exist. "
            "Check its coding: the first treated period, and 0, NaN or inf for never treated. "
            + left_out_so_far(drops)
        )
    design, redundant = design.take(rows).settle()
    drops += [
        Drop("covariate", name, len(rows), "a linear combination of the covariates before it")
        for name in redundant
    ]
    return Panel(
        roles=roles,
        layout=layout,
        source=data,
        rows=rows,
        times=times,
        time=time,
        cohorts=cohorts,
        cohort=cohort,
        treated=treated,
        unit=unit.astype(np.intp),
        unit_labels=labels,
        y=y[rows],
        w=w[rows],
        design=design,
        drops=tuple(drops),
        sampled=(sampled := np.flatnonzero(keep)),
        sampled_time=t[sampled],
        sampled_cohort=g[sampled],
        control_only=control_only,
    )


def _arrange(
    data: pd.DataFrame, t: Array, g: Array, keep: Mask, roles: Roles, drops: list[Drop]
) -> tuple[Index, Index, pd.Index, str]:
    """Return the rows in order, the unit of each, the labels of the units, and the layout."""
    if not roles.panel:
        rows = np.flatnonzero(keep)
        return rows, np.arange(len(rows)), data.index[rows], "rc"
    if roles.idname is None:
        raise DataError(
            "A panel needs idname, the column that identifies units. "
            "For repeated cross-sections pass panel=False."
        )
    rows, unit, labels = panel_order(data, t, g, keep, roles)
    if not roles.allow_unbalanced_panel:
        return *complete_units(t, rows, unit, labels, roles, drops), "panel"
    balanced = len(rows) == len(labels) * len(pd.unique(t[rows]))
    return rows, unit, labels, "panel" if balanced else "rc"


def _codes(
    t: Array, g: Array, control_only: float | None
) -> tuple[Array, Index, Array, Index, Index]:
    """Return periods and their codes, cohorts (never treated first) and theirs, the treated."""
    time, times = pd.factorize(t, sort=True)  # hashing: sorting millions of rows is slower
    code, present = pd.factorize(g, sort=True)
    cohorts = np.concatenate([[NEVER], present[present != NEVER]])
    cohort = np.searchsorted(cohorts, present)[code]
    treated = np.flatnonzero((cohorts != NEVER) & (cohorts != control_only))
    return times, time.astype(np.intp), cohorts, cohort.astype(np.intp), treated


def _named_columns(roles: Roles) -> dict[str, str]:
    named = {"yname": roles.yname, "tname": roles.tname, "gname": roles.gname}
    if roles.idname is not None:
        named["idname"] = roles.idname
    if roles.weightsname is not None:
        named["weightsname"] = roles.weightsname
    return named | {f"clustervars[{i}]": c for i, c in enumerate(roles.clustervars)}


def _cohort_values(data: pd.DataFrame, gname: str, t: Array) -> tuple[Array, Mask]:
    """First treated periods, 0, NaN and inf all coded as never treated; and where one is missing.

    R `did` leaves out rows whose cohort is missing; here they count as never treated.
    """
    g = checks.numeric(data, gname, "gname", missing="keep", infinite="keep")
    missing = np.isnan(g)
    checks.refuse_indicator(gname, g[~missing], t)
    g = np.where(missing | np.isposinf(g), NEVER, g)
    checks.refuse(
        data,
        gname,
        g < 0,
        "has negative cohorts",
        "Use 0, NaN or inf for never treated, and shift the time scale if periods are negative.",
    )
    return g, missing


def _weights(data: pd.DataFrame, weightsname: str | None) -> Array:
    if weightsname is None:
        return np.ones(len(data))
    w = checks.numeric(data, weightsname, "weightsname", missing="keep")
    checks.refuse(
        data,
        weightsname,
        w < 0,
        "has negative weights",
        "Drop these rows, or give them a weight that is zero or positive.",
    )
    if not (w > 0).any():
        raise DataError(
            f"Column '{weightsname}' (weightsname) has no positive weight. Give some rows "
            "one, or do without weightsname to count all rows alike."
        )
    return w
