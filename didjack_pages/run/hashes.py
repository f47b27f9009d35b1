"""Hashes of what pages are made from: texts, files, modules, packages, installed versions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from didjack_pages.run.dependencies import PACKAGES, module_file


def hash_text(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Hash the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_package() -> str:
    """Hash the estimation package without its command line, which few pages show or run."""
    folder = PACKAGES["didjack"]
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    kept = {name: path for name, path in names.items() if not name.startswith("cli/")}
    return hash_text("\n".join(f"{name} {hash_file(kept[name])}" for name in sorted(kept)))


def hash_modules(names: Iterable[str]) -> str:
    """Hash the source of modules of the two packages."""
    files = {name: module_file(name) for name in names}
    return hash_text("\n".join(f"{name} {hash_file(p)}" for name, p in files.items() if p))


def hash_versions(lock: Path | None) -> str:
    """Hash the installed versions, which in a conda environment are not those of the lock."""
    names = ["numpy", "pandas", "scipy", "matplotlib", "formulaic", "great_tables"]
    names += ["nbformat", "pypandoc_binary"]
    if lock is not None and lock.is_file():
        names = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return hash_text("\n".join(f"{name} {_installed(name)}" for name in names))


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
