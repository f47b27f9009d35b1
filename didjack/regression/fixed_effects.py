"""Two-way fixed effects, for comparison: CV1 and CV3, every deletion refitted in closed form.

In a balanced panel with weights that do not change over time, both fixed effects are partialled
out of the treatment by subtracting means. Units of the same cluster and cohort share their
treatment, so that sums over them are all that enters: a replicate is again a set of weights of
such blocks, and its means, fixed effects included, follow from the weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from didjack.core import cv3
from didjack.core.arguments import require_name, require_share
from didjack.core.coefficients import CoefficientTable
from didjack.core.linalg import Array
from didjack.core.moments import delete_one
from didjack.core.results import Inference
from didjack.core.screen import Bounds, count_text, estimate_lines, screen_table
from didjack.core.views import Shown
from didjack.errors import DesignError
from didjack.sample.blocks import balanced_blocks


def residual_treatment(D: Array, weight: Array) -> Array:
    """Partial both fixed effects out of the treatment, in every replicate.

    D~_bt = D_bt - D_b. - (D_.t - D_..), with means over periods and, weighted, over blocks. In a
    balanced panel this is the residual of the regression on both sets of dummies.

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
    """Coefficients of the treatment's estimate on means of blocks by period.

    w_b D~_bt / sum_bt w_b D~_bt^2 (Frisch-Waugh-Lovell), with D~ from `residual_treatment`.

    Parameters
    ----------
    D : (..., M, T) array
        Treatment of each block.
    weight : (R, M) array
        Weight of each block; zero where it is deleted.

    Returns
    -------
    (R, M, T) array
        NaN for a replicate in which the fixed effects leave no variation in treatment.
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
    """Coefficients of each block's score over the sum of squared residual treatment.

    The score of block b is w_b sum_t D~_bt u_bt with u the residual of the regression. Scores
    added up within clusters, squared, and added up are the clustered variance before its
    small-sample factor.

    Parameters
    ----------
    D : (M, T) array
        Treatment of each block.
    weight : (M,) array
        Weight of each block.

    Returns
    -------
    (M, M, T) array
        Block whose score it is; block and period whose mean is multiplied.
    """
    w = weight[None]
    residual, beta = residual_treatment(D, w)[0], loadings(D, w)[0]
    pull = weight[:, None] * residual
    variation = (pull * residual).sum(axis=1)  # of each block
    total = variation.sum()
    share = weight / weight.sum()
    # Unit effects drop out of the residual because the residual treatment of a block adds up
    # to zero over time; period effects are the weighted mean of what is left.
    centred = np.eye(len(weight)) - share
    score = centred[..., None] * pull[:, None, :] - variation[:, None, None] * beta
    return np.asarray(score / total)


def cv1_factor(n_rows: float, n_clusters: int, n_periods: int) -> float:
    """Return the small-sample factor of CV1, C/(C-1) (N-1)/(N-k), k = T + 1.

    Treatment, intercept and T - 1 period effects count; unit effects are nested in clusters and
    do not, as in R's fixest and in pyfixest.

    Parameters
    ----------
    n_rows : float
        N.
    n_clusters, n_periods : int
        C and T.
    """
    k = n_periods + 1
    return n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - k)


@dataclass(frozen=True, eq=False, repr=False)
class TWFE(Shown, CoefficientTable):
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

    @property
    def warnings(self) -> list[str]:
        """A sentence on deletions after which treatment does not vary; empty for none."""
        lost = self.labels[~np.isfinite(self.replicates[1:])]
        if not len(lost):
            return []
        names = ", ".join(str(label) for label in lost[:6]) + (", ..." if len(lost) > 6 else "")
        return [f"CV3 goes without the deletions of {names}: treatment does not vary any more."]

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the coefficient with CV3, for coefficient tables; `cv1` is a column of its own."""
        return self.cv3.to_frame()

    def coefficient_names(self) -> tuple[str, ...]:
        """Return the name of the row: that of an average effect."""
        return ("ATT",)

    def table_facts(self) -> dict[str, Any]:
        """Return clusters, and how standard errors were made."""
        return self.cv3.table_facts()

    def headline(self) -> list[str]:
        """Return the coefficient with both intervals."""
        bounds = [
            Bounds(f"{i.method}, {i.reference}", float(i.ci_low[0]), float(i.ci_high[0]),
                   float(i.p[0]))
            for i in (self.cv1, self.cv3)
        ]  # fmt: skip
        return [
            "Two-way fixed effects, coefficient of treatment (s.e. CV3)",
            *estimate_lines(self.att, float(self.cv3.se[0]), bounds),
            f"  {count_text(len(self.labels), 'cluster')}",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        table = screen_table(self.to_frame())
        return "\n".join([self.headline()[0], "", table, *self.warnings])


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

    y_it = a_i + b_t + theta D_it + u_it, with D_it = 1 from the first treated period on. CV1 is
    the clustered variance with `cv1_factor`, CV3 the delete-one-cluster jackknife around the
    full-sample estimate (MacKinnon, Nielsen and Webb 2023, "Cluster-robust inference: A guide to
    empirical practice"); both have t distributions. Where effects differ between cohorts or grow,
    theta is a weighted average of them with weights that may be negative. It is here to be
    compared with.

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
    require_share(level=level)
    require_name(cluster=cluster)
    column = cluster or idname
    blocks = balanced_blocks(data, yname, tname, gname, idname, column)
    C, T = len(blocks.labels), blocks.D.shape[1]
    if C < 2:
        raise DesignError(f"Column '{column}' has one cluster; inference needs two or more.")
    by_cluster = np.where(blocks.cluster == np.arange(C)[:, None], blocks.weight, 0.0)
    theta = (loadings(blocks.D, delete_one(by_cluster)) * blocks.mean).sum(axis=(1, 2))
    require_variation(theta[:1])
    scores = (score_loadings(blocks.D, blocks.weight) * blocks.mean).sum(axis=(1, 2))
    total = np.bincount(blocks.cluster, weights=scores)
    factor = cv1_factor(blocks.weight.sum() * T, C, T)
    deviations, count = cv3.deviations(theta[0], theta[1:])
    H = int(count)

    def inference(method: str, variance: float, df: float) -> Inference:
        se, dfs = np.sqrt([variance]), np.array([float(df)])
        return Inference(method, ("twfe",), theta[:1], se, dfs, C, level)

    return TWFE(
        float(theta[0]),
        inference("CV1", factor * float(total @ total), C - 1),
        inference("CV3", float(cv3.variance(deviations, H)), H - 1 if H > 1 else np.nan),
        theta,
        blocks.labels,
    )
