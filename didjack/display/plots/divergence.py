"""The figure of intervals that hold although trends diverge."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.display.plots import style
from didjack.inference.honest import HonestBounds

_LABELS = {
    "relative_magnitude": "Divergence after treatment, relative to the largest before",
    "smoothness": "Change of the slope of trends between periods",
}


def plot_honest(bounds: HonestBounds, ax: Axes | None = None) -> Figure:
    """Draw the interval at every bound, beside the one under parallel trends.

    A dashed line marks the breakdown value where it lies among the bounds.

    Parameters
    ----------
    bounds : HonestBounds
    ax : Axes, optional
    """
    at = bounds.bounds
    steps = np.diff(np.unique(at))
    step = float(steps.min()) if len(steps) else float(max(at[0], 1.0))
    with style.canvas(ax, height=3.6) as axes:
        axes.axhline(0.0, color=style.SOFT, linewidth=0.9, zorder=0)
        parallel = float(at.min()) - step
        axes.vlines(parallel, *bounds.original, color=style.SOFT, linewidth=2.2)
        axes.vlines(at, bounds.low, bounds.high, color=style.ORANGE, linewidth=2.2)
        if at.min() <= bounds.breakdown <= at.max():
            axes.axvline(
                bounds.breakdown, color=style.FAINT, linewidth=1.0, linestyle="--", zorder=0
            )
        ticks = [parallel, *at.tolist()]
        axes.set_xticks(ticks, ["parallel", *(f"{x:.3g}" for x in at)])
        axes.set_xlim(parallel - step / 2, float(at.max()) + step / 2)
        axes.set_xlabel(f"{_LABELS[bounds.type]} ({bounds.bound})")
        axes.set_ylabel("Effect")
        axes.set_title(f"{bounds.parameter}, {100 * bounds.level:g}% intervals ({bounds.method})")
        return style.figure_of(axes)
