"""From an indicator of treatment to cohorts: the first period in which each unit is treated."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from didjack.core.arguments import is_one_of, shown
from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError, DataWarning
from didjack.sample import checks
from didjack.sample.dates import dates_of
from didjack.sample.frames import as_frame

SHOWN = 5  # units that a message names


def gname(
    data: pd.DataFrame, idname: str, tname: str, treat: str, *, absorbing: bool | str = True
) -> pd.Series:
    """Make cohorts from an indicator of treatment: the first treated period of each unit.

    The cohort of unit i is G_i = min {t : D_it = 1}, and 0 (for dates NaT) where D_it is never 1
    (Callaway and Sant'Anna 2021, section 2). It is what `att_gt` wants as ``gname``, and assumes
    that treatment is absorbing: D_it = 1 for all t >= G_i.

    Parameters
    ----------
    data : DataFrame
        Long data. Several rows of a unit and period must agree on treatment.
    idname, tname : str
        Columns of units and of periods, numbers or dates.
    treat : str
        Column that is 1 (True) in treated periods and 0 (False) in others. Rows without a value
        do not count.
    absorbing : True or "first"
        True: treatment that ends is an error. "first": the first treated period is the cohort,
        whatever comes after it, so effects are those of having ever been treated.

    Returns
    -------
    Series
        One value for each row of `data`, with its index, named "gname". Its ``attrs`` hold
        "absorbing", whether treatment never ends, and "notes", sentences on what may not be
        meant.

    Warns
    -----
    DataWarning
        With these notes: units that are treated in the first period already (`att_gt` leaves them
        out), units that may have been treated earlier because a period or its indicator is
        missing just before, rows without an indicator, treatment that ends, and nobody treated.

    Raises
    ------
    DataError
        Treatment ends; the message names units and rows. Or a column is missing, not numeric,
        has other values than 0 and 1, or contradicts itself within a unit and period.

    Examples
    --------
    >>> df["first"] = dj.gname(df, "county", "year", "treated")
    >>> dj.att_gt(df, "y", "year", "first", "county")
    """
    if absorbing is not True and not is_one_of(absorbing, ("first",)):
        raise DataError(f"absorbing must be True or 'first', not {shown(absorbing)}.")
    data = as_frame(data)
    checks.require_columns(data, {"idname": idname, "tname": tname, "treat": treat})
    checks.no_missing(data, idname)
    unit, labels = checks.factorize(data[idname])
    dates = dates_of(data[tname])
    period: Index
    if dates is None:
        times, period = np.unique(checks.numeric(data, tname, "tname"), return_inverse=True)
    else:
        checks.no_missing(data, tname)
        period, known = pd.factorize(dates, sort=True)
        times = np.arange(len(known), dtype=np.float64)
    treated = _indicator(data, treat)
    first = _first_periods(unit, period, treated, len(labels), len(times))
    _refuse_contradictions(data, unit, period, treated, (idname, tname, treat))

    ends = (treated == 0) & (period > first[unit])
    notes = _notes(unit, period, treated, first, labels, treat)
    if ends.any():
        back = labels[np.unique(unit[ends])]
        units = f"{len(back)} of {int((first < len(times)).sum())} treated units ({_some(back)})"
        if absorbing is True:
            raise DataError(
                f"Column '{treat}' (treat) is not absorbing: {units} are treated and later not "
                f"({checks.some_rows(data.index, ends)}). Pass absorbing='first' if the first "
                "treated period is meant whatever comes after it, or correct these rows."
            )
        notes.append(f"Treatment ends again in {units}: the first treated period is taken.")
    if notes:
        warnings.warn(f"gname of '{treat}': " + " ".join(notes), DataWarning, stacklevel=2)
    out = _cohorts(data[tname], dates, times, first[unit], tname)
    out.attrs = {"absorbing": not ends.any(), "notes": notes}
    return out


def _indicator(data: pd.DataFrame, treat: str) -> Array:
    """Return zeros and ones, NaN where there is no value, (N,)."""
    values = data[treat]
    if values.dtype == object:  # True and False beside None
        values = values.map(lambda v: int(v) if isinstance(v, (bool, np.bool_)) else v)
    elif pd.api.types.is_bool_dtype(values.dtype):
        values = pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan), values.index)
    data = pd.DataFrame({treat: values})
    out = checks.numeric(data, treat, "treat", missing="keep", infinite="keep")
    checks.refuse(
        data,
        treat,
        ~(np.isnan(out) | (out == 0) | (out == 1)),
        "(treat) has values other than 0 and 1",
        f"Give an indicator, for example data['{treat}'] > 0.",
    )
    return out


def _first_periods(unit: Index, period: Index, treated: Array, n: int, T: int) -> Index:
    """Code of the first treated period of each unit, (n,); T where there is none."""
    first = np.full(n, T, dtype=np.intp)
    on = treated == 1
    np.minimum.at(first, unit[on], period[on])
    return first


def _refuse_contradictions(
    data: pd.DataFrame, unit: Index, period: Index, treated: Array, names: tuple[str, str, str]
) -> None:
    """Refuse rows of one unit and period of which some are treated and others not."""
    idname, tname, treat = names
    pair = unit * (int(period.max()) + 1) + period
    on, off = np.unique(pair[treated == 1]), np.unique(pair[treated == 0])
    both = np.intersect1d(on, off, assume_unique=True)
    checks.refuse(
        data,
        treat,
        np.isin(pair, both),
        f"(treat) is 0 and 1 within a unit of '{idname}' and period of '{tname}'",
        "Correct these rows, or give the column at whose level treatment was assigned as idname.",
    )


def _notes(
    unit: Index, period: Index, treated: Array, first: Index, labels: pd.Index, treat: str
) -> list[str]:
    """Write sentences on starts that are not observed, and on rows that do not count."""
    T = int(period.max()) + 1
    notes = []
    known = ~np.isnan(treated)
    if not (first < T).any():
        notes.append("No unit is ever treated.")
    early = first == 0
    if early.any():
        notes.append(
            f"{_units(early, labels)} treated in the first period already: att_gt leaves "
            "them out, for there is no period before treatment."
        )
    before = np.zeros(len(first), dtype=bool)  # whether the period before treatment is observed
    before[unit[known & (period == first[unit] - 1)]] = True
    unsure = (first > 0) & (first < T) & ~before
    if unsure.any():
        notes.append(
            f"{_units(unsure, labels)} not observed in the period before the first treated one: "
            "they may have been treated earlier."
        )
    if not known.all():
        count = int((~known).sum())
        noun = "row has" if count == 1 else "rows have"
        notes.append(f"{count:,} {noun} no value in column '{treat}' and do not count.")
    return notes


def _units(which: Mask, labels: pd.Index) -> str:
    count = int(which.sum())
    noun, verb = ("units", "are") if count > 1 else ("unit", "is")
    return f"{count:,} {noun} ({_some(labels[which])}) {verb}"


def _some(labels: pd.Index) -> str:
    return ", ".join(map(str, labels[:SHOWN])) + (", ..." if len(labels) > SHOWN else "")


def _cohorts(
    column: pd.Series,
    dates: pd.DatetimeIndex | pd.PeriodIndex | None,
    times: Array,
    first: Index,
    tname: str,
) -> pd.Series:
    """Return the first treated period of each row in the type of the column of periods."""
    never = first == len(times)
    if dates is not None:
        known = dates.unique().sort_values()
        taken = known.take(np.where(never, 0, first))
        return pd.Series(taken, index=column.index, name="gname").mask(never)
    starts = np.append(times, 0.0)[first]
    if (starts[~never] <= 0).any():
        raise DataError(
            f"Column '{tname}' (tname) has first treated periods of zero or less, and 0 means "
            f"never treated. Shift the time scale: data['{tname}'] + 1000."
        )
    whole = (starts == np.round(starts)).all() and np.abs(starts).max(initial=0) < 2**53
    return pd.Series(starts.astype(np.int64) if whole else starts, column.index, name="gname")
