"""The delete-one-cluster jackknife CV3, for all parameters of an aggregation at once.

V = (H - 1) / H * sum_h (theta_(h) - theta)^2, centred at the full-sample estimate, with t(H - 1)
for tests and intervals, as in R `didjack` and Stata `csdidjack` (Karim, Nielsen, MacKinnon and
Webb 2026). All deletions come from one pass over the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference, combination
from didjack.core.views import view
from didjack.core.withheld import fewest_treated
from didjack.effects.aggregate import Aggregate
from didjack.effects.deletions import delete_clusters
from didjack.effects.parameters import Parameter
from didjack.effects.target import Target, controls_behind, treated_behind
from didjack.errors import DesignError
from didjack.inference import notes
from didjack.inference.exact import ExactInference, exact_inference
from didjack.inference.jackknife_text import JackknifeText
from didjack.inference.linear_forms import all_lost
from didjack.inference.recombined import DeletionRule
from didjack.inference.replicates import fixed_values
from didjack.sample.periods import as_dates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Jackknife(JackknifeText):
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
    exact : ExactInference or None
        With critical="exact": what p-values and intervals are computed from.
    lost : {"skip", "generalized"}
        What a deletion counts with that leaves nothing of a parameter: not at all, or with the
        estimate itself (`didjack.inference.generalized`).
    """

    target: Target = field(repr=False)
    clusters: Clusters = field(repr=False)
    replicates: Array = field(repr=False)
    cohort_lost: Mask = field(repr=False)
    covariate_lost: Mask = field(repr=False)
    level: float = 0.95
    center: str = "estimate"
    estimand: str = "refit"
    exact: ExactInference | None = field(default=None, repr=False)
    lost: str = "skip"

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
    def parameters(self) -> tuple[Parameter, ...]:
        """What is estimated; the overall effect of an aggregation comes first."""
        return self.target.parameters

    @property
    def cluster(self) -> str:
        """The cluster variable."""
        return self.clusters.name

    @property
    def method(self) -> str:
        """CV3 or CV3J; "CV3, exact" with exact critical values; "CV3, generalized"."""
        if self.lost == "generalized":
            return "CV3, generalized"
        name = "CV3" if self.center == "estimate" else "CV3J"
        return name if self.exact is None else f"{name}, exact"

    @cached_property
    def n_control_clusters(self) -> Index:
        """Clusters with controls behind each parameter, (P,)."""
        return controls_behind(self.target, self.clusters).sum(axis=0)

    @cached_property
    def n_treated_clusters(self) -> Index:
        """Clusters with treated units behind each parameter, (P,)."""
        return treated_behind(self.target, self.clusters).sum(axis=0)

    @cached_property
    def usable(self) -> Mask:
        """Which deletions enter: (C, P)."""
        return np.isfinite(self.replicates[1:])

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Clusters whose deletion leaves no overall effect: cluster, reason."""
        every_cell = self.parameters[0].is_element  # no overall effect: all cells must be gone
        kept = np.asarray(self.usable.any(axis=1) if every_cell else self.usable[:, 0])
        treated = self.target.estimation.panel.treated
        nothing_treated = np.asarray(self.cohort_lost.sum(axis=1) == len(treated))
        return notes.skipped_frame(self.clusters, kept, nothing_treated)

    @cached_property
    def lost_cohorts(self) -> pd.DataFrame:
        """Deletions that remove whole cohorts, so that averages have fewer: cluster, cohort."""
        h, q = np.nonzero(self.cohort_lost)
        panel = self.target.estimation.panel
        cohorts: Array | pd.PeriodIndex = panel.cohorts[q]
        if panel.roles.frequency:
            cohorts = as_dates(panel.cohorts[q], panel.roles.frequency)
        return pd.DataFrame({"cluster": self.clusters.labels[h], "cohort": cohorts})

    @cached_property
    def lost_covariates(self) -> pd.DataFrame:
        """Deletions that make a covariate redundant: cluster, covariate."""
        h, j = np.nonzero(self.covariate_lost)
        names = np.array(self.target.estimation.panel.design.names)
        return pd.DataFrame({"cluster": self.clusters.labels[h], "covariate": names[j]})

    @cached_property
    def deviations(self) -> Array:
        """theta_(h) - theta, (C, P).

        Zero where a deletion leaves nothing to estimate; -theta with lost="generalized".
        """
        return self.rule.deviations(self.replicates)[0]

    @property
    def rule(self) -> DeletionRule:
        """How deletions become standard errors."""
        largest = float(np.nanmax(np.abs(self.target.estimation.att), initial=0.0))
        return DeletionRule(
            self.method, self.center, self.lost, len(self.clusters), self.level, largest
        )

    @cached_property
    def inference(self) -> Inference:
        """Standard errors and tests, each parameter over the deletions that can be estimated."""
        every = np.eye(len(self.parameters))
        treated = self.n_treated_clusters
        return self._inference(self.parameters, self.replicates, every, treated)

    def _inference(
        self,
        parameters: tuple[str, ...],
        replicates: Array,
        combinations: Array,
        n_treated_clusters: Index,
    ) -> Inference:
        plain = self.rule.infer(parameters, replicates, n_treated_clusters)
        if self.exact is None:
            return plain
        return self.exact.complete(plain, combinations, np.isfinite(replicates[1:]))

    @cached_property
    def with_exact(self) -> Jackknife:
        """The same with exact critical values: itself, or CV3 with fixed weights.

        Raises
        ------
        DesignError
            The estimates are not linear in outcomes, or there are too many clusters.
        """
        if self.exact is not None:
            return self
        target = self.target
        deletions = delete_clusters(target.estimation, self.clusters.name)
        return dataclasses.replace(
            self,
            replicates=fixed_values(target, deletions, all_lost(target, deletions)),
            center="estimate",
            estimand="fixed",
            exact=exact_inference(target, deletions, "fixed"),
            lost="skip",
        )

    @property
    def with_t(self) -> Jackknife:
        """The same with p-values and intervals from t(H - 1): itself unless they are exact."""
        return self if self.exact is None else dataclasses.replace(self, exact=None)

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P.

        A deletion that removes a parameter contributes nothing to its row and column; each
        parameter keeps its own factor (H - 1) / H, so the diagonal is the squared standard
        errors and the matrix is positive semi-definite.
        """
        return self.inference.vcov

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
        name, at, weights = combination(expression, self.parameters)
        combined = self.replicates[:, at] @ weights
        coefficients = np.zeros((1, len(self.parameters)))
        coefficients[0, at] = weights
        fewest = fewest_treated(self.n_treated_clusters, self.inference.se, at)
        return self._inference((name,), combined[:, None], coefficients, fewest)

    @property
    def atts(self) -> pd.Series:
        """Overall estimates without each cluster, by cluster label; skipped ones are absent."""
        kept = self.usable[:, 0]
        labels = pd.Index(self.clusters.labels[kept], name=self.cluster)
        return pd.Series(self.replicates[1:, 0][kept], index=labels, name="att")

    @property
    def n_clusters(self) -> int:
        """Number of clusters, skipped ones included."""
        return len(self.clusters)

    @property
    def n_replicates(self) -> int:
        """Number of deletions H that the overall standard error uses."""
        return int(self.usable[:, 0].sum())

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
        """Two-sided p-value from t(H - 1), or from the exact distribution.

        NaN from t(H - 1) with fewer than two treated clusters.
        """
        return float(self.inference.p[0])

    @property
    def ci(self) -> tuple[float, float]:
        """Interval of the overall effect from t(H - 1), or from the exact distribution.

        NaN from t(H - 1) with fewer than two treated clusters.
        """
        return float(self.inference.ci_low[0]), float(self.inference.ci_high[0])

    @property
    def df(self) -> int:
        """Degrees of freedom H - 1 of the overall effect, zero without any usable deletion."""
        return max(self.n_replicates - 1, 0)

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.target.estimation.panel.roles.yname

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and controls, for coefficient tables."""
        return self.target.estimation.facts

    @property
    def _cluster_of_errors(self) -> str | None:
        return self.cluster

    def glance(self) -> pd.DataFrame:
        """One row on the whole jackknife."""
        return self.target.estimation.glance().assign(
            att=self.att,
            se=self.se,
            method=self.method,
            cluster=self.cluster,
            n_clusters=self.n_clusters,
            n_replicates=self.n_replicates,
            df=self.df,
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Figure:
        """Draw the delete-one estimates (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        **options
            Title, colour, window or order: those of `didjack.display.plots.plot_jackknife`.
        """
        return view("plot", self, ax=ax, **options)
