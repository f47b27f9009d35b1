"""What commands write: never over the data, over other files where asked, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import didjack as dj
from didjack.cli import app
from didjack.locking import alone_in

CASTLE = ["--yname", "l_homicide", "--tname", "year", "--gname", "gvar", "--idname", "sid"]
SIMPLE = [*CASTLE, "--type", "simple"]
PLAN = [*CASTLE, "--reps", "100"]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def castle(tmp_path):
    path = tmp_path / "data" / "castle.csv"
    path.parent.mkdir()
    dj.datasets.load_dataset("castle").to_csv(path, index=False)
    return path


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "small"\ntitle = "Small"\nseed = 1\n[[block]]\nclusters = 6\nperiods = 4\n'
        "treated = 3\nunits = 4\n"
    )
    return path


def refused(result, words):
    """Look at a refusal: one sentence on standard error, exit code 2."""
    assert result.exit_code == 2, result.output
    message = result.stderr.strip()  # behind the line of a progress bar that is gone
    assert message.startswith("error: ")
    assert words in message
    assert "\n" not in message
    assert "Traceback" not in result.output


def test_estimate_keeps_its_data_under_every_name(run, castle, monkeypatch):
    before = castle.read_bytes()
    monkeypatch.chdir(castle.parent)
    Path("soft.csv").symlink_to(castle)
    os.link(castle, "hard.csv")
    for name in (
        castle,
        "castle.csv",
        "./castle.csv",
        "../data/castle.csv",
        "soft.csv",
        "hard.csv",
    ):
        refused(run("estimate", castle, *SIMPLE, "-o", name, "--overwrite"), "never overwritten")
    refused(run("plan", castle, *PLAN, "-o", "castle.csv", "--overwrite"), "never overwritten")
    assert castle.read_bytes() == before
    assert sorted(path.name for path in castle.parent.iterdir()) == [
        "castle.csv", "hard.csv", "soft.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["estimate", "plan"])
def test_another_file_is_replaced_only_with_overwrite(run, castle, tmp_path, command):
    options = SIMPLE if command == "estimate" else PLAN
    target = tmp_path / "t.csv"
    target.write_text("precious")
    refused(run(command, castle, *options, "-o", target), "exists")
    assert target.read_text() == "precious"
    assert run(command, castle, *options, "-o", target, "--overwrite").exit_code == 0
    assert target.read_text().count("\n") > 3


@pytest.mark.parametrize("command", ["estimate", "plan", "simulate"])
@pytest.mark.parametrize("place", ["folder.csv", "nosuch/t.csv", "data/castle.csv/t.csv"])
def test_impossible_places_are_refused_before_the_data_are_read(
    run, castle, tmp_path, command, place, monkeypatch
):
    monkeypatch.setattr("didjack.sample.read.read_table", lambda path: 1 / 0)
    monkeypatch.setattr("didjack.simulate.runner.run_study", lambda *a, **k: 1 / 0)
    (tmp_path / "folder.csv").mkdir()
    words = {"estimate": [castle, *SIMPLE], "plan": [castle, *PLAN], "simulate": ["few-treated"]}
    refused(run(command, *words[command], "-o", tmp_path / place), "cannot be written")


@pytest.mark.parametrize("command", ["estimate", "plan"])
def test_a_full_disk_is_one_sentence(run, castle, tmp_path, command, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "t.csv"
    target.write_text("old")
    monkeypatch.setattr(Path, "write_text", full)
    options = SIMPLE if command == "estimate" else PLAN
    result = run(command, castle, *options, "-o", target, "--overwrite")
    refused(result, "no space left")
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "t.csv"]


def test_errors_of_the_system_are_messages_too(run, castle, monkeypatch):
    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("didjack.sample.read.read_table", denied)
    refused(run("estimate", castle, *SIMPLE), "castle.csv: Permission denied")


def test_a_study_is_an_input(run, study, tmp_path):
    link = tmp_path / "link.csv"
    os.link(study, link)
    before = study.read_bytes()
    refused(run("simulate", study, "--reps", 2, "-o", link, "--overwrite"), "never overwritten")
    assert study.read_bytes() == before


def test_two_simulations_do_not_share_a_folder(run, tmp_path):
    with alone_in(tmp_path / "out", "didjack simulate"):
        result = run("simulate", "few-treated", "--reps", 2, "--out", tmp_path / "out")
        refused(result, f"in use by `didjack simulate` (process {os.getpid()}")


def test_a_specification_is_not_written_over_anything(castle, tmp_path):
    path = tmp_path / "s.toml"
    arguments = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
    dj.datasets.write_specification(path, castle, arguments, "sid")
    before = path.read_bytes()
    with pytest.raises(dj.OutputError, match="overwrite=True"):
        dj.datasets.write_specification(path, castle, arguments, "sid", title="Other")
    assert path.read_bytes() == before
    dj.datasets.write_specification(path, castle, arguments, "sid", title="Other", overwrite=True)
    assert "Other" in path.read_text()
    with pytest.raises(dj.OutputError, match="never overwritten"):
        dj.datasets.write_specification(castle, castle, arguments, "sid", overwrite=True)


# ---------------------------------------------------------------------------------- reports


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_does_not_take_a_folder_with_a_specification_for_its_own(run, castle):
    (castle.parent / "castle.toml").write_text("# of somebody's own")
    before = files(castle.parent)
    refused(run("report", castle, *CASTLE, "--out", castle.parent), "holds other files")
    (castle.parent / "_quarto.yml").write_text("website: {title: Mine}\n")
    before = files(castle.parent)
    refused(run("report", castle, *CASTLE, "--out", castle.parent), "holds other files")
    assert files(castle.parent) == before


def test_a_report_does_not_delete_its_data(run, castle):
    out = castle.parent.parent
    place = out / "reports" / "_site" / "castle.csv"
    place.parent.mkdir(parents=True)
    castle.rename(place)
    castle.parent.rmdir()
    before = files(out)
    refused(run("report", place, *CASTLE, "--out", out), "made anew")
    assert files(out) == before


def test_two_reports_do_not_share_a_folder(run, castle, tmp_path):
    with alone_in(tmp_path / "out", "didjack report"):
        refused(run("report", castle, *CASTLE, "--out", tmp_path / "out"), "in use by")
    assert not (tmp_path / "out").exists()


def test_a_report_cannot_go_to_a_file(run, castle, tmp_path):
    (tmp_path / "out").write_text("precious")
    refused(run("report", castle, *CASTLE, "--out", tmp_path / "out"), "file")
    assert (tmp_path / "out").read_text() == "precious"


@pytest.mark.parametrize("command", ["reproduce", "site"])
def test_two_runs_do_not_share_a_checkout(run, tmp_path, command, monkeypatch):
    monkeypatch.setattr("didjack_pages.commands.options.project_root", lambda: tmp_path)
    with alone_in(tmp_path / "reports", "didjack reproduce"):
        refused(run(command), f"`didjack reproduce` (process {os.getpid()}")
