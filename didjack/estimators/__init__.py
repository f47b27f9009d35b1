"""The estimators of one cell: ATT(g,t) in every replicate, and influence functions.

Where the formulas stand. SZ is Sant'Anna and Zhao (2020), CS Callaway and Sant'Anna (2021); the two
numbers of CS are those with never treated and with not yet treated controls.

| file | panel | cross-sections | for each cohort and period |
|---|---|---|---|
| `reg` | SZ (2.2) | SZ (2.2) | CS (2.3), (2.6) |
| `ipw` | SZ (4.1) | SZ (4.2) | CS (2.2), (2.5) |
| `dr` | SZ (3.1) | SZ (3.4) | CS (2.4), (2.7) |
| `drimp` | SZ (3.1) and Section 3.1 | SZ (3.4) and Section 3.2 | CS (2.4), (2.7) |

Each file has the influence functions too, but for those of `reg`, in `reg_influence`. Propensity
models are in `propensity`, the weights made from them in `odds`, what Stata does under separation
in `csdid_rule`. The other files go through cells and replicates, and hold no formula of a paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from didjack.core.linalg import Array
from didjack.core.moments import Clusters
from didjack.estimators import reg, reg_influence, weighted, weighted_influence
from didjack.estimators.estimates import Estimates
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class Estimator:
    """One estimation method.

    Attributes
    ----------
    estimate : callable
        (panel, cells, clusters or None, estimates of the full sample or None) -> Estimates with
        R = C + 1 replicates (1 without clusters).
    row_influence : callable
        (panel, cells, estimates of the full sample) -> influence functions of the cells, over
        the units of a panel or the rows of repeated cross-sections.
    """

    estimate: Callable[[Panel, Cells, Clusters | None, Estimates | None], Estimates]
    row_influence: Callable[[Panel, Cells, Estimates], Array]

    def influence(self, panel: Panel, cells: Cells, estimates: Estimates) -> Array:
        """Influence functions of all cells over units, (n, m), on the scale of R `did`.

        Zero for base periods, NaN for cells without an estimate.
        """
        out = self.row_influence(panel, cells, estimates)
        if panel.is_unbalanced:
            out = panel.sum_by_unit(out)
        out[:, ~np.isin(estimates.status[0], (Status.OK, Status.BASE_PERIOD))] = np.nan
        return out


def _weighted(method: str, separation: str) -> Estimator:
    return Estimator(
        partial(weighted.estimate, method=method, separation=separation),
        partial(weighted_influence.influence, method=method, separation=separation),
    )


METHODS = ("dr", "ipw", "reg", "drimp")


def estimator(method: str, separation: str = "drop") -> Estimator:
    """Return the estimator of a method; `separation` is "drop" or "csdid"."""
    if method == "reg":
        return Estimator(reg.estimate, reg_influence.influence)
    return _weighted(method, separation)
