"""The closed list of functions that a formula may call, and the arguments of each.

All of them compute a row from that row, up to constants of the sample (means, knots, levels): none
looks at neighbouring rows, reads a file or calls Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LARGEST_COUNT = 50  # of degrees and degrees of freedom

# Kinds of arguments: "count", "number", "flag", "numbers", "contrast", or the words allowed.
Kind = str | tuple[str, ...]

_OUTSIDE: Kind = ("raise", "clip", "na", "zero", "extend")
_SPLINE: dict[str, Kind] = {
    "df": "count",
    "knots": "numbers",
    "lower_bound": "number",
    "upper_bound": "number",
    "constraints": ("center",),
}


@dataclass(frozen=True)
class Function:
    """A function of one expression, with options.

    Attributes
    ----------
    options : mapping of str to kind
        In the order in which they may be given without their names.
    columns : bool
        Whether it makes columns of a design, so that nothing can be computed from its result.
    compares : bool
        Whether its expression may be a comparison, as in ``I(x > 3)``.
    """

    options: Mapping[str, Kind] = field(default_factory=dict)
    columns: bool = False
    compares: bool = False


# Of one number each, under the same name in numpy.
ELEMENTWISE = (
    "log", "log2", "log10", "log1p", "exp", "exp2", "expm1", "sqrt", "abs", "square", "sign",
    "floor", "ceil",
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **{name: Function() for name in ELEMENTWISE},
    **{f"np.{name}": Function() for name in ELEMENTWISE},
    "exp10": Function(),
    "I": Function(compares=True),
    "center": Function(),
    "scale": Function({"center": "flag", "scale": "flag", "ddof": "count"}),
    "standardize": Function({"center": "flag", "rescale": "flag", "ddof": "count"}),
    "C": Function({"contrasts": "contrast"}, columns=True, compares=True),
    "poly": Function({"degree": "count", "raw": "flag"}, columns=True),
    "bs": Function(
        {
            "df": "count",
            "knots": "numbers",
            "degree": "count",
            "include_intercept": "flag",
            "lower_bound": "number",
            "upper_bound": "number",
            "extrapolation": _OUTSIDE,
        },
        columns=True,
    ),
    **{name: Function(_SPLINE, columns=True) for name in ("cr", "cs", "cc")},
}

# Last part of names in pandas, numpy, R and Stata, for a message that says why.
ROW_SHIFTING = frozenset({
    "lag", "lead", "shift", "diff", "ediff1d", "gradient", "roll", "rolling", "expanding", "ewm",
    "cumsum", "cumprod", "cummax", "cummin", "nancumsum", "nancumprod", "cumulative", "accumulate",
    "trapezoid", "interp", "sort", "argsort", "rank", "flip", "pct_change", "ffill", "bfill",
    "fillna", "L", "F", "D",
})  # fmt: skip


def known_functions() -> str:
    """Return the functions as a list for messages."""
    bare = [name for name in FUNCTIONS if not name.startswith("np.")]
    return ", ".join(bare) + "; also np.log and the like"


def namespace() -> dict[str, Any]:
    """Return what formulaic does not know itself, by the name that a formula uses."""
    return {"np": np, **{name: getattr(np, name) for name in ELEMENTWISE}}
