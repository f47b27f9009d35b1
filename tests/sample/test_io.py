"""read_table: what it reads, and what it says about files that it cannot read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from didjack.errors import DataError
from didjack.sample.read import read_table


def written(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8", newline="")
    return path


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(50) // 5,
            "year": 2000 + np.arange(50) % 5,
            "y": rng.normal(size=50) * 10.0 ** rng.integers(-12, 12, size=50),
            "state": [f"s{i // 5}" for i in range(50)],
        }
    )


def test_csv_floats_come_back_bit_by_bit(tmp_path, frame):
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), frame, check_exact=True)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_of_other_systems(tmp_path, newline, mark):
    text = newline.join(["a,b", "1,2.5", "2,é", ""])
    path = written(tmp_path / "DATA.CSV", mark + text.encode())
    result = read_table(str(path))
    assert list(result.columns) == ["a", "b"]
    assert result["b"].tolist() == ["2.5", "é"]


def test_parquet_and_its_index(tmp_path, frame):
    path = tmp_path / "data.parquet"
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), frame)
    frame.set_index(["id", "year"]).to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path)[list(frame.columns)], frame)


def test_stata_types_become_plain_numbers(tmp_path):
    source = pd.DataFrame(
        {
            "code": np.array([11, 12, 95], dtype="float32"),
            "small": np.array([1, 2, 3], dtype="int8"),
            "gap": np.array([1, np.nan, 3], dtype="float32"),
            "y": np.array([0.1, 0.2, 0.3], dtype="float32"),
            "name": ["a", "b", "c"],
        }
    )
    source["label"] = pd.Categorical(["never", "2004", "2005"])
    path = tmp_path / "data.dta"
    source.to_stata(path, write_index=False)
    result = read_table(path)
    kinds = {name: str(dtype) for name, dtype in result.dtypes.items()}
    assert kinds | {"name": ""} == {
        "code": "int64",
        "small": "int64",
        "gap": "float64",
        "y": "float64",
        "name": "",
        "label": "int64",
    }
    np.testing.assert_array_equal(result["y"], source["y"].astype("float64"))
    np.testing.assert_array_equal(result["gap"], source["gap"].astype("float64"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.csv", "\n  \n\n", "the file is empty"),
        ("a.parquet", "", "the file is empty"),
        ("a.dta", "", "the file is empty"),
        ("a.csv", "id,year,y\n", r"a header \('id', 'year', 'y'\) but no rows"),
        ("a.csv.gz", "id,y\n1,2\n", "cannot be decompressed"),
        ("a.csv.xz", "id,y\n1,2\n", "cannot be decompressed"),
        ("a.csv.zip", "id,y\n1,2\n", "cannot be decompressed"),
        ("a.csv.gz", gzip.compress(b"id,y\n1,2\n" * 99)[:-20], "cannot be decompressed"),
        ("a.csv.gz", gzip.compress(b"id,y\n1,M\xfc\n"), "line 2 is not UTF-8 text.*latin-1"),
        ("a.parquet.gz", "x", r"files ending in '\.gz' are not read"),
        ("a.csv", "id,y,y\n1,2,3\n", "more than one column 'y'"),
        ("a.csv", "id,y\n1,2\n3,4,5\n", "not a regular CSV file.*line 3"),
        ("a.csv", "id,y\n1,2,3\n3,4,5\n", "more cells than the header"),
        ("a.csv", 'id,y\n1,"2\n', "not a regular CSV file"),
        ("a.csv", b"id,y\n1,2\n3,M\xfcnchen\n", "line 3 is not UTF-8 text"),
        ("a.csv", b"id,M\xfcnchen\n1,2\n", "line 1 is not UTF-8 text"),
        ("a.csv", "id,y\n1,2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("a.csv", b"PK\x03\x04\xff\xfe\x00", "line 1 is not UTF-8 text.*suffix of its format"),
        ("a.parquet", "id,y\n1,2\n", "not a readable Parquet file"),
        ("a.dta", "id,y\n1,2\n", "not a readable Stata file"),
        ("a.xls", "id,y\n1,2\n", r"files ending in '\.xls' are not read; give one of \.csv"),
        ("a.xlsx", "", "the file is empty"),
        ("a.xlsx", "id,y\n1,2\n", "not a readable Excel file: File is not a zip file"),
        ("table", "id,y\n1,2\n", "files without a suffix are not read"),
    ],
)
def test_unreadable_files_name_the_fault(tmp_path, name, content, message):
    path = written(tmp_path / name, content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_tables_without_rows(tmp_path):
    empty = pd.DataFrame({"id": pd.Series(dtype="int64"), "y": pd.Series(dtype="float64")})
    empty.to_parquet(tmp_path / "a.parquet")
    empty.to_stata(tmp_path / "a.dta", write_index=False)
    for name in ("a.parquet", "a.dta"):
        with pytest.raises(DataError, match=r"a header \('id', 'y'\) but no rows"):
            read_table(tmp_path / name)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path / "b.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.txt", "a.csv.gz", "a.csv.xz", "a.csv.bz2", "a.zip"]
)
def test_delimiters_are_found(tmp_path, name, mark):
    text = f"id{mark}year{mark}y\n1{mark}2000{mark}0.1\n1{mark}2001{mark}3.5\n"
    pack = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    path = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", text)
    else:
        path.write_bytes(pack.get(name.rsplit(".", 1)[1], bytes)(text.encode()))
    frame = read_table(path)
    assert frame.columns.tolist() == ["id", "year", "y"] and frame["y"].tolist() == [0.1, 3.5]


def test_decimal_commas_and_chosen_delimiters(tmp_path):
    path = written(tmp_path / "a.csv", "id;year;y\n1;2000;2,5\n1;2001;-3,25\n")
    assert read_table(path)["y"].tolist() == [2.5, -3.25]
    path = written(tmp_path / "b.csv", "id:y\n1:2,5\n")
    assert read_table(path, delimiter=":")["y"].tolist() == [2.5]
    path = written(tmp_path / "c.csv", '"id;year"\n1\n')  # a name with a semicolon in quotes
    assert read_table(path).columns.tolist() == ["id;year"]
    with pytest.raises(DataError, match=r"delimiter must be one ASCII character.* not '::'"):
        read_table(path, delimiter="::")


def test_encodings(tmp_path):
    path = written(tmp_path / "a.csv", "id,town\n1,M\u00fcnchen\n".encode("latin-1"))
    assert read_table(path, encoding="latin-1")["town"].tolist() == ["M\u00fcnchen"]
    path = written(tmp_path / "b.csv", "id,town\n1,M\u00fcnchen\n".encode("utf-16"))
    assert read_table(path, encoding="utf-16")["town"].tolist() == ["M\u00fcnchen"]
    with pytest.raises(DataError, match=r"encoding must be one that Python knows.* not 'none'"):
        read_table(path, encoding="none")


def test_an_archive_of_several_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        archive.writestr("b.csv", "id\n1\n")
    with pytest.raises(DataError, match="holds 2 files"):
        read_table(tmp_path / "a.zip")


@settings(derandomize=True, deadline=None, database=None, max_examples=250)
@given(
    st.sampled_from(["csv", "tsv", "csv.gz", "csv.xz", "zip", "parquet", "dta", "xlsx"]),
    st.binary(max_size=60)
    | st.text(alphabet='a1,;\t|"\n\r\x00 .\u00e9', max_size=60).map(str.encode),
    st.sampled_from(["utf-8", "latin-1", "utf-16", "idna", "rot13", "undefined"]),
)
def test_broken_files_end_in_one_sentence(suffix, content, encoding):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"a.{suffix}"
        path.write_bytes(gzip.compress(content) if suffix == "csv.gz" else content)
        try:
            assert len(read_table(path, encoding=encoding))
        except DataError as error:
            assert str(path) in str(error) or "encoding" in str(error)
