"""Variances of two-way clustering, from those of each variable and of their intersection."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask


def largest_variance(first: Array, second: Array, crossed: Array) -> Array:
    """Return the largest of V_G + V_H - V_I, V_G and V_H; NaN where one of them is.

    Parameters
    ----------
    first, second, crossed : (P,) arrays
        V_G, V_H and V_I.
    """
    return np.maximum(first + second - crossed, np.maximum(first, second))


def joint_scores(V: Array, se: Array) -> Array:
    """Return scores (C, P) with scores' scores as near to V as standard errors and signs allow.

    Negative eigenvalues of V are set to zero, and the rest is scaled to the standard errors. A
    parameter of which nothing is left is uncorrelated with the others.

    Parameters
    ----------
    V : (P, P) array
        Symmetric.
    se : (P,) array
        NaN where there is no standard error: zeros stand there.
    """
    P = len(se)
    known: Mask = np.isfinite(se) & np.isfinite(V).all(axis=1)
    values, vectors = np.linalg.eigh(V[np.ix_(known, known)])
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T  # root' root = V, if definite
    norm = np.sqrt(np.einsum("cp,cp->p", root, root))
    left = norm > 1e-7 * se[known]  # eigenvalues of rounding error have roots of 1e-8
    scores = np.zeros((2 * P, P))
    scores[: len(values), known] = root * np.where(left, se[known] / np.where(left, norm, 1.0), 0.0)
    alone = np.flatnonzero(known)[~left]
    scores[P + alone, alone] = se[alone]
    return scores
