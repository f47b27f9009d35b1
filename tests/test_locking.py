"""Locks: one run at a time in a folder, and no lock survives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from didjack.errors import LockedError, OutputError
from didjack.locking import LOCK, alone_in

HOLD = """
import sys, time
from pathlib import Path
from didjack.locking import alone_in
with alone_in(Path(sys.argv[1]), "didjack report"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds a folder until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path, holder):
    folder = tmp_path / "out"
    with pytest.raises(LockedError) as caught, alone_in(folder, "didjack report"):
        raise AssertionError("both are in the folder")
    message = str(caught.value)
    assert f"`didjack report` (process {holder.pid}, since " in message
    assert str(folder / LOCK) in message
    assert "\n" not in message


def test_the_lock_of_a_run_that_has_ended_is_gone(tmp_path, holder):
    holder.communicate("")
    assert not (tmp_path / "out").exists()  # made for the lock, and nothing else came
    with alone_in(tmp_path / "out", "x"):
        assert (tmp_path / "out" / LOCK).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_the_lock_of_a_run_that_was_killed_means_nothing(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "out" / LOCK).exists()
    with alone_in(tmp_path / "out", "didjack site"):
        text = (tmp_path / "out" / LOCK).read_text()
        assert f'"process": {os.getpid()}' in text
        assert text.count("{") == 1  # nothing is left of what the other run wrote
    assert not (tmp_path / "out" / LOCK).exists()


def test_what_is_in_the_folder_stays(tmp_path):
    with alone_in(tmp_path / "a" / "b", "x"):
        (tmp_path / "a" / "kept.txt").write_text("kept")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept.txt"]
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path, "x"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_holder_without_words_is_another_run(tmp_path):
    with alone_in(tmp_path, "x"):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(LockedError, match="in use by another run"), alone_in(tmp_path, "y"):
            pass


def test_folders_that_cannot_be_used_are_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="a file is in the way"), alone_in(tmp_path / "file", "x"):
        pass
    (tmp_path / LOCK).mkdir()
    with pytest.raises(OutputError, match="cannot be written in"), alone_in(tmp_path, "x"):
        pass


def test_never_two_at_a_time(tmp_path):
    """Many threads, each again and again: the count of those inside is never above one."""
    inside, most, times = 0, 0, 0

    def work():
        nonlocal inside, most, times
        for _ in range(60):
            try:
                with alone_in(tmp_path / "out", "x"):
                    inside += 1
                    most, times = max(most, inside), times + 1
                    Path(tmp_path / "out" / "f").touch()
                    (tmp_path / "out" / "f").unlink()
                    inside -= 1
            except LockedError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert times >= 1
