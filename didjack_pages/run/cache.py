"""Executed notebooks that need not be executed again, and how one knows."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from didjack_pages.run.planned import Page

_PACKAGE = Path(__file__).resolve().parent.parent
# No page depends on how the site is laid out or on the command line.
_NOT_IN_PAGES = ("site", "cli")


@dataclass(frozen=True)
class Record:
    """What is known about an executed notebook: its key, its own hash, its run time."""

    key: Mapping[str, str]
    output: str
    seconds: float


class Cache:
    """Executed notebooks in ``folder``, each beside a JSON file that says what made it.

    Parameters
    ----------
    folder
        Where the notebooks are kept; made when something is stored.
    lock
        The file with the locked versions, None in an installed wheel.
    """

    def __init__(self, folder: Path, lock: Path | None = None) -> None:
        self.folder = folder
        self._shared = {
            "package": _hash_package(),
            "lock": _hash_file(lock) if lock is not None and lock.is_file() else "none",
            "versions": _hash_versions(lock),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        }

    def key(self, page: Page) -> dict[str, str]:
        """Return what the page depends on, one hash for each kind of input."""
        return {
            "notebook": _hash_file(page.notebook),
            "parameters": _hash_text(json.dumps(dict(page.parameters), sort_keys=True)),
            "data": _hash_text("".join(_hash_file(path) for path in page.inputs)),
            "description": _hash_text(repr(_description(page))),
            **self._shared,
        }

    def path(self, page: Page) -> Path:
        """Return where the executed notebook of a page is kept."""
        return self.folder / f"{page.name}.ipynb"

    def record(self, page: Page) -> Record | None:
        """Return what is known about the page's last execution; None if that is unreadable."""
        try:
            content = json.loads(self._record_path(page).read_text(encoding="utf-8"))
            return Record(**content)
        except (OSError, ValueError, TypeError):
            return None

    def why_stale(self, page: Page) -> str | None:
        """Say why a page has to be executed; None if the kept notebook still holds."""
        record = self.record(page)
        if record is None:
            return "new"
        key = self.key(page)
        changed = [name for name in key if record.key.get(name) != key[name]]
        if changed:
            return f"changed: {', '.join(changed)}"
        path = self.path(page)
        if not path.is_file() or _hash_file(path) != record.output:
            return "executed notebook lost or altered"
        return None

    def store(self, page: Page, executed: str, seconds: float) -> Path:
        """Keep an executed notebook and what it was made of; return its path."""
        path = self.path(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._record_path(page).unlink(missing_ok=True)  # no record beside half a notebook
        path.write_text(executed, encoding="utf-8", newline="\n")
        record = Record(self.key(page), _hash_file(path), round(seconds, 2))
        self._record_path(page).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
        return path

    def _record_path(self, page: Page) -> Path:
        return self.folder / f"{page.name}.json"


def _description(page: Page) -> tuple[object, ...]:
    return (page.title, page.description, page.variant, page.order, page.facts)


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_package() -> str:
    lines = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE)
        if name.parts[0] not in _NOT_IN_PAGES:
            lines.append(f"{name.as_posix()} {_hash_file(path)}")
    return _hash_text("\n".join(lines))


def _hash_versions(lock: Path | None) -> str:
    """Hash the installed versions, which in a conda environment are not those of the lock."""
    names = ["numpy", "pandas", "scipy", "matplotlib", "formulaic", "great_tables"]
    if lock is not None and lock.is_file():
        names = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return _hash_text("\n".join(f"{name} {_installed(name)}" for name in names))


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
