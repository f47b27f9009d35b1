"""Every file of reference numbers is described, and the program that makes it lies beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "reference"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))
SCRIPTS = sorted(path.relative_to(FOLDER).as_posix() for path in (FOLDER / "programs").iterdir())
# The scripts that others source: no file of numbers is theirs alone.
SHARED = {"programs/common.R"}


def rows() -> dict[str, list[str]]:
    """Return the cells of the README's table by file; a row may describe several."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([\w.]+\.json)`", cells[0]) if line.startswith("| `") else []
        for name in names:
            assert name not in found, f"{name} has two rows"
            found[name] = cells
    return found


def test_the_table_names_just_the_files_that_are_there():
    assert sorted(rows()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_program_version_script_and_data(name):
    _, program, script, data, specification = rows()[name]
    assert re.search(r"\d+\.\d+|version not printed", program), program
    assert data and specification
    named = re.findall(r"`([^`]+)`", script)
    assert named and set(named) <= set(SCRIPTS) - SHARED
    for one in named:
        text = (FOLDER / one).read_text(encoding="utf-8")
        assert name in text, f"{one} does not say that it makes {name}"


def test_every_script_makes_a_file_and_says_whether_it_was_run():
    used = {s for cells in rows().values() for s in re.findall(r"`([^`]+)`", cells[2])}
    assert used | SHARED == set(SCRIPTS)
    for name in SCRIPTS:
        first = (FOLDER / name).read_text(encoding="utf-8").split("\n", 1)[0]
        assert re.match(r"[#*] Status: ", first), f"{name} does not begin with its status"


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith("r_")])
def test_versions_are_those_of_the_file(name):
    """What the file says of itself, `did 2.5.1` and so on, is what the table says."""
    stated = re.findall(r"\b(did|DRDID|didjack) (\d[\d.]*\d)", _program(name))
    assert stated
    program = rows()[name][1]
    for package, version in stated:
        assert f"`{package}` {version}" in program, f"{package} {version} is not in: {program}"


def _program(name: str) -> str:
    return str(json.loads((FOLDER / name).read_text(encoding="utf-8"))["program"])


def test_castle_names_its_versions_as_the_file_does():
    content = json.loads((FOLDER / "castle_didjack.json").read_text(encoding="utf-8"))
    program = rows()["castle_didjack.json"][1]
    for source in (content["R"]["provenance"], content["Stata"]["provenance"]):
        for package, version in source.items():
            number = re.search(r"[\d.]*\d", version) if "commit" not in package else None
            wanted = version[:7] if number is None else number.group()
            assert wanted in program, f"{package} {version} is not in: {program}"
