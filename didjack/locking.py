"""One run at a time in a folder: a lock that the system releases when its process ends."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from didjack.errors import LockedError, OutputError
from didjack.writing import make_folder

LOCK = ".didjack.lock"
# The byte that is locked lies far behind the text: on Windows a locked byte cannot be read.
_BYTE = 1 << 30


@contextmanager
def alone_in(folder: Path, command: str) -> Iterator[None]:
    """Hold a folder for one run; a second one is stopped with a sentence.

    The lock is on an open file, not the file itself: one that a killed run has left behind means
    nothing. The file, and a folder that was made for it and has stayed empty, are gone afterwards.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    command : str
        What the second run says of this one.

    Raises
    ------
    LockedError
        Another run holds the folder.
    OutputError
        The folder cannot be made or written in.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = folder / LOCK
    handle = _acquire(lock)
    try:
        text = {"process": os.getpid(), "command": command, "since": time.strftime("%H:%M:%S")}
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps(text).encode())
        yield
    finally:
        # Deleted while it is held, so that nobody can wait for a file that is gone. Windows
        # deletes no open file: there it is done afterwards, unless another run has it by then.
        with suppress(OSError):
            lock.unlink()
        os.close(handle)
        with suppress(OSError):
            if sys.platform == "win32":
                lock.unlink()
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _acquire(lock: Path) -> int:
    """Return the open file that carries the lock."""
    while True:
        make_folder(lock.parent)
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another run has just ended, and its folder with it
            continue
        except OSError as error:
            words = str(error.strerror).lower()
            raise OutputError(f"{lock.parent} cannot be written in: {words}.") from None
        try:
            _lock(handle)
            if os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except FileNotFoundError:  # deleted by the run that had it: the next file is the lock
            pass
        except OSError:
            os.close(handle)
            raise LockedError(_held(lock)) from None
        os.close(handle)


def _held(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        who = f"`{holder['command']}` (process {holder['process']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun
        who = "another run"
    return f"{lock.parent} is in use by {who}, which holds {lock}; wait until it has ended."


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
