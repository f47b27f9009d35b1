"""The delete-one-cluster jackknife CV3, for all parameters of an aggregation at once.

V = (H - 1) / H * sum_h (theta_(h) - theta)^2, centred at the full-sample estimate, with t(H - 1)
for tests and intervals (Karim, Nielsen, MacKinnon and Webb 2026; R `didjack`). All deletions
come from one pass over the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from didjack.aggregate import Aggregate, aggregate, aggregate_by
from didjack.attgt import ATTgt
from didjack.errors import DataError, DesignError
from didjack.inference.results import Inference
from didjack.linalg import Array, Mask
from didjack.moments import Clusters
from didjack.replicates import Replicates, replicate


@dataclass(frozen=True)
class Jackknife:
    """Cluster-jackknife inference for an aggregation; C clusters, P parameters.

    Attributes
    ----------
    aggregate : Aggregate
        What was jackknifed.
    clusters : Clusters
    replicates : (C + 1, P) array
        Row 0 is the full sample, row h + 1 the estimates without cluster h; NaN where a
        deletion leaves nothing to estimate.
    skipped : DataFrame
        Clusters whose deletion leaves no overall effect: cluster, reason.
    lost_cohorts : DataFrame
        Deletions that remove whole cohorts, so that the average is over fewer: cluster, cohort.
    lost_covariates : DataFrame
        Deletions that make a covariate redundant: cluster, covariate.
    level : float
    """

    aggregate: Aggregate = field(repr=False)
    clusters: Clusters = field(repr=False)
    replicates: Array = field(repr=False)
    skipped: pd.DataFrame = field(repr=False)
    lost_cohorts: pd.DataFrame = field(repr=False)
    lost_covariates: pd.DataFrame = field(repr=False)
    level: float = 0.95

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, the overall effect first."""
        return self.aggregate.parameters

    @property
    def cluster(self) -> str:
        """The cluster variable."""
        return self.clusters.name

    @cached_property
    def _usable(self) -> Mask:
        """Which deletions enter: (C, P)."""
        return np.isfinite(self.replicates[1:])

    @cached_property
    def deviations(self) -> Array:
        """theta_(h) - theta, (C, P); zero where a deletion leaves nothing to estimate."""
        return np.where(self._usable, self.replicates[1:] - self.aggregate.values, 0.0)

    @cached_property
    def inference(self) -> Inference:
        """CV3 for every parameter, each over the deletions that can be estimated."""
        H = self._usable.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (H - 1) / H * (self.deviations**2).sum(axis=0)
        # Zero only where every deletion gives the same: base periods, zero by construction.
        se = np.where((H > 1) & (variance > 0), np.sqrt(variance), np.nan)
        return Inference(
            method="CV3",
            parameters=self.parameters,
            att=self.aggregate.values,
            se=se,
            df=np.where(H > 1, H - 1.0, np.nan),
            n_clusters=len(self.clusters),
            level=self.level,
        )

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint CV3 covariance of all parameters, P x P.

        A deletion that removes a parameter contributes nothing to its row and column; each
        parameter keeps its own factor (H - 1) / H, so the diagonal is the squared standard
        errors and the matrix is positive semi-definite.
        """
        H = self._usable.sum(axis=0)
        factor = np.where(H > 1, (H - 1) / np.maximum(H, 1), np.nan)  # as for the standard errors
        scaled = self.deviations * np.sqrt(factor)
        return pd.DataFrame(scaled.T @ scaled, index=self.parameters, columns=self.parameters)

    @property
    def atts(self) -> pd.Series:
        """Overall estimates without each cluster, by cluster label; skipped ones are absent."""
        kept = self._usable[:, 0]
        labels = pd.Index(self.clusters.labels[kept], name=self.cluster)
        return pd.Series(self.replicates[1:, 0][kept], index=labels, name="att")

    @property
    def n_clusters(self) -> int:
        """Number of clusters, skipped ones included."""
        return len(self.clusters)

    @property
    def n_replicates(self) -> int:
        """Number of deletions H that the overall standard error uses."""
        return int(self._usable[:, 0].sum())

    @property
    def att(self) -> float:
        """The overall effect in the full sample."""
        return self.aggregate.att

    @property
    def se(self) -> float:
        """CV3 standard error of the overall effect."""
        return float(self.inference.se[0])

    @property
    def t(self) -> float:
        """Ratio of overall effect to standard error."""
        return float(self.inference.t[0])

    @property
    def p(self) -> float:
        """Two-sided p-value from t(H - 1)."""
        return float(self.inference.p[0])

    @property
    def ci(self) -> tuple[float, float]:
        """Interval of the overall effect from t(H - 1)."""
        return float(self.inference.ci_low[0]), float(self.inference.ci_high[0])

    @property
    def df(self) -> int:
        """Degrees of freedom H - 1 of the overall effect."""
        return self.n_replicates - 1

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: att, CV3 se, t, p, interval, df, n_clusters."""
        return self.inference.to_frame()

    def tidy(self) -> pd.DataFrame:
        """Return the parameters under broom's names."""
        return self.inference.tidy()

    def glance(self) -> pd.DataFrame:
        """One row on the whole jackknife."""
        return self.aggregate.glance().assign(
            se=self.se,
            cluster=self.cluster,
            n_clusters=self.n_clusters,
            n_replicates=self.n_replicates,
            df=self.df,
        )

    @property
    def notes(self) -> list[str]:
        """Return sentences on what the reader of the table must know."""
        notes = [f"Skipped cluster {c}: {reason}." for c, reason in self.skipped.to_numpy()]
        for cluster, rows in self.lost_cohorts.groupby("cluster", sort=False):
            lost = ", ".join(f"{g:g}" for g in rows["cohort"])
            notes.append(f"Without cluster {cluster}, cohort {lost} is lost: the estimand moves.")
        for cluster, rows in self.lost_covariates.groupby("cluster", sort=False):
            lost = ", ".join(rows["covariate"])
            notes.append(f"Without cluster {cluster}, covariate {lost} is redundant.")
        return notes

    def summary(self) -> str:
        """Return a short text for people."""
        head = f"Cluster jackknife (CV3) by {self.cluster}: {self.n_clusters} clusters"
        return "\n".join([head, "", self.to_frame().to_string(index=False), "", *self.notes])

    def plot(self, ax: object | None = None) -> object:
        """Draw the delete-one estimates (matplotlib)."""
        from didjack import plots

        return plots.plot_jackknife(self, ax=ax)

    def _repr_html_(self) -> str:
        return self.to_frame()._repr_html_()  # type: ignore[operator]


def jackknife(agg: Aggregate, cluster: str | None = None, level: float = 0.95) -> Jackknife:
    """Jackknife an aggregation by deleting one cluster at a time.

    Parameters
    ----------
    agg : Aggregate
        From `aggte`.
    cluster : str, optional
        Cluster variable, any column of the data that is constant within unit. The default is
        the clustervars of `att_gt`, else idname.
    level : float
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    Jackknife

    Raises
    ------
    DataError
        `level` is not between 0 and 1, or the cluster variable cannot be used.
    DesignError
        There are fewer than two clusters, or deleting one leaves no never-treated control.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    res = agg.attgt
    name = _cluster_variable(res, cluster)
    if name not in res.cache:  # the four aggregations share one pass
        res.cache[name] = replicate(res, name)
    return _from_replicates(agg, res.cache[name], level)


def _cluster_variable(res: ATTgt, cluster: str | None) -> str:
    name = cluster or res.beyond_unit or res.panel.roles.idname
    if name is None:
        raise DataError(
            "Repeated cross-sections need a cluster variable: pass clustervars to att_gt, or "
            "cluster to jackknife."
        )
    return name


def _from_replicates(agg: Aggregate, replicates: Replicates, level: float) -> Jackknife:
    res, estimates = agg.attgt, replicates.estimates
    values = aggregate(agg.plan, estimates, res.cells)
    rows = estimates.cohort_rows.copy()
    for h, refit in replicates.refits.items():
        values[h + 1], rows[h + 1] = _match(agg, refit)
    labels, panel = replicates.clusters.labels, res.panel
    lost = (rows[1:] == 0) & (rows[0] > 0)
    lost[:, ~np.isin(np.arange(rows.shape[1]), panel.treated)] = False
    gone = estimates.left_out[1:] & ~estimates.left_out[0]
    nothing_treated = lost.sum(axis=1) == len(panel.treated)
    return Jackknife(
        aggregate=agg,
        clusters=replicates.clusters,
        replicates=values,
        skipped=_skipped(labels, values[1:, 0], nothing_treated),
        lost_cohorts=_pairs(labels, lost, panel.cohorts, "cohort"),
        lost_covariates=_pairs(labels, gone, np.array(panel.design.names), "covariate"),
        level=level,
    )


def _skipped(labels: pd.Index, overall: Array, only_treated: Mask) -> pd.DataFrame:
    bad = np.flatnonzero(~np.isfinite(overall))
    reasons = [
        "the only treated cluster; without it nothing is treated"
        if only_treated[h]
        else "no cell of the aggregation can be estimated without it"
        for h in bad
    ]
    return pd.DataFrame({"cluster": labels[bad], "reason": pd.Series(reasons, dtype="str")})


def _pairs(labels: pd.Index, hit: Mask, values: NDArray[Any], column: str) -> pd.DataFrame:
    h, j = np.nonzero(hit)
    return pd.DataFrame({"cluster": labels[h], column: values[j]})


def _match(agg: Aggregate, refit: ATTgt | None) -> tuple[Array, NDArray[np.int64]]:
    """Aggregate a refit, and place parameters and cohort sizes by their labels."""
    panel = agg.attgt.panel
    rows = np.zeros(len(panel.cohorts), dtype=np.int64)
    nothing = np.full(len(agg.values), np.nan)
    if refit is None:
        return nothing, rows
    treated = refit.panel.treated
    cohorts, sizes = refit.panel.cohorts[treated], refit.estimates.cohort_rows[0, treated]
    at = dict(zip(cohorts.tolist(), sizes.tolist(), strict=True))
    rows[:] = [at.get(g, 0) for g in panel.cohorts.tolist()]
    try:
        other = aggregate_by(refit, agg.plan.rule)
    except DesignError:
        return nothing, rows
    found = dict(zip(other.parameters, other.values.tolist(), strict=True))
    return np.array([found.get(name, np.nan) for name in agg.parameters]), rows
