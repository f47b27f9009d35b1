"""Loadings of the cells under all deletions of a cluster variable, those that are refits included.

A refit has cells and clusters of its own. Its loadings take the place of one replicate: terms of
which only that replicate has a coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.core.moments import Clusters
from didjack.effects.estimation import Estimation
from didjack.estimators.estimates import Estimates
from didjack.estimators.loading_terms import CellLoadings


def loadings_with_refits(
    estimation: Estimation,
    clusters: Clusters,
    estimates: Estimates,
    refits: Mapping[int, Estimation | None],
) -> CellLoadings:
    """Find the loadings of every cell in all replicates.

    Parameters
    ----------
    estimation : Estimation
    clusters : Clusters
    estimates : Estimates
        Of all replicates.
    refits : mapping of int to Estimation or None
        As in `Deletions`.

    Raises
    ------
    DesignError
        There are too many clusters; see `didjack.estimators.loadings.cell_loadings`.
    """
    found = estimation.options.loadings(estimation.panel, estimation.cells, clusters, estimates)
    kept = np.ones(len(clusters) + 1)
    kept[[h + 1 for h in refits]] = 0.0
    coef, whole = [found.coef * kept[:, None]], dict(found.whole)
    for j, matrix in whole.items():
        whole[j] = matrix * kept[:, None]
    moment, time, base = [found.moment], [found.at_time], [found.at_base]
    for h, refit in refits.items():
        if refit is not None:
            sums, at_time, at_base = _terms_of(refit, estimation, clusters)
            only = np.zeros((len(kept), sums.shape[1]))
            only[h + 1] = 1.0
            coef.append(only)
            moment.append(sums)
            time.append(at_time)
            base.append(at_base)
    n_new = sum(part.shape[1] for part in coef[1:])
    return CellLoadings(
        coef=np.concatenate(coef, axis=1),
        moment=np.concatenate(moment, axis=1),
        column=_extended(found.column, found.moment.shape[1], n_new),
        term=_extended(found.term, found.at_time.shape[1], n_new),
        whole=whole,
        at_time=np.concatenate(time, axis=1),
        at_base=np.concatenate(base, axis=1),
    )


def _extended(codes: Index, first: int, n_new: int) -> Index:
    return np.concatenate([codes, first + np.arange(n_new)])


def _terms_of(
    refit: Estimation, estimation: Estimation, clusters: Clusters
) -> tuple[Array, Array, Array]:
    """Return loadings of the terms of a refit (C, J), and the full sample's cells that use them."""
    own = refit.clusters(clusters.name)
    found = refit.options.loadings(refit.panel, refit.cells, own, refit.replicates(own))
    terms = found.terms_of(0)
    sums = np.zeros((len(clusters), terms.shape[1]))
    sums[clusters.labels.get_indexer(own.labels)] = terms
    cell = {name: i for i, name in enumerate(estimation.parameters)}
    at_time, at_base = np.zeros((2, len(estimation.cells), terms.shape[1]))
    for i, name in enumerate(refit.parameters):
        if name in cell and np.isfinite(refit.att[i]):
            at_time[cell[name]] = found.at_time[i]
            at_base[cell[name]] = found.at_base[i]
    return sums, at_time, at_base
