"""A verdict on a finding: what stands behind it, which inference to believe, and what that says.

The rule, and why it computes sizes instead of counting clusters, stands in
`didjack.inference.decision`. Here it is applied to a jackknife and put into two sentences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from didjack.core.arguments import require_numbers
from didjack.core.linalg import Array, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference, combination
from didjack.core.screen import number_writer, p_text, screen_table
from didjack.core.views import Shown
from didjack.effects.target import Target
from didjack.errors import DataError, DesignError
from didjack.inference.decision import (
    RATIOS,
    Decision,
    called_significant,
    decision,
    models_tried,
)
from didjack.inference.exact import ExactInference
from didjack.inference.fitted_variances import effective_sizes
from didjack.inference.sensitivity import loses_at
from didjack.inference.verdict_sentences import basis_sentence, finding_sentence


class Jackknifed(Protocol):
    """What a verdict needs to know of a jackknife."""

    @property
    def target(self) -> Target:
        """What was jackknifed."""

    @property
    def clusters(self) -> Clusters:
        """Label and rows of each cluster."""

    @property
    def replicates(self) -> Array:
        """The full sample and the deletions, (C + 1, P)."""

    @property
    def usable(self) -> Mask:
        """Which deletions enter, (C, P)."""

    @property
    def exact(self) -> ExactInference | None:
        """What exact p-values are computed from."""

    @property
    def level(self) -> float:
        """Coverage of the intervals."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is estimated."""

    def lincom(self, expression: str) -> Inference:
        """Infer on a parameter or a linear combination."""


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Shown):
    """Whether a finding is significant, by one rule for all designs.

    The exact p-value decides where the design makes it robust, and a finding must be significant
    in several models of the errors where it does not: see `didjack.inference.decision` for the
    rule, and `verdict` for sizes.

    Attributes
    ----------
    parameter : str
    att, t : float
        Estimate, and its ratio to the CV3 standard error.
    alpha : float
        Significance level.
    n_clusters, n_treated_clusters : int
        All clusters, and those with treated units behind the parameter.
    n_effective, n_effective_treated : float
        (sum v)^2 / sum v^2 with v what a cluster adds to the variance of the estimate under the
        reference model; over all clusters, and over those treated behind the parameter. As many
        equal clusters would be as concentrated (Carter, Schnepel and Steigerwald 2017, with the
        reference model for their error covariance).
    smaller : bool
        Whether the treated clusters are smaller than the others: noise of units would make them
        vary more, averaged with weights v.
    ratio, ratio_below : float
        Where the exact p-value passes alpha as treated clusters vary more, and less, as in
        `Sensitivity`; NaN unless no test holds its level.
    decision : Decision or None
        Models, sizes and critical values; None without an exact p-value.
    p_values : (K,) array
        In the models of `decision`.
    assumption : str
        The reference model in words.
    """

    parameter: str
    att: float
    t: float
    alpha: float
    n_clusters: int
    n_treated_clusters: int
    n_effective: float
    n_effective_treated: float
    smaller: bool
    ratio: float
    ratio_below: float
    decision: Decision | None = field(repr=False)
    p_values: Array = field(repr=False)
    assumption: str = field(repr=False)

    @property
    def rule(self) -> str:
        """Which part of the rule applies.

        "exact": the exact p-value decides. "strict": all models decide. "none": no test holds its
        level, since the finding is significant by the exact p-value but not in all models; or
        there is no exact p-value.
        """
        if self.decision is None:
            return "none"
        if self.decision.exact_decides:
            return "exact"
        return "none" if self.p <= self.alpha < self.p_largest else "strict"

    @property
    def significant(self) -> bool | None:
        """Whether the rule calls the finding significant; None where no test holds its level."""
        if self.decision is None or self.rule == "none":
            return None
        decides = self.decision.exact_decides
        return bool(called_significant(self.p_values, decides, self.alpha))

    @property
    def p(self) -> float:
        """Exact p-value under the reference model; NaN without one."""
        return self._p(0, 1.0)

    @property
    def p_twice(self) -> float:
        """p-value if treated clusters vary twice as much as the reference model says."""
        return self._p(0, 2.0)

    @property
    def p_half(self) -> float:
        """p-value if treated clusters vary half as much as the reference model says."""
        return self._p(0, 0.5)

    @property
    def p_units(self) -> float:
        """p-value if the noise of units is all there is; NaN where that is not tried.

        It is not tried where clusters are of one size, nor against a model of the user's own.
        """
        models = () if self.decision is None else self.decision.models
        return self._p(models.index("units"), 1.0) if "units" in models else float("nan")

    @property
    def p_largest(self) -> float:
        """The largest p-value in the models that are tried."""
        return float(self.p_values.max()) if len(self.p_values) else float("nan")

    def _p(self, first: int, ratio: float) -> float:
        """Return the p-value at a ratio, of the model that begins at a place."""
        return float(self.p_values[first + RATIOS.index(ratio)]) if len(self.p_values) else np.nan

    @property
    def sentences(self) -> tuple[str, str]:
        """What to believe and why; what that says of the finding."""
        basis = basis_sentence(
            self.parameter,
            self.n_treated_clusters,
            self.n_clusters,
            self.n_effective_treated,
            self.n_effective,
            self.decision,
        )
        finding = finding_sentence(
            self.parameter, self.rule, self.p_values, (self.ratio, self.ratio_below), self.decision
        )
        return basis, finding

    @property
    def sentence(self) -> str:
        """Both sentences."""
        return " ".join(self.sentences)

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        notes = [f"The exact p-value is that of a model in which {self.assumption}."]
        if self.smaller:
            notes.append(
                "Treated clusters are smaller than the others: noise of units would make them vary "
                "more."
            )
        if self.decision is not None:
            notes.append("Sizes are computed for normal errors; they are not estimated.")
        return notes

    def to_frame(self) -> pd.DataFrame:
        """One row: the attributes, without what they are computed from."""
        names = [
            "parameter", "att", "alpha", "n_clusters", "n_treated_clusters", "n_effective",
            "n_effective_treated", "smaller", "rule", "p", "p_twice", "p_half", "p_units",
            "p_largest", "significant", "ratio", "ratio_below",
        ]  # fmt: skip
        return pd.DataFrame({name: [getattr(self, name)] for name in names})

    def headline(self) -> list[str]:
        """Return estimate, exact and largest p-value, counts of clusters, and both sentences."""
        write = number_writer([self.att], signed=True)
        return [
            f"Verdict on {self.parameter} at {100 * self.alpha:g}%",
            f"  estimate {write(self.att)}   t {self.t:+.2f}   exact p {p_text(self.p)}, "
            f"largest {p_text(self.p_largest)}",
            f"  {self.n_clusters:,} clusters, {self.n_treated_clusters:,} treated",
            *(f"  {sentence}" for sentence in self.sentences),
        ]

    def models_frame(self) -> pd.DataFrame:
        """One row per model and ratio: model, ratio, size of the exact test, p."""
        if self.decision is None:
            return pd.DataFrame({"model": [], "ratio": [], "size": [], "p": []})
        d = self.decision
        return pd.DataFrame(
            {"model": d.models, "ratio": d.ratios, "size": d.sizes, "p": self.p_values}
        )

    def summary(self) -> str:
        """Return a short text for people."""
        parts = [f"Verdict on {self.parameter}", "", *self.sentences, ""]
        if self.decision is not None:
            parts += [screen_table(self.models_frame()), ""]
        return "\n".join([*parts, *self.notes])


def verdict(jk: Jackknifed, parameter: str = "overall", alpha: float | None = None) -> Verdict:
    """Say whether a finding is significant, and which inference to believe.

    The rule (`didjack.inference.decision`) computes from the design how often the exact test
    would reject a true null hypothesis if the errors were not those of its reference model: with
    autocorrelation .9, with noise of units alone, and with shocks to treated clusters that vary
    twice and half as much. If never more than 1.2 times alpha (1.5 times with twice and half), the
    exact p-value decides. Otherwise a finding is significant only if its
    p-value is at most alpha in all of these models, and if only the exact one is, no test holds
    its level: `significant` is None.

    Parameters
    ----------
    jk : Jackknife
        With critical="exact".
    parameter : str
        Or a linear combination, as for `lincom`.
    alpha : float, optional
        Significance level; without it 1 - level of the jackknife.

    Returns
    -------
    Verdict

    Raises
    ------
    DesignError
        The jackknife has no exact critical values.
    DataError
        The parameter is unknown, or alpha is not between 0 and 1.
    """
    if jk.exact is None:
        raise DesignError(
            "A verdict rests on exact p-values. Use jackknife(..., critical='exact')."
        )
    alpha = 1 - jk.level if alpha is None else alpha
    require_numbers(alpha=alpha)
    if not 1e-15 <= alpha < 1:  # exact critical values have no more digits
        raise DataError(f"alpha must lie between 0 and 1 (0.05 for 5%), not {alpha!r}.")
    _, at, weights = combination(parameter, jk.parameters)
    coefficients = np.zeros(len(jk.parameters))
    coefficients[at] = weights
    usable = np.asarray(np.isfinite(jk.replicates[1:, at]).all(axis=1))
    inferred, exact = jk.lincom(parameter), jk.exact
    size = effective_sizes(jk.target.estimation.panel, jk.clusters)
    treated = np.asarray(exact.forms.treated[:, coefficients != 0].any(axis=1))
    shares = np.square(exact.model.scale(exact.forms.of_estimate(coefficients)))  # (C, T)
    t, p = float(inferred.t[0]), float(inferred.p[0])
    decided, p_values, ratios = None, np.empty(0), (float("nan"), float("nan"))
    if np.isfinite(p):
        tried = models_tried(exact.model, size)
        forms = [exact.forms.ratio(coefficients, usable, model) for model, _ in tried]
        decided = decision(tried, forms, alpha)
        pairs = [
            (form, ratio)
            for form, (_, scales) in zip(forms, tried, strict=True)
            for ratio in scales
        ]
        p_values = np.array([form.p(t, ratio) for form, ratio in pairs])
        if p_values[0] <= alpha < p_values.max() and not decided.exact_decides:
            up, down = (loses_at(forms[0], t, alpha, upward=side) for side in (True, False))
            ratios = up, down
    return Verdict(
        parameter=parameter,
        att=float(inferred.att[0]),
        t=t,
        alpha=alpha,
        n_clusters=len(jk.clusters),
        n_treated_clusters=int(treated.sum()),
        n_effective=_as_many(shares.sum(axis=1)),
        n_effective_treated=_as_many(shares[treated].sum(axis=1)),
        smaller=_mean_inverse(shares, size, treated) > _mean_inverse(shares, size, ~treated),
        ratio=ratios[0],
        ratio_below=ratios[1],
        decision=decided,
        p_values=p_values,
        assumption=exact.model.assumption,
    )


def _as_many(share: Array) -> float:
    """Return how many equal parts are as concentrated as these, (sum v)^2 / sum v^2."""
    squares = float((share**2).sum())
    return float(share.sum() ** 2 / squares) if squares > 0 else float("nan")


def _mean_inverse(share: Array, size: Array, members: Mask) -> float:
    """Average 1 / size over clusters and periods, weighted by their shares of a variance.

    Rounded, so that clusters of one size are not smaller than each other; NaN without shares.
    """
    weight = share[members]
    total = float(weight.sum())
    return round(float((weight / size[members]).sum()) / total, 12) if total > 0 else float("nan")
