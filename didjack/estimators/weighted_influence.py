"""Influence functions of the weighting estimators in the full sample, cell by cell.

The formulas stand in `ipw`, `ipw_ht`, `dr` and `drimp`; where an estimator is the difference of
mean changes it is that of `reg`.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array
from didjack.estimators import reg_influence
from didjack.estimators.csdid_rule import missing_rows
from didjack.estimators.estimates import Estimates
from didjack.estimators.full_sample import FullSample
from didjack.estimators.methods import WEIGHTING, is_difference_of_means
from didjack.estimators.odds import TRIM
from didjack.estimators.samples import compared_rows
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


def influence(
    panel: Panel,
    cells: Cells,
    estimates: Estimates,
    method: str,
    separation: str,
    trim: float = TRIM,
) -> Array:
    """Influence functions of the cells, (n, m) over units or rows; see `reg_influence.influence`.

    With `separation="csdid"` the values of the rows that Stata's logit drops are missing; the
    others are centred at their own mean and scaled up, as csdid does before it aggregates:

        psi_i -> (psi_i - mean of psi over the other rows) n / (n - dropped),   0 if dropped.

    Parameters
    ----------
    panel : Panel
    cells : Cells
    estimates : Estimates
        Of the full sample; the columns of cells without an estimate stay zero.
    method : str
        A name in `didjack.estimators.methods.WEIGHTING`.
    separation : {"drop", "csdid"}
    trim : float
        Controls with this propensity or a larger one get no weight.
    """
    if is_difference_of_means(panel, method):
        return reg_influence.influence(panel, cells, estimates)
    formulas = WEIGHTING[method]
    wanted = estimates.status[0] == Status.OK
    n = panel.n_units if panel.is_panel else len(panel.rows)
    out = np.zeros((n, len(cells)), order="F")
    for compared in compared_rows(panel, cells, None, merge=False):
        if not wanted[compared.cells].any():
            continue
        coef = estimates.models[int(compared.cells[0])].coef[:1]
        full = FullSample.of(compared.sample, coef, trim)
        missing = missing_rows(compared) if separation == "csdid" else None
        for j, c in enumerate(compared.cells):
            if not wanted[c]:
                continue
            y = compared.y[:, j]
            dropped = np.zeros(len(y), dtype=bool) if missing is None else missing[:, 0]
            kept = 1.0 - dropped.mean()
            if compared.late is None:
                psi = formulas.influence_panel(full, y, kept)
            else:
                psi = formulas.influence_rc(full, y, compared.late, kept)
            if missing is not None:
                psi = np.where(dropped, 0.0, psi - psi[~dropped].mean()) / kept
            out[compared.rows, c] = panel.n_units * psi
    return out
