"""Whatever is passed to a public function, users see results or errors of this package.

Each example changes one argument of a call that is right, or one column of the data. A whole run
takes some ten seconds, and draws the same examples every time.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import didjack as dj
from didjack.errors import DidjackError
from didjack.regression.decomposition import bacon, twfe_weights
from didjack.regression.fixed_effects import twfe
from didjack.simulate.placebo import placebo_laws


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    units = pd.DataFrame(
        {"unit": range(12), "town": np.repeat(range(6), 2), "g": np.repeat([0, 0, 3, 3, 4, 0], 2)}
    )
    frame = units.merge(pd.DataFrame({"t": range(1, 6)}), how="cross")
    frame["on"] = ((frame["g"] > 0) & (frame["t"] >= frame["g"])).astype(int)
    return frame.assign(y=rng.normal(size=60), x=rng.normal(size=60), w=1.0)


FRAME = _frame()
ROLES = {"data": FRAME, "yname": "y", "tname": "t", "gname": "g", "idname": "unit"}
RES = dj.att_gt(**ROLES, clustervars="town", est_method="reg")
AGG, SIMPLE = dj.aggte(RES, "dynamic"), dj.aggte(RES)
JK = dj.jackknife(AGG)
CMP = dj.csdid(**ROLES, clustervars="town", est_method="reg")

CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (dj.att_gt, {**ROLES, "clustervars": "town", "est_method": "reg"}),
    (dj.csdid, {**ROLES, "clustervars": "town", "est_method": "reg"}),
    (dj.aggte, {"res": RES, "type": "dynamic"}),
    (dj.jackknife, {"target": AGG}),
    (dj.multiplier, {"target": AGG, "n_boot": 20}),
    (dj.randomize, {"target": SIMPLE, "n_permutations": 9}),
    (dj.few_treated, {"target": SIMPLE}),
    (dj.cluster_level_test, {"target": SIMPLE, "fine": "unit", "coarse": "town", "n_draws": 9}),
    (dj.wald_pretest, {"res": RES}),
    (dj.plan, {**ROLES, "reps": 100}),
    (dj.gname, {"data": FRAME, "idname": "unit", "tname": "t", "treat": "on"}),
    (dj.read_table, {"path": "nowhere.csv"}),
    (dj.load_dataset, {"name": "nowhere"}),
    (dj.load_specification, {"name_or_path": "nowhere"}),
    (twfe, ROLES),
    (bacon, ROLES),
    (twfe_weights, {key: ROLES[key] for key in ("data", "tname", "gname", "idname")}),
    (placebo_laws, {**ROLES, "cluster": "town", "treated": 1, "draws": 5}),
    (JK.lincom, {"expression": "overall"}),
    (JK.sensitivity, {}),
    (JK.verdict, {}),
    (JK.band, {}),
    (JK.pretest, {}),
    (JK.plot, {}),
    (AGG.analytic, {}),
    (AGG.plot, {}),
    (RES.analytic, {}),
    (RES.clusters, {"name": "town"}),
    (RES.deletions, {}),
    (RES.plot, {}),
    (CMP.inferences, {"type": "simple"}),
]
# Draws that take long when they are many, and numbers of processes.
COUNTS = {"n_boot", "n_permutations", "n_draws", "reps", "draws", "max_draws"}
LEFT_OUT = {"n_jobs"}
TARGETS = [
    (function, base, argument)
    for function, base in CALLS
    for argument, parameter in inspect.signature(function).parameters.items()
    if argument not in LEFT_OUT and parameter.kind is not parameter.VAR_KEYWORD
]

OBJECTS: list[Any] = [
    None, True, False, b"y", object(), 1j, decimal.Decimal("0.5"), datetime.date(2000, 1, 1),
    np.array([1.0, 2.0]), np.array(["a"]), np.float64(0.9), np.int64(2), pd.Series([1, 2]),
    pd.DataFrame({"y": [1]}), FRAME, int, len, pd.NA, pd.NaT, range(3), RES, AGG, JK, CMP,
]  # fmt: skip
WORDS = ["y", "t", "g", "unit", "town", "x", "~ x", "all", "simple", "dynamic", "exact", "reg", ""]
SIMPLES = (
    st.sampled_from(WORDS)
    | st.text(max_size=8)
    | st.floats()
    | st.integers(-3, 40)
    | st.sampled_from([2**70, -(2**70), 10**400])
)
VALUES = (
    SIMPLES
    | st.sampled_from(OBJECTS)
    | st.lists(SIMPLES, max_size=3)
    | st.lists(SIMPLES, max_size=3).map(tuple)
    | st.dictionaries(st.sampled_from(WORDS), SIMPLES, max_size=2)
    | st.frozensets(st.integers(0, 3), max_size=2)
)
QUICK = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def attempt(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Call; let through what is no error of the package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except DidjackError as error:
            assert str(error).strip()
        finally:
            plt.close("all")


@settings(QUICK, max_examples=600)
@given(st.sampled_from(TARGETS), VALUES)
def test_any_value_of_any_argument(target, value):
    function, base, argument = target
    if argument in COUNTS and isinstance(value, (int, float)) and 40 < value <= 1e9:
        return
    attempt(function, {**base, argument: value})


def _column(kind: str, n: int) -> Any:
    base = np.arange(n)
    made: dict[str, Callable[[], Any]] = {
        "text": lambda: [f"a{i % 3}" for i in base],
        "digits": lambda: [str(i % 3) for i in base],
        "dates": lambda: pd.date_range("2001-01-01", periods=n),
        "irregular": lambda: pd.to_datetime("2001-01-01") + pd.to_timedelta(base**2, "h"),
        "zoned": lambda: pd.date_range("2001-01-01", periods=n, tz="UTC"),
        "periods": lambda: pd.period_range("2001", periods=n, freq="M"),
        "hours": lambda: pd.period_range("2001-01-01", periods=n, freq="h"),
        "mixed periods": lambda: [pd.Period("2001", "Y"), pd.Period("2001-01", "M")] * (n // 2),
        "python dates": lambda: [datetime.date(2001, 1, 1 + i % 5) for i in base],
        "dates and numbers": lambda: [datetime.date(2001, 1, 1), 3] * (n // 2),
        "spans": lambda: pd.to_timedelta(base, "D"),
        "intervals": lambda: pd.interval_range(0, n),
        "complex": lambda: base * 1j,
        "booleans": lambda: base % 2 == 0,
        "nullable": lambda: pd.array([1, None] * (n // 2), dtype="Int64"),
        "categories": lambda: pd.Categorical(["a", "b"] * (n // 2)),
        "lists": lambda: [[i] for i in base],
        "dictionaries": lambda: [{i: i} for i in base],
        "bytes": lambda: [b"a"] * n,
        "nothing": lambda: [None] * n,
        "nan": lambda: np.full(n, np.nan),
        "inf": lambda: np.full(n, np.inf),
        "half inf": lambda: np.where(base % 2, np.inf, base),
        "huge": lambda: base * 1e300,
        "tiny": lambda: base * 1e-320,
        "large whole": lambda: (base % 5).astype(np.uint64) + np.uint64(2**63),
        "very large whole": lambda: [10**30 + int(i) % 5 for i in base],
        "negative": lambda: -base,
        "constant": lambda: np.ones(n),
        "sparse": lambda: pd.arrays.SparseArray(base % 3),
        "mixed": lambda: ["a", 1, None, 2.5] * (n // 4),
    }
    return made[kind]()


KINDS = [
    "text", "digits", "dates", "irregular", "zoned", "periods", "hours", "mixed periods",
    "python dates", "dates and numbers", "spans", "intervals", "complex", "booleans", "nullable",
    "categories", "lists", "dictionaries", "bytes", "nothing", "nan", "inf", "half inf", "huge",
    "tiny", "large whole", "very large whole", "negative", "constant", "sparse", "mixed",
]  # fmt: skip
FRAMES: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (dj.att_gt, {"clustervars": "town", "weightsname": "w", "xformla": "~ x", "est_method": "reg"}),
    (dj.att_gt, {"clustervars": "town", "xformla": "~ x", "panel": False}),
    (dj.csdid, {"clustervars": "town", "est_method": "reg"}),
    (twfe, {}),
    (bacon, {}),
]


@settings(QUICK, max_examples=220)
@given(
    st.sampled_from(FRAMES),
    st.lists(st.sampled_from(["y", "t", "g", "unit", "town", "w", "x"]), min_size=1, max_size=2),
    st.sampled_from(KINDS),
)
def test_any_column(call, columns, kind):
    function, more = call
    data = FRAME.assign(**{name: _column(kind, len(FRAME)) for name in columns})
    attempt(function, {**ROLES, "data": data, **more})


@settings(QUICK, max_examples=60)
@given(st.sampled_from(KINDS), st.sampled_from(["unit", "t", "on"]))
def test_any_column_of_an_indicator(kind, name):
    data = FRAME.assign(**{name: _column(kind, len(FRAME))})
    attempt(dj.gname, {"data": data, "idname": "unit", "tname": "t", "treat": "on"})


@pytest.mark.parametrize(
    ("function", "change", "words"),
    [
        (dj.jackknife, {"level": "95%"}, "level must be a number, not '95%'"),
        (dj.jackknife, {"level": 95}, "level must lie between 0 and 1 .* not 95"),
        (dj.multiplier, {"n_boot": 0.5}, "n_boot must be a whole number, 2 or more, not 0.5"),
        (dj.multiplier, {"seed": -1}, "seed must be 0 or more.* not -1"),
        (dj.aggte, {"min_e": "early"}, "min_e must be a number, not 'early'"),
        (dj.aggte, {"res": FRAME}, "res must be the result of att_gt, not a DataFrame"),
        (dj.att_gt, {"est_method": FRAME}, "est_method must be 'dr' .* not a DataFrame"),
        (
            dj.csdid,
            {"clustervars": None, "cluster": pd.NA},
            "cluster must be the name of one",
        ),
        (dj.csdid, {"types": 3}, "types must be a sequence of averages, not 3"),
        (dj.randomize, {"n_permutations": None}, "n_permutations must be a whole number"),
    ],
)
def test_messages_name_argument_and_value(function, change, words):
    base = next(base for called, base in CALLS if called is function)
    with pytest.raises(dj.DataError, match=re.compile(words, re.DOTALL)):
        function(**{**base, **change})


def test_all_averages_by_one_word():
    assert list(dj.csdid(**ROLES, types="all").aggregates) == list(CMP.aggregates)
    assert list(dj.csdid(**ROLES, types="group").aggregates) == ["group"]


def test_a_wrong_signature_is_a_type_error():
    with pytest.raises(TypeError):
        dj.att_gt(FRAME, "y", "t", "g", "unit", nothing=1)


def test_every_object_as_every_argument():
    """The same without chance: each of the objects and words in the place of each argument."""
    found = []
    for function, base, argument in TARGETS:
        if argument in COUNTS:
            continue
        for value in [*OBJECTS, *WORDS]:
            try:
                function(**{**base, argument: value})
            except (dj.errors.DidjackError, dj.DataWarning):
                pass
            except Exception as error:  # what must not reach a user
                found.append((function.__name__, argument, type(value), repr(error)[:80]))
            finally:
                plt.close("all")
    assert found == []
