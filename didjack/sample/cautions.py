"""What a user should know of a sample that can be used: sentences, nothing is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.sample.panel import NEVER, Panel

SMALLEST_COHORT = 5  # units, beside one for each covariate: the rule of R `did`
MANY_LEFT_OUT = 0.1  # share of the units above which leaving them out is an alarm
SHOWN = 8  # cohorts that a sentence names


def cautions(panel: Panel, fix_weights: str | None = None) -> list[str]:
    """Return sentences on what may not be meant: outcome, weights, cohorts, and a missing idname.

    Parameters
    ----------
    panel : Panel
    fix_weights : str, optional
        As in `didjack.att_gt`.
    """
    found = (
        _incomplete_units(panel),
        _constant_outcome(panel),
        _changing_weights(panel, fix_weights),
        _small_cohorts(panel),
        _few_controls(panel),
        _forgotten_unit(panel),
    )
    return [sentence for sentence in found if sentence]


def alarms(panel: Panel) -> list[str]:
    """Return the cautions that change the estimate: many units left out, a constant outcome.

    Parameters
    ----------
    panel : Panel
    """
    left = sum(drop.count for drop in panel.drops if drop.kind == "units")
    many = left > MANY_LEFT_OUT * (left + panel.n_units)
    found = (_incomplete_units(panel) if many else "", _constant_outcome(panel))
    return [sentence for sentence in found if sentence]


def _incomplete_units(panel: Panel) -> str:
    left = sum(drop.count for drop in panel.drops if drop.kind == "units")
    if not left:
        return ""
    return (
        f"{left:,} of {left + panel.n_units:,} units {'is' if left == 1 else 'are'} left out for "
        "missing periods: "
        "allow_unbalanced_panel=True keeps them, and balance='pair' keeps them by comparison."
    )


def _constant_outcome(panel: Panel) -> str:
    if (panel.y != panel.y[0]).any():
        return ""
    return f"Column '{panel.roles.yname}' is {panel.y[0]:.6g} in every row: all effects are zero."


def _changing_weights(panel: Panel, fix_weights: str | None) -> str:
    """Say which period's weight counts where weights change within units."""
    name = panel.roles.weightsname
    if name is None or not panel.roles.panel or not _weights_change(panel):
        return ""
    averages = "by the first period" if panel.is_panel else "by the mean over a unit's periods"
    if fix_weights is not None:
        rule = f"a comparison weights by fix_weights='{fix_weights}'"
    elif panel.is_panel or panel.is_pairwise:
        rule = "a comparison weights by the earlier of its two periods (fix_weights changes that)"
    else:
        rule = "every row has its own weight (fix_weights changes that)"
    return (
        f"Column '{name}' (weightsname) changes within units: {rule}, and averages of cohorts "
        f"{averages}, as in R did."
    )


def _weights_change(panel: Panel) -> bool:
    """Say whether a unit has two weights."""
    if panel.is_panel:
        return not panel.constant_weights
    first = np.zeros(panel.n_units)
    first[panel.unit[::-1]] = panel.w[::-1]  # the first row of a unit is written last
    return bool((panel.w != first[panel.unit]).any())


def _small_cohorts(panel: Panel) -> str:
    """Name the cohorts of which an average period has fewer units than the rule of R `did`."""
    needed, small = _small(panel)
    if not len(small):
        return ""
    names = ["never treated" if g == NEVER else panel.roles.period_text(g) for g in small[:SHOWN]]
    more = ", ..." if len(small) > SHOWN else ""
    noun = "units" if panel.roles.panel else "rows in a period"
    what = "covariates" if panel.design.k > 1 else ""
    return (
        f"Small cohorts, with fewer than {needed} {noun}"
        + (f" ({SMALLEST_COHORT} and the number of {what})" if what else "")
        + f": {', '.join(names)}{more}."
    )


def _few_controls(panel: Panel) -> str:
    """Name the remedy where R `did` refuses: never-treated controls below its rule."""
    if panel.roles.control_group != "nevertreated" or NEVER not in _small(panel)[1]:
        return ""
    return (
        "R did refuses a never-treated group as small as this one; control_group='notyettreated' "
        "adds units that are treated later to it."
    )


def _small(panel: Panel) -> tuple[int, Array]:
    """Return the size that R `did` asks of a cohort, and the cohorts below it."""
    needed = SMALLEST_COHORT + panel.design.k - 1
    size = np.bincount(panel.cohort, minlength=len(panel.cohorts)) / len(panel.times)
    return needed, panel.cohorts[(size > 0) & (size < needed)]


def _forgotten_unit(panel: Panel) -> str:
    """Look for a column that names every unit once in each period, where no idname is given."""
    roles, T = panel.roles, len(panel.times)
    n = len(panel.rows)
    if roles.panel or roles.idname is not None or n % T:
        return ""
    used = {roles.yname, roles.tname, roles.gname, roles.weightsname}
    for name in panel.source.columns:
        values = panel.source[name]
        if name in used or not isinstance(name, str) or values.dtype.kind == "f":
            continue
        try:
            code, labels = pd.factorize(values.take(panel.rows))
        except TypeError:  # cells that hold lists
            continue
        if len(labels) * T == n and (code >= 0).all() and len(labels) > 1:
            if len(np.unique(code * T + panel.time)) < n:
                continue
            cohort = np.zeros(len(labels), dtype=np.intp)
            cohort[code] = panel.cohort
            if (cohort[code] == panel.cohort).all():
                return (
                    f"Without idname rows are repeated cross-sections, but column '{name}' occurs "
                    f"once in each period: pass idname='{name}' if these are the same units."
                )
    return ""
