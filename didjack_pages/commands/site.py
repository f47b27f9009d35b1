"""`didjack site`: render what has been executed."""

from __future__ import annotations

import typer

from didjack.extras import require_extra
from didjack_pages.commands import options as page_options


def site(renderer: page_options.RendererOption = page_options.Renderer.auto) -> None:
    """Render the site from the executed notebooks in reports/."""
    require_extra("report", "plots", "tables")
    from didjack.locking import alone_in
    from didjack_pages.commands.steps import print_site
    from didjack_pages.render import build_site

    root = page_options.require_root()
    with alone_in(root / "reports", "didjack site"):
        result = build_site(root, renderer=renderer.value)
    print_site(result)
    typer.echo("")
