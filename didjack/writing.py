"""Writing files: never over an input, over others only where asked, whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from didjack.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet takes for the beginning of a formula; full-width forms count there too.
_FORMULA = re.compile(r"^[=+\-@\t\n\uff1d\uff0b\uff0d\uff20]")


def check_output(
    path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False
) -> Path:
    """Stop where a file must not or cannot be written, before anything is computed.

    Parameters
    ----------
    path : str or Path
        The file to write.
    inputs : iterable of str or Path
        Files that are read. They are compared as files, not as names: links, other spellings of
        a path and upper case make no difference.
    overwrite : bool
        Whether another file may be replaced; an input never is.

    Returns
    -------
    Path
        Where the file will be, links followed.

    Raises
    ------
    OutputError
        The file is an input, exists, or is no ordinary file; its folder is missing or read-only.
    """
    path = Path(path)
    try:
        place = path.resolve()
        found = _status(place)
        folder = _status(place.parent)
    except (OSError, RuntimeError, ValueError) as error:  # loops of links, null characters
        raise _fault(path, error) from None
    if folder is None:
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    if not stat.S_ISDIR(folder.st_mode):
        raise OutputError(f"{path} cannot be written: {path.parent} is not a folder.")
    if found is not None:
        _check_existing(path, place, found, inputs, overwrite)
    if not os.access(place.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written: the folder {path.parent} is read-only.")
    return place


def _check_existing(
    path: Path, place: Path, found: os.stat_result, inputs: Iterable[str | Path], overwrite: bool
) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise OutputError(f"{path} cannot be written: it is a folder, give the name of a file.")
    if not stat.S_ISREG(found.st_mode):
        raise OutputError(f"{path} cannot be written: it is a device, give the name of a file.")
    for source in inputs:
        if same_file(place, source):
            raise OutputError(
                f"{path} is the input {source}, which is never overwritten; choose another name."
            )
    if not os.access(place, os.W_OK):
        raise OutputError(f"{path} cannot be written: the file is read-only.")
    if not overwrite:
        raise OutputError(
            f"{path} exists; choose another name, or replace it with --overwrite "
            "(in Python overwrite=True)."
        )


def same_file(first: str | Path, second: str | Path) -> bool:
    """Tell whether two paths lead to one file, through links of any kind.

    Parameters
    ----------
    first, second : str or Path
    """
    first, second = Path(first), Path(second)
    with suppress(OSError):
        return first.samefile(second)
    try:
        return first.resolve() == second.resolve()
    except (OSError, RuntimeError):
        return False


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def replacing(
    path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False
) -> Iterator[Path]:
    """Give the name of a file beside `path` to write; move it there when all went well.

    Parameters
    ----------
    path, inputs, overwrite
        As in `check_output`, which is called first and, since time has passed, again.

    Yields
    ------
    Path
        An empty file in the same folder with the same suffix. It is gone afterwards, whatever
        happens.

    Raises
    ------
    OutputError
        The file cannot be written: what `check_output` finds, or a full disk.
    """
    inputs = tuple(inputs)
    place = check_output(path, inputs, overwrite=overwrite)
    draft = place.with_name(f".didjack-{secrets.token_hex(6)}{place.suffix}")
    try:
        # Created here, not by tempfile: the file gets the permissions of any other new file.
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield draft
        if place.exists():
            shutil.copymode(place, draft)
        check_output(path, inputs, overwrite=overwrite)
        draft.replace(place)
    except OSError as error:
        raise _fault(Path(path), error) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def write_text(
    path: str | Path, text: str, inputs: Iterable[str | Path] = (), *, overwrite: bool = False
) -> None:
    r"""Write a text as UTF-8 with lines that end in ``\n``; see `replacing`.

    Parameters
    ----------
    path : str or Path
    text : str
    inputs, overwrite
        As in `check_output`.
    """
    with replacing(path, inputs, overwrite=overwrite) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def write_generated(path: Path, text: str) -> None:
    """Write a generated file over an earlier one, in a folder that is made if need be.

    Parameters
    ----------
    path : Path
    text : str
    """
    make_folder(path.parent)
    write_text(path, text, overwrite=True)


def copy_generated(source: Path, target: Path) -> Path:
    """Copy a file over an earlier copy, whole or not at all; return the copy.

    Parameters
    ----------
    source, target : Path
    """
    make_folder(target.parent)
    with replacing(target, [source], overwrite=True) as draft:
        shutil.copyfile(source, draft)
    return target


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"{folder} cannot be a folder: a file is in the way.") from None
    except (OSError, ValueError) as error:
        raise OutputError(f"the folder {folder} cannot be made: {_cause(error)}.") from None


def _fault(path: Path, error: Exception) -> OutputError:
    return OutputError(f"{path} cannot be written: {_cause(error)}.")


def _cause(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return words[:1].lower() + words[1:]


def csv_text(frame: pd.DataFrame, float_format: str | None = None) -> str:
    """Write a frame as CSV that no spreadsheet takes for a program.

    Parameters
    ----------
    frame : DataFrame
        Without its index. A text, or name of a column, that begins with ``=``, ``+``, ``-``,
        ``@``, a tab or a line end gets an apostrophe in front, which spreadsheets take as "this
        is text". Numbers stay as they are.
    float_format : str, optional
        All digits by default.
    """
    safe = frame.copy()
    for place in range(frame.shape[1]):
        values = frame.iloc[:, place]
        if values.dtype.kind not in "biufcmM":
            safe.isetitem(place, [as_spreadsheet_text(value) for value in values])
    safe.columns = [as_spreadsheet_text(name) for name in frame.columns]
    return str(safe.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def as_spreadsheet_text(value: object) -> object:
    r"""Put an apostrophe in front of a text that a spreadsheet would take for a formula.

    Parameters
    ----------
    value : object
        Anything but a text is returned as it is.

    Returns
    -------
    object
        A carriage return becomes ``\n``: unquoted, as pandas writes it, it would end the line.
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) else text
