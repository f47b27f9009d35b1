"""A design as the library's panel: the loadings of `didjack.inference.linear_forms`.

One unit for each cluster, with the cluster's size as its weight, has the same estimates and
deletions as all units of the cluster, so that the loadings of a design are found where those of a
user's data are. What needs other loadings has its own (`didjack.simulate.design_loadings`):
hundreds of assignments for each sample in randomization, influence functions, and layouts whose
clusters hold several cohorts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Mask
from didjack.effects.aggregate import aggte
from didjack.effects.group_time import att_gt
from didjack.errors import DataError
from didjack.inference.linear_forms import all_lost, linear_forms
from didjack.simulate.design_loadings import EVENT, event_time
from didjack.simulate.designs import Design


@dataclass(frozen=True, eq=False)
class DesignForms:
    """One parameter and its deletions as forms in means of clusters by period.

    Attributes
    ----------
    refit, fixed : (G + 1, G, T) array
        Loadings in the full sample and without each cluster, re-weighted under deletion or with
        the full sample's weights.
    usable : (G,) bool array
        Deletions that leave something of the parameter.
    treated : (G,) bool array
        Clusters with treated units behind it.
    """

    refit: Array = field(repr=False)
    fixed: Array = field(repr=False)
    usable: Mask = field(repr=False)
    treated: Mask = field(repr=False)


def design_forms(design: Design, type: str) -> DesignForms:
    """Find the loadings of an average, or of one event time, in a design.

    Parameters
    ----------
    design : Design
    type : str
        "simple", "dynamic", "group", "calendar", "event:0" (any event time), "event:last".

    Raises
    ------
    DesignError
        There is one control cluster only, which cannot be deleted.
    DataError
        The design has no such event time.
    """
    G, T = design.clusters, design.periods
    first = np.append(design.starts + 1, 0)[design.cohort]
    frame = pd.DataFrame({
        "cluster": np.repeat(np.arange(G), T),
        "period": np.tile(np.arange(1, T + 1), G),
        "cohort": np.repeat(first, T),
        "size": np.repeat(design.sizes, T),
        "y": 0.0,
    })  # fmt: skip
    res = att_gt(frame, "y", "period", "cohort", "cluster", weightsname="size", est_method="reg")
    name = "overall"
    if type.startswith(EVENT):
        type, name = "dynamic", f"{EVENT}{event_time(type, design.starts, T)}"
    average, deletions = aggte(res, type), res.deletions("cluster")
    if name not in average.parameters:
        raise DataError(f"The design has no {name}.")
    at = average.parameters.index(name)
    chosen = np.eye(len(average.parameters))[at]
    refit = linear_forms(average, deletions, "refit")
    return DesignForms(
        refit.loadings(chosen),
        linear_forms(average, deletions, "fixed").loadings(chosen),
        ~all_lost(average, deletions)[:, at],
        refit.treated[:, at],
    )
