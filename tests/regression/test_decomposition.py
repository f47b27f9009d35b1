"""What two-way fixed effects average, against regressions on dummies and published numbers."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest
from designs import designs
from hypothesis import assume, given, settings

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from didjack.errors import DataError, DesignError
from didjack.regression import KINDS, bacon, twfe, twfe_weights

CASTLE = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
MEDICAID = {"yname": "dins", "tname": "year", "gname": "yexp2", "idname": "stfips"}
DRAWN = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def residuals(frame, treated):
    """Treatment less its projection on dummies of units and periods, row by row."""
    dummies = pd.get_dummies(frame[["unit", "t"]].astype("str"), dtype=float).to_numpy()
    d = treated.to_numpy(dtype=float)
    return d - dummies @ np.linalg.lstsq(dummies, d, rcond=None)[0]


def treated_rows(frame):
    return (frame["g"] > 0) & (frame["t"] >= frame["g"])


def window(frame, row):
    """Rows of the two cohorts while the control's treatment does not change."""
    last = frame["t"].max()
    cohort = frame["g"].where((frame["g"] > 0) & (frame["g"] <= last), np.inf)
    used = cohort.isin([row.treated, row.control])
    if row.kind == "earlier vs later":
        used &= frame["t"] < row.control
    if row.kind == "later vs earlier":
        used &= frame["t"] >= row.control
    return frame[used], cohort[used]


@settings(max_examples=50)
@given(designs(panel=True))
def test_random_panels_against_dummies_and_differences_of_means(drawn):
    frame = drawn.frame
    full = residuals(frame, treated_rows(frame))
    if full @ full < 1e-9:
        with pytest.raises(DesignError, match="no variation in treatment"):
            bacon(frame, **DRAWN)
        return
    b = bacon(frame, **DRAWN)
    c = b.comparisons
    # The outcomes are of size one; the sums have at most a few hundred terms.
    assert b.att == pytest.approx(twfe(frame, **DRAWN).att, abs=1e-10)
    assert b.att == pytest.approx(full @ frame["y"] / (full @ full), abs=1e-10)
    assert (c["weight"] * c["estimate"]).sum() == pytest.approx(b.att, abs=1e-10)
    assert c["weight"].sum() == pytest.approx(1, abs=1e-12)
    assert c["weight"].gt(0).all()
    for row in c.itertuples():
        sample, cohort = window(frame, row)
        post = sample["t"] >= row.treated
        means = sample["y"].groupby([cohort == row.treated, post]).mean()
        change = means[:, True] - means[:, False]
        assert row.estimate == pytest.approx(change[True] - change[False], abs=1e-10)
        # Theorem 1: squared share of the rows times the variance of treatment in them.
        own = residuals(sample, treated_rows(sample))
        weight = len(own) * (own @ own) / (len(frame) * (full @ full))
        assert row.weight == pytest.approx(weight, rel=1e-9)


@settings(max_examples=50)
@given(designs(panel=True))
def test_weights_are_those_of_the_residual_treatment(drawn):
    frame = drawn.frame
    treated = treated_rows(frame)
    residual = residuals(frame, treated)
    assume(residual @ residual > 1e-9)
    weights = twfe_weights(frame, "t", "g", "unit")
    cells = frame.assign(weight=residual / residual[treated].sum())[treated]
    expected = cells.groupby(["g", "t"])["weight"].sum()
    got = weights.set_index(["group", "time"])["weight"]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert got.index.tolist() == expected.index.tolist()
    assert got.sum() == pytest.approx(1, abs=1e-12)
    # With parallel trends and no noise the regression finds the weighted effects.
    rng = np.random.default_rng(1)
    effects = pd.Series(rng.normal(size=len(got)), index=got.index)
    y = np.sin(frame["unit"]) + frame["t"] / 7
    key = pd.MultiIndex.from_frame(frame.loc[treated, ["g", "t"]])
    y[treated] += effects.loc[key].to_numpy()
    att = bacon(frame.assign(y=y), **DRAWN).att
    # Levels of 2000/7 leave rounding errors of 1e-13 in the means.
    assert att == pytest.approx((got * effects).sum(), abs=1e-10)


@pytest.mark.parametrize(("name", "columns"), [("castle", CASTLE), ("medicaid", MEDICAID)])
def test_datasets_add_up_to_the_coefficient(dataset, name, columns):
    frame = dataset(name)
    b = bacon(frame, **columns)
    att = twfe(frame, **columns).att
    assert b.att == pytest.approx(att, rel=1e-12)
    assert (b.comparisons["weight"] * b.comparisons["estimate"]).sum() == pytest.approx(att)
    kinds = b.by_kind()
    assert kinds["weight"].sum() == pytest.approx(1)
    assert (kinds["weight"] * kinds["estimate"]).sum() == pytest.approx(att)
    cohorts = np.sort(frame[columns["gname"]].unique())[1:]
    assert len(b.comparisons) == len(cohorts) ** 2  # with each other both ways, and with never
    weights = twfe_weights(frame, **{k: v for k, v in columns.items() if k != "yname"})
    assert weights["weight"].sum() == pytest.approx(1)
    last = frame[columns["tname"]].max()
    assert len(weights) == sum(last - g + 1 for g in cohorts)


def test_castle_against_the_published_decomposition(dataset):
    # Vignette of the R package bacondecomp 0.1.1, bacon(l_homicide ~ post), with
    # post from the year of the law on; printed with five decimals, the sum with four.
    kinds = bacon(dataset("castle"), **CASTLE).by_kind().set_index("kind")
    published = {
        "earlier vs later": (0.05976, -0.00554),
        "later vs earlier": (0.03190, 0.07032),
        "treated vs never treated": (0.90834, 0.08796),
    }
    assert kinds.round(5).apply(tuple, axis=1).to_dict() == published
    assert round(bacon(dataset("castle"), **CASTLE).att, 4) == 0.0818


def test_three_units_against_stata():
    # bacondecomp of Stata on three units and ten periods, treated from 5 (effect 2), from 8
    # (effect 4) and never: the table in Statalist's thread 1751536.
    frame = pd.DataFrame({"unit": np.repeat([1, 2, 3], 10), "t": np.tile(np.arange(1, 11), 3)})
    frame["g"] = frame["unit"].map({1: np.nan, 2: 5, 3: 8})
    frame["y"] = 2.0 * treated_rows(frame) * (1 + (frame["unit"] == 3))
    kinds = bacon(frame, **DRAWN).by_kind().set_index("kind")
    published = {  # single precision
        "earlier vs later": (0.1818181841, 2),
        "later vs earlier": (0.1363636317, 4),
        "treated vs never treated": (0.6818181841, 2.933333323),
    }
    for kind, (weight, estimate) in published.items():
        assert kinds.loc[kind].tolist() == pytest.approx([weight, estimate], rel=1e-7)


def test_negative_weight_of_the_textbook_example():
    # The example of de Chaisemartin and D'Haultfoeuille (2020): two groups, three periods, treated
    # from the third and from the second on.
    frame = pd.DataFrame({"unit": [1, 1, 1, 2, 2, 2], "t": [1, 2, 3] * 2, "g": [3] * 3 + [2] * 3})
    weights = twfe_weights(frame, "t", "g", "unit").set_index(["group", "time"])["weight"]
    assert weights.to_dict() == pytest.approx({(2, 2): 1, (2, 3): -1 / 2, (3, 3): 1 / 2})


def test_every_kind_by_hand():
    # Cohorts 1 (always), 2, 3 and never in periods 1 to 3; effects 1 in the first treated period
    # and 3 in the second, 10 and 20 for the always treated.
    frame = pd.DataFrame({"unit": np.repeat([1, 2, 3, 4], 3), "t": [1, 2, 3] * 4})
    frame["g"] = frame["unit"].map({1: 1, 2: 2, 3: 3, 4: 0})
    frame["y"] = [0, 10, 20, 0, 1, 3, 0, 0, 1, 0, 0, 0]
    c = bacon(frame, **DRAWN).comparisons
    # Shares of treated periods are 1, 2/3, 1/3, 0. In ninths the weights are 2, 2, 1, 1, 2, 2
    # before they are divided by their sum.
    expected = [
        (2, np.inf, KINDS[0], 2, 2.0),
        (3, np.inf, KINDS[0], 2, 1.0),
        (2, 3, KINDS[1], 1, 1.0),
        (3, 2, KINDS[2], 1, 1.0 - 2.0),
        (2, 1, KINDS[3], 2, 2.0 - 15.0),
        (3, 1, KINDS[3], 2, 1.0 - 15.0),
    ]
    assert c[["treated", "control", "kind"]].apply(tuple, axis=1).tolist() == [
        row[:3] for row in expected
    ]
    np.testing.assert_allclose(c["weight"] * 10, [row[3] for row in expected])
    np.testing.assert_allclose(c["estimate"], [row[4] for row in expected])


def test_cohorts_after_the_sample_and_missing_ones_are_never_treated(dataset):
    frame = dataset("castle")
    never = frame["gvar"] == 0
    expected = bacon(frame, **CASTLE).comparisons
    third = frame["sid"] % 3
    for_ever = np.select([third == 0, third == 1], [np.nan, np.inf], 2050)
    other = frame.assign(gvar=frame["gvar"].astype(float).where(~never, for_ever))
    before = other.copy()
    shuffled = other.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(bacon(shuffled, **CASTLE).comparisons, expected)
    pd.testing.assert_frame_equal(other, before)


def test_what_cannot_be_decomposed_is_refused(dataset):
    frame = dataset("castle")
    arguments = ("year", "gvar", "sid")
    with pytest.raises(DataError, match="A balanced panel is needed"):
        bacon(frame.iloc[1:], **CASTLE)
    with pytest.raises(DataError, match="A balanced panel is needed"):
        twfe_weights(frame.iloc[1:], *arguments)
    with pytest.raises(DataError, match="tname: there is no column 'z'"):
        twfe_weights(frame, "z", "gvar", "sid")
    with pytest.raises(DataError, match=r"Column 'state' \(tname\) is not numeric"):
        twfe_weights(frame, "state", "gvar", "sid")
    with pytest.raises(DataError, match="Column 'gvar' changes within a unit of 'sid'"):
        bacon(frame.assign(gvar=frame["year"]), **CASTLE)
    for gvar in (0, 1990, np.where(frame["sid"] < 20, 1990, 0)):
        with pytest.raises(DesignError, match="no variation in treatment"):
            bacon(frame.assign(gvar=gvar), **CASTLE)
        with pytest.raises(DesignError, match="no variation in treatment"):
            twfe_weights(frame.assign(gvar=gvar), *arguments)


def test_plot_draws_every_comparison_at_its_place(dataset):
    before = dict(matplotlib.rcParams)
    b = bacon(dataset("castle"), **CASTLE)
    figure = b.plot()
    figure.canvas.draw()
    assert dict(matplotlib.rcParams) == before
    (ax,) = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    for kind, rows in b.comparisons.groupby("kind"):
        np.testing.assert_allclose(drawn[kind.capitalize()], rows[["weight", "estimate"]])
    assert drawn["Two-way fixed effects: 0.0818"][0, 1] == b.att
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == [*(kind.capitalize() for kind in KINDS[:3]), "Two-way fixed effects: 0.0818"]
    hollow = [line.get_label() for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert hollow == ["Later vs earlier"]


def test_plot_on_given_axes_opens_no_figure(dataset):
    _, ax = plt.subplots()
    assert bacon(dataset("medicaid"), **MEDICAID).plot(ax=ax) is ax.figure
    assert len(plt.get_fignums()) == 1
