"""The table for people who come from R or Stata: what it names here is here."""

from __future__ import annotations

import ast
import inspect
import json
import re

import pytest

import didjack as dj
from didjack.core.results import Inference
from didjack_pages.paths import notebooks_dir

CELLS = json.loads((notebooks_dir() / "from-r-and-stata.ipynb").read_text("utf-8"))["cells"]
SOURCES = {kind: ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == kind]
           for kind in ("markdown", "code")}  # fmt: skip
TEXT = "\n\n".join(SOURCES["markdown"])
RESULTS = {"res": dj.ATTgt, "agg": dj.Aggregate, "jk": dj.Jackknife}
ROWS = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("| ")]
OURS = [code for row in ROWS for code in re.findall(r"`([^`]+)`", row[2])]
TAKEN = {
    name
    for function in (dj.att_gt, dj.aggte, dj.multiplier, dj.jackknife)
    for name in inspect.signature(function).parameters
}
NAMES = sorted({code for code in OURS if re.match(r"(dj|res|agg|jk)\.", code)})
ARGUMENTS = sorted({code for code in OURS if re.fullmatch(r'\w+(="?[\w~ +.]+"?)?', code)})


def test_every_row_has_three_columns():
    assert len(ROWS) > 40 and all(len(row) == 3 for row in ROWS)


@pytest.mark.parametrize(
    "code", sorted({code for code in OURS if re.match(r"(dj|res|agg|jk)\.", code)})
)
def test_names_exist(code):
    root, *path = re.match(r"[\w.]+", code).group().split(".")
    found = dj if root == "dj" else RESULTS[root]
    for name in path:
        assert hasattr(found, name), code
        found = Inference if name == "inference" else getattr(found, name)
    if code.endswith(")") and root == "dj":
        call = ast.parse(code, mode="eval").body
        while not isinstance(call.func.value, ast.Name):  # dj.multiplier(agg).band()
            call = call.func.value
        keywords = [keyword.arg for keyword in call.keywords]
        function = getattr(dj, call.func.attr)
        assert set(keywords) <= set(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    "code", sorted({c for c in OURS if re.fullmatch(r'\w+(="?[\w~ +.]+"?)?', c)})
)
def test_arguments_exist_and_take_the_value(code):
    name, _, value = code.partition("=")
    if name == "didjack":
        return
    assert name in TAKEN, code
    if not value:
        return
    value = ast.literal_eval(value)
    mpdta = dj.load_dataset("mpdta")
    columns = ("lemp", "year", "first.treat", "countyreal")
    if name in inspect.signature(dj.att_gt).parameters:
        value = "~ lpop" if name == "xformla" else value
        dj.att_gt(mpdta, *columns, **{name: value})
        return
    res = dj.att_gt(mpdta, *columns)
    if name in inspect.signature(dj.aggte).parameters:
        dj.aggte(res, **{name: value})
    else:
        dj.multiplier(dj.aggte(res), n_boot=10, **{name: value})


def test_the_example_runs(capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    exec("\n".join(SOURCES["code"]), {})
    assert "Cluster jackknife (CV3) by countyreal" in capsys.readouterr().out
    matplotlib.pyplot.close("all")
