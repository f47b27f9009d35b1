"""What one ATT(g,t) is made of: four means on the grid of cohorts and periods."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from didjack.core.linalg import Array, Index
from didjack.display.plots import style
from didjack.display.wording import MINUS, label
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError
from didjack.sample.panel import NEVER
from didjack.sample.periods import period_code

UNTREATED, TREATED = "#F1F3F5", "#C9D0D6"
COHORT, CONTROLS = "#00805D", "#6A4C93"  # blue and orange stand for standard errors


def plot_comparison(res: ATTgt, group: float, time: float, ax: Axes | None = None) -> Figure:
    """Draw which cohorts and periods one ATT(g,t) compares, and the sign of each mean.

    ATT(g,t) without covariates is the mean of the cohort in t minus that in the base period,
    minus the same change of the controls: two means enter with a plus, two with a minus.

    Parameters
    ----------
    res : ATTgt
    group, time : float
        Cohort and period of the cell; of data with dates a date, such as "2006Q1".
    ax : Axes, optional

    Raises
    ------
    DataError
        There is no such cell, or its period is the base period itself.
    """
    cell = _find(res, period_code(group, res.frequency), period_code(time, res.frequency))
    cells, cohorts, times = res.cells, res.panel.cohorts, res.times
    order = np.argsort(np.where(cohorts == NEVER, np.inf, cohorts), kind="stable")
    controls = cells.control_sets[cells.control_set[cell]]
    sizes = np.bincount(res.panel.unit_cohort, minlength=len(cohorts))
    with style.canvas(ax, 1.0 + 0.34 * len(order)) as ax:
        for y, q in enumerate(order):
            starts = math.inf if cohorts[q] == NEVER else cohorts[q]
            for x, t in enumerate(times):
                _square(ax, x, y, TREATED if t >= starts else UNTREATED, "white")
            if q == cells.cohort[cell] or controls[q]:
                of_cohort = q == cells.cohort[cell]
                signs = ("+", MINUS) if of_cohort else (MINUS, "+")
                colour = COHORT if of_cohort else CONTROLS
                for x, sign in zip((cells.time[cell], cells.base[cell]), signs, strict=True):
                    _square(ax, int(x), y, colour, "white", sign)
        _frame(ax, times, cohorts[order], sizes[order], res.frequency)
        _legend(ax)
    return style.figure_of(ax)


def _find(res: ATTgt, group: float, time: float) -> int:
    when = partial(label, frequency=res.frequency)
    found: Index = np.flatnonzero((res.cells.group == group) & (res.cells.period == time))
    if len(found) == 0:
        groups = ", ".join(when(float(g)) for g in res.groups)
        raise DataError(
            f"There is no cell ATT({when(group)},{when(time)}). Cohorts: {groups}; periods: "
            f"{when(float(res.cells.period.min()))} to {when(float(res.cells.period.max()))}."
        )
    if res.cells.is_base[found[0]]:
        raise DataError(
            f"{when(time)} is the base period of cohort {when(group)}: nothing is compared. "
            "Choose another period."
        )
    return int(found[0])


def _square(ax: Axes, x: int, y: int, face: str, edge: str, sign: str = "") -> None:
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor=edge, linewidth=2))
    if sign:
        ax.text(x, y, sign, ha="center", va="center", color="white", weight="bold", fontsize=12)


def _frame(ax: Axes, times: Array, cohorts: Array, sizes: Index, frequency: str) -> None:
    step = max(1, math.ceil(len(times) / 12))
    names = ["never" if g == NEVER else label(float(g), frequency) for g in cohorts]
    ax.set_xticks(range(0, len(times), step), [label(float(t), frequency) for t in times[::step]])
    ax.set_yticks(range(len(names)), [f"{a}  ({n:,})" for a, n in zip(names, sizes, strict=True)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlim(-0.5, len(times) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("Period")
    ax.set_ylabel("Cohort (size)")


def _legend(ax: Axes) -> None:
    entries = {
        "cohort of the cell": COHORT,
        "controls": CONTROLS,
        "treated": TREATED,
        "not treated": UNTREATED,
    }
    handles = [Patch(facecolor=colour, label=name) for name, colour in entries.items()]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4,
              handlelength=1.1, handleheight=1.1, columnspacing=1.2, borderpad=0.2)  # fmt: skip
