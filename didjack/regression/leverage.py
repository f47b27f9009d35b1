"""How unequal the clusters of a regression are: leverage, partial leverage, effective number.

H = X (X'X)^{-1} X' with orthonormal columns Q of X is QQ', so that sums of squares of rows of Q are
all that leverage needs.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index


def sum_within(values: Array, code: Index, n_clusters: int) -> Array:
    """Sum the columns of an (n, m) array within clusters, (G, m).

    Parameters
    ----------
    values : (n, m) array
    code : (n,) int array
        Cluster of each row.
    n_clusters : int
        G.
    """
    columns = [np.bincount(code, column, n_clusters) for column in values.T]
    return np.column_stack(columns).astype(np.float64)


def leverage_of(Q: Array, code: Index, n_clusters: int) -> Array:
    """Return L_g = trace of H_gg = sum of squares of Q_g, (G,); they add up to k.

    MacKinnon, Nielsen and Webb (2023), The Stata Journal, "Leverage, influence, and the jackknife
    in clustered regression models: Reliable inference using summclust".

    Parameters
    ----------
    Q : (n, k) array
        Orthonormal columns.
    code : (n,) int array
        Cluster of each row.
    n_clusters : int
        G.
    """
    return np.asarray(sum_within(Q**2, code, n_clusters).sum(axis=1))


def partial_leverage_of(loading: Array, code: Index, n_clusters: int) -> Array:
    """Return each cluster's share in x'x, (G,), for a vector proportional to x.

    x is the residual of one column of X on the others; the same paper as in `leverage_of`.

    Parameters
    ----------
    loading : (n,) array
    code : (n,) int array
        Cluster of each row.
    n_clusters : int
        G.
    """
    squares = loading**2
    return np.asarray(sum_within(squares[:, None], code, n_clusters)[:, 0] / squares.sum())


def effective_number(loading: Array, code: Index, n_clusters: int, rho: float) -> float:
    """Return the effective number of clusters of a coefficient, G/(1 + Gamma).

    Gamma = 1/G sum_g (gamma_g / mean gamma - 1)^2, gamma_g = a_g' Omega_g a_g, where
    Omega_g = rho 11' + (1 - rho) I (Carter, Schnepel and Steigerwald 2017).

    Parameters
    ----------
    loading : (n,) array
        a, the coefficient's column of X (X'X)^{-1}.
    code : (n,) int array
        Cluster of each row.
    n_clusters : int
        G.
    rho : float
        Correlation of the errors within clusters, 0 to 1.

    Returns
    -------
    float
        NaN where all gamma_g are zero: with rho = 1, a that adds up to zero in every cluster.
    """
    sums = sum_within(np.column_stack([loading, loading**2]), code, n_clusters)
    gamma = rho * sums[:, 0] ** 2 + (1 - rho) * sums[:, 1]
    if gamma.sum() < 1e-20 * sums[:, 1].sum():  # nothing but rounding
        return float("nan")
    return float(n_clusters / (1 + np.mean((gamma / gamma.mean() - 1) ** 2)))
