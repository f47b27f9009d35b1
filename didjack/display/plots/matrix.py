"""The matrix of ATT(g,t): cohorts by periods, effects as colours."""

from __future__ import annotations

import math
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.linalg import Array
from didjack.display.plots import style
from didjack.display.wording import MINUS, label, number
from didjack.effects.attgt import ATTgt

_LEADING_ZERO = re.compile(rf"^({MINUS}?)0\.")


def plot_matrix(res: ATTgt, ax: Axes | None = None) -> Figure:
    """Draw ATT(g,t) as a matrix of colours: cohorts by periods.

    A line marks where treatment begins; cells without an estimate stay empty.

    Parameters
    ----------
    res : ATTgt
    ax : Axes, optional
    """
    groups, times = res.groups, res.times
    table = cell_table(res, np.where(res.cells.is_base, np.nan, res.att))
    largest = np.nanmax(np.abs(table)) if np.isfinite(table).any() else 1.0
    with style.canvas(ax, 1.3 + 0.42 * len(groups)) as ax:
        image = ax.imshow(table, cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto")
        if table.size <= 120:
            _write_cells(ax, table, largest)
        frame_matrix(ax, res, math.ceil(len(times) / 12), start=2)
        ax.grid(which="minor", color="white", linewidth=1.5)
        ax.spines[:].set_visible(False)
        bar = style.figure_of(ax).colorbar(image, ax=ax, fraction=0.03, pad=0.02)
        bar.set_label("ATT(g,t)")
        bar.outline.set_visible(False)
    return style.figure_of(ax)


def _write_cells(ax: Axes, table: Array, largest: float) -> None:
    digits = int(np.clip(2 - np.floor(np.log10(largest)), 0, 4)) if largest > 0 else 2
    size = 8.5 if table.shape[1] <= 9 else 7.2
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.65 * largest else style.INK
            text = _LEADING_ZERO.sub(r"\1.", number(value, digits))
            ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)


def cell_table(res: ATTgt, values: Array) -> Array:
    """Lay out one value per cell by cohort and period; NaN where there is no cell."""
    groups, times = res.groups, res.times
    table = np.full((len(groups), len(times)), np.nan)
    row = np.searchsorted(groups, res.cells.group)
    table[row, np.searchsorted(times, res.cells.period)] = values
    return table


def frame_matrix(ax: Axes, res: ATTgt, step: int, start: float) -> None:
    """Label cohorts and every so many periods, and mark the start of treatment by a line."""
    groups, times = res.groups, res.times
    for i, g in enumerate(groups):
        at = np.searchsorted(times, g) - 0.5
        ax.plot([at, at], [i - 0.5, i + 0.5], color=style.INK, linewidth=start)
    step = max(1, 2 * step if res.frequency and len(times) > 6 else step)
    periods, cohorts = ([label(float(p), res.frequency) for p in v] for v in (times, groups))
    ax.set_xticks(range(0, len(times), step), periods[::step])
    ax.set_yticks(range(len(groups)), cohorts)
    ax.set_xticks(np.arange(len(times) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(groups) - 1) + 0.5, minor=True)
    ax.tick_params(which="both", length=0)
    ax.set_xlabel("Period")
    ax.set_ylabel("Cohort")
