"""Columns of dates: their frequency, and their periods as numbers.

Dates are read as the periods of one frequency, which the column of periods decides: all in one
month and on one day (or all at the end of a month) are years, every third month are quarters, and
so on to days. Nothing is rounded: dates of no frequency are refused with the remedy.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.errors import DataError
from didjack.sample import checks
from didjack.sample.periods import NOUNS, period_codes

_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DATES = (date, np.datetime64)  # of Python and numpy; a pandas Timestamp is a Python datetime


def code_dates(data: pd.DataFrame, tname: str, gname: str) -> tuple[pd.DataFrame, str]:
    """Replace dates in the columns of periods and cohorts by the numbers of their periods.

    Parameters
    ----------
    data : DataFrame
        Is not modified.
    tname, gname : str
        Columns of periods and of first treated periods, which exist.

    Returns
    -------
    data : DataFrame
        The same frame where the periods are numbers. Otherwise both columns hold codes, NaN where
        a date is missing; other columns are shared.
    frequency : str
        Of the dates, as pandas writes it, such as "Q-DEC"; empty for numbers.

    Raises
    ------
    DataError
        The dates have no frequency, or the two columns do not have the same one.
    """
    times, cohorts = dates_of(data[tname]), dates_of(data[gname], never=True)
    if times is None:
        if cohorts is not None:
            raise DataError(
                f"Column '{gname}' (gname) holds dates, and column '{tname}' (tname) does not. "
                f"Convert one of them, for example data['{gname}'] = data['{gname}'].dt.year if "
                f"'{tname}' holds years."
            )
        return data, ""
    periods = _as_periods(times, tname)
    frequency = periods.freqstr
    codes = period_codes(periods)
    if cohorts is None:
        first = _numbers_as_cohorts(data, tname, gname, codes, frequency)
    else:
        first = period_codes(_matched(times, cohorts, periods, tname, gname))
    data = data.copy(deep=False)
    data[tname], data[gname] = codes, first
    return data, frequency


def dates_of(values: pd.Series, never: bool = False) -> pd.DatetimeIndex | pd.PeriodIndex | None:
    """Return the dates of a column, or None where it does not hold dates.

    Parameters
    ----------
    values : Series
        datetime64 of any unit, Period, Python or numpy dates, dates of Arrow, categories of these.
    never : bool
        Whether the number 0 may stand among objects that are dates; it becomes NaT.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if isinstance(values.dtype, pd.PeriodDtype):
        return pd.PeriodIndex(values)
    if pd.api.types.is_datetime64_any_dtype(values.dtype) and not _is_arrow(values):
        return pd.DatetimeIndex(values).tz_localize(None)
    if values.dtype != object and not _is_arrow(values):
        return None
    return _from_objects(values, never)


def _is_arrow(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.ArrowDtype)


def _from_objects(values: pd.Series, never: bool) -> pd.DatetimeIndex | pd.PeriodIndex | None:
    missing = values.isna().to_numpy()
    objects = values.to_numpy(dtype=object)
    if _is_arrow(values) and not issubclass(values.dtype.type, _DATES):
        return None
    kinds = {type(value) for value in objects[~missing]}
    if never and len(kinds) > 1:
        missing = missing | np.array([_is_zero(value) for value in objects])
        kinds = {type(value) for value in objects[~missing]}
    if not kinds:
        return None
    if kinds == {pd.Period}:
        if len({value.freqstr for value in objects[~missing]}) > 1:
            raise DataError(
                f"Column '{values.name}' holds periods of several frequencies. Convert them to "
                "one, such as pd.Period(value, 'Q')."
            )
        return pd.PeriodIndex(
            [pd.NaT if gone else v for gone, v in zip(missing, objects, strict=True)]
        )
    if not all(issubclass(kind, _DATES) for kind in kinds):
        return None
    out = np.full(len(objects), np.datetime64("NaT"), dtype="datetime64[us]")
    out[~missing] = [_without_zone(value) for value in objects[~missing]]
    return pd.DatetimeIndex(out)


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and value == 0


def _without_zone(value: Any) -> np.datetime64:
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    return np.datetime64(value, "us")


def _as_periods(times: pd.DatetimeIndex | pd.PeriodIndex, tname: str) -> pd.PeriodIndex:
    if isinstance(times, pd.PeriodIndex):
        if times.freqstr[0] not in NOUNS:
            raise DataError(
                f"Column '{tname}' (tname) holds periods of frequency {times.freqstr!r}. Use one "
                f"of {', '.join(NOUNS)} ({', '.join(NOUNS.values())}): "
                f"data['{tname}'].dt.asfreq('M')."
            )
        return times
    known = times.dropna()
    days = known.normalize()
    distinct = days.unique()
    if len(distinct) < known.nunique():
        _refuse_times_of_day(tname)
    frequency = frequency_of(distinct.sort_values()) if len(distinct) else "D"
    if not frequency:
        some = ", ".join(str(day.date()) for day in distinct.sort_values()[:5])
        raise DataError(
            f"Column '{tname}' (tname) holds {len(distinct)} dates that are not regular years, "
            f"quarters, months, weeks or days ({some}, ...). Convert them to the periods that "
            f"are meant, for example data['{tname}'] = data['{tname}'].dt.to_period('M'), and "
            "gname as well."
        )
    return times.to_period(frequency)


def _refuse_times_of_day(column: str) -> NoReturn:
    raise DataError(
        f"Column '{column}' holds several times of one day. Use days or longer periods: "
        f"data['{column}'] = data['{column}'].dt.to_period('D')."
    )


def frequency_of(days: pd.DatetimeIndex) -> str:
    """Return the frequency of dates as pandas writes it; empty where they have none.

    Parameters
    ----------
    days : DatetimeIndex
        Distinct days, ascending. Gaps are allowed: 2001, 2003 and 2006 are years. Of days at
        least half must follow one another, which business days do.
    """
    if len(days) == 1:
        return "D"
    if len(set(days.day)) == 1 or bool(days.is_month_end.all()):
        months = np.asarray(days.year * 12 + days.month, dtype=np.int64)
        step = int(np.gcd.reduce(np.diff(months)))
        return "Y-DEC" if step % 12 == 0 else "Q-DEC" if step % 3 == 0 else "M"
    gaps = np.diff(days.to_numpy().astype("datetime64[D]")).astype(np.int64)
    if (gaps % 7 == 0).all():  # a week begins on the weekday of the dates
        return f"W-{_WEEKDAYS[(int(days[0].weekday()) - 1) % 7]}"
    return "D" if (gaps == 1).mean() >= 0.5 else ""


def _matched(
    times: pd.DatetimeIndex | pd.PeriodIndex,
    cohorts: pd.DatetimeIndex | pd.PeriodIndex,
    periods: pd.PeriodIndex,
    tname: str,
    gname: str,
) -> pd.PeriodIndex:
    """Return cohorts as periods of the frequency of time."""
    frequency = periods.freqstr
    noun = NOUNS[frequency[0]]
    if isinstance(cohorts, pd.PeriodIndex):
        if cohorts.freqstr != frequency:
            raise DataError(
                f"Column '{gname}' (gname) holds periods of frequency {cohorts.freqstr!r}, and "
                f"column '{tname}' (tname) those of {frequency!r} ({noun}s). Convert one of "
                f"them: data['{gname}'] = data['{gname}'].dt.asfreq('{frequency}')."
            )
        return cohorts
    found = cohorts.to_period(frequency)
    days = cohorts.normalize()
    # Outside of the sample a date says before or after only, such as 9999-12-31 for never.
    first, last = periods.min(), periods.max()
    inside = (found >= first) & (found <= last)
    if isinstance(times, pd.PeriodIndex):
        starts, ends = found.start_time.normalize(), found.end_time.normalize()
        fits = (days == starts) | (days == ends)
    else:
        together = pd.DatetimeIndex([*times.normalize().unique(), *days[inside].unique()])
        together = together.dropna().unique().sort_values()
        same = frequency_of(together) == frequency if len(together) else True
        fits = np.full(len(days), same)
    off = inside & ~fits
    if off.any():
        raise DataError(
            f"Column '{gname}' (gname) holds dates, such as {days[off][0].date()}, that are not "
            f"among the {noun}s of column '{tname}' (tname). Convert both to periods: "
            f"data['{gname}'] = data['{gname}'].dt.to_period('{frequency[0]}'), and '{tname}' "
            "alike."
        )
    return found


def _numbers_as_cohorts(
    data: pd.DataFrame, tname: str, gname: str, t: Array, frequency: str
) -> Array:
    """Read cohorts that are numbers beside periods that are dates: years, or nobody treated."""
    g = checks.numeric(data, gname, "gname", missing="keep", infinite="keep")
    checks.refuse_indicator(gname, g[~np.isnan(g)], t)
    if frequency != "Y-DEC" and (np.isfinite(g) & (g != 0)).any():
        raise DataError(
            f"Column '{gname}' (gname) holds numbers, and column '{tname}' (tname) dates "
            f"({NOUNS[frequency[0]]}s). Give the first treated date of each unit, NaT for never "
            f"treated; of an indicator of treatment dj.gname(data, idname, '{tname}', ...) "
            "makes it."
        )
    return g
