"""Estimates and deletions under another assignment of cohorts, from coded data.

Where whole clusters of one cohort change places, the sample stays what it is: the same rows, the
same periods, the same covariates. Only the cohort of each row is another. So the frame need not be
read again for each assignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.moments import Clusters
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.deletions import restructured
from didjack.effects.parameters import Parameter
from didjack.inference.cluster_moments import outcomes_of
from didjack.sample.panel import Panel


def why_from_frame(res: ATTgt, clusters: Clusters) -> str:
    """Say why other assignments must be estimated from the frame on; empty if they need not.

    Parameters
    ----------
    res : ATTgt
    clusters : Clusters
        The clusters that change places, each with units of one cohort.
    """
    panel = res.panel
    # Which clusters these are depends on how many have a cohort, not on which.
    if restructured(panel, clusters):
        return "deleting some cluster changes more than the weights of the rows"
    first = np.zeros(len(clusters))
    first[clusters.code] = panel.cohorts[panel.cohort]
    code = _sampled_code(panel, clusters)
    if ((code >= 0) & (first[code] != panel.sampled_cohort)).any():
        return "some cluster has incomplete units of another cohort"
    return ""


def recoded(
    target: Aggregate, clusters: Clusters, cohort: Index, with_effect: bool
) -> tuple[Array, float]:
    """Estimate one assignment in the full sample and without each cluster.

    Parameters
    ----------
    target : Aggregate
        Without a reason in `why_from_frame`.
    clusters : Clusters
    cohort : (C,) int array
        Cohort code of each cluster; a permutation of the actual ones.
    with_effect : bool
        Also for the outcome that is one where a cluster is treated under the actual assignment.

    Returns
    -------
    (R, P, Y) array
        Parameters of the average; NaN where a replicate does not have one.
    float
        Largest ATT(g,t) of the outcome in absolute value.

    Raises
    ------
    DesignError
        Nothing can be averaged.
    """
    actual = target.attgt.panel
    # `source` and what describes it keep the user's cohorts, and are not read again.
    panel = replace(actual, cohort=cohort[clusters.code])
    outcomes = outcomes_of(actual)[: 1 + with_effect]
    values, largest = [], []
    for y in outcomes:
        estimation, estimates = target.estimation.on_coded(replace(panel, y=y), clusters)
        other = target.estimate_again(estimation)
        replicates = other.evaluate(estimates)
        replicates[0] = other.values
        values.append(by_name(other.parameters, replicates, target.parameters))
        largest.append(float(np.nanmax(np.abs(estimation.att), initial=0.0)))
    return np.stack(values, axis=-1), largest[0]


def by_name(parameters: Sequence[Parameter], values: Array, wanted: Sequence[Parameter]) -> Array:
    """Place columns (R, P) of parameters where they are wanted; NaN for those that are not there.

    Parameters
    ----------
    parameters : sequence of Parameter
    values : (R, P) array
    wanted : sequence of Parameter
    """
    out = np.full((len(values), len(wanted)), np.nan)
    position = {name: i for i, name in enumerate(parameters)}
    for i, name in enumerate(wanted):
        if name in position:
            out[:, i] = values[:, position[name]]
    return out


def _sampled_code(panel: Panel, clusters: Clusters) -> Index:
    """Return the cluster of each row of `panel.sampled`; -1 for those without a retained row."""
    values = panel.source[clusters.name].take(panel.sampled)
    return np.asarray(clusters.labels.get_indexer(pd.Index(values)))
