"""Per-cluster sums, and the replicate axis made from them.

A replicate is a set of cluster weights. Everything that is linear in rows is summed once per
(cluster, cohort); deleting cluster h leaves the sum of all others. That sum is formed from the
clusters before h plus those after it, not as the total minus cluster h. So nothing cancels, and a
moment that disappears with its cluster becomes exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition of the rows into C clusters.

    Attributes
    ----------
    name : str
        The cluster variable.
    labels : Index, length C
    code : (N,) int array
        Cluster of each row.
    """

    name: str
    labels: pd.Index
    code: Index = field(repr=False)

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.labels)


def delete_one(sums: Array) -> Array:
    """Return the sums of all replicates: row 0 everything, row h+1 everything but cluster h.

    Parameters
    ----------
    sums : (C, ...) array
        Per-cluster sums.

    Returns
    -------
    (C + 1, ...) array
    """
    C = len(sums)
    out = np.zeros((C + 1, *sums.shape[1:]), dtype=sums.dtype)
    np.cumsum(sums[:-1], axis=0, out=out[2:])  # before h
    after = np.cumsum(sums[:0:-1], axis=0)[::-1]  # after h
    out[1:C] += after
    out[0] = sums[0] + after[0] if C > 1 else sums[0]
    return out


def rows_by(code: Index, n: int) -> list[Index]:
    """List the rows that carry each of the codes 0..n-1."""
    order = np.argsort(code, kind="stable")
    return np.split(order, np.cumsum(np.bincount(code, minlength=n))[:-1])


def indicator(code: Index, n: int) -> sparse.csr_array:
    """Return the matrix of zeros and ones that sums rows by their code, (n, rows).

    Parameters
    ----------
    code : (rows,) int array
        Values from 0 to n - 1.
    n : int
    """
    from scipy import sparse  # slow to import, and only needed once there are data

    rows = len(code)
    order = np.argsort(code, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(code, minlength=n))])
    # By its parts: a fifth of the time that scipy takes from coordinates, for a few hundred rows.
    return sparse.csr_array((np.ones(rows), order, start), shape=(n, rows))


class RowSums:
    """Sums over rows within (replicate, cohort), for a fixed set of rows.

    Parameters
    ----------
    cohort : (n,) int array
        Cohort code of each row.
    n_cohorts : int
    cluster : (n,) int array, optional
        Cluster code of each row; without it the full sample is the only replicate.
    n_clusters : int, optional
    """

    def __init__(
        self, cohort: Index, n_cohorts: int, cluster: Index | None = None, n_clusters: int = 1
    ) -> None:
        self.n_clusters, self.n_cohorts = n_clusters, n_cohorts
        self.jackknifed = cluster is not None
        block = cohort if cluster is None else cluster * n_cohorts + cohort
        self._indicator = indicator(block, n_clusters * n_cohorts)

    def within(self, features: Array) -> Array:
        """Sum the columns of an (n, F) array within clusters and cohorts, (C, Q, F)."""
        sums = self._indicator @ features
        return np.asarray(sums.reshape(self.n_clusters, self.n_cohorts, -1))

    def __call__(self, features: Array) -> Array:
        """Sum the columns of an (n, F) array in every replicate, (R, Q, F)."""
        sums = self.within(features)
        return delete_one(sums) if self.jackknifed else sums


def replicate_totals(features: Array, cluster: Index | None, n_replicates: int) -> Array:
    """Sum the columns of an (n, F) array over all rows of every replicate, (R, F)."""
    one_group = np.zeros(len(features), dtype=np.intp)
    return RowSums(one_group, 1, cluster, max(1, n_replicates - 1))(features)[:, 0]
