"""`didjack site`: render what has been executed."""

from __future__ import annotations

import typer

from didjack.cli import options as opt


def site(renderer: opt.RendererOption = opt.Renderer.auto) -> None:
    """Render the site from the executed notebooks in reports/."""
    from didjack.cli.steps import print_site
    from didjack.site import build_site

    result = build_site(opt.require_root(), renderer=renderer.value)
    print_site(result)
    typer.echo("")
