"""p-values and intervals of CV3 t statistics from their exact distribution."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.results import Inference
from didjack.effects.deletions import Deletions
from didjack.effects.estimation import Estimation
from didjack.effects.target import Target
from didjack.errors import DataError, DesignError
from didjack.inference.fitted_variances import fitted_variances
from didjack.inference.linear_forms import LinearForms, linear_forms
from didjack.inference.reference_model import ReferenceModel, TRatio, equal_variances

# Loadings are sums of shares, of size one: squares of sums that cancel are below this.
CANCELLED = 1e-24
# Clusters up to which results show exact values that nobody asked for: some two seconds. Odds of
# covariates make whole matrices by cluster, which take longer.
UNASKED, UNASKED_ODDS = 5_000, 300


@dataclass(frozen=True, eq=False)
class ExactInference:
    """The exact distribution of the t statistics of a target and of its combinations.

    Attributes
    ----------
    forms : LinearForms
        Parameters and their deletions as linear forms in outcomes.
    model : ReferenceModel
        Of the errors.
    """

    forms: LinearForms = field(repr=False)
    model: ReferenceModel

    def ratio(self, combination: Array, usable: Mask) -> TRatio:
        """Return the t statistic of a linear combination of parameters as a ratio of forms.

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.
        usable : (C,) bool array
            Deletions that count.
        """
        return self.forms.ratio(combination, usable, self.model)

    def complete(self, inference: Inference, combinations: Array, usable: Mask) -> Inference:
        """Put exact p-values and critical values in the place of Student's.

        Parameters
        ----------
        inference : Inference
            Of K combinations of parameters.
        combinations : (K, P) array
        usable : (C, K) bool array
            Deletions that count for each.

        Returns
        -------
        Inference
            NaN where there is no standard error.

        Raises
        ------
        DesignError
            Shocks to clusters cancel in an estimate.
        """
        p, critical = np.full((2, len(combinations)), np.nan)
        for k in np.flatnonzero(np.isfinite(inference.se)):
            ratio = self.ratio(combinations[k], usable[:, k])
            if ratio.square.sum() <= CANCELLED * np.square(self.model.sd).max():
                raise DesignError(
                    f"Shocks to clusters cancel in {inference.parameters[k]}: every cluster has "
                    "the same shares of treated units and controls, and the t statistic has no "
                    "exact distribution. Cluster at the level at which treatment was assigned, "
                    "or use critical='t'."
                )
            distribution = ratio.distribution()
            p[k] = distribution.p(inference.t[k])
            critical[k] = distribution.critical_value(inference.level)
        return dataclasses.replace(
            inference,
            exact_p=p,
            exact_critical_value=critical,
            assumption=self.model.assumption,
        )

    @property
    def note(self) -> str:
        """The sentence that must stand beside the numbers."""
        return f"p-values and intervals are exact if {self.model.assumption}."


def too_many_unasked(estimation: Estimation, n_clusters: int) -> str:
    """Say why exact values are not computed unasked: they would take long; empty if not so.

    Parameters
    ----------
    estimation : Estimation
    n_clusters : int
    """
    options = estimation.options
    if options.function is not None:
        return (
            f"The estimator is the function '{options.est_method}', and it would take long. "
            "jackknife(..., critical='exact') has them if the function is linear in outcomes."
        )
    odds = options.est_method != "reg" and not options.is_difference_of_means(estimation.panel)
    most = UNASKED_ODDS if odds else UNASKED
    if n_clusters <= most:
        return ""
    with_odds = " with propensities" if odds else ""
    return (
        f"{n_clusters:,} clusters{with_odds} are more than {most:,}, and it would take long. "
        "jackknife(..., critical='exact') has them."
    )


def exact_inference(
    target: Target,
    deletions: Deletions,
    estimand: str,
    model: ReferenceModel | str | None = None,
) -> ExactInference:
    """Prepare exact p-values and intervals.

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    estimand : {"refit", "fixed"}
        As in `didjack.jackknife`.
    model : ReferenceModel, "equal" or "fitted", optional
        "equal": one variance for all clusters and periods; "fitted": see `fitted_variances`.
        Without it "fitted" where that is possible, else "equal".

    Raises
    ------
    DataError
        The model is one of other clusters or periods, or its name is unknown.
    DesignError
        The estimates are not linear in outcomes, there are too many clusters, or the model cannot
        be fitted.
    """
    size = (len(deletions.clusters), len(deletions.estimation.panel.times))
    if model is None:
        model = _default_model(deletions)
    elif model == "equal":
        model = equal_variances(*size)
    elif model == "fitted":
        model = fitted_variances(deletions)
    if not isinstance(model, ReferenceModel):
        raise DataError(f"model must be 'equal', 'fitted' or a ReferenceModel, not {model!r}.")
    if model.sd.shape != size:
        raise DataError(
            f"The reference model is one of {model.sd.shape[0]} clusters and {model.sd.shape[1]} "
            f"periods; there are {size[0]} and {size[1]}."
        )
    return ExactInference(linear_forms(target, deletions, estimand), model)


def _default_model(deletions: Deletions) -> ReferenceModel:
    """Fit shocks and noise where clusters hold several units that are seen in every period."""
    try:
        return fitted_variances(deletions)
    except DesignError:
        return equal_variances(len(deletions.clusters), len(deletions.estimation.panel.times))
