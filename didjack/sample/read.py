"""Reading tables: CSV, Parquet and Stata files, with errors that name the remedy."""

from __future__ import annotations

import csv
import re
import struct
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.arguments import require_instance
from didjack.errors import DataError
from didjack.extras import optional_imports

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Arrow's exceptions are subclasses of these.
_PARQUET_FAULTS = (ValueError, OSError, KeyError, NotImplementedError)
_STATA_FAULTS = (ValueError, OSError, KeyError, IndexError, struct.error)


def _csv_options() -> dict[str, Any]:
    """Return what makes this pandas read decimal numbers to the last bit."""
    major, minor = (int(part) for part in pd.__version__.split(".")[:2])
    # From 3.1 on the exact parser is the default and naming it is deprecated.
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def _undecodable(path: Path) -> DataError:
    """Say which line is not UTF-8."""
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return DataError(f"{path}: the file is UTF-16; save it as UTF-8.")
    number = 0
    for line in content.splitlines():
        number += 1
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            break
    return DataError(
        f"{path}: line {number} is not UTF-8 text. If the file comes from a spreadsheet, save it as"
        f" 'CSV UTF-8'; if it is not a CSV file, give it the suffix of its format."
    )


def _wrong_delimiter(path: Path, header: str, first_row: str) -> DataError | None:
    """Recognise a file whose columns are separated by something else than commas."""
    for delimiter, plural in _DELIMITERS.items():
        if delimiter in header:
            decimal = ", decimal=','" if re.search(r"\d,\d", first_row) else ""
            return DataError(
                f"{path}: the header is a single column, {header!r}: the columns seem to be"
                f" separated by {plural}, not commas. Convert the file once:"
                f" pandas.read_csv({path.name!r}, sep={delimiter!r}{decimal})"
                f".to_csv('converted.csv', index=False)"
            )
    return None


def _check_header(path: Path) -> None:
    """Refuse a CSV file that pandas would read, but not as it was meant."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = (row for row in csv.reader(handle) if any(cell.strip() for cell in row))
        header, first_row = next(rows, []), next(rows, [])
    if not header:
        raise DataError(f"{path}: the file is empty.")
    if len(header) == 1 and (error := _wrong_delimiter(path, header[0], ",".join(first_row))):
        raise error
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}: the header names more than one column {', '.join(map(repr, repeated))};"
            f" give every column its own name."
        )


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        _check_header(path)
        with warnings.catch_warnings():
            # pandas only warns when it cuts off cells that have no header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path, encoding="utf-8", index_col=False, low_memory=False, **_csv_options()
            )
    except UnicodeDecodeError:
        raise _undecodable(path) from None
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: rows have more cells than the header has columns.") from None
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataError(f"{path}: not a regular CSV file: {str(error).strip()}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    with optional_imports():
        import pyarrow  # noqa: F401 - pandas reads with it
    try:
        frame = pd.read_parquet(path)
    except _PARQUET_FAULTS as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from error
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
    try:
        # Codes, not labels; plain numbers, not dates: years and cohorts stay numbers.
        frame = pd.read_stata(path, convert_categoricals=False, convert_dates=False)
    except _STATA_FAULTS as error:
        raise DataError(f"{path}: not a readable Stata file: {error}") from error
    return frame if frame.empty else _plain_numbers(frame)


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".dta": _read_stata,
}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table by the suffix of its file.

    Parameters
    ----------
    path : str or Path
        A ``.csv`` file (commas, UTF-8, one header line), a ``.parquet`` file or a Stata ``.dta``
        file.

    Returns
    -------
    DataFrame
        One row per observation. Decimal numbers of a CSV file are read to the last bit. Stata
        columns become int64 where every value is whole, else float64; value labels and date
        formats are not applied.

    Raises
    ------
    DataError
        The file is missing, empty, without rows, of an unknown kind, or not what its suffix says.
    """
    require_instance(path, "path", (str, PathLike), "the name of a file")
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kind = f"files ending in {path.suffix!r}" if path.suffix else "files without a suffix"
        raise DataError(f"{path}: {kind} are not read; give one of {', '.join(_READERS)}.")
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a file.")
    if size == 0:
        raise DataError(f"{path}: the file is empty.")
    try:
        frame = reader(path)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    if frame.empty:
        names = ", ".join(map(str, frame.columns))
        raise DataError(f"{path}: the file has a header ({names}) but no rows.")
    return frame
