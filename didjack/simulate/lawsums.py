"""Sums over clusters by period, and estimates of many laws from them.

A law says which clusters are treated and from when. Group-time effects in repeated
cross-sections, by outcome regression, need sums of x x' and x y over cohorts and periods only:
each law, and each deletion of a cluster under it, adds up the same cluster sums differently.
Balanced panels without covariates have the same estimates, so that they need no code of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.errors import DataError, DesignError
from didjack.sample import checks
from didjack.sample.panel import Panel
from didjack.sample.periods import period_text
from didjack.simulate.design_loadings import Average, influence_weights


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of each cluster and period; k covariates with the intercept first.

    Attributes
    ----------
    xx : (G, T, k, k) array
    xy : (G, T, k) array
    times : (T,) array
    labels : Index, length G
    """

    xx: Array
    xy: Array
    times: Array
    labels: pd.Index

    @property
    def rows(self) -> Array:
        """Rows of each cluster over all periods, (G,): what cohort sizes are made of."""
        return np.asarray(self.xx[..., 0, 0].sum(axis=1))


def sum_rows(panel: Panel, cluster: str) -> Sums:
    """Sum coded rows by cluster and period.

    Parameters
    ----------
    panel : Panel
    cluster : str
        Column of the frame that the panel was coded from.

    Raises
    ------
    DataError
        A cluster is not there in every period.
    """
    code, labels = checks.factorize(panel.source[cluster].take(panel.rows))
    G, T, k = len(labels), len(panel.times), panel.design.k
    cell, X = code * T + panel.time, panel.design.X
    # Means do not depend on where outcomes are centred; rounding does.
    y = panel.y - panel.y.mean()
    columns = [X[:, i] * X[:, j] for i in range(k) for j in range(k)]
    columns += [X[:, i] * y for i in range(k)]
    added = [np.bincount(cell, weights=c, minlength=G * T) for c in columns]
    sums = np.stack(added, axis=1).astype(np.float64).reshape(G, T, -1)
    if (sums[..., 0] == 0).any():
        c, t = np.argwhere(sums[..., 0] == 0)[0]
        raise DataError(
            f"Cluster {labels[c]} of '{cluster}' has no rows in period "
            f"{period_text(panel.times[t])}; placebo laws need every "
            "never-treated cluster in every period. Leave it or the period out."
        )
    return Sums(sums[..., : k * k].reshape(G, T, k, k), sums[..., k * k :], panel.times, labels)


def estimate_draws(sums: Sums, average: Average, cohort: Index) -> tuple[Array, Array]:
    """Estimate the average effect of P laws, in the full sample and without each cluster.

    Parameters
    ----------
    sums : Sums
    average : Average
    cohort : (P, G) int array
        Cohort of each cluster under each law, Q for controls.

    Returns
    -------
    theta : (P, G + 1) array
        Full sample first; NaN where a deletion leaves nothing to estimate.
    clustered : (P,) array
        Standard error from influence functions.
    """
    P, G = cohort.shape
    Q = len(average.starts)
    keep = np.vstack([np.ones(G), 1 - np.eye(G)])
    member = cohort[:, None, None, :] == np.arange(Q + 1)[:, None]  # (P, 1, Q + 1, G)
    weight = member * keep[:, None, :]  # (P, G + 1, Q + 1, G)
    effects = LawEffects.of(sums, weight, average.starts)
    size = weight @ sums.rows  # (P, G + 1, Q + 1)
    within, overall, _ = average.weights(size[..., :Q].reshape(-1, Q))
    cells = np.einsum("rk,rkqt->rqt", overall, within).reshape(P, G + 1, Q, -1)
    att = np.where(size[..., :Q, None] > 0, effects.att, 0.0)
    theta = (cells * att).sum(axis=(2, 3))
    scores = np.stack([
        _influence(sums, average, effects, cells[p, 0], cohort[p], size[p, 0, :Q], p)
        for p in range(P)
    ])  # fmt: skip
    return theta, np.sqrt((scores**2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class LawEffects:
    """Group-time effects under P laws, with R = G + 1 replicates each, and what they are made of.

    Attributes
    ----------
    xx : (P, R, Q + 1, T, k, k) array
    xy : (P, R, Q + 1, T, k) array
        Sums by cohort, controls last.
    beta : (P, R, T, k) array
        Regressions of the controls, one for each period.
    att : (P, R, Q, T) array
        Change since the base period against that of the controls; NaN without the cohort.
    """

    xx: Array
    xy: Array
    beta: Array
    att: Array

    @classmethod
    def of(cls, sums: Sums, weight: Array, starts: Index) -> LawEffects:
        """Estimate all cohorts and periods by outcome regression.

        ATT(q, t) = (y_qt - y_qb) - x_q' (beta_t - beta_b): y_qt are cohort means, b the period
        before the first treated one, beta_t the regression of the controls in period t, and x_q
        the mean of the cohort's covariates over both periods.

        Parameters
        ----------
        sums : Sums
        weight : (P, R, Q + 1, G) array
            Which clusters each cohort consists of, controls last; zero where they are deleted.
        starts : (Q,) int array
            First treated period of each cohort.

        Raises
        ------
        DesignError
            Covariates are collinear among the controls.
        """
        G, T, k = sums.xy.shape
        xx = (weight @ sums.xx.reshape(G, -1)).reshape(*weight.shape[:3], T, k, k)
        xy = (weight @ sums.xy.reshape(G, -1)).reshape(*weight.shape[:3], T, k)
        try:
            beta = np.asarray(np.linalg.solve(xx[:, :, -1], xy[:, :, -1][..., None])[..., 0])
        except np.linalg.LinAlgError:
            raise DesignError(
                "Covariates are collinear among the controls of a placebo draw. Leave one out."
            ) from None
        base = starts - 1
        x = xx[:, :, :-1, :, 0]  # (P, R, Q, T, k)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = xy[:, :, :-1, :, 0] / x[..., 0]
            pooled = x + _at(x, base)
            change = beta[:, :, None] - beta[:, :, base][:, :, :, None]
            predicted = (pooled * change).sum(axis=-1) / pooled[..., 0]
            att = mean - _at(mean, base) - predicted
        return cls(xx, xy, beta, att)


def _at(values: Array, base: Index) -> Array:
    """Take each cohort's base period from (P, R, Q, T, ...), the period axis kept."""
    q = np.arange(len(base))
    return values[:, :, q, base][:, :, :, None]


def _influence(
    sums: Sums,
    average: Average,
    effects: LawEffects,
    cells: Array,
    cohort: Index,
    size: Array,
    p: int,
) -> Array:
    """Influence sums of the clusters over the number of rows, (G,), of draw p."""
    Q = len(average.starts)
    out = np.zeros(len(cohort))
    xx, xy, beta, att = effects.xx[p, 0], effects.xy[p, 0], effects.beta[p, 0], effects.att[p, 0]
    control = cohort == Q
    for q, t in np.argwhere(cells):
        b, members = average.starts[q] - 1, cohort == q
        pooled = xx[q, t, 0] + xx[q, b, 0]
        change = beta[t] - beta[b]
        x = sums.xx[members, t, 0] + sums.xx[members, b, 0]
        part = -(x @ change - x[:, 0] * (pooled @ change / pooled[0])) / pooled[0]
        for sign, s in ((1.0, t), (-1.0, b)):
            n = xx[q, s, 0, 0]
            part += (
                sign * (sums.xy[members, s, 0] - sums.xx[members, s, 0, 0] * xy[q, s, 0] / n) / n
            )
            pull = np.linalg.solve(xx[-1, s], pooled)
            residual = sums.xy[control, s] - sums.xx[control, s] @ beta[s]
            out[control] -= cells[q, t] * sign * (residual @ pull) / pooled[0]
        out[members] += cells[q, t] * part
    through = (influence_weights(average, size) * att).sum(axis=(1, 2))
    return out + sums.rows * np.append(through, 0.0)[cohort]
