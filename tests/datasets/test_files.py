"""Files that are damaged, missing or to be downloaded."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pooch
import pytest
import requests

from didjack.datasets import files as _files
from didjack.datasets import load as datasets
from didjack.errors import ChecksumError, DataError, DatasetUnavailable
from didjack.paths import data_dir


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No folder, an empty cache, no network; counts the attempts to download."""
    attempts = []

    def refuse(*args, **kwargs):
        attempts.append(args)
        raise requests.ConnectionError("no network here")

    monkeypatch.delenv("DIDJACK_DATA", raising=False)
    monkeypatch.setattr(_files, "_cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.setattr(datasets, "_failed", {})
    return attempts


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_damaged_shipped_file_stays(monkeypatch, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(data_dir(), folder)
    path = folder / "castle.csv"
    content = path.read_bytes().replace(b"Alabama", b"Alabana", 1)
    path.write_bytes(content)
    monkeypatch.setattr(_files, "data_dir", lambda: folder)
    with pytest.raises(ChecksumError) as caught:
        datasets.load_dataset("castle")
    message = str(caught.value)
    assert str(path) in message
    assert f"expected sha256 {datasets.catalog()['castle'].sha256}" in message
    assert f"found {sha256(path)}" in message
    assert "Restore the file" in message
    assert path.read_bytes() == content
    # Damage is not absence: a run must fail on it, not leave the page out.
    assert datasets.unavailable("castle") is None
    path.unlink()
    with pytest.raises(DataError, match=r"there is no file .*castle\.csv"):
        datasets.load_dataset("castle")


@pytest.mark.parametrize("place", ["folder", "cache"])
def test_damaged_merit_stays(nowhere, monkeypatch, tmp_path, place):
    folder = tmp_path / place
    folder.mkdir()
    if place == "folder":
        monkeypatch.setenv("DIDJACK_DATA", str(folder))
    path = folder / "merit.dta"
    path.write_bytes(b"half a download")
    with pytest.raises(ChecksumError, match=r"expected sha256 fbdc.*found .*Move the file away"):
        datasets.load_dataset("merit")
    assert path.read_bytes() == b"half a download"
    assert datasets.unavailable("merit") is None
    assert nowhere == []


def test_merit_out_of_reach(nowhere):
    reason = datasets.unavailable("merit")
    assert "raw.githubusercontent.com cannot be reached" in reason
    assert "DIDJACK_DATA names no folder" in reason
    assert "\n" not in reason
    assert datasets.unavailable("merit") == reason
    assert len(nowhere) == 1  # a run asks once
    with pytest.raises(DatasetUnavailable, match="does not ship with didjack"):
        datasets.load_dataset("merit")  # whoever asks for the data themselves tries again
    assert len(nowhere) == 2


def test_without_the_package_that_downloads(monkeypatch, tmp_path):
    """Everything else works: what is at hand is read, and the reason is one line."""
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setattr(datasets, "_failed", {})
    monkeypatch.setenv("DIDJACK_DATA", str(tmp_path))
    assert datasets.unavailable("castle") is None
    reason = datasets.unavailable("merit")
    assert f"merit.dta does not ship with didjack, is not in {tmp_path}, and it cannot be" in reason
    assert "pooch" in reason
    assert "\n" not in reason


def test_folder_without_the_file(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("DIDJACK_DATA", str(tmp_path))
    assert f"is not in {tmp_path}" in datasets.unavailable("merit")
    monkeypatch.setenv("DIDJACK_DATA", str(tmp_path / "nonexistent"))
    assert "is not in" in datasets.unavailable("merit")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (requests.ReadTimeout("slow"), "does not answer"),
        (PermissionError(13, "Permission denied"), "cannot be stored"),
    ],
)
def test_other_reasons(nowhere, monkeypatch, error, message):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(pooch, "retrieve", refuse)
    assert message in datasets.unavailable("merit")


@pytest.fixture
def merit_bytes():
    """The true file, read before the test hides it."""
    if reason := datasets.unavailable("merit"):
        pytest.skip(reason)
    return datasets.dataset_path("merit").read_bytes()


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A network that answers every request with the given bytes."""
    monkeypatch.delenv("DIDJACK_DATA", raising=False)
    monkeypatch.setattr(_files, "_cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(datasets, "_failed", {})
    requested = []

    def serve(content):
        class Downloader:
            def __init__(self, **kwargs):
                assert kwargs["timeout"]

            def __call__(self, url, output_file, mover):
                requested.append(url)
                Path(output_file).write_bytes(content)

        monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
        return requested

    return serve


def test_download_once(merit_bytes, server, tmp_path, capfd):
    requested = server(merit_bytes)
    assert datasets.unavailable("merit") is None
    path = tmp_path / "cache" / "merit.dta"
    assert datasets.dataset_path("merit") == path
    assert path.read_bytes() == merit_bytes
    assert len(datasets.load_dataset("merit")) == 42161
    assert requested == [datasets.catalog()["merit"].url]
    assert capfd.readouterr() == ("", "")


def test_wrong_download_is_not_kept(server, tmp_path):
    requested = server(b"please log in")
    with pytest.raises(ChecksumError, match=r"expected sha256 fbdc.*found .*Nothing was stored"):
        datasets.load_dataset("merit")
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    assert "found" in datasets.unavailable("merit")
    assert "found" in datasets.unavailable("merit")
    assert len(requested) == 2
