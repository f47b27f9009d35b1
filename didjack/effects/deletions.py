"""All deletions of a cluster variable: cells of every replicate, and the few that need a refit.

Almost always a deletion changes only the weights of the rows, and the replicate axis has it. In
rare designs it changes the frame itself: a period disappears, nobody is never treated any more,
or another cohort is the last. Those replicates are estimated anew from the remaining rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from didjack.core.arguments import require_instance, require_name
from didjack.core.linalg import Index, Mask
from didjack.core.moments import Clusters
from didjack.effects.crossed_clusters import source_codes
from didjack.effects.estimation import Estimation
from didjack.effects.refit_loadings import loadings_with_refits
from didjack.errors import DataError, DesignError
from didjack.estimators.estimates import Estimates
from didjack.estimators.loading_terms import CellLoadings
from didjack.sample.panel import NEVER, Panel


@dataclass(frozen=True, eq=False)
class Deletions:
    """The full sample and all deletions of one cluster variable; C clusters.

    Attributes
    ----------
    estimation : Estimation
        What was estimated again.
    clusters : Clusters
    estimates : Estimates
        R = C + 1 replicates; row h + 1 is without cluster h.
    refits : mapping of int to Estimation or None
        For the clusters h whose deletion changes the frame: the estimate without them; None
        where nothing is left to estimate. Row h + 1 of `estimates` does not hold for these.
    """

    estimation: Estimation = field(repr=False)
    clusters: Clusters = field(repr=False)
    estimates: Estimates = field(repr=False)
    refits: Mapping[int, Estimation | None] = field(repr=False)

    @cached_property
    def missing(self) -> Mask:
        """Cells that a replicate does not have, (R, m); those of refits by their names."""
        missing = ~np.isfinite(self.estimates.att)
        for h, refit in self.refits.items():
            estimable = [] if refit is None else np.isfinite(refit.att).tolist()
            names = () if refit is None else refit.parameters
            kept = {name for name, has in zip(names, estimable, strict=True) if has}
            missing[h + 1] = [name not in kept for name in self.estimation.parameters]
        return missing

    @cached_property
    def loadings(self) -> CellLoadings:
        """Loadings of the cells on shocks to clusters and periods, in all replicates.

        They depend on the deletions alone, so all averages of the same effects share them.

        Raises
        ------
        DesignError
            There are too many clusters; see `didjack.estimators.loadings.cell_loadings`.
        """
        return loadings_with_refits(self.estimation, self.clusters, self.estimates, self.refits)


def delete_clusters(estimation: Estimation, name: str) -> Deletions:
    """Delete every cluster of a variable once.

    Parameters
    ----------
    estimation : Estimation
    name : str
        A column that is constant within unit.

    Raises
    ------
    DataError
        The column cannot be used as cluster variable.
    DesignError
        There is one cluster only, or one holds all never-treated controls.
    """
    return delete_each(estimation, estimation.clusters(name))


def delete_each(estimation: Estimation, clusters: Clusters) -> Deletions:
    """Delete every cluster of a partition once.

    Parameters
    ----------
    estimation : Estimation
    clusters : Clusters
        Of its rows, from a column or from two (`didjack.effects.crossed_clusters`).

    Raises
    ------
    DesignError
        There is one cluster only, or one holds all never-treated controls.
    """
    if len(clusters) < 2:
        raise DesignError(
            f"Column '{clusters.name}' has one cluster ({clusters.labels[0]}); the jackknife "
            "deletes one cluster at a time and needs two or more. Choose a finer cluster variable."
        )
    refits = {
        h: _without(estimation, clusters, h) for h in restructured(estimation.panel, clusters)
    }
    return Deletions(estimation, clusters, estimation.replicates(clusters), refits)


def given_cluster(clustervars: str | Sequence[str] | None, cluster: str | None) -> str | None:
    """Return the one cluster variable that a user named, under either of its names.

    Parameters
    ----------
    clustervars : str or sequence of str, optional
        R `did`'s word.
    cluster : str, optional
        Another name of it.

    Raises
    ------
    DataError
        They name different variables, or several.
    """
    names = _named(clustervars)
    if cluster is not None:
        require_name(cluster=cluster)
        names[cluster] = None
    if len(names) > 1:
        raise DataError(
            f"Give one cluster variable, not {' and '.join(map(repr, names))}: cluster is another "
            "name of clustervars."
        )
    return next(iter(names), None)


def two_clusters(
    clustervars: str | Sequence[str] | None, cluster: str | None
) -> tuple[str, str] | None:
    """Return the two cluster variables of two-way clustering; None if fewer are named.

    Parameters
    ----------
    clustervars : str or sequence of str, optional
    cluster : str, optional
        Another name of it, which holds one variable.

    Raises
    ------
    DataError
        More than two are named, or cluster stands beside two.
    """
    names = list(_named(clustervars))
    if len(names) < 2:
        return None
    if len(names) > 2:
        raise DataError(
            f"Give at most two cluster variables, not {', '.join(map(repr, names))}: three-way "
            "clustering is not implemented."
        )
    if cluster is not None:
        raise DataError(
            f"Two cluster variables are given in clustervars; leave out cluster={cluster!r}, which "
            "is another name of clustervars."
        )
    return names[0], names[1]


def _named(clustervars: str | Sequence[str] | None) -> dict[str, None]:
    """List the variables that are named, each once."""
    listed = () if clustervars is None else clustervars
    require_instance(listed, "clustervars", Sequence, "the name of a column")
    each = (listed,) if isinstance(listed, str) else tuple(listed)
    for name in each:
        require_name(clustervars=name)
    return dict.fromkeys(each)


def cluster_variable(estimation: Estimation, cluster: str | None) -> str:
    """Return the variable whose clusters are deleted: clustervars, else idname, if none is given.

    Parameters
    ----------
    estimation : Estimation
    cluster : str or None
        As given by the user.

    Raises
    ------
    DataError
        None is given, and the data are repeated cross-sections without clustervars.
    """
    require_name(cluster=cluster)
    name = cluster or estimation.beyond_unit or estimation.panel.roles.idname
    if name is None:
        raise DataError(
            "Repeated cross-sections need a cluster variable: pass clustervars to att_gt, or "
            "cluster to jackknife."
        )
    return name


def restructured(panel: Panel, clusters: Clusters) -> list[int]:
    """List the clusters whose deletion changes more than the weights of the rows.

    Raises
    ------
    DesignError
        A cluster holds all never-treated rows, and these are the controls.
    """
    owners = source_codes(panel.source, clusters)
    code = owners[panel.sampled]  # -1: cluster without a retained row
    alone: set[int] = set()
    time, _ = pd.factorize(panel.sampled_time)
    seen = pd.unique(time * (len(clusters) + 1) + code + 1)  # the (period, cluster) pairs
    period, owner = np.divmod(seen, len(clusters) + 1)
    single = np.bincount(period)[period] == 1
    alone |= set((owner[single & (owner > 0)] - 1).tolist())
    if panel.is_unbalanced:  # without the incomplete units it is a balanced panel
        incomplete = np.bincount(panel.unit) < len(panel.times)
        alone |= _sole_owner(owners[panel.rows[panel.unit_rows[incomplete]]])
    if panel.control_only is not None:
        last = np.isin(panel.sampled_cohort, (panel.control_only, NEVER))
        return sorted(alone | _sole_owner(code[last]))
    never = _sole_owner(code[panel.sampled_cohort == NEVER])
    if never and panel.roles.control_group == "nevertreated":
        label = clusters.labels[never.pop()]
        raise DesignError(
            f"Cluster {label} of '{clusters.name}' holds all never-treated units: without it "
            "there are no controls. Use control_group='notyettreated', or a finer cluster variable."
        )
    return sorted(alone | never)


def _sole_owner(code: Index) -> set[int]:
    """Return the cluster that all the codes name, if there is just one."""
    if len(code) and code[0] >= 0 and (code == code[0]).all():
        return {int(code[0])}
    return set()


def _without(estimation: Estimation, clusters: Clusters, h: int) -> Estimation | None:
    try:
        return estimation.refit(source_codes(estimation.panel.source, clusters) != h)
    except DesignError:
        return None
