"""Least squares of arrays or frames, cluster by cluster: what `regress` does with its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular

from didjack.errors import DataError
from didjack.regression.clustered_regression import Regression
from didjack.regression.inputs import read, require_full_rank


def regress(
    y: Any, X: Any, cluster: Any = None, names: Sequence[str] | None = None, level: float = 0.95
) -> Regression:
    """Regress y on X by least squares, and jackknife the regression by clusters.

    No intercept is added. Fixed effects of clusters have no estimate without their cluster: put
    y and X less their means by cluster in, which gives the same coefficients, and the same
    coefficients without each cluster.

    Parameters
    ----------
    y : array or Series, (n,)
    X : array or DataFrame, (n, k)
    cluster : array or Series, (n,), optional
        Cluster of each row. Without it each row is one: CV1 is then HC1, CV2 is HC2, and CV3 is
        (n - 1)/n times HC3.
    names : sequence of str, optional
        Names of the columns; those of the frame, or x1, x2, ... without it.
    level : float
        Coverage of the intervals.

    Returns
    -------
    Regression

    Raises
    ------
    DataError
        Lengths or indexes differ, or values are missing or no numbers.
    DesignError
        A column depends linearly on others, no residual is left, or there is one cluster only.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    given = read(y, X, cluster, names)
    Q, R = np.linalg.qr(given.X)
    require_full_rank(given.X, R, given.columns)
    beta = solve_triangular(R, Q.T @ given.y)
    coef = pd.Series(beta, index=given.columns, name="coef")
    return Regression(coef, given.y - given.X @ beta, given.labels, given.code, level, Q, R)
