"""The commands that make pages; `register` adds them to the command `didjack`."""

from __future__ import annotations

import typer

from didjack_pages.commands.lessons import lessons
from didjack_pages.commands.report import report
from didjack_pages.commands.reproduce import reproduce
from didjack_pages.commands.site import site


def register(app: typer.Typer, own_data: str, project: str) -> None:
    """Add the commands of this package.

    Parameters
    ----------
    app : Typer
        The command `didjack`.
    own_data, project : str
        Titles of the two panels of its help.
    """
    app.command("report", rich_help_panel=own_data)(report)
    app.command("reproduce", rich_help_panel=project)(reproduce)
    app.command("site", rich_help_panel=project)(site)
    app.command("lessons", rich_help_panel=project)(lessons)
