"""Excel files: every digit, the sheet that is asked for, and what is said about other workbooks."""

from __future__ import annotations

import datetime
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

import didjack as dj
from didjack.errors import DataError
from didjack.sample.read import read_table


def saved(path, **sheets):
    """Write rows of cells into sheets of a workbook."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_numbers_come_back_bit_by_bit(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "id": np.arange(40) // 4,
            "year": 2000 + np.arange(40) % 4,
            "y": rng.normal(size=40) * 10.0 ** rng.integers(-12, 12, size=40),
            "state": [f"s{i // 4}" for i in range(40)],
        }
    )
    frame["y"] = [float(f"{value:.16g}") for value in frame["y"]]  # openpyxl writes 16 digits
    frame.loc[3, "y"] = np.nan
    path = tmp_path / "data.xlsx"
    frame.to_excel(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), frame, check_exact=True)
    assert not read_table(path).equals(frame.assign(y=np.nextafter(frame["y"], np.inf)))


def test_estimates_are_those_of_the_text_file(tmp_path):
    castle = dj.load_dataset("castle")
    castle.to_excel(tmp_path / "castle.xlsx", index=False)
    roles = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
    read = dj.att_gt(read_table(tmp_path / "castle.xlsx"), **roles)
    np.testing.assert_array_equal(read.att, dj.att_gt(castle, **roles).att)


def test_sheets_are_chosen_by_name(tmp_path):
    path = saved(tmp_path / "a.xlsx", first=[["y"], [1]], second=[["y"], [2]])
    assert read_table(path)["y"].tolist() == [1]
    assert read_table(path, sheet="second")["y"].tolist() == [2]
    with pytest.raises(DataError, match="there is no sheet 'third'; there is 'first', 'second'"):
        read_table(path, sheet="third")
    with pytest.raises(DataError, match="sheet must be text, not 2"):
        read_table(path, sheet=2)


def test_what_applies_to_other_files_is_refused(tmp_path):
    path = saved(tmp_path / "a.xlsx", first=[["y"], [1]])
    with pytest.raises(DataError, match="delimiter=';' is for text files"):
        read_table(path, delimiter=";")
    (tmp_path / "a.csv").write_text("y\n1\n")
    with pytest.raises(DataError, match="sheet='first' is for Excel files"):
        read_table(tmp_path / "a.csv", sheet="first")


def test_blank_rows_are_left_out_and_whole_numbers_stay_whole(tmp_path):
    rows = [["year", "y", 2010], [2000, 0.5, "a"], [None, None, None], [2001.0, 1, "b"]]
    frame = read_table(saved(tmp_path / "a.xlsx", data=rows))
    assert frame["year"].tolist() == [2000, 2001] and frame["year"].dtype == "int64"
    assert frame["y"].tolist() == [0.5, 1.0]
    assert frame.columns.tolist() == ["year", "y", "2010"] and frame.index.tolist() == [0, 1]


def test_dates_are_dates(tmp_path):
    rows = [["when", "y"], [datetime.date(2000, 1, 1), 1], [datetime.date(2001, 1, 1), 2]]
    frame = read_table(saved(tmp_path / "a.xlsx", data=rows))
    assert frame["when"].dt.year.tolist() == [2000, 2001]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the first row of sheet 'data' must name the columns"),
        ([[None], ["y"], [1]], "the first row of sheet 'data' must name the columns"),
        ([["y", "x", "y"], [1, 2, 3]], "names more than one column 'y'"),
        ([["id", "y"]], r"a header \('id', 'y'\) but no rows"),
        ([["id", "y"], [None, None]], r"a header \('id', 'y'\) but no rows"),
    ],
)
def test_sheets_that_are_no_tables(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        read_table(saved(tmp_path / "a.xlsx", data=rows))


def test_damaged_workbooks_are_one_sentence_each(tmp_path):
    """Every member of the archive is taken out, cut or filled with noise."""
    whole = saved(tmp_path / "whole.xlsx", data=[["y", "s"], [1, "a"], [2, "b"]])
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    path, refused = tmp_path / "a.xlsx", 0
    for name, content in members.items():
        for changed in (None, content[: len(content) // 2], b"\x00\xff<" * 9, b""):
            with zipfile.ZipFile(path, "w") as archive:
                for other, kept in members.items():
                    text = kept if other != name else changed
                    if text is not None:
                        archive.writestr(other, text)
            try:
                assert read_table(path)["y"].tolist() == [1, 2]  # style and author do not matter
            except DataError as error:
                refused += 1
                assert str(path) in str(error) and "\n" not in str(error)
    assert refused >= 10
