"""`didjack estimate`: the table on the user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from didjack.cli import options as opt

if TYPE_CHECKING:
    import pandas as pd


def estimate(
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
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            parser=opt.read_type,
            help="simple, dynamic, group, calendar or all; may be repeated.",
            rich_help_panel=opt.OUTPUT,
            show_default="all",
        ),
    ] = None,
    elements: Annotated[
        bool,
        typer.Option(
            "--elements",
            help="Also each event time, cohort and calendar period.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = False,
    permutations: Annotated[
        int,
        typer.Option(
            "--permutations",
            metavar="N",
            min=0,
            help="Also randomization inference on the CV3 t statistic, with N random assignments.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = 0,
    cluster_level: Annotated[
        bool,
        typer.Option(
            "--cluster-level",
            help="Also test whether the unit would do as the cluster.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="Of the random assignments.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the table as .csv (all digits), .tex, .html or .md.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Estimate effects with jackknife, clustered and analytic standard errors.

    The recommended row comes first: CV3 with exact critical values, which holds its level with few
    treated clusters. A dash stands where a p-value or an interval would mean nothing.

    [bold]Example[/]: does the minimum wage lower teen employment?

    didjack estimate mpdta.csv --yname lemp --tname year --gname first.treat --idname countyreal
    """
    from didjack.cli.table import check_format, print_comparison, table_text
    from didjack.one_call import csdid
    from didjack.sample.read import read_table
    from didjack.writing import check_output, write_text

    if output is not None:
        check_format(output)
        check_output(output, [data], overwrite=overwrite)
    arguments = opt.given(
        yname=yname, tname=tname, gname=gname, idname=idname, clustervars=cluster,
        weightsname=weightsname, xformla=xformla, est_method=est_method,
        control_group=control_group, base_period=base_period, anticipation=anticipation,
        allow_unbalanced_panel=allow_unbalanced_panel, balance=balance, fix_weights=fix_weights,
        separation=separation, pscoretrim=pscoretrim, last_as_never=last_as_never, like=like,
    )  # fmt: skip
    windows = opt.given(min_e=min_e, max_e=max_e, balance_e=balance_e)
    reading = opt.given(delimiter=delimiter, encoding=encoding, sheet=sheet)
    chosen = types or [opt.ALL]
    frame: pd.DataFrame = read_table(data, **reading)
    result = csdid(
        frame, **arguments, **windows,
        types=None if opt.ALL in chosen else list(dict.fromkeys(chosen)),
        level=level, n_permutations=permutations, seed=seed,
    )  # fmt: skip
    table = result.to_frame(elements=elements)
    print_comparison(result, table, data.name)
    if cluster_level:
        typer.echo(f"\n{result.cluster_level(next(iter(result.aggregates))).summary()}")
    if output is not None:
        write_text(output, table_text(table, level, output), [data], overwrite=overwrite)
        typer.echo(f"Table written to {output}")
