"""Clusters that two variables form together: the cells of their cross tabulation that have rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.linalg import Index
from didjack.core.moments import Clusters


@dataclass(frozen=True)
class CrossedClusters(Clusters):
    """The intersection of two partitions of the rows; C clusters, labels are pairs of labels.

    Attributes
    ----------
    first, second : Clusters
        The partitions.
    pairs : (C, 2) int array
        Which cluster of `first` and of `second` meet in each cluster.
    """

    first: Clusters = field(repr=False)
    second: Clusters = field(repr=False)
    pairs: Index = field(repr=False)

    @property
    def coarser(self) -> str | None:
        """The variable that holds every cluster of the other whole; None if the two cross.

        The first where both form the same clusters.
        """
        if len(self) == len(self.second):
            return self.first.name
        return self.second.name if len(self) == len(self.first) else None


def cross_clusters(first: Clusters, second: Clusters) -> CrossedClusters:
    """Form the clusters that two variables have in common.

    Parameters
    ----------
    first, second : Clusters
        Of the same rows.
    """
    both, code = np.unique(_keys(first.code, second.code, second), return_inverse=True)
    pairs = np.column_stack(np.divmod(both, len(second)))
    labels = [(first.labels[a], second.labels[b]) for a, b in pairs.tolist()]
    return CrossedClusters(
        name=f"{first.name} and {second.name}",
        labels=pd.Index(labels, dtype=object, tupleize_cols=False),
        code=code.reshape(-1),
        first=first,
        second=second,
        pairs=pairs,
    )


def source_codes(source: pd.DataFrame, clusters: Clusters) -> Index:
    """Return the cluster of every row of the user's frame, -1 for clusters without retained rows.

    Parameters
    ----------
    source : DataFrame
        The user's frame, of which `clusters` partition the retained rows.
    clusters : Clusters
    """
    if not isinstance(clusters, CrossedClusters):
        return clusters.labels.get_indexer(pd.Index(source[clusters.name]))
    a, b = (source_codes(source, part) for part in (clusters.first, clusters.second))
    known = _keys(clusters.pairs[:, 0], clusters.pairs[:, 1], clusters.second)
    wanted = _keys(a, b, clusters.second)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where((a >= 0) & (b >= 0) & (known[place] == wanted), place, -1)


def _keys(first: Index, second: Index, of_second: Clusters) -> Index:
    """Return one number for each pair of codes, in the order of first and then second."""
    return np.asarray(first.astype(np.int64) * len(of_second) + second)
