"""Calls of functions in a formula: which functions, of what, with which options.

    call       = function "(" expression {"," option} ")"
    expression = sum [("<" | ">" | "<=" | ">=" | "==" | "!=") (sum | text)]
    sum        = part {("+" | "-") part}
    part       = factor {("*" | "/" | "//" | "%") factor}
    factor     = [signs] item ["**" [signs] item]
    item       = number | column | call | "(" sum ")"

Every method that reads a piece returns its text written anew.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from didjack.errors import DataError
from didjack.sample.formula_functions import (
    FUNCTIONS,
    LARGEST_COUNT,
    ROW_SHIFTING,
    Function,
    Kind,
)
from didjack.sample.formula_tokens import Cursor, shortened

DEEPEST = 20  # parentheses within parentheses
MOST_OPERATIONS = 100  # within one call
MOST_SIGNS = 3  # one after the other
LARGEST_POWER = 100  # of a number by a number
LONGEST_NUMBER = 25  # characters
MOST_KNOTS = 50

_FLAGS = ("True", "False")
_COMPARISONS = ("<", ">", "<=", ">=", "==", "!=")
_RESERVED = {"np", "contr", "Intercept", *FUNCTIONS}  # for a column: taken by something else


@dataclass(frozen=True)
class _Piece:
    """A piece of an expression, and whether it holds a column or is a number as it stands."""

    text: str
    varies: bool
    number: bool = False


@dataclass
class Calls(Cursor):
    """Reads calls, and gives columns the names that they have in the text written anew.

    Attributes
    ----------
    columns, shown : dict of str to str
        As in `didjack.sample.formula.Formula`.
    """

    columns: dict[str, str] = field(default_factory=dict, init=False)
    shown: dict[str, str] = field(default_factory=dict, init=False)
    prefix: str = field(default="formula_column", init=False)
    depth: int = field(default=0, init=False)
    operations: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Find a beginning of names that no word of the formula has."""
        super().__post_init__()
        while any(self.prefix in token.text for token in self.tokens):
            self.prefix += "_"

    @contextmanager
    def parentheses(self) -> Iterator[None]:
        """Count how deep the parentheses are."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"more than {DEEPEST} parentheses within each other")
        yield
        self.depth -= 1

    # ---------------------------------------------------------------- columns

    def column(self, in_call: bool) -> str:
        """Return the name of a column in the text written anew."""
        token = self.advance()
        name = token.text
        if in_call and token.kind == "name" and "." in name:
            self.refuse(
                f"{name!r} at character {token.at}: within functions a column with a point in its "
                "name stands in backticks"
            )
        plain = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name)
        if plain and name not in _RESERVED:
            self.columns[name] = name
            return name
        shown = name if name.isidentifier() or not in_call else f"`{name}`"
        if name == "Intercept" and not in_call:
            shown = "`Intercept`"  # which is not the constant
        for written, column in self.columns.items():
            if column == name and self.shown.get(written) == shown:
                return written
        written = f"{self.prefix}{len(self.columns)}"
        self.columns[written], self.shown[written] = name, shown
        return written

    # ---------------------------------------------------------------- calls

    def call(self) -> str:
        """Read a call of one of the functions."""
        name = self.advance().text
        function = FUNCTIONS.get(name)
        if function is None:
            self.refuse_function(name)
        self.need("(")
        with self.parentheses():
            text = self.expression(name, function)
            given: list[str] = []
            while self.take(","):
                option = self.option(name, function, given)
                text += f", {option}"
        self.need(")")
        return f"{name}({text})"

    def refuse_function(self, name: str) -> NoReturn:
        """Say why a function is not in the list, if there is more to say."""
        if name.rsplit(".", 1)[-1] in ROW_SHIFTING:
            raise DataError(
                f"xformla '{shortened(self.xformla)}' cannot be used because of {name!r}, which "
                "looks at other rows: it would go from one unit to the next, and depend on the "
                "order of the rows. Compute that column by unit first, as in data['new'] = "
                "data.groupby(idname)['x'].shift(), and give it."
            )
        self.refuse(f"the function {name[:40]!r}")

    def expression(self, name: str, function: Function) -> str:
        """Read what a function is of."""
        left = self.sum()
        text, varies = left.text, left.varies
        if self.sees(*_COMPARISONS):
            if not function.compares:
                self.refuse_token(f": comparisons stand in I() only, not in {name}()")
            mark = self.advance().text
            if self.token.kind == "text" and mark in ("==", "!="):
                text = f"{text} {mark} {self.advance().text}"
            else:
                right = self.sum()
                text, varies = f"{text} {mark} {right.text}", varies or right.varies
        if not varies:
            self.refuse(f"{name}({text[:40]}), in which there is no column")
        return text

    def sum(self) -> _Piece:
        """Read sums and differences."""
        return self._chain(("+", "-"), self.part)

    def part(self) -> _Piece:
        """Read products and ratios."""
        return self._chain(("*", "/", "//", "%"), self.factor)

    def _chain(self, marks: tuple[str, ...], operand: Callable[[], _Piece]) -> _Piece:
        left = operand()
        while mark := self.take(*marks):
            self.operations += 1
            if self.operations > MOST_OPERATIONS:
                self.refuse(f"more than {MOST_OPERATIONS} operations in a function")
            right = operand()
            left = _Piece(f"{left.text} {mark} {right.text}", left.varies or right.varies)
        return left

    def factor(self) -> _Piece:
        """Read a power, or what is none."""
        sign = self._signs()
        base = self.item()
        if self.sees("^"):
            self.refuse_token(": within functions a power is '**'")
        if not self.take("**"):
            return _Piece(sign + base.text, base.varies, base.number)
        exponent_sign = self._signs()
        exponent = self.item()
        if self.sees("**"):
            self.refuse_token(": write a power of a power with parentheses")
        # A power of a column is one of floating point numbers or wraps around. Numbers alone are
        # Python's, which would fill the memory.
        small = base.number and exponent.number and float(exponent.text) <= LARGEST_POWER
        if not (base.varies or exponent.varies or small):
            self.refuse(f"the power {base.text[:20]} ** {exponent.text[:20]} of a number")
        text = f"{sign}{base.text} ** {exponent_sign}{exponent.text}"
        return _Piece(text, base.varies or exponent.varies)

    def _signs(self) -> str:
        signs = ""
        while mark := self.take("+", "-"):
            signs += mark
            if len(signs) > MOST_SIGNS:
                self.refuse(f"more than {MOST_SIGNS} signs one after the other")
        return signs

    def item(self) -> _Piece:
        """Read what operators connect."""
        token = self.token
        if self.sees_call():
            function = FUNCTIONS.get(token.text)
            if function is not None and function.columns:
                self.refuse(f"{token.text}() within another function")
            return _Piece(self.call(), varies=True)
        if token.kind in ("name", "quoted"):
            return _Piece(self.column(in_call=True), varies=True)
        if token.kind == "number":
            return _Piece(self.number(), varies=False, number=True)
        if not self.take("("):
            self.refuse_token()
        with self.parentheses():
            inner = self.sum()
        return _Piece(f"({inner.text}{self.need(')')}", inner.varies)

    def number(self) -> str:
        """Read a number without a sign."""
        if self.token.kind != "number":
            self.refuse_token(", where a number is needed")
        if re.match("0[0-9]", self.token.text):
            self.refuse_token(": a number does not begin with zeros")
        if len(self.token.text) > LONGEST_NUMBER:
            self.refuse_token(f": a number has at most {LONGEST_NUMBER} characters")
        return self.advance().text

    # ---------------------------------------------------------------- options

    def option(self, name: str, function: Function, given: list[str]) -> str:
        """Read an option by name or by position; `given` lists those before and gets this one."""
        named = self.token.kind == "name" and self.tokens[self.place + 1].text == "="
        if named:
            option = self.advance().text
            self.need("=")
        elif len(given) < len(function.options) and given == [*function.options][: len(given)]:
            option = [*function.options][len(given)]
        else:
            self.refuse_token(f": {name} has no such argument")
        kind = function.options.get(option)
        if kind is None or option in given:
            self.refuse(f"the argument {option[:40]!r} of {name}")
        given.append(option)
        text = self._value(kind, f"{name}({option}=...)")
        return f"{option}={text}" if named else text

    def _value(self, kind: Kind, place: str) -> str:
        if isinstance(kind, tuple):
            return self._one_of(kind, place)
        readers: dict[str, Callable[[str], str]] = {
            "count": self._count,
            "number": lambda _: self._signs() + self.number(),
            "flag": lambda place: self._one_of(_FLAGS, place),
            "numbers": self._numbers,
            "contrast": self._contrast,
        }
        return readers[kind](place)

    def _one_of(self, allowed: tuple[str, ...], place: str) -> str:
        """Read one of some words; True and False are none in quotes."""
        token = self.advance()
        quoted = allowed != _FLAGS
        if token.kind != ("text" if quoted else "name") or token.text.strip("'\"") not in allowed:
            self.refuse(
                f"{token.text[:40]!r} in {place}, where one of "
                f"{', '.join(map(repr, allowed) if quoted else allowed)} is needed"
            )
        return token.text

    def _count(self, place: str) -> str:
        text = self.number()
        if not text.isdigit() or int(text) > LARGEST_COUNT:
            self.refuse(f"{text} in {place}, where a whole number up to {LARGEST_COUNT} is needed")
        return text

    def _numbers(self, place: str) -> str:
        closing = {"[": "]", "(": ")"}.get(self.take("[", "("))
        if closing is None:
            self.refuse_token(f" in {place}, where numbers in brackets are needed")
        numbers = [self._signs() + self.number()]
        while self.take(",") and not self.sees(closing):
            numbers.append(self._signs() + self.number())
        if len(numbers) > MOST_KNOTS:
            self.refuse(f"more than {MOST_KNOTS} numbers in {place}")
        self.need(closing)
        return f"[{', '.join(numbers)}]" if closing == "]" else f"({', '.join(numbers)},)"

    def _contrast(self, place: str) -> str:
        """Read ``contr.treatment(base=...)``, the only coding by another name."""
        if self.advance().text != "contr.treatment":
            self.refuse(f"the coding in {place}; contr.treatment(base=...) is known")
        self.need("(")
        base = ""
        if self.token.kind == "name" and self.token.text == "base":
            base = self.advance().text + self.need("=")
        if self.token.kind == "text" or (self.token.kind == "name" and self.token.text in _FLAGS):
            base += self.advance().text
        elif base or not self.sees(")"):
            base += self._signs() + self.number()
        self.need(")")
        return f"contr.treatment({base})"
