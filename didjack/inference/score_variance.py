"""Is a coarser level of clustering needed? The score-variance test as an array function.

The test compares the variance of a sum of scores clustered coarsely and finely (MacKinnon, Nielsen
and Webb 2023, "Testing for the appropriate level of clustering in linear regression models"). With
s_gh the score of fine cluster h in coarse cluster g, S_g = sum_h s_gh, and G and H clusters,

    theta = G / (G - 1) sum_g S_g^2 - H / (H - 1) sum_gh s_gh^2,
    v = 2 sum_g (sum_h s_gh^2)^2 - 2 sum_gh s_gh^4,    tau = theta / sqrt(v),

as in the authors' Stata program `mnwsvt` (version 1). If fine clusters are independent, theta is a
sum of products of independent scores, v estimates its variance, and tau is standard normal with
many coarse clusters. In large clusters a few treated clusters estimate their own mean: their scores
sum to zero, and theta is negative on average. The wild bootstrap repeats that: each fine cluster's
scores change sign together, and what was estimated is estimated again.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from didjack.core.linalg import Array, Index

BLOCK = 2_000_000  # numbers of one array: bounds memory


def score_variance(scores: Array, coarse: Index) -> Array:
    """Return tau of every column of scores.

    Parameters
    ----------
    scores : (H, B) array
        Sums of scores of H fine clusters.
    coarse : (H,) int array
        Coarse cluster of each, 0..G-1.

    Returns
    -------
    (B,) array
        NaN where no coarse cluster has two fine clusters with scores.
    """
    H, G = len(coarse), int(coarse.max()) + 1
    indicator = sparse.csr_array((np.ones(H), (coarse, np.arange(H))), shape=(G, H))
    squares = np.square(scores)
    total = np.square(indicator @ scores).sum(axis=0)
    within = np.square(indicator @ squares).sum(axis=0)
    fourth = np.square(squares).sum(axis=0)
    theta = G / (G - 1) * total - H / (H - 1) * squares.sum(axis=0)
    v = 2 * (within - fourth)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(v > 1e-12 * within, theta / np.sqrt(v), np.nan)


def bootstrap(scores: Array, shares: Array, coarse: Index, n_draws: int, seed: int) -> Array:
    """Return tau of wild bootstrap samples under independent fine clusters, (n_draws,).

    With signs v_h = +1 or -1 of the fine clusters, the scores of cohort q become v_h s_hq less
    what the cohort's mean, estimated again, takes out: a share of sum_h v_h s_hq.

    Parameters
    ----------
    scores : (H, Q) array
        Sums of scores of fine clusters within cohorts.
    shares : (H, Q) array
        Share of each fine cluster in the weight of a cohort; columns sum to one.
    coarse : (H,) int array
    n_draws, seed : int
    """
    rng = np.random.default_rng(seed)
    everything = scores.sum(axis=1)
    step = max(1, BLOCK // len(coarse))
    out = np.empty(n_draws)
    for at in range(0, n_draws, step):
        n = min(step, n_draws - at)
        signs = 2.0 * rng.integers(0, 2, (n, len(coarse))) - 1
        moved = signs.T * everything[:, None] - shares @ (scores.T @ signs.T)
        out[at : at + n] = score_variance(moved, coarse)
    return out
