"""Dates as periods: their frequency by hand, and the same results as with numbers of periods."""

from __future__ import annotations

import datetime
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.display.diagnostics import cluster_frame, cohort_frame, influence_frame, weights_frame
from didjack.display.paragraph import methods_paragraph
from didjack.display.plots.comparison import plot_comparison
from didjack.display.plots.effects import plot_inferences
from didjack.display.plots.matrix import plot_matrix
from didjack.effects.parameters import Parameter
from didjack.errors import DataError
from didjack.regression.decomposition import bacon, twfe_weights
from didjack.regression.fixed_effects import twfe
from didjack.sample.dates import frequency_of
from didjack.sample.periods import as_dates, period_code, period_codes, period_text
from didjack.simulate.placebo import placebo_laws

T = 6


def numbers() -> pd.DataFrame:
    """Return 16 units in 8 towns over periods 1 to 6; cohorts 0, 3, 5 and one after the sample."""
    rng = np.random.default_rng(5)
    units = pd.DataFrame(
        {"unit": range(16), "town": np.repeat(range(8), 2), "g": [0, 0, 3, 3, 5, 5, 9, 0] * 2}
    )
    units["g"] = units["town"].map(dict(enumerate([0, 3, 3, 5, 0, 0, 9, 0])))
    frame = units.merge(pd.DataFrame({"t": range(1, T + 1)}), how="cross")
    frame["y"] = rng.normal(size=len(frame)) + (frame["g"] > 0) * (frame["t"] >= frame["g"])
    frame["x"] = np.repeat(rng.normal(size=16), T)
    return frame


STARTS = {
    "Y-DEC": "2003", "Q-DEC": "2003Q4", "M": "2003-11", "W-SUN": "2003-12-22",
    "W-TUE": "2003-12-24", "D": "2003-12-29",
}  # fmt: skip
NAMES = {
    "Y-DEC": ("2005", "2007"),
    "Q-DEC": ("2004Q2", "2004Q4"),
    "M": ("2004-01", "2004-03"),
    "W-SUN": ("2004-01-05", "2004-01-19"),
    "W-TUE": ("2004-01-07", "2004-01-21"),
    "D": ("2003-12-31", "2004-01-02"),
}


def dated(frequency: str, kind: str) -> pd.DataFrame:
    """Return `numbers` with dates of a frequency in place of periods, NaT for never."""
    frame = numbers()
    first = pd.Period(STARTS[frequency], freq=frequency).ordinal - 1
    for name in ("t", "g"):
        dates = pd.PeriodIndex.from_ordinals(frame[name].to_numpy() + first, freq=frequency)
        values = pd.Series(dates, frame.index).mask(frame[name] == 0)
        if kind != "period":
            values = values.dt.to_timestamp(how="E" if kind == "end" else "S")
        if kind == "python":
            values = values.map(lambda v: None if pd.isna(v) else v.date()).astype(object)
        elif kind not in ("period", "end"):
            values = values.astype(f"datetime64[{kind}]")
        frame[name] = values
    return frame


def estimate(frame: pd.DataFrame, **kwargs) -> dj.ATTgt:
    return dj.att_gt(frame, "y", "t", "g", "unit", clustervars="town", est_method="reg", **kwargs)


@pytest.fixture(scope="module")
def plain() -> dj.ATTgt:
    return estimate(numbers())


@pytest.mark.parametrize("frequency", STARTS)
@pytest.mark.parametrize("kind", ["ns", "us", "s", "period", "python", "end"])
def test_results_are_those_of_numbers(plain, frequency, kind):
    """Estimates and event times to the bit; cohorts and periods come back as dates."""
    if kind == "end" and frequency == "W-TUE":
        frequency = "W-SUN"
    frame = dated(frequency, kind)
    before = frame.copy(deep=True)
    res = estimate(frame)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(res.att, plain.att)
    np.testing.assert_array_equal(res.cells.event_time, plain.cells.event_time)
    if frequency.startswith("W") and kind == "end":  # a week begins on the weekday of the dates
        assert res.frequency.startswith("W")
        return
    assert res.frequency == frequency
    shown = res.to_frame()
    assert shown["group"].dtype == shown["time"].dtype == pd.PeriodDtype(frequency)
    first = pd.Period(STARTS[frequency], freq=frequency).ordinal - 1
    expected = plain.to_frame()
    assert [p.ordinal - first for p in shown["group"]] == expected["group"].tolist()
    assert [p.ordinal - first for p in shown["base"]] == expected["base"].tolist()
    names = dj.aggte(res, "group").parameters
    assert names == ("overall", *(f"group:{name}" for name in NAMES[frequency]))


@pytest.mark.parametrize(
    "dtype", ["timestamp[us][pyarrow]", "date32[pyarrow]", "category", "zoned", "numpy"]
)
def test_other_columns_of_dates(plain, dtype):
    frame = dated("M", "us")
    for name in ("t", "g"):
        if dtype == "zoned":
            frame[name] = frame[name].dt.tz_localize("Europe/Berlin")
        elif dtype == "numpy":
            days = frame[name].to_numpy().astype("datetime64[D]")
            frame[name] = pd.Series(list(days), dtype=object)
        elif dtype == "category":
            frame[name] = frame[name].astype("category")
        else:
            pytest.importorskip("pyarrow")
            frame[name] = frame[name].astype(dtype)
    res = estimate(frame)
    assert res.frequency == "M"
    np.testing.assert_array_equal(res.att, plain.att)


@pytest.mark.parametrize(
    ("days", "frequency"),
    [
        (["2001-05-03", "2003-05-03", "2006-05-03"], "Y-DEC"),
        (["2000-02-29", "2001-02-28", "2003-02-28"], "Y-DEC"),
        (["2001-01-31", "2001-04-30", "2001-10-31"], "Q-DEC"),
        (["2001-02-15", "2001-05-15"], "Q-DEC"),
        (["2001-02-15", "2001-04-15"], "M"),
        (["2001-01-31", "2001-02-28"], "M"),
        (["2001-01-03", "2001-01-17"], "W-TUE"),
        (["2001-01-07", "2001-01-14"], "W-SAT"),
        (["2001-01-04", "2001-01-05", "2001-01-08"], "D"),
        (["2001-01-04"], "D"),
        (["2001-01-04", "2001-02-09", "2001-05-30"], ""),
        (["2001-01-30", "2001-02-28", "2001-03-30"], ""),
    ],
)
def test_frequencies_by_hand(days, frequency):
    assert frequency_of(pd.DatetimeIndex(days)) == frequency


@pytest.mark.parametrize("frequency", [*STARTS, "Y-JUN", "Q-OCT", "W-FRI"])
def test_codes_count_periods_from_the_year_one(frequency):
    dates = pd.period_range("1066-10-14", periods=5, freq=frequency)
    codes = period_codes(dates)
    assert (codes > 0).all() and (np.diff(codes) == 1).all()
    assert as_dates(codes, frequency).equals(dates)
    assert [period_code(p, frequency) for p in dates] == codes.tolist()
    texts = [period_text(code, frequency) for code in codes]
    assert len(set(texts)) == 5 and texts == [period_text(p) for p in dates]


def test_years_are_their_numbers():
    assert period_codes(pd.PeriodIndex(["2006"], freq="Y")).tolist() == [2006]
    assert period_codes(pd.PeriodIndex(["2006Q3"], freq="Q")).tolist() == [2006 * 4 + 2]
    assert period_codes(pd.PeriodIndex(["2006-03"], freq="M")).tolist() == [2006 * 12 + 2]
    day = datetime.date(2006, 3, 5)
    assert period_codes(pd.PeriodIndex([day], freq="D")).tolist() == [day.toordinal()]
    assert np.isnan(period_codes(pd.PeriodIndex([pd.NaT], freq="D"))).all()


def test_jackknife_names_and_linear_combinations(plain):
    res = estimate(dated("M", "ns"))
    ours, theirs = (
        dj.jackknife(dj.aggte(res, "calendar")),
        dj.jackknife(dj.aggte(plain, "calendar")),
    )
    np.testing.assert_array_equal(ours.vcov, theirs.vcov)
    assert ours.parameters[1:] == ("calendar:2004-01", "calendar:2004-02", "calendar:2004-03",
                                   "calendar:2004-04")  # fmt: skip
    for text, number in (
        ("calendar:2004-03 - calendar:2004-01", "calendar:5 - calendar:3"),
        ("0.5*calendar:2004-03-0.5*calendar:2004-01", "0.5*calendar:5-0.5*calendar:3"),
    ):
        one, other = ours.lincom(text), theirs.lincom(number)
        assert (one.att[0], one.se[0]) == (other.att[0], other.se[0])
    cells = dj.jackknife(res)
    assert cells.lincom("ATT(2004-01,2004-03) - ATT(2004-03,2004-03)").att.shape == (1,)
    assert "ATT(2004-01,2004-03)" in cells.to_frame()["parameter"].tolist()
    twin = pickle.loads(pickle.dumps(ours.parameters[1]))
    assert twin == "calendar:2004-01" and twin.at == (2004 * 12,) and twin.frequency == "M"


def test_what_is_lost_and_left_out_has_dates():
    res = estimate(dated("Q-DEC", "ns"))
    jk = dj.jackknife(dj.aggte(res, "group"))
    assert jk.lost_cohorts["cohort"].astype(str).tolist() == ["2004Q4"]
    assert any("cohort 2004Q4 is lost" in note for note in jk.notes)
    ledger = res.ledger
    assert ledger["what"].tolist() == ["missing", "2005Q4"]
    assert "after the last period (2005Q1)" in ledger["reason"].iloc[1]
    assert str(ledger["group"].dtype) == "period[Q-DEC]" and ledger["group"].isna().all()
    cohorts = cohort_frame(res, "town")["cohort"]
    assert [str(c) for c in cohorts] == ["2004Q2", "2004Q4", "NaT"]
    assert [tuple(map(str, c)) for c in cluster_frame(res, "town")["cohorts"]][1:4] == [
        ("2004Q2",), ("2004Q2",), ("2004Q4",),
    ]  # fmt: skip
    lost = influence_frame(jk)
    assert [tuple(map(str, c)) for c in lost["lost"] if c] == [("2004Q4",)]
    assert str(weights_frame(dj.aggte(res))["group"].iloc[0]) == "2004Q2"


def test_missing_dates_are_never_treated():
    frame = dated("Y-DEC", "us")
    assert estimate(frame).ledger["what"].iloc[0] == "missing"
    as_years = frame.assign(g=frame["g"].dt.year)  # years beside dates that are years
    np.testing.assert_array_equal(estimate(as_years).att, estimate(frame).att)
    mixed = frame["g"].dt.date.astype(object).where(frame["g"].notna(), 0)
    np.testing.assert_array_equal(estimate(frame.assign(g=mixed)).att, estimate(frame).att)
    late = frame.assign(g=frame["g"].fillna(pd.Timestamp("2999-12-31")))
    np.testing.assert_array_equal(estimate(late).att, estimate(frame).att)


def test_every_other_entry():
    """Randomization estimates anew from the frame; so do deletions that change it."""
    frame, count = dated("Q-DEC", "ns"), numbers()
    with_x = [estimate(f, xformla="~ x") for f in (frame, count)]
    ours, theirs = (dj.randomize(dj.aggte(r), n_permutations=19, seed=1) for r in with_x)
    assert ours.p_t == theirs.p_t
    one = frame[~frame["town"].isin([4, 5, 6, 7])]
    other = count[~count["town"].isin([4, 5, 6, 7])]
    a, b = (
        dj.jackknife(dj.aggte(estimate(f, control_group="notyettreated"), "dynamic"))
        for f in (one, other)
    )
    np.testing.assert_array_equal(a.replicates, b.replicates)
    cmp = dj.csdid(frame, "y", "t", "g", "unit", clustervars="town", est_method="reg")
    assert "calendar:2004Q2" in cmp.jackknives["calendar"].parameters
    assert "2004Q2" in methods_paragraph(cmp)


def test_regressions_and_plans_give_dates_back():
    frame, count = dated("M", "period"), numbers()
    assert twfe(frame, "y", "t", "g", "unit").att == twfe(count, "y", "t", "g", "unit").att
    ours, theirs = (bacon(f, "y", "t", "g", "unit") for f in (frame, count))
    np.testing.assert_array_equal(ours.comparisons["weight"], theirs.comparisons["weight"])
    assert set(ours.comparisons["treated"].astype(str)) == {"2004-01", "2004-03"}
    assert ours.comparisons["control"].isna().sum() == np.isinf(theirs.comparisons["control"]).sum()
    weights = twfe_weights(frame, "t", "g", "unit")
    assert str(weights["time"].dtype) == "period[M]"
    assert len(dj.plan(frame, "y", "t", "g", "unit", reps=100).table)
    law = placebo_laws(frame, "y", "t", "g", "town", idname="unit", treated=1, draws=9,
                       adoption=["2004-02"])  # fmt: skip
    number = placebo_laws(count, "y", "t", "g", "town", idname="unit", treated=1, draws=9,
                          adoption=[4])  # fmt: skip
    pd.testing.assert_frame_equal(law.draws, number.draws)
    assert law.adoption == (pd.Period("2004-02"),)
    with pytest.raises(DataError, match=r"'soon' is no period .* months, such as '2006-03'"):
        placebo_laws(frame, "y", "t", "g", "town", idname="unit", adoption=["soon"])


def _texts(figure) -> set[str]:
    figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(plt.Text)}


def test_axes_have_dates():
    res = estimate(dated("Q-DEC", "ns"))
    agg, jk = dj.aggte(res, "group"), dj.jackknife(dj.aggte(res, "calendar"))
    figures = {
        "panels": (res.plot(), {"Cohort 2004Q2", "2005Q1"}),
        "together": (res.plot(plt.subplots()[1]), {"2004Q2", "2005Q1"}),
        "matrix": (plot_matrix(res), {"2004Q2", "2004Q4"}),
        "group": (agg.plot(), {"2004Q2", "2004Q4"}),
        "calendar": (
            plot_inferences(jk),
            {"2004Q2", "2005Q1"},
        ),
        "dynamic": (dj.aggte(res, "dynamic").plot(), {"0", "1"}),
        "cell": (plot_comparison(res, "2004Q2", pd.Period("2004Q3")), {"2003Q4", "2005Q1"}),
    }
    for name, (figure, words) in figures.items():
        assert words <= _texts(figure), (name, _texts(figure))
        plt.close(figure)
    with pytest.raises(DataError, match=r"no cell ATT\(2004Q3,2004Q3\). Cohorts: 2004Q2, 2004Q4"):
        plot_comparison(res, "2004Q3", "2004Q3")


DAY = pd.Timestamp("2004-02-17")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t": lambda d: d["t"] + pd.to_timedelta(d["t"].dt.year % 5 * 17, "D")},
         "'t' .tname. holds 6 dates that are not regular .*to_period"),
        ({"t": lambda d: d["t"] + pd.to_timedelta(d["unit"] % 2, "h")}, "several times of one day"),
        ({"g": lambda d: d["g"].mask(d["g"].notna(), pd.Timestamp("2005-03-17"))},
         "'g' .gname. holds dates, such as 2005-03-17, that are not among the years"),
        ({"g": lambda d: d["g"].dt.to_period("M")}, "'g' .gname. holds periods of frequency 'M'"),
        ({"t": lambda d: d["t"].dt.year}, "'g' .gname. holds dates, and column 't' .* does not"),
        ({"t": lambda d: d["t"].dt.to_period("M"), "g": 2005}, "'g' .gname. holds numbers"),
        ({"g": lambda d: d["g"].notna() * 1}, "0 and 1 only.*dj.gname"),
        ({"t": lambda d: d["t"].dt.to_period("h")}, "periods of frequency 'h'"),
        ({"t": pd.NaT}, "'t' .tname. has missing"),
        ({"g": "2005-01-01"}, "look like dates: use pd.to_datetime"),
    ],
)  # fmt: skip
def test_refusals(change, words):
    with pytest.raises(DataError, match=words):
        estimate(dated("Y-DEC", "ns").assign(**change))


def test_periods_of_several_frequencies():
    frame = dated("Y-DEC", "period")
    frame["t"] = frame["t"].astype(object)
    frame.loc[3, "t"] = pd.Period("2004-03", "M")
    with pytest.raises(DataError, match="periods of several frequencies"):
        estimate(frame)


def test_a_parameter_of_event_time_has_no_date():
    assert Parameter("event", (1,), "M") == "event:1"
