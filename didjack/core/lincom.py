"""Reading linear combinations of parameters, as in "0.5*event:1 - event:0"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from didjack.core.arguments import require_instance, require_numbers
from didjack.errors import DataError

# Names as results have them: "overall", "simple", "event:-1", "group:2006", "ATT(2006,2008)", and
# with dates "group:2006Q1", "calendar:2007-03". They are read here and nowhere else, to find them
# in an expression; their numbers are never needed. A date ends where no factor follows:
# "group:2006-10*event:0" is a difference.
_NUMBER = r"\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+"
_DATE = r"\d{4}(?:Q[1-4]|-\d\d(?:-\d\d)?(?!\d|\.\d|\s*\*|\s*[A-Za-z]))"
_PERIOD = rf"(?:{_DATE}|-?(?:{_NUMBER}))"
_NAME = rf"ATT\(\s*{_PERIOD}\s*,\s*{_PERIOD}\s*\)|[A-Za-z_]+(?::\s*{_PERIOD})?"
_TERM = re.compile(
    rf"\s*(?P<sign>[+-]?)\s*(?:(?P<factor>{_NUMBER})\s*\*?\s*)?(?P<name>{_NAME})"
    rf"(?:\s*/\s*(?P<divisor>{_NUMBER}))?\s*"
)


def parse_lincom(
    expression: str | Mapping[str, float], parameters: Sequence[str]
) -> dict[str, float]:
    """Turn an expression into coefficients by parameter.

    Parameters
    ----------
    expression : str or mapping
        For example "event:1 - event:0", or parameter to coefficient.
    parameters : sequence of str
        Names that may occur.

    Raises
    ------
    DataError
        It cannot be read, or names a parameter that is not there.
    """
    require_instance(expression, "expression", (str, Mapping), "text or a mapping")
    pairs = list(expression.items()) if isinstance(expression, Mapping) else _terms(expression)
    weights: dict[str, float] = {}
    for name, weight in pairs:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            listed = ", ".join(parameters[:12]) + (", ..." if len(parameters) > 12 else "")
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise DataError(f"There is no parameter '{name}'.{hint} Parameters: {listed}.")
        require_numbers(weight=weight)
        weights[name] = weights.get(name, 0.0) + float(weight)
    if not weights:
        raise DataError("The linear combination is empty.")
    return weights


def _terms(expression: str) -> list[tuple[str, float]]:
    terms: list[tuple[str, float]] = []
    at = 0
    while at < len(expression.rstrip()):
        match = _TERM.match(expression, at)
        if match is None or (terms and not match["sign"]):
            raise DataError(
                f"Cannot read '{expression}' from '{expression[at:].strip()}' on. Write terms such "
                "as 0.5*event:1 - event:0; use a mapping for anything else."
            )
        weight = float(match["factor"] or 1) / float(match["divisor"] or 1)
        name = re.sub(r"\s", "", match["name"])
        terms.append((name, -weight if match["sign"] == "-" else weight))
        at = match.end()
    return terms


def describe_lincom(weights: Mapping[str, float]) -> str:
    """Write coefficients as an expression."""
    return " ".join(f"{weight:+g}*{name}" for name, weight in weights.items())
