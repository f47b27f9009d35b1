"""What type checkers are told is what happens: the program of a user runs, and mypy reads it."""

from __future__ import annotations

import tomllib

import matplotlib
import pytest
import user_program

import didjack as dj
from didjack.paths import project_root


@pytest.fixture(scope="module")
def castle():
    return dj.load_dataset("castle")


def test_cohorts_are_those_of_the_data(castle):
    assert user_program.cohorts(castle).tolist() == castle["gvar"].tolist()


def test_one_call(castle):
    assert "CV3, exact" in user_program.one_call(castle)


def test_step_by_step(castle, tmp_path):
    read = user_program.step_by_step(castle, tmp_path)
    assert read["parameter"].tolist()[0] == "overall"


def test_two_ways(castle):
    assert 0 < user_program.two_ways(castle)["se"]


def test_draw(castle):
    matplotlib.use("Agg")
    figure = user_program.draw(castle)
    assert figure.axes
    matplotlib.pyplot.close(figure)


def test_errors_are_caught(castle):
    assert "nothing" in user_program.handled(castle)


def test_mypy_reads_it():
    root = project_root()
    if root is None:
        pytest.skip("pyproject.toml is not part of an installed package")
    files = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["files"]
    assert "tests/project/user_program.py" in files
