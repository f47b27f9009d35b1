"""Assignments of labels to clusters, and the p-value that ranks one of them among others.

A label is the cohort of a cluster. An assignment gives the same labels, each as often, to the
clusters in another order.
"""

from __future__ import annotations

from itertools import combinations
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from didjack.core.linalg import Array

# Assignments that put equal clusters in place of each other give statistics that are equal but
# for rounding.
TIE = 1e-10


def count_assignments(labels: NDArray) -> int:
    """Return the number of different assignments, C! / prod_q n_q!, the actual one included.

    Parameters
    ----------
    labels : (C,) array
    """
    sizes = np.unique(labels, return_counts=True)[1]
    return factorial(len(labels)) // prod(factorial(int(n)) for n in sizes)


def every_assignment(labels: NDArray) -> NDArray:
    """List all assignments, each once, the actual one included.

    Parameters
    ----------
    labels : (C,) array

    Returns
    -------
    (B, C) array
        B = `count_assignments(labels)`; ordered by the places of the smallest label, then of the
        next one.
    """
    values, sizes = np.unique(labels, return_counts=True)
    out = np.full((1, len(labels)), len(values) - 1, dtype=np.intp)  # codes of the labels
    free = np.arange(len(labels))[None]  # places without a label, for each assignment so far
    for code, n in enumerate(sizes[:-1]):
        chosen = np.array(list(combinations(range(free.shape[1]), int(n))))  # (m, n)
        left = np.ones((len(chosen), free.shape[1]), dtype=bool)
        np.put_along_axis(left, chosen, False, axis=1)
        out = np.repeat(out, len(chosen), axis=0)
        places = free[:, chosen].reshape(len(out), -1)
        np.put_along_axis(out, places, code, axis=1)
        remaining = np.nonzero(left)[1].reshape(len(chosen), -1)
        free = free[:, remaining].reshape(len(out), -1)
    return values[out]


def random_assignments(labels: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Draw n assignments, each as likely as any other, (n, C).

    Parameters
    ----------
    labels : (C,) array
    n : int
    rng : Generator
    """
    return rng.permuted(np.tile(labels, (n, 1)), axis=1)


def share_as_large(observed: ArrayLike, others: Array, *, actual_among_them: bool) -> Array:
    """Return the share of assignments with a statistic at least as large in absolute value.

    (1 + #{b: |s_b| >= |s|}) / (1 + B) with the actual assignment as the one that is added (Lehmann
    and Romano 2005, section 15.2); #{b: |s_b| >= |s|} / B where it is among the B. Equal up to
    rounding counts as large.

    Parameters
    ----------
    observed : (...) array
        s; the share is NaN where it is not finite.
    others : (..., B) array
        s_b; NaN, an assignment that cannot be estimated, counts as larger.
    actual_among_them : bool
        Whether the B assignments include the actual one.

    Returns
    -------
    (...) array
    """
    statistic = np.asarray(observed, dtype=np.float64)
    smaller = np.abs(others) < np.abs(statistic)[..., None] * (1 - TIE)  # False for NaN
    added, B = 0 if actual_among_them else 1, others.shape[-1]
    share = (added + B - smaller.sum(axis=-1)) / (added + B)
    return np.where(np.isfinite(statistic), share, np.nan)


def other_assignments(
    labels: NDArray, limit: int, rng: np.random.Generator, stratum: NDArray | None = None
) -> tuple[NDArray, bool]:
    """Give the labels to the clusters in other ways: all of them if they are few, else some.

    Parameters
    ----------
    labels : (C,) array
        As they are.
    limit : int
        Assignments drawn at random; if there are no more others than that, all are listed.
    rng : Generator
        Draws them.
    stratum : (C,) int array, optional
        Clusters change places only with clusters of their stratum.

    Returns
    -------
    assignments : (B, C) array
        The actual one is not listed; it can occur among random draws.
    exact : bool
        Whether these are all others, each once.
    """
    groups = [np.arange(len(labels))]
    if stratum is not None:
        groups = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
    if prod(count_assignments(labels[members]) for members in groups) - 1 > limit:
        drawn = np.tile(labels, (limit, 1))
        for members in groups:
            drawn[:, members] = rng.permuted(drawn[:, members], axis=1)
        return drawn, False
    every = labels[None]
    for members in groups:
        ways = every_assignment(labels[members])
        repeated = np.repeat(every, len(ways), axis=0)
        repeated[:, members] = np.tile(ways, (len(every), 1))
        every = repeated
    return every[(every != labels).any(axis=1)], True
