"""Python warnings that point at the user's line, not at a line of the package."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

from didjack.errors import DidjackWarning


def announce(sentences: Iterable[str], category: type[DidjackWarning] = DidjackWarning) -> None:
    """Warn of what changes the estimate or voids the inference.

    Parameters
    ----------
    sentences : iterable of str
        One warning each.
    category : type
        `DidjackWarning` or a class derived from it.
    """
    level = _levels_to_user()
    for sentence in sentences:
        warnings.warn(sentence, category, stacklevel=level)


def _levels_to_user() -> int:
    """Count the frames from `announce` to the first one outside of the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_of_package(str(frame.f_globals.get("__name__", ""))):
        frame, level = frame.f_back, level + 1
    return level


def _is_of_package(module: str) -> bool:
    return module == "didjack" or module.startswith("didjack.")
