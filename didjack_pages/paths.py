"""Where notebooks and bibliography are: in the checkout, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

from didjack.paths import project_root

_PACKAGE = Path(__file__).resolve().parent


def notebooks_dir() -> Path:
    """Return the folder with the notebook sources."""
    root = project_root()
    return root / "notebooks" if root is not None else _PACKAGE / "_notebooks"


def bibliography() -> Path:
    """Return the file with the works that notebooks cite."""
    root = project_root()
    return root / "references.bib" if root is not None else _PACKAGE / "_references.bib"
