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
    est_method: opt.EstMethod = None,
    control_group: opt.Control = None,
    base_period: opt.Base = None,
    anticipation: opt.Anticipation = 0,
    allow_unbalanced_panel: opt.Unbalanced = False,
    balance: opt.Balance = None,
    fix_weights: opt.FixWeights = None,
    separation: opt.Separation = None,
    pscoretrim: opt.Pscoretrim = None,
    last_as_never: opt.LastAsNever = None,
    like: opt.Like = None,
    min_e: opt.MinE = None,
    max_e: opt.MaxE = None,
    balance_e: opt.BalanceE = None,
    level: opt.Level = 0.95,
    delimiter: opt.Delimiter = None,
    encoding: opt.Encoding = None,
    sheet: opt.Sheet = None,
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
    arguments = opt.given(
        yname=yname, tname=tname, gname=gname, idname=idname, clustervars=cluster,
        weightsname=weightsname, xformla=xformla, est_method=est_method,
        control_group=control_group, base_period=base_period, anticipation=anticipation,
        allow_unbalanced_panel=allow_unbalanced_panel, balance=balance, fix_weights=fix_weights,
        separation=separation, pscoretrim=pscoretrim, last_as_never=last_as_never, like=like,
    )  # fmt: skip
    windows = opt.given(min_e=min_e, max_e=max_e, balance_e=balance_e)
    reading = opt.given(delimiter=delimiter, encoding=encoding, sheet=sheet)
    with alone_in(folder, "didjack report"):
        page = plan_own_page(
            folder, data, arguments, level, title, windows=windows, reading=reading
        )
        result = run_with_progress([page], folder / "reports", 1, False, folder)[0]
        if result.status == "failed":
            typer.echo(describe_failure(result), err=True)
            raise typer.Exit(1)
        print_site(build_site(folder, renderer=renderer.value))
