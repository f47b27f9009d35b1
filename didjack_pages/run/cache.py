"""Executed notebooks that need not be executed again, and how one knows."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from didjack.writing import write_generated
from didjack_pages.paths import notebooks_dir
from didjack_pages.run.dependencies import find_dependencies
from didjack_pages.run.hashes import (
    hash_file,
    hash_modules,
    hash_package,
    hash_text,
    hash_versions,
)
from didjack_pages.run.page import Page

# What an executed notebook looks like is decided here too.
_EXECUTION = ("didjack_pages.run.execute", "didjack_pages.run.finish")


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
        self._used: dict[Path, dict[str, str]] = {}
        self._shared = {
            "package": hash_package(),
            "execution": hash_modules(_EXECUTION),
            "lock": hash_file(lock) if lock is not None and lock.is_file() else "none",
            "versions": hash_versions(lock),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        }

    def key(self, page: Page) -> dict[str, str]:
        """Return what the page depends on, one hash for each kind of input."""
        return {
            "notebook": hash_file(page.notebook),
            "parameters": hash_text(json.dumps(dict(page.parameters), sort_keys=True)),
            "data": hash_text("\n".join([*map(hash_file, page.inputs), *page.absent])),
            "description": hash_text(repr(_description(page))),
            **self._hashes_of_code(page.notebook),
            **self._shared,
        }

    def _hashes_of_code(self, notebook: Path) -> dict[str, str]:
        """Hash what the notebook's code uses: the same for all pages that it makes."""
        if notebook not in self._used:
            used = find_dependencies(notebook, notebooks_dir())
            self._used[notebook] = {
                "modules": hash_modules(used.modules),
                "lists": hash_text("\n".join(map(hash_file, used.lists))),
            }
        return self._used[notebook]

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
        if not path.is_file() or hash_file(path) != record.output:
            return "executed notebook lost or altered"
        return None

    def store(self, page: Page, executed: str, seconds: float) -> Path:
        """Keep an executed notebook and what it was made of; return its path."""
        path = self.path(page)
        self._record_path(page).unlink(missing_ok=True)  # no record beside half a notebook
        write_generated(path, executed)
        record = Record(self.key(page), hash_file(path), round(seconds, 2))
        write_generated(self._record_path(page), json.dumps(asdict(record), indent=1))
        return path

    def _record_path(self, page: Page) -> Path:
        return self.folder / f"{page.name}.json"


def _description(page: Page) -> tuple[object, ...]:
    return (page.title, page.description, page.variant, page.order, page.facts)
