"""Long data, validated and coded once: unit, time, cohort, weight, outcome and covariates.

`code_data` is the only place that reads the user's frame. What it leaves out it records as
`Drop` entries; what it cannot use it refuses with a `DataError` that names column and rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from didjack import checks
from didjack.design import Design, build_design
from didjack.errors import DataError, DesignError
from didjack.linalg import Array, Index, Mask

NEVER = 0.0  # the cohort value of units that are never treated (as in R did)


@dataclass(frozen=True)
class Roles:
    """Which column plays which part, and how the sample is formed (R `did` argument names)."""

    yname: str
    tname: str
    gname: str
    idname: str | None = None
    clustervars: tuple[str, ...] = ()
    xformla: str | None = None
    weightsname: str | None = None
    panel: bool = True
    allow_unbalanced_panel: bool = False
    anticipation: int = 0
    control_group: str = "nevertreated"


@dataclass(frozen=True)
class Drop:
    """One entry of the ledger: what was left out, how much of it, and why."""

    kind: str  # "rows" | "units" | "cohort" | "periods" | "covariate" | "cell"
    what: str
    count: int
    reason: str


@dataclass(frozen=True, eq=False)
class Panel:
    """Coded data; N rows, n units, T periods, Q cohorts, k columns of the design.

    Attributes
    ----------
    layout : {"panel", "rc"}
        "panel": balanced, rows in the order (unit, time), so arrays reshape to (n, T).
        "rc": repeated cross-sections, each row a unit of its own; or an unbalanced panel,
        treated as cross-sections whose rows belong to units, in the order (unit, time).
    source : DataFrame
        The user's frame (never changed); `rows` are the positions in it, shape (N,).
    times : (T,) array
        Periods, ascending. `time` codes them per row, shape (N,).
    cohorts : (Q,) array
        First treated period of each cohort; entry 0 is always the never treated.
        `cohort` codes them per row, shape (N,).
    treated : (q,) int array
        The cohorts for which effects are estimated.
    unit : (N,) int array
        Unit of each row, 0..n-1, in the order of `unit_labels`.
    y, w : (N,) arrays
        Outcome and sampling weight.
    design : Design
        Covariates with intercept first, centred and scaled; `design.X` has shape (N, k).
    drops : tuple of Drop
        What was left out on the way.
    sampled : (M,) int array
        Positions of the rows from which periods and controls were determined: `rows` and the
        rows of units that are not observed in every period.
    sampled_time, sampled_cohort : (M,) arrays
        Their period and first treated period.
    control_only : float or None
        The last cohort, when nobody is never treated and it serves as control only.
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
    design: Design = field(repr=False)
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

    @cached_property
    def constant_covariates(self) -> bool:
        """Whether the covariates of every unit of a balanced panel are the same in all periods."""
        if not self.is_panel:
            return False
        X = self.design.X.reshape(self.n_units, len(self.times), -1)
        return all(bool((X[:, t] == X[:, 0]).all()) for t in range(1, X.shape[1]))

    @cached_property
    def constant_weights(self) -> bool:
        """Whether the weights of every unit of a balanced panel are the same in all periods."""
        w = self.w.reshape(self.n_units, -1) if self.is_panel else self.w[:, None]
        return self.is_panel and bool((w == w[:, :1]).all())

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
        N = len(self.rows)
        indicator = sparse.csr_array((np.ones(N), (self.unit, np.arange(N))))
        return np.asarray(indicator @ values)


def code_data(data: pd.DataFrame, roles: Roles) -> Panel:
    """Validate long data and code them.

    Parameters
    ----------
    data : DataFrame
        One row per unit and period (panel) or per observation (repeated cross-sections).
        It is not modified.
    roles : Roles
        Column names and sample rules.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        A column is missing, not numeric, has missing identifiers, duplicated (unit, time)
        pairs, a cohort or cluster that changes within a unit, non-positive weights.
    DesignError
        Nothing is left to compare: no treated cohort, no never-treated unit when these are
        the controls, everybody treated in the first period.
    """
    checks.require_frame(data)
    checks.require_columns(data, _named_columns(roles))
    data = data.copy(deep=False)  # copy-on-write: later changes of the user's frame stay outside
    y = checks.numeric(data, roles.yname, "yname", missing="keep")
    t = checks.numeric(data, roles.tname, "tname")
    g = _cohort_values(data, roles.gname)
    w = _weights(data, roles.weightsname)
    for name in (roles.idname, *roles.clustervars):
        if name is not None:
            checks.no_missing(data, name)
    design = build_design(data, roles.xformla)

    drops: list[Drop] = []
    keep = _complete_rows(y, w, design, roles, drops)
    g = _never_if_after_sample(g, t, keep, roles.anticipation, drops)
    keep, control_only = _require_comparison(g, t, keep, roles, drops)
    keep = _drop_treated_at_start(g, t, keep, roles, drops)

    if roles.panel:
        if roles.idname is None:
            raise DataError(
                "A panel needs idname, the column that identifies units. "
                "For repeated cross-sections pass panel=False."
            )
        rows, unit, labels = _panel_order(data, t, g, keep, roles)
        layout = "panel"
        if not roles.allow_unbalanced_panel:
            rows, unit, labels = _complete_units(t, rows, unit, labels, roles, drops)
        elif len(rows) != len(labels) * len(pd.unique(t[rows])):
            layout = "rc"
    else:
        rows = np.flatnonzero(keep)
        unit, labels, layout = np.arange(len(rows)), data.index[rows], "rc"
    if len(rows) == 0:
        raise DesignError(f"No row is left to estimate from. {_tell(drops)}")
    times, time, cohorts, cohort, treated = _codes(t[rows], g[rows], control_only)
    if len(times) < 2:
        raise DesignError(
            f"Only one period of '{roles.tname}' ({times[0]:g}) is left, and a difference needs "
            f"two. Add earlier or later periods. {_tell(drops)}"
        )
    if len(treated) == 0:
        raise DesignError(
            f"No treated cohort is left to estimate from: column '{roles.gname}' has no value "
            f"after the first period ({times[0]:g}) for which controls exist. Check its coding: "
            f"the first treated period, and 0, NaN or inf for never treated. {_tell(drops)}"
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


def _codes(
    t: Array, g: Array, control_only: float | None
) -> tuple[Array, Index, Array, Index, Index]:
    """Return periods and their codes, cohorts (never treated first) and theirs, the treated."""
    time, times = pd.factorize(t, sort=True)  # hashing: sorting millions of rows is slower
    own, present = pd.factorize(g, sort=True)
    cohorts = np.concatenate([[NEVER], present[present != NEVER]])
    cohort = np.searchsorted(cohorts, present)[own]
    treated = np.flatnonzero((cohorts != NEVER) & (cohorts != control_only))
    return times, time.astype(np.intp), cohorts, cohort.astype(np.intp), treated


def _named_columns(roles: Roles) -> dict[str, str]:
    named = {"yname": roles.yname, "tname": roles.tname, "gname": roles.gname}
    if roles.idname is not None:
        named["idname"] = roles.idname
    if roles.weightsname is not None:
        named["weightsname"] = roles.weightsname
    return named | {f"clustervars[{i}]": c for i, c in enumerate(roles.clustervars)}


def _cohort_values(data: pd.DataFrame, gname: str) -> Array:
    """First treated periods, with 0, NaN and inf all coded as never treated."""
    g = checks.numeric(data, gname, "gname", missing="keep", infinite="keep")
    g = np.where(np.isnan(g) | np.isposinf(g), NEVER, g)
    checks.refuse(
        data,
        gname,
        g < 0,
        "has negative cohorts",
        "Use 0, NaN or inf for never treated, and shift the time scale if periods are negative.",
    )
    return g


def _weights(data: pd.DataFrame, weightsname: str | None) -> Array:
    if weightsname is None:
        return np.ones(len(data))
    w = checks.numeric(data, weightsname, "weightsname", missing="keep")
    checks.refuse(
        data,
        weightsname,
        w <= 0,
        "has weights that are zero or negative",
        "Drop these rows, or give them a positive weight.",
    )
    return w


def _complete_rows(y: Array, w: Array, design: Design, roles: Roles, drops: list[Drop]) -> Mask:
    """Mark rows whose outcome, weight and covariates are all finite; count the others."""
    keep = np.ones(len(y), dtype=bool)
    parts = [(roles.yname, ~np.isfinite(y)), (roles.weightsname or "", ~np.isfinite(w))]
    parts += [(name, bad) for name, bad in design.missing.items()]
    for name, bad in parts:
        bad = bad & keep
        if bad.any():
            drops.append(Drop("rows", name, int(bad.sum()), "missing or not finite"))
            keep &= ~bad
    if not keep.any():
        raise DataError(
            f"Every row has a missing value. Check how the file was read. {_tell(drops)}"
        )
    return keep


def _never_if_after_sample(
    g: Array, t: Array, keep: Mask, anticipation: int, drops: list[Drop]
) -> Array:
    """Count cohorts treated after the last period (plus anticipation) as never treated."""
    late = keep & (g > t[keep].max() + anticipation)
    for value in np.unique(g[late]):
        rows = int((g[late] == value).sum())
        reason = f"treated after the last period ({t[keep].max():g}); counted as never treated"
        drops.append(Drop("cohort", f"{value:g}", rows, reason))
    return np.where(late, NEVER, g)


def _require_comparison(
    g: Array, t: Array, keep: Mask, roles: Roles, drops: list[Drop]
) -> tuple[Mask, float | None]:
    """Check that controls exist; without never treated, the last cohort serves as control only."""
    if (g[keep] == NEVER).any():
        return keep, None
    if roles.control_group == "nevertreated":
        raise DesignError(
            f"No unit is never treated: column '{roles.gname}' has no 0, NaN, inf or value "
            f"after the last period ({t[keep].max():g}). "
            "Use control_group='notyettreated' to compare with units treated later."
        )
    last = g[keep].max()
    end = last - roles.anticipation
    after = keep & (t >= end)
    if after.any():
        reason = f"no unit is untreated from {end:g} on (the last cohort starts at {last:g})"
        drops.append(Drop("periods", f"{end:g} and later", int(after.sum()), reason))
    own = int((keep & ~after & (g == last)).sum())
    drops.append(Drop("cohort", f"{last:g}", own, "last treated cohort; serves as control only"))
    return keep & ~after, float(last)


def _drop_treated_at_start(g: Array, t: Array, keep: Mask, roles: Roles, drops: list[Drop]) -> Mask:
    """Leave out cohorts without a pre-treatment period."""
    if not keep.any():
        return keep
    start = t[keep].min() + roles.anticipation
    early = keep & (g != NEVER) & (g <= start)
    for value in np.unique(g[early]):
        rows = int((early & (g == value)).sum())
        reason = "already treated in the first period"
        if roles.anticipation:
            reason = f"no period before treatment with anticipation={roles.anticipation}"
        drops.append(Drop("cohort", f"{value:g}", rows, reason))
    if early.any() and not (keep & ~early & (g != NEVER)).any():
        raise DesignError(
            f"Every treated unit is treated by the first period ({t[keep].min():g}"
            + (f", anticipation {roles.anticipation}" if roles.anticipation else "")
            + f"): column '{roles.gname}' leaves no cohort with a period before treatment. "
            "Add earlier periods."
        )
    if not early.any():
        return keep
    # In repeated cross-sections these rows may have been all there was of the first period.
    return _drop_treated_at_start(g, t, keep & ~early, roles, drops)


def _panel_order(
    data: pd.DataFrame, t: Array, g: Array, keep: Mask, roles: Roles
) -> tuple[Index, Index, pd.Index]:
    """Return the rows in the order (unit, time), their unit and its labels, after checks."""
    idname = roles.idname
    assert idname is not None
    rows = np.flatnonzero(keep)
    unit, labels = checks.factorize(data[idname].take(rows))
    before = t[rows]
    later = (unit[1:] > unit[:-1]) | ((unit[1:] == unit[:-1]) & (before[1:] >= before[:-1]))
    if not later.all():
        order = np.lexsort((before, unit))
        rows, unit = rows[order], unit[order]
    same = unit[1:] == unit[:-1]
    checks.refuse_pairs(
        data,
        rows,
        same & (t[rows][1:] == t[rows][:-1]),
        f"Columns '{idname}', '{roles.tname}' have more than one row for a unit and period",
        "Drop or aggregate the duplicates, or pass panel=False for repeated cross-sections.",
    )
    checks.refuse_pairs(
        data,
        rows,
        same & (g[rows][1:] != g[rows][:-1]),
        f"Column '{roles.gname}' changes within a unit of '{idname}'",
        "The cohort is the first treated period and must be the same in all periods of a unit.",
    )
    for name in roles.clustervars:
        if name != idname:
            codes, _ = checks.factorize(data[name].take(rows))
            checks.refuse_pairs(
                data,
                rows,
                same & (codes[1:] != codes[:-1]),
                f"Column '{name}' (clustervars) changes within a unit of '{idname}'",
                "A cluster variable must be constant within unit.",
            )
    return rows, unit, labels


def _complete_units(
    t: Array, rows: Index, unit: Index, labels: pd.Index, roles: Roles, drops: list[Drop]
) -> tuple[Index, Index, pd.Index]:
    """Keep the units that are observed in every period, as R `did` does by default."""
    if len(rows) == 0:
        return rows, unit, labels
    n_periods = len(pd.unique(t[rows]))
    observed = np.bincount(unit, minlength=len(labels))
    complete = observed == n_periods
    if complete.all():
        return rows, unit, labels
    n_incomplete = int((~complete).sum())
    reason = f"not observed in all {n_periods} periods (a balanced panel is required)"
    drops.append(Drop("units", f"{roles.idname}", n_incomplete, reason))
    if not complete.any():
        raise DesignError(
            f"No unit of '{roles.idname}' is observed in all {n_periods} periods of "
            f"'{roles.tname}'. Pass allow_unbalanced_panel=True."
        )
    kept = complete[unit]
    recode = np.cumsum(complete) - 1
    return rows[kept], recode[unit[kept]], labels[complete]


def _tell(drops: list[Drop]) -> str:
    """Return one sentence on what was left out before an error."""
    if not drops:
        return ""
    return "Left out before: " + "; ".join(
        f"{d.count} {'units' if d.kind == 'units' else 'rows'}, {_LEFT_OUT[d.kind]} {d.what} "
        f"({d.reason})"
        for d in drops
    )


# How `_tell` introduces what an entry of the ledger is about.
_LEFT_OUT = {"rows": "column", "units": "column", "cohort": "cohort", "periods": "periods"}
