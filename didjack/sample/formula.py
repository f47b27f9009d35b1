"""Formulas are data, not programs: what may stand in one, checked before anything is evaluated.

formulaic evaluates Python, even while it only lists the variables. So a formula is first read here,
by a grammar of its own, and formulaic gets a text written anew from what was understood:

    formula     = ["~"] terms
    terms       = [signs] product {signs product}
    product     = interaction {("*" | "/") interaction}
    interaction = power {":" power}
    power       = atom [("**" | "^") number]
    atom        = number | column | call | "(" terms ")"

`formula_calls` has the grammar of calls. A column is a name, or anything in backticks. Columns
whose names are not plain, or are also those of functions, have other names in the text written
anew: what such a column is called never reaches formulaic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from didjack.errors import DataError
from didjack.sample.formula_calls import Calls
from didjack.sample.formula_tokens import shortened

MOST_TERMS = 1000  # after * and ** are multiplied out


@dataclass(frozen=True)
class Formula:
    """A formula that has been understood.

    Attributes
    ----------
    text : str
        Written anew, for formulaic.
    columns : dict of str to str
        Names in `text` -> columns of the data.
    shown : dict of str to str
        Names in `text` -> what names of the design matrix say instead, where that differs.
    """

    text: str
    columns: dict[str, str]
    shown: dict[str, str]

    def restore(self, name: str) -> str:
        """Return the name of a column of the design matrix, with the names that users know.

        Parameters
        ----------
        name : str
            As formulaic gives it.
        """
        if not self.shown:
            return name
        return re.sub(r"\w+", lambda word: self.shown.get(word[0], word[0]), name)


def read_formula(xformla: object) -> Formula:
    """Read a formula. Nothing is evaluated.

    Parameters
    ----------
    xformla : str
        One-sided; "~" may be left out.

    Returns
    -------
    Formula

    Raises
    ------
    DataError
        It is no text, has a left-hand side, or holds something else than columns, numbers,
        operators and functions of the closed list; the message names it and the remedy.
    """
    if not isinstance(xformla, str):
        raise DataError(
            f"xformla must be text, as in '~ x1 + x2', not of type {type(xformla).__name__}."
        )
    reader = _Terms(xformla)
    reader.take("~")
    text = reader.terms()[0] if reader.token.kind != "end" else "1"
    if reader.token.kind != "end":
        reader.refuse_token()
    return Formula(f"~ {text}", reader.columns, reader.shown)


@dataclass
class _Terms(Calls):
    """Reads terms. Each method returns the text written anew and how many terms it makes."""

    def terms(self) -> tuple[str, int]:
        text, count = "", 0
        sign = self.signs()
        while True:
            product, more = self.product()
            text += (f" {sign or '+'} " if text or sign == "-" else "") + product
            count = self.limited(count + more)
            sign = self.signs()
            if not sign:
                return text, count

    def signs(self) -> str:
        """Take any number of + and -, and return the one that they amount to."""
        taken = ""
        while mark := self.take("+", "-"):
            taken += mark
        return taken and ("-" if taken.count("-") % 2 else "+")

    def product(self) -> tuple[str, int]:
        text, count = self.interaction()
        while mark := self.take("*", "/"):
            right, more = self.interaction()
            text = f"{text} {mark} {right}"
            count = self.limited(count + more + (count * more if mark == "*" else 0))
        return text, count

    def interaction(self) -> tuple[str, int]:
        text, count = self.power()
        while self.take(":"):
            right, more = self.power()
            text, count = f"{text} : {right}", self.limited(count * more)
        return text, count

    def power(self) -> tuple[str, int]:
        text, count = self.atom()
        if not self.take("**", "^"):
            return text, count
        if self.token.kind != "number" or not re.fullmatch("[1-9][0-9]?", self.token.text):
            self.refuse_token(", where a whole power from 1 to 99 is needed")
        exponent = self.advance().text
        self.limited(count ** int(exponent))
        return f"{text} ** {exponent}", count ** int(exponent)

    def atom(self) -> tuple[str, int]:
        token = self.token
        if self.sees_call():
            self.operations = 0
            return self.call(), 1
        if token.kind in ("name", "quoted"):
            return self.column(in_call=False), 1
        if token.kind == "number" and re.fullmatch(r"[0-9.]{1,15}", token.text):
            return self.advance().text, 1
        if not self.take("("):
            self.refuse_token()
        with self.parentheses():
            text, count = self.terms()
        return f"({text}{self.need(')')}", count

    def refuse_token(self, where: str = "") -> NoReturn:
        if self.sees("~"):
            raise DataError(
                f"xformla '{shortened(self.xformla)}' has a left-hand side. Give only covariates, "
                "as in '~ x1 + x2'."
            )
        super().refuse_token(where)

    def limited(self, count: int) -> int:
        """Refuse more terms than anybody means."""
        if count > MOST_TERMS:
            self.refuse(f"more than {MOST_TERMS:,} terms")
        return count
