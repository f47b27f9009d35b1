"""Reading a sheet of an Excel file as a table."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from didjack.errors import DataError
from didjack.extras import optional_imports
from didjack.sample.file_faults import faults_of, named


def read_sheet(path: Path, sheet: str | None = None) -> pd.DataFrame:
    """Read one sheet of an ``.xlsx`` file: names in its first row, then one row per observation.

    Parameters
    ----------
    path : Path
    sheet : str, optional
        Its name; the first sheet without it.

    Returns
    -------
    DataFrame
        Blank rows are left out, as blank lines of a text file are. Formulas have the values that
        were stored with them.

    Raises
    ------
    DataError
        The file is not a workbook, has no such sheet, or its first row does not name the columns.
    MissingExtraError
        openpyxl, with which pandas reads such files, is not installed.
    """
    with optional_imports():
        import openpyxl  # noqa: F401 - pandas reads with it
    remedy = "One with a password has to be saved without it."
    with faults_of(path, "Excel", remedy), warnings.catch_warnings():
        # openpyxl warns of what it does not keep: validation rules, styles, headers of pages.
        warnings.simplefilter("ignore")
        with pd.ExcelFile(path, engine="openpyxl") as book:
            chosen = _chosen(path, [str(name) for name in book.sheet_names], sheet)
            names = book.parse(chosen, header=None, nrows=1, dtype=object)
            _check_names(path, chosen, names)
            frame = book.parse(chosen)
    frame.columns = frame.columns.map(str)
    return frame.dropna(how="all", ignore_index=True)


def _chosen(path: Path, names: list[str], sheet: str | None) -> str:
    if not names:
        raise DataError(f"{path}: the workbook has no sheet of cells.")
    if sheet is not None and sheet not in names:
        raise DataError(f"{path}: there is no sheet {sheet!r}; there is {named(names)}.")
    return names[0] if sheet is None else sheet


def _check_names(path: Path, sheet: str, row: pd.DataFrame) -> None:
    names = [str(name) for name in row.to_numpy().ravel() if pd.notna(name)]
    if not names:
        raise DataError(f"{path}: the first row of sheet {sheet!r} must name the columns.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}: the first row of sheet {sheet!r} names more than one column "
            f"{named(repeated)}; give every column its own name."
        )
