"""What a regression is without each cluster, from k x k matrices of orthonormal columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import delete_one, rows_by

# Least eigenvalue of I - Q_g'Q_g for a deletion to leave a regression: the share of a direction
# of X that lies outside the cluster. Where there is none, rounding leaves about 1e-15.
REMAINS = 1e-10


@dataclass(frozen=True, eq=False)
class LeaveOut:
    """Eigenvalues and eigenvectors of I - Q_g'Q_g, for G clusters and k columns.

    Attributes
    ----------
    values : (G, k) array
        One less the eigenvalues of H_gg = Q_g Q_g' that are not zero by its rank.
    vectors : (G, k, k) array
    """

    values: Array
    vectors: Array

    @cached_property
    def lost(self) -> Mask:
        """Directions that only cluster g carries, (G, k)."""
        return np.asarray(self.values < REMAINS)

    @cached_property
    def kept(self) -> Mask:
        """Clusters whose deletion leaves the columns independent, (G,)."""
        return np.asarray(~self.lost.any(axis=1))

    def directions_lost(self, g: np.intp) -> Array:
        """Return a basis of the directions that only cluster g carries, in columns."""
        return np.asarray(self.vectors[g][:, self.lost[g]])

    def weigh(self, scores: Array, power: float) -> Array:
        """Multiply scores by a power of I - Q_g'Q_g, a pseudo-inverse where that is singular.

        Parameters
        ----------
        scores : (G, k) array
        power : float
            Negative: -1 for deletions and CV3, -1/2 for CV2.

        Returns
        -------
        (G, k) array
        """
        safe = np.where(self.lost, 1.0, self.values)
        scale = np.where(self.lost, 0.0, safe**power)
        inside = np.einsum("gij,gi->gj", self.vectors, scores) * scale
        return np.einsum("gij,gj->gi", self.vectors, inside)


def deletions(Q: Array, code: Index, n_clusters: int) -> LeaveOut:
    """Decompose I - Q_g'Q_g for every cluster, as the sum of Q_h'Q_h over the others.

    Parameters
    ----------
    Q : (n, k) array
        Orthonormal columns.
    code : (n,) int array
        Cluster of each row.
    n_clusters : int
    """
    grams = np.stack([Q[rows].T @ Q[rows] for rows in rows_by(code, n_clusters)])
    values, vectors = np.linalg.eigh(delete_one(grams)[1:])
    return LeaveOut(values, vectors)


def reason(combinations: Array, names: pd.Index) -> str:
    """Say which columns of X depend on each other, (k, m) combinations that are zero."""
    size = np.linalg.norm(combinations, axis=1)
    involved = [f"'{name}'" for name in names[size > 1e-6 * size.max()]]
    if len(involved) == 1:
        return f"without it column {involved[0]} is zero"
    listed = ", ".join(involved[:6]) + (", ..." if len(involved) > 6 else "")
    return f"without it these columns are zero or linearly dependent: {listed}"


def row_scores(Q: Array, residuals: Array, kind: str) -> Array:
    """Return the scores of rows for HC0 to HC3, (n, k); zero where a row is fitted exactly.

    Q_i u_i times 1, sqrt(n/(n-k)), (1 - h_i)^{-1/2} or (1 - h_i)^{-1}, with h_i = Q_i Q_i'
    (MacKinnon and White 1985; their jackknife is HC3 up to a factor).

    Parameters
    ----------
    Q : (n, k) array
        Orthonormal columns.
    residuals : (n,) array
    kind : {"hc0", "hc1", "hc2", "hc3"}
    """
    n, k = Q.shape
    remains = 1 - (Q**2).sum(axis=1)
    alone = remains < REMAINS
    power = {"hc2": -0.5, "hc3": -1.0}.get(kind, 0.0)
    weight = np.where(alone, 0.0, np.where(alone, 1.0, remains) ** power)
    if kind == "hc1":
        weight *= np.sqrt(n / (n - k))
    return np.asarray(Q * (weight * residuals)[:, None])
