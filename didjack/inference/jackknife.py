"""The delete-one-cluster jackknife CV3, for all parameters of an aggregation at once.

V = (H - 1) / H * sum_h (theta_(h) - theta)^2, centred at the full-sample estimate, with t(H - 1)
for tests and intervals, as in R `didjack` and Stata `csdidjack` (Karim, Nielsen, MacKinnon and
Webb 2026). All deletions come from one pass over the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from didjack.core.linalg import Array, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference
from didjack.core.views import Shown, view
from didjack.effects.aggregate import Aggregate, Joint
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError, DesignError
from didjack.inference.bands import Band, t_band
from didjack.inference.deletions import Replicates, replicate
from didjack.inference.honestdid import HonestDiDInput, honestdid_input
from didjack.inference.lincom import describe_lincom, parse_lincom
from didjack.inference.pretest import PreTest, f_pretest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Target = Aggregate | ATTgt | Joint


@dataclass(frozen=True, eq=False)
class Jackknife(Shown):
    """Cluster-jackknife inference; C clusters, P parameters.

    Attributes
    ----------
    target : Aggregate, ATTgt or Joint
        What was jackknifed.
    clusters : Clusters
        Label and rows of each cluster.
    replicates : (C + 1, P) array
        Row 0 is the full sample, row h + 1 the estimates without cluster h; NaN where a
        deletion leaves nothing to estimate.
    cohort_lost : (C, Q) bool array
        Whether a deletion removes a treated cohort.
    covariate_lost : (C, k) bool array
        Whether a deletion makes a covariate redundant.
    level : float
        Coverage of the intervals.
    center : {"estimate", "mean"}
        "estimate": CV3; "mean": CV3J, centred at the mean of the deletions.
    estimand : {"refit", "fixed"}
        "fixed": the weights of the full sample are kept under deletion.
    """

    target: Target = field(repr=False)
    clusters: Clusters = field(repr=False)
    replicates: Array = field(repr=False)
    cohort_lost: Mask = field(repr=False)
    covariate_lost: Mask = field(repr=False)
    level: float = 0.95
    center: str = "estimate"
    estimand: str = "refit"

    @property
    def aggregate(self) -> Aggregate:
        """The aggregation that was jackknifed.

        Raises
        ------
        DesignError
            Group-time effects or several aggregations were jackknifed.
        """
        if not isinstance(self.target, Aggregate):
            raise DesignError("This jackknife is not of a single aggregation; see .target.")
        return self.target

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters; the overall effect of an aggregation comes first."""
        return self.target.parameters

    @property
    def cluster(self) -> str:
        """The cluster variable."""
        return self.clusters.name

    @property
    def method(self) -> str:
        """CV3 or CV3J."""
        return "CV3" if self.center == "estimate" else "CV3J"

    @cached_property
    def _usable(self) -> Mask:
        """Which deletions enter: (C, P)."""
        return np.isfinite(self.replicates[1:])

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Clusters whose deletion leaves no overall effect: cluster, reason."""
        kept = self._usable.any(axis=1)
        if not isinstance(self.target, ATTgt):
            kept = self._usable[:, 0]
        nothing_treated = self.cohort_lost.sum(axis=1) == len(self.target.attgt.panel.treated)
        skipped = np.flatnonzero(~kept)
        reasons = np.where(
            nothing_treated[skipped],
            "the only treated cluster; without it nothing is treated",
            "no cell of the aggregation can be estimated without it",
        )
        return pd.DataFrame({"cluster": self.clusters.labels[skipped], "reason": reasons})

    @cached_property
    def lost_cohorts(self) -> pd.DataFrame:
        """Deletions that remove whole cohorts, so that averages have fewer: cluster, cohort."""
        h, q = np.nonzero(self.cohort_lost)
        cohorts = self.target.attgt.panel.cohorts
        return pd.DataFrame({"cluster": self.clusters.labels[h], "cohort": cohorts[q]})

    @cached_property
    def lost_covariates(self) -> pd.DataFrame:
        """Deletions that make a covariate redundant: cluster, covariate."""
        h, j = np.nonzero(self.covariate_lost)
        names = np.array(self.target.attgt.panel.design.names)
        return pd.DataFrame({"cluster": self.clusters.labels[h], "covariate": names[j]})

    @cached_property
    def deviations(self) -> Array:
        """theta_(h) - theta, (C, P); zero where a deletion leaves nothing to estimate."""
        return self._deviations(self.replicates)

    def _deviations(self, replicates: Array) -> Array:
        usable = np.isfinite(replicates[1:])
        center = replicates[0]
        if self.center == "mean":
            count = np.maximum(usable.sum(axis=0), 1)
            center = np.where(usable, replicates[1:], 0.0).sum(axis=0) / count
        return np.where(usable, replicates[1:] - center, 0.0)

    @cached_property
    def inference(self) -> Inference:
        """Standard errors and tests, each parameter over the deletions that can be estimated."""
        return self._inference(self.parameters, self.replicates)

    def _inference(self, parameters: tuple[str, ...], replicates: Array) -> Inference:
        H = np.isfinite(replicates[1:]).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (H - 1) / H * (self._deviations(replicates) ** 2).sum(axis=0)
        # Where every deletion gives the same up to rounding (base periods, zero by construction)
        # there is no standard error.
        rounding = 1e-13 * np.nanmax(np.abs(self.target.attgt.att), initial=0.0)
        return Inference(
            method=self.method,
            parameters=parameters,
            att=replicates[0],
            se=np.where((H > 1) & (variance > rounding**2), np.sqrt(variance), np.nan),
            df=np.where(H > 1, H - 1.0, np.nan),
            n_clusters=len(self.clusters),
            level=self.level,
        )

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P.

        A deletion that removes a parameter contributes nothing to its row and column; each
        parameter keeps its own factor (H - 1) / H, so the diagonal is the squared standard
        errors and the matrix is positive semi-definite.
        """
        H = self._usable.sum(axis=0)
        factor = np.where(H > 1, (H - 1) / np.maximum(H, 1), np.nan)  # as for the standard errors
        scaled = self.deviations * np.sqrt(factor)
        return pd.DataFrame(scaled.T @ scaled, index=self.parameters, columns=self.parameters)

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters.

        Its deletions are the same combination of the deletions of its parameters, so nothing is
        approximated; deletions that lack one of them are left out.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", "0.5*event:0 + 0.5*event:1", or a mapping of
            parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        """
        weights = parse_lincom(expression, self.parameters)
        at = [self.parameters.index(name) for name in weights]
        combined = self.replicates[:, at] @ np.array(list(weights.values()))
        name = expression if isinstance(expression, str) else describe_lincom(weights)
        return self._inference((name,), combined[:, None])

    def band(self, level: float | None = None, n_draws: int = 100_000, seed: int = 0) -> Band:
        """Return a simultaneous (sup-t) band over the elements of an aggregation.

        Its critical value is the quantile of the largest absolute entry of a multivariate t with
        the correlation of the joint CV3 covariance. Elements without a standard error (base
        periods) are left out.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; that of the jackknife without it.
        n_draws : int
            Draws of the multivariate t that gives the critical value.
        seed : int
            Of these draws.

        Raises
        ------
        DesignError
            No element has a standard error.
        """
        return t_band(self, self.level if level is None else level, n_draws, seed)

    def pretest(self) -> PreTest:
        """Test that all pre-treatment parameters are zero, with their joint CV3 covariance.

        With H deletions and q parameters, F = (H - q) / (q (H - 1)) b' V^-1 b against
        F(q, H - q): Hotelling's form.

        Raises
        ------
        DesignError
            Nothing before treatment has a standard error, or there are as many parameters as
            deletions, or the covariance is singular.
        """
        return f_pretest(self)

    def to_honestdid(self, reference: float = -1) -> HonestDiDInput:
        """Hand the event study to tools for sensitivity analysis.

        Parameters
        ----------
        reference : float
            Event time of the base period, which is left out: -1 without anticipation.

        Raises
        ------
        DesignError
            Not an event study with a universal base period, or an event time without a standard
            error.
        """
        return honestdid_input(self, reference)

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
        return float(self.replicates[0, 0])

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
        """Degrees of freedom H - 1 of the overall effect, zero without any usable deletion."""
        return max(self.n_replicates - 1, 0)

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: att, CV3 se, t, p, interval, df, n_clusters."""
        return self.inference.to_frame()

    def tidy(self) -> pd.DataFrame:
        """Return the parameters under broom's names."""
        return self.inference.tidy()

    def glance(self) -> pd.DataFrame:
        """One row on the whole jackknife."""
        return self.target.attgt.glance().assign(
            att=self.att,
            se=self.se,
            method=self.method,
            cluster=self.cluster,
            n_clusters=self.n_clusters,
            n_replicates=self.n_replicates,
            df=self.df,
        )

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        notes = [f"Skipped cluster {c}: {reason}." for c, reason in self.skipped.to_numpy()]
        usable = self._usable.sum(axis=0)
        fewer = (usable < usable.max()) & (usable > 0)
        if fewer.any():
            names = ", ".join(n for n, few in zip(self.parameters, fewer, strict=True) if few)
            notes.append(
                f"Some deletions leave nothing of {names}: the standard error varies the other "
                "clusters only, and is too small where one treated cluster carries the effect."
            )
        for cluster, rows in self.lost_cohorts.groupby("cluster", sort=False):
            lost = ", ".join(f"{g:g}" for g in rows["cohort"])
            moves = (
                "the estimand moves"
                if self.estimand == "refit"
                else "its effects are held at their full-sample estimates"
            )
            notes.append(f"Without cluster {cluster}, cohort {lost} is lost: {moves}.")
        for cluster, rows in self.lost_covariates.groupby("cluster", sort=False):
            lost = ", ".join(rows["covariate"])
            notes.append(f"Without cluster {cluster}, covariate {lost} is redundant.")
        return notes

    def summary(self) -> str:
        """Return a short text for people."""
        head = f"Cluster jackknife ({self.method}) by {self.cluster}: {self.n_clusters} clusters"
        return "\n".join([head, "", self.to_frame().to_string(index=False), "", *self.notes])

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the delete-one estimates (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        """
        return view("plot", self, ax=ax)


def jackknife(
    target: Target | Sequence[Aggregate],
    cluster: str | None = None,
    level: float = 0.95,
    *,
    center: str = "estimate",
    estimand: str = "refit",
) -> Jackknife:
    """Jackknife estimates by deleting one cluster at a time.

    Parameters
    ----------
    target : Aggregate, ATTgt, or a sequence of Aggregate
        From `aggte`; from `att_gt` for all group-time cells; several aggregations of the same
        cells for their joint covariance.
    cluster : str, optional
        Cluster variable, any column of the data that is constant within unit. The default is
        the clustervars of `att_gt`, else idname.
    level : float
        Coverage of the intervals, between 0 and 1.
    center : {"estimate", "mean"}
        Deviations from the full-sample estimate (CV3), or from the mean of the deletions
        (CV3J), which is never larger.
    estimand : {"refit", "fixed"}
        "refit": a deletion that removes cells re-weights the average over the others, as a
        refit without the cluster does and as R `didjack` and Stata `csdidjack` do. "fixed":
        all averages keep their full-sample weights, and cells that a deletion removes are held
        at their full-sample estimate. The estimand then stays the same under every deletion;
        what only the deleted cluster can tell about is left out of the standard error.

    Returns
    -------
    Jackknife

    Notes
    -----
    Only clusters with rows in the estimation sample count. R `didjack` and Stata `csdidjack` also
    delete clusters all of whose rows were left out before (for example treated in the first
    period): such deletions change nothing but raise H. Their H, and with it (H - 1) / H and the
    degrees of freedom, is then larger.

    Raises
    ------
    DataError
        `level` is not between 0 and 1, or the cluster variable cannot be used.
    DesignError
        There are fewer than two clusters, or deleting one leaves no never-treated control.
    """
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    if center not in ("estimate", "mean"):
        raise DataError(f"center must be 'estimate' (CV3) or 'mean' (CV3J), not {center!r}.")
    if estimand not in ("refit", "fixed"):
        raise DataError(f"estimand must be 'refit' or 'fixed', not {estimand!r}.")
    if not isinstance(target, (Aggregate, ATTgt, Joint)):
        target = Joint.of(target)
    res = target.attgt
    name = _cluster_variable(res, cluster)
    if name not in res.cache:  # the four aggregations share one pass
        res.cache[name] = replicate(res, name)
    replicates = res.cache[name]
    jk = _from_replicates(target, replicates, level, estimand)
    return dataclasses.replace(jk, center=center)


def _cluster_variable(res: ATTgt, cluster: str | None) -> str:
    name = cluster or res.beyond_unit or res.panel.roles.idname
    if name is None:
        raise DataError(
            "Repeated cross-sections need a cluster variable: pass clustervars to att_gt, or "
            "cluster to jackknife."
        )
    return name


def _from_replicates(
    target: Target, replicates: Replicates, level: float, estimand: str
) -> Jackknife:
    res, estimates = target.attgt, replicates.estimates
    rows = estimates.cohort_rows.copy()
    if estimand == "fixed":
        values = target.linear(_fill(res, replicates))
        for h, refit in replicates.refits.items():
            rows[h + 1] = _cohort_rows(res, refit)
    else:
        values = target.evaluate(estimates)
        for h, refit in replicates.refits.items():
            rows[h + 1] = _cohort_rows(res, refit)
            values[h + 1] = _match(target, refit)
    panel = res.panel
    lost = (rows[1:] == 0) & (rows[0] > 0)
    lost[:, ~np.isin(np.arange(rows.shape[1]), panel.treated)] = False
    if estimand == "fixed":  # nothing can be learnt from it about any treated cohort
        values[1:][lost.sum(axis=1) == len(panel.treated)] = np.nan
    values[0] = target.values
    return Jackknife(
        target=target,
        clusters=replicates.clusters,
        replicates=values,
        cohort_lost=lost,
        covariate_lost=estimates.left_out[1:] & ~estimates.left_out[0],
        level=level,
        estimand=estimand,
    )


def _fill(res: ATTgt, replicates: Replicates) -> Array:
    """Cells of all replicates, (C + 1, m), with the full sample's where a deletion has none."""
    att = replicates.estimates.att.copy()
    for h, refit in replicates.refits.items():
        att[h + 1] = np.nan if refit is None else _by_name(refit, res.parameters)
    return np.where(np.isfinite(att), att, res.att)


def _cohort_rows(res: ATTgt, refit: ATTgt | None) -> NDArray[np.int64]:
    """Place the cohort sizes of a refit by cohort; zero for cohorts without effects there."""
    if refit is None:
        return np.zeros(len(res.panel.cohorts), dtype=np.int64)
    treated = refit.panel.treated
    cohorts, sizes = refit.panel.cohorts[treated], refit.estimates.cohort_rows[0, treated]
    at = dict(zip(cohorts.tolist(), sizes.tolist(), strict=True))
    return np.array([at.get(g, 0) for g in res.panel.cohorts.tolist()], dtype=np.int64)


def _match(target: Target, refit: ATTgt | None) -> Array:
    """Evaluate a refit, and place its parameters by name."""
    try:
        other = None if refit is None else target.again(refit)
    except DesignError:
        other = None
    if other is None:
        return np.full(len(target.values), np.nan)
    return _by_name(other, target.parameters)


def _by_name(target: Target, parameters: tuple[str, ...]) -> Array:
    found = dict(zip(target.parameters, target.values.tolist(), strict=True))
    return np.array([found.get(name, np.nan) for name in parameters])
