"""The event study of a paper: jackknife intervals, a simultaneous band, clusters behind each."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.linalg import Array, Index, Mask
from didjack.display.diagnostics import treated_clusters
from didjack.display.plots import style
from didjack.display.vocabulary import WORDS
from didjack.display.wording import label
from didjack.errors import DataError
from didjack.inference.bands import Band
from didjack.inference.jackknife import Jackknife

MAX_COUNTS = 24  # event times above which the counts of clusters would run into each other


def plot_event_study(
    jk: Jackknife,
    band: Band | None = None,
    ax: Axes | None = None,
    counts: bool = True,
    ylabel: str = "Effect",
    *,
    title: str = "",
    colour: str = style.ORANGE,
    window: tuple[float, float] | None = None,
) -> Figure:
    """Draw an event study with CV3 intervals and a simultaneous band.

    Thick: pointwise intervals; thin with caps: the band. Estimates before treatment are hollow,
    base periods are crosses on zero, and what rests on one treated cluster is drawn dotted.

    Parameters
    ----------
    jk : Jackknife
        Of an aggregation of type "dynamic".
    band : Band, optional
        From `jk.band()`; without it only pointwise intervals are drawn.
    ax : Axes, optional
    counts : bool
        Write how many treated clusters are behind each event time, above the axes; of more than
        24 event times nothing is written.
    ylabel : str
        What the effect is measured in.
    title : str
        Above the axes, and above the counts of treated clusters.
    colour : str
        Of estimates, intervals and band.
    window : (first, last), optional
        Event times to show.

    Raises
    ------
    DataError
        Not an event study, or nothing lies in the window.
    """
    if jk.aggregate.type != "dynamic":
        raise DataError("An event study needs aggte(..., type='dynamic').")
    times = np.asarray(jk.aggregate.labels, dtype=np.float64)
    inference = jk.inference
    att, se = inference.att[1:], inference.se[1:]
    treated = treated_clusters(jk.aggregate, jk.cluster)[1:]
    half = inference.critical_value[1:] * se
    if window is not None:
        inside = (times >= window[0]) & (times <= window[1])
        if not inside.any():
            raise DataError(
                f"Nothing lies in the window {window}: event times are {label(float(times[0]))} to "
                f"{label(float(times[-1]))}."
            )
        times, att, se, half = times[inside], att[inside], se[inside], half[inside]
        treated = treated[inside]
    with style.canvas(ax, 3.5) as ax:
        style.zero_line(ax)
        _start(ax, times)
        if band is not None:
            _band(ax, jk, band, times, treated == 1, colour)
        _intervals(ax, times, att, half, treated == 1, colour)
        base = ~np.isfinite(se)
        _points(ax, times, att, base, colour)
        style.whole_ticks(ax, times)
        ax.set_xlim(times[0] - 0.7, times[-1] + 0.7)
        ax.set_xlabel(WORDS["dynamic"].axis)
        ax.set_ylabel(ylabel)
        if counts and len(times) <= MAX_COUNTS:
            _counts(ax, times, treated, base)
        if title:
            style.figure_of(ax).suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return style.figure_of(ax)


def _start(ax: Axes, times: Array) -> None:
    if (times < 0).any() and (times >= 0).any():
        middle = (times[times < 0].max() + times[times >= 0].min()) / 2
        ax.axvline(middle, color=style.FAINT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=0)


def _band(ax: Axes, jk: Jackknife, band: Band, times: Array, alone: Mask, colour: str) -> None:
    """Draw the band where it has elements; it may leave out event times."""
    labels = np.array([jk.aggregate.labels[jk.parameters.index(p) - 1] for p in band.parameters])
    kept = np.isin(labels, times)
    at = np.searchsorted(times, labels[kept])
    att, half = band.att[kept], (band.critical_value * band.se)[kept]
    for which, line in ((~alone[at], "-"), (alone[at], ":")):
        ax.errorbar(
            times[at][which],
            att[which],
            yerr=half[which],
            fmt="none",
            ecolor=colour,
            elinewidth=1.0,
            capsize=2.5,
            alpha=0.8,
            zorder=1,
        )[2][0].set_linestyle(line)


def _intervals(ax: Axes, times: Array, att: Array, half: Array, alone: Mask, colour: str) -> None:
    wide = np.isfinite(half)
    for which, line in ((wide & ~alone, "-"), (wide & alone, ":")):
        ax.vlines(
            times[which],
            (att - half)[which],
            (att + half)[which],
            color=colour,
            linewidth=2.6,
            linestyle=line,
            zorder=2,
        )


def _points(ax: Axes, times: Array, att: Array, base: Mask, colour: str) -> None:
    before = times < 0
    for which, marker, face in (
        (~base & ~before, "o", colour),
        (~base & before, "o", "white"),
        (base, "x", colour),
    ):
        ax.plot(
            times[which],
            att[which],
            marker,
            markersize=style.MARKER,
            markeredgecolor=colour,
            markeredgewidth=1.4,
            markerfacecolor=face,
            zorder=3,
        )


def _counts(ax: Axes, times: Array, treated: Index, base: Mask) -> None:
    for x, n, without in zip(times, treated, base, strict=True):
        if not without:
            ax.annotate(
                label(int(n)),
                (x, 1),
                (0, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=style.SOFT,
            )
    ax.set_title("Treated clusters", fontsize=8.5, fontweight="normal", color=style.SOFT, pad=18)
