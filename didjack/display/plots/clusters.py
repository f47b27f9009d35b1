"""Figures of clusters: what deleting each one does, and how cohorts are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.core.linalg import Array, Mask
from didjack.display.diagnostics import cluster_codes, cohort_codes, influence_frame, records
from didjack.display.plots import style
from didjack.display.wording import (
    cluster_label,
    count,
    decimals,
    figure_text,
    label,
    listed,
    number,
    percent,
)
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError
from didjack.inference.jackknife import Jackknife
from didjack.sample.panel import NEVER

ORDERS = ("influence", "estimate", "name")
NAMED = 12  # clusters with a line of their own; the others share one


def plot_jackknife(
    jk: Jackknife,
    ax: Axes | None = None,
    names: Mapping[object, str] | None = None,
    named: int = NAMED,
    *,
    title: str = "",
    colour: str = style.ORANGE,
    order: str = "influence",
) -> Figure:
    """Draw the delete-one estimates: the influential clusters by name, the others together.

    Without `ax` a second panel has the share of each cluster in the CV3 variance.

    Parameters
    ----------
    jk : Jackknife
    ax : Axes, optional
    names : mapping, optional
        Cluster to name for readers.
    named : int
        How many clusters get a line of their own.
    title : str
        Of the figure.
    colour : str
        Of the shares.
    order : {"influence", "estimate", "name"}
        Of the named clusters: by the change that their deletion makes, by the estimate without
        them, or by name.

    Raises
    ------
    DataError
        order is none of these.
    """
    if order not in ORDERS:
        raise DataError(f"order must be one of {', '.join(ORDERS)}, not {order!r}.")
    frame = influence_frame(jk, names)
    frame = frame[np.isfinite(frame["without"])]
    own_line = np.arange(len(frame)) < (named if len(frame) > named + 2 else len(frame))
    losing = np.flatnonzero([bool(lost) for lost in frame["lost"]])
    own_line[losing[: named // 2]] = True  # who takes a cohort along is named in any case
    top, rest = frame[own_line], frame[~own_line]
    if order != "influence":
        top = top.sort_values("without" if order == "estimate" else "name", kind="stable")
    n_lines = len(top) + bool(len(rest))
    shares = None
    style.require_axes(ax)
    with style.look():
        if ax is None:
            _, (ax, shares) = plt.subplots(
                1,
                2,
                figsize=(style.WIDTH, 1.1 + 0.27 * n_lines),
                sharey=True,
                width_ratios=(3.2, 1),
            )
        _delete_one(ax, jk.att, top, rest)
        if shares is None:
            ax.legend()
        else:
            _shares(shares, top, rest, colour)
            figure = style.figure_of(ax)
            figure.legend(*ax.get_legend_handles_labels(), loc="outside lower right", ncols=2)
        if title:
            style.figure_of(ax).suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return style.figure_of(ax)


def _delete_one(ax: Axes, att: float, top: pd.DataFrame, rest: pd.DataFrame) -> None:
    lines = np.arange(len(top), dtype=np.float64)
    ax.axvline(att, color=style.SOFT, linewidth=1, zorder=0)
    ax.hlines(lines, att, top["without"], color=style.FAINT, linewidth=1.5, zorder=1)
    _dots(ax, top["without"].to_numpy(), lines, top["treated"].to_numpy(dtype=bool), 1.0)
    names = [_name_and_loss(row) for row in records(top)]
    if len(rest):
        y = len(top) + _spread(len(rest))
        _dots(ax, rest["without"].to_numpy(), y, rest["treated"].to_numpy(dtype=bool), 0.55)
        names.append(f"{len(rest)} others" if len(rest) > 1 else "1 other")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(names) - 0.4, -0.7)
    ax.set_xlabel("Overall effect without the cluster")
    digits = decimals([float(np.abs(top["without"] - att).max())], 2) if len(top) else 3
    ax.annotate(
        f"all clusters: {number(att, digits)}",
        (att, 1),
        (0, 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color=style.SOFT,
    )
    ax.margins(x=0.06)
    ax.locator_params(axis="x", nbins=6)


def _name_and_loss(row: Any) -> str:
    name = row.name if len(row.name) <= 24 else f"{row.name[:23]}\u2026"
    name = figure_text(name)
    return f"{name} (all of {listed(row.lost)})" if row.lost else name


def _dots(ax: Axes, x: Array, y: Array, treated: Mask, alpha: float) -> None:
    for which, face, text in ((treated, style.INK, "treated"), (~treated, "white", "untreated")):
        ax.plot(
            x[which],
            y[which],
            "o",
            markersize=style.MARKER,
            markerfacecolor=face,
            markeredgecolor=style.INK,
            markeredgewidth=1.1,
            alpha=alpha,
            label=text if which.any() and alpha == 1 else None,
            zorder=3,
        )


def _spread(n: int) -> Array:
    """Offsets of many points around their line, the same in every run."""
    return np.asarray(0.3 * (((np.arange(n) * 0.6180339887) % 1) - 0.5) * 2)


def _shares(ax: Axes, top: pd.DataFrame, rest: pd.DataFrame, colour: str) -> None:
    share = top["share"].tolist()
    if len(rest):
        share.append(rest["share"].sum())
    colours = [colour] * len(top) + [style.FAINT] * bool(len(rest))
    ax.barh(range(len(share)), share, height=0.55, color=colours)
    longest = max(share, default=1.0)
    for y, value in enumerate(share):
        ax.text(value + 0.03 * longest, y, _share_text(value), va="center", fontsize=9)
    ax.set_xlim(0, 1.3 * longest)
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title("Share of\nCV3 variance", fontsize=9, fontweight="normal", color=style.SOFT)


def _share_text(share: float) -> str:
    return "<1%" if share < 0.005 else percent(share)


def plot_cohorts(
    res: ATTgt, cluster: str, ax: Axes | None = None, names: Mapping[object, str] | None = None
) -> Figure:
    """Draw when each cohort is treated and, where clusters differ in size, how large they are.

    Parameters
    ----------
    res : ATTgt
    cluster : str
    ax : Axes, optional
        Draw the times of treatment there, and no sizes.
    names : mapping, optional
        Cluster to name for readers.
    """
    frame, cohorts = cluster_codes(res, cluster), cohort_codes(res, cluster)
    cohorts = cohorts[cohorts["after"].to_numpy() != len(res.times)]
    differ = np.ptp(frame["share"]) > 1e-9
    sizes = None
    style.require_axes(ax)
    with style.look():
        if ax is None:
            size = (style.WIDTH, 1.0 + 0.34 * len(cohorts))
            if differ:
                _, (ax, sizes) = plt.subplots(1, 2, figsize=size, sharey=True)
            else:
                _, ax = plt.subplots(figsize=size)
        _timeline(ax, res.times, cohorts, res.frequency)
        if sizes is not None:
            lines = {g: y for y, g in enumerate(cohorts["cohort"])}
            _sizes(sizes, frame, lines, cluster, names or {})
    return style.figure_of(ax)


def _timeline(ax: Axes, times: Array, cohorts: pd.DataFrame, frequency: str) -> None:
    step = float(np.diff(times).min()) if len(times) > 1 else 1.0
    first, last = times[0] - step / 2, times[-1] + step / 2
    names = []
    for y, row in enumerate(records(cohorts)):
        g = row.cohort
        start = last if g == NEVER else min(g - step / 2, last)
        ax.barh(y, start - first, left=first, height=0.5, color=style.LINE)
        ax.barh(y, last - start, left=start, height=0.5, color=style.INK)
        name = "never treated" if g == NEVER else label(g, frequency)
        names.append(f"{name} \u00b7 {count(row.clusters, 'cluster')}")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(first, last)
    every = max(1, -(-len(times) // 6))
    ax.set_xticks(times[::every], [label(t, frequency) for t in times[::every]])
    ax.tick_params(axis="y", length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel("Period (dark: treated)")


def _sizes(
    ax: Axes,
    frame: pd.DataFrame,
    lines: Mapping[float, int],
    cluster: str,
    names: Mapping[object, str],
) -> None:
    """Draw one point per cluster and cohort in it; the largest of both kinds has its name."""
    share = 100 * frame["share"]
    largest = share.groupby(frame["treated"]).idxmax()
    for h, row in enumerate(records(frame)):
        places = [lines[g] for g in row.cohorts if g in lines] or [len(lines) - 1]
        y = np.array(places) + 0.5 * ((h * 0.6180339887) % 1 - 0.5)
        treated = np.full(len(y), row.treated, dtype=bool)
        _dots(ax, np.full(len(y), share[h]), y, treated, 0.7)
        if h in largest.to_numpy():
            ax.annotate(
                figure_text(cluster_label(row.cluster, cluster, names)),
                (share[h], y[0]),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=style.SOFT,
            )
    ax.set_xlim(0, 1.3 * share.max())
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", color=style.LINE, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.set_xlabel("Cluster size, % of the sample")
