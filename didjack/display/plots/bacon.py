"""The comparisons that a two-way fixed-effects regression averages."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.display.plots.style import MARKER, SOFT, canvas, figure_of, zero_line
from didjack.display.wording import decimals, number
from didjack.regression.decomposition import KINDS, Bacon


def plot_bacon(decomposition: Bacon, ax: Axes | None = None) -> Figure:
    """Draw estimates against weights, with a marker for each kind and a line at the coefficient.

    Comparisons with cohorts that are treated already are hollow.

    Parameters
    ----------
    decomposition : Bacon
    ax : Axes, optional
        Where to draw; a new figure without it.
    """
    green, purple = "#009E73", "#CC79A7"  # of Okabe and Ito's palette, without meaning so far
    looks = dict(zip(KINDS, zip("o^vs", (green, green, purple, purple), strict=True), strict=True))
    att = decomposition.att
    with canvas(ax, 3.6) as axes:
        zero_line(axes)
        for kind, rows in decomposition.comparisons.groupby("kind", sort=False):
            marker, colour = looks[str(kind)]
            axes.plot(
                rows["weight"],
                rows["estimate"],
                marker,
                color=colour,
                markersize=MARKER,
                markerfacecolor=colour if colour == green else "white",
                label=str(kind).capitalize(),
            )
        axes.axhline(
            att,
            color=SOFT,
            linewidth=1,
            linestyle=(0, (3, 3)),
            zorder=0,
            label=f"Two-way fixed effects: {number(att, decimals([abs(att)]))}",
        )
        axes.set_xlabel("Weight")
        axes.set_ylabel("Estimate")
        axes.legend()
        return figure_of(axes)
