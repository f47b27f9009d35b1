"""Say how long work takes, once it is seen to take long.

In a terminal a bar runs; elsewhere (notebooks, pipes, CI) one `SlowWarning` says how long the whole
is expected to take. Both are written to people only where the whole takes more than `LONG`.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

from didjack.errors import SlowWarning

LOOK = 2.0  # seconds of work before its end is guessed
LONG = 10.0  # seconds: work that is expected to take no longer is not spoken of
SWITCH = "DIDJACK_PROGRESS"  # environment variable: 0 silences both
_OURS = str(Path(__file__).resolve().parent.parent)

Item = TypeVar("Item")


def progress(
    items: Iterable[Item], total: int, words: str, *, remedy: str = "", n_jobs: int = 1
) -> Iterator[Item]:
    """Go through equal parts of some work, and say how long all of them take.

    Parameters
    ----------
    items : iterable
        The parts: of equal size, each finished when the next is asked for.
    total : int
        How many there are.
    words : str
        What is done, for example "999 assignments".
    remedy : str
        A sentence on what would make it faster.
    n_jobs : int
        Workers; with two or more the first parts, which come late and together, are not judged by.

    Yields
    ------
    item

    Warns
    -----
    SlowWarning
        At most once, where standard error is not a terminal and the whole is expected to take
        more than ten seconds.
    """
    if os.environ.get(SWITCH) == "0":
        yield from items
        return
    started, told = time.perf_counter(), False
    show: Callable[[int], None] | None = None
    try:
        for done, item in enumerate(items, start=1):
            yield item  # a part is finished when the next is asked for
            elapsed = time.perf_counter() - started
            if not told and elapsed >= LOOK and n_jobs <= done < total:
                expected = elapsed * total / done
                if expected > LONG:
                    told = True
                    text = f"{words[:1].upper()}{words[1:]}: about {duration(expected)} in all."
                    if sys.stderr.isatty():
                        show = _bar(text, total)
                    else:
                        message = f"{text} {remedy}".strip()
                        warnings.warn(message, SlowWarning, stacklevel=_users_level())
            if show is not None:
                show(done)
    finally:
        if show is not None:
            show(-1)


def duration(seconds: float) -> str:
    """Write a duration for people.

    Parameters
    ----------
    seconds : float

    Examples
    --------
    >>> duration(41), duration(260), duration(8000)
    ('41 seconds', '4 minutes', '2.2 hours')
    """
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def _bar(text: str, total: int) -> Callable[[int], None]:
    """Start a bar on standard error; the function moves it, and ends it with -1."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return _plain_bar(text, total)
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(text, total=total)
    bar.start()

    def show(done: int) -> None:
        if done < 0:
            bar.stop()
        else:
            bar.update(task, completed=done)

    return show


def _plain_bar(text: str, total: int) -> Callable[[int], None]:
    sys.stderr.write(text + "\n")

    def show(done: int) -> None:
        written = "\r" + " " * 8 + "\r" if done < 0 else f"\r{done / total:7.0%}"
        sys.stderr.write(written)
        sys.stderr.flush()

    return show


def _users_level() -> int:
    """Count the frames up to the first that is not of this package or of what runs it."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    return level
