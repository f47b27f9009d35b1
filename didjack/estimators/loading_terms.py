"""Loadings of cells as sums of terms: few numbers per replicate and per cluster, not their product.

The loadings of ATT(g,t) on shocks to clusters are products: something of the replicate (the inverse
of a Gram matrix, one over a sum of weights) times sums over the rows of a cluster. So R x C numbers
come from R x f and C x f ones, and cells share most of them. Where a formula has no such form, as
with odds of continuous covariates, the term is the R x C matrix itself.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.errors import DesignError

LARGEST = 5e8  # numbers in terms that are whole matrices: 4 GB


@dataclass(frozen=True, eq=False)
class CellLoadings:
    """Coefficients of cluster-by-period shocks in ATT(g,t), as sums of J terms.

    R replicates, C clusters, m cells, F columns of coefficients, M columns of cluster sums. Without
    cluster r, a term with columns f loads on cluster h with

        sum_f coef[r, f] moment[h, column[f]]   for h other than r, and zero for h = r.

    Attributes
    ----------
    coef : (R, F) array
    moment : (C, M) array
    column : (F,) int array
        Column of `moment` that belongs to a column of `coef`.
    term : (F,) int array
        Term of each column of `coef`.
    whole : mapping of int to (R, C) array
        The terms that are not products, zero where the cluster is deleted.
    at_time, at_base : (m, J) arrays
        How often a cell has each term in its period, and in its base period. No term belongs to a
        base period itself.
    """

    coef: Array = field(repr=False)
    moment: Array = field(repr=False)
    column: Index = field(repr=False)
    term: Index = field(repr=False)
    whole: dict[int, Array] = field(repr=False)
    at_time: Array = field(repr=False)
    at_base: Array = field(repr=False)

    @cached_property
    def incidence(self) -> Array:
        """One where a term has a column of cluster sums, else zero, (J, M)."""
        out = np.zeros((self.at_time.shape[1], self.moment.shape[1]))
        out[self.term, self.column] = 1.0
        return out

    def terms_of(self, r: int) -> Array:
        """Return the loadings of every term in one replicate, (C, J).

        Parameters
        ----------
        r : int
            0 for the full sample, h + 1 without cluster h.
        """
        products = self.moment[:, self.column] * self.coef[r]
        out = np.zeros((len(self.moment), self.at_time.shape[1]))
        np.add.at(out.T, self.term, products.T)
        if r > 0:
            out[r - 1] = 0.0
        for j, matrix in self.whole.items():
            out[:, j] = matrix[r]
        return out

    def replicate(self, r: int) -> tuple[Array, Array]:
        """Return the loadings of every cell in one replicate, at its period and its base period.

        Parameters
        ----------
        r : int
            0 for the full sample, h + 1 without cluster h.

        Returns
        -------
        time, base : (C, m) arrays
            Of no meaning for cells that the replicate does not have.
        """
        terms = self.terms_of(r)
        return terms @ self.at_time.T, terms @ self.at_base.T


class TermList:
    """Collects terms; those with equal keys, and cluster sums with equal keys, are stored once.

    Parameters
    ----------
    n_clusters, n_cells : int
    """

    def __init__(self, n_clusters: int, n_cells: int) -> None:
        self.n_clusters, self.n_cells = n_clusters, n_cells
        self._coef: list[Array] = []
        self._moment: list[Array] = []
        self._column: list[Index] = []
        self._term: list[Index] = []
        self._whole: dict[int, Array] = {}
        self._uses: list[tuple[int, int, float, float]] = []
        self._terms: dict[Hashable, int] = {}
        self._columns: dict[Hashable, Index] = {}
        self._n_columns = 0
        self._scope: Hashable = None
        self._cells: Index = np.arange(n_cells)

    def enter(self, scope: Hashable, cells: Index) -> None:
        """Keep what follows apart from what was before: its keys, and its numbering of cells.

        Parameters
        ----------
        scope : hashable
        cells : (c,) int array
            The cells that go by 0, 1, ... from here on.
        """
        self._scope, self._cells = scope, cells

    def term(self, key: Hashable, coef: Array, sums_key: Hashable, sums: Array) -> int:
        """Add a product, unless there is a term of that key, and return its number.

        Parameters
        ----------
        key : hashable
        coef : (R, f) array
            Not finite where the replicate has no such term.
        sums_key : hashable
            Of the cluster sums.
        sums : (C, f) array
        """
        key, sums_key = (self._scope, key), (self._scope, sums_key)
        if key not in self._terms:
            j = self._terms[key] = len(self._terms)
            if sums_key not in self._columns:
                end = self._n_columns + sums.shape[1]
                self._columns[sums_key] = np.arange(self._n_columns, end)
                self._n_columns = end
                self._moment.append(sums)
            self._coef.append(np.where(np.isfinite(coef), coef, 0.0))
            self._column.append(self._columns[sums_key])
            self._term.append(np.full(coef.shape[1], j))
        return self._terms[key]

    def matrix(self, key: Hashable, loadings: Array) -> int:
        """Add a term that is no product, (R, C), and return its number.

        Raises
        ------
        DesignError
            Together these terms need more than 4 GB.
        """
        size = (len(self._whole) + 1) * loadings.size
        if size > LARGEST:
            raise DesignError(
                f"Exact critical values with these covariates need {8 * size / 1e9:.1f} GB and "
                f"more for {self.n_clusters:,} clusters. Use est_method='reg', covariates with few "
                "distinct values or none, a coarser cluster variable, or critical='t'."
            )
        j = self._terms[self._scope, key] = len(self._terms)
        self._whole[j] = np.where(np.isfinite(loadings), loadings, 0.0)
        h = np.arange(self.n_clusters)
        self._whole[j][h + 1, h] = 0.0
        return j

    def use(self, cell: int, j: int, time: float = 0.0, base: float = 0.0) -> None:
        """Say that a cell has a term in its period, or in its base period, so many times."""
        self._uses.append((int(self._cells[cell]), j, time, base))

    def loadings(self) -> CellLoadings:
        """Put everything together."""
        at_time, at_base = np.zeros((2, self.n_cells, len(self._terms)))
        for cell, j, time, base in self._uses:
            at_time[cell, j] += time
            at_base[cell, j] += base
        R, C, none = self.n_clusters + 1, self.n_clusters, np.empty(0, dtype=np.intp)
        return CellLoadings(
            coef=np.concatenate([np.empty((R, 0)), *self._coef], axis=1),
            moment=np.concatenate([np.empty((C, 0)), *self._moment], axis=1),
            column=np.concatenate([none, *self._column]),
            term=np.concatenate([none, *self._term]),
            whole=self._whole,
            at_time=at_time,
            at_base=at_base,
        )
