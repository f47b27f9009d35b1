"""Periods as numbers and as text: how a cohort or a period is coded, written and given back.

A period of a numeric column is its number. A date is coded by counting the periods of its
frequency: years are their own numbers, quarters are 4 * year + quarter - 1 and months
12 * year + month - 1; weeks and days are counted from a Monday and a day of the year 1. So the
code depends on nothing but the date, every code is positive, and the difference of two codes is
the number of periods between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.errors import DataError

# Codes of the first period of 1970, from which pandas counts, by the first letter of a frequency.
_IN_1970 = {"Y": 1970, "Q": 1970 * 4, "M": 1970 * 12, "W": 102_738, "D": 719_163}
NOUNS = {"Y": "year", "Q": "quarter", "M": "month", "W": "week", "D": "day"}


def period_text(period: Any, frequency: str = "") -> str:
    """Write a period, as few digits as it takes to tell it from others.

    Parameters
    ----------
    period : float or pandas.Period
        Numbers have six digits, or as many as it takes.
    frequency : str
        Of the dates that the number codes; empty: it is a number.

    Returns
    -------
    str
        Of dates "2006", "2006Q1", "2006-03" or "2006-03-05", which is the first day of a week.
    """
    if isinstance(period, pd.Period):
        is_week = period.freqstr.startswith("W")
        return str(period.start_time.date()) if is_week else str(period)
    if frequency and np.isfinite(period):
        return period_text(as_dates(np.array([period]), frequency)[0])
    period = float(period) + 0.0  # minus zero is zero
    short = f"{period:g}"
    if float(short) == period or not np.isfinite(period):
        return short
    return f"{period:.0f}" if period.is_integer() else repr(period)


def period_codes(dates: pd.PeriodIndex) -> Array:
    """Code periods of one frequency, NaN where there is none.

    Parameters
    ----------
    dates : PeriodIndex of length n
    """
    codes = np.asarray(dates.asi8, dtype=np.float64) + _IN_1970[dates.freqstr[0]]
    return np.where(dates.isna(), np.nan, codes)


def period_code(period: Any, frequency: str = "") -> float:
    """Code one period that a user names.

    Parameters
    ----------
    period : float, str, date or pandas.Period
        With a frequency anything that `pandas.Period` reads, such as "2006Q1".
    frequency : str
        Of the data's dates; empty for numbers.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        if not frequency:
            return float(period)
        return float(period_codes(pd.PeriodIndex([pd.Period(period, freq=frequency)]))[0])
    except (TypeError, ValueError, OverflowError) as error:
        known = "numbers"
        if frequency:
            example = period_text(pd.Period("2006-03-01", freq=frequency))
            known = f"{NOUNS[frequency[0]]}s, such as {example!r}"
        raise DataError(f"{period!r} is no period of these data, which have {known}.") from error


def as_dates(codes: Array, frequency: str) -> pd.PeriodIndex:
    """Turn codes back into periods; NaT where a code is NaN, zero or infinite.

    Parameters
    ----------
    codes : (n,) array
        From `period_codes`.
    frequency : str
        As pandas writes it, such as "Q-DEC".
    """
    known = np.isfinite(codes) & (codes != 0)
    ordinals = np.where(known, codes, _IN_1970[frequency[0]]).astype(np.int64)
    counted = ordinals - _IN_1970[frequency[0]]
    dates = pd.PeriodIndex.from_ordinals(counted, freq=frequency)  # type: ignore[attr-defined]
    return dates if known.all() else dates.where(known)


def period_values(codes: Array, frequency: str = "") -> pd.Series:
    """Give periods back as a column: dates, or numbers, which are integers if all are whole.

    Parameters
    ----------
    codes : (n,) array
    frequency : str
        Of the dates that are coded; empty: they are numbers.
    """
    if frequency:
        return pd.Series(as_dates(codes, frequency))
    whole = (codes == np.round(codes)) & (np.abs(codes) < 2**53)
    return pd.Series(codes.astype(np.int64) if whole.all() else codes)
