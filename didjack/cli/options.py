"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from didjack.display.wording import listed
from didjack.effects.average_types import TYPES as AVERAGES
from didjack.estimators import ESTIMATORS

COLUMNS, MODEL, OUTPUT = "Columns of the data", "Model", "Output"


class ControlGroup(StrEnum):
    """Which rows a cohort is compared with."""

    nevertreated = "nevertreated"
    notyettreated = "notyettreated"


class BasePeriod(StrEnum):
    """What a period before treatment is compared with."""

    varying = "varying"
    universal = "universal"


ALL = "all"  # instead of the name of an average
TYPES = (ALL, *AVERAGES)


def read_type(text: str) -> str:
    """Return the name of an average, or "all"."""
    if text not in TYPES:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(map(repr, TYPES))}.")
    return text


Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="CSV, Parquet or Stata file, in long form.")
]


def _column(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar="COLUMN", help=help, rich_help_panel=COLUMNS
    )
    return option


def describe_methods() -> str:
    """Name the estimators, each with the words for it."""
    names = [f"{k} ({v.words.removeprefix('the ')})" for k, v in ESTIMATORS.items()]
    return f"{listed(names, last='or')}."


Yname = Annotated[str, _column("--yname", "Outcome.")]
Tname = Annotated[str, _column("--tname", "Period.")]
Gname = Annotated[str, _column("--gname", "First treated period; 0 or empty: never treated.")]
Idname = Annotated[str | None, _column("--idname", "Unit. Without it: repeated cross-sections.")]
Cluster = Annotated[
    str | None, _column("--cluster", "Cluster that is deleted in turn. Default: the unit.")
]
Weightsname = Annotated[str | None, _column("--weightsname", "Sampling weight.")]
Xformla = Annotated[
    str | None,
    typer.Option(
        "--xformla",
        metavar="FORMULA",
        help="Covariates, for example '~ x1 + np.log(x2) + C(x3)'.",
        rich_help_panel=MODEL,
    ),
]
EstMethod = Annotated[
    str,
    typer.Option(
        "--est-method",
        metavar="METHOD",
        help=describe_methods(),
        rich_help_panel=MODEL,
    ),
]
Anticipation = Annotated[
    int,
    typer.Option(
        "--anticipation",
        metavar="PERIODS",
        min=0,
        help="Periods before treatment in which effects may begin.",
        rich_help_panel=MODEL,
    ),
]
Unbalanced = Annotated[
    bool,
    typer.Option(
        "--allow-unbalanced-panel",
        help="Keep units that are not observed in every period.",
        rich_help_panel=MODEL,
    ),
]
Control = Annotated[
    ControlGroup,
    typer.Option(
        "--control-group",
        metavar="GROUP",
        help="Compare with nevertreated or notyettreated rows.",
        rich_help_panel=MODEL,
    ),
]
Base = Annotated[
    BasePeriod,
    typer.Option(
        "--base-period",
        metavar="BASE",
        help="Of the periods before treatment: varying or universal.",
        rich_help_panel=MODEL,
    ),
]
Level = Annotated[
    float,
    typer.Option(
        "--level",
        metavar="SHARE",
        min=0.5,
        max=0.999,
        help="Coverage of the intervals.",
        rich_help_panel=MODEL,
    ),
]

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace the file of --output if it exists. The data are never overwritten.",
        rich_help_panel=OUTPUT,
    ),
]


def att_gt_arguments(
    yname: str,
    tname: str,
    gname: str,
    idname: str | None,
    cluster: str | None,
    weightsname: str | None,
    xformla: str | None,
    est_method: str,
    control_group: ControlGroup,
    base_period: BasePeriod,
    anticipation: int,
    allow_unbalanced_panel: bool,
) -> dict[str, Any]:
    """Return the options as arguments of `didjack.att_gt`."""
    return {
        "yname": yname,
        "tname": tname,
        "gname": gname,
        "idname": idname,
        "clustervars": cluster,
        "weightsname": weightsname,
        "xformla": xformla,
        "est_method": est_method,
        "control_group": control_group.value,
        "base_period": base_period.value,
        "anticipation": anticipation,
        "allow_unbalanced_panel": allow_unbalanced_panel,
    }
