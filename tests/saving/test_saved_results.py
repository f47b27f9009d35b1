"""Saved results: everything comes back to the last bit, and no file does harm."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looped import att_gt, frame_of

import didjack as dj
from didjack.core.results import Inference
from didjack.effects.joint import Joint
from didjack.saving.document import Content, InferenceForm, read_frame, write_array, write_frame


@pytest.fixture(scope="module")
def cells() -> dj.ATTgt:
    frame = frame_of([[2, 2, 3], [3], [4, 4], [0], [0, 0, 0], [0, 2]], seed=1)
    return att_gt(frame)


@pytest.fixture(scope="module")
def results(cells: dj.ATTgt) -> dict[str, Any]:
    events = dj.aggte(cells, "dynamic")
    frame = cells.panel.source
    exact = dj.jackknife(events, critical="exact")
    return {
        "cells": cells,
        "average": events,
        "several": Joint.of([events, dj.aggte(cells)]),
        "jackknife": dj.jackknife(events),
        "centred": dj.jackknife(events, center="mean", level=0.9),
        "generalized": dj.jackknife(events, lost="generalized"),
        "exact": exact,
        "bootstrap": dj.multiplier(events, n_boot=50),
        "of R": dj.multiplier(events, n_boot=50, rng="R", seed=3),
        "inference": exact.inference,
        "combination": dj.jackknife(events).lincom("event:1 - event:0"),
        "comparison": dj.csdid(
            frame, "y", "t", "g", "unit", clustervars="cluster", est_method="reg"
        ),
        "band": dj.multiplier(events, n_boot=50).band(),
    }


NAMES = [
    "cells", "average", "several", "jackknife", "centred", "generalized", "exact", "bootstrap",
    "of R", "inference", "combination", "comparison", "band",
]  # fmt: skip


def through_a_file(result: Any, place: Path) -> dj.SavedResult:
    path = place if place.suffix else place / "result.json"
    result.save(path)
    return dj.load(path)


def same_bits(a: Any, b: Any) -> None:
    if a is None or b is None:
        assert a is None and b is None
        return
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape
    assert np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def same_inference(a: Inference, b: Inference) -> None:
    for name in ("att", "se", "df", "scores", "exact_p", "exact_critical_value",
                 "n_treated_clusters", "p", "ci_low", "ci_high"):  # fmt: skip
        same_bits(getattr(a, name), getattr(b, name))
    for name in ("method", "parameters", "n_clusters", "level", "assumption", "conservative"):
        assert getattr(a, name) == getattr(b, name)
    kinds = [getattr(name, "kind", None) for name in a.parameters]
    assert kinds == [getattr(name, "kind", None) for name in b.parameters]


@pytest.mark.parametrize("name", NAMES)
def test_everything_comes_back(results, name, tmp_path):
    result = results[name]
    saved = through_a_file(result, tmp_path)
    assert saved.kind == type(result).__name__
    pd.testing.assert_frame_equal(saved.to_frame(), result.to_frame(), check_exact=True)
    for method in ("tidy", "glance"):
        if hasattr(result, method):
            expected = getattr(result, method)()
            pd.testing.assert_frame_equal(getattr(saved, method)(), expected, check_exact=True)
    assert saved.notes == list(getattr(result, "notes", []))
    if hasattr(result, "summary"):
        assert result.summary() in saved.summary()
    if name not in ("comparison", "band", "inference", "combination"):
        same_inference(saved.inference, result.inference)
        pd.testing.assert_frame_equal(saved.vcov, result.inference.vcov, check_exact=True)
        assert saved.arguments["yname"] == "y" and saved.arguments["est_method"] == "reg"


@pytest.mark.parametrize(
    "name", ["average", "jackknife", "centred", "generalized", "bootstrap", "of R"]
)
def test_combinations_are_those_of_the_result(results, name, tmp_path):
    result = results[name]
    saved = through_a_file(result, tmp_path)
    own = getattr(result, "lincom", result.inference.lincom)
    for expression in ("event:1 - event:0", "overall", {"event:-1": 0.5, "event:2": -2.0}):
        same_inference(saved.lincom(expression), own(expression))
    with pytest.raises(dj.DataError, match="event:7"):
        saved.lincom("event:7")


def test_exact_combinations_need_the_data(results, tmp_path):
    with pytest.raises(dj.DesignError, match="before you save"):
        through_a_file(results["exact"], tmp_path).lincom("event:1 - event:0")


def test_a_comparison_has_several_inferences(results, tmp_path):
    result = results["comparison"]
    saved = through_a_file(result, tmp_path)
    for type in result.aggregates:
        found = saved.inferences(type)
        assert list(found) == list(result.inferences(type))
        for name, inference in result.inferences(type).items():
            same_inference(found[name], inference)
    pd.testing.assert_frame_equal(
        saved.to_frame(elements=True), result.to_frame(elements=True), check_exact=True
    )
    with pytest.raises(dj.DesignError, match=r"inferences\(type\)"):
        saved.vcov  # noqa: B018
    with pytest.raises(dj.DataError, match="'other'"):
        saved.inferences("other")


def test_it_is_read_only(results, tmp_path):
    saved = through_a_file(results["jackknife"], tmp_path)
    with pytest.raises(AttributeError, match="cannot be fitted again"):
        saved.with_exact  # noqa: B018
    with pytest.raises(dj.DataError, match="copy that file"):
        saved.save(tmp_path / "again.json")
    with pytest.raises(ValueError, match="read-only"):
        saved.inference.att[0] = 1.0
    with pytest.raises(dj.OutputError, match="exists"):
        results["jackknife"].save(tmp_path / "result.json")
    results["jackknife"].save(tmp_path / "result.json", overwrite=True)
    frame = saved.to_frame()
    frame["att"] = 0.0
    assert (saved.to_frame()["att"] != 0).any()
    assert "read only" in repr(saved) and "didjack" in saved.versions


def test_deletions_can_be_read_without_didjack(results, tmp_path):
    """The file is JSON with numbers that any program reads."""
    jk = results["jackknife"]
    jk.save(tmp_path / "jk.json")
    content = json.loads((tmp_path / "jk.json").read_text(encoding="utf-8"))["content"]
    table = next(frame for frame in content["frames"] if frame["name"] == "deletions")
    column = next(column for column in table["columns"] if column["name"] == "event:0")
    expected = [
        None if np.isnan(x) else x for x in jk.replicates[1:, jk.parameters.index("event:0")]
    ]
    assert column["values"] == expected


def test_numbers_of_all_kinds():
    bits = np.random.default_rng(1).integers(0, 2**64, 2000, dtype=np.uint64)
    numbers = bits.view(np.float64)
    special = [0.0, -0.0, 5e-324, 1.7976931348623157e308, np.inf, -np.inf, np.nan, 0.1]
    numbers = np.concatenate([numbers[np.isfinite(numbers)], special])
    frame = pd.DataFrame(
        {
            "x": numbers,
            "whole": np.full(len(numbers), -(2**63)),
            "true": np.arange(len(numbers)) % 2 == 0,
            "text": [f'"{i}\n\u2028\x00=1+1' for i in range(len(numbers))],
            "any": pd.Series(([None, 1, "b", True] * len(numbers))[: len(numbers)], dtype=object),
        }
    )  # fmt: skip
    form = write_frame(frame, "t")
    text = dj.saving.store.msgspec.json.encode(form)
    back = read_frame(dj.saving.store.msgspec.json.decode(text, type=type(form)))
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    known = ~np.isnan(numbers)
    same_bits(back["x"].to_numpy()[known], numbers[known])


@pytest.mark.parametrize("start", ["2006Q1", "2006-03"])
def test_dates_come_back(start, tmp_path):
    frame = frame_of([[2, 2, 3], [3], [4, 4], [0], [0, 0, 0], [0, 2]], seed=1)
    dates = pd.period_range(start, periods=6)
    frame["t"] = pd.PeriodIndex([dates[t] for t in frame["t"]])
    frame["g"] = pd.Series([dates[int(g)] if g else pd.NaT for g in frame["g"]])
    cells = att_gt(frame)
    for result in (cells, dj.aggte(cells, "group"), dj.jackknife(dj.aggte(cells, "calendar"))):
        saved = through_a_file(result, tmp_path / f"{type(result).__name__}.json")
        same_inference(saved.inference, result.inference)
        pd.testing.assert_frame_equal(saved.to_frame(), result.to_frame(), check_exact=True)
        assert [p.frequency for p in saved.parameters] == [p.frequency for p in result.parameters]


def test_empty_tables():
    frame = pd.DataFrame({"cluster": pd.Index([], dtype=object), "cohort": np.empty(0)})
    pd.testing.assert_frame_equal(read_frame(write_frame(frame, "t")), frame)


def test_every_field_of_an_inference_is_saved():
    fields = set(Inference.__dataclass_fields__)
    assert set(InferenceForm.__struct_fields__) - {"key"} == fields


# ------------------------------------------------------------------------- files that do harm


def write_document(path: Path, content: Any, **other: Any) -> Path:
    """Write a file with a right checksum, whatever its content."""
    text = json.dumps(content)
    head = {"format": "didjack result", "schema": 1,
            "sha256": hashlib.sha256(text.encode()).hexdigest()} | other  # fmt: skip
    path.write_text(json.dumps(head)[:-1] + f', "content": {text}}}', encoding="utf-8")
    return path


@pytest.fixture
def content(results, tmp_path) -> dict[str, Any]:
    results["jackknife"].save(tmp_path / "good.json")
    found: dict[str, Any] = json.loads((tmp_path / "good.json").read_text("utf-8"))["content"]
    return found


def one_sentence(path: Path, expected: str) -> None:
    with pytest.raises(dj.DataError, match=expected) as caught:
        dj.load(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600 and text.endswith(".")


def test_the_document_of_this_test_is_read(content, tmp_path):
    assert dj.load(write_document(tmp_path / "x.json", content)).kind == "Jackknife"


def test_a_changed_file(results, tmp_path):
    path = tmp_path / "x.json"
    results["jackknife"].save(path)
    text = path.read_text(encoding="utf-8")
    at = text.index('"att","dtype":"float64","values":[') + 40
    digit = next(i for i in range(at, len(text)) if text[i].isdigit())
    path.write_text(text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :], "utf-8")
    one_sentence(path, "was changed since it was saved")


def test_a_newer_schema(content, tmp_path):
    path = write_document(tmp_path / "x.json", content, schema=2, compression="none")
    one_sentence(path, "newer didjack")


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null",
     b'{"format": "didjack result"}',
     b'{"format":"didjack result","schema":0,"sha256":"","content":{}}',
     b'{"format":"didjack result","schema":"1","sha256":"","content":{}}', b"\x80\x04K\x01."],
)  # fmt: skip
def test_other_files(text, tmp_path):
    (tmp_path / "x.json").write_bytes(text)
    one_sentence(tmp_path / "x.json", "not a result of didjack")


def test_deep_content(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    head = {"format": "didjack result", "schema": 1,
            "sha256": hashlib.sha256(deep.encode()).hexdigest()}  # fmt: skip
    path = tmp_path / "x.json"
    path.write_text(json.dumps(head)[:-1] + f', "content": {deep}}}', encoding="utf-8")
    one_sentence(path, "not a result of didjack")


def test_what_is_no_file(tmp_path):
    one_sentence(tmp_path, "not a file")
    one_sentence(tmp_path / "missing.json", "no such file")
    one_sentence(Path("a\0b"), "cannot be the name of a file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        one_sentence(tmp_path / "pipe", "not a file")


def test_a_huge_file_is_not_read(results, tmp_path, monkeypatch):
    results["jackknife"].save(tmp_path / "x.json")
    monkeypatch.setattr("didjack.saving.store.LARGEST", 100)
    one_sentence(tmp_path / "x.json", "more than 100 bytes")


def change(content: dict[str, Any], way: str, value: Any) -> None:
    part: Any = content
    *steps, last = [int(step) if step.isdigit() else step for step in way.split("/")]
    for step in steps:
        part = part[step]
    part[last] = value


SHORT = {"dtype": "float64", "shape": [2], "data": "AAAA"}


@pytest.mark.parametrize(
    ("way", "value", "sentence"),
    [
        ("kind", 3, "key 'kind' must be a text"),
        ("extra", 3, "unknown key 'extra'"),
        ("inferences/0/att", None, "must be a table"),
        ("inferences/0/att", SHORT, "att is an array"),
        ("inferences/0/att/dtype", "int64", "att is an array of int64"),
        ("inferences/0/att/data", "not base64!", "base64"),
        ("inferences/0/att/data", "AAAA", "has 3 bytes"),
        ("inferences/0/scores/shape", [10**11, 5], "scores"),
        ("inferences/0/scores/shape", [-1, 5], "at least 0"),
        ("inferences/0/scores/shape", [10**30, 5], "shape"),
        ("inferences/0/level", 7, "level is 7"),
        ("inferences/0/parameters/0", {"name": "a", "kind": "event", "at": [1.0]}, "'event:1'"),
        ("inferences/0/parameters/0", {"name": "overall", "kind": "os.system"}, "no parameter"),
        ("frames/0/rows", 10**9, "do not have"),
        ("frames/0/columns/1/dtype", "int64", "not int64"),
        ("frames/0/columns/1/dtype", "datetime64[ns]", "must be one of"),
        ("frames/0/columns/1/values/0", "minus", "not float64"),
        ("frames/0/columns/1/name", "parameter", "twice"),
        ("deletions/n_clusters", 10**6, "deletions is an array"),
        ("frames/0/columns/1/dtype", "period", "no period"),
        ("deletions/level", 2, "level is 2"),
        ("deletions/center", "median", "must be one of"),
        ("notes", "text", "must be a list"),
        ("arguments/yname", {"a": 1}, "must be"),
    ],
)  # fmt: skip
def test_wrong_parts(content, tmp_path, way, value, sentence):
    change(content, way, value)
    one_sentence(write_document(tmp_path / "x.json", content), sentence)


def test_shapes_are_checked_before_memory_is_taken(content, tmp_path):
    """A shape of a million million numbers with the bytes of three."""
    form = json.loads(json.dumps({"dtype": "float64", "shape": [2**40, 2**40], "data": "AAAA"}))
    change(content, "deletions/replicates", form)
    one_sentence(write_document(tmp_path / "x.json", content), "deletions")


def test_bytes_are_little_endian():
    form = write_array(np.array([1.5, -2.0], dtype=">f8"))
    import base64

    assert base64.b64decode(form.data) == struct.pack("<2d", 1.5, -2.0)
    assert Content.__struct_fields__[0] == "kind"
