"""The weights of an average: cohorts by periods, shades for what each ATT(g,t) counts."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.linalg import Array
from didjack.display.diagnostics import weights_frame
from didjack.display.plots import style
from didjack.display.plots.matrix import cell_table, frame_matrix
from didjack.display.wording import number
from didjack.effects.aggregate import Aggregate
from didjack.errors import DataError


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
    table = cell_table(res, weights_frame(agg)[parameter].to_numpy())
    shown = np.where(table > 0, table, np.nan)
    top = float(np.nanmax(shown)) if largest is None else largest
    with style.canvas(ax, 1.0 + 0.36 * len(res.groups)) as ax:
        ax.imshow(np.where(np.isnan(shown), 0.0, shown), cmap="Blues", vmin=0, vmax=1.25 * top,
                  aspect="auto")  # fmt: skip
        if table.size <= 150:
            _write(ax, shown, top)
        width = ax.get_position().width * style.figure_of(ax).get_figwidth()
        frame_matrix(ax, res, math.ceil(len(res.times) / (1.6 * width)), start=1.6)
        ax.grid(which="minor", color=style.LINE, linewidth=0.8)
        ax.spines[:].set_color(style.LINE)
        ax.spines[:].set_visible(True)
    return style.figure_of(ax)


def _write(ax: Axes, table: Array, largest: float) -> None:
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if value > 0.75 * largest else style.INK
            text = number(100 * value, 0 if value >= 0.0995 else 1)
            ax.text(j, i, text, ha="center", va="center", fontsize=7.8, color=colour)
