"""One way to compare numbers in these tests: NaN patterns equal, the rest relatively close."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Tally:
    """What `assert_close` compares while `tallied` is open.

    Attributes
    ----------
    numbers : int
    worst : float
        Largest relative difference.
    tolerance : float
        Largest one that was asked for.
    """

    numbers: int = 0
    worst: float = 0.0
    tolerance: float = 0.0


_OPEN: list[Tally] = []


@contextmanager
def tallied() -> Iterator[Tally]:
    """Count the numbers that `assert_close` compares, and keep their worst difference."""
    tally = Tally()
    _OPEN.append(tally)
    try:
        yield tally
    finally:
        _OPEN.remove(tally)


def assert_close(actual: Any, expected: Any, rtol: float, what: str, scale: float = 0.0) -> None:
    """Assert ``|actual - expected| <= rtol * max(|expected|, scale)`` element by element.

    ``scale`` is the size of the numbers that ``expected`` was computed from: a difference of
    outcomes near 8 carries their rounding error however close to zero the difference falls.
    """
    actual = np.atleast_1d(np.asarray(actual, dtype=float))
    expected = np.atleast_1d(np.asarray(expected, dtype=float))
    assert actual.shape == expected.shape, f"{what}: shapes {actual.shape}, {expected.shape}"
    missing = np.isnan(expected)
    different = np.flatnonzero(np.isnan(actual) != missing)
    assert different.size == 0, (
        f"{what}: NaN where the other has a number, at {different[:5]}: "
        f"{actual.ravel()[different[:5]]} instead of {expected.ravel()[different[:5]]}"
    )
    error = np.abs(actual - expected) / np.maximum(np.maximum(np.abs(expected), scale), 1e-300)
    error = np.where(missing, 0.0, error)
    for tally in _OPEN:
        tally.numbers += error.size
        tally.worst = max(tally.worst, float(error.max(initial=0.0)))
        tally.tolerance = max(tally.tolerance, rtol)
    worst = int(np.argmax(error)) if error.size else 0
    assert not np.any(error > rtol), (
        f"{what}: relative difference {error.ravel()[worst]:.1e} > {rtol:.0e} at {worst}: "
        f"{actual.ravel()[worst]!r} instead of {expected.ravel()[worst]!r}"
    )


def assert_same_labels(actual: Any, expected: Any, what: str) -> None:
    """Assert that two sequences of numeric labels are the same, order included."""
    actual = np.asarray(list(actual), dtype=float)
    expected = np.asarray(list(expected), dtype=float)
    assert np.array_equal(actual, expected), f"{what}: {actual} instead of {expected}"
