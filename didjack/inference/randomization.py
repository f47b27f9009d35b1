"""Randomization inference: the adoption periods are dealt out to the clusters in other ways.

Under no effect on any cluster, and with clusters that are exchangeable, the actual assignment is
like any other, and its rank among them gives a p-value of exact size, with one treated cluster as
with ten (Lehmann and Romano 2005, section 15.2). Two statistics are ranked: the estimate, and its
ratio to the CV3 standard error, which suffers less when clusters differ (MacKinnon and Webb 2020).
Assignments are computed from cluster moments (`didjack.inference.relabelling`), and from the frame
on where moments do not suffice (`didjack.inference.assigned.why_refit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.arguments import require_seed, require_whole
from didjack.core.linalg import Array, Index
from didjack.core.moments import Clusters
from didjack.core.screen import number_writer, p_text, remarks, screen_table
from didjack.core.views import Shown
from didjack.effects.aggregate import Aggregate
from didjack.effects.deletions import cluster_variable, given_cluster
from didjack.errors import DataError, DesignError
from didjack.inference.assigned import AssignedStatistics, cohort_of, refitted, why_refit
from didjack.inference.assignments import other_assignments
from didjack.inference.inversion import Intervals, effects_not_rejected
from didjack.inference.relabelling import relabelled

STATISTICS = ("t", "estimate")


@dataclass(frozen=True, eq=False, repr=False)
class Randomization(Shown):
    """Randomization inference on the parameters of an aggregation; B assignments, P parameters.

    Attributes
    ----------
    target : Aggregate
        What was estimated under the actual assignment.
    clusters : Clusters
        What changed places.
    actual : AssignedStatistics
        Of the actual assignment (one row).
    others : AssignedStatistics
        Of B other assignments; NaN where one cannot be estimated.
    assignments : (B, C) int array
        Cohort codes of the clusters.
    exact : bool
        Whether these are all other assignments, each once; else they are drawn at random.
    seed : int
        Of the draws.
    strata : str or None
        Column within whose values clusters changed places.
    refit_reason : str
        Why the assignments were estimated from the frame on; empty if they were not.
    """

    target: Aggregate = field(repr=False)
    clusters: Clusters = field(repr=False)
    actual: AssignedStatistics = field(repr=False)
    others: AssignedStatistics = field(repr=False)
    assignments: Index = field(repr=False)
    exact: bool
    seed: int
    strata: str | None = None
    refit_reason: str = ""

    @property
    def cluster(self) -> str:
        """The variable whose values changed places."""
        return self.clusters.name

    @property
    def att(self) -> float:
        """The actual overall estimate."""
        return float(self.actual.att[0, 0])

    @property
    def t(self) -> float:
        """Ratio of the actual overall estimate to its CV3 standard error."""
        return float(self.actual.t[0, 0])

    @property
    def draws(self) -> Array:
        """Overall estimate and t statistic under the other assignments, (B, 2)."""
        return np.column_stack([self.others.att[:, 0], self.others.t[:, 0]])

    @property
    def failed(self) -> int:
        """Assignments without an overall estimate or standard error; they count as larger."""
        return int((~np.isfinite(self.draws)).any(axis=1).sum())

    @property
    def p_att(self) -> float:
        """Share of assignments, the actual one included, with an estimate as large."""
        return float(self.p_values("estimate")[0])

    @property
    def p_t(self) -> float:
        """Share of assignments, the actual one included, with a t statistic as large."""
        return float(self.p_values("t")[0])

    def p_values(self, statistic: str = "t") -> Array:
        """Return the p-values of all parameters, (P,); NaN where there is no statistic.

        Parameters
        ----------
        statistic : {"t", "estimate"}
        """
        _check_statistic(statistic)
        name = "t" if statistic == "t" else "att"
        return p_values(getattr(self.actual, name)[0], getattr(self.others, name))

    def intervals(
        self, parameter: str = "overall", level: float = 0.95, statistic: str = "t"
    ) -> Intervals:
        """Return the constant effects that are not rejected, as disjoint intervals.

        The hypothesis is that treatment moves the outcome of every treated cluster by the same
        amount in every period. The set can be in pieces, and unbounded
        (`didjack.inference.inversion`).

        Parameters
        ----------
        parameter : str
            "overall", or an element of the average from the treatment on.
        level : float
            Coverage, between 0 and 1.
        statistic : {"t", "estimate"}

        Returns
        -------
        tuple of (low, high)

        Raises
        ------
        DataError
            An argument is unknown or out of range, or the parameter lies before treatment, which
            says nothing about an effect.
        """
        _check_statistic(statistic)
        if not 0 < level < 1:
            raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
        parameters = self.target.parameters
        if parameter not in parameters:
            raise DataError(f"No parameter {parameter!r}. There are: {', '.join(parameters)}.")
        i = parameters.index(parameter)
        actual, others = self.actual, self.others
        if self.refit_reason:
            actual_cohorts = cohort_of(self.target.attgt, self.clusters)[None]
            actual = refitted(self.target, self.clusters, actual_cohorts)
            others = refitted(self.target, self.clusters, self.assignments)
        if not abs(actual.estimate[0, i, 1] - 1) < 1e-6:
            raise DataError(f"{parameter} lies before treatment, which has no effect to invert.")
        return effects_not_rejected(
            actual.estimate[0, i],
            actual.form[0, i],
            others.estimate[:, i],
            others.form[:, i],
            level,
            statistic == "t",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter and statistic: value, p, assignments, exact."""
        parts = [
            pd.DataFrame({"parameter": self.target.parameters, "statistic": label,
                          "value": values, "p": self.p_values(name)})
            for label, name, values in (
                ("estimate", "estimate", self.actual.att[0]),
                ("CV3 t", "t", self.actual.t[0]),
            )
        ]  # fmt: skip
        frame = pd.concat(parts, ignore_index=True)
        frame = frame.assign(assignments=1 + len(self.assignments), exact=self.exact)
        order = {name: i for i, name in enumerate(self.target.parameters)}
        return frame.sort_values(
            "parameter", key=lambda names: names.map(order), kind="stable", ignore_index=True
        )

    @property
    def _failed_note(self) -> list[str]:
        return [f"{self.failed} cannot be estimated and count as larger."] if self.failed else []

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        notes = ["It assumes that clusters are exchangeable: each was as likely to be treated, or "
                 "all errors have one distribution."]  # fmt: skip
        if self.strata is not None:
            notes[0] = notes[0].replace("exchangeable", f"exchangeable within '{self.strata}'")
        notes += self.warnings
        if self.refit_reason:
            notes.append(f"Every assignment was refitted: {self.refit_reason}.")
        return notes

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate, and on assignments without an estimate."""
        return self.target.sample_warnings + self._failed_note

    def headline(self) -> list[str]:
        """Return the overall estimate and the p-values of both statistics."""
        C = len(self.clusters)
        treated = int((cohort_of(self.target.attgt, self.clusters) > 0).sum())
        write = number_writer([self.att], signed=True)
        return [
            f"Randomization inference by {self.cluster} of the {self.target.title}: "
            f"{1 + len(self.assignments):,} assignments ({'all' if self.exact else 'random'})",
            f"  estimate    {write(self.att)}   p {p_text(self.p_att)}",
            f"  CV3 t stat  {self.t:+.2f}   p {p_text(self.p_t)}",
            f"  {C:,} clusters, {treated:,} treated",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        kind = "all" if self.exact else "random"
        lines = [
            f"Randomization inference by {self.cluster}: {1 + len(self.assignments):,} assignments "
            f"({kind}), the actual one included",
            "",
            screen_table(self.to_frame()),
            "",
            *remarks(self.warnings, self.notes),
        ]
        return "\n".join(lines)


def p_values(observed: Array, draws: Array) -> Array:
    """Return the share of assignments, the actual one included, with a statistic as large.

    Parameters
    ----------
    observed : (P,) array
    draws : (B, P) array
        NaN counts as larger.

    Returns
    -------
    (P,) array
        NaN where `observed` is.
    """
    # Assignments that put equal clusters in place of each other are equal up to rounding.
    smaller = np.abs(draws) < np.abs(observed) * (1 - 1e-10)  # False for NaN
    p = (1 + (~smaller).sum(axis=0)) / (1 + len(draws))
    return np.where(np.isfinite(observed), p, np.nan)


def _check_statistic(statistic: str) -> None:
    if statistic not in STATISTICS:
        raise DataError(f"statistic must be 't' or 'estimate', not {statistic!r}.")


def randomize(
    target: Aggregate,
    clustervars: str | Sequence[str] | None = None,
    *,
    cluster: str | None = None,
    strata: str | None = None,
    n_permutations: int = 999,
    seed: int = 0,
    n_jobs: int = 1,
) -> Randomization:
    """Deal the adoption periods out to the clusters in other ways, and rank the actual result.

    The hypothesis is that treatment has no effect on any cluster in any period. The p-values have
    exact size if the periods were assigned to clusters at random, or if clusters are independent
    with one distribution. They do not if treated clusters vary more than others, or are smaller.

    Parameters
    ----------
    target : Aggregate
        From `aggte`; all its parameters are tested.
    clustervars : str, optional
        Column at the level at which treatment was assigned; every cluster must belong to one
        cohort. The default is the clustervars of `att_gt`, else idname.
    cluster : str, optional
        Another name of clustervars.
    strata : str, optional
        Column that is constant within clusters: they change places within its values only.
    n_permutations : int
        Random assignments. If there are no more than so many others in total, all are taken.
    seed : int
        Of the random assignments.
    n_jobs : int
        Workers (joblib). The result is the same for any number.

    Returns
    -------
    Randomization

    Raises
    ------
    DataError
        `target` is not an aggregation, an argument is out of range, or strata change within a
        cluster.
    DesignError
        A cluster has units of several cohorts.

    Notes
    -----
    p = (1 + number of other assignments with a statistic at least as large in absolute value) /
    (1 + number of others), the share of Lehmann and Romano (2005, section 15.2). An assignment
    that cannot be estimated counts as larger, so that p-values stay valid.

    Examples
    --------
    >>> import didjack as dj
    >>> castle = dj.load_dataset("castle")
    >>> res = dj.att_gt(castle, "l_homicide", "year", "gvar", "sid", est_method="reg")
    >>> round(randomize(dj.aggte(res, type="simple"), n_permutations=19).p_t, 2)
    0.05
    """
    if not isinstance(target, Aggregate):
        raise DataError(f"randomize takes an aggregation from aggte, not {type(target).__name__}.")
    require_whole(least=1, n_permutations=n_permutations)
    require_seed(seed)
    estimation = target.estimation
    name = cluster_variable(estimation, given_cluster(clustervars, cluster))
    clusters = estimation.clusters(name)
    cohort = cohort_of(target.attgt, clusters)
    stratum = None if strata is None else _stratum_of(target, clusters, strata)
    rng = np.random.default_rng(seed)
    others, exact = other_assignments(cohort, n_permutations, rng, stratum)
    if not len(others):
        raise DesignError(
            "There is no other assignment of treatment to clusters"
            + (
                f" within the strata of '{strata}'. Use coarser strata."
                if strata
                else ": all clusters are alike. Pass a finer cluster variable."
            )
        )
    reason = why_refit(target, clusters)
    if reason:
        own, drawn = (
            refitted(target, clusters, some, with_effect=False, n_jobs=n_jobs)
            for some in (cohort[None], others)
        )
    else:
        own, drawn = (
            relabelled(target, clusters, some, jobs)
            for some, jobs in ((cohort[None], 1), (others, n_jobs))
        )
    return Randomization(target, clusters, own, drawn, others, exact, seed, strata, reason)


def _stratum_of(target: Aggregate, clusters: Clusters, strata: str) -> Index:
    """Return the stratum of each cluster, (C,)."""
    values = target.attgt.clusters(strata)
    stratum = np.zeros(len(clusters), dtype=np.intp)
    stratum[clusters.code] = values.code
    if (changing := stratum[clusters.code] != values.code).any():
        label = clusters.labels[clusters.code[changing][0]]
        raise DataError(
            f"Column '{strata}' (strata) changes within cluster {label} of '{clusters.name}'. "
            "Strata are groups of whole clusters."
        )
    return stratum
