"""One look for all figures: drawn on white, colours that the colour-blind can tell apart.

A colour has the same meaning in every figure: blue are influence-function (analytic or
clustered) standard errors, orange is the cluster jackknife.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.arguments import require_instance
from didjack.display.wording import label

BLUE = "#0072B2"  # Okabe and Ito's palette
ORANGE = "#D55E00"
INK = "#222222"
SOFT = "#5F6770"
FAINT = "#A9B1B9"
LINE = "#D5DADF"
WIDTH = 7.4  # inches; the text of the site is about as wide
MARKER = 5.5

RC: Any = {
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


@contextmanager
def look() -> Iterator[None]:
    """Apply the look to what is drawn inside.

    In a notebook the first figure starts the backend, which turns the interactive mode on:
    that has to outlive the context, or no later figure would be shown.
    """
    with plt.rc_context(RC):
        yield
        interactive = plt.isinteractive()
    matplotlib.interactive(interactive)


def require_axes(ax: object) -> None:
    """Refuse what is neither None nor axes to draw on."""
    require_instance(ax, "ax", (Axes, type(None)), "axes of matplotlib")


@contextmanager
def canvas(ax: Axes | None, height: float, width: float = WIDTH) -> Iterator[Axes]:
    """Give the axes to draw on, new ones in the house's look where none are given."""
    require_axes(ax)
    with look():
        if ax is None:
            _, ax = plt.subplots(figsize=(width, height))
        yield ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that holds the axes."""
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def zero_line(ax: Axes, vertical: bool = False) -> None:
    """Draw the line of no effect, under everything else."""
    draw = ax.axvline if vertical else ax.axhline
    draw(0, color=SOFT, linewidth=0.9, zorder=0)


def whole_ticks(ax: Axes, values: Any, frequency: str = "") -> None:
    """Put the ticks of x at values of the data, not between them; thinned when many."""
    values = sorted(float(v) for v in values)
    step = max(1, -(-len(values) // (7 if frequency else 12)))
    if 0.0 in values:  # event times: zero keeps its tick
        start = values.index(0.0) % step
        values = values[start:]
    shown = values[::step]
    ax.set_xticks(shown, [label(v, frequency) for v in shown])
