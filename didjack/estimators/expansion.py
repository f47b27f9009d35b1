"""Sums over rows for thousands of deletions, as power series around the full sample.

A deletion of one unit among thousands moves a linear predictor eta = x'c by very little. So in

    sum_i v_i f(eta_i + x_i'd) = sum_m sum_i v_i f_m(eta_i) (x_i'd)^m,    f_m = f^(m) / m!,

a few terms suffice. (x'd)^m is a sum of products of monomials of x and of d, and the sums over rows
of v f_m times the monomials of x are the same for all deletions: n deletions of n rows cost as much
as n, not as n squared. What is deleted is taken away row by row.

Nothing here is approximate beyond rounding. With r >= |x_i'd| for all i, what the series leaves out
is at most `remainder(r)` times the sum of |v_i| f or |v_i| p (1 - p), by these bounds between eta
and eta + x'd:

    odds      f = e^eta:              |f_m| <= f e^r / m!
    logistic  f = e^eta/(1 + e^eta):  |f_m| <= p (1 - p) e^r c_m / m!

The m-th derivative of the logistic function is a sum of (-1)^j A(m, j) p^(j+1) (1 - p)^(m-j) over
j < m, with Eulerian numbers A, so that c_m is the largest A(m, j) over binomial(m - 1, j).
Deletions for which the bound is larger than `NEGLIGIBLE` are left to sums over all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, factorial

import numpy as np

from didjack.core.linalg import Array, Index, Mask

NEGLIGIBLE = 1e-14  # against the sum of absolute values: what rounding leaves of such a sum
MANY = 1 << 22  # rows times replicates from which on a series can pay
HIGHEST = 10  # degree
_HELD = 1 << 21  # numbers held at once
_EXPENSIVE = 30  # operations of a row and replicate where all rows are summed


def remainder(reach: Array, degree: int, kind: str) -> Array:
    """Return what a series up to a degree leaves out at most, relative to the sum; see above.

    Parameters
    ----------
    reach : array
        Upper bounds of |x'd|.
    degree : int
    kind : {"odds", "logistic"}
    """
    m = degree + 1
    ratio = 1.0 if kind == "odds" else _largest_ratio(m)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.exp(reach) * reach**m * (ratio / factorial(m)))


@lru_cache
def _largest_ratio(m: int) -> float:
    """Return c_m, the largest Eulerian number A(m, j) over binomial(m - 1, j)."""
    numbers = [1]
    for size in range(2, m + 1):
        before = [0, *numbers, 0]
        numbers = [(j + 1) * before[j + 1] + (size - j) * before[j] for j in range(size)]
    return max(a / comb(m - 1, j) for j, a in enumerate(numbers))


def coefficients(eta: Array, degree: int, kind: str) -> Array:
    """Return f_0 to f_degree at linear predictors (n,), shape (degree + 1, n).

    Parameters
    ----------
    eta : (n,) array
    degree : int
    kind : {"odds", "logistic"}
    """
    out = np.empty((degree + 1, len(eta)))
    if kind == "odds":
        out[0] = np.exp(eta)
        for m in range(1, degree + 1):
            out[m] = out[m - 1] / m
        return out
    from scipy.special import expit  # slow to import

    out[0] = expit(eta)
    for m in range(degree):  # p' = p - p^2, term by term
        square = (out[: m + 1] * out[m::-1]).sum(axis=0) if m else out[0] ** 2
        out[m + 1] = (out[m] - square) / (m + 1)
    return out


@lru_cache
def _monomials(k: int, degree: int) -> list[tuple[Index, Index, Array]]:
    """List the monomials of k variables by degree, from one on.

    For each its factor of one degree less, the other factor, and how often it occurs in the power
    of a sum.
    """
    found = []
    before: dict[tuple[int, ...], int] = {(): 0}
    for m in range(1, degree + 1):
        tuples = list(combinations_with_replacement(range(k), m))
        parent = np.array([before[t[:-1]] for t in tuples], dtype=np.intp)
        last = np.array([t[-1] for t in tuples], dtype=np.intp)
        often = [factorial(m) for _ in tuples]
        for i, t in enumerate(tuples):
            for variable in set(t):
                often[i] //= factorial(t.count(variable))
        found.append((parent, last, np.array(often, dtype=np.float64)))
        before = {t: i for i, t in enumerate(tuples)}
    return found


def _powers(x: Array, degree: int) -> list[Array]:
    """Return the monomials of every row by degree, (n, number)."""
    out = [np.ones((len(x), 1))]
    for parent, last, _ in _monomials(x.shape[1], degree):
        out.append(out[-1][:, parent] * x[:, last])
    return out


def size_of(k: int, degree: int) -> int:
    """Return the number of monomials of k variables up to a degree."""
    return comb(k + degree, degree)


@dataclass(frozen=True, eq=False)
class Series:
    """Sums of v f(eta + x'd) over rows as a function of d; F columns of v.

    Attributes
    ----------
    tables : list of (number of monomials, F) array
        By degree.
    """

    tables: list[Array] = field(repr=False)

    @classmethod
    def of(cls, X: Array, eta: Array, features: Array, degree: int, kind: str) -> Series:
        """Sum over the rows.

        Parameters
        ----------
        X : (n, k) array
        eta : (n,) array
        features : (n, F) array
            v.
        degree : int
        kind : {"odds", "logistic"}
        """
        k, F = X.shape[1], features.shape[1]
        tables = [np.zeros((comb(k + m - 1, m), F)) for m in range(degree + 1)]
        step = max(64, _HELD // size_of(k, degree))
        for at in range(0, len(X), step):
            rows = slice(at, at + step)
            f = coefficients(eta[rows], degree, kind)
            for m, monomials in enumerate(_powers(X[rows], degree)):
                tables[m] += monomials.T @ (f[m, :, None] * features[rows])
        for m, (_, _, often) in enumerate(_monomials(k, degree), start=1):
            tables[m] *= often[:, None]
        return cls(tables)

    def __call__(self, change: Array) -> Array:
        """Evaluate at d, (R, F).

        Parameters
        ----------
        change : (R, k) array
            d of every replicate.
        """
        degree = len(self.tables) - 1
        out = np.zeros((len(change), self.tables[0].shape[1]))
        step = max(64, _HELD // size_of(change.shape[1], degree))
        for at in range(0, len(change), step):
            part = slice(at, at + step)
            monomials = _powers(change[part], degree)
            for m in range(degree, -1, -1):  # the smallest terms first
                out[part] += monomials[m] @ self.tables[m]
        return out


def reach_of(X: Array, change: Array) -> Array:
    """Return upper bounds of |x_i'd| over all rows, (R,).

    Parameters
    ----------
    X : (n, k) array
    change : (R, k) array
    """
    return np.asarray(np.abs(change) @ np.abs(X).max(axis=0, initial=0.0))


def best_degree(reach: Array, n: int, k: int, columns: int, kind: str) -> int | None:
    """Choose the degree that costs least; None if sums over all rows cost less.

    Parameters
    ----------
    reach : (R,) array
        Upper bounds of |x'd|; NaN where there is none.
    n : int
        Rows.
    k : int
    columns : int
        Of what is summed.
    kind : {"odds", "logistic"}
    """
    R = len(reach)
    best, least = None, 0.5 * R * n * _EXPENSIVE
    for degree in range(1, HIGHEST + 1):
        rest = int((~(remainder(reach, degree, kind) <= NEGLIGIBLE)).sum())
        cost = size_of(k, degree) * (n + R) * (1 + columns) + rest * n * _EXPENSIVE
        if cost < least:
            best, least = degree, cost
    return best


def take_away(
    totals: Array,
    cluster: Index,
    replicates: Index,
    change: Array,
    rows: tuple[Array, Array, Array],
    f: Callable[[Array], Array],
) -> Array:
    """Take the deleted rows out of sums over all rows, (R, F).

    Parameters
    ----------
    totals : (R, F) array
    cluster : (n,) int array
    replicates : (R,) int array
        Replicate h + 1 deletes cluster h; ascending.
    change : (R, k) array
    rows : tuple of (n, k), (n,) and (n, F) arrays
        Covariates, linear predictors of the full sample, and v.
    f : callable
        Of linear predictors.
    """
    X, eta, features = rows
    at = np.minimum(np.searchsorted(replicates, cluster + 1), len(replicates) - 1)
    mine = np.flatnonzero(replicates[at] == cluster + 1)
    at = at[mine]
    value = f(eta[mine] + (X[mine] * change[at]).sum(axis=1))[:, None] * features[mine]
    own = np.zeros_like(totals)
    np.add.at(own, at, value)
    return np.asarray(totals - own)


def certain(reach: Array, degree: int, kind: str) -> Mask:
    """Say for which replicates nothing but rounding is left out, (R,).

    Parameters
    ----------
    reach : (R,) array
    degree : int
    kind : {"odds", "logistic"}
    """
    return np.asarray(remainder(reach, degree, kind) <= NEGLIGIBLE)
