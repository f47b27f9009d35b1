"""The ledger: what was left out of an estimation, how much, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from didjack.effects.parameters import Parameter
from didjack.estimators.estimates import Estimates
from didjack.sample.cells import REASONS, Cells, Status
from didjack.sample.panel import Panel

COLUMNS = ["kind", "what", "group", "time", "count", "reason"]
_Entry = tuple[str, str, float, float, int, str]


def make_ledger(panel: Panel, cells: Cells, estimates: Estimates) -> pd.DataFrame:
    """List what was left out: rows, units, cohorts, periods, covariates and cells.

    Parameters
    ----------
    panel : Panel
        Its drops come first.
    cells : Cells
    estimates : Estimates
        Of the full sample.

    Returns
    -------
    DataFrame
        Columns kind, what, group, time, count, reason. `count` is in rows, for units in units.
    """
    entries = [(d.kind, d.what, np.nan, np.nan, d.count, d.reason) for d in panel.drops]
    for c in range(len(cells)):
        entry = _cell_entry(panel, cells, estimates, c)
        if entry is not None:
            entries.append(entry)
    return pd.DataFrame(entries, columns=COLUMNS).astype({"group": "float", "time": "float"})


def _cell_entry(panel: Panel, cells: Cells, estimates: Estimates, c: int) -> _Entry | None:
    """Return the line on a cell that was left out or separated."""
    g, t = float(cells.group[c]), float(cells.period[c])
    name = str(Parameter("att", (g, t)))
    size = int(estimates.n_treated[c] + estimates.n_control[c])
    fault = int(estimates.fault[c])
    covariate = panel.design.names[fault] if fault > 0 else ""
    if not np.isfinite(estimates.att[0, c]):
        reason = REASONS[Status(estimates.status[0, c])]
        reason += f": {covariate}" if covariate else ""
        return ("cell", name, g, t, size, reason)
    if estimates.separated[0, c]:
        reason = f"{covariate} separates some controls from all treated: no weight for them"
        return ("separation", name, g, t, size, reason)
    return None
