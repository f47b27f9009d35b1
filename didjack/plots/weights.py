"""The weights of an average: cohorts by periods, shades for what each ATT(g,t) counts."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.aggregate import Aggregate
from didjack.diagnostics import weights_frame
from didjack.errors import DataError
from didjack.linalg import Array
from didjack.plots import style
from didjack.wording import label


def plot_weights(
    agg: Aggregate,
    parameter: str = "overall",
    ax: Axes | None = None,
    largest: float | None = None,
) -> Figure:
    """Draw the weight of every ATT(g,t) in an average, in percent.

    A line marks where treatment begins. Weights of one parameter add up to 100.

    Parameters
    ----------
    agg : Aggregate
    parameter : str
        "overall", or an element such as "event:0".
    ax : Axes, optional
    largest : float, optional
        Weight that gets the darkest shade, for panels on one scale; the largest one if not given.

    Raises
    ------
    DataError
        The aggregation has no such parameter.
    """
    if parameter not in agg.parameters:
        raise DataError(
            f"There is no parameter '{parameter}'. Parameters: {', '.join(agg.parameters)}."
        )
    res = agg.attgt
    groups, times = res.groups, res.times
    table = np.full((len(groups), len(times)), np.nan)
    row = np.searchsorted(groups, res.cells.group)
    column = np.searchsorted(times, res.cells.period)
    table[row, column] = weights_frame(agg)[parameter]
    shown = np.where(table > 0, table, np.nan)
    top = float(np.nanmax(shown)) if largest is None else largest
    with style.canvas(ax, 1.0 + 0.36 * len(groups)) as ax:
        ax.imshow(np.where(np.isnan(shown), 0.0, shown), cmap="Blues", vmin=0, vmax=1.25 * top,
                  aspect="auto")  # fmt: skip
        if table.size <= 150:
            _write(ax, shown, top)
        for i, g in enumerate(groups):
            start = np.searchsorted(times, g) - 0.5
            ax.plot([start, start], [i - 0.5, i + 0.5], color=style.INK, linewidth=1.6)
        _frame(ax, groups, times)
    return style.figure_of(ax)


def _write(ax: Axes, table: Array, largest: float) -> None:
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if value > 0.75 * largest else style.INK
            text = f"{100 * value:.0f}" if value >= 0.0995 else f"{100 * value:.1f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=7.8, color=colour)


def _frame(ax: Axes, groups: Array, times: Array) -> None:
    width = ax.get_position().width * style.figure_of(ax).get_figwidth()
    step = max(1, math.ceil(len(times) / (1.6 * width)))
    ax.set_xticks(range(0, len(times), step), [label(float(t)) for t in times[::step]])
    ax.set_yticks(range(len(groups)), [label(float(g)) for g in groups])
    ax.set_xticks(np.arange(len(times) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(groups) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color=style.LINE, linewidth=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_color(style.LINE)
    ax.spines[:].set_visible(True)
    ax.set_xlabel("Period")
    ax.set_ylabel("Cohort")
