"""Figures of rejection rates: one line for each test, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from didjack.core.linalg import Array
from didjack.display.plots.style import (
    BLUE,
    FAINT,
    INK,
    MARKER,
    ORANGE,
    SOFT,
    WIDTH,
    canvas,
    figure_of,
    look,
)
from didjack.display.wording import percent_label
from didjack.simulate.planning import FEW, Plan

GREEN, PURPLE = "#009E73", "#A0527C"
LOWEST = 0.005  # rates that the logarithmic axis shows
# Colours as in all figures: blue for influence functions, orange for the jackknife with t(H - 1).
LINES: Mapping[str, Mapping[str, Any]] = {
    "unit-z": {"color": BLUE, "linestyle": ":", "label": "CSDID, units independent"},
    "clustered-z": {"color": BLUE, "marker": "o", "label": "CSDID, clustered"},
    "rademacher": {"color": "#56B4E9", "linestyle": "--", "label": "CSDID, multiplier bootstrap"},
    "cv3": {"color": ORANGE, "marker": "s", "label": "CSDID, CV3 with t(H-1)"},
    "exact": {"color": GREEN, "marker": "D", "label": "CSDID, CV3 exact"},
    "fitted": {"color": GREEN, "linestyle": "--", "label": "CSDID, CV3 exact, fitted variances"},
    "verdict": {"color": PURPLE, "marker": "v", "label": "Significant by the rule"},
    "hansen": {"color": ORANGE, "linestyle": ":", "label": "CSDID, generalized deletions"},
    "conley-taber": {"color": "#56B4E9", "linestyle": "-.", "label": "Conley-Taber"},
    "ferman-pinto": {"color": "#56B4E9", "linestyle": "--", "label": "Ferman-Pinto"},
    "permutation": {"color": SOFT, "linestyle": "-.", "label": "Randomization, estimate"},
    "permutation-t": {
        "color": INK,
        "linestyle": "--",
        "marker": "d",
        "markerfacecolor": "white",
        "label": "Randomization, CV3 t",
    },
    "twfe-cv1": {"color": SOFT, "marker": "^", "markerfacecolor": "white", "label": "TWFE, CV1"},
}
_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def plot_rates(
    panels: Mapping[str, pd.DataFrame],
    x: str,
    xlabel: str,
    tests: Sequence[str],
    *,
    level: float | None = 0.05,
    ylabel: str = "Rejection rate",
    log: bool = True,
) -> Figure:
    """Draw rejection rates of several tests, one panel beside the other.

    Parameters
    ----------
    panels : mapping of title to DataFrame
        Rates as `didjack.display.claims.sizes` lays them out.
    x, xlabel : str
        Column of the horizontal axis, and its words.
    tests : sequence of str
        Of `LINES`.
    level : float or None
        Where the line of the level stands.
    ylabel : str
    log : bool
        Logarithmic vertical axis.
    """
    with look():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 3.5), sharey=True, squeeze=False
        )
        for ax, (title, frame) in zip(axes[0], panels.items(), strict=True):
            _panel(ax, frame.sort_values(x), x, tests)
            ax.set_title(title)
            ax.set_xlabel(xlabel)
            if frame[x].dtype.kind == "i":
                ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            if level is not None:
                ax.axhline(level, color=FAINT, linewidth=1.2, zorder=0)
        rates = np.concatenate([frame[list(tests)].to_numpy().ravel() for frame in panels.values()])
        _vertical(axes[0, 0], log, rates[np.isfinite(rates)])
        axes[0, 0].set_ylabel(ylabel)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _panel(ax: Axes, frame: pd.DataFrame, x: str, tests: Sequence[str]) -> None:
    for test in tests:
        present = frame[frame[test].notna()]
        style = {"markersize": MARKER - 1, "linewidth": 1.4, **LINES[test]}
        ax.plot(present[x].to_numpy(), present[test].to_numpy(), **style)


def _vertical(ax: Axes, log: bool, rates: Array) -> None:
    """Put ticks at round percentages; the axes share their range.

    Rates below `LOWEST`, zero among them, have no place on a logarithmic axis.
    """
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_minor_locator(plt.NullLocator())
        low = max(float(rates.min()) / 1.3, LOWEST)
        high = min(1.0, 1.3 * float(rates.max()))
        ticks = [t for t in _TICKS if low <= t <= high]
    else:
        low, high, ticks = 0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    ax.set_yticks(ticks, [percent_label(t) for t in ticks])
    ax.set_ylim(low, high)


def plot_power(plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the power of clustered, jackknife and, with few treated clusters, other valid tests.

    Parameters
    ----------
    plan : Plan
    ax : Axes, optional
    """
    few = ("exact", "conley-taber") if plan.n_treated <= FEW else ()
    wanted = ("clustered-z", "cv3", *few, "twfe-cv1")
    tests = [test for test in wanted if test in plan.draws]
    largest = plan.table.loc[plan.table["test"].isin(tests), "mde"].max()
    curve = plan.curve(np.linspace(0, 1.6 * float(largest), 81).tolist())
    with canvas(ax, height=3.6) as axes:
        for test in tests:
            style = {key: v for key, v in LINES[test].items() if "marker" not in key}
            axes.plot(curve["effect"].to_numpy(), curve[test].to_numpy(), linewidth=1.6, **style)
        axes.axhline(plan.power, color=FAINT, linewidth=1.0, zorder=0)
        axes.axhline(plan.level, color=FAINT, linewidth=1.0, zorder=0)
        _vertical(axes, log=False, rates=np.empty(0))
        axes.set_xlabel("Effect, in units of the outcome")
        axes.set_ylabel("Power")
        axes.legend(loc="lower right")
        return figure_of(axes)
