"""CSDID as a matrix: what every statistic of a fixed design is made of.

In a design the sizes and cohorts of clusters are given, only outcomes are random. An average of
group-time effects, the same average without one cluster, and the influence of a cluster are then
linear in the means of clusters by period. Their coefficients are found once per design; each
replication is a row of a matrix product. The leading axis R is that of replicates, as elsewhere:
rows of cluster weights. Formulas are those of `didjack.effects.aggregate` with R `did`'s weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError

EVENT = "event:"
"""How the names of single event times start."""


@dataclass(frozen=True, eq=False)
class Average:
    """Which post-treatment cells (cohort q, period t) make up an aggregation; K elements.

    Attributes
    ----------
    type : str
        Simple, dynamic, group or calendar, or a single event time.
    member : (K, Q, T) bool array
    starts : (Q,) int array
        First treated period of each cohort; its base is the period before.
    """

    type: str
    member: Mask
    starts: Index

    @classmethod
    def of(cls, type: str, starts: Index, periods: int) -> Average:
        """List the elements of an aggregation.

        One element for "simple" and for a single event time; for the others one for each event
        time from 0, each cohort, or each period from the first treated one.

        Parameters
        ----------
        type : str
            "simple", "dynamic", "group", "calendar", "event:0" (any event time), "event:last".
        starts : (Q,) int array
            First treated period of each cohort, counted from zero.
        periods : int
            T.
        """
        t = np.arange(periods)
        elapsed = t - starts[:, None]
        post = elapsed >= 0
        if type == "simple":
            member = post[None]
        elif type.startswith(EVENT):
            member = (elapsed == event_time(type, starts, periods))[None]
        elif type == "group":
            member = post & np.eye(len(starts), dtype=bool)[:, :, None]
        elif type == "calendar":
            member = post & (t == np.arange(starts.min(), periods)[:, None, None])
        else:
            labels = np.arange(periods - starts.min())
            member = elapsed == labels[:, None, None]
        return cls(type, member, starts)

    def weights(self, size: Array) -> tuple[Array, Array, Array]:
        """Weigh the cells by cohort sizes, as R `did` does.

        Within an element a cell of cohort q weighs n_q / sum n (equally for "group", whose cells
        have one cohort); elements weigh equally, those of "group" n_q / sum n (Callaway and
        Sant'Anna 2021, section 3).

        Parameters
        ----------
        size : (R, Q) array
            n_q in each replicate.

        Returns
        -------
        within : (R, K, Q, T)
            Weights of cells in elements, adding up to one; zero for elements that are not there.
        overall : (R, K)
            Weights of elements; NaN for a replicate without any treated cluster.
        total : (R, K)
            Sum of cell weights before they are made to add up to one.
        """
        raw = (size > 0).astype(np.float64) if self.type == "group" else size
        cells = self.member * raw[:, None, :, None]
        total = cells.sum(axis=(2, 3))
        with np.errstate(divide="ignore", invalid="ignore"):
            within = np.where(total[..., None, None] > 0, cells / total[..., None, None], 0.0)
            share = size if self.type == "group" else (total > 0).astype(np.float64)
            overall = share / share.sum(axis=1, keepdims=True)
        return within, overall, total

    def contrast(self, cells: Array) -> Array:
        """Turn weights of cells into weights of cohort means.

        A cell is the change of its cohort since the base period, less that of the controls:
        ATT(q, t) = (y_qt - y_qb) - (y_0t - y_0b), with b the period before the first treated one.

        Parameters
        ----------
        cells : (..., Q, T) array

        Returns
        -------
        (..., Q + 1, T) array
            The controls come last.
        """
        treated = cells.copy()
        sums = cells.sum(axis=-1)
        for q, start in enumerate(self.starts):
            treated[..., q, start - 1] -= sums[..., q]
        control = -treated.sum(axis=-2, keepdims=True)
        return np.concatenate([treated, control], axis=-2)


def event_time(type: str, starts: Index, periods: int) -> int:
    """Return the event time that a name such as "event:0" or "event:last" means.

    Parameters
    ----------
    type : str
    starts : (Q,) int array
        First treated period of each cohort, counted from zero.
    periods : int

    Raises
    ------
    DataError
        No cohort is observed so long.
    """
    last = int(periods - 1 - starts.min())
    word = type.removeprefix(EVENT)
    at = last if word == "last" else int(word)
    if at > last:
        raise DataError(f"There is no {type}: the last event time is {last}.")
    return at


def cohort_sizes(cohort: Index, weight: Array, n_cohorts: int) -> Array:
    """Add up the weights of clusters by cohort.

    Parameters
    ----------
    cohort : (R, G) int array
        n_cohorts for controls.
    weight : (R, G) array
    n_cohorts : int
        Q, without the controls.

    Returns
    -------
    (R, Q + 1) array
        The controls come last.
    """
    codes = np.arange(n_cohorts + 1)
    return np.stack([(weight * (cohort == q)).sum(axis=1) for q in codes], axis=1)


def loadings(average: Average, cohort: Index, weight: Array) -> Array:
    """Coefficients of the overall effect in every replicate.

    theta = sum_gt l_gt y_gt over means y_gt of clusters by period, l_gt = n_g / n_q c_qt, with q
    the cohort of cluster g, n_q its units, and c the weights of cohort means from
    `Average.contrast`.

    Parameters
    ----------
    average : Average
    cohort : (R, G) int array
        Cohort of each cluster, Q for controls. Replicates may differ in it, as in permutations.
    weight : (R, G) array
        Units of each cluster; zero where it is deleted.

    Returns
    -------
    (R, G, T) array
        NaN for a replicate without treated clusters or without controls.
    """
    size = cohort_sizes(cohort, weight, len(average.starts))
    within, overall, _ = average.weights(size[:, :-1])
    path = average.contrast(np.einsum("rk,rkqt->rqt", overall, within))  # (R, Q + 1, T)
    rows = np.arange(len(cohort))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(weight > 0, weight / size[rows, cohort], 0.0)
    out = share[..., None] * path[rows, cohort]
    out[size[:, -1] == 0] = np.nan  # the controls are gone
    return np.asarray(out)


def fixed_loadings(average: Average, cohort: Index, weight: Array) -> Array:
    """Coefficients of the overall effect with the weights of the full sample in every replicate.

    Cells that a replicate does not have are held at their full-sample estimate.

    Parameters
    ----------
    average : Average
    cohort : (G,) int array
    weight : (R, G) array
        Units of each cluster, the full sample first; zero where it is deleted.

    Returns
    -------
    (R, G, T) array
        NaN for a replicate without controls, or without any of the cells.
    """
    Q = len(average.starts)
    size = cohort_sizes(np.broadcast_to(cohort, weight.shape), weight, Q)
    within, overall, _ = (a[0] for a in average.weights(size[:1, :-1]))
    cells = np.einsum("k,kqt->qt", overall, within)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(weight > 0, weight / size[:, cohort], 0.0)
    used = cells.any(axis=1)
    out = np.zeros((*weight.shape, cells.shape[1]))
    for q in np.flatnonzero(used):
        path = average.contrast(np.where(np.arange(Q)[:, None] == q, cells, 0.0))[cohort]
        there = size[:, q] > 0
        out += np.where(there[:, None], share, share[0])[..., None] * path
    out[(size[:, -1] == 0) | ~(size[:, :-1][:, used] > 0).any(axis=1)] = np.nan
    return out


def influence_loadings(average: Average, cohort: Index, weight: Array) -> Array:
    """Coefficients of each cluster's influence sum over n, in the full sample.

    n_g / n_q sum_t c_qt (y_gt - y_qt), with c as in `loadings`, plus what the cluster contributes
    through the estimated weights (`influence_weights`). The clustered variance is the sum of
    squares of what they give.

    Parameters
    ----------
    average : Average
    cohort : (G,) int array
    weight : (G,) array

    Returns
    -------
    (G, G, T) array
        Cluster whose influence it is, cluster and period whose mean is multiplied.
    """
    Q = len(average.starts)
    size = cohort_sizes(cohort[None], weight[None], Q)
    within, overall, total = (a[0] for a in average.weights(size[:, :-1]))
    effect = np.einsum("k,kqt->qt", overall, within)
    path = average.contrast(effect)
    share = weight / size[0, cohort]
    same = cohort[:, None] == cohort
    centred = np.eye(len(cohort)) - same * share
    direct = share[:, None, None] * path[cohort][:, None, :] * centred[..., None]
    through = average.contrast(_weight_terms(average, within, overall, total, size[0, :Q]))
    through = np.concatenate([through, np.zeros((1, *through.shape[1:]))])  # none for controls
    indirect = weight[:, None, None] * through[cohort][:, cohort] * share[:, None]
    return np.asarray(direct + indirect)


def unit_loadings(average: Average, cohort: Index, weight: Array) -> Array:
    """Coefficients of the outcomes of one unit in its influence over n, in the full sample.

    Parameters
    ----------
    average, cohort, weight
        As in `influence_loadings`.

    Returns
    -------
    (G, T) array
        Equal for all units of a cluster: units differ from its mean by this times their outcomes.
    """
    size = cohort_sizes(cohort[None], weight[None], len(average.starts))
    within, overall, _ = average.weights(size[:, :-1])
    path = average.contrast(np.einsum("k,kqt->qt", overall[0], within[0]))
    return np.asarray(path[cohort] / size[0, cohort][:, None])


def influence_weights(average: Average, size: Array) -> Array:
    """Influence of one unit more in cohort q through estimated weights.

    Parameters
    ----------
    average : Average
    size : (Q,) array
        Cohort sizes.

    Returns
    -------
    (Q, Q, T) array
        Cohort of the unit; cohort and period of the cell whose effect is multiplied.
    """
    within, overall, total = (a[0] for a in average.weights(size[None]))
    return _weight_terms(average, within, overall, total, size)


def _weight_terms(
    average: Average, within: Array, overall: Array, total: Array, size: Array
) -> Array:
    """As `influence_weights`, from what `Average.weights` returns.

    Cells that weigh n_k / sum n contribute (ATT_k - theta) / sum n for each unit of their cohort.
    """
    if average.type == "group":  # equal weights within a cohort; cohorts by size
        effect = np.einsum("k,kqt->qt", overall, within)
        return np.asarray((within - effect) / size.sum())
    by_cell = average.member * (overall / total)[:, None, None]  # (K, Q, T)
    Q, T = len(average.starts), within.shape[-1]
    direct = np.zeros((Q, Q, T))  # a cohort's size enters the weights of its own cells
    diagonal = np.arange(Q)
    direct[diagonal, diagonal] = by_cell.sum(axis=0)
    return np.asarray(direct - np.einsum("kqs,kpt->qpt", by_cell, within))
