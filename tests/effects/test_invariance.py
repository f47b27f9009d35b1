"""What must not matter does not: row order, labels, dtypes, units of covariates; inputs stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare import assert_close

import didjack as dj
from didjack.errors import DataError

EXACT = 0.0  # the same operations on the same numbers
ROUNDING = 1e-11  # the same sums in another order

CASTLE: dict[str, Any] = {
    "yname": "l_homicide",
    "tname": "year",
    "gname": "gvar",
    "idname": "sid",
    "clustervars": "sid",
    "est_method": "reg",
    "weightsname": "popwt",
}
MPDTA: dict[str, Any] = {
    "yname": "lemp",
    "tname": "year",
    "gname": "first.treat",
    "idname": "countyreal",
    "clustervars": "st",
    "xformla": "~ lpop",
    "est_method": "reg",
}
SECTIONS = MPDTA | {"idname": None, "panel": False}
KINDS = {"castle": CASTLE, "mpdta": MPDTA, "mpdta as cross-sections": SECTIONS}


@pytest.fixture(params=KINDS)
def data(request, dataset):
    """Return a frame and the arguments of att_gt for it."""
    return dataset(request.param.split()[0]), KINDS[request.param]


def everything(frame: pd.DataFrame, kwargs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return all numbers that a user can see."""
    res = dj.att_gt(frame, **kwargs)
    out = {"att": res.att, "se": res.se}
    for type_ in ("simple", "group", "dynamic", "calendar"):
        agg = dj.aggte(res, type=type_)
        jk = dj.jackknife(agg)
        out |= {
            f"{type_}, analytic": agg.to_frame()[["att", "se"]].to_numpy(dtype=float),
            f"{type_}, jackknife": jk.to_frame()[["att", "se"]].to_numpy(dtype=float),
            f"{type_}, vcov": jk.vcov.to_numpy(),
            f"{type_}, deletions": np.sort(jk.atts.to_numpy()),
        }
    return out


def assert_same(frame: pd.DataFrame, kwargs: dict[str, Any], base: dict, rtol: float) -> None:
    for what, value in everything(frame, kwargs).items():
        scale = 0.0 if rtol == EXACT else np.nanmax(np.abs(base[what]))
        assert_close(value, base[what], rtol, what, scale)


# --- order ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_row_order(data, seed):
    frame, kwargs = data
    shuffled = frame.sample(frac=1, random_state=seed)
    assert_same(shuffled, kwargs, everything(frame, kwargs), ROUNDING)


def test_row_order_of_a_panel_changes_nothing_at_all(dataset):
    frame = dataset("castle")
    assert_same(frame.sample(frac=1, random_state=3), CASTLE, everything(frame, CASTLE), EXACT)


def test_index_and_column_order(data):
    frame, kwargs = data
    other = frame[frame.columns[::-1]].set_axis([f"row {i}" for i in range(len(frame))])
    assert_same(other, kwargs, everything(frame, kwargs), EXACT)
    repeated = frame.set_axis(np.zeros(len(frame), dtype=int))
    assert_same(repeated, kwargs, everything(frame, kwargs), EXACT)


# --- labels -----------------------------------------------------------------------------------

LABELS = {
    "strings": lambda s: "c" + s.astype(int).astype(str),
    "floats": lambda s: s / 2,
    "negative": lambda s: s - 1000,
    "categories": lambda s: s.astype("category"),
    "categories of strings, unused ones too": lambda s: pd.Categorical(
        "c" + s.astype(str), categories=sorted({*("c" + s.astype(str)), "unused"}, reverse=True)
    ),
    "objects": lambda s: s.astype(object),
    "arrow strings": lambda s: s.astype(str).astype("string[pyarrow]"),
    "python strings": lambda s: s.astype(str).astype("string[python]"),
    "tuples": lambda s: [(v, "x") for v in s],
}


@pytest.mark.parametrize("labels", LABELS)
def test_cluster_labels(data, labels):
    frame, kwargs = data
    other = frame.assign(cluster=LABELS[labels](frame[kwargs["clustervars"]]))
    base = everything(frame, kwargs)
    assert_same(other, kwargs | {"clustervars": "cluster"}, base, ROUNDING)


@pytest.mark.parametrize("labels", LABELS)
def test_unit_labels(dataset, labels):
    frame = dataset("mpdta")
    other = frame.assign(countyreal=LABELS[labels](frame["countyreal"]))
    assert_same(other, MPDTA, everything(frame, MPDTA), ROUNDING)


def test_deletions_carry_the_labels_of_the_data(dataset):
    frame = dataset("castle")
    kwargs = CASTLE | {"clustervars": "state"}
    jk = dj.jackknife(dj.aggte(dj.att_gt(frame, **kwargs), type="simple"))
    by_id = dj.jackknife(dj.aggte(dj.att_gt(frame, **CASTLE), type="simple"))
    names = frame.drop_duplicates("sid").set_index("sid")["state"]
    assert_close(jk.atts[names.loc[by_id.atts.index]], by_id.atts, ROUNDING, "deletions")


# --- dtypes -----------------------------------------------------------------------------------

NUMBERS = ["int16", "int32", "uint16", "float32", "float64", "Int64", "Float64", "int64[pyarrow]"]


@pytest.mark.parametrize("dtype", [*NUMBERS, "double[pyarrow]"])
def test_dtypes_of_period_and_cohort(data, dtype):
    frame, kwargs = data
    columns = [kwargs["tname"], kwargs["gname"]]
    other = frame.astype(dict.fromkeys(columns, dtype))
    assert_same(other, kwargs, everything(frame, kwargs), EXACT)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "Int8"])
def test_small_integers_do_not_overflow(dataset, dtype):
    """Products and sums of 8-bit columns leave their range at once, if taken in 8 bits."""
    frame = dataset("mpdta")
    shift = {"year": frame["year"] - 1990, "first.treat": (frame["first.treat"] - 1990).clip(0)}
    small = frame.assign(**shift, lemp=(10 * frame["lemp"]).round(), lpop=frame["lpop"].round())
    columns = ["year", "first.treat", "lemp", "lpop", "st"]
    assert_same(small.astype(dict.fromkeys(columns, dtype)), MPDTA, everything(small, MPDTA), EXACT)


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]", object])
def test_dtypes_of_outcome_weight_and_covariate(data, dtype):
    frame, kwargs = data
    columns = [kwargs["yname"]] + [c for c in ("popwt", "lpop") if c in frame]
    other = frame.astype(dict.fromkeys(columns, dtype))
    assert_same(other, kwargs, everything(frame, kwargs), ROUNDING)


def test_single_precision_outcome_is_summed_in_double(dataset):
    frame = dataset("castle")
    rounded = frame.assign(l_homicide=frame["l_homicide"].astype("float32"))
    in_double = rounded.astype({"l_homicide": "float64"})
    assert_same(rounded, CASTLE, everything(in_double, CASTLE), EXACT)


def test_boolean_outcome_and_covariate_count_as_zero_and_one(dataset):
    frame = dataset("mpdta").assign(b=lambda d: d["lpop"] > 3, yes=lambda d: d["lemp"] > 6)
    kwargs = MPDTA | {"xformla": "~ b", "yname": "yes"}
    as_numbers = frame.astype({"b": int, "yes": int})
    assert_same(frame, kwargs, everything(as_numbers, kwargs), ROUNDING)


def _as_dates(years: pd.Series) -> pd.Series:
    return pd.to_datetime(years.replace(0, 1990).astype(str), format="%Y").mask(years == 0)


@pytest.mark.parametrize("columns", [["year"], ["year", "gvar"]])
def test_dates_of_years_are_years(dataset, columns):
    frame = dataset("castle")
    before = everything(frame, CASTLE)
    dated = frame.assign(**{column: _as_dates(frame[column]) for column in columns})
    assert_same(dated, CASTLE, before, EXACT)


def test_dates_of_cohorts_among_years_are_refused_with_the_remedy(dataset):
    frame = dataset("castle")
    with pytest.raises(DataError, match=r"(?s)gvar.*\.dt\.year"):
        dj.att_gt(frame.assign(gvar=_as_dates(frame["gvar"])), **CASTLE)


# --- codes of the never treated, order of time ------------------------------------------------


@pytest.mark.parametrize("code", [0, np.nan, np.inf, 2011, 9999])
def test_codes_of_the_never_treated(dataset, code):
    """0, NaN and inf by definition, a period after the sample because it amounts to the same."""
    frame = dataset("castle")
    other = frame.assign(gvar=frame["gvar"].astype(float).replace(0.0, code))
    assert_same(other, CASTLE, everything(frame, CASTLE), EXACT)


def test_missing_nullable_integer_means_never_treated(dataset):
    frame = dataset("castle")
    other = frame.assign(gvar=frame["gvar"].astype("Int64").replace(0, pd.NA))
    assert_same(other, CASTLE, everything(frame, CASTLE), EXACT)


def test_shifted_time(data):
    frame, kwargs = data
    g, t = frame[kwargs["gname"]], frame[kwargs["tname"]]
    other = frame.assign(**{kwargs["gname"]: g.where(g == 0, g - 1990), kwargs["tname"]: t - 1990})
    assert_same(other, kwargs, everything(frame, kwargs), EXACT)


# --- units of measurement ---------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda x: 1e6 * x, lambda x: x + 1e4, lambda x: -1e-6 * x + 7])
@pytest.mark.parametrize("panel", [True, False])
def test_scale_and_shift_of_a_covariate(dataset, change, panel):
    frame = dataset("mpdta")
    kwargs = MPDTA if panel else SECTIONS
    other = frame.assign(lpop=change(frame["lpop"]))
    assert_same(other, kwargs, everything(frame, kwargs), 1e-9)


def test_scale_of_weights(dataset):
    frame = dataset("castle")
    other = frame.assign(popwt=frame["popwt"] * 1e-7)
    assert_same(other, CASTLE, everything(frame, CASTLE), ROUNDING)


def test_equal_weights_are_no_weights(dataset):
    frame = dataset("castle").assign(popwt=3.0)
    assert_same(frame, CASTLE, everything(frame, CASTLE | {"weightsname": None}), ROUNDING)


def test_outcome_shifted_by_unit_and_period(dataset):
    """Differences in differences do not see unit and period effects."""
    frame = dataset("castle")
    shift = frame["sid"] / 10 + (frame["year"] - 2000) ** 2 / 100
    other = frame.assign(l_homicide=frame["l_homicide"] + shift)
    assert_same(other, CASTLE, everything(frame, CASTLE), 1e-9)


def test_ways_to_write_the_same_covariates(dataset):
    frame = dataset("mpdta")
    base = everything(frame, MPDTA)
    for formula in ("~lpop", "lpop", "~ 1 + lpop", "~ lpop + lpop", "~ lpop + I(2 * lpop)"):
        assert_same(frame, MPDTA | {"xformla": formula}, base, ROUNDING)


def test_order_of_covariates(dataset):
    frame = dataset("mpdta").assign(z=lambda d: np.sin(d["countyreal"]))
    one = everything(frame, MPDTA | {"xformla": "~ lpop + z"})
    assert_same(frame, MPDTA | {"xformla": "~ z + lpop"}, one, 1e-9)


# --- the user's data --------------------------------------------------------------------------


def test_input_is_not_modified(data):
    frame, kwargs = data
    frame = frame.sample(frac=1, random_state=5)
    before, attributes = frame.copy(deep=True), dict(kwargs)
    everything(frame, kwargs)
    pd.testing.assert_frame_equal(frame, before)
    assert kwargs == attributes


def test_results_do_not_follow_later_changes_of_the_input(data):
    frame, kwargs = data
    base = everything(frame, kwargs)
    res = dj.att_gt(frame, **kwargs)
    frame[kwargs["yname"]] = 0.0
    frame[kwargs["clustervars"]] = 1
    jk = dj.jackknife(dj.aggte(res, type="group"))
    assert_close(jk.vcov, base["group, vcov"], EXACT, "vcov")


def test_comparison_can_fail(data):
    frame, kwargs = data
    base = everything(frame, kwargs)
    column = kwargs["yname"]
    other = frame.assign(**{column: frame[column] * np.where(frame.index == 7, 1 + 1e-6, 1.0)})
    with pytest.raises(AssertionError, match="relative difference"):
        assert_same(other, kwargs, base, 1e-9)
