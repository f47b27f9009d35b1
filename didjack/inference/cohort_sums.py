"""Sums over the clusters of cohorts under many assignments, and the regressions that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Factor, Index, Mask, factorize, unpack_symmetric
from didjack.inference.cluster_moments import ClusterMoments


@dataclass(frozen=True)
class CohortSums:
    """Sums over some cohorts, first over all their n clusters and then over all but each.

    Shapes as in `ClusterMoments`, with (B, n + 1) for C; `place` says which replicate each is.
    """

    count: Array
    xx: Array
    xy: Array
    cell_weight: Array
    cohort_weight: Array
    place: Index

    @classmethod
    def of(cls, moments: ClusterMoments, members: Index, first: int) -> CohortSums:
        """Sum over the clusters of one cohort.

        Parameters
        ----------
        moments : ClusterMoments
        members : (B, n) int array
        first : int
            Their first replicate.
        """
        return cls(
            _delete_one(moments.count[members]),
            _delete_one(moments.xx[members]),
            _delete_one(moments.xy[members]),
            _delete_one(moments.cell_weight[members]),
            _delete_one(moments.cohort_weight[members]),
            np.arange(first, first + members.shape[1]),
        )

    @classmethod
    def pooled(cls, parts: list[CohortSums]) -> CohortSums:
        """Sum over several cohorts.

        Parameters
        ----------
        parts : list of CohortSums
        """
        if len(parts) == 1:
            return parts[0]
        return cls(
            _pool([part.count for part in parts]),
            _pool([part.xx for part in parts]),
            _pool([part.xy for part in parts]),
            _pool([part.cell_weight for part in parts]),
            _pool([part.cohort_weight for part in parts]),
            np.concatenate([part.place for part in parts]),
        )


def _pool(parts: list[Array]) -> Array:
    """Add sums of cohorts (B, n_q + 1, ...): all, then all but each cluster of each cohort."""
    rows = [np.sum([part[:, :1] for part in parts], axis=0)]
    for i, part in enumerate(parts):
        others = [other[:, :1] for j, other in enumerate(parts) if j != i]
        rows.append(part[:, 1:] + np.sum(others, axis=0))
    return np.concatenate(rows, axis=1)


def _delete_one(sums: Array) -> Array:
    """Sum (B, n, ...) over axis 1 with all and with all but each, (B, n + 1, ...).

    What comes before plus what comes after, as in `didjack.core.moments.delete_one`: nothing
    cancels.
    """
    B, n = sums.shape[:2]
    out = np.zeros((B, n + 1, *sums.shape[2:]))
    if n == 0:
        return out
    np.cumsum(sums[:, :-1], axis=1, out=out[:, 2:])
    after = np.cumsum(sums[:, :0:-1], axis=1)[:, ::-1]
    out[:, 1:n] += after
    out[:, 0] = sums[:, 0] + (after[:, 0] if n > 1 else 0.0)
    return out


@dataclass(frozen=True)
class Regressions:
    """Regressions of one set of controls: coefficients by difference, (B, n + 1, Y, k)."""

    beta: Array  # (B, n + 1, D, Y, k), zero where not asked for
    singular: Mask  # (B, n + 1, D)

    @classmethod
    def of(cls, moments: ClusterMoments, controls: CohortSums, wanted: Index) -> Regressions:
        """Fit the wanted differences.

        Parameters
        ----------
        moments : ClusterMoments
        controls : CohortSums
        wanted : int array
        """
        k, design_of = moments.k, moments.design_of
        designs, at = np.unique(design_of[wanted], return_inverse=True)
        gram = unpack_symmetric(controls.xx[:, :, designs], k)
        solved = factorize(gram)
        own = Factor(
            solved.lower[:, :, at, None],
            solved.pivots[:, :, at, None],
            solved.redundant[:, :, at, None],
            solved.excluded[:, :, at, None],
        )
        beta = np.zeros(controls.xy.shape)
        beta[:, :, wanted] = own.solve(controls.xy[:, :, wanted])
        singular = np.zeros(controls.xy.shape[:3], dtype=bool)
        singular[:, :, wanted] = solved.singular[:, :, at]
        return cls(beta, singular)
