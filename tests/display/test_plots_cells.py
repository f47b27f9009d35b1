"""Figures of what a cell compares, and of the weights of an average."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import didjack as dj
from didjack.display.diagnostics import weights_frame
from didjack.display.plots import plot_comparison, plot_weights
from didjack.display.plots.comparison import COHORT, CONTROLS
from didjack.errors import DataError

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
TYPES = ("simple", "dynamic", "group", "calendar")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def castle(control_group: str = "notyettreated", **options: object) -> dj.ATTgt:
    df = dj.load_dataset("castle")
    return dj.att_gt(df, **COLUMNS, est_method="reg", control_group=control_group, **options)


def marked(figure: plt.Figure, colour: str) -> set[tuple[str, int]]:
    """Cohort and period of the squares of a colour."""
    (ax,) = figure.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    centre = [(p.get_x() + 0.5, p.get_y() + 0.5) for p in ax.patches
              if to_hex(p.get_facecolor()) == colour.lower()]  # fmt: skip
    return {(names[round(y)].split()[0], 2000 + round(x)) for x, y in centre}


def test_comparison_marks_the_four_groups_of_rows():
    figure = plot_comparison(castle(), 2006, 2007)
    assert marked(figure, COHORT) == {("2006", 2005), ("2006", 2007)}
    controls = {(g, t) for g in ("2008", "2009", "never") for t in (2005, 2007)}
    assert marked(figure, CONTROLS) == controls


def test_comparison_with_the_never_treated_alone():
    figure = plot_comparison(castle("nevertreated", anticipation=1), 2006, 2007)
    assert marked(figure, COHORT) == {("2006", 2004), ("2006", 2007)}
    assert marked(figure, CONTROLS) == {("never", 2004), ("never", 2007)}


def test_comparison_signs_rebuild_the_effect():
    res = castle("nevertreated")
    (ax,) = plot_comparison(res, 2006, 2008).axes
    df, total = dj.load_dataset("castle"), 0.0
    names = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    for text in ax.texts:
        x, y = text.get_position()
        cohort = 0 if names[round(y)] == "never" else int(names[round(y)])
        rows = df[(df["gvar"] == cohort) & (df["year"] == 2000 + round(x))]
        total += (1 if text.get_text() == "+" else -1) * rows["l_homicide"].mean()
    cell = res.parameters.index("ATT(2006,2008)")
    assert total == pytest.approx(res.att[cell], abs=1e-12)


@pytest.mark.parametrize("cell", [(2010, 2010), (2006, 1999)])
def test_comparison_of_no_cell(cell):
    with pytest.raises(DataError, match="There is no cell"):
        plot_comparison(castle(), *cell)


def test_comparison_of_the_base_period():
    with pytest.raises(DataError, match="2005 is the base period of cohort 2006"):
        plot_comparison(castle(base_period="universal"), 2006, 2005)


@pytest.mark.parametrize("weights", ["did", "csdid"])
@pytest.mark.parametrize("type_", TYPES)
def test_weights_rebuild_every_parameter(type_, weights):
    # Cross-sections with gaps: cells that cannot be estimated count nothing.
    df = dj.load_dataset("castle")
    df = df[np.random.default_rng(3).random(len(df)) < np.where(df["year"] > 2006, 0.5, 0.9)]
    roles = {k: v for k, v in COLUMNS.items() if k != "idname"}
    res = dj.att_gt(df, **roles, est_method="reg", panel=False)
    assert not res.estimable.all()
    agg = dj.aggte(res, type=type_, weights=weights)
    frame = weights_frame(agg)
    assert frame["time"].tolist() == res.cells.period.tolist()
    att = np.where(res.estimable, res.att, 0.0)
    rebuilt = frame[list(agg.parameters)].to_numpy().T @ att
    np.testing.assert_allclose(rebuilt, agg.values, atol=1e-13)  # rounding of 15 terms
    np.testing.assert_allclose(frame[list(agg.parameters)].sum(), 1.0, rtol=1e-13)
    assert (frame.loc[~res.estimable, list(agg.parameters)] == 0).all(axis=None)


def test_weights_are_written_in_percent():
    agg = dj.aggte(castle(), type="calendar")
    (ax,) = plot_weights(agg, "calendar:2006").axes
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(6, 0): "7.1", (6, 1): "93"}  # 1 and 13 of 14 states


def test_weights_of_an_unknown_parameter():
    with pytest.raises(DataError, match="no parameter 'event:0'"):
        plot_weights(dj.aggte(castle()), "event:0")


def test_figures_on_given_axes_open_no_other():
    res = castle()
    _, axes = plt.subplots(1, 2)
    plot_comparison(res, 2006, 2007, ax=axes[0])
    plot_weights(dj.aggte(res), ax=axes[1], largest=0.5)
    assert plt.get_fignums() == [axes[0].get_figure().number]
