"""Figures of effects: group-time cells, aggregations, and inferences side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from didjack.comparison import CLUSTERED, EXACT, STUDENT, Comparison
from didjack.core.linalg import Array, Mask
from didjack.core.results import Inference
from didjack.display.diagnostics import cohort_codes, treated_clusters
from didjack.display.plots import style
from didjack.display.plots.matrix import plot_matrix
from didjack.display.vocabulary import WORDS
from didjack.display.wording import figure_text, label
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError
from didjack.inference.jackknife import Jackknife
from didjack.sample.periods import as_dates, period_codes

MAX_PANELS = 12


def plot_attgt(
    res: ATTgt,
    ax: Axes | None = None,
    level: float = 0.95,
    *,
    title: str = "",
    ylabel: str = "ATT(g,t)",
    colour: str = style.BLUE,
    window: tuple[float, float] | None = None,
    order: Sequence[float] | None = None,
) -> Figure:
    """Draw ATT(g,t) with pointwise intervals, a panel for each cohort.

    Effects before treatment are hollow, intervals of cohorts that are one cluster dotted. Of
    many cohorts the matrix is drawn instead.

    Parameters
    ----------
    res : ATTgt
    ax : Axes, optional
        Draw all cohorts into these axes instead, side by side within each period.
    level : float
        Coverage of the intervals, from the analytic standard errors of `res`.
    title, ylabel : str
        Of the figure; of its axis.
    colour : str
        Of the panels; cohorts in given axes have colours of their own.
    window : (first, last), optional
        Periods to show.
    order : sequence of float, optional
        Cohorts in the order of their panels; what is not named is left out.

    Raises
    ------
    DataError
        order names a cohort without estimates.
    """
    if ax is not None:
        _attgt_together(res, ax, level)
        return _finish(ax, title, ylabel if ylabel != "ATT(g,t)" else "", window)
    groups = [g for g in res.groups if np.isfinite(res.att[res.cells.group == g]).any()]
    if order is not None:
        if unknown := [g for g in order if g not in groups]:
            raise DataError(f"order names {unknown}; cohorts with estimates are {groups}.")
        groups = list(order)
    if len(groups) > MAX_PANELS:
        return plot_matrix(res)
    columns = min(3, len(groups))
    n_rows = math.ceil(len(groups) / columns)
    with style.look():
        figure, axes = plt.subplots(
            n_rows,
            columns,
            figsize=(style.WIDTH, 0.5 + 1.85 * n_rows),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        sole = _sole_cohorts(res)
        for g, panel in zip(groups, axes.flat, strict=False):
            _attgt_cohort(res, g, panel, level, g in sole, colour)
            if window is not None:
                panel.set_xlim(window[0] - 0.5, window[1] + 0.5)
        for index in range(len(groups), axes.size):
            axes.flat[index].set_axis_off()
            axes.flat[index - columns].tick_params(labelbottom=True)
        figure.supylabel(ylabel, fontsize=10.5)
        if title:
            figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def _sole_cohorts(res: ATTgt) -> set[float]:
    """Return the cohorts that consist of one cluster."""
    cluster = res.beyond_unit or res.panel.roles.idname
    if cluster is None:
        return set()
    frame = cohort_codes(res, cluster)
    return set(frame.loc[frame["clusters"] == 1, "cohort"])


def _attgt_cohort(res: ATTgt, g: float, ax: Axes, level: float, alone: bool, colour: str) -> None:
    in_cohort = res.cells.group == g
    style.zero_line(ax)
    ax.axvline(
        (g + res.times[res.times < g][-1]) / 2,
        color=style.FAINT,
        linewidth=0.9,
        linestyle=(0, (3, 3)),
        zorder=0,
    )
    half = _half_widths(res, level)[in_cohort]
    x, y = res.cells.period[in_cohort], res.att[in_cohort]
    _points(ax, x, y, half, colour, res.cells.post[in_cohort])
    ax.set_title(f"Cohort {label(g, res.frequency)}" + (", one cluster" if alone else ""))
    _few_ticks(ax, res)


def _half_widths(res: ATTgt, level: float) -> Array:
    """Return half the length of the analytic intervals, (m,); NaN where they are withheld."""
    inference = res.analytic(res.beyond_unit, level)
    return inference.critical_value * inference.se


def _few_ticks(ax: Axes, res: ATTgt) -> None:
    step = max(1, math.ceil(len(res.times) / (3 if res.frequency else 5)))
    shown = res.times[::-1][::step][::-1]
    ax.set_xticks(shown, [label(t, res.frequency) for t in shown])


def _attgt_together(res: ATTgt, ax: Axes, level: float) -> Figure:
    half = _half_widths(res, level)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(res.groups)))
    offsets = np.linspace(-0.3, 0.3, len(res.groups)) if len(res.groups) > 1 else [0.0]
    with style.canvas(ax, 0):
        style.zero_line(ax)
        for g, colour, offset in zip(res.groups, colours, offsets, strict=True):
            in_cohort = res.cells.group == g
            x = res.cells.period[in_cohort] + offset
            _points(
                ax,
                x,
                res.att[in_cohort],
                half[in_cohort],
                colour,
                res.cells.post[in_cohort],
            )
            ax.plot([], [], "o", color=colour, label=label(g, res.frequency))
        ax.legend(title="Cohort")
        ax.set_xlabel("Period")
        ax.set_ylabel("ATT(g,t)")
        style.whole_ticks(ax, res.times, res.frequency)
    return style.figure_of(ax)


def _points(
    ax: Axes,
    x: Array,
    y: Array,
    half: Array,
    colour: object,
    solid: Mask | None = None,
    marker: str = "o",
    alone: Mask | None = None,
) -> None:
    """Draw estimates with intervals, before treatment hollow, of one treated cluster dotted."""
    solid = np.ones(len(x), dtype=bool) if solid is None else solid
    alone = np.zeros(len(x), dtype=bool) if alone is None else alone
    finite = np.isfinite(y)
    wide = finite & np.isfinite(half)
    for which, line in ((wide & ~alone, "-"), (wide & alone, ":")):
        low, high = (y - half)[which], (y + half)[which]
        ax.vlines(x[which], low, high, color=colour, linewidth=1.6, linestyle=line, zorder=2)
    for which, face in ((finite & solid, colour), (finite & ~solid, "white")):
        ax.plot(
            x[which],
            y[which],
            marker,
            markersize=style.MARKER,
            markeredgecolor=colour,
            markeredgewidth=1.4,
            markerfacecolor=face,
            zorder=3,
        )


def plot_aggregate(
    agg: Aggregate,
    ax: Axes | None = None,
    level: float = 0.95,
    *,
    title: str = "",
    ylabel: str = "Effect",
    colour: str = style.BLUE,
    window: tuple[float, float] | None = None,
) -> Figure:
    """Draw the elements of an aggregation with pointwise intervals.

    Parameters
    ----------
    agg : Aggregate
        Event study, cohorts or periods; of `simple` there is only the overall effect.
    ax : Axes, optional
    level : float
        Coverage of the intervals, from analytic standard errors, clustered if `att_gt` was
        given clustervars.
    title, ylabel : str
        Of the axes; `ylabel` says what the effects are measured in.
    colour : str
    window : (first, last), optional
        Event times, cohorts or periods to show.
    """
    inference = agg.analytic(agg.attgt.beyond_unit, level)
    return plot_inferences(
        [inference],
        labels=[""],
        type=agg.type,
        at=_places(agg),
        ax=ax,
        title=title,
        ylabel=ylabel,
        colours=[colour],
        window=window,
    )


def plot_inferences(
    inferences: Sequence[Inference] | Jackknife | Comparison,
    labels: Sequence[str] | None = None,
    type: str = "dynamic",
    at: Array | pd.PeriodIndex | None = None,
    ax: Axes | None = None,
    *,
    title: str = "",
    ylabel: str = "Effect",
    colours: Sequence[str] = (style.BLUE, style.ORANGE, "#009E73", "#6A4C93"),
    window: tuple[float, float] | None = None,
) -> Figure:
    """Draw the elements of an aggregation with the intervals of several inferences side by side.

    Parameters
    ----------
    inferences : sequence of Inference, Jackknife or Comparison
        Of the same estimates. A jackknife stands for two: influence functions clustered by its
        variable, and CV3, to which a comparison adds CV3 with exact critical values. Intervals of
        effects that one treated cluster carries are dotted; t and normal ones have none.
    labels : sequence of str, optional
        What the legend says; an empty text leaves the legend out.
    type : str
        The aggregation; known where a jackknife is given, as is `at`.
    at : (K,) array or PeriodIndex, optional
        Event times, cohorts or periods.
    ax : Axes, optional
    title, ylabel : str
        Of the axes; `ylabel` says what the effects are measured in.
    colours : sequence of str
        Of the inferences, in their order; repeated where there are more.
    window : (first, last), optional
        Event times, cohorts or periods to show.

    Raises
    ------
    DataError
        `at` is missing, or nothing lies in the window.
    """
    alone = None
    if isinstance(inferences, Comparison):
        found, jk = inferences.inferences(type), inferences.jackknives[type]
        shown = [found[name] for name in (CLUSTERED, STUDENT, EXACT) if name in found]
    elif isinstance(inferences, Jackknife):
        jk = inferences
        shown = [jk.aggregate.analytic(jk.cluster, jk.level), jk.inference]
    if isinstance(inferences, Comparison | Jackknife):
        type, at = jk.aggregate.type, _places(jk.aggregate)
        alone = treated_clusters(jk.aggregate, jk.cluster)[0 if len(at) == 0 else 1 :] == 1
        labels = labels or [
            f"Influence functions, by {figure_text(jk.cluster)}",
            *map(_label, shown[1:]),
        ]
        inferences = shown
    labels = labels or [i.method for i in inferences]
    if at is None:
        raise DataError("Pass at: the event times, cohorts or periods of the estimates.")
    simple, frequency = len(at) == 0, ""
    if isinstance(at, pd.PeriodIndex):
        frequency, at = at.freqstr, period_codes(at)
    positions = np.zeros(1) if simple else np.asarray(at, dtype=float)
    shown_at = _in_window(positions, None if simple else window)
    positions = positions[shown_at]
    alone = None if alone is None else alone[shown_at]
    # Cohorts may lie far apart: they stand at equal distances, under their names.
    x = np.arange(len(positions), dtype=float) if type == "group" else positions
    rows = slice(0, 1) if simple else slice(1, None)
    own_figure = ax is None
    with style.canvas(ax, 3.3) as ax:
        style.zero_line(ax)
        if type == "dynamic" and (positions < 0).any() and (positions >= 0).any():
            start = (positions[positions < 0].max() + positions[positions >= 0].min()) / 2
            ax.axvline(start, color=style.FAINT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=0)
        offsets = _offsets(x, len(inferences))
        solid = positions >= 0 if type == "dynamic" else None
        markers = "osD^"
        for i, inference in enumerate(inferences):
            half = (inference.critical_value * inference.se)[rows][shown_at]
            y, marker = inference.att[rows][shown_at], markers[i % 4]
            colour = colours[i % len(colours)]
            _points(ax, x + offsets[i], y, half, colour, solid, marker, alone)
            if labels[i]:
                ax.errorbar([], [], yerr=[], fmt=marker, color=colour, label=labels[i])
        _label_axes(ax, type, positions, x, frequency)
        if any(labels):
            _legend(ax, own_figure, alone is not None and bool(alone.any()))
    return _finish(ax, title, ylabel)


def _in_window(positions: Array, window: tuple[float, float] | None) -> Mask:
    """Say which event times, cohorts or periods lie in a window."""
    if window is None:
        return np.ones(len(positions), dtype=bool)
    inside = np.asarray((positions >= window[0]) & (positions <= window[1]))
    if not inside.any():
        raise DataError(
            f"Nothing lies in the window {window}: there are {label(float(positions.min()))} to "
            f"{label(float(positions.max()))}."
        )
    return inside


def _finish(ax: Axes, title: str, ylabel: str, window: tuple[float, float] | None = None) -> Figure:
    if title:
        ax.set_title(title, loc="left", fontweight="bold", fontsize=10.5)
    if ylabel:
        ax.set_ylabel(ylabel)
    if window is not None:
        ax.set_xlim(window[0] - 0.5, window[1] + 0.5)
    return style.figure_of(ax)


def _label(inference: Inference) -> str:
    exact = inference.exact_p is not None
    return f"Cluster jackknife ({inference.method})" if exact else "Cluster jackknife (CV3, t)"


def _legend(ax: Axes, own_figure: bool, dotted: bool) -> None:
    handles, texts = ax.get_legend_handles_labels()
    if dotted:
        handles.append(Line2D([], [], linestyle=":", color=style.SOFT, linewidth=1.6))
        texts.append("one treated cluster only")
    if not own_figure:
        ax.legend(handles, texts)
        return
    figure = style.figure_of(ax)
    figure.legend(handles, texts, loc="outside upper left", ncols=3, columnspacing=1.4)


def _offsets(x: Array, n: int) -> Array:
    gap = np.diff(np.sort(x)).min() if len(x) > 1 else 1.0
    width = 0.27 * gap
    return np.asarray((np.arange(n) - (n - 1) / 2) * width, dtype=np.float64)


def _places(agg: Aggregate) -> Array | pd.PeriodIndex:
    return as_dates(agg.labels, agg.frequency) if agg.frequency else agg.labels


def _label_axes(ax: Axes, type: str, positions: Array, x: Array, frequency: str) -> None:
    ax.set_ylabel("Effect")
    if type == "simple":
        ax.set_xticks([0], ["overall"])
        return
    if type == "group":
        ax.set_xticks(x, [label(g, frequency) for g in positions])
    else:
        style.whole_ticks(ax, positions, frequency)
    around = 0.7 * (np.diff(x).min() if len(x) > 1 else 1.0)
    ax.set_xlim(x[0] - around, x[-1] + around)
    ax.set_xlabel(WORDS[type].axis)
