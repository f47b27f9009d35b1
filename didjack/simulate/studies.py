"""Studies: TOML files that name many designs at once.

    title = "Few treated clusters"
    description = "One sentence."
    seed = 1

    [design]                       # what all cells share; the keys of `Design`
    clusters = 20

    [settings]                     # the keys of `Settings`
    types = ["simple"]

    [[cells]]                      # several blocks may follow each other
    name = "few treated"           # a word for the figures
    treated = [1, 2, 3]            # a list makes one design of each value,
    rho = [0.0, 0.9]               # two lists make every combination

`adoption` and `effect` are lists themselves: a list of lists makes one design of each.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from didjack.errors import DataError
from didjack.forms import Form, check, read_toml
from didjack.paths import data_dir
from didjack.simulate.compared import Settings
from didjack.simulate.designs import Design

_NUMBER: tuple[type, ...] = (int, float)
_PATHS = ("adoption", "effect")
_TUPLES = (*_PATHS, "types", "tests")
_DESIGN: dict[str, tuple[type, ...]] = {
    f.name: _NUMBER if isinstance(f.default, float) else (type(f.default),)
    for f in dataclasses.fields(Design)
} | {"adoption": (list,), "effect": (list,)}
_SETTINGS: Form = {
    "types": (list,), "tests": (list,), "twfe": (bool,), "n_boot": (int,),
    "n_permutations": (int,),
}  # fmt: skip
_STUDY: Form = {
    "title": (str,), "description": (str,), "seed": (int,), "design": (dict,),
    "settings": (dict,), "cells": (list,),
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One design of a study, with what is computed in it.

    Attributes
    ----------
    name : str
        The block of the study that it is from.
    design : Design
    settings : Settings
    """

    name: str
    design: Design
    settings: Settings

    @property
    def key(self) -> str:
        """A short name that follows from design and settings: the cell's result file."""
        text = json.dumps([self.design.key, dataclasses.asdict(self.settings)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Study:
    """Designs that are simulated together.

    Attributes
    ----------
    name, title, description : str
    seed : int
    cells : tuple of Cell
    """

    name: str
    title: str
    description: str
    seed: int
    cells: tuple[Cell, ...]


def shipped_studies() -> dict[str, Study]:
    """Read the study files of the project, by name."""
    folder = data_dir() / "designs"
    return {path.stem: read_study(path) for path in sorted(folder.glob("*.toml"))}


def load_study(name_or_path: str | Path) -> Study:
    """Find a study: the name of a shipped one, or the path of a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        A name of `shipped_studies`, or the path of a .toml file.

    Raises
    ------
    DataError
        There is no such study, or its file has mistakes.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return read_study(path)
    shipped = data_dir() / "designs" / f"{name_or_path}.toml"
    if not shipped.is_file():
        names = ", ".join(p.stem for p in sorted(shipped.parent.glob("*.toml")))
        raise DataError(
            f"There is no study '{name_or_path}'; there are {names}. Your own: give a .toml file."
        )
    return read_study(shipped)


def read_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    DataError
        A key is unknown, missing or of the wrong type, or a design is impossible.
    """
    raw = read_toml(path)
    check(raw, _STUDY, set(), path.name)
    shared, settings = raw.get("design", {}), raw.get("settings", {})
    _check(shared, _DESIGN, f"{path.name}, design")
    _check(settings, _SETTINGS, f"{path.name}, settings")
    cells: list[Cell] = []
    for number, block in enumerate(raw.get("cells", [{}]), start=1):
        where = f"{path.name}, cells {number}"
        cells += _expand(block, shared, settings, where)
    if not cells:
        raise DataError(f"{path.name}: there are no cells.")
    return Study(
        path.stem,
        raw.get("title", path.stem),
        raw.get("description", ""),
        raw.get("seed", 0),
        tuple(dict.fromkeys(cells)),
    )


def _expand(
    block: dict[str, Any], shared: dict[str, Any], settings: dict[str, Any], where: str
) -> list[Cell]:
    """Make the cells of one block."""
    if not isinstance(block, dict):
        raise DataError(f"{where}: must be a table.")
    form = {"name": (str,), **_DESIGN, **_SETTINGS}
    unknown = {key: value for key, value in block.items() if key not in form}
    check(unknown, form, set(), where)
    own = {key: value for key, value in block.items() if key in _SETTINGS}
    _check(own, _SETTINGS, where)
    compute = _frozen({**settings, **own})
    axes = {key: _axis(key, value) for key, value in block.items() if key in _DESIGN}
    for key, choices in axes.items():
        if not choices:
            raise DataError(f"{where}: key {key!r} has no values.")
    cells = []
    for values in itertools.product(*axes.values()):
        chosen = {**shared, **dict(zip(axes, values, strict=True))}
        _check(chosen, _DESIGN, where)
        try:
            cell = Cell(str(block.get("name", "")), Design(**_frozen(chosen)), Settings(**compute))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        cells.append(cell)
    return cells


def _axis(key: str, value: Any) -> list[Any]:
    """Return the values that a key takes in a block."""
    if key in _PATHS:
        nested = isinstance(value, list) and value and isinstance(value[0], list)
        return value if nested else [value]
    return value if isinstance(value, list) else [value]


def _check(table: dict[str, Any], form: Form, where: str) -> None:
    for key, kinds in form.items():
        if kinds == _NUMBER and type(table.get(key, 0)) not in _NUMBER:
            raise DataError(f"{where}: key {key!r} must be a number, but is {table[key]!r}.")
    check(table, form, set(), where)
    for key in _PATHS:
        numbers = (int,) if key == "adoption" else _NUMBER
        if not all(type(item) in numbers for item in table.get(key, ())):
            raise DataError(f"{where}: key {key!r} must be a list of numbers.")


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if key in _TUPLES else v for key, v in table.items()}
