"""Randomization inference: the estimate, or its t statistic, under other assignments."""

from __future__ import annotations

import numpy as np

from didjack.core import cv3
from didjack.core.linalg import Array, Index
from didjack.inference.assignments import count_assignments, every_assignment, random_assignments
from didjack.simulate.design_loadings import Average, loadings
from didjack.simulate.designs import Design

PART = 100  # assignments at a time: bounds memory


def assignments(design: Design, limit: int, rng: np.random.Generator) -> tuple[Index, bool]:
    """Assign cohorts to clusters: in all ways, if they are few and there is one cohort only.

    Parameters
    ----------
    design : Design
    limit : int
        Largest number of assignments that are listed; more are drawn, so many of them.
    rng : Generator

    Returns
    -------
    cohort : (P, G) int array
    exact : bool
        Whether these are all assignments, the actual one included.
    """
    if len(design.adoption) > 1 or count_assignments(design.cohort) > limit:
        return random_assignments(design.cohort, limit, rng), False
    return every_assignment(design.cohort), True


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
    average = Average.of(type, design.starts, design.periods)
    if len(design.starts) == 1:
        average, means = _one_number_each(average, means)
    rows, size = means.reshape(len(means), -1), design.sizes.astype(np.float64)
    if not studentize:
        other = loadings(average, cohort, np.broadcast_to(size, cohort.shape))
        return rows @ other.reshape(len(cohort), -1).T, np.empty(0)
    parts = [
        statistics_with_deletions(average, cohort[at : at + PART], size, rows)
        for at in range(0, len(cohort), PART)
    ]
    estimate, t = (np.concatenate(values, axis=1) for values in zip(*parts, strict=True))
    return estimate, t


def _one_number_each(average: Average, means: Array) -> tuple[Average, Array]:
    """Turn means (n, G, T) into two periods, the first of them zero, that give the same average.

    With one cohort an average compares one number of each cluster, the same sum over its periods
    under every assignment and deletion. Products are shorter by the number of periods.
    """
    within, overall, _ = average.weights(np.ones((1, 1)))
    path = average.contrast(np.einsum("k,kqt->qt", overall[0], within[0]))[0]
    number = means @ path
    return Average.of("simple", np.ones(1, dtype=np.intp), 2), np.stack(
        [np.zeros_like(number), number], axis=2
    )


def statistics_with_deletions(
    average: Average, cohort: Index, size: Array, rows: Array
) -> tuple[Array, Array]:
    """Estimate under P assignments, with the ratio to the CV3 standard error of each.

    Parameters
    ----------
    average : Average
    cohort : (P, G) int array
    size : (G,) array
        Units of each cluster.
    rows : (n, G T) array
        Means of clusters by period, a row for each replication.

    Returns
    -------
    estimate, t : (n, P) arrays
    """
    P, G = cohort.shape
    weight = size * np.vstack([np.ones(G), 1 - np.eye(G)])
    every = np.repeat(cohort, G + 1, axis=0)
    full = loadings(average, every, np.tile(weight, (P, 1))).reshape(P, G + 1, -1)
    change = full[:, 1:] - full[:, :1]
    usable = np.isfinite(change).all(axis=2)
    change[~usable] = 0.0
    estimate = rows @ full[:, 0].T
    deviations = (rows @ change.reshape(P * G, -1).T).reshape(len(rows), P, G)
    variance = cv3.variance(deviations, usable.sum(axis=1), axis=2)
    return estimate, estimate / np.sqrt(variance)
