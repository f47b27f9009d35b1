"""What is said of cells that cannot be estimated, and of averages without them."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Mask
from didjack.core.withheld import notes_on_few_treated
from didjack.effects.estimation import Estimation
from didjack.effects.ledger import counted_reasons
from didjack.effects.target import Target, count_treated
from didjack.sample.cells import REASONS, Status


def note_on_cells(estimation: Estimation) -> list[str]:
    """Say how many cells cannot be estimated, and why: one sentence, or none.

    Parameters
    ----------
    estimation : Estimation
    """
    missing = ~np.isfinite(estimation.att)
    if not missing.any():
        return []
    noun = "cell" if len(missing) == 1 else "cells"
    return [
        f"{int(missing.sum()):,} of {len(missing):,} {noun} cannot be estimated: "
        f"{_reasons(estimation, missing)}."
    ]


def note_on_left_out(estimation: Estimation, wanted: Mask, average: str) -> list[str]:
    """Say which cells of an average are left out of it: one sentence, or none.

    Parameters
    ----------
    estimation : Estimation
    wanted : (m,) bool array
        The cells that would enter if all could be estimated.
    average : str
        Its type.
    """
    missing = wanted & ~np.isfinite(estimation.att)
    if not missing.any():
        return []
    return [
        f"{int(missing.sum()):,} of {int(wanted.sum()):,} cells are left out of the {average} "
        f"average: {_reasons(estimation, missing)}."
    ]


def _reasons(estimation: Estimation, cells: Mask) -> str:
    status = estimation.estimates.status[0]
    return counted_reasons(REASONS[Status(status[c])] for c in np.flatnonzero(cells))


def notes_on_treated(target: Target, cluster: str | None) -> list[str]:
    """Say which analytic p-values are withheld or too small, without computing them.

    Parameters
    ----------
    target : Target
    cluster : str or None
        Cluster variable of the standard errors; None: the unit.
    """
    counts = count_treated(target, cluster)
    # What is zero by construction (base periods, a constant outcome) has no standard error.
    counted = np.isfinite(target.values) & (target.values != 0) & (counts > 0)
    return notes_on_few_treated(target.parameters, counts, counted)
