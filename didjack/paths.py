"""Where the project and its data are: in the checkout, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def project_root() -> Path | None:
    """Return the checkout that this package runs from, None for an installed wheel."""
    root = _PACKAGE.parent
    return root if (root / "data" / "catalog.toml").is_file() else None


def data_dir() -> Path:
    """Return the folder with catalog.toml and the shipped CSV files."""
    root = project_root()
    return root / "data" if root is not None else _PACKAGE / "_data"
