"""Options that the commands of the pages share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from didjack.errors import ReportError
from didjack.paths import project_root


class Renderer(StrEnum):
    """What makes the site."""

    auto = "auto"
    quarto = "quarto"
    pandoc = "pandoc"


RendererOption = Annotated[
    Renderer,
    typer.Option(
        "--renderer",
        metavar="NAME",
        help="quarto, pandoc or auto: Quarto where it is installed, else pandoc.",
    ),
]


def require_root() -> Path:
    """Return the checkout; an installed wheel has no site of its own to reproduce."""
    root = project_root()
    if root is None:
        raise ReportError(
            "this command needs the project's folder (site, notebooks, data): clone it and run "
            "`python3 reproduce.py` there. On your own data, `didjack report` works anywhere."
        )
    return root
