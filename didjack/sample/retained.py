"""Which rows enter: the steps from the user's frame to the estimation sample, each recorded.

The steps follow R `did`: rows with missing values leave, cohorts treated after the last period
count as never treated, cohorts treated from the start have no period to compare with and leave,
and a balanced panel keeps the units that are observed in every period. Whatever a step leaves
out it appends to `drops`, the ledger that the user sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError, DesignError
from didjack.sample import checks
from didjack.sample.covariates import Covariates
from didjack.sample.periods import period_text

NEVER = 0.0  # the cohort value of units that are never treated (as in R did)


@dataclass(frozen=True)
class Roles:
    """Which column plays which part, and how the sample is formed.

    The fields have the names and the meaning of the arguments of `didjack.att_gt`, which are
    those of R `did`; `panel=False` means repeated cross-sections. `allow_unbalanced_panel` is
    true wherever incomplete units are kept, under balance="pair" too. `frequency` is that of
    dates, which the columns of periods and cohorts hold as codes, as `didjack.sample.dates` makes
    them; empty where they hold numbers.
    """

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
    balance: str | None = None
    last_as_never: bool = False
    frequency: str = ""

    def period_text(self, period: float) -> str:
        """Write a period or cohort for messages: a date where the data have dates."""
        return period_text(period, self.frequency)


@dataclass(frozen=True)
class Drop:
    """One entry of the ledger: what was left out, how much of it, and why.

    Attributes
    ----------
    kind : {"rows", "units", "cohort", "periods", "covariate", "cell"}
    what : str
        The column, cohort, periods or covariate that it is about.
    count : int
        Rows; units where `kind` is "units".
    reason : str
    """

    kind: str
    what: str
    count: int
    reason: str

    @property
    def note(self) -> str:
        """The entry as a sentence."""
        size = f"{self.count:,} {'unit' if self.kind == 'units' else 'row'}"
        size += "s" if self.count != 1 else ""
        return f"{_SUBJECTS[self.kind].format(self.what)} ({size}): {self.reason}."


def complete_rows(y: Array, w: Array, design: Covariates, roles: Roles, drops: list[Drop]) -> Mask:
    """Mark rows whose outcome, weight and covariates are all finite, (N,); record the others."""
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
            f"Every row has a missing value. Check how the file was read. {left_out_so_far(drops)}"
        )
    return keep


def record_missing_cohorts(
    g: Array, missing: Mask, keep: Mask, roles: Roles, drops: list[Drop]
) -> None:
    """Record the rows without a cohort, which count as never treated.

    Where others have 0 or inf, these may be unknown rather than never treated: the reason says so.

    Parameters
    ----------
    g : (N,) array
        Cohorts, those that are missing already coded as never treated.
    missing, keep : (N,) bool arrays
    roles : Roles
    drops : list of Drop
        Is extended.
    """
    if not missing.any():
        return
    reason = f"no value in column '{roles.gname}'; counted as never treated"
    if (keep & ~missing & (g == NEVER)).any():
        reason += ", though other rows say so by 0 or inf: check that these are not unknown"
    drops.append(Drop("cohort", "missing", int(missing.sum()), reason))


def never_if_after_sample(g: Array, t: Array, keep: Mask, roles: Roles, drops: list[Drop]) -> Array:
    """Count cohorts treated after the last period (plus anticipation) as never treated."""
    late = keep & (g > t[keep].max() + roles.anticipation)
    end = roles.period_text(t[keep].max())
    for value in np.unique(g[late]):
        rows = int((g[late] == value).sum())
        reason = f"treated after the last period ({end}); counted as never treated"
        drops.append(Drop("cohort", roles.period_text(value), rows, reason))
    return np.where(late, NEVER, g)


def require_comparison(
    g: Array, t: Array, keep: Mask, roles: Roles, drops: list[Drop]
) -> tuple[Mask, float | None]:
    """Check that controls exist; without never treated, the last cohort serves as control only."""
    if (g[keep] == NEVER).any():
        return keep, None
    if roles.control_group == "nevertreated" and not roles.last_as_never:
        raise DesignError(
            f"No unit is never treated: column '{roles.gname}' has no 0, NaN, inf or value "
            f"after the last period ({roles.period_text(t[keep].max())}). "
            "Use control_group='notyettreated' to compare with units treated later, or "
            "last_as_never=True to count the last cohort as never treated before it is."
        )
    last = g[keep].max()
    end = last - roles.anticipation
    after = keep & (t >= end)
    if after.any():
        reason = (
            f"no unit is untreated from {roles.period_text(end)} on (the last cohort starts at "
            f"{roles.period_text(last)})"
        )
        drops.append(
            Drop("periods", f"{roles.period_text(end)} and later", int(after.sum()), reason)
        )
    rows = int((keep & ~after & (g == last)).sum())
    reason = "last treated cohort; serves as control only"
    if roles.control_group == "nevertreated":
        reason = "last treated cohort; counted as never treated, since no unit is (last_as_never)"
    drops.append(Drop("cohort", roles.period_text(last), rows, reason))
    return keep & ~after, float(last)


def drop_treated_at_start(g: Array, t: Array, keep: Mask, roles: Roles, drops: list[Drop]) -> Mask:
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
        drops.append(Drop("cohort", roles.period_text(value), rows, reason))
    if early.any() and not (keep & ~early & (g != NEVER)).any():
        binary = bool(np.isin(g[keep], (NEVER, 1.0)).all())
        raise DesignError(
            "Every treated unit is treated by the first period "
            f"({roles.period_text(t[keep].min())}"
            + (f", anticipation {roles.anticipation}" if roles.anticipation else "")
            + f"): column '{roles.gname}' leaves no cohort with a period before treatment. "
            "Add earlier periods"
            + (
                ", or give the first treated period if 0 and 1 tell who is treated: "
                f"dj.gname(data, idname, '{roles.tname}', '{roles.gname}')."
                if binary
                else "."
            )
        )
    if not early.any():
        return keep
    # In repeated cross-sections these rows may have been all there was of the first period.
    return drop_treated_at_start(g, t, keep & ~early, roles, drops)


def panel_order(
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


def complete_units(
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
            f"'{roles.tname}'. Pass allow_unbalanced_panel=True, or "
            "balance='pair'."
        )
    kept = complete[unit]
    recode = np.cumsum(complete) - 1
    return rows[kept], recode[unit[kept]], labels[complete]


def left_out_so_far(drops: list[Drop]) -> str:
    """Return a sentence for an error message: what was left out before. Empty if nothing was."""
    if not drops:
        return ""
    return "Left out before: " + "; ".join(
        f"{d.count} {'units' if d.kind == 'units' else 'rows'}, {_LEFT_OUT[d.kind]} {d.what} "
        f"({d.reason})"
        for d in drops
    )


# How `Drop.note` names what an entry is about.
_SUBJECTS = {
    "rows": "Rows left out for {}",
    "units": "Units of {} left out",
    "cohort": "Cohort {}",
    "periods": "Periods {} left out",
    "covariate": "Covariate {} left out",
}
# How `left_out_so_far` introduces what an entry of the ledger is about.
_LEFT_OUT = {"rows": "column", "units": "column", "cohort": "cohort", "periods": "periods"}
