"""What is installed and imported: seven packages, the rest in extras, nothing before it is used."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import didjack as dj
from didjack import extras
from didjack.paths import project_root

ROOT = project_root()
if ROOT is None:
    pytest.skip("pyproject.toml is not part of an installed package", allow_module_level=True)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _python(*arguments) -> str:
    """Run Python with the project first on its path; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1",
                   "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}  # fmt: skip
    environment.pop("DIDJACK_DATA", None)
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


# ---------------------------------------------------------------------- what is declared


def test_the_core_has_at_most_seven_dependencies():
    names = [Requirement(line).name for line in PROJECT["dependencies"]]
    assert {"numpy", "scipy", "pandas", "formulaic"} <= set(names)
    assert len(names) <= 7


def test_every_optional_package_is_in_the_extra_that_its_message_names():
    for module, part in extras.PARTS.items():
        declared = {Requirement(line).name for line in PROJECT["optional-dependencies"][part.extra]}
        assert part.package in declared, module


def test_only_the_import_of_an_extra_gets_the_message():
    with (
        pytest.raises(dj.MissingExtraError, match=r"^figures need .*'didjack\[plots\]'$") as raised,
        extras.optional_imports(),
    ):
        raise ModuleNotFoundError(name="matplotlib.pyplot")
    assert isinstance(raised.value, ImportError)
    with pytest.raises(ModuleNotFoundError, match="nosuchmodule"), extras.optional_imports():
        importlib.import_module("nosuchmodule")


# ---------------------------------------------------------------------- where it is missing


@pytest.fixture(scope="module")
def core_only(tmp_path_factory):
    script = Path(__file__).with_name("core_only.py")
    return json.loads(_python(script, ROOT, tmp_path_factory.mktemp("core")))


@pytest.fixture
def library(core_only):
    return core_only["library"]


def test_the_core_estimates_and_writes_tables(library):
    assert "CV3" in library["summary"]
    assert all(se > 0 for se in library["se"])
    assert r"\toprule" in library["latex"]
    assert "<table" in library["html"]
    assert library["frames"] == [11, 12]
    assert library["rows"] == 550


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("plot", "figures need matplotlib: pip install 'didjack[plots]'"),
        ("table", "laid-out tables need great_tables: pip install 'didjack[tables]'"),
        (
            "parquet",
            "Parquet files and Arrow frames need pyarrow: pip install 'didjack[data]'",
        ),
        ("excel", "Excel files need openpyxl: pip install 'didjack[data]'"),
        ("download", "downloads need pooch: pip install 'didjack[data]'"),
        ("absent", "downloads need pooch: pip install 'didjack[data]'"),
    ],
)
def test_what_needs_an_extra_says_so(library, what, message):
    # Where data are not at hand, the extra is the last part of the sentence.
    assert library[what] == message or (
        what in ("download", "absent") and library[what].endswith(message)
    )


@pytest.mark.parametrize("command", ["estimate", "csv", "md", "tex", "datasets"])
def test_commands_of_the_core_work(core_only, command):
    code, _, errors = core_only["commands"][command]
    assert (code, errors) == (0, "")


def test_help_lists_all_commands(core_only):
    text = core_only["commands"]["help"][1]
    for name in ("estimate", "plan", "report", "simulate", "datasets", "reproduce", "site",
                 "lessons"):  # fmt: skip
        assert f" {name} " in text


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("html", "laid-out tables need great_tables: pip install 'didjack[tables]'"),
        ("plan", "figures need matplotlib: pip install 'didjack[plots]'"),
        (
            "kept",
            "Parquet files and Arrow frames need pyarrow: pip install 'didjack[data]'",
        ),
        ("dask", "a dask scheduler needs distributed: pip install 'didjack[dask]'"),
        ("report", "pages need papermill: pip install 'didjack[report]'"),
        ("reproduce", "pages need papermill: pip install 'didjack[report]'"),
        ("site", "pages need papermill: pip install 'didjack[report]'"),
        ("lessons", "pages need papermill: pip install 'didjack[report]'"),
    ],
)
def test_commands_that_need_an_extra_say_so_in_one_line(core_only, command, message):
    code, _, errors = core_only["commands"][command]
    assert code == 1
    assert errors.strip() == f"error: {message}"


# ---------------------------------------------------------------------- what is imported

LOADED = """
import sys
before = set(sys.modules)
{code}
print(*sorted(set(sys.modules) - before))
"""


def _loaded(code: str) -> set[str]:
    return set(_python("-c", LOADED.format(code=code)).split())


def test_import_didjack_loads_a_few_modules_of_its_own_only():
    loaded = _loaded("import didjack")
    assert {name for name in loaded if name.startswith("didjack")} == {
        "didjack", "didjack._moved", "didjack.core", "didjack.core.views", "didjack.display",
        "didjack.errors",
    }  # fmt: skip
    others = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert others == {"didjack"}


def test_an_estimate_loads_neither_figures_nor_tables_nor_formulas_nor_simulations():
    loaded = _loaded("import didjack; didjack.csdid; didjack.jackknife; didjack.read_table")
    roots = {name.partition(".")[0] for name in loaded}
    assert not {"matplotlib", "great_tables", "formulaic", "pooch"} & roots
    assert "didjack.simulate" not in loaded


def test_type_checkers_see_what_is_imported_late():
    tree = ast.parse(Path(dj.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        node.module.removeprefix("didjack."): tuple(alias.name for alias in node.names)
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
    }
    del seen["display"]  # modules: plots, tables
    assert seen == dj._NAMES


def test_every_public_name_is_there_and_listed():
    names = {}
    exec(f"from didjack import {', '.join(dj.__all__)}", names)
    assert set(dj.__all__) <= set(names)
    assert set(dj.__all__) | set(dj._ROOMS) <= set(dir(dj))
    for room in dj._ROOMS:
        assert getattr(dj, room) is importlib.import_module(f"didjack.{room}")
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = dj.nosuch


def test_figures_and_tables_are_at_hand():
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import didjack as dj; "
        "before = {'matplotlib', 'didjack.display.plots', 'didjack.display.tables'} & "
        "set(sys.modules); from didjack import plots; import didjack.display.tables as tables; "
        "print(before, plots is dj.display.plots, dj.plots is plots, dj.tables is tables)"
    )
    assert _python("-c", code).split("\n")[0] == "set() True True True"
    assert {"plots", "tables"} <= set(dir(dj))
