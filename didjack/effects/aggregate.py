"""`aggte`: averages of ATT(g,t), by the same code for the full sample and for every replicate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.analytic import standard_errors
from didjack.core.linalg import Array, Mask
from didjack.core.results import Inference
from didjack.core.views import Shown, view
from didjack.effects.attgt import ATTgt
from didjack.effects.averages import Plan, Rule, aggregate, linearize, make_plan, weight_influence
from didjack.errors import DataError, DesignError
from didjack.estimators.estimates import Estimates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TYPES = ("simple", "dynamic", "group", "calendar")
WEIGHTS = ("did", "csdid")


@dataclass(frozen=True, eq=False)
class Aggregate(Shown):
    """An aggregation of group-time effects; K elements.

    Attributes
    ----------
    attgt : ATTgt
        The group-time effects.
    plan : Plan
        Which cells enter each average, and how they count.
    values : (1 + K,) array
        Overall effect, then the elements; (1,) for `simple`.
    """

    attgt: ATTgt = field(repr=False)
    plan: Plan = field(repr=False)
    values: Array

    @property
    def type(self) -> str:
        """Simple, dynamic, group or calendar."""
        return self.plan.rule.type

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters: "overall", then "event:0", "group:2006", "calendar:2007"."""
        return self.plan.parameters

    @property
    def att(self) -> float:
        """The overall effect."""
        return float(self.values[0])

    @property
    def labels(self) -> Array:
        """Event times, cohorts or periods of the elements, (K,); empty for `simple`."""
        return self.plan.labels[: len(self.atts)]

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
        plan = _plan_of(self.attgt, estimable, self.plan.rule)
        position = {name: i for i, name in enumerate(plan.parameters)}
        values = aggregate(plan, estimates, self.attgt.cells)
        return values[:, [position[name] for name in self.parameters]]

    def linear(self, att: Array) -> Array:
        """Aggregate cells (R, m) with the weights of the full sample, (R, 1 + K).

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        lin = linearize(self.plan, self.attgt.estimates, self.attgt.cells)
        return att[:, self.plan.used] @ lin.cell[self.plan.used]

    def again(self, res: ATTgt) -> Aggregate:
        """Aggregate other group-time effects by the same rule.

        Parameters
        ----------
        res : ATTgt
        """
        return aggregate_by(res, self.plan.rule)

    @cached_property
    def influence(self) -> Array:
        """Influence functions of all parameters, (n, 1 + K), estimated weights included."""
        res, plan = self.attgt, self.plan
        lin = linearize(plan, res.estimates, res.cells)
        psi = res.influence[:, plan.used] @ lin.cell[plan.used]
        return psi + res.n * weight_influence(plan, res.panel, res.cells, lin.gap)

    def analytic(self, cluster: str | None = None, level: float = 0.95) -> Inference:
        """Inference from influence functions with normal critical values.

        Parameters
        ----------
        cluster : str, optional
            Cluster variable; None: every unit is its own cluster.
        level : float
            Coverage of the intervals.
        """
        code = self.attgt.unit_clusters(cluster)
        return Inference(
            method="analytic" if code is None else "clustered",
            parameters=self.parameters,
            att=self.values,
            se=standard_errors(self.influence, code),
            df=np.full(len(self.values), np.inf),
            n_clusters=self.attgt.n if code is None else int(code.max()) + 1,
            level=level,
        )

    @cached_property
    def _default(self) -> Inference:
        return self.analytic(self.attgt.beyond_unit)

    @property
    def se(self) -> float:
        """Analytic standard error of the overall effect, clustered if clustervars was given."""
        return float(self._default.se[0])

    @property
    def ses(self) -> Array:
        """Analytic standard errors of the elements, (K,)."""
        return self._default.se[1:]

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter, the overall effect first."""
        return self._default.to_frame().drop(columns=["df", "n_clusters"])

    def tidy(self) -> pd.DataFrame:
        """Return the parameters under broom's names."""
        return self._default.tidy()

    def glance(self) -> pd.DataFrame:
        """One row on the whole aggregation."""
        return self.attgt.glance().assign(type=self.type, att=self.att, se=self.se)

    def summary(self) -> str:
        """Return a short text for people."""
        return f"Aggregation: {self.type}\n\n{self.to_frame().to_string(index=False)}"

    def plot(self, ax: Axes | None = None, level: float = 0.95) -> Figure:
        """Draw the elements with pointwise intervals (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        level : float
            Coverage of the intervals.
        """
        return view("plot", self, ax=ax, level=level)


@dataclass(frozen=True, eq=False)
class Joint:
    """Several aggregations of the same cells, for one covariance over all their parameters.

    The overall effects are named after their aggregation: "simple", "dynamic", ...

    Attributes
    ----------
    parts : tuple of Aggregate
        Of the same `att_gt` result, each type once.
    """

    parts: tuple[Aggregate, ...]

    @classmethod
    def of(cls, parts: Sequence[Aggregate]) -> Joint:
        """Check that the parts belong together.

        Parameters
        ----------
        parts : sequence of Aggregate
            Of the same `att_gt` result, each type once.
        """
        parts = tuple(parts)
        if not parts or not all(isinstance(part, Aggregate) for part in parts):
            raise DataError("Give aggregations from aggte, or the result of att_gt.")
        if any(part.attgt is not parts[0].attgt for part in parts):
            raise DataError("The aggregations must come from the same att_gt result.")
        if len({part.type for part in parts}) < len(parts):
            raise DataError("Give each type of aggregation once.")
        return cls(parts)

    @property
    def attgt(self) -> ATTgt:
        """The group-time effects behind all parts."""
        return self.parts[0].attgt

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return tuple(n for part in self.parts for n in (part.type, *part.parameters[1:]))

    @property
    def values(self) -> Array:
        """All estimates."""
        return np.concatenate([part.values for part in self.parts])

    @cached_property
    def influence(self) -> Array:
        """Influence functions of all parameters."""
        return np.column_stack([part.influence for part in self.parts])

    def evaluate(self, estimates: Estimates) -> Array:
        """Aggregate every replicate.

        Parameters
        ----------
        estimates : Estimates
            Of R replicates.
        """
        return np.column_stack([part.evaluate(estimates) for part in self.parts])

    def linear(self, att: Array) -> Array:
        """Aggregate cells with the weights of the full sample.

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        return np.column_stack([part.linear(att) for part in self.parts])

    def again(self, res: ATTgt) -> Joint:
        """Aggregate other group-time effects by the same rules.

        Parameters
        ----------
        res : ATTgt
        """
        return Joint(tuple(part.again(res) for part in self.parts))


def aggte(
    res: ATTgt,
    type: str = "simple",
    *,
    min_e: float | None = None,
    max_e: float | None = None,
    balance_e: float | None = None,
    weights: str = "did",
) -> Aggregate:
    """Average group-time effects (Callaway and Sant'Anna, 2021, section 3).

    Parameters
    ----------
    res : ATTgt
    type : {"simple", "dynamic", "group", "calendar"}
        "simple": all post-treatment cells by cohort size. "dynamic": by time since treatment;
        the overall effect is the mean over event times >= 0. "group": by cohort; the overall
        effect weights cohorts by size. "calendar": by period; the overall effect is the mean
        over periods.
    min_e, max_e : float, optional
        First and last event time used; min_e only for "dynamic", max_e not for "calendar".
    balance_e : float, optional
        For "dynamic": keep the cohorts observed for at least this many periods after treatment,
        and as many event times for each.
    weights : {"did", "csdid"}
        "did": cells count by the share of their cohort in the sample (R `did`). "csdid": by the
        treated observations of each cell, also within cohorts, whose own weight in the overall
        effect is the mean over their cells and counts as fixed (Stata `csdid`). They differ in
        repeated cross-sections and unbalanced panels.

    Returns
    -------
    Aggregate

    Raises
    ------
    DataError
        An argument is unknown, or does not apply to this type.
    DesignError
        No cell is left to average.
    """
    if type not in TYPES:
        raise DataError(f"type must be one of {', '.join(TYPES)}, not {type!r}.")
    if weights not in WEIGHTS:
        raise DataError(f"weights must be 'did' or 'csdid', not {weights!r}.")
    _refuse_unused(type, min_e=min_e, max_e=max_e, balance_e=balance_e)
    rule = Rule(
        type,
        -np.inf if min_e is None else float(min_e),
        np.inf if max_e is None else float(max_e),
        None if balance_e is None else float(balance_e),
        weights,
    )
    return aggregate_by(res, rule)


def _plan_of(res: ATTgt, estimable: Mask, rule: Rule) -> Plan:
    return make_plan(res.cells, estimable, rule, res.times[0], res.cells.period.max())


def aggregate_by(res: ATTgt, rule: Rule) -> Aggregate:
    """Apply a rule to group-time effects; `aggte` with its arguments already checked."""
    plan = _plan_of(res, res.estimable, rule)
    if not plan.member.any():
        raise DesignError(
            f"No cell is left for type='{rule.type}'"
            + (" in the window of event times asked for. Widen min_e, max_e or balance_e."
               if res.estimable.any() else ": no ATT(g,t) can be estimated; see .ledger.")
        )  # fmt: skip
    values = aggregate(plan, res.estimates, res.cells)
    return Aggregate(res, plan, values[0])


def _refuse_unused(type: str, **given: float | None) -> None:
    used = {"simple": ["max_e"], "group": ["max_e"], "calendar": [],
            "dynamic": ["min_e", "max_e", "balance_e"]}[type]  # fmt: skip
    for name, value in given.items():
        if value is not None and name not in used:
            raise DataError(f"{name} does not apply to type='{type}'. Leave it out.")
