"""Frames of other libraries give what pandas frames give, to the bit, and stay as they are."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.regression.decomposition import bacon, twfe_weights
from didjack.regression.fixed_effects import twfe
from didjack.sample.frames import as_frame
from didjack.simulate.placebo import placebo_laws

KWARGS = {"xformla": "~ x + C(kind)", "clustervars": "town", "est_method": "reg"}
ROLES = ("y", "t", "g", "unit")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    units = pd.DataFrame({"unit": range(24), "town": [f"town {i // 2}" for i in range(24)]})
    units["g"] = np.repeat([0, 0, 3, 0, 4, 3], 4)
    units["kind"] = ["a", "b"] * 12
    out = units.merge(pd.DataFrame({"t": range(1, 6)}), how="cross")
    out["on"] = (out["g"] > 0) & (out["t"] >= out["g"])
    return out.assign(x=rng.normal(size=120), y=rng.normal(size=120), unused=1.0)


class Stream:
    """What polars frames and DuckDB relations have in common."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def _of(kind: str, frame: pd.DataFrame):
    if kind == "multiindex":
        return frame.set_index(["unit", "t"])
    if kind == "index":
        return frame.set_index("unit")
    pa = pytest.importorskip("pyarrow", reason="frames of other libraries come through pyarrow")
    if kind == "polars":
        return pytest.importorskip("polars", reason="polars is not installed").from_pandas(frame)
    if kind == "duckdb":
        duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
        return duckdb.from_df(frame)
    table = pa.Table.from_pandas(frame)
    made = {
        "table": lambda: table,
        "stored index": lambda: pa.Table.from_pandas(frame.set_index("unit")),
        "batches": lambda: pa.Table.from_batches(table.to_batches(max_chunksize=7)),
        "stream": lambda: Stream(table),
    }
    return made[kind]()


KINDS = ["multiindex", "index", "table", "stored index", "batches", "stream", "polars", "duckdb"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_function_that_takes_a_frame(frame, kind):
    other = _of(kind, frame)
    ours, theirs = (dj.att_gt(data, *ROLES, **KWARGS) for data in (other, frame))
    np.testing.assert_array_equal(ours.att, theirs.att)
    a, b = (dj.jackknife(dj.aggte(res)) for res in (ours, theirs))
    assert (a.se, a.clusters.labels.tolist()) == (b.se, b.clusters.labels.tolist())
    one, two = (dj.csdid(data, *ROLES, types=["simple"], **KWARGS) for data in (other, frame))
    assert one.jackknives["simple"].se == two.jackknives["simple"].se
    assert twfe(other, *ROLES).att == twfe(frame, *ROLES).att
    assert bacon(other, *ROLES).att == bacon(frame, *ROLES).att
    pd.testing.assert_frame_equal(*(twfe_weights(d, *ROLES[1:]) for d in (other, frame)))
    assert dj.plan(other, *ROLES, reps=100).table.equals(dj.plan(frame, *ROLES, reps=100).table)
    laws = [placebo_laws(d, *ROLES[:3], "town", idname="unit", treated=2, draws=5)
            for d in (other, frame)]  # fmt: skip
    assert laws[0].draws.equals(laws[1].draws)
    first = dj.gname(other, "unit", "t", "on")
    assert first.tolist() == frame["g"].tolist()


def test_numbers_are_shared_and_stay(frame):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(frame)
    shared = as_frame(table)["y"].to_numpy()
    assert np.shares_memory(shared, table.column("y").chunk(0).to_numpy(zero_copy_only=True))
    before = table.to_pandas()
    dj.att_gt(table, *ROLES, **KWARGS)
    pd.testing.assert_frame_equal(table.to_pandas(), before)
    assert as_frame(frame) is frame


def test_without_pyarrow_the_error_is_the_remedy(frame, monkeypatch):
    table = _of("stream", frame)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(dj.MissingExtraError, match=r"pip install 'didjack\[data\]'"):
        dj.att_gt(table, *ROLES)


class Lazy:
    def collect(self):
        raise AssertionError("nobody asked for it")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Lazy(), "not computed yet. Pass data.collect"),
        ({"y": [1]}, "must be a DataFrame of pandas"),
        (None, "must be a DataFrame of pandas"),
    ],
)
def test_refusals(data, words):
    with pytest.raises(dj.DataError, match=words):
        dj.att_gt(data, *ROLES)


def test_streams_that_are_no_tables():
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(dj.DataError, match=r"cannot read as a table|no column|no rows"):
        dj.att_gt(pa.chunked_array([[1, 2]]), *ROLES)
