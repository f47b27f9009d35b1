"""What is said of files that cannot be read: one sentence, whatever their reader stumbles over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from didjack.errors import DataError

_NAMES = 10  # columns or sheets that a message names
_LETTERS = 40  # of each
_REASON = 300  # letters of another library's message


def named(names: Sequence[object]) -> str:
    """Write names of columns or sheets for an error: the first ones, and none at its full length.

    Parameters
    ----------
    names : sequence
    """
    texts = [str(name) for name in names[:_NAMES]]
    short = [repr(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}...") for text in texts]
    return ", ".join([*short, "..."] if len(names) > _NAMES else short)


def reason(error: Exception) -> str:
    """Write what another library says of a fault as a part of one sentence.

    Parameters
    ----------
    error : Exception
    """
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= _REASON else f"{text[:_REASON]} ..."


@contextmanager
def faults_of(path: Path, kind: str, remedy: str = "") -> Iterator[None]:
    """Turn whatever another library raises over a file into a DataError that names the file.

    A damaged file is refused where its reader happens to stumble, by an error of any class.

    Parameters
    ----------
    path : Path
    kind : str
        Of the file, such as "Parquet".
    remedy : str
        Closes the message.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # arithmetic with damaged numbers
            yield
    except (DataError, MemoryError, PermissionError):
        raise
    except Exception as error:
        said = f"{path}: not a readable {kind} file: {reason(error)}."
        raise DataError(f"{said} {remedy}".rstrip()) from error
