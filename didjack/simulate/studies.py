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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

from didjack.errors import DataError
from didjack.forms import Form, convert, read_form
from didjack.paths import data_dir
from didjack.simulate.compared import Settings
from didjack.simulate.designs import Design

MOST_CELLS = 100_000
"""Designs of one study: more is a mistake, and would fill the memory before anything is drawn."""

_PATHS = ("adoption", "effect")
# Far beyond what can be simulated, and within what numpy's integers and exponentials can hold.
_Count = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
_Number = Annotated[float, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
_BOUNDED = {
    int: _Count,
    float: _Number,
    tuple[int, ...]: tuple[_Count, ...],
    tuple[float, ...]: tuple[_Number, ...],
}


def _form(name: str, *fields: tuple[str, Any]) -> Any:
    """Make the form of a table whose keys may all be left out."""
    optional = [(key, kind | msgspec.UnsetType, msgspec.UNSET) for key, kind in fields]
    return msgspec.defstruct(name, optional, bases=(Form,), kw_only=True)


def _fields(kind: type) -> list[tuple[str, Any]]:
    return [(key, _BOUNDED.get(hint, hint)) for key, hint in get_type_hints(kind).items()]


# Forms are made from the classes: a new field is a new key.
_DesignForm = _form("_DesignForm", *_fields(Design))
_SettingsForm = _form("_SettingsForm", *_fields(Settings))
# The values of a block's design are lists of what the design has: see `_expand`.
_BlockForm = _form(
    "_BlockForm", ("name", str), *((key, object) for key, _ in _fields(Design)), *_fields(Settings)
)


class _StudyFile(Form, frozen=True, kw_only=True):
    title: str = ""
    description: str = ""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    design: dict[str, Any] = msgspec.field(default_factory=dict)
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    cells: tuple[dict[str, Any], ...] = ({},)


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
    content = read_form(path, _StudyFile)
    shared = _given(content.design, _DesignForm, f"{path.name}, design")
    settings = _given(content.settings, _SettingsForm, f"{path.name}, settings")
    cells: list[Cell] = []
    for number, block in enumerate(content.cells, start=1):
        where = f"{path.name}, cells {number}"
        made = _expand(block, shared, settings, where)
        cells += itertools.islice(made, MOST_CELLS + 1 - len(cells))
        if len(cells) > MOST_CELLS:
            raise DataError(f"{where}: a study has at most {MOST_CELLS:,} cells; write several.")
    if not cells:
        raise DataError(f"{path.name}: there are no cells.")
    return Study(
        path.stem,
        content.title or path.stem,
        content.description,
        content.seed,
        tuple(dict.fromkeys(cells)),
    )


def _given(table: Mapping[str, Any], form: Any, where: str) -> dict[str, Any]:
    """Return the keys that a table has, with their values as the form wants them."""
    values = msgspec.structs.asdict(convert(table, form, where))
    return {key: value for key, value in values.items() if value is not msgspec.UNSET}


def _expand(
    block: Mapping[str, Any], shared: Mapping[str, Any], settings: Mapping[str, Any], where: str
) -> Iterator[Cell]:
    """Make the cells of one block: every combination of the values of its keys."""
    given = _given(block, _BlockForm, where)
    name = given.pop("name", "")
    where = f"{where} {name!r}" if name else where
    own = {key: value for key, value in given.items() if key not in _DesignForm.__struct_fields__}
    # In the order of the file, which is the order of the cells.
    axes = {key: _axis(key, block[key]) for key in block if key in given and key not in own}
    for key, choices in axes.items():
        if not choices:
            raise DataError(f"{where}: key {key!r} has no values.")
    for values in itertools.product(*axes.values()):
        chosen = _given(dict(zip(axes, values, strict=True)), _DesignForm, where)
        try:
            design = Design(**{**shared, **chosen})
            yield Cell(name, design, Settings(**{**settings, **own}))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None


def _axis(key: str, value: Any) -> list[Any]:
    """Return the values that a key takes in a block."""
    if key in _PATHS:
        nested = isinstance(value, list) and value and isinstance(value[0], list)
        return value if nested else [value]
    return value if isinstance(value, list) else [value]
