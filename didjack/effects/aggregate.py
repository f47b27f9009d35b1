"""`aggte`: averages of ATT(g,t), by the same code for the full sample and for every replicate."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.core.announce import announce
from didjack.core.arguments import is_one_of, require_instance, require_numbers, shown
from didjack.core.linalg import Array, Mask
from didjack.core.results import Inference
from didjack.core.screen import Bounds, count_text, estimate_lines, remarks, screen_table
from didjack.core.views import view
from didjack.effects.attgt import ATTgt
from didjack.effects.average_types import AverageType
from didjack.effects.averages import (
    Elements,
    Rule,
    aggregate,
    form_elements,
    linearize,
    weight_influence,
)
from didjack.effects.estimation import Estimation
from didjack.effects.from_influence import FromInfluence
from didjack.effects.parameters import Parameter
from didjack.effects.programs import program_of
from didjack.effects.remarks import note_on_cells, note_on_left_out, notes_on_treated
from didjack.effects.target import analytic
from didjack.errors import DataError, DesignError
from didjack.estimators.estimates import Estimates
from didjack.sample.cautions import alarms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEIGHTS = ("did", "csdid")


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate(FromInfluence):
    """An aggregation of group-time effects; K elements.

    Attributes
    ----------
    attgt : ATTgt
        The group-time effects.
    elements : Elements
        Which cells enter each average, and how they count.
    values : (1 + K,) array
        Overall effect, then the elements; (1,) for `simple`.
    """

    attgt: ATTgt = field(repr=False)
    elements: Elements = field(repr=False)
    values: Array

    @property
    def estimation(self) -> Estimation:
        """The estimation of the group-time effects."""
        return self.attgt.estimation

    @property
    def type(self) -> str:
        """Simple, dynamic, group or calendar."""
        return self.elements.rule.type.value

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters: "overall", then "event:0", "group:2006", "calendar:2007"."""
        return self.elements.parameters

    @property
    def att(self) -> float:
        """The overall effect."""
        return float(self.values[0])

    @property
    def labels(self) -> Array:
        """Event times, cohorts or periods of the elements, (K,); empty for `simple`.

        Dates are codes; `frequency` says of what.
        """
        return self.elements.labels[: len(self.atts)]

    @property
    def frequency(self) -> str:
        """Frequency of the dates that `labels` are codes of; empty for numbers and event times."""
        return self.elements.frequency

    @property
    def atts(self) -> Array:
        """Effects of the elements, (K,)."""
        return self.values[1:]

    def evaluate(self, estimates: Estimates) -> Array:
        """Aggregate every replicate, (R, 1 + K), over the cells that it has.

        These can be more than the full sample's: without a cluster that sets controls and
        treated apart a cell can have an estimate, and a refit would use it.

        Parameters
        ----------
        estimates : Estimates
            Of R replicates.
        """
        estimable = np.asarray(np.isfinite(estimates.att).any(axis=0))
        elements = _form(self.estimation, estimable, self.elements.rule)
        values = aggregate(elements, estimates, self.estimation.cells)
        # Row 0 is the full sample: all of its elements are among these, in ascending order.
        return values[:, [0, *(1 + np.searchsorted(elements.labels, self.labels))]]

    def evaluate_fixed(self, att: Array) -> Array:
        """Average cells (R, m) with the weights of the full sample, (R, 1 + K).

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        used = self.elements.used
        lin = linearize(self.elements, self.estimation.estimates, self.estimation.cells)
        return att[:, used] @ lin.cell[used]

    def estimate_again(self, estimation: Estimation) -> Aggregate:
        """Average other group-time effects by the same rule.

        Parameters
        ----------
        estimation : Estimation
        """
        return aggregate_by(ATTgt(estimation), self.elements.rule)

    @cached_property
    def influence(self) -> Array:
        """Influence functions of all parameters, (n, 1 + K), estimated weights included."""
        res, elements = self.attgt, self.elements
        lin = linearize(elements, res.estimates, res.cells)
        psi = res.influence[:, elements.used] @ lin.cell[elements.used]
        return psi + res.n * weight_influence(
            elements, res.panel, res.cells, lin.gap, res.options.fix_weights
        )

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
        """Analytic inference, clustered if clustervars was given."""
        return self.analytic(self.attgt.beyond_unit)

    @property
    def se(self) -> float:
        """Analytic standard error of the overall effect, clustered if clustervars was given."""
        return float(self.inference.se[0])

    @property
    def ses(self) -> Array:
        """Analytic standard errors of the elements, (K,)."""
        return self.inference.se[1:]

    def to_frame(self, bands: bool = False) -> pd.DataFrame:
        """One row per parameter, the overall effect first.

        Parameters
        ----------
        bands : bool
            True: with band_low and band_high, the limits of the simultaneous band.
        """
        return super().to_frame(bands).drop(columns=["df", "n_clusters"])

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.estimation.panel.roles.yname

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and controls, for coefficient tables."""
        return self.estimation.facts

    @property
    def _cluster_of_errors(self) -> str | None:
        return self.attgt.beyond_unit

    def glance(self) -> pd.DataFrame:
        """One row on the whole aggregation."""
        return self.estimation.glance().assign(type=self.type, att=self.att, se=self.se)

    @cached_property
    def left_out(self) -> list[str]:
        """A sentence on the cells that would enter if they could be estimated; empty for none."""
        every = np.ones(len(self.estimation.cells), dtype=bool)
        wanted = _form(self.estimation, every, self.elements.rule).used
        return note_on_left_out(self.estimation, wanted, self.type)

    @property
    def sample_warnings(self) -> list[str]:
        """Sentences on many units left out, a constant outcome, cells that do not enter."""
        return alarms(self.estimation.panel) + self.left_out

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return self.sample_warnings + notes_on_treated(self, self.attgt.beyond_unit)

    @property
    def notes(self) -> list[str]:
        """Sentences on the average, and on the sample."""
        of_cells = self.attgt.warnings  # said here of the average
        return self.warnings + [note for note in self.attgt.notes if note not in of_cells]

    @property
    def title(self) -> str:
        """What it is, such as "dynamic average"."""
        return f"{self.type} average"

    def headline(self) -> list[str]:
        """Return the overall effect with its analytic interval, and the clusters behind it."""
        i = self.inference
        cluster = self.attgt.beyond_unit
        noun = "unit" if self.estimation.panel.roles.panel else "row"
        by = noun if cluster is None else cluster
        counts = f"{count_text(i.n_clusters, 'cluster' if cluster else noun)}"
        assert i.n_treated_clusters is not None  # influence functions have them
        bounds = Bounds(i.reference, float(i.ci_low[0]), float(i.ci_high[0]), float(i.p[0]))
        return [
            f"{self.title.capitalize()} of {int(self.elements.used.sum())} group-time effects, "
            f"influence functions by {by}",
            *estimate_lines(self.att, self.se, [bounds]),
            f"  {counts}, {i.n_treated_clusters[0]:,} treated; "
            f"{count_text(len(self.parameters), 'parameter')}",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        table = screen_table(self.to_frame())
        said = remarks(self.warnings, self.notes)
        return "\n".join([f"Aggregation: {self.type}", "", table, *([""] if said else []), *said])

    def plot(self, ax: Axes | None = None, level: float = 0.95, **options: Any) -> Figure:
        """Draw the elements with pointwise intervals (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        level : float
            Coverage of the intervals.
        **options
            Title, colour, window or order: those of `didjack.display.plots.plot_aggregate`.
        """
        return view("plot", self, ax=ax, level=level, **options)


def aggte(
    res: ATTgt,
    type: str = "simple",
    *,
    min_e: float | None = None,
    max_e: float | None = None,
    balance_e: float | None = None,
    weights: str | None = None,
    na_rm: bool = True,
) -> Aggregate:
    """Average group-time effects (Callaway and Sant'Anna, 2021, section 3 and table 1).

    Estimates, influence functions and arguments are those of R's `did::aggte`.

    Parameters
    ----------
    res : ATTgt
    type : {"simple", "dynamic", "group", "calendar"}
        "simple": all post-treatment cells by cohort size (eq. 3.10). "dynamic": by time since
        treatment (eq. 3.4); the overall effect is the mean over event times >= 0. "group": by
        cohort (eq. 3.7); the overall effect weights cohorts by size (eq. 3.11). "calendar": by
        period (eq. 3.8); the overall effect is the mean over periods (eq. 3.12).
    min_e, max_e : float, optional
        First and last event time used; min_e only for "dynamic", max_e not for "calendar".
    balance_e : float, optional
        For "dynamic": keep the cohorts observed for at least this many periods after treatment,
        and as many event times for each (eq. 3.6).
    weights : {"did", "csdid"}, optional
        "did", the default unless `like` of `att_gt` says otherwise: cells count by the share of
        their cohort in the sample (R `did`). "csdid": by the treated observations of each cell,
        also within cohorts, whose own weight in the overall effect is the mean over their cells
        and counts as fixed (Stata `csdid`). They differ in repeated cross-sections and unbalanced
        panels.
    na_rm : bool
        Whether cells that cannot be estimated are left out of the average, with a warning. False
        refuses them wherever they are, as R's aggte does by default.

    Returns
    -------
    Aggregate

    Warns
    -----
    DidjackWarning
        Cells are left out of the average.

    Raises
    ------
    DataError
        An argument is unknown, or does not apply to this type.
    DesignError
        No cell is left to average, or with na_rm=False one cannot be estimated.
    """
    average = average_of(
        res, type, min_e=min_e, max_e=max_e, balance_e=balance_e, weights=weights, na_rm=na_rm
    )
    announce(average.left_out)
    return average


def average_of(
    res: ATTgt,
    type: str,
    *,
    min_e: float | None = None,
    max_e: float | None = None,
    balance_e: float | None = None,
    weights: str | None = None,
    na_rm: bool = True,
) -> Aggregate:
    """Average group-time effects without a warning: `aggte` for what says it elsewhere.

    Parameters
    ----------
    res : ATTgt
    type, min_e, max_e, balance_e, weights, na_rm
        As in `aggte`.
    """
    require_instance(res, "res", ATTgt, "the result of att_gt")
    chosen = AverageType.of(type)
    if weights is None:
        program = program_of(res.options)
        weights = "did" if program is None else program.arguments["weights"]
    if not is_one_of(weights, WEIGHTS):
        raise DataError(f"weights must be 'did' or 'csdid', not {shown(weights)}.")
    require_numbers(optional=True, min_e=min_e, max_e=max_e, balance_e=balance_e)
    _refuse_unused(chosen, min_e=min_e, max_e=max_e, balance_e=balance_e)
    if not isinstance(na_rm, (bool, np.bool_)):
        raise DataError(f"na_rm must be True or False, not {na_rm!r}.")
    if not na_rm and not res.estimable.all():
        raise DesignError(
            f"{' '.join(note_on_cells(res.estimation))} na_rm=True leaves them out of the average; "
            ".ledger of the att_gt result names them."
        )
    rule = Rule(
        chosen,
        -np.inf if min_e is None else float(min_e),
        np.inf if max_e is None else float(max_e),
        None if balance_e is None else float(balance_e),
        weights,
    )
    return aggregate_by(res, rule)


def aggregate_by(res: ATTgt, rule: Rule) -> Aggregate:
    """Apply a rule to group-time effects; `aggte` with its arguments already checked.

    Parameters
    ----------
    res : ATTgt
    rule : Rule

    Raises
    ------
    DesignError
        No cell is left to average.
    """
    elements = _form(res.estimation, res.estimable, rule)
    if not elements.member.any():
        raise DesignError(
            f"No cell is left for type='{rule.type}'"
            + (" in the window of event times asked for. Widen min_e, max_e or balance_e."
               if res.estimable.any() else ": no ATT(g,t) can be estimated; see .ledger.")
        )  # fmt: skip
    values = aggregate(elements, res.estimates, res.cells)
    return Aggregate(res, elements, values[0])


def _form(estimation: Estimation, estimable: Mask, rule: Rule) -> Elements:
    cells = estimation.cells
    first, last = estimation.panel.times[0], cells.period.max()
    return form_elements(cells, estimable, rule, first, last)


def _refuse_unused(type: AverageType, **given: float | None) -> None:
    for name, value in given.items():
        if value is not None and name not in type.arguments:
            raise DataError(f"{name} does not apply to type='{type}'. Leave it out.")
