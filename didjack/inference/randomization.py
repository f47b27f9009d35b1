"""Randomization inference: the adoption periods are dealt out to the clusters in other ways.

Under no effect on any cluster, and with clusters that are exchangeable, the actual assignment is
like any other, and its rank among them gives a p-value of exact size, with one treated cluster as
with ten (Lehmann and Romano 2005, section 15.2). Two statistics are ranked: the estimate, and its
ratio to the CV3 standard error, which suffers less when clusters differ (MacKinnon and Webb 2020).
Each assignment is estimated anew, from the frame on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.views import Shown
from didjack.effects.aggregate import Aggregate
from didjack.effects.estimation import Estimation
from didjack.errors import DataError, DesignError, DidjackError
from didjack.inference.assignments import (
    count_assignments,
    every_assignment,
    random_assignments,
    share_as_large,
)
from didjack.inference.cluster_jackknife import jackknife

CHUNK = 20  # assignments per task


@dataclass(frozen=True, eq=False)
class Randomization(Shown):
    """Randomization inference on the overall effect of an aggregation; B assignments.

    Attributes
    ----------
    target : Aggregate
        What was estimated under the actual assignment.
    cluster : str
        The variable whose values changed places.
    att, t : float
        The actual estimate, and its ratio to the CV3 standard error.
    draws : (B, 2) array
        Both statistics under other assignments; NaN where one cannot be estimated.
    exact : bool
        Whether these are all other assignments, each once; else they are drawn at random.
    seed : int
        Of the draws.
    """

    target: Aggregate = field(repr=False)
    cluster: str
    att: float
    t: float
    draws: Array = field(repr=False)
    exact: bool
    seed: int

    @property
    def failed(self) -> int:
        """Assignments without an estimate or a standard error; they count as larger."""
        return int((~np.isfinite(self.draws)).any(axis=1).sum())

    @property
    def p_att(self) -> float:
        """Share of assignments, the actual one included, with an estimate as large."""
        return float(share_as_large(self.att, self.draws[:, 0], actual_among_them=False))

    @property
    def p_t(self) -> float:
        """Share of assignments, the actual one included, with a t statistic as large."""
        return float(share_as_large(self.t, self.draws[:, 1], actual_among_them=False))

    def to_frame(self) -> pd.DataFrame:
        """One row per statistic: value, p, assignments, exact."""
        return pd.DataFrame(
            {
                "statistic": ["estimate", "CV3 t"],
                "value": [self.att, self.t],
                "p": [self.p_att, self.p_t],
                "assignments": 1 + len(self.draws),
                "exact": self.exact,
            }
        )

    def summary(self) -> str:
        """Return a short text for people."""
        kind = "all" if self.exact else "random"
        lines = [
            f"Randomization inference by {self.cluster}: {1 + len(self.draws):,} assignments "
            f"({kind}), the actual one included",
            "",
            self.to_frame().to_string(index=False),
        ]
        if self.failed:
            lines += ["", f"{self.failed} cannot be estimated and count as larger."]
        return "\n".join(lines)


def randomize(
    target: Aggregate,
    cluster: str | None = None,
    *,
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
        From `aggte`; its overall effect is tested.
    cluster : str, optional
        Column at the level at which treatment was assigned; every cluster must belong to one
        cohort. The default is the clustervars of `att_gt`, else idname.
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
        `target` is not an aggregation, or an argument is out of range.
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
    if n_permutations < 1:
        raise DataError(f"n_permutations must be 1 or more, not {n_permutations!r}.")
    actual = jackknife(target, cluster)
    name = actual.cluster
    code, first = _cohorts(target.estimation, name)
    others, exact = _other_assignments(first, n_permutations, np.random.default_rng(seed))
    from joblib import Parallel, delayed  # spared where nothing is randomized

    chunks = [others[at : at + CHUNK] for at in range(0, len(others), CHUNK)]
    tasks = (delayed(_estimate_all)(target, name, code, first, chunk) for chunk in chunks)
    draws = np.concatenate([np.empty((0, 2)), *Parallel(n_jobs=n_jobs)(tasks)])
    return Randomization(target, name, target.att, actual.t, draws, exact, seed)


def _cohorts(estimation: Estimation, name: str) -> tuple[Index, Array]:
    """Return the cluster of each row of the user's frame, -1 if it has no part, and its cohort."""
    panel, clusters = estimation.panel, estimation.clusters(name)
    pairs = pd.DataFrame({"cluster": clusters.code, "cohort": panel.cohort}).drop_duplicates()
    mixed = pairs["cluster"].value_counts()
    if (mixed > 1).any():
        worst = int(mixed.index[0])
        codes = pairs.loc[pairs["cluster"] == worst, "cohort"].to_numpy()
        listed = ", ".join(f"{g:g}" for g in np.sort(panel.cohorts[codes]))
        raise DesignError(
            f"Cluster {clusters.labels[worst]} of '{name}' has units of several cohorts "
            f"({listed}); randomization moves whole clusters. Pass the "
            "column at whose level treatment was assigned."
        )
    raw = pd.to_numeric(panel.source[panel.roles.gname]).to_numpy(dtype=np.float64)
    cohort = np.where(np.isfinite(raw), raw, 0.0)
    first = np.zeros(len(clusters))
    first[clusters.code] = cohort[panel.rows]
    code = clusters.labels.get_indexer(pd.Index(panel.source[name]))
    # Rows of other cohorts were left out (treated from the start): they stay as they are.
    return np.where((code >= 0) & (cohort == first[code]), code, -1), first


def _other_assignments(first: Array, limit: int, rng: np.random.Generator) -> tuple[Array, bool]:
    """Assign cohorts to clusters in other ways, (B, C): in all if they are few, else at random."""
    if count_assignments(first) - 1 > limit:
        return random_assignments(first, limit, rng), False
    every = every_assignment(first)
    return every[(every != first).any(axis=1)], True


def _estimate_all(target: Aggregate, name: str, code: Index, first: Array, some: Array) -> Array:
    """Estimate under some assignments: the overall effect and its CV3 t, (P, 2)."""
    panel = target.estimation.panel
    gname = panel.roles.gname
    before = pd.to_numeric(panel.source[gname]).to_numpy(dtype=np.float64)
    out = np.full((len(some), 2), np.nan)
    for i, cohorts in enumerate(some):
        moved = np.where(code >= 0, cohorts[code], before)
        frame = panel.source.assign(**{gname: moved})
        try:
            other = target.estimate_again(target.estimation.on_frame(frame))
            out[i] = other.att, jackknife(other, name).t
        except DidjackError:
            continue
    return out
