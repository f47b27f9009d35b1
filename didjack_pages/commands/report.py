"""`didjack report`: the report page on the user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from didjack.cli import options as opt
from didjack.extras import require_extra
from didjack_pages.commands import options as page_options


def report(
    data: opt.Data,
    yname: opt.Yname,
    tname: opt.Tname,
    gname: opt.Gname,
    idname: opt.Idname = None,
    cluster: opt.Cluster = None,
    weightsname: opt.Weightsname = None,
    xformla: opt.Xformla = None,
    est_method: opt.EstMethod = "dr",
    control_group: opt.Control = opt.ControlGroup.nevertreated,
    base_period: opt.Base = opt.BasePeriod.varying,
    anticipation: opt.Anticipation = 0,
    allow_unbalanced_panel: opt.Unbalanced = False,
    level: opt.Level = 0.95,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where the report goes.",
            show_default="<name of the data>-report",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(
            "--title",
            help="Title of the page.",
            show_default="name of the data",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = None,
    renderer: page_options.RendererOption = page_options.Renderer.auto,
) -> None:
    """Make the report page of your own data, as a small site.

    The page has everything that the pages of this project's datasets have: cohorts and
    clusters, group-time effects, four aggregations with three kinds of inference, event study,
    delete-one estimates.

    [bold]Example[/]

    didjack report wages.dta --yname lwage --tname year --gname first_law --idname county --cluster
    state
    """
    require_extra("report", "plots", "tables")
    from didjack.locking import alone_in
    from didjack_pages.commands.steps import describe_failure, print_site, run_with_progress
    from didjack_pages.render import build_site
    from didjack_pages.run.own_report import plan_own_page

    folder = out if out is not None else Path(f"{data.stem}-report")
    arguments = opt.att_gt_arguments(
        yname, tname, gname, idname, cluster, weightsname, xformla, est_method,
        control_group, base_period, anticipation, allow_unbalanced_panel,
    )  # fmt: skip
    with alone_in(folder, "didjack report"):
        page = plan_own_page(folder, data, arguments, level, title)
        result = run_with_progress([page], folder / "reports", 1, False, folder)[0]
        if result.status == "failed":
            typer.echo(describe_failure(result), err=True)
            raise typer.Exit(1)
        print_site(build_site(folder, renderer=renderer.value))
