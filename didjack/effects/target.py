"""What inference can be made on, whatever it is: group-time effects, an average, several."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from didjack.core.analytic import errors_of_sums, influence_sums
from didjack.core.arguments import require_share
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference
from didjack.effects.estimation import Estimation
from didjack.effects.parameters import Parameter
from didjack.estimators.estimates import Estimates


class Target(Protocol):
    """P parameters that are functions of the cells of one estimation; R replicates, m cells."""

    @property
    def estimation(self) -> Estimation:
        """The cells that the parameters are made of."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is estimated; the overall effect of an average comes first."""
        ...

    @property
    def values(self) -> Array:
        """Estimates of the parameters in the full sample, (P,)."""
        ...

    @property
    def influence(self) -> Array:
        """Influence functions, (n, P), on the scale Var = mean square / n."""
        ...

    @property
    def sample_warnings(self) -> list[str]:
        """Sentences on what is not in the estimates: units, cells; nothing on inference."""
        ...

    @property
    def title(self) -> str:
        """What it is, in a few words, such as "dynamic average"."""
        ...

    def evaluate(self, estimates: Estimates) -> Array:
        """Compute the parameters of R replicates, (R, P), as a refit of each would."""
        ...

    def evaluate_fixed(self, att: Array) -> Array:
        """Compute the parameters from cells (R, m) with the full sample's weights, (R, P)."""
        ...

    def estimate_again(self, estimation: Estimation) -> Target:
        """Compute the same kind of parameters from another estimation."""
        ...


def analytic(target: Target, cluster: str | None, level: float) -> Inference:
    """Infer from influence functions with normal critical values (formulas of R `did`).

    Parameters
    ----------
    target : Target
    cluster : str or None
        Cluster variable; None: every unit is its own cluster.
    level : float
        Coverage of the intervals.

    Notes
    -----
    With fewer than two treated clusters (units, without a cluster variable) behind a parameter it
    has no p-value and no interval: see `Inference.withheld`.
    """
    require_share(level=level)
    n, code = target.estimation.n, target.estimation.unit_clusters(cluster)
    sums = influence_sums(target.influence, code)
    return Inference(
        method="analytic" if code is None else "clustered",
        parameters=target.parameters,
        att=target.values,
        se=errors_of_sums(sums, n, target.estimation.panel.outcome_scale),
        df=np.full(len(target.values), np.inf),
        n_clusters=len(sums),
        level=level,
        scores=sums / n,
        n_treated_clusters=count_treated(target, cluster),
    )


def count_treated(target: Target, cluster: str | None) -> Index:
    """Count the treated clusters behind every parameter, (P,).

    Parameters
    ----------
    target : Target
    cluster : str or None
        Cluster variable; None: every unit is its own cluster.
    """
    estimation = target.estimation
    if cluster is None or estimation.unit_clusters(cluster) is None:
        return treated_units_behind(target)
    return treated_behind(target, estimation.clusters(cluster)).sum(axis=0)


def treated_behind(target: Target, clusters: Clusters) -> Mask:
    """Say which clusters have treated units behind which parameter, (C, P).

    Parameters
    ----------
    target : Target
    clusters : Clusters
        Of its rows.
    """
    panel = target.estimation.panel
    members = np.zeros((len(panel.cohorts), len(clusters)), dtype=bool)
    members[panel.cohort, clusters.code] = True
    return np.asarray(members.T.astype(float) @ _cohorts_behind(target) > 0)


def controls_behind(target: Target, clusters: Clusters) -> Mask:
    """Say which clusters have controls behind which parameter, (C, P).

    Parameters
    ----------
    target : Target
    clusters : Clusters
        Of its rows.
    """
    panel, cells = target.estimation.panel, target.estimation.cells
    members = np.zeros((len(panel.cohorts), len(clusters)), dtype=bool)
    members[panel.cohort, clusters.code] = True
    used = (target.evaluate_fixed(np.eye(len(cells))) != 0) & ~cells.is_base[:, None]
    cohorts = cells.control_sets[cells.control_set].T.astype(float) @ used.astype(float)  # (Q, P)
    return np.asarray(members.T.astype(float) @ cohorts > 0)


def treated_units_behind(target: Target) -> Index:
    """Count the treated units (rows of repeated cross-sections) behind every parameter, (P,).

    Parameters
    ----------
    target : Target
    """
    panel = target.estimation.panel
    units = np.bincount(panel.unit_cohort, minlength=len(panel.cohorts))
    return np.asarray(units @ (_cohorts_behind(target) > 0))


def _cohorts_behind(target: Target) -> Array:
    """Count the cells of every cohort that have weight in a parameter, (Q, P).

    Cells of base periods are zero by construction: nobody stands behind them.
    """
    cells, cohorts = target.estimation.cells, target.estimation.panel.cohorts
    used = (target.evaluate_fixed(np.eye(len(cells))) != 0) & ~cells.is_base[:, None]
    out = np.zeros((len(cohorts), used.shape[1]))
    np.add.at(out, cells.cohort, used)
    return out
