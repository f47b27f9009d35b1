"""The 2x2 estimators: ATT(g,t) of every cell and replicate, and influence functions.

Every estimator module offers `estimate(panel, cells, clusters)` and `influence(panel, cells)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from didjack.cells import Cells
from didjack.estimators import reg
from didjack.estimators.results import Estimates
from didjack.linalg import Array
from didjack.moments import Clusters
from didjack.panel import Panel


@dataclass(frozen=True)
class Estimator:
    """One estimation method.

    Attributes
    ----------
    estimate : callable
        (panel, cells, clusters or None) -> Estimates with R = C + 1 replicates (1 for None).
    influence : callable
        (panel, cells) -> (n, m) influence functions of the cells, on R `did`'s scale.
    """

    estimate: Callable[[Panel, Cells, Clusters | None], Estimates]
    influence: Callable[[Panel, Cells], Array]


ESTIMATORS: dict[str, Estimator] = {"reg": Estimator(reg.estimate, reg.influence)}
