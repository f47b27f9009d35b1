"""Modules that other programs imported under names that they no longer have.

The old names go on working: a warning names the new place, and what is imported is the module
there. The whole list, with the names of modules that were internal, is in CHANGELOG.md.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

# Old name: new name. A package stands for the modules inside it as well.
MOVED = {
    "didjack.aggregate": "didjack.effects",
    "didjack.attgt": "didjack.effects",
    "didjack.cells": "didjack.sample.cells",
    "didjack.decomposition": "didjack.regression",
    "didjack.diagnostics": "didjack.display.diagnostics",
    "didjack.headline": "didjack_pages.frontpage.headline",
    "didjack.inference.results": "didjack.core.results",
    "didjack.io": "didjack.sample.read",
    "didjack.latex": "didjack.display.latex",
    "didjack.lessons": "didjack_pages.course.lessons",
    "didjack.paragraph": "didjack.display.paragraph",
    "didjack.plots": "didjack.display.plots",
    "didjack.published": "didjack.datasets.published",
    "didjack.reference": "didjack_pages.reference",
    "didjack.simulate.claims": "didjack.display.claims",
    "didjack.simulate.figures": "didjack.display.plots.rates",
    "didjack.students": "didjack_pages.course.student_files",
    "didjack.tables": "didjack.display.tables",
    "didjack.teaching": "didjack_pages.course.teaching",
    "didjack.twfe": "didjack.regression",
    "didjack.wording": "didjack.display.wording",
}


def new_name(old: str) -> str | None:
    """Return the name that a module has now; None where it has not moved.

    Parameters
    ----------
    old : str
        With `didjack.` in front.
    """
    parts = old.split(".")
    for length in range(len(parts), 1, -1):
        place = MOVED.get(".".join(parts[:length]))
        if place is not None:
            return ".".join([place, *parts[length:]])
    return None


def install() -> None:
    """Let the import system ask the table first, once per process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # Before the others: they would load a module inside a moved package a second time.
        sys.meta_path.insert(0, _Finder())


def attribute(name: str) -> ModuleType:
    """Return `didjack.name` for a module that has moved; for the package's `__getattr__`.

    Parameters
    ----------
    name : str
        Without `didjack.` in front.

    Raises
    ------
    AttributeError
        There never was such a module.
    """
    old = f"didjack.{name}"
    if old not in MOVED:
        raise AttributeError(f"module 'didjack' has no attribute {name!r}", name=name)
    _warn(old, MOVED[old], stacklevel=4)
    module = _alias(old, MOVED[old])
    setattr(sys.modules["didjack"], name, module)  # one warning is enough
    return module


class _Finder:
    """Answers for the old names only."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module that has moved, and warn."""
        place = new_name(fullname) if fullname.startswith("didjack.") else None
        if place is None:
            return None
        _warn(fullname, place, stacklevel=3)
        return ModuleSpec(fullname, cast(Any, _Alias(place)))  # base classes cost 20 ms


class _Alias:
    """Loads a module under an old name: the module itself, not a copy."""

    def __init__(self, place: str) -> None:
        self.place = place

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of the new name in the place of the empty one."""
        _alias(module.__name__, self.place)


def _alias(old: str, place: str) -> ModuleType:
    sys.modules[old] = import_module(place)
    return sys.modules[old]


def _warn(old: str, place: str, stacklevel: int) -> None:
    warnings.warn(
        f"{old} has moved to {place}; the old name will go in a later version",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
