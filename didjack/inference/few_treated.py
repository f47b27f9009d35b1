"""Inference with one to three treated clusters, from the residual paths of the controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.arguments import require_name, require_share, require_text, require_whole
from didjack.core.coefficients import CoefficientTable, se_type
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.screen import Bounds, estimate_lines, remarks, screen_table
from didjack.core.views import Shown
from didjack.effects.aggregate import Aggregate
from didjack.effects.averages import linearize
from didjack.errors import DataError, DesignError
from didjack.inference.assigned import cohort_of
from didjack.inference.control_residuals import cluster_sizes, residual_means
from didjack.inference.placebo_paths import (
    VarianceFit,
    control_statistics,
    half_width,
    placebo_estimates,
    placebo_p,
)

METHODS = ("conley-taber", "ferman-pinto")
MIN_CONTROLS = 10
NAMES = {"conley-taber": "Conley-Taber", "ferman-pinto": "Ferman-Pinto"}
ASSUMPTIONS = {
    "conley-taber": "It assumes that the errors of treated and control clusters have one "
    "distribution, and that there are many controls.",
    "ferman-pinto": "It assumes that the variance of a cluster's error depends on its size only, "
    "as fitted, that errors have otherwise one distribution, and that there are many controls.",
}


@dataclass(frozen=True, eq=False, repr=False)
class FewTreated(Shown, CoefficientTable):
    """Inference on the parameters of an average that rest on few treated clusters; P parameters.

    Attributes
    ----------
    target : Aggregate
    method : {"conley-taber", "ferman-pinto"}
    cluster : str
        The cluster variable.
    parameters : tuple of str, length P
    att : (P,) array
    n_treated_clusters : (P,) int array
        Treated clusters behind each parameter.
    draws : tuple of P arrays
        Placebo estimates; empty where a parameter rests on no or too many treated clusters.
    exact : (P,) bool array
        Whether the draws are all ways to put controls in the treated clusters' places.
    n_controls : int
        Never-treated clusters whose residuals were used.
    fits : mapping of (str, label) to VarianceFit
        By parameter and treated cluster; empty for Conley-Taber.
    level : float
        Coverage of the intervals.
    max_treated : int
    left_out : tuple of labels
        Never-treated clusters that are not observed in every period.
    """

    target: Aggregate = field(repr=False)
    method: str
    cluster: str
    parameters: tuple[str, ...]
    att: Array = field(repr=False)
    n_treated_clusters: Index = field(repr=False)
    draws: tuple[Array, ...] = field(repr=False)
    exact: Mask = field(repr=False)
    n_controls: int
    fits: Mapping[tuple[str, object], VarianceFit] = field(repr=False)
    level: float
    max_treated: int
    left_out: tuple[object, ...] = ()

    @property
    def assumption(self) -> str:
        """What makes the numbers valid, in one sentence."""
        return ASSUMPTIONS[self.method]

    @property
    def p(self) -> Array:
        """Two-sided p-values, (P,); NaN where there are no draws."""
        pairs = zip(self.att.tolist(), self.draws, strict=True)
        return np.array([placebo_p(a, d) if len(d) else np.nan for a, d in pairs])

    @property
    def half_widths(self) -> Array:
        """Half the length of the intervals, (P,); NaN where there are no draws."""
        return np.array([half_width(d, self.level) if len(d) else np.nan for d in self.draws])

    @property
    def ci_low(self) -> Array:
        """Lower ends of the intervals: the smallest constant effects that are not rejected."""
        return self.att - self.half_widths

    @property
    def ci_high(self) -> Array:
        """Upper ends of the intervals."""
        return self.att + self.half_widths

    @property
    def equal_tailed(self) -> Array:
        """Estimate minus the quantiles of the placebo estimates, (P, 2).

        The interval of Conley and Taber (2011). It is not symmetric and leaves as much out on
        either side; with few controls it covers less than its level.
        """
        tails = [(1 + self.level) / 2, (1 - self.level) / 2]
        rows = [
            a - np.quantile(d, tails) if len(d) else np.full(2, np.nan)
            for a, d in zip(self.att.tolist(), self.draws, strict=True)
        ]
        return np.array(rows)

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter."""
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "att": self.att,
                "p": self.p,
                "ci_low": self.ci_low,
                "ci_high": self.ci_high,
                "n_treated_clusters": self.n_treated_clusters,
                "n_controls": self.n_controls,
                "n_placebo": [len(d) for d in self.draws],
            }
        )

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        notes = [*self.warnings, self.assumption]
        many = [
            name
            for name, n in zip(self.parameters, self.n_treated_clusters, strict=True)
            if n > self.max_treated
        ]
        if many:
            notes.append(
                f"More than {self.max_treated} treated clusters stand behind {', '.join(many)}: "
                "their part of the error is not learnt from single controls."
            )
        if self.left_out:
            listed = ", ".join(str(label) for label in self.left_out)
            notes.append(f"Not observed in every period, so not among the controls: {listed}.")
        if any(len(d) and not e for d, e in zip(self.draws, self.exact, strict=True)):
            notes.append("Placebo estimates are drawn at random: there are too many to list.")
        return notes

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the table for coefficient tables; there are no standard errors."""
        return self.to_frame().assign(se=np.nan, t=np.nan)

    def coefficient_names(self) -> tuple[str, ...]:
        """Return the parameters."""
        return self.parameters

    def table_facts(self) -> dict[str, Any]:
        """Return sizes, estimator, and where p-values come from."""
        return {
            **self.target.sample_facts(),
            "method": NAMES[self.method],
            "cluster": self.cluster,
            "level": self.level,
            "n_clusters": self.n_controls + int(self.n_treated_clusters[0]),
            "n_treated_clusters": int(self.n_treated_clusters[0]),
            "se_type": se_type(NAMES[self.method], self.cluster),
        }

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.target.outcome

    @property
    def warnings(self) -> list[str]:
        """Sentences on units and cells that are not in the estimates; all are in `notes`."""
        return self.target.sample_warnings

    def headline(self) -> list[str]:
        """Return the overall effect with its p-value and interval, and counts of clusters."""
        bounds = Bounds(
            self.method, float(self.ci_low[0]), float(self.ci_high[0]), float(self.p[0])
        )
        effect, *interval = estimate_lines(float(self.att[0]), np.nan, [bounds])
        return [
            f"{NAMES[self.method]} inference by {self.cluster} of the {self.target.title}",
            effect.partition("   s.e.")[0],
            *interval,
            f"  {self.n_controls:,} control clusters, {self.n_treated_clusters[0]:,} treated",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        head = (
            f"{NAMES[self.method]} inference by {self.cluster}: {self.n_controls} control clusters"
        )
        said = remarks(self.warnings, self.notes)
        return "\n".join([head, "", screen_table(self.to_frame()), "", *said])


def few_treated(
    target: Aggregate,
    cluster: str | None = None,
    *,
    method: str = "conley-taber",
    size: str | None = None,
    level: float = 0.95,
    max_treated: int = 3,
    max_draws: int = 20_000,
    seed: int = 0,
) -> FewTreated:
    """Test parameters that rest on one to three treated clusters against placebo estimates.

    The error of an estimate is taken to be sum_h sum_t l_ht e_ht over its treated clusters h, with
    l_ht the loadings of the estimate (`didjack.estimators.loadings`). Never-treated clusters give
    residual paths: period means of the outcome less its regression on the covariates among the
    never treated of the period (less their mean without covariates). Distinct controls are put in
    the places of the treated clusters, and p = (1 + number of placebo estimates as large) / (1 +
    number of placebo estimates). The interval holds the constant effects with p > 1 - level.

    Parameters
    ----------
    target : Aggregate
        From `aggte`.
    cluster : str, optional
        Column at the level at which treatment was assigned; every cluster must belong to one
        cohort. The default is the clustervars of `att_gt`, else idname.
    method : {"conley-taber", "ferman-pinto"}
        "ferman-pinto" rescales the controls' residuals to the size of the treated cluster, with
        var(W_j | M_j) = A + B / M_j fitted over the controls by non-negative least squares.
    size : str, optional
        For "ferman-pinto": column with the size M of a cluster, averaged over its rows. The default
        is the number of its units (rows per period in repeated cross-sections), with weights (sum
        w)^2 / sum w^2.
    level : float
        Coverage of the intervals.
    max_treated : int
        Parameters that rest on more treated clusters get no p-value.
    max_draws : int
        Placebo estimates; if there are no more ways to form them, all are taken.
    seed : int
        Of the draws.

    Returns
    -------
    FewTreated

    Raises
    ------
    DataError
        An argument is unknown or out of range, or `size` is not a positive number.
    DesignError
        A cluster has units of several cohorts, every parameter rests on more than `max_treated`
        treated clusters, there are fewer than 10 control clusters, or their sizes do not differ.

    Notes
    -----
    The controls' own part of the error is left out, as in both papers: with few controls the tests
    reject a little too often.
    """
    _check_arguments(target, method, size, level, max_treated, max_draws)
    res = target.attgt
    require_name(cluster=cluster)
    name = cluster or res.beyond_unit or res.panel.roles.idname
    if name is None:
        raise DataError("Repeated cross-sections need a cluster variable: pass cluster.")
    clusters = res.clusters(name)
    cohort = cohort_of(res, clusters)
    loadings, behind = _loadings(target, clusters, cohort)
    counts = behind.sum(axis=1)
    usable = (counts > 0) & (counts <= max_treated)
    if not usable.any():
        raise DesignError(
            f"Every parameter rests on more than {max_treated} treated clusters "
            f"(the overall effect on {counts[0]}). Use the jackknife, or randomize."
        )
    residuals = residual_means(res.panel, clusters, cohort)
    never = np.flatnonzero(cohort == 0)
    observed = np.isfinite(residuals[never]).all(axis=1)
    controls = never[observed]
    if len(controls) < MIN_CONTROLS:
        raise DesignError(
            f"Only {len(controls)} never-treated clusters of '{name}' are observed in every "
            f"period; the distribution of errors is learnt from them and needs {MIN_CONTROLS} or "
            "more. Use randomize, or a finer cluster variable."
        )
    sizes = cluster_sizes(res.panel, clusters, size) if method == "ferman-pinto" else None
    fits: dict[tuple[str, object], VarianceFit] = {}
    draws, exact = [], []
    for p, parameter in enumerate(target.parameters):
        h = np.flatnonzero(behind[p])
        if not usable[p]:
            draws.append(np.empty(0))
            exact.append(False)
            continue
        statistics = control_statistics(loadings[p, h], residuals[controls])
        if sizes is not None:
            fitted = [VarianceFit.of(row, sizes[controls]) for row in statistics]
            for i, fit in enumerate(fitted):
                statistics[i] *= fit.ratio(sizes[h[i]], sizes[controls])
                fits[parameter, clusters.labels[h[i]]] = fit
        found, every = placebo_estimates(statistics, max_draws, seed)
        draws.append(found)
        exact.append(every)
    return FewTreated(
        target=target,
        method=method,
        cluster=name,
        parameters=target.parameters,
        att=target.values,
        n_treated_clusters=counts,
        draws=tuple(draws),
        exact=np.array(exact),
        n_controls=len(controls),
        fits=fits,
        level=level,
        max_treated=max_treated,
        left_out=tuple(clusters.labels[never[~observed]]),
    )


def _check_arguments(
    target: Aggregate,
    method: str,
    size: str | None,
    level: float,
    max_treated: int,
    max_draws: int,
) -> None:
    if not isinstance(target, Aggregate):
        raise DataError(
            f"few_treated takes an aggregation from aggte, not {type(target).__name__}."
        )
    require_text(method=method)
    require_share(level=level)
    require_whole(least=1, max_treated=max_treated, max_draws=max_draws)
    if method not in METHODS:
        raise DataError(f"method must be {' or '.join(map(repr, METHODS))}, not {method!r}.")
    if size is not None and method != "ferman-pinto":
        raise DataError("size applies to method='ferman-pinto' only. Leave it out.")


def _loadings(target: Aggregate, clusters: Clusters, cohort: Index) -> tuple[Array, Mask]:
    """Return loadings of the parameters (P, C, T), and their treated clusters (P, C).

    A parameter that is zero by construction (a base period) has no treated clusters.
    """
    res = target.attgt
    panel, cells = res.panel, res.cells
    estimates = res.estimation.replicates(clusters)
    found = res.options.loadings(panel, cells, clusters, estimates)
    time, base = found.replicate(0)
    weights = linearize(target.elements, res.estimates, cells).cell  # (m, P)
    used = np.flatnonzero(target.elements.used & ~cells.is_base)
    loadings = np.zeros((len(target.parameters), len(clusters), len(panel.times)))
    behind = np.zeros(loadings.shape[:2], dtype=bool)
    for c in used:
        # A cell of weight zero is skipped: zero times NaN is not zero.
        for p in np.flatnonzero(weights[c]):
            loadings[p, :, cells.time[c]] += weights[c, p] * time[:, c]
            loadings[p, :, cells.base[c]] += weights[c, p] * base[:, c]
            behind[p] |= (cohort == cells.cohort[c]) & (time[:, c] != 0)
    return loadings, behind
