"""Student's t distribution: two-sided p-values and critical values, the normal as a limit.

From `scipy.special`, which is imported much faster than `scipy.stats` and gives the same numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from didjack.core.linalg import Array


def two_sided_p(t: ArrayLike, df: ArrayLike) -> Array:
    """Return P(|T| >= |t|), from the lower tail, so that small values keep their precision.

    Parameters
    ----------
    t : array
    df : array, broadcastable with `t`
        Degrees of freedom; infinite for the standard normal. NaN where not positive.
    """
    return np.asarray(2 * special.stdtr(df, -np.abs(t)))


def critical_value(level: float, df: ArrayLike) -> Array:
    """Return c with P(|T| >= c) = level.

    Parameters
    ----------
    level : float
        Of the two-sided test, between 0 and 1.
    df : array
        Degrees of freedom; infinite for the standard normal. NaN where not positive.
    """
    return np.asarray(special.stdtrit(df, 1 - level / 2))
