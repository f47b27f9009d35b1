"""Several results in one figure, and the arguments that the main figures share."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

import didjack as dj
from didjack.display import plots
from didjack.regression import twfe

COLUMNS = ("l_homicide", "year", "gvar", "sid")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def castle() -> dj.Comparison:
    return dj.csdid(dj.load_dataset("castle"), *COLUMNS, est_method="reg")


def intervals(ax: plt.Axes) -> np.ndarray:
    """Collect the ends of all intervals, (n, 2, 2)."""
    return np.array(
        [s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()]
    )


def legend(figure: plt.Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def ticks(ax: plt.Axes, axis: str = "x") -> list[str]:
    return [tick.get_text() for tick in getattr(ax, f"get_{axis}ticklabels")()]


def test_event_studies_side_by_side(castle):
    jk, exact = castle.jackknives["dynamic"], castle.exact["dynamic"]
    figure = plots.compare([jk, exact], labels=["t", "exact"], window=(-2, 1), title="Castle",
                           colours=["black", "#009E73"])  # fmt: skip
    (ax,) = figure.axes
    assert legend(figure) == ["t", "exact"] and ax.get_title(loc="left") == "Castle"
    assert ax.get_xlabel() == "Periods since treatment" and ax.get_ylabel() == "Effect"
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    at = [jk.parameters.index(f"event:{e}") for e in (-2, -1, 0, 1)]
    for line, result, colour in zip(lines, (jk, exact), ("black", "#009E73"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), result.inference.att[at])
        np.testing.assert_allclose(np.round(line.get_xdata()), [-2, -1, 0, 1])
        assert to_rgba(line.get_color()) == to_rgba(colour)
    assert lines[0].get_xdata()[0] < lines[1].get_xdata()[0]
    drawn = intervals(ax)
    expected = np.concatenate([jk.inference.ci_low[at], exact.inference.ci_low[at]])
    np.testing.assert_allclose(np.sort(drawn[:, 0, 1]), np.sort(expected))


def test_overall_effects_one_above_another(castle):
    frame = dj.load_dataset("castle")
    results = {"ours": castle, "simple": castle.aggregates["simple"], "twfe": twfe(frame, *COLUMNS),
               "bootstrap": dj.multiplier(castle.aggregates["group"], n_boot=20)}  # fmt: skip
    figure = dj.plots.compare(results, ylabel="Log homicides", order=["twfe", "ours", "simple"])
    (ax,) = figure.axes
    assert ticks(ax, "y") == ["twfe", "ours", "simple"] and ax.get_xlabel() == "Log homicides"
    drawn = intervals(ax)
    for y, interval in enumerate((results["twfe"].cv3, castle.exact["dynamic"].inference,
                                  results["simple"].inference)):  # fmt: skip
        np.testing.assert_allclose(drawn[y][:, 0], [interval.ci_low[0], interval.ci_high[0]])
        assert (drawn[y][:, 1] == y).all()


def test_which_form_is_drawn(castle):
    dynamic, simple = castle.jackknives["dynamic"], castle.jackknives["simple"]
    assert ticks(plots.compare([dynamic, dynamic], overall=True).axes[0], "y") == [
        "dynamic, CV3 (1)", "dynamic, CV3 (2)",
    ]  # fmt: skip
    assert ticks(plots.compare([dynamic, simple]).axes[0], "y") == ["dynamic, CV3", "simple, CV3"]
    group = castle.jackknives["group"]
    assert ticks(plots.compare([group, castle.aggregates["group"]]).axes[0]) == [
        "2005", "2006", "2007", "2008", "2009",
    ]  # fmt: skip
    _, ax = plt.subplots()
    assert plots.compare([castle], ax=ax) is ax.get_figure() and ax.get_legend() is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a"]}, "There are 2 results: give as many labels"),
        ({"labels": ["a", "a"]}, "each once"),
        ({"colours": ["k"]}, "2 results and 1 colours"),
        ({"labels": ["a", "b"], "order": ["c"]}, r"order names \['c'\]; the labels are"),
        ({"overall": False}, "share no event times"),
    ],
)
def test_what_does_not_fit_is_refused(castle, arguments, message):
    results = [castle.jackknives["dynamic"], castle.jackknives["simple"]]
    with pytest.raises(dj.DataError, match=message):
        plots.compare(results, **arguments)
    with pytest.raises(dj.DataError, match="no result"):
        plots.compare([])
    with pytest.raises(dj.DataError, match="not str"):
        plots.compare(["castle"])
    with pytest.raises(dj.DataError, match="No element lies in the window"):
        plots.compare([castle], window=(50, 60))


def test_main_figures_share_their_arguments():
    for name in ("plot_attgt", "plot_aggregate", "plot_event_study", "plot_inferences"):
        taken = inspect.signature(getattr(plots, name)).parameters
        assert {"ax", "title", "ylabel", "window"} <= set(taken), name
        assert {"colour", "colours"} & set(taken), name
    assert {"ax", "title", "colour", "order", "names"} <= set(
        inspect.signature(plots.plot_jackknife).parameters
    )


def test_windows_titles_and_colours(castle):
    agg, jk = castle.aggregates["dynamic"], castle.jackknives["dynamic"]
    for figure in (
        agg.plot(title="Effects", window=(-2, 2), colour="black", ylabel="Logs"),
        castle.plot(title="Effects", window=(-2, 2), colours=["black"], ylabel="Logs"),
    ):
        (ax,) = figure.axes
        assert ax.get_title(loc="left") == "Effects" and ax.get_ylabel() == "Logs"
        assert ticks(ax) == ["−2", "−1", "0", "1", "2"]
        colours = {to_rgba(line.get_markeredgecolor()) for line in ax.lines if line.get_marker()
                   in ("o", "s", "D") and len(line.get_xdata())}  # fmt: skip
        assert colours == {to_rgba("black")}
    figure = plots.plot_event_study(jk, jk.band(), title="Study", window=(-1, 1), colour="black")
    (ax,) = figure.axes
    assert ticks(ax) == ["−1", "0", "1"] and figure.get_suptitle() == "Study"
    counts = [t.get_text() for t in ax.texts]
    assert counts == ["21", "21", "21"]
    at = [jk.parameters.index(f"event:{e}") for e in (-1, 0, 1)]
    band = jk.band()
    lows = band.to_frame().set_index("parameter").loc[[jk.parameters[i] for i in at], "band_low"]
    expected = np.concatenate([jk.inference.ci_low[at], lows])
    np.testing.assert_allclose(np.sort(intervals(ax)[:, 0, 1]), np.sort(expected))
    for draw in (lambda: agg.plot(window=(90, 99)),
                 lambda: plots.plot_event_study(jk, window=(90, 99))):  # fmt: skip
        with pytest.raises(dj.DataError, match=r"Nothing lies in the window \(90, 99\)"):
            draw()


def test_cells_in_an_order(castle):
    figure = castle.attgt.plot(order=[2009, 2006], title="Cells", window=(2003, 2008))
    titles = [ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["Cohort 2009, one cluster", "Cohort 2006"]
    assert figure.get_suptitle() == "Cells" and figure.axes[0].get_xlim() == (2002.5, 2008.5)
    with pytest.raises(dj.DataError, match=r"order names \[1999\]"):
        castle.attgt.plot(order=[1999])


def test_clusters_in_an_order(castle):
    jk = castle.jackknives["simple"]
    names = ticks(jk.plot(order="name", title="Clusters").axes[0], "y")[:-1]
    assert names == sorted(names)
    ax = jk.plot(order="estimate", colour="black").axes[0]
    first = ax.lines[1:3]  # treated and untreated of the named clusters
    xy = sorted((y, x) for line in first for x, y in zip(*line.get_data(), strict=True))
    assert [x for _, x in xy] == sorted(x for _, x in xy)
    with pytest.raises(dj.DataError, match="order must be one of influence, estimate, name"):
        jk.plot(order="size")
