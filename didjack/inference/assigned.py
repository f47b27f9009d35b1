"""What an assignment of cohorts to clusters gives: estimates, their variances, and by refitting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.cv3 import deviations, factor
from didjack.core.linalg import Array, Index
from didjack.core.moments import Clusters
from didjack.core.progress import progress
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.deletions import restructured
from didjack.effects.parameters import Parameter
from didjack.errors import DesignError, DidjackError
from didjack.estimators.estimates import left_out_columns
from didjack.estimators.methods import WEIGHTING
from didjack.inference.cluster_jackknife import jackknife_of
from didjack.inference.recoded import by_name, recoded, why_from_frame
from didjack.sample.panel import NEVER

CHUNK = 20  # assignments per task


@dataclass(frozen=True, eq=False)
class AssignedStatistics:
    """Estimates and their CV3 variances under B assignments; P parameters, Y outcomes.

    The first outcome is that of the data. The second, if there is one, is one where a cluster is
    treated under the actual assignment, else zero: a constant effect tau of that treatment is taken
    out of the outcome by y - tau d, and estimates and deviations are linear in it.

    Attributes
    ----------
    parameters : tuple of Parameter, length P
    estimate : (B, P, Y) array
        NaN where an assignment has no such parameter.
    form : (B, P, Y, Y) array
        (H - 1) / H times the sum of products of deviations; NaN with fewer than two deletions.
    scale : (B,) array
        Largest ATT(g,t) of the outcome in absolute value: what is small against it is rounding.
    """

    parameters: tuple[Parameter, ...]
    estimate: Array = field(repr=False)
    form: Array = field(repr=False)
    scale: Array = field(repr=False)

    @property
    def att(self) -> Array:
        """Estimates, (B, P)."""
        return self.estimate[..., 0]

    @property
    def t(self) -> Array:
        """Ratios of estimates to CV3 standard errors, (B, P); NaN without a standard error."""
        variance = self.form[..., 0, 0]
        usable = variance > (1e-13 * self.scale[:, None]) ** 2  # False for NaN
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(usable, self.att / np.sqrt(variance), np.nan)


def cohort_of(res: ATTgt, clusters: Clusters) -> Index:
    """Return the cohort code of every cluster, (C,); 0 is never treated.

    Parameters
    ----------
    res : ATTgt
    clusters : Clusters

    Raises
    ------
    DesignError
        A cluster has units of several cohorts.
    """
    panel = res.panel
    pairs = pd.DataFrame({"cluster": clusters.code, "cohort": panel.cohort}).drop_duplicates()
    mixed = pairs["cluster"].value_counts()
    if (mixed > 1).any():
        worst = int(mixed.index[0])
        found = np.sort(panel.cohorts[pairs.loc[pairs["cluster"] == worst, "cohort"].to_numpy()])
        listed = ", ".join("never" if g == NEVER else panel.roles.period_text(g) for g in found)
        raise DesignError(
            f"Cluster {clusters.labels[worst]} of '{clusters.name}' has units of several cohorts "
            f"({listed}); here whole clusters change places. Pass the column at whose level "
            "treatment was assigned."
        )
    cohort = np.zeros(len(clusters), dtype=np.intp)
    cohort[clusters.code] = panel.cohort
    return cohort


def why_refit(target: Aggregate, clusters: Clusters) -> str:
    """Say why assignments must be estimated from the frame on; empty if they need not.

    Parameters
    ----------
    target : Aggregate
    clusters : Clusters
        The clusters that change places, each with units of one cohort.
    """
    res = target.attgt
    panel, options = res.panel, res.options
    if panel.is_pairwise or options.fix_weights is not None:
        return "cells have weights or units of their own (fix_weights, balance='pair')"
    method = options.est_method
    if method != "reg" and not options.is_difference_of_means(panel):
        with_covariates = "" if panel.design.intercept_only else " with covariates"
        name = f"est_method='{method}'{with_covariates}"
        if method not in WEIGHTING:
            return f"{name} needs a fit of each assignment"
        if not panel.is_panel:
            return f"{name} in cross-sections has a propensity model for every pair of periods"
        if options.separation == "csdid":
            return f"{name} and separation='csdid' drops rows by their covariates"
    if options.separation == "error":
        return "separation='error' refuses designs with a cell that cannot be estimated"
    if panel.control_only is not None:
        return "nobody is never treated, so that the sample depends on the last cohort"
    if (cohort_of(res, clusters) == 0).sum() < 2:
        return "one cluster is never treated, and its deletion changes the sample"
    if restructured(panel, clusters):
        return "deleting some cluster removes a period, or all incomplete units"
    if left_out_columns(panel, clusters).any():
        return "deleting some cluster makes a covariate redundant"
    return ""


def refitted(
    target: Aggregate,
    clusters: Clusters,
    assignments: Index,
    *,
    with_effect: bool = True,
    n_jobs: int = 1,
) -> AssignedStatistics:
    """Estimate under other assignments, each like a sample of its own.

    Only the cohorts of the coded data change; where that is not all, or a deletion changes more
    than weights, estimation starts from the user's frame (`didjack.inference.recoded`).

    Parameters
    ----------
    target : Aggregate
    clusters : Clusters
    assignments : (B, C) int array
        Cohort code of each cluster; every row a permutation of the actual cohorts.
    with_effect : bool
        Also for the second outcome, which intervals need: twice as many refits.
    n_jobs : int
        Workers (joblib).

    Returns
    -------
    AssignedStatistics
        NaN throughout where an assignment cannot be estimated.
    """
    from joblib import Parallel, delayed, effective_n_jobs  # spared where nothing is refitted

    chunks = [assignments[at : at + CHUNK] for at in range(0, len(assignments), CHUNK)]
    tasks = (delayed(_refit_some)(target, clusters, some, with_effect) for some in chunks)
    parts = progress(
        Parallel(n_jobs=n_jobs, return_as="generator")(tasks),
        len(chunks),
        f"estimating {len(assignments):,} assignments",
        remedy="n_jobs spreads them over several processors.",
        n_jobs=effective_n_jobs(n_jobs),
    )
    P, Y = len(target.parameters), 1 + with_effect
    nothing = (np.empty((0, P, Y)), np.empty((0, P, Y, Y)), np.empty(0))
    estimate, form, scale = (np.concatenate(p) for p in zip(nothing, *parts, strict=True))
    return AssignedStatistics(target.parameters, estimate, form, scale)


def _refit_some(
    target: Aggregate, clusters: Clusters, some: Index, with_effect: bool
) -> tuple[Array, Array, Array]:
    P, Y = len(target.parameters), 1 + with_effect
    estimate, form = np.full((len(some), P, Y), np.nan), np.full((len(some), P, Y, Y), np.nan)
    scale = np.zeros(len(some))
    by_code = not why_from_frame(target.attgt, clusters)
    replicates_of = recoded if by_code else _from_frame
    for b, cohort in enumerate(some):
        try:
            stacked, scale[b] = replicates_of(target, clusters, cohort, with_effect)
        except DidjackError:
            continue
        change, count = deviations(stacked[0], stacked[1:])
        estimate[b] = stacked[0]
        form[b] = np.einsum("rpy,rpz->pyz", change, change)
        form[b] *= factor(count[:, 0])[:, None, None]
    return estimate, form, scale


def _from_frame(
    target: Aggregate, clusters: Clusters, cohort: Index, with_effect: bool
) -> tuple[Array, float]:
    """Estimate one assignment from the user's frame on; see `didjack.inference.recoded.recoded`."""
    panel = target.attgt.panel
    gname, yname = panel.roles.gname, panel.roles.yname
    raw = pd.to_numeric(panel.source[gname]).to_numpy(dtype=np.float64)
    code = _moving_rows(target.attgt, clusters, raw)
    moved = panel.source.assign(**{gname: np.where(code >= 0, panel.cohorts[cohort][code], raw)})
    frames = [moved]
    if with_effect:
        frames.append(moved.assign(**{yname: _treatment(target.attgt, raw)}))
    found = [_replicates(target, frame, clusters.name) for frame in frames]
    return np.stack([replicates for replicates, _ in found], axis=-1), found[0][1]


def _replicates(target: Aggregate, frame: pd.DataFrame, cluster: str) -> tuple[Array, float]:
    """Return estimates of all replicates, (R, P), and the largest ATT(g,t)."""
    other = target.estimate_again(target.estimation.on_frame(frame))
    values = jackknife_of(other, other.attgt.deletions(cluster)).replicates
    largest = float(np.nanmax(np.abs(other.attgt.att), initial=0.0))
    return by_name(other.parameters, values, target.parameters), largest


def _moving_rows(res: ATTgt, clusters: Clusters, raw: Array) -> Index:
    """Return the cluster of each row of the user's frame, -1 if its cohort stays as it is."""
    panel = res.panel
    cohort = np.where(np.isfinite(raw), raw, 0.0)
    first = np.zeros(len(clusters))
    first[clusters.code] = cohort[panel.rows]
    code = clusters.labels.get_indexer(pd.Index(panel.source[clusters.name]))
    # Rows of other cohorts were left out (treated from the start): they stay as they are.
    return np.where((code >= 0) & (cohort == first[code]), code, -1)


def _treatment(res: ATTgt, raw: Array) -> Array:
    """One where a row is treated under the actual assignment; missing where the outcome is."""
    panel = res.panel
    time = pd.to_numeric(panel.source[panel.roles.tname]).to_numpy(dtype=np.float64)
    outcome = pd.to_numeric(panel.source[panel.roles.yname]).to_numpy(dtype=np.float64)
    treated = np.isfinite(raw) & (raw != NEVER) & (time >= raw)
    return np.where(np.isfinite(outcome), treated.astype(np.float64), np.nan)
