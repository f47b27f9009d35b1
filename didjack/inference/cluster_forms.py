"""A parameter and its deletions as coefficients of cluster sums, and their Gram matrix from these.

The loadings of deletion r on cluster h in period t are kept_rt' S_h + held_rt' S_h, with S_h the
sums of the cluster (`didjack.estimators.loading_terms`); the first part is zero for h = r. With the
full sample's coefficients beta_0, b_rt = kept_rt + held_rt - beta_0t and
m_rt = kept_rt' S_r, the deviations have the loadings b_rt' S_h - 1{h = r} m_rt: a matrix of few
columns, and a diagonal. Where one set of columns B serves all periods, b_rt = M_t' B_r, their Gram
matrix is that of `didjack.core.low_rank_ratio` with X_ht = M_t S_h, both in units of the reference
model,

    K = sum_ht X_ht X_ht',   P_r = sum_t m_rt X_rt,   d_r = sum_t m_rt^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.estimators.loading_terms import CellLoadings
from didjack.inference.reference_model import ReferenceModel, SplitGram, TRatio

_PROPORTIONAL = 1e-14  # relative difference of weights that are one multiple of the full sample's
_NOTHING = 1e-15  # singular values below this share of the largest are rounding error
_FEW = 16  # so many columns are not worth compressing


@dataclass(frozen=True, eq=False)
class TermWeights:
    """Weights of J terms in T periods; n kinds of replicates.

    Attributes
    ----------
    kind : (R,) int array
        Kind of each replicate.
    kept : (n, T, J) array
        Weights of the replicate's own terms.
    held : (n, T, J) array or None
        Weights of the full sample's terms, for cells that are held; None where there are none.
    full : (T, J) array
        Weights in the full sample.
    """

    kind: Index = field(repr=False)
    kept: Array = field(repr=False)
    held: Array | None = field(repr=False)
    full: Array = field(repr=False)

    @cached_property
    def used_in(self) -> Mask:
        """Terms with a weight in each period, (T, J)."""
        return np.asarray((self.kept != 0).any(axis=0) | (self.full != 0))

    def columns_in(self, cells: CellLoadings) -> Mask:
        """Return the columns of cluster sums with a weight in each period, (T, M).

        Parameters
        ----------
        cells : CellLoadings
        """
        return np.asarray(self.used_in.astype(np.float64) @ cells.incidence > 0)

    @property
    def used(self) -> Mask:
        """Terms with a weight, (J,)."""
        return np.asarray(self.used_in.any(axis=0))

    def proportions(self) -> tuple[Array, Array] | None:
        """Return factors s and k (n, J) with kept = s full and held = k full in all periods.

        None where there are none.
        """
        n, _, J = self.kept.shape
        largest, j = np.abs(self.full).argmax(axis=0), np.arange(J)
        size = self.full[largest, j]
        if ((self.kept != 0).any(axis=(0, 1)) & (size == 0)).any():
            return None
        divisor = np.where(size == 0, 1.0, size)
        factors = []
        for part in (self.kept, self.held):
            factor = np.zeros((n, J)) if part is None else part[:, largest, j] / divisor
            factors.append(factor)
            if part is not None:
                apart = np.abs(part - factor[:, None] * self.full)
                if (apart > _PROPORTIONAL * np.abs(size)).any():
                    return None
        return factors[0], factors[1]


@dataclass(frozen=True, eq=False)
class ClusterForms:
    """Deviations of H deletions as forms in shocks, in units of a reference model.

    Attributes
    ----------
    basis : (H, q) array
        B.
    sums : (q, C, T) array
        X.
    own : (H, T) array
        m.
    rows : (H,) int array
        The deleted clusters.
    estimate : (C, T) array
        Loadings of the estimate.
    """

    basis: Array = field(repr=False)
    sums: Array = field(repr=False)
    own: Array = field(repr=False)
    rows: Index = field(repr=False)
    estimate: Array = field(repr=False)

    def deviations(self, shocks: Array) -> tuple[Array, Array]:
        """Return estimates (B,) and deviations (B, H) for B draws of standardised shocks.

        Parameters
        ----------
        shocks : (B, C, T) array
        """
        flat = shocks.reshape(len(shocks), -1)
        values = flat @ self.sums.reshape(len(self.sums), -1).T
        change = values @ self.basis.T
        own = np.zeros(shocks.shape[1:])
        own[self.rows] = self.own
        change -= np.einsum("bct,ct->bc", shocks, own)[:, self.rows]
        return flat @ self.estimate.ravel(), change

    def ratio(self, treated: Mask) -> TRatio:
        """Return the t statistic as a ratio of forms.

        Parameters
        ----------
        treated : (C,) bool array
            Clusters with treated units behind the parameter.
        """
        cores, crosses, squares = [], [], []
        own = np.einsum("ht,ht->h", self.own, self.estimate[self.rows])
        for members in (~treated, treated):
            length = members.sum() * self.sums.shape[2]
            X = self.sums[:, members].reshape(len(self.sums), length)
            estimate = self.estimate[members].ravel()
            cores.append(X @ X.T)
            crosses.append(self.basis @ (X @ estimate) - own * members[self.rows])
            squares.append(estimate @ estimate)
        gram = SplitGram(
            self.basis,
            np.stack(cores),
            np.einsum("qht,ht->hq", self.sums[:, self.rows], self.own),
            np.einsum("ht,ht->h", self.own, self.own),
            treated[self.rows],
        )
        return TRatio(gram, np.stack(crosses), np.array(squares))


def cluster_forms(
    cells: CellLoadings, weights: TermWeights, usable: Mask, model: ReferenceModel
) -> ClusterForms:
    """Write a parameter and its deletions as forms in shocks.

    Parameters
    ----------
    cells : CellLoadings
        No term that is a whole matrix is used.
    weights : TermWeights
    usable : (C,) bool array
        Deletions that count.
    model : ReferenceModel
    """
    factors = weights.proportions()
    columns = weights.columns_in(cells)
    if factors is not None and weights.used[cells.term].sum() <= columns.sum():
        basis, sums = _by_terms(cells, weights, *factors)
    else:
        basis, sums = _by_sums(cells, weights, [np.flatnonzero(used) for used in columns])
    rows = np.flatnonzero(usable)
    return ClusterForms(
        basis=basis[1:][rows],
        sums=model.scale(sums),
        own=model.scale(own_loadings(cells, weights))[rows],
        rows=rows,
        estimate=model.scale(_full_loadings(cells, weights)),
    )


def dense_loadings(cells: CellLoadings, weights: TermWeights) -> Array:
    """Return the loadings of a parameter in all replicates, (R, C, T).

    Parameters
    ----------
    cells : CellLoadings
    weights : TermWeights
    """
    h = np.arange(len(cells.moment))
    out = np.zeros((len(cells.coef), len(h), len(weights.full)))
    for t, used in enumerate(weights.columns_in(cells)):
        columns = np.flatnonzero(used)
        kept, held = coefficients(cells, weights, columns, t)
        sums = cells.moment[:, columns].T
        own = kept @ sums
        own[h + 1, h] = 0.0
        out[:, :, t] = own if held is None else own + held @ sums
        for j, matrix in cells.whole.items():
            if weights.used_in[t, j]:
                out[:, :, t] += weights.kept[weights.kind, t, j, None] * matrix
                if weights.held is not None:
                    out[:, :, t] += weights.held[weights.kind, t, j, None] * matrix[0]
    return out


def own_loadings(cells: CellLoadings, weights: TermWeights) -> Array:
    """Return what the formulas without a cluster say of that cluster itself, m, (C, T).

    Parameters
    ----------
    cells : CellLoadings
    weights : TermWeights
    """
    used = np.flatnonzero(weights.used[cells.term])
    products = cells.coef[1:, used] * cells.moment[:, cells.column[used]]
    kept = weights.kept[..., cells.term[used]]  # (n, T, F)
    if len(kept) == 1:
        return np.asarray(products @ kept[0].T)
    out = np.empty((len(products), kept.shape[1]))
    for t in range(kept.shape[1]):
        out[:, t] = np.einsum("hf,hf->h", products, kept[weights.kind[1:], t])
    return out


def coefficients(
    cells: CellLoadings, weights: TermWeights, columns: Index, t: int
) -> tuple[Array, Array | None]:
    """Return the coefficients of some cluster sums in one period, kept and held, both (R, M).

    Parameters
    ----------
    cells : CellLoadings
    weights : TermWeights
    columns : (M,) int array
        Columns of the cluster sums: all that have a weight in the period.
    t : int
    """
    place = np.full(cells.moment.shape[1], -1)
    place[columns] = np.arange(len(columns))
    used = np.flatnonzero(weights.used_in[t][cells.term])
    collect = np.zeros((len(used), len(columns)))
    collect[np.arange(len(used)), place[cells.column[used]]] = 1.0
    term = cells.term[used]
    kept = (cells.coef[:, used] * weights.kept[:, t, term][weights.kind]) @ collect
    if weights.held is None:
        return kept, None
    held = weights.held[:, t, term] @ (cells.coef[0, used, None] * collect)
    return kept, held[weights.kind]


def _full_loadings(cells: CellLoadings, weights: TermWeights) -> Array:
    """Return the loadings of the estimate, (C, T)."""
    used = np.flatnonzero(weights.used[cells.term])
    products = cells.coef[0, used] * cells.moment[:, cells.column[used]]
    return np.asarray(products @ weights.full[:, cells.term[used]].T)


def _by_terms(
    cells: CellLoadings, weights: TermWeights, kept: Array, held: Array
) -> tuple[Array, Array]:
    """Let the columns be the coefficients of terms: (R, q) and (q, C, T)."""
    used = np.flatnonzero(weights.used[cells.term])
    term = cells.term[used]
    replicate = kept[weights.kind][:, term] * cells.coef[:, used]
    basis = replicate + (held[weights.kind][:, term] - 1.0) * cells.coef[0, used]
    moment = cells.moment[:, cells.column[used]]
    return basis, moment.T[:, :, None] * weights.full[:, term].T[:, None, :]


def _by_sums(
    cells: CellLoadings, weights: TermWeights, columns: list[Index]
) -> tuple[Array, Array]:
    """Let the columns be those of cluster sums in all periods, compressed: (R, q) and (q, C, T)."""
    full, parts = _full_coefficients(cells, weights), []
    for t, found in enumerate(columns):
        kept, held = coefficients(cells, weights, found, t)
        parts.append((kept if held is None else kept + held) - full[t, found])
    basis = np.concatenate(parts, axis=1)
    size = np.concatenate([np.linalg.norm(cells.moment[:, found], axis=0) for found in columns])
    basis, mix = _compressed(basis, np.where(size > 0, size, 1.0))
    sums = np.empty((basis.shape[1], len(cells.moment), len(columns)))
    start = 0
    for t, found in enumerate(columns):
        sums[:, :, t] = mix[:, start : start + len(found)] @ cells.moment[:, found].T
        start += len(found)
    return basis, sums


def _full_coefficients(cells: CellLoadings, weights: TermWeights) -> Array:
    """Return the full sample's coefficients of cluster sums, (T, M)."""
    out = np.zeros((len(weights.full), cells.moment.shape[1]))
    np.add.at(out.T, cells.column, (weights.full[:, cells.term] * cells.coef[0]).T)
    return out


def _compressed(columns: Array, size: Array) -> tuple[Array, Array]:
    """Return few columns B and a matrix M with B M equal to the columns, of given sizes."""
    if columns.shape[1] <= _FEW:
        return columns, np.eye(columns.shape[1])
    left, values, right = np.linalg.svd(columns * size, full_matrices=False)
    kept = values > _NOTHING * values.max(initial=0.0)
    return left[:, kept] * values[kept], right[kept] / size
