"""Averages of ATT(g,t) as array functions: for every replicate, and linearized for influence.

Which cells make up which element depends on labels only, so it is decided once; the same
elements then average the full sample and every deletion. Equation numbers are those of Callaway
and Sant'Anna (2021). The functions of R `did` are `compute.aggte` for the estimates and `wif` for
the influence of estimated weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.effects.average_types import AverageType
from didjack.effects.parameters import OVERALL, Parameter
from didjack.estimators.estimates import Estimates
from didjack.estimators.parts import parts_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class Rule:
    """Which average is asked for, and of which cells (arguments of R `aggte`).

    Attributes
    ----------
    type : AverageType
    min_e, max_e : float
        First and last event time.
    balance_e : float or None
        Periods after treatment for which a cohort must be observed.
    weights : {"did", "csdid"}
        Whether cells count by the size of their cohort or by their treated observations.
    """

    type: AverageType = AverageType.SIMPLE
    min_e: float = -np.inf
    max_e: float = np.inf
    balance_e: float | None = None
    weights: str = "did"


@dataclass(frozen=True, eq=False)
class Elements:
    """Which cells make up which element of an aggregation; K elements, m cells.

    Attributes
    ----------
    rule : Rule
    labels : (K,) array
        Event times, cohorts or periods; one nameless element for `simple`.
    member : (K, m) bool array
    in_overall : (K,) bool array
        The elements that the overall effect averages.
    frequency : str
        Of the dates that labels are codes of; empty for numbers and event times.
    """

    rule: Rule
    labels: Array
    member: Mask
    in_overall: Mask
    frequency: str = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, the overall effect first."""
        kind = self.rule.type.element
        labels = self.labels.tolist() if kind else []
        return (OVERALL, *(Parameter(kind, (label,), self.frequency) for label in labels))

    @property
    def used(self) -> Mask:
        """Cells in any element, (m,)."""
        return np.asarray(self.member.any(axis=0))

    def cell_weights(self, estimates: Estimates, cells: Cells) -> Array:
        """Weight of each cell within its elements, (R, m), before cells that are missing.

        R `did` counts cells by the size of their cohort, but equally within a cohort's mean;
        Stata `csdid` by the treated observations of the cell throughout.
        """
        if self.rule.weights == "csdid":
            return estimates.cell_weight
        if self.rule.type is AverageType.GROUP:
            return np.ones_like(estimates.att)
        return estimates.cohort_weight[:, cells.cohort]

    def element_weights(self, estimates: Estimates, cells: Cells) -> Array:
        """Weight of each element in the overall effect, (R, K)."""
        R = len(estimates.att)
        if self.rule.type is not AverageType.GROUP:
            return np.broadcast_to(self.in_overall.astype(np.float64), (R, len(self.labels)))
        if self.rule.weights == "csdid":  # mean over the estimated cells of the cohort
            estimated = np.isfinite(estimates.att).astype(np.float64)
            member = self.member.T.astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                return ((estimates.cell_weight * estimated) @ member) / (estimated @ member)
        return estimates.cohort_weight[:, cells.cohort[self.first_cell]]

    @property
    def first_cell(self) -> Index:
        """One cell of each element, (K,)."""
        return self.member.argmax(axis=1)


def form_elements(cells: Cells, estimable: Mask, rule: Rule, first: float, last: float) -> Elements:
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
    Elements
    """
    event_time = cells.event_time
    post = estimable & cells.post & (event_time <= rule.max_e)
    if rule.type is AverageType.SIMPLE:
        return Elements(rule, np.zeros(1), post[None, :], np.ones(1, dtype=bool))
    if rule.type in (AverageType.GROUP, AverageType.CALENDAR):
        values = cells.group if rule.type is AverageType.GROUP else cells.period
        labels = np.unique(values[post])
        member = post & (values == labels[:, None])
        return Elements(rule, labels, member, np.ones(len(labels), dtype=bool), cells.frequency)
    used = estimable & (event_time >= rule.min_e) & (event_time <= rule.max_e)
    if rule.balance_e is not None:
        used &= last - cells.group >= rule.balance_e
        used &= (event_time <= rule.balance_e) & (event_time >= rule.balance_e - last + first)
    labels = np.unique(event_time[used])
    return Elements(rule, labels, used & (event_time == labels[:, None]), labels >= 0)


def aggregate(elements: Elements, estimates: Estimates, cells: Cells) -> Array:
    """Average the cells of every replicate.

    An element is a weighted mean of cells: of those at event time e (eq. 3.4, with `balance_e`
    eq. 3.6), of cohort g after treatment (eq. 3.7), or of period t (eq. 3.8). The overall effect is
    the mean over event times from 0 on, over cohorts by size (eq. 3.11) or over periods (eq. 3.12);
    for `simple` the mean of all cells after treatment by cohort size (eq. 3.10).

    Cells that a replicate does not have are left out and the weights of the others rescaled,
    as a refit without the cluster would do.

    Parameters
    ----------
    elements : Elements
    estimates : Estimates
        R replicates.
    cells : Cells

    Returns
    -------
    (R, 1 + K) array
        Overall effect first; (R, 1) for `simple`. NaN where nothing is left.
    """
    estimated = np.isfinite(estimates.att)
    weight = np.where(estimated, elements.cell_weights(estimates, cells), 0.0)
    value = np.where(estimated, estimates.att, 0.0)
    member = elements.member.T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = ((weight * value) @ member) / (weight @ member)
        if elements.rule.type is AverageType.SIMPLE:
            return means
        share = elements.element_weights(estimates, cells)
        share = np.where(np.isfinite(means) & elements.in_overall, share, 0.0)
        total = (share * np.where(np.isfinite(means), means, 0.0)).sum(axis=1)
        overall = total / share.sum(axis=1)
    return np.column_stack([overall, means])


@dataclass(frozen=True, eq=False)
class Linearization:
    """First-order form of an aggregation; m cells, P parameters.

    Attributes
    ----------
    cell : (m, P) array
        Weight of each cell in each parameter: the influence through the effects is IF @ cell.
    gap : (m, P) array
        Influence, per unit of its weight, of one observation more in a cell. With weights
        W_k / sum W_l estimated from the sample it is (ATT_k - theta) / sum W_l: the `wif` term
        of R `did`. Zero where weights are fixed.
    """

    cell: Array
    gap: Array


def linearize(elements: Elements, estimates: Estimates, cells: Cells) -> Linearization:
    """Derive the influence of effects and of weights on every parameter, in the full sample.

    First-order terms of `aggregate` in the cells and in the weights, as R `did` has them in
    `compute.aggte` (`wif` for the weights).

    Parameters
    ----------
    elements : Elements
    estimates : Estimates
    cells : Cells

    Returns
    -------
    Linearization
    """
    did, group = elements.rule.weights == "did", elements.rule.type is AverageType.GROUP
    value = np.where(elements.used, estimates.att[0], 0.0)
    raw = elements.member * elements.cell_weights(estimates, cells)[0]
    size = raw.sum(axis=1)
    cell = (raw / size[:, None]).T  # (m, K)
    theta = value @ cell
    gap = (elements.member * (value - theta[:, None]) / size[:, None]).T
    if did and group:
        gap = np.zeros_like(gap)  # the mean over a cohort's cells has no weights to estimate
    if elements.rule.type is AverageType.SIMPLE:
        return Linearization(cell, gap)
    share = elements.element_weights(estimates, cells)[0] * elements.in_overall
    with np.errstate(divide="ignore", invalid="ignore"):
        overall = share / share.sum()  # NaN throughout when no element enters
    overall_gap = gap @ overall
    if did and group:  # csdid holds the cohort weights fixed
        np.add.at(overall_gap, elements.first_cell, (theta - theta @ overall) / share.sum())
    return Linearization(
        np.column_stack([cell @ overall, cell]), np.column_stack([overall_gap, gap])
    )


def weight_influence(
    elements: Elements, panel: Panel, cells: Cells, gap: Array, fix_weights: str | None = None
) -> Array:
    """Influence of every unit through estimated weights, (n, P), on the scale of one unit.

    In cross-sections with csdid's weights a row counts in all cells of its cohort that compare
    its period; otherwise a unit counts in all cells of its cohort. Cells with samples of their own
    have csdid's weights from these.

    Parameters
    ----------
    elements : Elements
    panel : Panel
    cells : Cells
    gap : (m, P) array
        As in `Linearization`.
    fix_weights : str or None
        As in `didjack.att_gt`.
    """
    parts = None if elements.rule.weights == "did" else parts_of(panel, cells, fix_weights)
    if parts is None:
        return _weight_influence(elements, panel, cells, gap)
    out = np.zeros((panel.n_units, gap.shape[1]))
    for part in parts:
        out[part.units] += _weight_influence(elements, part.panel, part.cells, gap[part.at])
    return out


def _weight_influence(elements: Elements, panel: Panel, cells: Cells, gap: Array) -> Array:
    Q, T = len(panel.cohorts), len(panel.times)
    if elements.rule.weights == "csdid" and not panel.is_panel:
        block = np.zeros((Q, T, gap.shape[1]))
        np.add.at(block, (cells.cohort, cells.time), gap)
        other = ~cells.is_base
        np.add.at(block, (cells.cohort[other], cells.base[other]), gap[other])
        return panel.sum_by_unit(panel.w[:, None] * block[panel.cohort, panel.time])
    by_cohort = np.zeros((Q, gap.shape[1]))
    np.add.at(by_cohort, cells.cohort, gap)
    weight = panel.unit_weight if elements.rule.weights == "did" else panel.unit_mean_weight
    return weight[:, None] * by_cohort[panel.unit_cohort]
