"""Randomization inference: the estimate, or its t statistic, under other assignments."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.simulate import linear
from didjack.simulate.designs import Design

PART = 100  # assignments at a time: bounds memory


def assignments(design: Design, limit: int, rng: np.random.Generator) -> tuple[Index, bool]:
    """Assign cohorts to clusters in other ways: in all, if there are few and one cohort only.

    Returns
    -------
    cohort : (P, G) int array
    exact : bool
        Whether these are all assignments, the actual one included.
    """
    G, treated = design.clusters, design.treated
    if len(design.adoption) > 1 or comb(G, treated) > limit:
        return rng.permuted(np.tile(design.cohort, (limit, 1)), axis=1), False
    chosen = np.array(list(combinations(range(G), treated)))
    cohort = np.ones((len(chosen), G), dtype=np.intp)
    np.put_along_axis(cohort, chosen, 0, axis=1)
    return cohort, True


def p_values(observed: Array, permuted: Array, exact: bool) -> Array:
    """Share of assignments with a statistic as large, (n,).

    Parameters
    ----------
    observed : (n,) array
    permuted : (n, P) array
    exact : bool
        Whether the actual assignment is among the P.
    """
    # Assignments that put equal sizes in place of each other are equal up to rounding.
    larger = np.abs(permuted) >= np.abs(observed)[:, None] * (1 - 1e-10)
    if exact:
        return np.asarray(larger.mean(axis=1))
    return np.asarray((1 + larger.sum(axis=1)) / (permuted.shape[1] + 1))


def permuted_statistics(
    design: Design, type: str, cohort: Index, means: Array, studentize: bool
) -> tuple[Array, Array]:
    """Estimate under other assignments.

    Parameters
    ----------
    design : Design
    type : str
        Aggregation.
    cohort : (P, G) int array
    means : (n, G, T) array
    studentize : bool
        Also the ratio to the CV3 standard error, which costs G deletions each.

    Returns
    -------
    estimate, t : (n, P) arrays
        The second is empty unless asked for.
    """
    average = linear.Average.of(type, design.starts, design.periods)
    rows, size = means.reshape(len(means), -1), design.sizes.astype(np.float64)
    if not studentize:
        other = linear.loadings(average, cohort, np.broadcast_to(size, cohort.shape))
        return rows @ other.reshape(len(cohort), -1).T, np.empty(0)
    parts = [
        _with_deletions(average, cohort[at : at + PART], size, rows)
        for at in range(0, len(cohort), PART)
    ]
    estimate, t = (np.concatenate(values, axis=1) for values in zip(*parts, strict=True))
    return estimate, t


def _with_deletions(
    average: linear.Average, cohort: Index, size: Array, rows: Array
) -> tuple[Array, Array]:
    P, G = cohort.shape
    weight = size * np.vstack([np.ones(G), 1 - np.eye(G)])
    every = np.repeat(cohort, G + 1, axis=0)
    full = linear.loadings(average, every, np.tile(weight, (P, 1))).reshape(P, G + 1, -1)
    change = full[:, 1:] - full[:, :1]
    usable = np.isfinite(change).all(axis=2)
    change[~usable] = 0.0
    H = usable.sum(axis=1)
    estimate = rows @ full[:, 0].T
    deviations = (rows @ change.reshape(P * G, -1).T).reshape(len(rows), P, G)
    variance = (H - 1) / H * np.einsum("npg,npg->np", deviations, deviations)
    return estimate, estimate / np.sqrt(variance)
