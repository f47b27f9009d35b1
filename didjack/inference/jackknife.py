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

from didjack.core import cv3
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference, Inferred, combination
from didjack.core.views import view
from didjack.core.withheld import FEW_TREATED
from didjack.effects.aggregate import Aggregate
from didjack.effects.parameters import Parameter
from didjack.effects.target import Target, treated_behind
from didjack.errors import DesignError
from didjack.inference import notes
from didjack.inference.bands import Band, sup_t_band
from didjack.inference.exact import ExactInference
from didjack.inference.exact_joint import DRAWS, balanced_band, balanced_pretest
from didjack.inference.generalized import generalized_deviations
from didjack.inference.honestdid import UNIVERSAL, HonestDiDInput, honestdid_input
from didjack.inference.places import places
from didjack.inference.pretest import PreTest, joint_pretest
from didjack.inference.sensitivity import Sensitivity, sensitivity
from didjack.inference.thin import leave_out_thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIN_TREATED = 2  # treated clusters that an element of a band or a joint test rests on at least
# With t more: on castle's event study without effects F rejects in 14% and a 95% band covers 86%
# with elements on two treated clusters and more, 8% and 91% on six and more (200 normal samples).
MIN_TREATED_T = FEW_TREATED + 1
ROUNDING = 1e-13  # relative to the largest effect; standard errors below it are rounding error


@dataclass(frozen=True, eq=False)
class Jackknife(Inferred):
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
    def n_treated_clusters(self) -> Index:
        """Clusters with treated units behind each parameter, (P,)."""
        return treated_behind(self.target, self.clusters).sum(axis=0)

    @cached_property
    def _usable(self) -> Mask:
        """Which deletions enter: (C, P)."""
        return np.isfinite(self.replicates[1:])

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Clusters whose deletion leaves no overall effect: cluster, reason."""
        every_cell = self.parameters[0].is_element  # no overall effect: all cells must be gone
        kept = np.asarray(self._usable.any(axis=1) if every_cell else self._usable[:, 0])
        treated = self.target.estimation.panel.treated
        nothing_treated = np.asarray(self.cohort_lost.sum(axis=1) == len(treated))
        return notes.skipped_frame(self.clusters, kept, nothing_treated)

    @cached_property
    def lost_cohorts(self) -> pd.DataFrame:
        """Deletions that remove whole cohorts, so that averages have fewer: cluster, cohort."""
        h, q = np.nonzero(self.cohort_lost)
        cohorts = self.target.estimation.panel.cohorts
        return pd.DataFrame({"cluster": self.clusters.labels[h], "cohort": cohorts[q]})

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
        return self._deviations(self.replicates)[0]

    def _deviations(self, replicates: Array) -> tuple[Array, Array]:
        if self.lost == "generalized":
            deviations = generalized_deviations(replicates[0], replicates[1:])
            return deviations, np.full(deviations.shape[1], len(deviations))
        return cv3.deviations(replicates[0], replicates[1:], self.center)

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
        deviations, H = self._deviations(replicates)
        generalized = self.lost == "generalized"
        scores = deviations if generalized else cv3.scores(deviations, H)
        variance = np.einsum("cp,cp->p", scores, scores)
        # Where every deletion gives the same up to rounding (base periods, zero by construction)
        # there is no standard error.
        largest = np.nanmax(np.abs(self.target.estimation.att), initial=0.0)
        distinct = variance > (ROUNDING * largest) ** 2
        plain = Inference(
            method=self.method,
            parameters=parameters,
            att=replicates[0],
            se=np.sqrt(np.where(distinct, variance, np.nan)),
            df=np.where(H > 1, H - 1.0, np.nan),
            n_clusters=len(self.clusters),
            level=self.level,
            scores=scores,
            n_treated_clusters=n_treated_clusters,
            conservative=generalized,
        )
        if self.exact is None:
            return plain
        return self.exact.complete(plain, combinations, np.isfinite(replicates[1:]))

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
        parts = [i for i in at if np.isfinite(self.inference.se[i])] or at
        fewest = self.n_treated_clusters[parts].min(keepdims=True)
        return self._inference((name,), combined[:, None], coefficients, fewest)

    def band(
        self,
        level: float | None = None,
        n_draws: int | None = None,
        seed: int = 0,
        min_treated: int | None = None,
    ) -> Band:
        """Return a simultaneous band over the elements of an aggregation.

        With critical="t" a sup-t band: its critical value is the quantile of the largest absolute
        entry of a multivariate t with the correlation of the joint CV3 covariance. With
        critical="exact" a balanced band: every element has its own exact critical value, all at
        one tail level, which draws of the reference model give. Elements without a standard error
        (base periods) are left out.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; that of the jackknife without it.
        n_draws : int, optional
            Draws that give the critical values: 100,000 for sup-t and 20,000 for exact ones
            without it.
        seed : int
            Of these draws.
        min_treated : int, optional
            Elements with fewer treated clusters behind them are left out, and the band says which.
            Without it 2 with critical="exact" and 6 with "t", which needs more.

        Raises
        ------
        DesignError
            No element has a standard error, or all are left out.
        """
        enough = self._enough_treated(min_treated)
        among = places(self.inference, lambda parameter: parameter.is_element)
        kept, left_out = leave_out_thin(self.inference, self.n_treated_clusters, enough, among)
        if self.exact is None:
            band = sup_t_band(kept, level, 100_000 if n_draws is None else n_draws, seed)
        else:
            n_draws = DRAWS if n_draws is None else n_draws
            band = balanced_band(self.exact, kept, self._usable, level, n_draws, seed)
        return dataclasses.replace(band, left_out=left_out, min_treated=enough)

    def pretest(
        self, n_draws: int = DRAWS, seed: int = 0, min_treated: int | None = None
    ) -> PreTest:
        """Test that all pre-treatment parameters are zero.

        With critical="t" by their joint CV3 covariance: with H deletions and q parameters,
        F = (H - q) / (q (H - 1)) b' V^-1 b against F(q, H - q), Hotelling's form. With
        critical="exact" by the smallest of their exact p-values, which draws of the reference model
        calibrate; F, calibrated by the same draws, stands beside it.

        Parameters
        ----------
        n_draws, seed : int
            Draws of the reference model, with critical="exact".
        min_treated : int, optional
            As in `band`.

        Raises
        ------
        DesignError
            Nothing before treatment has a standard error, or all is left out. With critical="t"
            also if there are as many parameters as deletions, or the covariance is singular.
        """
        enough = self._enough_treated(min_treated)
        among = places(self.inference, lambda parameter: parameter.is_before_treatment)
        kept, left_out = leave_out_thin(self.inference, self.n_treated_clusters, enough, among)
        if self.exact is None:
            test = joint_pretest(kept)
        else:
            test = balanced_pretest(self.exact, kept, self._usable, n_draws, seed)
        return dataclasses.replace(test, left_out=left_out, min_treated=enough)

    def to_honestdid(self, reference: float = -1, min_treated: int | None = None) -> HonestDiDInput:
        """Hand the event study to tools for sensitivity analysis.

        Parameters
        ----------
        reference : float
            Event time of the base period, which is left out: -1 without anticipation.
        min_treated : int, optional
            2 without it. Event times beyond one that is left out are left out too: the tools take
            event times to follow on each other.

        Raises
        ------
        DesignError
            Not an event study with a universal base period, an event time without a standard
            error, or none that is not left out.
        """
        if self.target.estimation.options.base_period != "universal":
            raise DesignError(UNIVERSAL)
        enough = MIN_TREATED if min_treated is None else min_treated
        counts = self.n_treated_clusters if enough else None
        return honestdid_input(self.inference, reference, counts, enough)

    def sensitivity(
        self,
        parameter: str = "overall",
        alpha: float | None = None,
        ratios: Sequence[float] | None = None,
    ) -> Sensitivity:
        """Let the clusters treated behind a parameter vary more or less than the reference model.

        Parameters
        ----------
        parameter : str
            Or a linear combination, as for `lincom`.
        alpha : float, optional
            Significance level; without it 1 - level of the jackknife.
        ratios : sequence of float, optional
            Ratios of standard deviations at which p is computed; 1/8 to 8 without it.

        Returns
        -------
        Sensitivity

        Raises
        ------
        DesignError
            The jackknife has no exact critical values.
        DataError
            The parameter is unknown, or an argument is out of range.
        """
        if self.exact is None:
            raise DesignError(
                "The ratio of standard deviations moves exact p-values only. Use "
                "jackknife(..., critical='exact')."
            )
        _, at, weights = combination(parameter, self.parameters)
        coefficients = np.zeros(len(self.parameters))
        coefficients[at] = weights
        usable = np.asarray(self._usable[:, at].all(axis=1))
        behind = self.exact.forms.treated[:, coefficients != 0].any(axis=1)
        return sensitivity(
            parameter=parameter,
            t=float(self.lincom(parameter).t[0]),
            forms=self.exact.ratio(coefficients, usable),
            alpha=1 - self.level if alpha is None else alpha,
            n_treated_clusters=int(behind.sum()),
            assumption=self.exact.model.assumption,
            ratios=ratios,
        )

    def _enough_treated(self, min_treated: int | None) -> int:
        if min_treated is not None:
            return min_treated
        return MIN_TREATED_T if self.exact is None else MIN_TREATED

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

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return [
            *self.inference.notes,
            *self.notes_on_deletions,
            *([] if self.exact is None else [self.exact.note]),
        ]

    @property
    def notes_on_deletions(self) -> list[str]:
        """Sentences on deletions that are skipped, or lose cohorts or covariates."""
        return [
            *notes.notes_on_skipped(self.skipped),
            *(notes.notes_on_fewer(self.parameters, self._usable) if self.exact is None else []),
            *notes.notes_on_cohorts(self.lost_cohorts, self.estimand),
            *notes.notes_on_covariates(self.lost_covariates),
        ]

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
