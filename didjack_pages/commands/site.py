"""`didjack site`: render what has been executed."""

from __future__ import annotations

import typer

from didjack.extras import require_extra
from didjack_pages.commands import options as own


def site(renderer: own.RendererOption = own.Renderer.auto) -> None:
    """Render the site from the executed notebooks in reports/."""
    require_extra("report", "plots", "tables")
    from didjack_pages.commands.steps import print_site
    from didjack_pages.render import build_site

    result = build_site(own.require_root(), renderer=renderer.value)
    print_site(result)
    typer.echo("")
