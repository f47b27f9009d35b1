"""The result of `att_gt`: group-time average treatment effects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.core.analytic import standard_errors
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference, with_bands
from didjack.core.screen import count_text, number_writer, remarks, screen_table
from didjack.core.views import view
from didjack.effects.deletions import Deletions, cluster_variable, delete_clusters
from didjack.effects.estimation import Estimation
from didjack.effects.from_influence import FromInfluence
from didjack.effects.ledger import make_ledger
from didjack.effects.options import Options
from didjack.effects.parameters import Parameter
from didjack.effects.programs import notes_on_program
from didjack.effects.remarks import note_on_cells, notes_on_treated
from didjack.effects.target import analytic, count_treated
from didjack.estimators.estimates import Estimates
from didjack.estimators.parts import notes_on_parts
from didjack.sample.cautions import alarms, cautions
from didjack.sample.cells import REASONS, Cells, Status
from didjack.sample.panel import Panel
from didjack.sample.periods import period_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_VARIATION = "no standard error: nothing varies within treated and controls beyond rounding"


@dataclass(frozen=True, eq=False, repr=False)
class ATTgt(FromInfluence):
    """Group-time average treatment effects; m cells, n units.

    Attributes
    ----------
    estimation : Estimation
        The coded data, the cells, their estimates, and how they were estimated.
    """

    estimation: Estimation

    @property
    def panel(self) -> Panel:
        """The coded data."""
        return self.estimation.panel

    @property
    def cells(self) -> Cells:
        """Which comparison each cell makes."""
        return self.estimation.cells

    @property
    def estimates(self) -> Estimates:
        """The full sample on the replicate axis (R = 1)."""
        return self.estimation.estimates

    @property
    def options(self) -> Options:
        """The arguments est_method, control_group, base_period and separation of `att_gt`."""
        return self.estimation.options

    @property
    def att(self) -> Array:
        """ATT(g,t), shape (m,); NaN where a cell cannot be estimated."""
        return self.estimation.att

    @property
    def values(self) -> Array:
        """Estimates of the parameters, which are the cells: `att`, (m,)."""
        return self.att

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The cells as parameters: "ATT(2006,2008)" for g = 2006, t = 2008."""
        return self.estimation.parameters

    def evaluate(self, estimates: Estimates) -> Array:
        """Return the cells of every replicate, (R, m).

        Parameters
        ----------
        estimates : Estimates
            Of R replicates.
        """
        return estimates.att.copy()

    def evaluate_fixed(self, att: Array) -> Array:
        """Return cells as they are, (R, m): there are no weights.

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        return att.copy()

    def estimate_again(self, estimation: Estimation) -> ATTgt:
        """Return the group-time effects of another estimation.

        Parameters
        ----------
        estimation : Estimation
        """
        return ATTgt(estimation)

    @property
    def n(self) -> int:
        """Number of units; of rows in repeated cross-sections."""
        return self.estimation.n

    @property
    def groups(self) -> Array:
        """The treated cohorts with cells, ascending; dates are codes, see `frequency`."""
        return self.panel.cohorts[self.panel.treated]

    @property
    def times(self) -> Array:
        """The periods of the sample, ascending; dates are codes, see `frequency`."""
        return self.panel.times

    @property
    def frequency(self) -> str:
        """Frequency of dates as pandas writes it, such as "Q-DEC"; empty for numbers."""
        return self.panel.roles.frequency

    @property
    def estimable(self) -> Mask:
        """Which cells have an estimate, base periods included, shape (m,)."""
        return np.isfinite(self.att)

    @cached_property
    def influence(self) -> Array:
        """Influence functions, (n, m), on R `did`'s scale: Var(ATT) = mean square / n."""
        return self.estimation.influence()

    @cached_property
    def se(self) -> Array:
        """Analytic standard errors, (m,): by `clustervars` if given, else by unit.

        NaN for base periods, whose effect is zero by construction, and where nothing varies
        beyond rounding.
        """
        code = self.unit_clusters(self.beyond_unit)
        return standard_errors(self.influence, code, self.panel.outcome_scale)

    def analytic(self, cluster: str | None = None, level: float = 0.95) -> Inference:
        """Inference from influence functions with normal critical values.

        Parameters
        ----------
        cluster : str, optional
            Cluster variable; None: every unit is its own cluster.
        level : float
            Coverage of the intervals.
        """
        return analytic(self, cluster, level)

    @cached_property
    def inference(self) -> Inference:
        """Analytic inference, by `clustervars` if given, else by unit."""
        return self.analytic(self.beyond_unit)

    @property
    def beyond_unit(self) -> str | None:
        """The variable in clustervars other than the unit, if any.

        In repeated cross-sections a row is a unit, and ``idname`` a cluster like any other.
        """
        return self.estimation.beyond_unit

    def unit_clusters(self, name: str | None) -> Index | None:
        """Return the cluster code of each unit, (n,); None for no name and for the unit itself.

        Parameters
        ----------
        name : str or None
            Column of the data.
        """
        return self.estimation.unit_clusters(name)

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
        return self.estimation.clusters(name)

    def deletions(self, cluster: str | None = None) -> Deletions:
        """Estimate all cells without each cluster, in one pass over the data.

        Every call makes a pass. Keep the result and hand it to `jackknife` where several
        averages of the same effects are jackknifed by the same clusters.

        Parameters
        ----------
        cluster : str, optional
            Cluster variable; the default is clustervars, else idname.

        Raises
        ------
        DataError
            The column cannot be used as cluster variable.
        DesignError
            There is one cluster only, or one holds all never-treated controls.
        """
        return delete_clusters(self.estimation, cluster_variable(self.estimation, cluster))

    def to_frame(self, bands: bool = False) -> pd.DataFrame:
        """One row per cell: labels, estimate, standard error, sizes, status, treated clusters.

        Cohorts and periods are integers where they are whole, and periods of pandas where the
        data have dates.

        Parameters
        ----------
        bands : bool
            True: with band_low and band_high, the limits of the simultaneous band.
        """
        cells, estimates = self.cells, self.estimates
        status = estimates.status[0]
        reasons = [REASONS[Status(s)] for s in status]
        for c in np.flatnonzero((status == Status.OK) & np.isnan(self.se)):
            reasons[c] = NO_VARIATION
        frame = pd.DataFrame(
            {
                "group": period_values(cells.group, self.frequency),
                "time": period_values(cells.period, self.frequency),
                "event_time": period_values(cells.event_time),
                "post": cells.post,
                "base": period_values(cells.base_period, self.frequency),
                "att": self.att,
                "se": self.se,
                "n_treated": estimates.n_treated,
                "n_control": estimates.n_control,
                "status": [Status(s).name.lower() for s in status],
                "reason": reasons,
                "n_treated_clusters": count_treated(self, self.beyond_unit),
            }
        )
        return with_bands(frame, self) if bands else frame

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """What was left out and why: rows, units, cohorts, periods, covariates and cells.

        Columns: kind, what, group, time, count, reason. `count` is in rows, for units in units.
        """
        return make_ledger(self.panel, self.cells, self.estimates)

    @cached_property
    def notes(self) -> list[str]:
        """Sentences on the sample: what was left out or counted as something else, and why.

        Also units that leave some comparisons, and what may not be meant: a constant outcome,
        weights that change within units, small cohorts, and a column that looks like a forgotten
        ``idname``; cells that cannot be estimated, p-values that rest on few treated clusters; and
        whose defaults were taken.
        """
        panel, fixed = self.panel, self.options.fix_weights
        found = [drop.note for drop in panel.drops] + cautions(panel, fixed)
        found += notes_on_parts(panel, self.cells, fixed)
        found += notes_on_program(self.options, panel.roles)
        if self.options.function is not None:
            found.append(
                f"est_method is the function '{self.options.est_method}': every comparison, and "
                "every deletion of the jackknife, calls it."
            )
        return list(dict.fromkeys([*found, *self.warnings]))

    @cached_property
    def sample_warnings(self) -> list[str]:
        """Sentences on many units left out, a constant outcome, cells without an estimate."""
        return alarms(self.panel) + note_on_cells(self.estimation)

    @cached_property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return self.sample_warnings + notes_on_treated(self, self.beyond_unit)

    @property
    def title(self) -> str:
        """What it is: "group-time effects"."""
        return "group-time effects"

    def headline(self) -> list[str]:
        """Return sample, arguments, the range of the effects and the treated clusters."""
        o, panel = self.options, self.panel
        post = self.att[self.cells.post & self.estimable]
        write = number_writer(post, signed=True)
        low, high = (post.min(), post.max()) if len(post) else (np.nan, np.nan)
        cluster = self.beyond_unit
        noun = "unit" if panel.roles.panel else "row"
        lines = [
            f"Group-time effects: {int(self.estimable.sum())} of {len(self.cells)} cells, "
            f"{len(self.groups)} cohorts, {len(self.times)} periods, {count_text(self.n, noun)}",
            f"  {o.est_method}, controls {o.control_group}, base period {o.base_period}",
            f"  {len(post)} effects after treatment, from {write(low)} to {write(high)}",
        ]
        if cluster is not None:
            clusters = self.clusters(cluster)
            treated = np.unique(clusters.code[np.isin(panel.cohort, panel.treated)])
            lines.append(f"  {len(clusters):,} clusters of {cluster}, {len(treated):,} treated")
        return lines

    def summary(self) -> str:
        """Return a short text for people."""
        o, panel = self.options, self.panel
        noun = "units" if panel.roles.panel else "rows (repeated cross-sections)"
        noun += " (unbalanced panel)" if panel.is_unbalanced else ""
        lines = [
            f"Group-time effects: {int(self.estimable.sum())} of {len(self.cells)} cells, "
            f"{len(self.groups)} cohorts, {len(self.times)} periods, {self.n} {noun}",
            f"Method {o.est_method}, controls {o.control_group}, base period {o.base_period}",
        ]
        if len(self.ledger):
            lines.append(f"Left out: {len(self.ledger)} entries, see .ledger")
        lines += view("pretest", self)
        table = screen_table(self.to_frame())
        return "\n".join([*lines, *remarks(self.warnings, self.notes), "", table])

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.estimation.panel.roles.yname

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and controls, for coefficient tables."""
        return self.estimation.facts

    @property
    def _cluster_of_errors(self) -> str | None:
        return self.beyond_unit

    def glance(self) -> pd.DataFrame:
        """One row on the whole estimation."""
        return self.estimation.glance()

    def plot(self, ax: Axes | None = None, level: float = 0.95, **options: Any) -> Figure:
        """Draw the effects by cohort with pointwise intervals (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        level : float
            Coverage of the intervals.
        **options
            Title, colour, window or order: those of `didjack.display.plots.plot_attgt`.
        """
        return view("plot", self, ax=ax, level=level, **options)
