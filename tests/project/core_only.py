"""Runs where only the core is installed, as far as imports can tell; prints what happened as JSON.

Every installed package that the declared dependencies do not bring is hidden from the import
system, so an import that nobody declared fails here as it does for a user.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
OPTIONS = [word for name, value in COLUMNS.items() for word in (f"--{name}", value)]


def brought(requirements: list[str]) -> set[str]:
    """Return the names of packages that requirements bring, and those that these bring."""
    found: set[str] = set()
    todo = list(requirements)
    while todo:
        requirement = Requirement(todo.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        todo += metadata.requires(name) or []
    return found


def hide_the_rest() -> None:
    """Let the import system see the standard library, the project and what its core brings."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    core = brought(tomllib.loads(text)["project"]["dependencies"]) | {"didjack"}
    hidden = {
        module
        for module, packages in metadata.packages_distributions().items()
        if not core & {canonicalize_name(package) for package in packages}
    }

    class Visible:
        find_distributions = importlib.machinery.PathFinder.find_distributions

        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.partition(".")[0] in hidden:
                return None
            return importlib.machinery.PathFinder.find_spec(name, path, target)

    sys.meta_path[:] = [
        Visible if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path
    ]
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]


def refusal(function, *args) -> str | None:
    """Return the message with which a call says what is missing."""
    from didjack import DidjackError

    try:
        function(*args)
    except DidjackError as error:
        return str(error)
    return None


def library() -> dict:
    import pandas as pd

    import didjack as dj
    from didjack.display import tables

    frame = pd.read_csv(ROOT / "data" / "castle.csv")
    result = dj.csdid(frame, **COLUMNS, cluster="sid")
    res = dj.att_gt(frame, **COLUMNS, xformla="~ popwt")
    average = dj.aggte(res, type="simple")
    (FOLDER / "x.parquet").write_bytes(b"PAR1")
    (FOLDER / "x.xlsx").write_bytes(b"PK")
    return {
        "summary": result.summary(),
        "se": [dj.jackknife(average).se, *dj.multiplier(average).inference.se],
        "latex": result.to_latex(),
        "html": result._repr_html_(),
        "frames": [len(tables.paper_frame(result)), len(tables.inference_frame(result))],
        "rows": len(dj.load_dataset("castle")),
        "absent": dj.datasets.unavailable("merit"),
        "plot": refusal(result.plot),
        "table": refusal(tables.paper_table, result),
        "parquet": refusal(dj.read_table, FOLDER / "x.parquet"),
        "excel": refusal(dj.read_table, FOLDER / "x.xlsx"),
        "download": refusal(dj.load_dataset, "merit"),
    }


def commands() -> dict:
    from typer.testing import CliRunner

    from didjack.cli import app

    castle, out = str(ROOT / "data" / "castle.csv"), FOLDER
    lines = {
        "help": ["--help"],
        "estimate": ["estimate", castle, *OPTIONS],
        "csv": ["estimate", castle, *OPTIONS, "-o", str(out / "t.csv")],
        "md": ["estimate", castle, *OPTIONS, "-o", str(out / "t.md")],
        "tex": ["estimate", castle, *OPTIONS, "-o", str(out / "t.tex")],
        "html": ["estimate", castle, *OPTIONS, "-o", str(out / "t.html")],
        "datasets": ["datasets"],
        "plan": ["plan", castle, *OPTIONS, "-o", str(out / "p.png")],
        "kept": ["simulate", "few-treated", "--reps", "10", "--out", str(out / "cells")],
        "dask": ["simulate", "few-treated", "--reps", "10", "--scheduler", "tcp://127.0.0.1:1"],
        "report": ["report", castle, *OPTIONS, "--out", str(out / "report")],
        "reproduce": ["reproduce"],
        "site": ["site"],
        "lessons": ["lessons", "--out", str(out / "lessons")],
    }
    done = {name: CliRunner().invoke(app, words) for name, words in lines.items()}
    return {name: [run.exit_code, run.stdout, run.stderr] for name, run in done.items()}


hide_the_rest()
print(json.dumps({"library": library(), "commands": commands()}))
