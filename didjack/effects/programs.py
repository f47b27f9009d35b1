"""What R `did` and Stata csdid do where they are not told: their defaults, side by side with ours.

Read in the sources: R `did` 2.5.1 (`att_gt`, `aggte`); csdid 2.0.0 (csdid.ado, its help file and
news, which also say what version 1.82 did); csdid 1.71 (csdid.ado, drdid.ado), whose defaults
are those of 1.81.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from didjack.effects.options import Options
from didjack.sample.panel import Roles

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Program:
    """A program and its defaults.

    Attributes
    ----------
    title : str
        Name and version.
    arguments : mapping of str to object
        Arguments of `att_gt` that give its defaults, and `weights` of `aggte`.
    distribution : str
        Of the multipliers of its bootstrap, as for `multiplier`.
    n_boot : int
        Draws of its bootstrap.
    bootstraps : bool
        Whether its standard errors come from a bootstrap, and its intervals are uniform, unless
        others are asked for.
    """

    title: str
    arguments: Mapping[str, Any] = field(repr=False)
    distribution: str
    n_boot: int
    bootstraps: bool


_R = {
    "est_method": "dr",
    "control_group": "nevertreated",
    "base_period": "varying",
    "separation": "drop",
    "weights": "did",
}
PROGRAMS = {
    "did": Program("R did 2.5.1", {**_R, "last_as_never": True}, "rademacher", 1000, True),
    "csdid2": Program(
        "Stata csdid 2.0.0",
        {**_R, "control_group": "notyettreated", "base_period": "universal"},
        "rademacher",
        1000,
        True,
    ),
    "csdid1": Program(
        "Stata csdid 1.81",
        {**_R, "separation": "csdid", "weights": "csdid", "balance": "pair", "pscoretrim": 1.0},
        "mammen",
        999,
        False,
    ),
}
# What is the same everywhere stands in the table too: a reader looks for it.
DEFAULTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("estimator", "`dr`", "`dr`", "`dr`", "`dripw`, the same"),
    ("comparison group", "never treated", "never treated", "not yet treated", "never treated"),
    (
        "nobody is never treated",
        "refused under `nevertreated`",
        "last cohort counts as never treated, with a warning",
        "no matter: not yet treated",
        "not yet treated instead",
    ),
    ("base period", "varying", "varying", "universal", "varying (`long2`: universal)"),
    ("anticipation", "0", "0", "0", "none"),
    (
        "units not seen in every period",
        "left out, counted",
        "left out, with a warning",
        "left out, counted: `bal(full)`",
        "kept where seen in both periods of a comparison",
    ),
    (
        "not-yet-treated controls before treatment",
        "not treated in that period",
        "not treated in that period",
        "not treated in that period",
        "not treated when the cohort is (`asinr`: as R)",
    ),
    (
        "propensities of controls up to",
        ".995",
        ".995",
        ".995",
        "1",
    ),
    ("weights of averages", *3 * ("cohort shares",), "treated rows of each cell"),
    ("average", "`simple`", "`group`", "`group`", "none: `agg()`"),
    (
        "standard errors",
        "cluster jackknife; influence functions beside it",
        "bootstrap, interquartile range",
        "bootstrap, interquartile range",
        "influence functions",
    ),
    ("multipliers of a bootstrap", "Rademacher, 999", *2 * ("Rademacher, 1000",), "Mammen, 999"),
    ("critical values", "t(H-1), or exact", "uniform band", "uniform band", "normal, pointwise"),
    ("level", "95%", "95%", "95%", "95%"),
)  # fmt: skip
"""Of what, then the defaults of didjack, R did 2.5.1, csdid 2.0.0 and csdid 1.81."""


def as_programs_do(function: Callable[P, R]) -> Callable[P, R]:
    """Let an argument `like` set the defaults of a function; what is given wins.

    Parameters
    ----------
    function : callable
        With keyword arguments of the names in `Program.arguments`, and `like`.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        like: Any = kwargs.get("like")
        program = PROGRAMS.get(like) if isinstance(like, str) else None
        if program is not None:
            given = signature.bind_partial(*args, **kwargs).arguments
            for name, value in program.arguments.items():
                if name in signature.parameters and _applies(name, given):
                    kwargs.setdefault(name, value)
        return function(*args, **kwargs)

    return call


def _applies(name: str, given: Mapping[str, Any]) -> bool:
    """Say whether a default fits what was given: without units there is nothing to balance."""
    if name != "balance":
        return True
    units = given.get("idname") is not None and given.get("panel") is not False
    return units and not given.get("allow_unbalanced_panel", False)


def program_of(options: Options) -> Program | None:
    """Return the program whose defaults were asked for, None without one.

    Parameters
    ----------
    options : Options
    """
    return None if options.like is None else PROGRAMS[options.like]


def notes_on_program(options: Options, roles: Roles) -> list[str]:
    """Say which arguments are those of a program, which are not, and how it infers.

    Parameters
    ----------
    options : Options
    roles : Roles
    """
    program = program_of(options)
    if program is None:
        return []
    same, other = sorted_by_default(program, options, roles)
    text = f"As {program.title} does by default: {', '.join(same)}."
    if other:
        text += f" Given otherwise: {', '.join(other)}."
    inference = (
        f"It bootstraps with {program.n_boot} draws and shows uniform bands: "
        "multiplier(...).band() has them."
        if program.bootstraps
        else "Its standard errors are from influence functions, with normal critical values: "
        ".analytic() has them."
    )
    return [f"{text} {inference}"]


def sorted_by_default(
    program: Program, options: Options, roles: Roles
) -> tuple[list[str], list[str]]:
    """Write the arguments that are a program's defaults, and those that were given otherwise.

    Parameters
    ----------
    program : Program
    options : Options
    roles : Roles
    """
    same: list[str] = []
    other: list[str] = []
    for name, default in program.arguments.items():
        if name == "weights":  # of averages, which say so themselves
            continue
        value = getattr(options if hasattr(options, name) else roles, name)
        (same if value == default else other).append(f"{name}={value!r}")
    return same, other
