"""Packages that only some users need: what needs them, and the extra that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple

from didjack.errors import MissingExtraError


class _Part(NamedTuple):
    """A package of an extra: its name for pip, the extra, and what needs it."""

    package: str
    extra: str
    purpose: str


# By the name that is imported.
PARTS = {
    "matplotlib": _Part("matplotlib", "plots", "figures need"),
    "great_tables": _Part("great_tables", "tables", "laid-out tables need"),
    "pooch": _Part("pooch", "data", "downloads need"),
    "requests": _Part("requests", "data", "downloads need"),
    "pyarrow": _Part("pyarrow", "data", "Parquet files and Arrow frames need"),
    "openpyxl": _Part("openpyxl", "data", "Excel files need"),
    "papermill": _Part("papermill", "report", "pages need"),
    "nbformat": _Part("nbformat", "report", "pages need"),
    "ipykernel": _Part("ipykernel", "report", "pages need"),
    "pypandoc": _Part("pypandoc_binary", "report", "pages need"),
    "yaml": _Part("pyyaml", "report", "pages need"),
    "griffe": _Part("griffelib", "report", "reference pages need"),
    "distributed": _Part("distributed", "dask", "a dask scheduler needs"),
    "moderndid": _Part("moderndid", "honestdid", "sensitivity analysis needs"),
}


@contextmanager
def optional_imports() -> Iterator[None]:
    """Let imports inside fail with the command that installs what is missing.

    Raises
    ------
    MissingExtraError
        A package of an extra is not installed. Whatever else cannot be imported keeps its error.

    Examples
    --------
    >>> with optional_imports():
    ...     import matplotlib.pyplot as plt
    """
    try:
        yield
    except ModuleNotFoundError as error:
        part = PARTS.get((error.name or "").partition(".")[0])
        if part is None:
            raise
        raise _missing(part) from None


def require_extra(*extras: str) -> None:
    """Stop where a package of some extras is not installed; import nothing.

    Parameters
    ----------
    *extras : str
        Of those in `PARTS`; the first one that lacks something is named.

    Raises
    ------
    MissingExtraError
        Names the first package that is missing, and the command that installs it.
    """
    for extra in extras:
        for module, part in PARTS.items():
            if part.extra == extra and not _is_installed(module):
                raise _missing(part)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # somebody forbids the import
        return False


def _missing(part: _Part) -> MissingExtraError:
    return MissingExtraError(
        f"{part.purpose} {part.package}: pip install 'didjack[{part.extra}]'", name=part.package
    )
