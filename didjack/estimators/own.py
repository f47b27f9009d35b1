"""Estimators of one's own (`est_method=function`): a function of the rows of one comparison.

As in R `did`, whose `est_method` takes functions with the arguments of R `DRDID`, the function is
given the outcomes of a cell, who is treated, the covariates and the weights, all by name:

    panel             f(y1, y0, D, covariates, i_weights)
    cross-sections    f(y, post, D, covariates, i_weights)

It returns the estimate and its influence function, on DRDID's scale: mean zero over the n rows of
the comparison, and a variance of the estimate of mean square / n. Nothing is known of the function,
so that each deletion calls it again without the rows of a cluster.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.errors import DataError, DesignError
from didjack.estimators.estimates import Estimates, left_out_columns, presence
from didjack.estimators.samples import compared_rows
from didjack.estimators.wide import Wide
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel

OwnFunction = Callable[..., Any]
PANEL = ("y1", "y0", "D", "covariates", "i_weights")
ROWS = ("y", "post", "D", "covariates", "i_weights")
ATT = ("att", "ATT")
INFLUENCE = ("influence", "att_inf_func", "att.inf.func")


@dataclass(frozen=True, eq=False)
class ComparedCell:
    """The rows of one cell; n rows, k covariates with the intercept, as in the data.

    Attributes
    ----------
    cell : int
    rows : (n,) int array
        Units of a panel, rows of cross-sections.
    outcomes : pair of (n,) arrays
        Panel: outcomes of the period and of the base period. Cross-sections: the outcome, and
        one for rows of the period.
    treated : (n,) array
        One in the cohort, zero among its controls.
    covariates : (n, k) array
    weights : (n,) array
    cluster : (n,) int array or None
    is_panel : bool
    where : str
        Names the cell in errors.
    """

    cell: int
    rows: Index
    outcomes: tuple[Array, Array]
    treated: Array = field(repr=False)
    covariates: Array = field(repr=False)
    weights: Array = field(repr=False)
    cluster: Index | None
    is_panel: bool
    where: str

    def arguments(self, keep: Mask, columns: Mask, outcomes: tuple[Array, Array]) -> dict[str, Any]:
        """Return copies of the arguments of the function.

        Parameters
        ----------
        keep : (n,) bool array
        columns : (k,) bool array
        outcomes : pair of (n,) arrays
        """
        values = (
            *(y[keep] for y in outcomes),
            self.treated[keep],
            self.covariates[np.ix_(keep, columns)],
            self.weights[keep],
        )
        return dict(zip(PANEL if self.is_panel else ROWS, values, strict=True))


def name_of(function: OwnFunction) -> str:
    """Return the name of a function; that of the function behind a `functools.partial`.

    Parameters
    ----------
    function : callable
    """
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def estimate(
    panel: Panel,
    cells: Cells,
    clusters: Clusters | None,
    start: Estimates | None = None,
    left_out: Mask | None = None,
    *,
    function: OwnFunction,
) -> Estimates:
    """Estimate every cell in the full sample and without each cluster.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
    start : Estimates, optional
        Of the full sample; not used.
    left_out : (R, k) bool array, optional
        Covariates without a coefficient in a replicate, where the panel is part of another.
    function : callable

    Returns
    -------
    Estimates
        With R = C + 1 replicates, the full sample first; R = 1 without clusters.

    Raises
    ------
    DataError
        The function has other arguments.
    DesignError
        The function raises an error, or returns something else; the cell is named.
    """
    _check_arguments(function, panel.is_panel)
    left_out = left_out_columns(panel, clusters) if left_out is None else left_out
    present = presence(panel, cells, clusters)
    blank = np.zeros(present.treated.shape)
    none = np.full(len(cells), -1)
    usable = present.estimates(blank, {}, cells, left_out, fault=none).status == Status.OK
    att = np.full(blank.shape, np.nan)
    for compared in compared_cells(panel, cells, clusters):
        c = compared.cell
        for r in np.flatnonzero(usable[:, c]).tolist():
            gone = None if r == 0 or compared.cluster is None else compared.cluster == r - 1
            if gone is not None and not gone.any() and not left_out[r].any() and usable[0, c]:
                att[r, c] = att[0, c]  # the same rows as in the full sample
                continue
            without = "" if clusters is None or r == 0 else _without(clusters, r - 1)
            keep = np.ones(len(compared.rows), dtype=bool) if gone is None else ~gone
            found = _call(function, compared, keep, ~left_out[r], compared.outcomes, without)
            att[r, c] = _att(found, function, compared.where + without)
    return present.estimates(att, {}, cells, left_out, fault=none)


def influence(panel: Panel, cells: Cells, estimates: Estimates, *, function: OwnFunction) -> Array:
    """Influence functions of the cells, (n, m) over units or rows; see `reg_influence.influence`.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    estimates : Estimates
        Of the full sample; the columns of cells without an estimate stay zero.
    function : callable
    """
    n = panel.n_units if panel.is_panel else len(panel.rows)
    out = np.zeros((n, len(cells)), order="F")
    for compared in compared_cells(panel, cells, None):
        c, size = compared.cell, len(compared.rows)
        if estimates.status[0, c] != Status.OK:
            continue
        every = np.ones(size, dtype=bool)
        found = _call(function, compared, every, ~estimates.left_out[0], compared.outcomes)
        psi = _influence(found, function, size, compared.where)
        out[compared.rows, c] = panel.n_units / size * psi
    return out


def compared_cells(panel: Panel, cells: Cells, clusters: Clusters | None) -> Iterator[ComparedCell]:
    """Go through the cells but base periods, in the groups that share their rows.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    clusters : Clusters or None
    """
    wide = Wide.of(panel) if panel.is_panel else None
    for compared in compared_rows(panel, cells, clusters, merge=False):
        sample = compared.sample
        covariates = panel.design.as_given(sample.X)
        for j, c in enumerate(compared.cells.tolist()):
            if wide is not None:
                time, base = wide.y[cells.time[c]], wide.y[cells.base[c]]
                outcomes = (time[compared.rows], base[compared.rows])
            else:
                assert compared.late is not None
                outcomes = (compared.y[:, j], compared.late.astype(np.float64))
            g, t = (panel.roles.period_text(v) for v in (cells.group[c], cells.period[c]))
            yield ComparedCell(
                cell=c,
                rows=compared.rows,
                outcomes=outcomes,
                treated=sample.d.astype(np.float64),
                covariates=covariates,
                weights=sample.w,
                cluster=sample.cluster,
                is_panel=panel.is_panel,
                where=f"ATT({g}, {t})",
            )


def estimate_with(
    function: OwnFunction, compared: ComparedCell, outcomes: tuple[Array, Array]
) -> float:
    """Return the estimate of a cell with other outcomes, from all of its rows.

    Parameters
    ----------
    function : callable
    compared : ComparedCell
    outcomes : pair of (n,) arrays
    """
    every = np.ones(len(compared.rows), dtype=bool)
    columns = np.ones(compared.covariates.shape[1], dtype=bool)
    found = _call(function, compared, every, columns, outcomes)
    return _att(found, function, compared.where)


def _without(clusters: Clusters, h: int) -> str:
    return f" without {clusters.name} {clusters.labels[h]}"


def _check_arguments(function: OwnFunction, is_panel: bool) -> None:
    """Refuse a function that cannot be called with the arguments by name."""
    names = PANEL if is_panel else ROWS
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some functions in C; the call itself will tell
        return
    try:
        signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        data = "panels" if is_panel else "repeated cross-sections and levels of unbalanced panels"
        raise DataError(
            f"est_method: the function '{name_of(function)}' must take the arguments "
            f"{', '.join(names)} by name for {data} ({error})."
        ) from error


def _call(
    function: OwnFunction,
    compared: ComparedCell,
    keep: Mask,
    columns: Mask,
    outcomes: tuple[Array, Array],
    without: str = "",
) -> Any:
    try:
        return function(**compared.arguments(keep, columns, outcomes))
    except Exception as error:
        raise DesignError(
            f"The function '{name_of(function)}' failed at {compared.where}{without}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _part(found: Any, names: tuple[str, ...], place: int) -> Any:
    """Read an entry of a mapping, an attribute, or a place in a plain tuple; None if missing."""
    if isinstance(found, Mapping):
        return next((found[name] for name in names if name in found), None)
    by_name = next((getattr(found, name) for name in names if hasattr(found, name)), None)
    if by_name is None and isinstance(found, tuple) and len(found) == 2:
        return found[place]
    return by_name


def _att(found: Any, function: OwnFunction, where: str) -> float:
    value = _number_array(_part(found, ATT, 0))
    if value is None or value.size != 1 or not np.isfinite(value).all():
        raise DesignError(
            f"The function '{name_of(function)}' must return a finite number as estimate "
            f"('att', or the first of two values), and does not at {where}."
        )
    return float(value.reshape(()))


def _influence(found: Any, function: OwnFunction, size: int, where: str) -> Array:
    value = _number_array(_part(found, INFLUENCE, 1))
    if value is None or value.size != size or not np.isfinite(value).all():
        raise DesignError(
            f"The function '{name_of(function)}' must return {size:,} finite numbers as influence "
            f"function ('influence', or the second of two values), one for each row, and does not "
            f"at {where}."
        )
    return value.reshape(size)


def _number_array(value: Any) -> Array | None:
    try:
        return None if value is None else np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
