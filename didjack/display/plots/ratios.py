"""The figure of an exact p-value against the ratio of treated to control standard deviations."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.linalg import Array
from didjack.display.plots import style
from didjack.display.wording import MINUS, number
from didjack.inference.sensitivity import Sensitivity

_RATIO_TICKS = tuple(2.0**k for k in range(-10, 11))
_P_TICKS = (*(10.0**k for k in range(-12, -1)), 0.05, 0.2, 1.0)


def plot_sensitivity(sensitivity: Sensitivity, ax: Axes | None = None) -> Figure:
    """Draw the p-value against the ratio, with the level and where the finding passes it.

    Both axes are logarithmic. The p-value of the jackknife is the dot at ratio one.

    Parameters
    ----------
    sensitivity : Sensitivity
    ax : Axes, optional
    """
    shown = sensitivity.p > 0
    ratios, p = sensitivity.ratios[shown], sensitivity.p[shown]
    with style.canvas(ax, height=3.6) as axes:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(sensitivity.alpha, color=style.SOFT, linewidth=0.9, zorder=0)
        axes.plot(ratios, p, color=style.ORANGE, linewidth=1.8)
        if sensitivity.p_reference > 0:
            axes.plot(1.0, sensitivity.p_reference, "o", color=style.ORANGE, ms=style.MARKER)
        for place in (sensitivity.ratio_below, sensitivity.ratio):
            if len(ratios) and ratios[0] <= place <= ratios[-1]:
                axes.axvline(place, color=style.FAINT, linewidth=1.0, linestyle="--", zorder=0)
                axes.annotate(
                    number(place, 2),
                    (place, sensitivity.alpha),
                    xytext=(5, -5),
                    textcoords="offset points",
                    va="top",
                )
        _ticks(axes, ratios, np.append(p, sensitivity.alpha))
        axes.set_xlabel("Standard deviation of treated clusters, relative to the reference model")
        axes.set_ylabel("Exact p-value")
        axes.set_title(str(sensitivity.parameter))
        return style.figure_of(axes)


def _ticks(ax: Axes, ratios: Array, p: Array) -> None:
    """Put ticks at powers of two, and at p-values that people know."""
    ax.xaxis.set_minor_locator(plt.NullLocator())
    ax.yaxis.set_minor_locator(plt.NullLocator())
    if len(ratios):
        at = [x for x in _RATIO_TICKS if ratios[0] * 0.999 <= x <= ratios[-1] * 1.001]
        ax.set_xticks(at, [f"{x:g}" if x >= 1 else f"1/{1 / x:g}" for x in at])
    low = max(float(p.min()) / 1.4, 1e-13)
    ax.set_ylim(low, 1.25)
    at = [y for y in _P_TICKS if y >= low]
    ax.set_yticks(at, [f"{y:g}" if y > 5e-5 else f"1e{MINUS}{-np.log10(y):.0f}" for y in at])
