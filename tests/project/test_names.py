"""One name for one thing: classes of both packages, and the files of each."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import didjack
import didjack_pages

PACKAGES = {
    package.__name__: Path(str(package.__file__)).parent for package in (didjack, didjack_pages)
}

# Classes that may share a name, and why. Those to be renamed are to leave this list.
SHARED_CLASSES = {}

# Files of one package that may share a name, and why.
SHARED_FILES = {
    ("didjack", "comparison.py"): "the comparison of inferences, and the plot of it",
    ("didjack", "views.py"): "what results can show, and the functions that show it",
    ("didjack", "options.py"): "the options of estimation, and those of the command line",
    ("didjack_pages", "lessons.py"): "the lessons, and the commands about them",
}


def classes(root: Path) -> list[tuple[str, str]]:
    """Return (name, place) of every class, nested and private ones too."""
    found = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.append((node.name, f"{root.name}/{path.relative_to(root).as_posix()}"))
    return found


def shared(named: list[tuple[str, str]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, place in named:
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def files(root: Path) -> list[tuple[str, str]]:
    modules = [path for path in sorted(root.rglob("*.py")) if not path.name.startswith("__")]
    return [(path.name, path.relative_to(root).as_posix()) for path in modules]


def test_no_two_classes_share_a_name():
    found = shared([pair for root in PACKAGES.values() for pair in classes(root)])
    assert {n: at for n, at in found.items() if n not in SHARED_CLASSES} == {}
    assert set(SHARED_CLASSES) <= set(found), "the list of exceptions has names that are not shared"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_files_of_a_package_share_a_name(package):
    found = shared(files(PACKAGES[package]))
    allowed = {name for of, name in SHARED_FILES if of == package}
    assert {n: at for n, at in found.items() if n not in allowed} == {}
    assert allowed <= set(found), "the list of exceptions has files that share no name"


def test_it_would_find_them(tmp_path):
    for room, kind in (("a", "class Same: pass"), ("b", "def f():\n    class Same: pass")):
        (tmp_path / room).mkdir()
        (tmp_path / room / "file.py").write_text(kind)
    assert shared(classes(tmp_path))["Same"] == [
        f"{tmp_path.name}/a/file.py",
        f"{tmp_path.name}/b/file.py",
    ]
    assert shared(files(tmp_path)) == {"file.py": ["a/file.py", "b/file.py"]}
