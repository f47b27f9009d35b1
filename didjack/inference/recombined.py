"""Inference from deletions or draws of parameters, and of their linear combinations.

Both are small values without data, so that a result that was saved combines as the original does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from didjack.core import cv3
from didjack.core.linalg import Array, Index
from didjack.core.results import Inference
from didjack.inference.generalized import generalized_deviations
from didjack.inference.multiplier_draws import spread

ROUNDING = 1e-13  # relative to the largest effect; standard errors below it are rounding error


@dataclass(frozen=True)
class DeletionRule:
    """How a cluster jackknife turns deletions into standard errors; C clusters, P parameters.

    Attributes
    ----------
    method : str
        "CV3", "CV3J", "CV3, exact", "CV3, generalized".
    center : {"estimate", "mean"}
    lost : {"skip", "generalized"}
        As for `didjack.jackknife`.
    n_clusters : int
    level : float
    largest : float
        Largest absolute ATT(g,t), beside which rounding error is told from variation.
    """

    method: str
    center: str
    lost: str
    n_clusters: int
    level: float
    largest: float

    def deviations(self, replicates: Array) -> tuple[Array, Array]:
        """Return deviations of deletions, (C, P), and the number of those that count, (P,).

        Parameters
        ----------
        replicates : (C + 1, P) array
            The full sample first.
        """
        if self.lost == "generalized":
            deviations = generalized_deviations(replicates[0], replicates[1:])
            return deviations, np.full(deviations.shape[1], len(deviations))
        return cv3.deviations(replicates[0], replicates[1:], self.center)

    def infer(
        self, parameters: Sequence[str], replicates: Array, n_treated_clusters: Index
    ) -> Inference:
        """Infer on each parameter over the deletions that can be estimated, with t(H - 1).

        Parameters
        ----------
        parameters : sequence of str, length P
        replicates : (C + 1, P) array
            The full sample first.
        n_treated_clusters : (P,) int array
        """
        deviations, H = self.deviations(replicates)
        generalized = self.lost == "generalized"
        scores = deviations if generalized else cv3.scores(deviations, H)
        variance = np.einsum("cp,cp->p", scores, scores)
        # Where every deletion gives the same up to rounding (base periods, zero by construction)
        # there is no standard error.
        distinct = variance > (ROUNDING * self.largest) ** 2
        return Inference(
            method=self.method,
            parameters=tuple(parameters),
            att=replicates[0],
            se=np.sqrt(np.where(distinct, variance, np.nan)),
            df=np.where(H > 1, H - 1.0, np.nan),
            n_clusters=self.n_clusters,
            level=self.level,
            scores=scores,
            n_treated_clusters=n_treated_clusters,
            conservative=generalized,
        )


@dataclass(frozen=True)
class DrawnInference:
    """How a multiplier bootstrap turns draws into standard errors; B draws, P parameters.

    Attributes
    ----------
    method : str
    scale : {"iqr", "sd"}
        As for `didjack.multiplier`.
    n_clusters : int
    level : float
    """

    method: str
    scale: str
    n_clusters: int
    level: float

    def infer(
        self, parameters: Sequence[str], att: Array, draws: Array, n_treated_clusters: Index
    ) -> Inference:
        """Infer from draws with normal critical values.

        Parameters
        ----------
        parameters : sequence of str, length P
        att : (P,) array
        draws : (B, P) array
        n_treated_clusters : (P,) int array
        """
        se = errors_of_draws(draws, self.scale)
        return Inference(
            method=self.method,
            parameters=tuple(parameters),
            att=att,
            se=se,
            df=np.full(len(se), np.inf),
            n_clusters=self.n_clusters,
            level=self.level,
            scores=draws / np.sqrt(len(draws)),
            n_treated_clusters=n_treated_clusters,
        )


def errors_of_draws(draws: Array, scale: str) -> Array:
    """Return the standard error of each column, NaN for what is zero by construction.

    Parameters
    ----------
    draws : (B, P) array
    scale : {"iqr", "sd"}
    """
    return np.where((draws == 0).all(axis=0), np.nan, spread(draws, scale))
