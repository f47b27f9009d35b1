"""`att_gt`: group-time average treatment effects, with everything that inference needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.core.analytic import standard_errors
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import tidy_frame
from didjack.core.views import Shown, view
from didjack.errors import DataError, DesignError
from didjack.estimators import METHODS, Estimator, estimator
from didjack.estimators.estimates import Estimates
from didjack.sample import checks
from didjack.sample.cells import REASONS, Cells, Status, enumerate_cells
from didjack.sample.panel import Panel, Roles, code_data

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONTROL_GROUPS = ("nevertreated", "notyettreated")
BASE_PERIODS = ("varying", "universal")
SEPARATION = ("drop", "csdid", "error")


@dataclass(frozen=True)
class Options:
    """How the cells are formed and estimated."""

    est_method: str
    control_group: str
    base_period: str
    separation: str

    @property
    def estimator(self) -> Estimator:
        """The functions that estimate with these options."""
        rule = "csdid" if self.separation == "csdid" else "drop"
        return estimator(self.est_method, rule)


@dataclass(frozen=True, eq=False)
class ATTgt(Shown):
    """Group-time average treatment effects; m cells, n units.

    Attributes
    ----------
    panel : Panel
        The coded data.
    cells : Cells
        Which comparison each cell makes.
    estimates : Estimates
        The full sample on the replicate axis (R = 1).
    options : Options
        est_method, control_group, base_period and separation, as given to `att_gt`.
    cache : dict
        Deletions already computed, by cluster variable.
    """

    panel: Panel = field(repr=False)
    cells: Cells = field(repr=False)
    estimates: Estimates = field(repr=False)
    options: Options
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def att(self) -> Array:
        """ATT(g,t), shape (m,); NaN where a cell cannot be estimated."""
        return self.estimates.att[0]

    @property
    def attgt(self) -> ATTgt:
        """Itself: group-time effects can be jackknifed like their aggregations."""
        return self

    @property
    def values(self) -> Array:
        """The same as `att`."""
        return self.att

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the cells: "ATT(2006,2008)" for g = 2006, t = 2008."""
        pairs = zip(self.cells.group, self.cells.period, strict=True)
        return tuple(f"ATT({g:g},{t:g})" for g, t in pairs)

    def evaluate(self, estimates: Estimates) -> Array:
        """Return the cells of every replicate, (R, m).

        Parameters
        ----------
        estimates : Estimates
            Of R replicates.
        """
        return estimates.att.copy()

    def linear(self, att: Array) -> Array:
        """Return the cells as they are, (R, m).

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        return att.copy()

    def again(self, res: ATTgt) -> ATTgt:
        """Return other group-time effects as they are.

        Parameters
        ----------
        res : ATTgt
        """
        return res

    @property
    def n(self) -> int:
        """Number of units; of rows in repeated cross-sections."""
        return self.panel.n_units

    @property
    def groups(self) -> Array:
        """The treated cohorts with cells, ascending."""
        return self.panel.cohorts[self.panel.treated]

    @property
    def times(self) -> Array:
        """The periods of the sample, ascending."""
        return self.panel.times

    @property
    def estimable(self) -> Mask:
        """Which cells have an estimate, base periods included, shape (m,)."""
        return np.isfinite(self.att)

    @cached_property
    def influence(self) -> Array:
        """Influence functions, (n, m), on R `did`'s scale: Var(ATT) = mean square / n."""
        return self.options.estimator.influence(self.panel, self.cells, self.estimates)

    @cached_property
    def se(self) -> Array:
        """Analytic standard errors, (m,): by `clustervars` if given, else by unit.

        NaN for base periods, whose effect is zero by construction.
        """
        return standard_errors(self.influence, self.unit_clusters(self.beyond_unit))

    @property
    def beyond_unit(self) -> str | None:
        """The variable in clustervars other than the unit, if any.

        In repeated cross-sections a row is a unit, and ``idname`` a cluster like any other.
        """
        roles = self.panel.roles
        unit = roles.idname if roles.panel else None
        return next((c for c in roles.clustervars if c != unit), None)

    def unit_clusters(self, name: str | None) -> Index | None:
        """Return the cluster code of each unit, (n,); None for no name and for the unit itself.

        Parameters
        ----------
        name : str or None
            Column of the data.
        """
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

    def refit(self, keep: Mask) -> ATTgt:
        """Estimate again on some rows of the user's frame, from validation on.

        Parameters
        ----------
        keep : (len(source),) bool array
        """
        panel = code_data(self.panel.source[keep], self.panel.roles)
        return _estimate(panel, self.options)

    def on_frame(self, data: pd.DataFrame) -> ATTgt:
        """Estimate on another frame with the same arguments of `att_gt`.

        Parameters
        ----------
        data : DataFrame
            With the columns of the user's frame.
        """
        return _fit(data, self.panel.roles, self.options)

    def to_frame(self) -> pd.DataFrame:
        """One row per cell: labels, estimate, standard error, sizes and status."""
        cells, estimates = self.cells, self.estimates
        status = estimates.status[0]
        return pd.DataFrame(
            {
                "group": _integers(cells.group),
                "time": _integers(cells.period),
                "event_time": _integers(cells.event_time),
                "post": cells.post,
                "base": _integers(cells.base_period),
                "att": self.att,
                "se": self.se,
                "n_treated": estimates.n_treated,
                "n_control": estimates.n_control,
                "status": [Status(s).name.lower() for s in status],
                "reason": [REASONS[Status(s)] for s in status],
            }
        )

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """What was left out and why: rows, units, cohorts, periods, covariates and cells.

        Columns: kind, what, group, time, count, reason. `count` is in rows, for units in units.
        """
        drops = [(d.kind, d.what, np.nan, np.nan, d.count, d.reason) for d in self.panel.drops]
        for c in range(len(self.cells)):
            entry = self._cell_entry(c)
            if entry is not None:
                drops.append(entry)
        columns = ["kind", "what", "group", "time", "count", "reason"]
        return pd.DataFrame(drops, columns=columns).astype({"group": "float", "time": "float"})

    def _cell_entry(self, c: int) -> tuple[str, str, float, float, int, str] | None:
        """Return the ledger's line on a cell that was left out or separated."""
        estimates = self.estimates
        g, t = float(self.cells.group[c]), float(self.cells.period[c])
        size = int(estimates.n_treated[c] + estimates.n_control[c])
        fault = int(estimates.fault[c])
        covariate = self.panel.design.names[fault] if fault > 0 else ""
        if not self.estimable[c]:
            reason = REASONS[Status(estimates.status[0, c])]
            reason += f": {covariate}" if covariate else ""
            return ("cell", f"ATT({g:g},{t:g})", g, t, size, reason)
        if estimates.separated[0, c]:
            reason = f"{covariate} separates some controls from all treated: no weight for them"
            return ("separation", f"ATT({g:g},{t:g})", g, t, size, reason)
        return None

    def summary(self) -> str:
        """Return a short text for people."""
        o, panel = self.options, self.panel
        what = "units" if panel.is_panel else "rows (repeated cross-sections)"
        lines = [
            f"Group-time effects: {int(self.estimable.sum())} of {len(self.cells)} cells, "
            f"{len(self.groups)} cohorts, {len(self.times)} periods, {self.n} {what}",
            f"Method {o.est_method}, controls {o.control_group}, base period {o.base_period}",
        ]
        if len(self.ledger):
            lines.append(f"Left out: {len(self.ledger)} entries, see .ledger")
        return "\n".join([*lines, "", self.to_frame().to_string(index=False)])

    def tidy(self) -> pd.DataFrame:
        """Return the cells under broom's names: term, estimate, std_error, statistic, p_value."""
        return tidy_frame(self.parameters, self.att, self.se)

    def glance(self) -> pd.DataFrame:
        """One row on the whole estimation."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_groups": [len(self.groups)],
                "n_periods": [len(self.times)],
                "n_cells": [len(self.cells)],
                "n_estimable": [int(self.estimable.sum())],
                "est_method": [self.options.est_method],
                "control_group": [self.options.control_group],
                "base_period": [self.options.base_period],
            }
        )

    def plot(self, ax: Axes | None = None, level: float = 0.95) -> Figure:
        """Draw the effects by cohort with pointwise intervals (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        level : float
            Coverage of the intervals.
        """
        return view("plot", self, ax=ax, level=level)


def att_gt(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    idname: str | None = None,
    *,
    xformla: str | None = None,
    est_method: str = "dr",
    control_group: str = "nevertreated",
    base_period: str = "varying",
    anticipation: int = 0,
    weightsname: str | None = None,
    clustervars: str | Sequence[str] | None = None,
    panel: bool | None = None,
    allow_unbalanced_panel: bool = False,
    separation: str = "drop",
) -> ATTgt:
    """Estimate group-time average treatment effects (Callaway and Sant'Anna, 2021).

    Argument names follow R `did`.

    Parameters
    ----------
    data : DataFrame
        Long data, one row per unit and period, or per observation in repeated cross-sections.
        Not modified.
    yname, tname, gname : str
        Outcome, period, and first treated period (0, NaN or inf: never treated).
    idname : str, optional
        Unit. Without it the rows are repeated cross-sections.
    xformla : str, optional
        Covariates as a formula, for example "~ x1 + np.log(x2) + C(x3)". In panels they are
        taken from the earlier of the two periods of each comparison.
    est_method : {"dr", "ipw", "reg", "drimp"}
        Doubly robust (locally efficient in repeated cross-sections), inverse probability
        weighting, outcome regression; "drimp" is doubly robust with inverse probability tilting
        and weighted outcome regression (Sant'Anna and Zhao 2020). Without covariates all agree.
    control_group : {"nevertreated", "notyettreated"}
        Compare a cohort with units that are never treated, or also with those not yet treated.
    base_period : {"varying", "universal"}
        Pre-treatment cells: compare with the period before, or with the last before treatment.
    anticipation : int
        Periods before treatment in which effects may begin: base periods move back by as many,
        and cohorts without a period before that are left out.
    weightsname : str, optional
        Sampling weights, positive.
    clustervars : str or sequence of str, optional
        Cluster variable of the standard errors and of the jackknife; the unit if not given.
    panel : bool, optional
        False: repeated cross-sections even if idname is given. The default is True with
        idname and False without.
    allow_unbalanced_panel : bool
        False: units not observed in every period are left out and counted. True: they are kept,
        and an unbalanced panel is estimated like repeated cross-sections, as R `did` does.
    separation : {"drop", "csdid", "error"}
        For "dr", "ipw" and "drimp", where no treated row of a comparison has some value of a
        covariate, so that the logit sets the controls with that value apart. "drop": these
        controls get no weight (the limit of the logit), and in repeated cross-sections "dr" and
        "drimp" drop the cell, whose regression among the treated is collinear, as R `did` does.
        "csdid": Stata csdid's rule; it omits the collinear column, and averages the recentered
        influence function of "dr" over the rows that its logit kept. "error": stop. Whatever
        the rule, the ledger names the cells and the covariate.

    Returns
    -------
    ATTgt

    Raises
    ------
    DataError
        The data cannot be used as they are; the message names column, rows and remedy.
    DesignError
        The data leave nothing to compare.
    """
    _check_choice("control_group", control_group, CONTROL_GROUPS)
    _check_choice("base_period", base_period, BASE_PERIODS)
    _check_choice("separation", separation, SEPARATION)
    _check_choice("est_method", est_method, METHODS)
    if (
        isinstance(anticipation, bool)
        or not isinstance(anticipation, (int, np.integer))
        or anticipation < 0
    ):
        raise DataError(
            f"anticipation must be a whole number of periods, 0 or more, not {anticipation!r}."
        )
    roles = Roles(
        yname=yname,
        tname=tname,
        gname=gname,
        idname=idname,
        clustervars=_cluster_names(clustervars, idname),
        xformla=xformla,
        weightsname=weightsname,
        panel=idname is not None if panel is None else panel,
        allow_unbalanced_panel=allow_unbalanced_panel,
        anticipation=anticipation,
        control_group=control_group,
    )
    return _fit(data, roles, Options(est_method, control_group, base_period, separation))


def _fit(data: pd.DataFrame, roles: Roles, options: Options) -> ATTgt:
    res = _estimate(code_data(data, roles), options)
    if options.separation == "error":
        _refuse_separation(res)
    return res


def _estimate(panel: Panel, options: Options) -> ATTgt:
    cells = enumerate_cells(panel, options.control_group, options.base_period)
    estimates = options.estimator.estimate(panel, cells, None, None)
    return ATTgt(panel, cells, estimates, options)


def _refuse_separation(res: ATTgt) -> None:
    bad = res.ledger[res.ledger["kind"].isin(["separation", "cell"])]
    if len(bad):
        listed = "; ".join(f"{row.what}: {row.reason}" for row in bad.head(5).itertuples())
        raise DesignError(
            f"{len(bad)} cells cannot be estimated as specified: {listed}"
            + ("; ..." if len(bad) > 5 else "")
            + ". Leave out the covariates named, merge their levels, or choose "
            "separation='drop' or 'csdid'."
        )


def _check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        listed = " or ".join(f"'{c}'" for c in choices)
        raise DataError(f"{argument} must be {listed}, not {value!r}.")


def _cluster_names(clustervars: str | Sequence[str] | None, idname: str | None) -> tuple[str, ...]:
    if clustervars is None:
        return ()
    names = (clustervars,) if isinstance(clustervars, str) else tuple(clustervars)
    if len([c for c in names if c != idname]) > 1:
        raise DataError(
            f"clustervars names {len(names)} variables; at most one beyond idname is possible. "
            "Pass the coarser one, or a column that combines them."
        )
    return names


def _integers(values: Array) -> pd.Series:
    """Show whole periods as integers."""
    series = pd.Series(values)
    return series.astype("int64") if np.all(values == np.round(values)) else series
