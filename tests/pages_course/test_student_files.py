"""Notebooks to work in as files: written once, never over somebody's answers."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest
from typer.testing import CliRunner

from didjack.errors import ReportError
from didjack_pages.course import student_files
from didjack_pages.course.lessons import course
from didjack_pages.course.student_files import refresh_students, write_students
from didjack_pages.run.dependencies import PACKAGES, module_file


@pytest.fixture
def shelf(tmp_path, monkeypatch, fixture):
    """A course whose first lesson is the fixture, and no other exists."""
    (tmp_path / "notebooks/learn").mkdir(parents=True)
    nbformat.write(fixture, tmp_path / f"notebooks/learn/{course()[0].name}.ipynb")
    monkeypatch.setattr(student_files, "notebooks_dir", lambda: tmp_path / "notebooks")
    return tmp_path / "out"


def test_notebooks_are_written_as_jupyter_writes_them(shelf):
    (path,) = write_students(shelf)
    assert path == shelf / f"{course()[0].name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    assert write_students(shelf) == [path]  # nothing has changed
    (solved,) = write_students(shelf, solutions=True)
    assert solved.name == f"{course()[0].name}-solutions.ipynb"
    assert write_students(shelf, course()[1:]) == []


def test_answers_are_not_overwritten(shelf):
    (path,) = write_students(shelf)
    path.write_text(path.read_text().replace("# Your answer", "half = 6 # Your answer"))
    answered = path.read_text()
    with pytest.raises(ReportError, match=r"01-.*--overwrite"):
        write_students(shelf)
    assert path.read_text() == answered
    write_students(shelf, force=True)
    assert path.read_text() != answered


def test_the_command_writes_and_refuses(shelf):
    from didjack.cli import app

    def call(*arguments):
        return CliRunner().invoke(app, ["lessons", "--out", str(shelf), *arguments])

    done = call("--lesson", "1", "--with-solutions")
    assert done.exit_code == 0, done.output
    (path,) = shelf.iterdir()
    assert path.name in done.output.replace("\n", "")
    path.write_text("{}")
    refused = call("--with-solutions")
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert call("--with-solutions", "--force").exit_code == 0
    assert "no lesson 40" in call("--lesson", "40").output


def test_the_site_writes_what_has_changed(shelf, tmp_path):
    record = tmp_path / "cache" / "students.json"
    name = course()[0].name
    assert refresh_students(shelf, record) == [name]
    path = shelf / f"{name}.ipynb"
    written = path.stat().st_mtime_ns
    assert refresh_students(shelf, record) == []
    assert path.stat().st_mtime_ns == written
    text = path.read_text(encoding="utf-8")
    for damage in (lambda: path.unlink(), lambda: path.write_text("{}"), record.unlink):
        damage()
        assert refresh_students(shelf, record) == [name]
        assert path.read_text(encoding="utf-8") == text
    source = tmp_path / "notebooks/learn" / f"{name}.ipynb"
    source.write_text(source.read_text(encoding="utf-8").replace("Gauss", "Euler"))
    assert refresh_students(shelf, record) == [name]
    assert "Euler" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["course.students", "course.lessons", "render.flat", "paths"])
def test_other_code_writes_them_again(shelf, tmp_path, monkeypatch, module):
    record = tmp_path / "students.json"
    refresh_students(shelf, record)
    package = shutil.copytree(PACKAGES["didjack_pages"], tmp_path / "didjack_pages")
    monkeypatch.setitem(PACKAGES, "didjack_pages", package)
    assert refresh_students(shelf, record) == []
    with module_file(f"didjack_pages.{module}").open("a", encoding="utf-8") as file:
        file.write("# a word\n")
    assert refresh_students(shelf, record) == [course()[0].name]
