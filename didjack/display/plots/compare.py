"""Several results in one figure: event studies side by side, overall effects in lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from didjack.comparison import Comparison
from didjack.core.linalg import Array
from didjack.core.results import Inference
from didjack.display.plots import style
from didjack.display.vocabulary import WORDS
from didjack.display.wording import label as label_text
from didjack.effects.aggregate import Aggregate
from didjack.effects.parameters import Parameter
from didjack.errors import DataError
from didjack.inference.jackknife import Jackknife
from didjack.inference.multiplier import Multiplier
from didjack.regression.fixed_effects import TWFE

Comparable: TypeAlias = Jackknife | Aggregate | Multiplier | Comparison | TWFE | Inference
PALETTE = (style.BLUE, style.ORANGE, "#009E73", "#6A4C93", "#CC79A7", style.INK)
MARKERS = "osD^vP"
_TYPES = {"event": "dynamic", "group": "group", "calendar": "calendar"}


def compare(
    results: Sequence[Comparable] | Mapping[str, Comparable],
    labels: Sequence[str] | None = None,
    *,
    overall: bool | None = None,
    window: tuple[float, float] | None = None,
    colours: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "Effect",
    ax: Axes | None = None,
) -> Figure:
    """Draw several results in one figure, with the intervals that each of them has.

    Event studies (or cohorts, or periods) stand side by side; overall effects one above another.
    The results may be of other samples, estimators or inferences.

    Parameters
    ----------
    results : sequence, or mapping of label to result
        Jackknives, averages, bootstraps, inferences, comparisons, two-way fixed effects. A
        comparison stands for its recommended inference: of its event study if there is one.
    labels : sequence of str, optional
        For the legend; without it what the results say of themselves.
    overall : bool, optional
        True: overall effects, False: their elements. Without it the elements, if all results have
        elements of one kind.
    window : (first, last), optional
        Event times, cohorts or periods to show.
    colours : sequence of str, optional
        One for each result.
    order : sequence of str, optional
        Labels in the order in which they are drawn; what is not named is left out.
    title, xlabel, ylabel : str
        Of the axes; `ylabel` says what the effects are measured in.
    ax : Axes, optional
        Where to draw; a new figure without it.

    Raises
    ------
    DataError
        There is nothing to draw, labels, colours or order do not fit, or elements are asked for
        that the results do not share.
    """
    found = _named(results, labels)
    if colours is not None and len(colours) != len(found):
        raise DataError(f"There are {len(found)} results and {len(colours)} colours.")
    palette = [PALETTE[i % len(PALETTE)] for i in range(len(found))] if colours is None else colours
    looks = dict(zip(found, zip(palette, MARKERS * len(found), strict=False), strict=True))
    if order is not None:
        unknown = [name for name in order if name not in found]
        if unknown or not order:
            raise DataError(f"order names {unknown}; the labels are {list(found)}.")
        found = {name: found[name] for name in order}
    kind = _shared_kind(found)
    if overall is None:
        overall = kind is None
    if not overall and kind is None:
        raise DataError(
            "The results share no event times, cohorts or periods: give results of one type, or "
            "overall=True."
        )
    own_figure = ax is None
    height = 3.3 if not overall else 0.9 + 0.42 * len(found)
    with style.canvas(ax, height) as ax:
        if overall or kind is None:
            _draw_overall(ax, found, looks, ylabel)
        else:
            _draw_elements(ax, found, looks, kind, window)
            ax.set_ylabel(ylabel)
            handles, texts = ax.get_legend_handles_labels()
            if own_figure:
                figure = style.figure_of(ax)
                figure.legend(handles, texts, loc="outside upper left", ncols=3, columnspacing=1.4)
            else:
                ax.legend(handles, texts)
        if xlabel:
            ax.set_xlabel(xlabel)
        if title:
            ax.set_title(title)
    return style.figure_of(ax)


def _named(
    results: Sequence[Comparable] | Mapping[str, Comparable], labels: Sequence[str] | None
) -> dict[str, Inference]:
    """Return the inferences by label."""
    if isinstance(results, Mapping):
        if labels is not None:
            raise DataError("Give labels as keys of results or as labels, not both.")
        labels, results = list(results), list(results.values())
    if not len(results):
        raise DataError("There is no result to draw.")
    inferences = [_inference_of(result) for result in results]
    if labels is None:
        labels = [_label_of(result) for result in results]
        if len(set(labels)) < len(labels):
            labels = [f"{name} ({i})" for i, name in enumerate(labels, start=1)]
    if len(labels) != len(inferences) or len(set(labels)) < len(labels):
        raise DataError(
            f"There are {len(inferences)} results: give as many labels, each once, not "
            f"{list(labels)}."
        )
    return dict(zip(labels, inferences, strict=True))


def _inference_of(result: Comparable) -> Inference:
    if isinstance(result, Comparison):
        return result.recommended(_type_of(result)).inference
    if isinstance(result, TWFE):
        return result.cv3
    if isinstance(result, Inference):
        return result
    if isinstance(result, Jackknife | Aggregate | Multiplier):
        return result.inference
    raise DataError(
        "compare takes averages, jackknives, bootstraps, inferences, comparisons and two-way fixed "
        f"effects, not {type(result).__name__}."
    )


def _type_of(comparison: Comparison) -> str:
    return "dynamic" if "dynamic" in comparison.aggregates else next(iter(comparison.aggregates))


def _label_of(result: Comparable) -> str:
    if isinstance(result, Comparison):
        return f"{_type_of(result)}, {result.recommended(_type_of(result)).method}"
    if isinstance(result, TWFE):
        return "two-way fixed effects, CV3"
    if isinstance(result, Inference):
        return result.method
    kind = result.type if isinstance(result, Aggregate) else result.target.title.split()[0]
    return f"{kind}, {result.inference.method}"


def _shared_kind(found: Mapping[str, Inference]) -> str | None:
    """Return the kind of elements that all inferences have; None where they differ."""
    kinds = {
        next((p.kind for p in i.parameters if isinstance(p, Parameter) and p.is_element), None)
        for i in found.values()
    }
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind if kind in _TYPES else None


def _elements(inference: Inference, window: tuple[float, float] | None) -> tuple[list[int], Array]:
    """Return the places of the elements in a window, and their numbers."""
    low, high = window or (-np.inf, np.inf)
    pairs = [
        (i, p.at[0])
        for i, p in enumerate(inference.parameters)
        if isinstance(p, Parameter) and p.is_element and low <= p.at[0] <= high
    ]
    return [i for i, _ in pairs], np.array([at for _, at in pairs])


def _draw_elements(
    ax: Axes,
    found: Mapping[str, Inference],
    looks: Mapping[str, tuple[str, str]],
    kind: str,
    window: tuple[float, float] | None,
) -> None:
    parts = {name: _elements(inference, window) for name, inference in found.items()}
    values = np.unique(np.concatenate([at for _, at in parts.values()]))
    if not len(values):
        raise DataError(f"No element lies in the window {window}.")
    # Cohorts may lie far apart: they stand at equal distances, under their names.
    places = np.arange(len(values), dtype=float) if kind == "group" else values
    step = float(np.diff(places).min()) if len(places) > 1 else 1.0
    n = len(found)
    offsets = 0.6 * step * ((np.arange(n) + 0.5) / n - 0.5)
    style.zero_line(ax)
    if kind == "event" and values[0] < 0 <= values[-1]:
        middle = (values[values < 0].max() + values[values >= 0].min()) / 2
        ax.axvline(middle, color=style.FAINT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=0)
    for offset, (name, (at, numbers)) in zip(offsets, parts.items(), strict=True):
        colour, marker = looks[name]
        x = places[np.searchsorted(values, numbers)] + offset
        inference = found[name]
        low, high = inference.ci_low[at], inference.ci_high[at]
        ax.vlines(x, low, high, color=colour, linewidth=1.6, zorder=2)
        ax.plot(x, inference.att[at], marker, color=colour, markersize=style.MARKER, label=name,
                zorder=3)  # fmt: skip
    if kind == "group":
        ax.set_xticks(places, [label_text(value) for value in values.tolist()])
    else:
        style.whole_ticks(ax, values)
    ax.set_xlabel(WORDS[_TYPES[kind]].axis)


def _draw_overall(
    ax: Axes, found: Mapping[str, Inference], looks: Mapping[str, tuple[str, str]], unit: str
) -> None:
    style.zero_line(ax, vertical=True)
    for y, (name, inference) in enumerate(found.items()):
        colour, marker = looks[name]
        low, high = inference.ci_low[0], inference.ci_high[0]
        ax.hlines(y, low, high, color=colour, linewidth=1.8, zorder=2)
        ax.plot(inference.att[0], y, marker, color=colour, markersize=style.MARKER, zorder=3)
    ax.set_yticks(range(len(found)), list(found))
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(unit)
