"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from didjack.display.wording import listed
from didjack.effects.average_types import TYPES as AVERAGES
from didjack.effects.group_time import BALANCE
from didjack.effects.options import PROGRAM_NAMES, SEPARATION
from didjack.estimators import ESTIMATORS
from didjack.estimators.parts import FIX_WEIGHTS

READING, COLUMNS, MODEL, OUTPUT = "Reading the data", "Columns of the data", "Model", "Output"


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


def _one_of(*choices: str) -> Callable[[str], str]:
    """Return what reads an option that has one of a few values."""

    def read(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(map(repr, choices))}.")
        return text

    return read


read_type = _one_of(*TYPES)


def read_delimiter(text: str) -> str:
    """Return a delimiter; a tab, which few shells let users type, has a name."""
    return "\t" if text in ("tab", r"\t") else text


Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="CSV, Parquet, Stata or Excel file, in long form.")
]


def _option(name: str, metavar: str, help: str, panel: str, **more: Any) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar=metavar, help=help, rich_help_panel=panel, **more
    )
    return option


def _column(name: str, help: str) -> typer.models.OptionInfo:
    return _option(name, "COLUMN", help, COLUMNS)


def describe_methods() -> str:
    """Name the estimators, each with the words for it."""
    names = [f"{k} ({v.words.removeprefix('the ')})" for k, v in ESTIMATORS.items()]
    return f"{listed(names, last='or')}."


Delimiter = Annotated[
    str | None,
    _option(
        "--delimiter",
        "SIGN",
        "Between the columns of a text file: one character, or tab.",
        READING,
        parser=read_delimiter,
        show_default="found in the header",
    ),
]
Encoding = Annotated[
    str | None,
    _option(
        "--encoding",
        "NAME",
        "Of a text file, such as latin-1.",
        READING,
        show_default="utf-8",
    ),
]
Sheet = Annotated[
    str | None,
    _option("--sheet", "NAME", "Of an Excel file.", READING, show_default="the first"),
]

Yname = Annotated[str, _column("--yname", "Outcome.")]
Tname = Annotated[str, _column("--tname", "Period.")]
Gname = Annotated[str, _column("--gname", "First treated period; 0 or empty: never treated.")]
Idname = Annotated[str | None, _column("--idname", "Unit. Without it: repeated cross-sections.")]
Cluster = Annotated[
    str | None, _column("--cluster", "Cluster that is deleted in turn. Default: the unit.")
]
Weightsname = Annotated[str | None, _column("--weightsname", "Sampling weight.")]

# What is None is not passed on: `like` sets the defaults of what was not given.
Xformla = Annotated[
    str | None,
    _option("--xformla", "FORMULA", "Covariates, for example '~ x1 + np.log(x2) + C(x3)'.", MODEL),
]
EstMethod = Annotated[
    str | None, _option("--est-method", "METHOD", describe_methods(), MODEL, show_default="dr")
]
Control = Annotated[
    ControlGroup | None,
    _option(
        "--control-group",
        "GROUP",
        "Compare with nevertreated or notyettreated rows.",
        MODEL,
        show_default="nevertreated",
    ),
]
Base = Annotated[
    BasePeriod | None,
    _option(
        "--base-period",
        "BASE",
        "Of the periods before treatment: varying or universal.",
        MODEL,
        show_default="varying",
    ),
]
Anticipation = Annotated[
    int,
    _option(
        "--anticipation",
        "PERIODS",
        "Periods before treatment in which effects may begin.",
        MODEL,
        min=0,
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
Balance = Annotated[
    str | None,
    _option(
        "--balance",
        "RULE",
        "Units not observed in every period: full (left out), pair (kept in comparisons of two "
        "periods that have them) or none (levels are compared).",
        MODEL,
        parser=_one_of(*BALANCE),
    ),
]
FixWeights = Annotated[
    str | None,
    _option(
        "--fix-weights",
        "RULE",
        "Weights that change within units: varying, base_period or first_period.",
        MODEL,
        parser=_one_of(*FIX_WEIGHTS),
    ),
]
Separation = Annotated[
    str | None,
    _option(
        "--separation",
        "RULE",
        "Where a covariate separates treated and controls: drop, csdid or error.",
        MODEL,
        parser=_one_of(*SEPARATION),
        show_default="drop",
    ),
]
Pscoretrim = Annotated[
    float | None,
    _option(
        "--pscoretrim",
        "SHARE",
        "Controls with this propensity or a larger one get no weight.",
        MODEL,
        show_default="0.995",
    ),
]
LastAsNever = Annotated[
    bool | None,
    typer.Option(
        "--last-as-never",
        help="Where nobody is never treated: count the last cohort as such.",
        rich_help_panel=MODEL,
    ),
]
Like = Annotated[
    str | None,
    _option(
        "--like",
        "PROGRAM",
        "Take the defaults of did (R), csdid2 (Stata csdid 2.0.0) or csdid1 (1.81).",
        MODEL,
        parser=_one_of(*PROGRAM_NAMES),
    ),
]
MinE = Annotated[
    float | None, _option("--min-e", "TIME", "First event time of the event study.", MODEL)
]
MaxE = Annotated[
    float | None,
    _option("--max-e", "TIME", "Last event time of all averages but calendar.", MODEL),
]
BalanceE = Annotated[
    float | None,
    _option(
        "--balance-e",
        "TIME",
        "Event study of the cohorts that are seen up to this event time.",
        MODEL,
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


def given(**options: object) -> dict[str, Any]:
    """Return the options that were given, or have a value of their own, as arguments."""
    return {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in options.items()
        if value is not None
    }
