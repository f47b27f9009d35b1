from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection

import didjack as dj
from didjack.display import plots
from didjack.display.plots import style

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def castle() -> dj.Comparison:
    return dj.csdid(dj.load_dataset("castle"), **COLUMNS, est_method="reg", cluster="state")


def texts(ax: plt.Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def drawn(figure: plt.Figure) -> None:
    figure.canvas.draw()


def test_attgt_has_a_panel_for_each_cohort(castle):
    figure = castle.attgt.plot()
    drawn(figure)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert titles == [
        "Cohort 2005, one cluster",
        "Cohort 2006",
        "Cohort 2007",
        "Cohort 2008",
        "Cohort 2009, one cluster",
    ]


def test_attgt_draws_every_estimate_at_its_place(castle):
    res = castle.attgt
    panel = res.plot().axes[1]
    own = res.cells.group == 2006
    points = np.vstack([line.get_xydata() for line in panel.lines if line.get_marker() == "o"])
    expected = np.column_stack([res.cells.period[own], res.att[own]])
    np.testing.assert_allclose(points[points[:, 0].argsort()], expected)


def test_attgt_before_treatment_is_hollow(castle):
    panel = castle.attgt.plot().axes[1]
    hollow = [x.get_xdata() for x in panel.lines if x.get_markerfacecolor() == "white"]
    assert np.concatenate(hollow).max() < 2006


def test_interval_has_the_level_asked_for(castle):
    def length(level: float) -> float:
        panel = castle.attgt.plot(level=level).axes[1]
        (low, high) = panel.collections[0].get_segments()[0][:, 1]
        return high - low

    assert length(0.99) / length(0.90) == pytest.approx(2.5758293 / 1.6448536, rel=1e-6)


def test_plots_on_given_axes_open_no_figure(castle):
    _, ax = plt.subplots()
    jk = castle.jackknives["dynamic"]
    for draw in (
        lambda: castle.attgt.plot(ax=ax),
        lambda: castle.aggregates["dynamic"].plot(ax=ax),
        lambda: jk.plot(ax=ax),
        lambda: plots.plot_inferences(jk, ax=ax),
        lambda: plots.plot_matrix(castle.attgt, ax=ax),
        lambda: plots.plot_cohorts(castle.attgt, "state", ax=ax),
    ):
        assert draw() is ax.figure
    assert len(plt.get_fignums()) == 1


def test_many_cohorts_become_a_matrix():
    periods = np.arange(30)
    units = np.repeat(np.arange(40), len(periods))
    frame = pd.DataFrame({"i": units, "t": np.tile(periods, 40)})
    frame["g"] = np.where(frame["i"] < 20, 5 + frame["i"], 0)
    frame["y"] = np.sin(frame["i"] * 3.1 + frame["t"] * 1.7)
    figure = dj.att_gt(frame, "y", "t", "g", "i", est_method="reg").plot()
    drawn(figure)
    assert len(figure.axes[0].images) == 1


def test_matrix_holds_the_estimates(castle):
    image = np.ma.getdata(plots.plot_matrix(castle.attgt).axes[0].images[0].get_array())
    cells = castle.attgt.to_frame().set_index(["group", "time"])["att"]
    assert image[1, 7] == cells[(2006, 2007)]
    assert np.isnan(image[0, 0])


@pytest.mark.parametrize("scale", [1, 100])
def test_the_texts_of_the_matrix_are_the_estimates(castle, scale):
    frame = dj.load_dataset("castle")
    frame["l_homicide"] *= scale
    res = dj.att_gt(frame, **COLUMNS, est_method="reg")
    shown = [
        text.get_text().replace("\u2212", "-") for text in plots.plot_matrix(res).axes[0].texts
    ]
    values = np.array([float(text) for text in shown])
    digits = max(len(text.partition(".")[2]) for text in shown)
    estimates = castle.attgt.att[castle.attgt.estimable & ~castle.attgt.cells.is_base] * scale
    assert np.abs(estimates).max() > 0.5 * scale  # of two digits on the larger scale
    np.testing.assert_allclose(np.sort(values), np.sort(estimates), atol=0.51 * 10.0**-digits)
    assert not [text for text in shown if text.lstrip("-").startswith("0.")]


@pytest.mark.parametrize("type", ["simple", "dynamic", "group", "calendar"])
def test_aggregates_and_inferences_are_drawn(castle, type):
    drawn(castle.aggregates[type].plot())
    drawn(plots.plot_inferences(castle.jackknives[type]))


def test_effects_of_one_treated_cluster_are_dotted(castle):
    ax = plots.plot_inferences(castle, type="group").axes[0]
    lines = [line for line in ax.collections if len(line.get_segments())]
    solid = [line for line in lines if line.get_linestyle()[0][1] is None]
    dotted = [line for line in lines if line.get_linestyle()[0][1] is not None]

    def at(lines: list[LineCollection]) -> set[int]:
        return {round(segment[0, 0]) for line in lines for segment in line.get_segments()}

    assert at(solid) == {1, 2, 3}  # the cohorts 2006 to 2008
    assert at(dotted) == {0, 4}  # 2005 and 2009 are one state each


def test_several_inferences_need_to_know_where(castle):
    with pytest.raises(dj.DataError, match="at"):
        plots.plot_inferences([castle.jackknives["dynamic"].inference])


def test_jackknife_names_the_influential_and_the_lost(castle):
    jk = castle.jackknives["simple"]
    figure = jk.plot()
    drawn(figure)
    names = texts(figure.axes[0])
    change = (jk.atts - jk.att).abs().sort_values(ascending=False)
    assert names[0] == change.index[0] == "South Dakota"
    assert "Florida (all of 2005)" in names
    assert "Montana (all of 2009)" in names
    assert names[-1] == "36 others"


def test_jackknife_shares_add_up(castle):
    bars = castle.jackknives["simple"].plot().axes[1].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1)


def test_few_clusters_all_have_a_line():
    frame = dj.load_dataset("castle").query("gvar in (0, 2006) and sid < 14")
    jk = dj.jackknife(dj.aggte(dj.att_gt(frame, **COLUMNS, est_method="reg"), "simple"))
    names = texts(jk.plot().axes[0])
    assert len(names) == jk.n_clusters
    assert all(name.startswith("sid ") for name in names)


def test_cohorts_show_sizes_only_where_they_differ():
    frame = dj.load_dataset("castle")
    equal = dj.att_gt(frame, **COLUMNS, est_method="reg")
    weighted = dj.att_gt(frame, **COLUMNS, est_method="reg", weightsname="popwt")
    assert len(plots.plot_cohorts(equal, "state").axes) == 1
    figure = plots.plot_cohorts(weighted, "state")
    drawn(figure)
    largest = frame.sort_values("popwt").groupby(frame["gvar"] > 0)["state"].last()
    assert {t.get_text() for t in figure.axes[1].texts} == set(largest)


def test_drawing_leaves_the_settings_of_the_user_alone(castle):
    before = dict(matplotlib.rcParams)
    castle.attgt.plot()
    assert dict(matplotlib.rcParams) == before


def test_interactive_mode_that_a_backend_turns_on_stays_on():
    was = plt.isinteractive()
    try:
        matplotlib.interactive(False)
        with style.look():
            matplotlib.interactive(True)
        assert plt.isinteractive()
    finally:
        matplotlib.interactive(was)


def test_figures_are_the_same_in_every_run(castle, tmp_path: Path):
    files = []
    for name in ("a.svg", "b.svg"):
        with matplotlib.rc_context({"svg.hashsalt": "x"}):
            castle.jackknives["simple"].plot().savefig(tmp_path / name, metadata={"Date": None})
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
