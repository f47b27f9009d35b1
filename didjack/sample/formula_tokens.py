"""The words of a formula, one after the other, and the refusal of what is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from didjack.errors import DataError
from didjack.sample.formula_functions import known_functions

LONGEST = 10_000  # characters

_TOKENS = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<name>[^\W\d][\w.]*)
    | `(?P<quoted>[^`]+)`
    | (?P<text>'[\w .-]*'|"[\w .-]*")
    | (?P<mark>\*\*|//|==|!=|<=|>=|[-+*/:^~()\[\],=<>%])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A word of a formula.

    Attributes
    ----------
    kind : {"number", "name", "quoted", "text", "mark", "end"}
        "quoted": in backticks, which `text` leaves out.
    text : str
    at : int
        Position of its first character, from 1.
    """

    kind: str
    text: str
    at: int


def shortened(xformla: str) -> str:
    """Return a formula, or its beginning if it is long, for messages."""
    return xformla if len(xformla) <= 80 else f"{xformla[:77]}..."


def refusal(xformla: str, fault: str) -> DataError:
    """Return the error that names what a formula may not hold, and the remedy."""
    return DataError(
        f"xformla '{shortened(xformla)}' cannot be used because of {fault}. A formula takes column "
        "names (in backticks if they are not plain names), numbers, + - * : / ** ( ) and the "
        f"functions {known_functions()}. Compute anything else first, as in data['new'] = ..., "
        "and give that column."
    )


def read_tokens(xformla: str) -> list[Token]:
    """Cut a formula into words.

    Parameters
    ----------
    xformla : str

    Returns
    -------
    list of Token
        The last one is of kind "end".

    Raises
    ------
    DataError
        A character does not belong into a formula, or the formula is very long.
    """
    if len(xformla) > LONGEST:
        raise DataError(
            f"xformla '{shortened(xformla)}' has {len(xformla):,} characters; at most {LONGEST:,} "
            "are read. Compute columns first, and give these."
        )
    found: list[Token] = []
    at = 0
    while at < len(xformla):
        match = _TOKENS.match(xformla, at)
        if match is None:
            raise refusal(xformla, f"{_piece(xformla, at)!r} at character {at + 1}")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match[kind], at + 1))
        at = match.end()
    return [*found, Token("end", "", at + 1)]


def _piece(xformla: str, at: int) -> str:
    """Return the word, or the character, that is no token."""
    word = re.match(r"[\w.]+", xformla[at:])
    return word[0][:40] if word else xformla[at]


@dataclass
class Cursor:
    """Goes through the words of one formula.

    Attributes
    ----------
    xformla : str
    tokens : list of Token
    place : int
        Position of the next word.
    """

    xformla: str
    tokens: list[Token] = field(init=False)
    place: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Cut the formula into words."""
        self.tokens = read_tokens(self.xformla)

    @property
    def token(self) -> Token:
        """The next word."""
        return self.tokens[self.place]

    def advance(self) -> Token:
        """Return the next word and go on."""
        token = self.token
        self.place += 1
        return token

    def sees(self, *marks: str) -> bool:
        """Whether the next word is one of these marks."""
        return self.token.kind == "mark" and self.token.text in marks

    def sees_call(self) -> bool:
        """Whether the next two words are a name and an opening parenthesis."""
        return self.token.kind == "name" and self.tokens[self.place + 1].text == "("

    def take(self, *marks: str) -> str:
        """Return the next word if it is one of these marks and go on; else return nothing."""
        return self.advance().text if self.sees(*marks) else ""

    def need(self, mark: str) -> str:
        """Go on after this mark; refuse anything else."""
        return self.take(mark) or self.refuse_token(f", where {mark!r} is needed")

    def refuse(self, fault: str) -> NoReturn:
        """Raise the error that names the fault."""
        raise refusal(self.xformla, fault)

    def refuse_token(self, where: str = "") -> NoReturn:
        """Raise the error that names the next word."""
        token = self.token
        if token.kind == "end":
            self.refuse(f"its end{where}: something is missing")
        self.refuse(f"{token.text[:40]!r} at character {token.at}{where}")
