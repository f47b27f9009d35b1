"""Loadings of an estimator of one's own: its estimates of outcomes that are one in one cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.moments import Clusters
from didjack.errors import DesignError
from didjack.estimators.loading_terms import TermList
from didjack.estimators.own import (
    OwnFunction,
    compared_cells,
    estimate,
    estimate_with,
    name_of,
)
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel

NONLINEAR = 1e-8  # share of the size of the estimates by which that of a sum may differ


def own_terms(
    panel: Panel,
    cells: Cells,
    clusters: Clusters,
    left_out: Mask,
    function: OwnFunction,
    out: TermList,
) -> None:
    """Add the terms of all cells: two calls for each cell, replicate and cluster in the cell.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.
    function : callable
    out : TermList

    Raises
    ------
    DesignError
        The function is not linear in outcomes, or does not say that it is.
    """
    refuse_nonlinear(panel, cells, function)
    for c in np.flatnonzero(~cells.is_base).tolist():
        cell = _only(cells, c)
        for key, t in (("time", int(cells.time[c])), ("base", int(cells.base[c]))):
            found = np.zeros((len(clusters) + 1, len(clusters)))
            for h in range(len(clusters)):
                rows = (clusters.code == h) & (panel.time == t)
                if rows.any():
                    found[:, h] = _moved(panel, cell, clusters, left_out, function, rows)
            j = out.matrix((c, key), found)
            out.use(c, j, **{key: 1.0})


def refuse_nonlinear(panel: Panel, cells: Cells, function: OwnFunction) -> None:
    """Refuse a function that does not say that it is linear in outcomes, or that is not.

    In every cell with an estimate, that of 2y - 3z must be twice that of y less three times that
    of z, with z drawn.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    function : callable

    Raises
    ------
    DesignError
        It is not linear, or does not say so.
    """
    name = name_of(function)
    if getattr(function, "linear", False) is not True:
        raise DesignError(
            "Exact critical values need an estimator that is linear in outcomes, and the function "
            f"'{name}' does not say so. If it is, set {name}.linear = True; else use critical='t'."
        )
    usable = estimate(panel, cells, None, function=function).status[0] == Status.OK
    rng = np.random.default_rng(20)
    for compared in compared_cells(panel, cells, None):
        if not usable[compared.cell]:
            continue
        y, other = compared.outcomes
        size = np.abs(y).max(initial=0.0)
        z, drawn = size * rng.normal(size=(2, len(y)))
        of_y, of_z, of_sum = (
            estimate_with(function, compared, (first, second if compared.is_panel else other))
            for first, second in ((y, other), (z, drawn), (2 * y - 3 * z, 2 * other - 3 * drawn))
        )
        size = max(abs(2 * of_y), abs(3 * of_z), size)
        if abs(of_sum - (2 * of_y - 3 * of_z)) > NONLINEAR * size:
            raise DesignError(
                f"The function '{name}' says that it is linear in outcomes, and is not "
                f"({compared.where}): its estimate of 2y - 3z is not twice that of y less three "
                "times that of z. There are no exact critical values; use critical='t'."
            )


def _moved(
    panel: Panel,
    cell: Cells,
    clusters: Clusters,
    left_out: Mask,
    function: OwnFunction,
    rows: Mask,
) -> Array:
    """Return what the estimate of a cell is if outcomes are one in some rows, (R,)."""
    shocked = replace(panel, y=rows.astype(np.float64))
    return estimate(shocked, cell, clusters, None, left_out, function=function).att[:, 0]


def _only(cells: Cells, c: int) -> Cells:
    """Return one cell."""
    names = ("cohort", "time", "base", "control_set", "group", "period", "base_period")
    return replace(cells, **{name: getattr(cells, name)[c : c + 1] for name in names})
