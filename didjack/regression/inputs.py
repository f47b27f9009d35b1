"""Reading what a regression is given: one frame, one index, columns that are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.errors import DataError, DesignError
from didjack.sample import checks

# Least share of a column's length that the columns before it must leave. Collinear columns leave
# about 1e-15. The factorization of `linalg` works on X'X, where the share is squared: powers of a
# calendar year would count as collinear there.
FULL_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class Given:
    """y (n,), X (n, k) and its column names, and the cluster of each row."""

    y: Array
    X: Array
    columns: pd.Index
    code: Index
    labels: pd.Index


def read(y: Any, X: Any, cluster: Any, names: Sequence[str] | None) -> Given:
    """Check what `regress` was given, and code the clusters.

    Raises
    ------
    DataError
        Lengths or indexes differ, or values are missing or no numbers.
    DesignError
        There are too few rows or clusters.
    """
    frame = columns_of(X, names)
    frame, beside = aligned(frame, X, {"y": y} if cluster is None else {"y": y, "cluster": cluster})
    outcome = checks.numeric(beside, "y", "y")
    matrix = np.column_stack([checks.numeric(frame, c, "X") for c in frame.columns])
    n, k = matrix.shape
    if n <= k:
        raise DesignError(f"X has {n} rows and {k} columns; there must be more rows than columns.")
    if cluster is None:
        return Given(outcome, matrix, frame.columns, np.arange(n, dtype=np.intp), frame.index)
    checks.no_missing(beside, "cluster")
    code, labels = checks.factorize(beside["cluster"])
    if len(labels) < 2:
        raise DesignError(
            f"'cluster' is '{labels[0]}' in all {n} rows; inference needs two clusters or more."
        )
    return Given(outcome, matrix, frame.columns, code, labels.rename("cluster"))


def columns_of(X: Any, names: Sequence[str] | None) -> pd.DataFrame:
    """Give X as a frame with distinct column names."""
    frame = X.to_frame() if isinstance(X, pd.Series) else X
    if not isinstance(frame, pd.DataFrame):
        values = np.asarray(frame)
        if values.ndim != 2:
            raise DataError(
                f"X must have two dimensions, rows and columns, not {values.ndim}. For one "
                "column use x[:, None]."
            )
        frame = pd.DataFrame(values, columns=[f"x{j + 1}" for j in range(values.shape[1])])
    if frame.shape[1] == 0:
        raise DataError("X has no columns.")
    if names is not None:
        if len(names) != frame.shape[1]:
            raise DataError(f"There are {len(names)} names for {frame.shape[1]} columns of X.")
        frame = frame.set_axis(list(names), axis=1)
    checks.require_frame(frame)
    return frame


def aligned(
    frame: pd.DataFrame, X: Any, given: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give X and the series beside it one index; refuse other lengths or indexes.

    Raises
    ------
    DataError
        Lengths, dimensions or indexes differ.
    """
    indexes = {"X": X.index} if isinstance(X, pd.DataFrame | pd.Series) else {}
    series = {}
    for name, values in given.items():
        if np.ndim(values) != 1:
            raise DataError(f"{name} must have one dimension, not {np.ndim(values)}.")
        column = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
        if len(column) != len(frame):
            raise DataError(f"{name} has {len(column)} rows and X has {len(frame)}.")
        if isinstance(values, pd.Series):
            indexes[name] = values.index
        series[name] = column
    first, *others = indexes or {"X": frame.index}
    index = indexes.get(first, frame.index)
    for name in others:
        differs = np.flatnonzero(indexes[name] != index)
        if not indexes[name].equals(index) and len(differs):
            row = differs[0]
            raise DataError(
                f"{first} and {name} have different indexes, first in row {row}: '{index[row]}' "
                f"and '{indexes[name][row]}'. Sort them alike, or pass arrays (.to_numpy())."
            )
    return frame.set_axis(index), pd.DataFrame(
        {name: column.set_axis(index) for name, column in series.items()}, index=index
    )


def require_full_rank(matrix: Array, R: Array, columns: pd.Index) -> None:
    """Refuse columns that depend linearly on the columns before them."""
    length = np.linalg.norm(matrix, axis=0)
    for name, left, whole in zip(columns, np.abs(np.diag(R)), length, strict=True):
        if whole == 0:
            raise DesignError(f"Column '{name}' of X is zero in every row. Drop it.")
        if left < FULL_RANK * whole:
            raise DesignError(
                f"Column '{name}' of X is a linear combination of the columns before it, so that "
                "X'X is singular. Drop it or one of those."
            )
