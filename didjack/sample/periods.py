"""Periods as text: how names of parameters, notes and errors write a cohort or a period."""

from __future__ import annotations

import numpy as np


def period_text(period: float) -> str:
    """Write a period with six digits, or with as many as it takes to tell it from others."""
    period = float(period) + 0.0  # minus zero is zero
    short = f"{period:g}"
    if float(short) == period or not np.isfinite(period):
        return short
    return f"{period:.0f}" if period.is_integer() else repr(period)
