"""One table form for every kind of inference."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.coefficients import CoefficientTable, se_type
from didjack.core.linalg import Array, Index, Mask
from didjack.core.lincom import describe_lincom, parse_lincom
from didjack.core.screen import count_text, screen_table
from didjack.core.student import critical_value, two_sided_p
from didjack.core.views import Shown, view
from didjack.core.withheld import FEWEST_TREATED, fewest_treated, notes_on_few_treated
from didjack.errors import DesignError

SHOWN = 12  # parameters that a terminal shows unasked


@dataclass(frozen=True, eq=False, repr=False)
class Inference(Shown, CoefficientTable):
    """Estimates with standard errors, tests and intervals; P parameters.

    Attributes
    ----------
    method : str
        "analytic", "clustered", "CV3", ...
    parameters : tuple of str, length P
    att, se : (P,) arrays
    df : (P,) array
        Degrees of freedom of the t distribution; inf for normal critical values.
    n_clusters : int
        Clusters (or units) that the standard error is made from.
    level : float
        Coverage of the intervals, between 0 and 1.
    exact_p, exact_critical_value : (P,) arrays, optional
        p-values and critical values from an exact distribution; without them those of Student's t
        with `df` degrees of freedom.
    assumption : str
        Under which the exact distribution holds; empty without one.
    scores : (C, P) array, optional
        What each of C clusters, units or draws adds to the parameters: the joint covariance is
        scores' scores. Kept instead of the P x P matrix because the standard error of a linear
        combination w, the norm of scores w, then loses no digits. None where only standard
        errors are known.
    n_treated_clusters : (P,) int array, optional
        Treated clusters (or units) behind each parameter; of a linear combination, those behind
        the parameter that has fewest. None where nothing is treated, as in a regression.
    conservative : bool
        Whether the standard error is so large with one treated cluster that its p-value is no
        danger, and so is not withheld.
    """

    method: str
    parameters: tuple[str, ...]
    att: Array = field(repr=False)
    se: Array = field(repr=False)
    df: Array = field(repr=False)
    n_clusters: int
    level: float = 0.95
    scores: Array | None = field(default=None, repr=False)
    exact_p: Array | None = field(default=None, repr=False)
    exact_critical_value: Array | None = field(default=None, repr=False)
    assumption: str = ""
    n_treated_clusters: Index | None = field(default=None, repr=False)
    conservative: bool = field(default=False, repr=False)

    @property
    def withheld(self) -> Mask:
        """Where p-value and interval are withheld, (P,): NaN instead of a number without meaning.

        With fewer than two treated clusters behind a parameter, the standard error holds nothing
        of how much treated clusters vary, and t or normal critical values are no inference. Exact
        ones are, under their assumption, and are not withheld.
        """
        if self.n_treated_clusters is None or self.exact_p is not None or self.conservative:
            return np.zeros(len(self.parameters), dtype=bool)
        return np.asarray(self.n_treated_clusters < FEWEST_TREATED)

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P: scores' scores.

        Raises
        ------
        DesignError
            Only standard errors are known.
        """
        return labelled(self.parameters, self._joint.T @ self._joint)

    @property
    def _joint(self) -> Array:
        if self.scores is None:
            raise DesignError(
                f"The {self.method} standard errors come without covariances between parameters."
            )
        return self.scores

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination w of parameters: its variance is w' V w.

        Degrees of freedom are the smallest of its parameters. With V from influence functions
        this is the standard error of the combined influence function.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", "0.5*event:0 + 0.5*event:1", or a mapping of
            parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter. No standard error where the combination is zero by construction.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        DesignError
            Only standard errors are known.
        """
        name, at, weights = combination(expression, self.parameters)
        combined = self._joint[:, at] @ weights
        norm = float(np.linalg.norm(combined))
        known = [i for i in at if np.isfinite(self.se[i])] if norm > 0 else []
        counts = self.n_treated_clusters
        return Inference(
            method=self.method,
            parameters=(name,),
            att=np.array([self.att[at] @ weights]),
            se=np.array([norm if known else np.nan]),
            df=np.array([self.df[known].min() if known else np.nan]),
            n_clusters=self.n_clusters,
            level=self.level,
            scores=combined[:, None],
            n_treated_clusters=None if counts is None else fewest_treated(counts, self.se, at),
            conservative=self.conservative,
        )

    @property
    def t(self) -> Array:
        """Ratios of estimate to standard error, (P,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.att / self.se)

    @property
    def p(self) -> Array:
        """Two-sided p-values, (P,); NaN where `withheld`."""
        if self.exact_p is not None:
            return self.exact_p
        return np.where(self.withheld, np.nan, two_sided_p(self.t, self.df))

    @property
    def critical_value(self) -> Array:
        """Quantiles that the intervals use, (P,); NaN where `withheld`."""
        if self.exact_critical_value is not None:
            return self.exact_critical_value
        return np.where(self.withheld, np.nan, critical_value(1 - self.level, self.df))

    @property
    def ci_low(self) -> Array:
        """Lower ends of the intervals, (P,)."""
        return self.att - self.critical_value * self.se

    @property
    def ci_high(self) -> Array:
        """Upper ends of the intervals, (P,)."""
        return self.att + self.critical_value * self.se

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter."""
        frame = pd.DataFrame(
            {
                "parameter": self.parameters,
                "att": self.att,
                "se": self.se,
                "t": self.t,
                "p": self.p,
                "ci_low": self.ci_low,
                "ci_high": self.ci_high,
                "df": self.df,
                "n_clusters": self.n_clusters,
            }
        )
        return self._with_treated(frame)

    def tidy(self) -> pd.DataFrame:
        """Return the same under broom's names."""
        frame = pd.DataFrame(
            {
                "term": list(self.parameters),
                "estimate": self.att,
                "std_error": self.se,
                "statistic": self.t,
                "p_value": self.p,
                "conf_low": self.ci_low,
                "conf_high": self.ci_high,
            }
        )
        return self._with_treated(frame)

    def _with_treated(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.n_treated_clusters is None:
            return frame
        return frame.assign(n_treated_clusters=self.n_treated_clusters)

    @property
    def without_exact(self) -> Inference:
        """The same with p-values and intervals of t with `df` degrees of freedom."""
        if self.exact_p is None:
            return self
        return dataclasses.replace(self, exact_p=None, exact_critical_value=None, assumption="")

    def only(self, place: int) -> Inference:
        """Return the inference on a single parameter.

        Parameters
        ----------
        place : int
            Of the parameter.
        """
        at = slice(place, place + 1) if place >= 0 else slice(place, None)

        def of(values: Any) -> Any:
            return None if values is None else values[..., at]

        return dataclasses.replace(
            self,
            parameters=self.parameters[at],
            att=self.att[at],
            se=self.se[at],
            df=self.df[at],
            scores=of(self.scores),
            exact_p=of(self.exact_p),
            exact_critical_value=of(self.exact_critical_value),
            n_treated_clusters=of(self.n_treated_clusters),
        )

    @property
    def reference(self) -> str:
        """Where critical values come from: "exact", "t(49)", "normal", or "t" of several."""
        if self.exact_p is not None:
            return "exact"
        known = np.unique(self.df[np.isfinite(self.se)])
        if len(known) != 1:
            return "t"
        return "normal" if np.isinf(known[0]) else f"t({known[0]:g})"

    def headline(self) -> list[str]:
        """Return the table, up to twelve rows, under its method and its level."""
        columns = ["parameter", "att", "se", "t", "p", "ci_low", "ci_high"]
        frame = self.to_frame()
        if self.n_treated_clusters is not None:
            columns.append("n_treated_clusters")
        return [
            f"Inference ({self.method}, {100 * self.level:g}% intervals, {self.reference}): "
            f"{count_text(self.n_clusters, 'cluster')}",
            screen_table(frame[columns], limit=SHOWN),
        ]

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.to_frame()

    def coefficient_names(self) -> Sequence[str]:
        """Return the parameters."""
        return self.parameters

    def table_facts(self) -> dict[str, Any]:
        """Return method, critical values, and counts of clusters (of the first parameter)."""
        treated = self.n_treated_clusters
        return {
            "method": self.method,
            "level": self.level,
            "n_clusters": self.n_clusters,
            "n_treated_clusters": None if treated is None else int(treated[0]),
            "se_type": se_type(self.method, None),
            "critical": self.reference,
        }

    @property
    def warnings(self) -> list[str]:
        """Sentences on p-values and intervals that are withheld, or that hold no level."""
        if self.n_treated_clusters is None or self.exact_p is not None or self.conservative:
            return []
        counted = np.isfinite(self.se)
        return notes_on_few_treated(self.parameters, self.n_treated_clusters, counted)


def labelled(names: Sequence[str], covariance: Array) -> pd.DataFrame:
    """Name rows and columns of a covariance.

    Parameters
    ----------
    names : sequence of str, length P
    covariance : (P, P) array
    """
    index = pd.Index(list(names))
    return pd.DataFrame(covariance, index=index, columns=index)


def combination(
    expression: str | Mapping[str, float], parameters: Sequence[str]
) -> tuple[str, list[int], Array]:
    """Read a linear combination: its name, the places of its parameters, their coefficients.

    Parameters
    ----------
    expression : str or mapping
        As for `Inference.lincom`.
    parameters : sequence of str
    """
    weights = parse_lincom(expression, parameters)
    name = expression if isinstance(expression, str) else describe_lincom(weights)
    places = [list(parameters).index(parameter) for parameter in weights]
    return name, places, np.array(list(weights.values()))


class Inferred(Shown, CoefficientTable):
    """A result with one inference on all of its parameters."""

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return self.inference.warnings

    @property
    def inference(self) -> Inference:
        """Standard errors, tests and intervals of all parameters."""
        raise NotImplementedError

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the table of the inference."""
        return self.inference.to_frame()

    def coefficient_names(self) -> Sequence[str]:
        """Return the parameters."""
        return self.inference.parameters

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and cluster variable, by the keys of `table_facts`."""
        return {}

    @property
    def _cluster_of_errors(self) -> str | None:
        """Variable by which standard errors are clustered; None: the unit."""
        return None

    def table_facts(self) -> dict[str, Any]:
        """Return sizes, estimator, and how standard errors were made."""
        cluster = self._cluster_of_errors
        return {
            **self.sample_facts(),
            **self.inference.table_facts(),
            "cluster": cluster,
            "se_type": se_type(self.inference.method, cluster),
        }

    def to_frame(self, bands: bool = False) -> pd.DataFrame:
        """One row per parameter: att, se, t, p, interval, df, n_clusters, n_treated_clusters.

        Parameters
        ----------
        bands : bool
            True: with band_low and band_high, the limits of the simultaneous band.
        """
        return with_bands(self.inference.to_frame(), self) if bands else self.inference.to_frame()

    def tidy(self, bands: bool = False) -> pd.DataFrame:
        """Return the parameters under broom's names.

        Columns term, estimate, std_error, statistic, p_value, conf_low, conf_high,
        n_treated_clusters.

        Parameters
        ----------
        bands : bool
            True: with band_low and band_high, the limits of the simultaneous band; NaN for what
            is not in it.
        """
        return with_bands(self.inference.tidy(), self) if bands else self.inference.tidy()


def with_bands(frame: pd.DataFrame, result: Inferred) -> pd.DataFrame:
    """Add the limits of the simultaneous band to a table of parameters.

    Parameters
    ----------
    frame : DataFrame
        One row per parameter of the result.
    result : Inferred
        Where there is no band, or an interval is withheld, limits are NaN.
    """
    low, high = view("band limits", result)
    return frame.assign(band_low=low, band_high=high)
