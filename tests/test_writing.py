"""Writing: inputs stay, other files are asked for, and a file is whole or not there."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from didjack.errors import OutputError
from didjack.writing import (
    check_output,
    copy_generated,
    csv_text,
    make_folder,
    replacing,
    same_file,
    write_generated,
    write_text,
)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a\n1\n")
    return path


def _symlink(data):
    link = data.with_name("link.csv")
    link.symlink_to(data)
    return link


def _hard_link(data):
    link = data.with_name("hard.csv")
    os.link(data, link)
    return link


def _detour(data):
    return data.parent / "." / ".." / data.parent.name / data.name


def _through_a_folder(data):
    folder = data.parent / "elsewhere"
    folder.symlink_to(data.parent)
    return folder / data.name


@pytest.mark.parametrize("spell", [Path, _symlink, _hard_link, _detour, _through_a_folder])
def test_an_input_is_never_written_under_any_name(data, spell):
    output = spell(data)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="never overwritten"):
            write_text(output, "b", [data], overwrite=overwrite)
    assert data.read_text() == "a\n1\n"


def test_upper_case_is_another_file_only_where_the_system_says_so(data):
    other = data.with_name("DATA.CSV")
    if other.exists():
        with pytest.raises(OutputError, match="never overwritten"):
            check_output(other, [data], overwrite=True)
    else:
        assert check_output(other, [data]) == other.resolve()


def test_another_file_is_replaced_only_where_asked(tmp_path, data):
    target = tmp_path / "t.csv"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"t\.csv exists; .* --overwrite"):
        write_text(target, "new", [data])
    assert target.read_text() == "old"
    write_text(target, "new", [data], overwrite=True)
    assert target.read_text() == "new"


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    write_text(link, "new", overwrite=True)
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_permissions_are_those_of_a_new_file_or_of_the_old_one(tmp_path):
    new, plain = tmp_path / "new.txt", tmp_path / "plain.txt"
    write_text(new, "x")
    plain.write_text("x")
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    plain.chmod(0o640)
    write_text(plain, "y", overwrite=True)
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "it is a folder"),
        ("nosuch/t.csv", r"the folder .*nosuch does not exist"),
        ("data.csv/t.csv", r"data\.csv is not a folder"),
        ("null.csv", "it is a device"),
        ("loop.csv", "loop|links|symbolic"),
        ("x" * 300 + ".csv", "too long"),
        ("a\0b.csv", "null"),
    ],
)
def test_impossible_places_are_one_sentence(tmp_path, data, name, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "null.csv").symlink_to(os.devnull)
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OutputError, match=f"(?i){words}") as caught:
        write_text(tmp_path / name, "text", overwrite=True)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_read_only_stays(tmp_path, monkeypatch, what):
    target = tmp_path / "t.csv"
    target.write_text("old")
    closed = tmp_path if what == "folder" else target
    # The test may run as root, whom permissions do not stop.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    with pytest.raises(OutputError, match="read-only"):
        write_text(target, "new", overwrite=True)
    assert target.read_text() == "old"


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("step", ["write", "move"])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, monkeypatch, there, step):
    target = tmp_path / "t.csv"
    if there:
        target.write_text("old")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*args):
        raise full

    if step == "move":
        monkeypatch.setattr(Path, "replace", fail)
    with (
        pytest.raises(OutputError, match=r"t\.csv cannot be written: no space left"),
        replacing(target, overwrite=True) as draft,
    ):
        draft.write_text("half")
        if step == "write":
            fail()
    assert [path.name for path in tmp_path.iterdir()] == (["t.csv"] if there else [])
    assert not there or target.read_text() == "old"


def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no small disk can be mounted here")
    try:
        with pytest.raises(OutputError, match="no space left"):
            write_text(disk / "t.csv", "x" * 1_000_000)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_error_or_an_interruption_leaves_no_draft(tmp_path):
    for stop in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(stop), replacing(tmp_path / "t.csv") as draft:
            draft.write_text("half")
            raise stop
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "t.csv"
    with pytest.raises(OutputError, match="exists"), replacing(target) as draft:
        draft.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_generated_files_make_their_folders(tmp_path, data):
    target = tmp_path / "a" / "b.json"
    write_generated(target, "1\n")
    write_generated(target, "2\n")
    assert target.read_bytes() == b"2\n"
    assert copy_generated(data, tmp_path / "c" / "d.csv").read_text() == "a\n1\n"
    with pytest.raises(OutputError, match="never overwritten"):
        copy_generated(data, data)
    with pytest.raises(OutputError, match="a file is in the way"):
        make_folder(data / "below")
    with pytest.raises(OutputError, match="cannot be made"):
        make_folder(tmp_path / ("x" * 300))


def test_files_that_do_not_exist_are_compared_by_path(tmp_path):
    assert same_file(tmp_path / "a", tmp_path / "b" / ".." / "a")
    assert not same_file(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\r\n-1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
    ],
)
def test_formulas_are_text_in_a_spreadsheet(tmp_path, text):
    frame = pd.DataFrame({text: [-1.5, np.nan], "name": [text, "plain"], "n": [-1, 2]})
    path = tmp_path / "t.csv"
    write_text(path, csv_text(frame))
    back = pd.read_csv(path)
    assert back["n"].tolist() == [-1, 2]
    assert back.iloc[0, 0] == -1.5
    assert back["name"][0].startswith("'")
    assert back["name"][0] == f"'{text}".replace("\r\n", "\n").replace("\r", "\n")
    assert str(back.columns[0]).startswith("'")
    assert frame.columns[0] == text  # the caller's frame stays
    assert back["name"][1] == "plain"


def test_csv_is_what_pandas_writes_where_nothing_is_a_formula():
    frame = pd.DataFrame({"a": ["x=1", "event:-1", None], "b": [-1 / 3, 1e-9, np.nan]})
    assert csv_text(frame) == frame.to_csv(index=False, lineterminator="\n")
    short = frame.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    assert csv_text(frame, "%.6g") == short
