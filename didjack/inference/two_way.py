"""The two-way cluster jackknife: errors that are correlated within clusters of two variables.

With CV3 of the G clusters of the first variable, the H clusters of the second and the I clusters
that they form together (MacKinnon, Nielsen and Webb 2024, "Jackknife inference with two-way
clustering", arXiv:2406.08880),

    V = V_G + V_H - V_I.

V need not be positive. The standard error is the root of the largest of V, V_G and V_H, which
always is, with critical values of t(min(G, H) - 1): the rule max(se) of these authors, followed as
their Stata program `twowayjack` (version 1, June 2024) computes it. Their paper was not at hand,
so that no equation is cited. G, H and I count the deletions that can be estimated.

The program has one coefficient. A joint covariance of several is this package's own: that of the
three terms with negative eigenvalues set to zero, as Cameron, Gelbach and Miller (2011) do, scaled
to the standard errors above. A linear combination has its own three variances from its own
deletions, and the largest of them.

Where one variable is nested in the other, the finer one and the intersection are the same clusters:
their variances cancel, and V is that of the coarser variable.

No exact distribution is known of this t statistic. Simulated without an effect (400 samples, shocks
to 24 states and to 12 industries and noise of their 288 units, all independent over time), its 5%
test rejects in 3.5%; clustered by state alone 12%, by industry alone 9%, by unit 36%.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.results import Inference, Inferred
from didjack.core.screen import Bounds, estimate_lines, screen_table
from didjack.core.two_way_variance import joint_scores, largest_variance
from didjack.core.withheld import NAMED, notes_on_few_treated
from didjack.effects.parameters import Parameter
from didjack.effects.target import Target
from didjack.errors import DesignError
from didjack.inference.honestdid import UNIVERSAL, HonestDiDInput, honestdid_input
from didjack.inference.jackknife import Jackknife
from didjack.inference.joint_tests import MIN_TREATED

REMEDIES = (
    "With one cluster variable critical='exact' has both, under its assumption.",
    "Compare critical='exact' with one cluster variable.",
)


@dataclass(frozen=True, eq=False)
class TwoWayJackknife(Inferred):
    """Two-way cluster-jackknife inference; P parameters.

    Attributes
    ----------
    first, second : Jackknife
        One cluster variable each.
    crossed : Jackknife
        Of the clusters that both form together; the finer of the two where they are nested.
    coarser : str or None
        The variable in which the other is nested.
    """

    first: Jackknife
    second: Jackknife
    crossed: Jackknife = field(repr=False)
    coarser: str | None = None

    @property
    def target(self) -> Target:
        """What was jackknifed."""
        return self.first.target

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is estimated; the overall effect of an aggregation comes first."""
        return self.first.parameters

    @property
    def clustervars(self) -> tuple[str, str]:
        """The cluster variables."""
        return self.first.cluster, self.second.cluster

    @property
    def estimand(self) -> str:
        """As in `didjack.jackknife`: "refit" or "fixed"."""
        return self.first.estimand

    @property
    def level(self) -> float:
        """Coverage of the intervals."""
        return self.first.level

    @property
    def method(self) -> str:
        """CV3 or CV3J, two-way."""
        return f"{self.first.method}, two-way"

    @cached_property
    def inference(self) -> Inference:
        """Standard errors and tests of all parameters."""
        return self._combined(self.first.inference, self.second.inference, self.crossed.inference)

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters.

        Its deletions are the same combination of the deletions of its parameters, in each of the
        three jackknives, so that its standard error is not that of `vcov` but exactly the one that
        it would have as a parameter.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", or a mapping of parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        """
        first, second, crossed = (
            one.lincom(expression) for one in (self.first, self.second, self.crossed)
        )
        return self._combined(first, second, crossed)

    def _combined(self, first: Inference, second: Inference, crossed: Inference) -> Inference:
        se = self._standard_errors(first, second, crossed)
        treated = np.minimum(_treated(first), _treated(second))
        V_G, V_H, V_I = (one.vcov.to_numpy() for one in (first, second, crossed))
        return Inference(
            method=self.method,
            parameters=first.parameters,
            att=first.att,
            se=se,
            df=np.minimum(first.df, second.df),
            n_clusters=min(first.n_clusters, second.n_clusters),
            level=self.level,
            scores=joint_scores(V_G + V_H - V_I, se),
            n_treated_clusters=treated,
        )

    def _standard_errors(self, first: Inference, second: Inference, crossed: Inference) -> Array:
        if self.coarser is not None:
            return (first if self.coarser == self.first.cluster else second).se
        return np.sqrt(largest_variance(first.se**2, second.se**2, crossed.se**2))

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P.

        That of the three terms with negative eigenvalues set to zero, scaled so that its diagonal
        is the squared standard errors.
        """
        return self.inference.vcov

    def to_honestdid(self, reference: float = -1, min_treated: int | None = None) -> HonestDiDInput:
        """Hand the event study to sensitivity analysis, `didjack.inference.honest.honest_bounds`.

        Parameters
        ----------
        reference, min_treated
            As for `Jackknife.to_honestdid`; the treated clusters are those of the variable that
            has fewer.

        Raises
        ------
        DesignError
            As for `Jackknife.to_honestdid`.
        """
        if self.target.estimation.options.base_period != "universal":
            raise DesignError(UNIVERSAL)
        enough = MIN_TREATED if min_treated is None else min_treated
        counts = _treated(self.inference) if enough else None
        return honestdid_input(self.inference, reference, counts, enough)

    @property
    def components(self) -> pd.DataFrame:
        """What the standard errors are made of, one row per parameter.

        Columns parameter; se_first, se_second and se_crossed: CV3 standard errors with one
        variable, and with the intersection; se_three_terms: the root of V, NaN where V is
        negative; se: the one that is used; n_first, n_second, n_crossed: deletions that count.
        """
        parts = {"first": self.first, "second": self.second, "crossed": self.crossed}
        frame = pd.DataFrame({"parameter": self.inference.parameters})
        for name, one in parts.items():
            frame[f"se_{name}"] = one.inference.se
        V = frame["se_first"] ** 2 + frame["se_second"] ** 2 - frame["se_crossed"] ** 2
        frame["se_three_terms"] = np.sqrt(V.where(V >= 0))
        frame["se"] = self.inference.se
        for name, one in parts.items():
            frame[f"n_{name}"] = one.usable.sum(axis=0)
        return frame

    @property
    def att(self) -> float:
        """The overall effect in the full sample."""
        return self.first.att

    @property
    def se(self) -> float:
        """Two-way standard error of the overall effect."""
        return float(self.inference.se[0])

    @property
    def t(self) -> float:
        """Ratio of overall effect to standard error."""
        return float(self.inference.t[0])

    @property
    def p(self) -> float:
        """Two-sided p-value from t(min(G, H) - 1); NaN with fewer than two treated clusters."""
        return float(self.inference.p[0])

    @property
    def ci(self) -> tuple[float, float]:
        """Interval of the overall effect; NaN with fewer than two treated clusters."""
        return float(self.inference.ci_low[0]), float(self.inference.ci_high[0])

    @property
    def df(self) -> int:
        """Degrees of freedom min(G, H) - 1 of the overall effect."""
        return min(self.first.df, self.second.df)

    @property
    def n_clusters(self) -> tuple[int, int]:
        """Number of clusters of each variable, skipped ones included."""
        return self.first.n_clusters, self.second.n_clusters

    def glance(self) -> pd.DataFrame:
        """One row on the whole jackknife."""
        return self.target.estimation.glance().assign(
            att=self.att,
            se=self.se,
            method=self.method,
            clustervars=" and ".join(self.clustervars),
            n_clusters_first=self.first.n_clusters,
            n_clusters_second=self.second.n_clusters,
            n_clusters_crossed=self.crossed.n_clusters,
            df=self.df,
        )

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return [
            *self.notes_on_few(self.inference),
            *self._notes_on_variance,
            *_of(self.first),
            *_of(self.second),
        ]

    def notes_on_few(self, inference: Inference) -> list[str]:
        """Say which p-values are withheld, and which hold no level, with a remedy that exists.

        Parameters
        ----------
        inference : Inference
            Of this jackknife, or from `lincom`.
        """
        counts, counted = _treated(inference), np.isfinite(inference.se)
        return notes_on_few_treated(inference.parameters, counts, counted, REMEDIES)

    @property
    def _notes_on_variance(self) -> list[str]:
        a, b = self.clustervars
        if self.coarser is not None:
            finer = b if self.coarser == a else a
            return [
                f"'{finer}' is nested in '{self.coarser}': the variance is that of "
                f"'{self.coarser}' alone."
            ]
        parts = self.components
        one_way = parts[["se_first", "se_second"]].max(axis=1)
        raised = ~(parts["se_three_terms"] >= one_way) & parts["se"].notna()
        if not raised.any():
            return []
        names = [str(name) for name in parts["parameter"][raised]]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return [
            f"Two-way variances of {', '.join(names[:NAMED])}{more} are smaller than the larger of "
            "both one-way variances, or negative; the larger one stands."
        ]

    def headline(self) -> list[str]:
        """Return the clusters of both variables, and the first estimate."""
        (a, b), (G, H) = self.clustervars, self.n_clusters
        i = self.inference
        interval = Bounds(f"t({i.df[0]:g})", float(i.ci_low[0]), float(i.ci_high[0]), float(i.p[0]))
        return [
            f"Two-way cluster jackknife ({self.method}) by {a} ({G} clusters) and {b} ({H} "
            f"clusters), {self.crossed.n_clusters} together",
            *estimate_lines(float(i.att[0]), float(i.se[0]), [interval]),
        ]

    def summary(self) -> str:
        """Return a short text for people: the table and the notes."""
        head = self.headline()[0]
        return "\n".join([head, "", screen_table(self.to_frame()), "", *self.notes])


def _treated(inference: Inference) -> Index:
    assert inference.n_treated_clusters is not None  # a jackknife counts them
    return inference.n_treated_clusters


def _of(jackknife: Jackknife) -> list[str]:
    return [f"By '{jackknife.cluster}': {note}" for note in jackknife.notes_on_deletions]
