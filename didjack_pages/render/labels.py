"""The kinds of labels that can be referred to, and the numbers that a page gives them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NAMES = {
    "fig": "Figure",
    "tbl": "Table",
    "eq": "Equation",
    "sec": "Section",
    "thm": "Theorem",
    "lem": "Lemma",
    "cor": "Corollary",
    "prp": "Proposition",
    "cnj": "Conjecture",
    "def": "Definition",
    "exm": "Example",
    "exr": "Exercise",
    "sol": "Solution",
    "rem": "Remark",
}
THEOREMS = frozenset(NAMES) - {"fig", "tbl", "eq", "sec"}
PROOFS = {"proof": "Proof", "remark": "Remark", "solution": "Solution"}


@dataclass
class Labels:
    """What can be referred to on one page: label -> number, as printed."""

    numbers: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, label: str, number: str = "") -> str:
        """Register a label; return its number (the next of its kind unless given)."""
        kind = kind_of(label)
        if not number:
            self.counts[kind] += 1
            number = str(self.counts[kind])
        if label in self.numbers:
            self.problems.append(f"the label {label!r} is used twice")
        self.numbers[label] = number
        return number


def kind_of(label: str) -> str:
    """Return the prefix of a label that can be referred to, else nothing."""
    prefix, separator, rest = label.partition("-")
    return prefix if separator and rest and prefix in NAMES else ""


def is_theorem(attr: list[Any]) -> bool:
    """Tell whether a div is a theorem, a definition, a proof or the like."""
    return kind_of(attr[0]) in THEOREMS or any(name in PROOFS for name in attr[1])
