"""Whatever is in a file, `didjack estimate` prints a table or one sentence, and no traceback.

Each example breaks a file that is right, or gives it another suffix. The examples are the same
every time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from didjack.cli import app

OPTIONS = ["--yname", "y", "--tname", "t", "--gname", "g", "--idname", "unit", "--type", "simple"]
RNG = np.random.default_rng(0)
UNITS = pd.DataFrame({"unit": range(8), "g": [0, 0, 0, 3, 3, 4, 4, 0]})
FRAME = UNITS.merge(pd.DataFrame({"t": range(1, 5)}), how="cross").assign(town="K\u00f6ln")
FRAME["y"] = RNG.normal(size=len(FRAME))
CSV = FRAME.to_csv(index=False).encode()


def _written(method: str) -> bytes:
    buffer = io.BytesIO()
    frame = FRAME.set_index("unit") if method == "to_stata" else FRAME
    getattr(frame, method)(buffer, **({"index": False} if method == "to_excel" else {}))
    return buffer.getvalue()


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", CSV)
    return buffer.getvalue()


WHOLE = {
    "csv": CSV,
    "tsv": FRAME.to_csv(index=False, sep="\t").encode(),
    "txt": FRAME.to_csv(index=False, sep=";", decimal=",").encode("latin-1"),
    "csv.gz": gzip.compress(CSV),
    "csv.xz": lzma.compress(CSV),
    "csv.bz2": bz2.compress(CSV),
    "csv.zip": _zipped(),
    "parquet": _written("to_parquet"),
    "dta": _written("to_stata"),
    "xlsx": _written("to_excel"),
}
NOISE = st.binary(min_size=1, max_size=40) | st.sampled_from(
    [b"\0", b"\0" * 40, b'"', b"\n", b"\r", b",", b"\xff\xfe", b"\xef\xbb\xbf", b"\xf6", b"\x1a"]
)


@st.composite
def broken(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut a file, or put noise into it, over a part of it, before or behind it."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        way = draw(st.sampled_from(["cut", "drop the start", "insert", "replace", "repeat"]))
        noise = draw(NOISE)
        if way == "cut":
            content = content[:start]
        elif way == "drop the start":
            content = content[start:]
        elif way == "insert":
            content = content[:start] + noise + content[start:]
        elif way == "replace":
            content = content[:start] + noise + content[start + len(noise) :]
        else:
            content += content[start:]
    return content


def run(path: Path, *more: str) -> Result:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = CliRunner().invoke(app, ["estimate", str(path), *OPTIONS, *more])
    foreign = [w for w in seen if w.filename and "didjack" not in str(w.category)]
    assert not foreign, [str(w.message) for w in foreign]  # users would see them
    return result


def check(result: Result, *, code: int = 2) -> None:
    """Hold that a run gave a table, or ended with one sentence and the exit code."""
    if result.exit_code == 0 and code != 1:
        assert "CV3" in result.stdout
        return
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.output and "\0" not in result.output
    assert len(result.stderr) < 1000


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("suffix", WHOLE)
def test_whole_files_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(WHOLE[suffix])
    result = run(path, *(["--encoding", "latin-1"] if suffix == "txt" else []))
    assert result.exit_code == 0, result.output
    assert "8 units, 2 treated cohorts, 4 periods" in result.stdout


@pytest.mark.parametrize("suffix", WHOLE)
@_settings(20)
@given(st.data())
def test_damaged_files(suffix: str, data: st.DataObject) -> None:
    content = data.draw(broken(WHOLE[suffix]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data.{suffix}"
        path.write_bytes(content)
        check(run(path))


@_settings(30)
@given(st.data())
def test_damaged_text_inside_of_archives(data: st.DataObject) -> None:
    pack = {"csv.gz": gzip.compress, "csv.xz": lzma.compress, "csv.bz2": bz2.compress}
    suffix = data.draw(st.sampled_from(sorted(pack)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data.{suffix}"
        path.write_bytes(pack[suffix](data.draw(broken(CSV))))
        check(run(path))


@_settings(30)
@given(st.data())
def test_damaged_parts_of_workbooks(data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE["xlsx"])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(members)))
    members[name] = data.draw(broken(members[name]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        check(run(path))


@pytest.mark.parametrize("content", WHOLE)
def test_wrong_suffixes(content: str, tmp_path: Path) -> None:
    for suffix in ["csv", "csv.gz", "zip", "xls", "", "parquet", "dta", "xlsx"]:
        path = tmp_path / f"data.{suffix}".rstrip(".")
        path.write_bytes(WHOLE[content])
        check(run(path))


@pytest.mark.parametrize("suffix", WHOLE)
def test_empty_files_and_folders(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    result = run(path)
    check(result)
    assert "there is no such file" in result.stderr
    path.write_bytes(b"")
    result = run(path)
    check(result)
    assert "the file is empty" in result.stderr
    path.unlink()
    path.mkdir()
    result = run(path)
    check(result)
    assert "is a folder" in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        CSV + b"9,0,1,K\xf6ln,1.0\n",  # two encodings in one file
        CSV.replace(b"K\xc3\xb6ln", b"x" * 200_000, 1),  # longer than csv's limit of a field
        b"x" * 200_000 + b"," + CSV,
        CSV.replace(b"unit", b"x" * 140_000, 1),
        CSV.replace(b"town", b"\0", 1),
        CSV.replace(b"K\xc3\xb6ln", b"\0\0", 3),
        b"\0" * 5000,
        CSV.decode().encode("utf-16"),
        CSV.decode().encode("utf-32"),
        CSV.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" * 3 + CSV,
        CSV.replace(b"y\n", b'"y\n', 1),
        b"," * 100_000 + b"\n" + b"," * 100_000,
        b"y,t,g,unit\n" + b"1e999,1e999,-1e999,nan\n" * 9,
        b"y,t,g,unit\n" + b"1,99999999999999999999999,3,1\n" * 9,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_strange_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    check(run(path))


@pytest.mark.parametrize(
    "words",
    [
        *(["--encoding", e] for e in ("utf-16", "ascii", "idna", "rot13", "nosuch", "utf-7", "")),
        *(["--delimiter", d] for d in ("tab", "", "::", "\0", '"', "\n", "\u20ac", "1")),
        ["--sheet", "1"],
    ],
    ids=repr,
)
def test_ways_to_read(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(CSV)
    check(run(path, *words))


@pytest.mark.parametrize("size", [1e101, 1e155, -1e308])
def test_numbers_whose_squares_overflow(size: float, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    FRAME.assign(y=FRAME["y"].where(FRAME.index != 5, size)).to_csv(path, index=False)
    result = run(path)
    check(result)
    assert "'y' (yname) has numbers beyond 1e+100" in result.stderr and "index 5" in result.stderr


def test_a_file_that_claims_more_rows_than_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*args: object, **options: object) -> None:
        raise MemoryError

    path = tmp_path / "data.dta"
    path.write_bytes(WHOLE["dta"])
    monkeypatch.setattr("pandas.read_stata", read)
    result = run(path)
    check(result)
    assert result.exit_code == 2 and "does not fit into memory, or is damaged" in result.stderr


@pytest.mark.parametrize(("module", "suffix"), [("openpyxl", "xlsx"), ("pyarrow", "parquet")])
def test_a_missing_extra(
    module: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(WHOLE[suffix])
    monkeypatch.setitem(sys.modules, module, None)
    result = run(path)
    check(result, code=1)
    assert "pip install 'didjack[data]'" in result.stderr
