"""Fixtures of csdid 2.0.0, as files in a folder that the project does not commit.

They hold inputs, and what R `did` 2.5.1 and DRDID 1.3.0 print for them. The folder is that of the
environment variable DIDJACK_PARITY, else `../shared/reference/parity` beside the checkout.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from didjack.errors import DataError

ROOT = Path(__file__).parents[2]
# Numbers are printed with 15 digits or more. What is made of a logit agrees to 1e-11 here: R's
# stops early, but is a Newton step behind ours at most.
TOLERANCE = 1e-8


def folder() -> Path | None:
    """Return the folder of the fixtures, None if it is not here."""
    named = os.environ.get("DIDJACK_PARITY")
    found = Path(named) if named else ROOT.parent / "shared" / "reference" / "parity"
    return found if found.is_dir() else None


@dataclass
class Parity:
    """What was compared of one fixture, and what was not.

    Attributes
    ----------
    name : str
    compared, equal : int
        Numbers, and how many of them agree.
    worst : float
        Largest difference, of numbers of size one in absolute terms, of larger ones relative.
    differences : list of str
    left_out : list of (int, str)
        How many numbers cannot be compared, and why.
    refused : int
        Calls that both sides refuse.
    """

    name: str
    compared: int = 0
    equal: int = 0
    worst: float = 0.0
    differences: list[str] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0

    def read(self, file: str) -> pd.DataFrame:
        """Read one of the fixture's files."""
        where = folder()
        assert where is not None
        return pd.read_csv(where / self.name / file)

    def compare(self, where: str, actual: object, expected: object) -> None:
        """Compare arrays of numbers; missing ones must be missing on both sides."""
        ours = np.atleast_1d(np.asarray(actual, dtype=float))
        theirs = np.atleast_1d(np.asarray(expected, dtype=float))
        if ours.shape != theirs.shape:
            self.compared += theirs.size
            self.differences.append(f"{where}: {ours.size} numbers, not {theirs.size}")
            return
        error = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
        missing = np.isnan(ours), np.isnan(theirs)
        error = np.where(missing[0] & missing[1], 0.0, error)
        error = np.where(missing[0] != missing[1], np.inf, error)
        good = error <= TOLERANCE
        self.compared += theirs.size
        self.equal += int(good.sum())
        self.worst = max(self.worst, float(error.max(initial=0.0)))
        for i in np.flatnonzero(~good):
            self.differences.append(f"{where}, number {i + 1}: {ours[i]!r}, not {theirs[i]!r}")

    def leave_out(self, count: int, reason: str) -> None:
        """Say how many numbers are not compared, and why."""
        self.left_out.append((count, reason))

    def refuse(self, where: str, call: Callable[[], object], words: str) -> None:
        """Check that a call is refused with a message that has these words."""
        try:
            call()
        except DataError as error:
            if words in str(error):
                self.refused += 1
                return
            self.differences.append(f"{where}: the message is {error}")
            return
        self.differences.append(f"{where}: was not refused")

    @property
    def reasons(self) -> str:
        """Why numbers are not compared, with how many."""
        total: dict[str, int] = {}
        for count, reason in self.left_out:
            total[reason] = total.get(reason, 0) + count
        return "; ".join(f"{count} {reason}" for reason, count in total.items())

    @property
    def not_compared(self) -> int:
        """Numbers that are not compared."""
        return sum(count for count, _ in self.left_out)

    @property
    def line(self) -> str:
        """One line of the table."""
        refused = f"{self.refused} refused alike" if self.refused else ""
        notes = "; ".join(part for part in (refused, self.reasons) if part)
        return (
            f"{self.name:<6}{self.compared:>9}{self.equal:>8}"
            f"{self.not_compared:>10}{self.worst:>10.0e}  {notes}"
        )


HEAD = f"{'':<6}{'compared':>9}{'equal':>8}{'not comp.':>10}{'worst':>10}  notes"
