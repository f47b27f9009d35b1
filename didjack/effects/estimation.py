"""One estimation of the group-time cells: all that inference needs to estimate them again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.arguments import require_name
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.effects.ledger import make_ledger
from didjack.effects.options import Options
from didjack.effects.parameters import Parameter
from didjack.errors import DesignError
from didjack.estimators.estimates import Estimates, full_sample
from didjack.sample import checks
from didjack.sample.cells import Cells, enumerate_cells
from didjack.sample.covariates import evaluate_covariates
from didjack.sample.dates import code_dates
from didjack.sample.frames import as_frame
from didjack.sample.panel import Panel, Roles, code_data


@dataclass(frozen=True, eq=False)
class Estimation:
    """The cells of a coded sample and their estimates; m cells, n units.

    Attributes
    ----------
    panel : Panel
        The coded data.
    cells : Cells
        Which comparison each cell makes.
    estimates : Estimates
        The full sample on the replicate axis (R = 1).
    options : Options
        How the cells are formed and estimated.
    """

    panel: Panel = field(repr=False)
    cells: Cells = field(repr=False)
    estimates: Estimates = field(repr=False)
    options: Options

    @property
    def att(self) -> Array:
        """ATT(g,t), shape (m,); NaN where a cell cannot be estimated."""
        return self.estimates.att[0]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The cells as parameters."""
        pairs = zip(self.cells.group, self.cells.period, strict=True)
        return tuple(Parameter("att", pair, self.cells.frequency) for pair in pairs)

    @property
    def n(self) -> int:
        """Number of units; of rows in repeated cross-sections."""
        return self.panel.n_units

    @property
    def beyond_unit(self) -> str | None:
        """The variable in clustervars other than the unit, if any.

        In repeated cross-sections a row is a unit, and ``idname`` a cluster like any other.
        """
        roles = self.panel.roles
        unit = roles.idname if roles.panel else None
        return next((c for c in roles.clustervars if c != unit), None)

    def influence(self) -> Array:
        """Compute the influence functions, (n, m), on R `did`'s scale: Var = mean square / n."""
        return self.options.estimator.influence(self.panel, self.cells, self.estimates)

    def unit_clusters(self, name: str | None) -> Index | None:
        """Return the cluster code of each unit, (n,); None for no name and for the unit itself.

        Parameters
        ----------
        name : str or None
            Column of the data.
        """
        require_name(cluster=name)
        if name is None or (name == self.panel.roles.idname and self.panel.roles.panel):
            return None
        return self.clusters(name).code[self.panel.unit_rows]

    def clusters(self, name: str) -> Clusters:
        """Code a column of the data as clusters of the retained rows.

        Parameters
        ----------
        name : str
            Column of the data.

        Raises
        ------
        DataError
            No such column, missing values, or values that change within a unit.
        """
        panel = self.panel
        checks.require_columns(panel.source, {"cluster": name})
        values = panel.source[name]
        codes, labels = checks.factorize(values.take(panel.rows))
        missing = np.zeros(len(values), dtype=bool)
        missing[panel.rows[codes < 0]] = True
        checks.refuse(
            panel.source,
            name,
            missing,
            "(cluster) has missing values",
            "Fill them, or drop these rows.",
        )
        if panel.roles.panel:
            checks.refuse_pairs(
                panel.source,
                panel.rows,
                (np.diff(codes) != 0) & (np.diff(panel.unit) == 0),
                f"Column '{name}' (cluster) changes within a unit of '{panel.roles.idname}'",
                "A cluster variable must be constant within unit.",
            )
        return Clusters(name, labels, codes)

    def replicates(self, clusters: Clusters) -> Estimates:
        """Estimate all cells in the full sample and without each cluster, in one pass.

        Parameters
        ----------
        clusters : Clusters
            From `clusters`.
        """
        return self.options.estimator.estimate(self.panel, self.cells, clusters, self.estimates)

    def refit(self, keep: Mask) -> Estimation:
        """Estimate again on some rows of the user's frame, from validation on.

        The formula is evaluated over all rows: knots and levels stay those of the full sample.

        Parameters
        ----------
        keep : (len(source),) bool array
        """
        source, roles = self.panel.source, self.panel.roles
        covariates = evaluate_covariates(source, roles.xformla).among(keep)
        panel = code_data(source[keep], roles, covariates)
        return _estimate(panel, self.options)

    def on_frame(self, data: pd.DataFrame) -> Estimation:
        """Estimate on another frame with the same arguments of `att_gt`.

        Parameters
        ----------
        data : DataFrame
            With the columns of the user's frame.
        """
        return estimate_frame(data, self.panel.roles, self.options)

    @property
    def facts(self) -> dict[str, Any]:
        """Sizes, estimator and controls, under the names of coefficient tables."""
        return {
            "N": len(self.panel.rows),
            "n_units": self.n if self.panel.roles.panel else None,
            "est_method": self.options.est_method,
            "control_group": self.options.control_group,
        }

    def on_coded(self, panel: Panel, clusters: Clusters) -> tuple[Estimation, Estimates]:
        """Estimate coded data with the same periods and cohorts, and without each cluster.

        Parameters
        ----------
        panel : Panel
        clusters : Clusters
            None of whose deletions changes more than the weights of the rows.

        Returns
        -------
        Estimation
        Estimates
            R = C + 1 replicates, the full sample first.

        Raises
        ------
        DesignError
            A cell cannot be estimated and options.separation is "error".
        """
        replicates = self.options.estimator.estimate(panel, self.cells, clusters, None)
        estimation = Estimation(panel, self.cells, full_sample(replicates), self.options)
        if self.options.separation == "error":
            _refuse_separation(estimation)
        return estimation, replicates

    def glance(self) -> pd.DataFrame:
        """One row on the whole estimation."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_groups": [len(self.panel.treated)],
                "n_periods": [len(self.panel.times)],
                "n_cells": [len(self.cells)],
                "n_estimable": [int(np.isfinite(self.att).sum())],
                "est_method": [self.options.est_method],
                "control_group": [self.options.control_group],
                "base_period": [self.options.base_period],
            }
        )


def estimate_frame(data: pd.DataFrame, roles: Roles, options: Options) -> Estimation:
    """Code a frame and estimate its cells.

    Parameters
    ----------
    data : DataFrame
        Long data, as `didjack.sample.frames.as_frame` takes them.
    roles : Roles
        What the columns are. Without a frequency dates are coded first; with one they are already.
    options : Options

    Raises
    ------
    DataError
        The data cannot be used as they are.
    DesignError
        Nothing is left to compare, or a cell cannot be estimated and options.separation is
        "error".
    """
    if not roles.frequency:
        data = as_frame(data)
        checks.require_columns(data, {"tname": roles.tname, "gname": roles.gname})
        data, frequency = code_dates(data, roles.tname, roles.gname)
        roles = replace(roles, frequency=frequency)
    estimation = _estimate(code_data(data, roles), options)
    if options.separation == "error":
        _refuse_separation(estimation)
    return estimation


def _estimate(panel: Panel, options: Options) -> Estimation:
    cells = enumerate_cells(panel, options.control_group, options.base_period)
    estimates = options.estimator.estimate(panel, cells, None, None)
    return Estimation(panel, cells, estimates, options)


def _refuse_separation(estimation: Estimation) -> None:
    ledger = make_ledger(estimation.panel, estimation.cells, estimation.estimates)
    bad = ledger[ledger["kind"].isin(["separation", "cell"])]
    if len(bad):
        listed = "; ".join(f"{row.what}: {row.reason}" for row in bad.head(5).itertuples())
        raise DesignError(
            f"{len(bad)} cells cannot be estimated as specified: {listed}"
            + ("; ..." if len(bad) > 5 else "")
            + ". Leave out the covariates named, merge their levels, or choose "
            "separation='drop' or 'csdid'."
        )
