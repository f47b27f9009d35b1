"""`didjack plan`: what a test could find in a panel like the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from didjack.cli import options as opt
from didjack.effects.average_types import AverageType
from didjack.errors import OutputError
from didjack.extras import require_extra

if TYPE_CHECKING:
    from didjack.simulate import Plan


def plan(
    data: opt.Data,
    yname: opt.Yname,
    tname: opt.Tname,
    gname: opt.Gname,
    idname: Annotated[
        str,
        typer.Option("--idname", metavar="COLUMN", help="Unit.", rich_help_panel=opt.COLUMNS),
    ],
    cluster: opt.Cluster = None,
    type_: Annotated[
        AverageType,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="simple, dynamic, group or calendar: the average tested.",
            rich_help_panel=opt.MODEL,
        ),
    ] = AverageType.SIMPLE,
    power: Annotated[
        float,
        typer.Option(
            "--power",
            metavar="SHARE",
            help="Power with which an effect is to be found.",
            rich_help_panel=opt.MODEL,
        ),
    ] = 0.8,
    level: Annotated[
        float,
        typer.Option(
            "--level", metavar="SHARE", help="Level of the tests.", rich_help_panel=opt.MODEL
        ),
    ] = 0.05,
    reps: Annotated[
        int, typer.Option("--reps", metavar="N", min=100, help="Samples drawn.")
    ] = 4000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the draws.")] = 0,
    delimiter: opt.Delimiter = None,
    encoding: opt.Encoding = None,
    sheet: opt.Sheet = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Power curves: table as .csv, figure as .png, .svg or .pdf.",
            rich_help_panel=opt.OUTPUT,
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Plan: size of each test and smallest effect it finds, in a balanced panel.

    The first treated period may be that of a law that is only planned.

    [bold]Example[/]: what could the castle laws have been seen to do?

    didjack plan castle.csv --yname l_homicide --tname year --gname gvar --idname sid
    """
    from didjack.sample.read import read_table
    from didjack.simulate import plan as make_plan
    from didjack.writing import check_output, replacing

    if output is not None:
        _check_format(output)
        check_output(output, [data], overwrite=overwrite)
    frame = read_table(data, **opt.given(delimiter=delimiter, encoding=encoding, sheet=sheet))
    result = make_plan(
        frame, yname, tname, gname, idname, cluster=cluster, type=type_.value,
        power=power, level=level, reps=reps, seed=seed,
    )  # fmt: skip
    _print(result, data.name, reps)
    if output is not None:
        with replacing(output, [data], overwrite=overwrite) as draft:
            _write(result, draft)
        typer.echo(f"Written to {output}")


def _check_format(path: Path) -> None:
    """Stop before anything is computed where the suffix says nothing."""
    if path.suffix not in (".csv", ".png", ".svg", ".pdf"):
        raise OutputError(f"{path}: write a table as .csv or a figure as .png, .svg or .pdf.")
    if path.suffix != ".csv":
        require_extra("plots")


def _print(result: Plan, source: str, reps: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from didjack.display.wording import (
        decimals,
        number,
        one_line,
        percent,
        percent_label,
        plain,
        rounded,
    )

    model = result.model
    console = Console(highlight=False)
    console.print(
        f"{one_line(source)}: {result.n_clusters} clusters, {result.n_treated} with treated units",
        markup=False,
    )
    console.print(
        f"Fitted errors: shocks to clusters with standard deviation {rounded(model.shock_sd)} and "
        f"autocorrelation {plain(number(model.rho, 2))}; noise of units {rounded(model.noise_sd)}"
    )
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("Test")
    shown.add_column("Size", justify="right")
    shown.add_column("Holds its level")
    shown.add_column("Effect found", justify="right")
    digits = decimals(result.table["mde"], 4)
    columns = ["inference", "size", "holds_level", "mde"]
    for inference, size, holds, mde in result.table[columns].itertuples(index=False):
        effect = plain(number(mde, digits))
        shown.add_row(inference, percent(size, 1), "yes" if holds else "no", effect)
    console.print(shown)
    console.print(
        f"Size: share of {reps:,} samples without effect that reject at "
        f"{percent_label(result.level)}. Effect found: the smallest constant effect that is found "
        f"with power {percent_label(result.power)}."
    )
    if not result.table["holds_level"].all():
        console.print(
            "A test that rejects too often finds small effects also where there are none."
        )


def _write(result: Plan, output: Path) -> None:
    from didjack.writing import csv_text

    if output.suffix == ".csv":
        top = 2 * float(result.table["mde"].max())
        curve = result.curve([top * i / 40 for i in range(41)])
        text = csv_text(curve, float_format="%.6g")
        output.write_text(text, encoding="utf-8", newline="\n")
        return
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "didjack"}):
        result.plot().savefig(output, dpi=200)
