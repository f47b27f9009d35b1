"""The ledger: what was left out of an estimation, how much, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd

from didjack.effects.parameters import Parameter
from didjack.estimators.estimates import Estimates
from didjack.sample.cells import REASONS, Cells, Status
from didjack.sample.panel import Panel
from didjack.sample.periods import as_dates

EACH = 4  # cells up to which each has a sentence of its own
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
    ledger = pd.DataFrame(entries, columns=COLUMNS).astype({"group": "float", "time": "float"})
    if cells.frequency:
        for name in ("group", "time"):
            ledger[name] = as_dates(ledger[name].to_numpy(), cells.frequency)
    return ledger


def left_out_lines(ledger: pd.DataFrame) -> list[str]:
    """Write a ledger as sentences; cells are counted by reason where there are many.

    Parameters
    ----------
    ledger : DataFrame
        From `make_ledger`.
    """
    lines = []
    of_cells = ledger["kind"].isin(["cell", "separation"])
    each = ledger if of_cells.sum() <= EACH else ledger[~of_cells]
    for row in each.itertuples(index=False):
        unit = "unit" if row.kind == "units" else "row"
        size = f"{row.count} {unit}{'' if row.count == 1 else 's'}"
        lines.append(f"Left out: {row.kind} {row.what} ({size}): {row.reason}.")
    if of_cells.sum() > EACH:
        for kind, rows in ledger[of_cells].groupby("kind", sort=False):
            reasons = counted_reasons(rows["reason"])
            what = "cells" if kind == "cell" else "cells with separated controls"
            lines.append(f"Left out: {len(rows):,} {what}: {reasons}.")
    return lines


def counted_reasons(reasons: Iterable[str]) -> str:
    """Write reasons with how often each occurs, the most frequent first.

    Parameters
    ----------
    reasons : iterable of str

    Examples
    --------
    >>> counted_reasons(["no controls", "collinear", "no controls"])
    'no controls (2), collinear (1)'
    """
    return ", ".join(f"{reason} ({n:,})" for reason, n in Counter(reasons).most_common())


def _cell_entry(panel: Panel, cells: Cells, estimates: Estimates, c: int) -> _Entry | None:
    """Return the line on a cell that was left out or separated."""
    g, t = float(cells.group[c]), float(cells.period[c])
    name = str(Parameter("att", (g, t), cells.frequency))
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
