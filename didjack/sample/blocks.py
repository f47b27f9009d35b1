"""A balanced panel summed by blocks: units that share cluster and cohort, and so their treatment.

Whatever is linear in outcomes and treats units of a block alike depends on the block's mean in
each period and its number of units only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.errors import DataError
from didjack.sample import checks
from didjack.sample.dates import code_dates
from didjack.sample.frames import as_frame


@dataclass(frozen=True, eq=False)
class Blocks:
    """Units of one cluster and cohort, which share their treatment; M blocks, T periods.

    Attributes
    ----------
    D, mean : (M, T) arrays
        Treatment (0 or 1) and mean outcome.
    weight : (M,) array
        Number of units.
    within : (M,) array
        Sum of squares of units' outcomes around their mean over time and the block's path.
    cluster : (M,) int array
        Position in `labels`.
    first : (M,) array
        First treated period, inf for never.
    times : (T,) array
        Periods, ascending.
    labels : Index
        Of the clusters.
    """

    D: Array
    mean: Array
    weight: Array
    within: Array
    cluster: Index
    first: Array
    times: Array
    labels: pd.Index


def balanced_blocks(
    data: pd.DataFrame, yname: str, tname: str, gname: str, idname: str, cluster: str
) -> Blocks:
    """Sum a balanced panel by cluster and cohort.

    With y_it the outcome of unit i in block b, and n_b units in it,

        mean_bt = 1/n_b sum_{i in b} y_it,
        within_b = sum_{i in b} sum_t (r_it - r_i)^2,  r_it = y_it - mean_bt,  r_i = 1/T sum_t r_it.

    Parameters
    ----------
    data : DataFrame
        Long form, one row for each unit and period.
    yname, tname, gname, idname, cluster : str
        Outcome, period, first treated period (0, NaN or inf: never treated), unit, and a column
        that is constant within unit.

    Returns
    -------
    Blocks
        Sorted by cluster, then by first treated period.

    Raises
    ------
    DataError
        The panel is not balanced, or a column cannot be used.
    """
    data = as_frame(data)
    checks.require_columns(
        data, {"yname": yname, "tname": tname, "gname": gname, "idname": idname, "cluster": cluster}
    )
    data, _ = code_dates(data, tname, gname)
    y, time = checks.numeric(data, yname, "yname"), checks.numeric(data, tname, "tname")
    first = checks.numeric(data, gname, "gname", missing="keep")
    first = np.where(np.isfinite(first) & (first != 0), first, np.inf)
    for column in (idname, cluster):
        checks.no_missing(data, column)
    unit, _ = checks.factorize(data[idname])
    code, labels = checks.factorize(data[cluster])
    times, period = np.unique(time, return_inverse=True)
    n, T = int(unit.max()) + 1, len(times)
    if len(data) != n * T or len(np.unique(unit * T + period)) != n * T:
        raise DataError(
            f"A balanced panel is needed: {n} units of '{idname}' and {T} periods of '{tname}' "
            f"make {n * T} rows, one for each pair, but there are {len(data)}. Drop units that are "
            "not observed in every period, and rows that occur twice."
        )
    order = np.lexsort((period, unit))
    y, first = y[order].reshape(n, T), first[order].reshape(n, T)
    code = code[order].reshape(n, T)
    for changes, column in ((first != first[:, :1], gname), (code != code[:, :1], cluster)):
        if changes.any():
            raise DataError(f"Column '{column}' changes within a unit of '{idname}'.")
    keys, block = np.unique(np.column_stack([code[:, 0], first[:, 0]]), axis=0, return_inverse=True)
    block = block.reshape(-1)
    weight, mean, within = block_sums(y, block)
    D = (times >= keys[:, 1:]).astype(np.float64)
    cluster_code = keys[:, 0].astype(np.intp)
    return Blocks(D, mean, weight, within, cluster_code, keys[:, 1], times, labels)


def block_sums(y: Array, block: Index) -> tuple[Array, Array, Array]:
    """Sum a balanced outcome by blocks of units.

    Parameters
    ----------
    y : (n, T) array
    block : (n,) int array
        Block of each unit, from 0 to M - 1, none of them empty.

    Returns
    -------
    weight : (M,) array
        Number of units.
    mean : (M, T) array
    within : (M,) array
        As in `balanced_blocks`.
    """
    weight = np.bincount(block).astype(np.float64)
    mean = np.column_stack([np.bincount(block, weights=column) for column in y.T]) / weight[:, None]
    noise = y - mean[block]
    noise -= noise.mean(axis=1, keepdims=True)
    within = np.bincount(block, weights=(noise**2).sum(axis=1)).astype(np.float64)
    return weight, mean, within
