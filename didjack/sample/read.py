"""Reading tables: CSV, Parquet, Stata and Excel files, with errors that name the remedy."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd

from didjack.core.arguments import require_instance, require_text
from didjack.errors import DataError
from didjack.extras import optional_imports
from didjack.sample.file_faults import faults_of, named, reason
from didjack.sample.workbooks import read_sheet

_DELIMITERS = (",", ";", "\t", "|")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_BROKEN = (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError)


def _csv_options() -> dict[str, Any]:
    """Return what makes this pandas read decimal numbers to the last bit."""
    major, minor = (int(part) for part in pd.__version__.split(".")[:2])
    # From 3.1 on the exact parser is the default and naming it is deprecated.
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def _open(path: Path, encoding: str) -> IO[str]:
    """Open a text file for reading, decompressed where its suffix says so."""
    kind = path.suffix.lower()
    if kind == ".zip":
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise DataError(f"{path}: holds {len(names)} files; give an archive of one table.")
        return io.TextIOWrapper(archive.open(names[0]), encoding=encoding, newline="")
    if kind in _COMPRESSED:
        return cast(IO[str], _COMPRESSED[kind](path, "rt", encoding=encoding, newline=""))
    return path.open(encoding=encoding, newline="")


def _undecodable(path: Path, encoding: str) -> DataError:
    """Say which line cannot be read in an encoding."""
    with _open(path, "latin-1") as handle:  # every byte is a character of it
        lines = re.split(r"\r\n|\r|\n", handle.read())
    if lines and lines[0].startswith(("\xff\xfe", "\xfe\xff")):
        return DataError(
            f"{path}: the file is UTF-16; save it as UTF-8, or pass encoding='utf-16'."
        )
    number = 0
    for line in lines:
        number += 1
        try:
            line.encode("latin-1").decode(encoding)
        except UnicodeDecodeError:
            break
    name = "UTF-8" if encoding == "utf-8-sig" else encoding
    return DataError(
        f"{path}: line {number} is not {name} text. If the file comes from a spreadsheet, save it "
        f"as 'CSV UTF-8', or pass encoding='latin-1'; if it is not a CSV file, give it the suffix "
        "of its format."
    )


def _found_delimiter(header: str) -> str:
    """Return what separates the columns of a header: most often a comma."""
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in _DELIMITERS}
    return max(counts, key=lambda mark: counts[mark])  # the first of several that are as good


def _layout(path: Path, encoding: str, delimiter: str | None) -> tuple[str, str]:
    """Return delimiter and decimal mark, and refuse what pandas would not read as it was meant."""
    with _open(path, encoding) as handle:
        start = next((line for line in handle if line.strip()), "")
    used = delimiter or _found_delimiter(start.strip("\r\n"))
    with _open(path, encoding) as handle:
        rows = (r for r in csv.reader(handle, delimiter=used) if any(cell.strip() for cell in r))
        header, first_row = next(rows, []), next(rows, [])
    if not header:
        raise DataError(f"{path}: the file is empty.")
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}: the header names more than one column {named(repeated)};"
            " give every column its own name."
        )
    has_comma = used != "," and any(_DECIMAL_COMMA.fullmatch(cell) for cell in first_row)
    return used, "," if has_comma else "."


def _read_csv(path: Path, delimiter: str | None, encoding: str) -> pd.DataFrame:
    try:
        used, decimal = _layout(path, encoding, delimiter)
        with warnings.catch_warnings(), _open(path, encoding) as handle:
            # pandas only warns when it cuts off cells that have no header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                handle,
                sep=used,
                decimal=decimal,
                index_col=False,
                low_memory=False,
                **_csv_options(),
            )
    except UnicodeDecodeError:
        raise _undecodable(path, encoding) from None
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: rows have more cells than the header has columns.") from None
    except (pd.errors.ParserError, csv.Error, UnicodeError) as error:
        raise DataError(f"{path}: not a regular CSV file: {reason(error)}.") from error
    except _BROKEN as error:
        raise DataError(f"{path}: cannot be decompressed: {reason(error)}.") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    with optional_imports():
        import pyarrow  # noqa: F401 - pandas reads with it
    with faults_of(path, "Parquet"):
        frame = pd.read_parquet(path)
    # pandas hides a stored index, which is often the unit or the time.
    return frame if set(frame.index.names) == {None} else frame.reset_index()


def _plain_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn Stata's storage types into int64 (all values whole) and float64.

    Stata keeps codes and years as single-precision floats or as bytes; arithmetic in those types
    rounds or overflows.
    """
    types: dict[str, str] = {}
    for name in frame.columns:
        values = frame[name]
        if values.dtype.kind in "iu":
            types[name] = "int64"
        elif values.dtype.kind == "f":
            numbers = values.to_numpy(dtype="float64")
            whole = np.isfinite(numbers) & (np.abs(numbers) < 2**53)
            whole[whole] = numbers[whole] == np.floor(numbers[whole])
            types[name] = "int64" if whole.all() else "float64"
    return frame.astype(types)


def _read_stata(path: Path) -> pd.DataFrame:
    with faults_of(path, "Stata"):
        # Codes, not labels; plain numbers, not dates: years and cohorts stay numbers.
        frame = pd.read_stata(path, convert_categoricals=False, convert_dates=False)
    return frame if frame.empty else _plain_numbers(frame)


def _read_excel(path: Path, sheet: str | None) -> pd.DataFrame:
    frame = read_sheet(path, sheet)
    return frame if frame.empty else _plain_numbers(frame)  # a workbook stores all as floats


_TEXT = (".csv", ".tsv", ".txt")
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".dta": _read_stata,
}
_EXCEL = ".xlsx"


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> pd.DataFrame:
    """Read a table by the suffix of its file.

    Parameters
    ----------
    path : str or Path
        A text file with one header line (``.csv``, ``.tsv``, ``.txt``), also compressed
        (``.csv.gz``, ``.zip`` with one file, ``.xz``, ``.bz2``), a ``.parquet`` file, a Stata
        ``.dta`` file or an Excel ``.xlsx`` file with the names of the columns in its first row.
    delimiter : str, optional
        One ASCII character between the columns of a text file. Without it comma, semicolon, tab or
        vertical bar: the one that makes most columns of the header.
    encoding : str
        Of a text file, such as "latin-1". UTF-8 may begin with a byte order mark.
    sheet : str, optional
        Name of the sheet of an Excel file; the first one without it.

    Returns
    -------
    DataFrame
        One row per observation. Decimal numbers of a text file are read to the last bit; where
        columns are not separated by commas, a comma may be the decimal mark. Columns of numbers
        from Stata and Excel become int64 where every value is whole, else float64; value labels
        and date formats of Stata are not applied.

    Raises
    ------
    DataError
        The file is missing, empty, without rows, of an unknown kind, or not what its suffix says;
        or an argument does not apply to its kind.
    MissingExtraError
        Parquet and Excel files need packages of the extra ``data``.
    """
    require_instance(path, "path", (str, PathLike), "the name of a file")
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a file.")
    kinds = [suffix.lower() for suffix in path.suffixes]
    is_packed = bool(kinds) and kinds[-1] in (*_COMPRESSED, ".zip")
    kind = kinds[-2] if is_packed and len(kinds) > 1 else kinds[-1] if kinds else ""
    is_text = kind in _TEXT or kinds[-1:] == [".zip"]
    if not is_text and (kind not in (*_READERS, _EXCEL) or is_packed):
        unread = f"files ending in {path.suffix!r}" if path.suffix else "files without a suffix"
        known = ", ".join((".csv", *_READERS, _EXCEL, *_TEXT[1:], ".csv.gz", ".csv.zip", ".csv.xz"))
        raise DataError(f"{path}: {unread} are not read; give one of {known}.")
    delimiter, encoding = _one_character(delimiter), _known(encoding)
    require_text(optional=True, sheet=sheet)
    if delimiter is not None and not is_text:
        raise DataError(f"{path}: delimiter={delimiter!r} is for text files. Leave it out.")
    if sheet is not None and kind != _EXCEL:
        raise DataError(f"{path}: sheet={sheet!r} is for Excel files. Leave it out.")
    _require_content(path)
    try:
        if is_text:
            frame = _read_csv(path, delimiter, encoding)
        elif kind == _EXCEL:
            frame = _read_excel(path, sheet)
        else:
            frame = _READERS[kind](path)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except MemoryError as error:  # damaged files may claim any number of rows
        raise DataError(f"{path}: does not fit into memory, or is damaged.") from error
    if frame.empty:
        names = named(list(frame.columns))
        raise DataError(f"{path}: the file has a header ({names}) but no rows.")
    return frame


def _require_content(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:  # also a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot be read: {reason}.") from error
    if size == 0:
        raise DataError(f"{path}: the file is empty.")


def _one_character(delimiter: str | None) -> str | None:
    require_text(optional=True, delimiter=delimiter)
    if delimiter is not None and (
        len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"\0'
    ):
        raise DataError(f"delimiter must be one ASCII character, such as ';', not {delimiter!r}.")
    return delimiter


def _known(encoding: str) -> str:
    require_text(encoding=encoding)
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except (LookupError, ValueError):
        raise DataError(
            f"encoding must be one that Python knows, such as 'latin-1', not {encoding!r}."
        ) from None
    return "utf-8-sig" if name == "utf-8" else name
