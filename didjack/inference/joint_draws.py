"""Draws of several estimates and their deviations from one vector of normal shocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array
from didjack.inference.cluster_forms import ClusterForms

_CHUNK = 512  # draws at a time
_NUMBERS = 1 << 22  # shocks held at a time


@dataclass(frozen=True, eq=False)
class DenseDraws:
    """K estimates and their deviations as forms in D independent standard normals.

    Attributes
    ----------
    estimate : (K, D) array
        Loadings of the estimates.
    scores : (K, C, D) array
        Loadings of the deviations times the root of (H - 1) / H; zero for deletions that do not
        count.
    """

    estimate: Array = field(repr=False)
    scores: Array = field(repr=False)

    @property
    def chunk(self) -> int:
        """Draws to make at a time."""
        return _CHUNK

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return estimates (n, K) and scores (n, K, C).

        Parameters
        ----------
        rng : Generator
        n : int
        """
        K, C, D = self.scores.shape
        stacked = np.concatenate([self.estimate, self.scores.reshape(K * C, D)])
        values = rng.standard_normal((n, D)) @ stacked.T
        return values[:, :K], values[:, K:].reshape(-1, K, C)


@dataclass(frozen=True, eq=False)
class ProductDraws:
    """The same without an array over deletions, clusters and periods.

    Attributes
    ----------
    forms : tuple of K ClusterForms
    factors : (K,) array
        (H - 1) / H of each.
    shape : (2,) tuple of int
        C clusters and T periods.
    """

    forms: tuple[ClusterForms, ...] = field(repr=False)
    factors: Array = field(repr=False)
    shape: tuple[int, int]

    @property
    def chunk(self) -> int:
        """Draws to make at a time."""
        return max(1, min(_CHUNK, _NUMBERS // (self.shape[0] * self.shape[1])))

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return estimates (n, K) and scores (n, K, C).

        Parameters
        ----------
        rng : Generator
        n : int
        """
        shocks = rng.standard_normal((n, *self.shape))
        estimates = np.empty((n, len(self.forms)))
        scores = np.zeros((n, len(self.forms), self.shape[0]))
        for k, (forms, factor) in enumerate(zip(self.forms, self.factors, strict=True)):
            estimates[:, k], change = forms.deviations(shocks)
            scores[:, k, forms.rows] = change * np.sqrt(factor)
        return estimates, scores
