"""Two-way fixed effects, for comparison: CV1 and CV3, every deletion refitted in closed form.

In a balanced panel with weights that do not change over time, both fixed effects are partialled
out of the treatment by subtracting means. Units of the same cluster and cohort share their
treatment, so that sums over them are all that enters: a replicate is again a set of weights of
such blocks, and its means, fixed effects included, follow from the weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.moments import delete_one
from didjack.core.results import Inference
from didjack.errors import DataError, DesignError
from didjack.sample import checks


def residual_treatment(D: Array, weight: Array) -> Array:
    """Partial both fixed effects out of the treatment, in every replicate.

    Parameters
    ----------
    D : (..., M, T) array
        Treatment of each block.
    weight : (R, M) array
        Weight of each block; zero where it is deleted.

    Returns
    -------
    (R, M, T) array
    """
    share = weight / weight.sum(axis=1, keepdims=True)
    within = D - D.mean(axis=-1, keepdims=True)
    return np.asarray(within - (share[..., None] * within).sum(axis=1, keepdims=True))


def loadings(D: Array, weight: Array) -> Array:
    """Coefficients of the treatment's estimate on means of blocks by period, (R, M, T).

    NaN where the fixed effects leave no variation in treatment.
    """
    residual = residual_treatment(D, weight)
    pull = weight[..., None] * residual
    total = (pull * residual).sum(axis=(1, 2), keepdims=True)
    scale = weight.sum(axis=1)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 1e-10 * scale, pull / total, np.nan))


def require_variation(coefficients: Array) -> None:
    """Refuse what `loadings` marks with NaN.

    Raises
    ------
    DesignError
        Treatment does not vary beyond the fixed effects.
    """
    if not np.isfinite(coefficients).all():
        raise DesignError(
            "The fixed effects leave no variation in treatment. Check that some units are treated "
            "within the sample and others later or never."
        )


def score_loadings(D: Array, weight: Array) -> Array:
    """Coefficients of each block's score over the sum of squared residual treatment, (M, M, T).

    Sums of them over clusters, squared and added up, are the clustered variance before its
    small-sample factor.
    """
    w = weight[None]
    residual, beta = residual_treatment(D, w)[0], loadings(D, w)[0]
    pull = weight[:, None] * residual
    own = (pull * residual).sum(axis=1)
    total = own.sum()
    share = weight / weight.sum()
    # Unit effects drop out of the residual because the residual treatment of a block adds up
    # to zero over time; period effects are the weighted mean of what is left.
    centred = np.eye(len(weight)) - share
    score = centred[..., None] * pull[:, None, :] - own[:, None, None] * beta
    return np.asarray(score / total)


def cv1_factor(n_rows: float, n_clusters: int, n_periods: int) -> float:
    """Small-sample factor of CV1; unit effects are nested in clusters and do not count."""
    k = n_periods + 1
    return n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - k)


@dataclass(frozen=True, eq=False)
class TWFE:
    """A two-way fixed-effects regression on treatment; C clusters.

    Attributes
    ----------
    att : float
        Coefficient of treatment.
    cv1, cv3 : Inference
        With t(C - 1) and, for CV3, with t(H - 1) of H deletions that can be estimated.
    replicates : (C + 1,) array
        Coefficient in the full sample and without each cluster; NaN where treatment does not
        vary any more.
    labels : Index, length C
    """

    att: float
    cv1: Inference
    cv3: Inference
    replicates: Array = field(repr=False)
    labels: pd.Index = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row for each inference."""
        both = [i.to_frame().assign(inference=i.method) for i in (self.cv1, self.cv3)]
        return pd.concat(both, ignore_index=True).set_index("inference").reset_index()


def twfe(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    idname: str,
    *,
    cluster: str | None = None,
    level: float = 0.95,
) -> TWFE:
    """Regress the outcome on treatment with effects of units and periods.

    Where effects differ between cohorts or grow, this is a weighted average with weights that
    may be negative. It is here to be compared with.

    Parameters
    ----------
    data : DataFrame
        A balanced panel in long form.
    yname, tname, gname, idname : str
        Outcome, period, first treated period (0, NaN or inf: never treated), and unit.
    cluster : str, optional
        Column that is constant within unit; the unit without it.
    level : float

    Returns
    -------
    TWFE

    Raises
    ------
    DataError
        The panel is not balanced, or a column cannot be used.
    DesignError
        Treatment does not vary beyond the fixed effects, or there is one cluster only.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    blocks = balanced_blocks(data, yname, tname, gname, idname, cluster or idname)
    C, T = len(blocks.labels), blocks.D.shape[1]
    if C < 2:
        raise DesignError(f"Column '{cluster}' has one cluster; inference needs two or more.")
    by_cluster = np.where(blocks.cluster == np.arange(C)[:, None], blocks.weight, 0.0)
    theta = (loadings(blocks.D, delete_one(by_cluster)) * blocks.mean).sum(axis=(1, 2))
    require_variation(theta[:1])
    scores = (score_loadings(blocks.D, blocks.weight) * blocks.mean).sum(axis=(1, 2))
    total = np.bincount(blocks.cluster, weights=scores)
    factor = cv1_factor(blocks.weight.sum() * T, C, T)
    deviations = theta[1:][np.isfinite(theta[1:])] - theta[0]
    H = len(deviations)
    cv3 = (H - 1) / H * float(deviations @ deviations) if H > 1 else np.nan

    def inference(method: str, variance: float, df: float) -> Inference:
        se, dfs = np.sqrt([variance]), np.array([float(df)])
        return Inference(method, ("twfe",), theta[:1], se, dfs, C, level)

    return TWFE(
        float(theta[0]),
        inference("CV1", factor * float(total @ total), C - 1),
        inference("CV3", cv3, H - 1 if H > 1 else np.nan),
        theta,
        blocks.labels,
    )


@dataclass(frozen=True, eq=False)
class Blocks:
    """Units of one cluster and cohort, which share their treatment; M blocks.

    Attributes
    ----------
    D, mean : (M, T) arrays
        Treatment and mean outcome.
    weight : (M,) array
        Number of units.
    within : (M,) array
        Sum of squares of units' outcomes around their own mean and the block's path.
    cluster : (M,) int array
    first : (M,) array
        First treated period, inf for never.
    times : (T,) array
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

    Raises
    ------
    DataError
        The panel is not balanced, or a column cannot be used.
    """
    checks.require_frame(data)
    checks.require_columns(
        data, {"yname": yname, "tname": tname, "gname": gname, "idname": idname, "cluster": cluster}
    )
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
    weight = np.bincount(block).astype(np.float64)
    mean = np.column_stack([np.bincount(block, weights=column) for column in y.T]) / weight[:, None]
    D = (times >= keys[:, 1:]).astype(np.float64)
    own = y - mean[block]
    own -= own.mean(axis=1, keepdims=True)
    within = np.bincount(block, weights=(own**2).sum(axis=1)).astype(np.float64)
    cluster_code = keys[:, 0].astype(np.intp)
    return Blocks(D, mean, weight, within, cluster_code, keys[:, 1], times, labels)
