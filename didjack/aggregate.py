"""`aggte`: averages of ATT(g,t), by the same code for the full sample and for every replicate."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from didjack.attgt import ATTgt
from didjack.cells import Cells
from didjack.errors import DataError, DesignError
from didjack.inference.analytic import standard_errors
from didjack.inference.results import Inference
from didjack.linalg import Array, Mask

TYPES = ("simple", "dynamic", "group", "calendar")
PREFIX = {"dynamic": "event", "group": "group", "calendar": "calendar", "simple": ""}


@dataclass(frozen=True)
class Rule:
    """Which average is asked for (arguments of R `aggte`)."""

    type: str = "simple"
    min_e: float = -np.inf
    max_e: float = np.inf
    balance_e: float | None = None


@dataclass(frozen=True)
class Plan:
    """Which cells make up which element of an aggregation; K elements, m cells.

    Attributes
    ----------
    rule : Rule
    labels : (K,) array
        Event times, cohorts or periods; one nameless element for `simple`.
    member : (K, m) bool array
    in_overall : (K,) bool array
        The elements that the overall effect averages.
    by_cohort : bool
        Whether cells count by the size of their cohort within an element, or equally.
    overall_by_cohort : bool
        Whether elements count by the size of their cohort in the overall effect, or equally.
    """

    rule: Rule
    labels: Array
    member: Mask
    in_overall: Mask
    by_cohort: bool
    overall_by_cohort: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, the overall effect first."""
        if self.rule.type == "simple":
            return ("overall",)
        prefix = PREFIX[self.rule.type]
        return ("overall", *(f"{prefix}:{label:g}" for label in self.labels))


def make_plan(cells: Cells, estimable: Mask, rule: Rule, first: float, last: float) -> Plan:
    """Assign the estimable cells to elements.

    Parameters
    ----------
    cells : Cells
    estimable : (m,) bool array
    rule : Rule
    first, last : float
        First and last period of the sample, which `balance_e` needs.

    Returns
    -------
    Plan
    """
    event_time = cells.event_time
    post = estimable & cells.post & (event_time <= rule.max_e)
    if rule.type == "simple":
        return Plan(rule, np.zeros(1), post[None, :], np.ones(1, dtype=bool), True, False)
    if rule.type == "group":
        labels = np.unique(cells.group[post])
        member = post & (cells.group == labels[:, None])
        return Plan(rule, labels, member, np.ones(len(labels), dtype=bool), False, True)
    if rule.type == "calendar":
        labels = np.unique(cells.period[post])
        member = post & (cells.period == labels[:, None])
        return Plan(rule, labels, member, np.ones(len(labels), dtype=bool), True, False)
    used = estimable & (event_time >= rule.min_e) & (event_time <= rule.max_e)
    if rule.balance_e is not None:
        used &= last - cells.group >= rule.balance_e
        used &= (event_time <= rule.balance_e) & (event_time >= rule.balance_e - last + first)
    labels = np.unique(event_time[used])
    return Plan(rule, labels, used & (event_time == labels[:, None]), labels >= 0, True, False)


def aggregate(plan: Plan, att: Array, cohort_weight: Array, cells: Cells) -> Array:
    """Average the cells of every replicate.

    Cells that a replicate does not have are left out and the weights of the others rescaled,
    as a refit without the cluster would do.

    Parameters
    ----------
    plan : Plan
    att : (R, m) array
    cohort_weight : (R, Q) array
    cells : Cells

    Returns
    -------
    (R, 1 + K) array
        Overall effect first; (R, 1) for `simple`. NaN where nothing is left.
    """
    there = np.isfinite(att)
    weight = cohort_weight[:, cells.cohort] if plan.by_cohort else np.ones_like(att)
    weight = np.where(there, weight, 0.0)
    value = np.where(there, att, 0.0)
    member = plan.member.T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        elements = ((weight * value) @ member) / (weight @ member)
        if plan.rule.type == "simple":
            return elements
        share = _element_weight(plan, cohort_weight, cells)
        share = np.where(np.isfinite(elements) & plan.in_overall, share, 0.0)
        total = (share * np.where(np.isfinite(elements), elements, 0.0)).sum(axis=1)
        overall = total / share.sum(axis=1)
    return np.column_stack([overall, elements])


def _element_weight(plan: Plan, cohort_weight: Array, cells: Cells) -> Array:
    """Weight of each element in the overall effect, (R, K)."""
    if not plan.overall_by_cohort:
        return np.ones((len(cohort_weight), len(plan.labels)))
    return cohort_weight[:, cells.cohort[plan.member.argmax(axis=1)]]


@dataclass(frozen=True)
class Linearization:
    """First-order form of an aggregation: influence = IF @ cell + w * cohort[cohort of unit].

    Attributes
    ----------
    cell : (m, P) array
        Weight of each cell in each parameter.
    cohort : (Q, P) array
        Effect of a unit on the estimated cohort weights, by its cohort.
    """

    cell: Array
    cohort: Array


def linearize(plan: Plan, att: Array, cohort_share: Array, cells: Cells) -> Linearization:
    """Derive the influence of cells and of cohort sizes on every parameter.

    With weights p_k / sum p_l estimated from the sample, a unit of cohort q moves the average
    theta through its cohort's size by the sum of (ATT_k - theta) over the cells k of q, divided
    by sum p_l (the `wif` term of R `did`).

    Parameters
    ----------
    plan : Plan
    att : (m,) array
        Estimates; those of cells in no element may be NaN.
    cohort_share : (Q,) array
        Mean over all units of weight times cohort indicator.
    cells : Cells

    Returns
    -------
    Linearization
    """
    m, Q, K = len(cells), len(cohort_share), len(plan.labels)
    value = np.where(plan.member.any(axis=0), att, 0.0)
    raw = plan.member * (cohort_share[cells.cohort] if plan.by_cohort else np.ones(m))
    size = raw.sum(axis=1)
    cell = (raw / size[:, None]).T  # (m, K)
    theta = value @ cell
    cohort = np.zeros((Q, K))
    if plan.by_cohort:
        gap = plan.member * (value - theta[:, None]) / size[:, None]
        np.add.at(cohort, cells.cohort, gap.T)
    if plan.rule.type == "simple":
        return Linearization(cell, cohort)
    share = _element_weight(plan, cohort_share[None, :], cells)[0] * plan.in_overall
    overall = share / share.sum() if share.any() else np.full(K, np.nan)
    overall_cohort = cohort @ overall
    if plan.overall_by_cohort:
        gap = (theta - theta @ overall) / share.sum()
        np.add.at(overall_cohort, cells.cohort[plan.member.argmax(axis=1)], gap)
    return Linearization(
        np.column_stack([cell @ overall, cell]), np.column_stack([overall_cohort, cohort])
    )


@dataclass(frozen=True)
class Aggregate:
    """An aggregation of group-time effects; K elements.

    Attributes
    ----------
    attgt : ATTgt
    plan : Plan
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

    @cached_property
    def influence(self) -> Array:
        """Influence functions of all parameters, (n, 1 + K), estimated weights included."""
        res = self.attgt
        panel, cells = res.panel, res.cells
        share = res.estimates.cohort_weight[0] / res.n
        lin = linearize(self.plan, res.att, share, cells)
        used = self.plan.member.any(axis=0)
        psi = res.influence[:, used] @ lin.cell[used]
        return np.asarray(psi + panel.unit_weight[:, None] * lin.cohort[panel.unit_cohort])

    def analytic(self, cluster: str | None = None, level: float = 0.95) -> Inference:
        """Inference from influence functions with normal critical values.

        Parameters
        ----------
        cluster : str, optional
            Cluster variable; None: every unit is its own cluster.
        level : float
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

    def plot(self, ax: object | None = None, level: float = 0.95) -> object:
        """Draw the elements with pointwise intervals (matplotlib)."""
        from didjack import plots

        return plots.plot_aggregate(self, ax=ax, level=level)

    def _repr_html_(self) -> str:
        return self.to_frame()._repr_html_()  # type: ignore[operator]


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
    weights : {"did"}
        "did": cells count by the share of their cohort in the sample (R `did`).

    Returns
    -------
    Aggregate

    Raises
    ------
    DataError
        An argument is unknown, or does not apply to this type.
    DesignError
        No cell is left to average.
    NotImplementedError
        `weights="csdid"` is not there yet.
    """
    if type not in TYPES:
        raise DataError(f"type must be one of {', '.join(TYPES)}, not {type!r}.")
    if weights == "csdid":
        raise NotImplementedError("weights='csdid' is not there yet; there is 'did'.")
    if weights != "did":
        raise DataError(f"weights must be 'did', not {weights!r}.")
    _refuse_unused(type, min_e=min_e, max_e=max_e, balance_e=balance_e)
    rule = Rule(
        type,
        -np.inf if min_e is None else float(min_e),
        np.inf if max_e is None else float(max_e),
        None if balance_e is None else float(balance_e),
    )
    return aggregate_by(res, rule)


def aggregate_by(res: ATTgt, rule: Rule) -> Aggregate:
    """Apply a rule to group-time effects; `aggte` with its arguments already checked."""
    plan = make_plan(res.cells, res.estimable, rule, res.times[0], res.cells.period.max())
    if not plan.member.any():
        raise DesignError(
            f"No cell is left for type='{rule.type}'"
            + (" in the window of event times asked for. Widen min_e, max_e or balance_e."
               if res.estimable.any() else ": no ATT(g,t) can be estimated; see .ledger.")
        )  # fmt: skip
    values = aggregate(plan, res.estimates.att, res.estimates.cohort_weight, res.cells)
    return Aggregate(res, plan, values[0])


def _refuse_unused(type: str, **given: float | None) -> None:
    used = {"simple": ["max_e"], "group": ["max_e"], "calendar": [],
            "dynamic": ["min_e", "max_e", "balance_e"]}[type]  # fmt: skip
    for name, value in given.items():
        if value is not None and name not in used:
            raise DataError(f"{name} does not apply to type='{type}'. Leave it out.")
