"""The test before treatment that stands in a summary of group-time effects."""

from __future__ import annotations

import numpy as np

from didjack.effects.attgt import ATTgt
from didjack.errors import DesignError
from didjack.inference.cluster_jackknife import jackknife_of
from didjack.inference.exact import too_many_unasked
from didjack.inference.pretest import wald_pretest

MOST_DRAWN = 50  # clusters up to which the exact test is drawn, over all cells before treatment


def pretest_lines(res: ATTgt) -> list[str]:
    """Write the test that all cells before treatment are zero; empty where there is none.

    Up to 50 clusters the smallest exact p-value, which holds its level with few treated clusters;
    beyond, and where estimates are not linear in outcomes, Wald's test as in R `did`, which needs
    many clusters.

    Parameters
    ----------
    res : ATTgt
    """
    before = res.cells.event_time < 0
    if not (before & ~res.cells.is_base & np.isfinite(res.att)).any():
        return []
    roles = res.panel.roles
    cluster = res.beyond_unit or (roles.idname if roles.panel else None)
    try:
        if cluster is not None and len(res.clusters(cluster)) <= MOST_DRAWN:
            return [f"Before treatment: {_exact(res, cluster)}"]
    except DesignError:
        pass
    try:
        return [f"Before treatment: {wald_pretest(res).sentence}"]
    except DesignError as error:
        return [f"No test before treatment: {error}"]


def _exact(res: ATTgt, cluster: str) -> str:
    deletions = res.deletions(cluster)
    reason = too_many_unasked(res.estimation, len(deletions.clusters))
    if reason:
        raise DesignError(reason)
    return jackknife_of(res, deletions, critical="exact").pretest().sentence
