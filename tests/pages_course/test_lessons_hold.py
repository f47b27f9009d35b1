"""What the lessons assert holds: every code cell runs, solutions and checks included.

Without a kernel and with the small parameters, so that it takes seconds; the pages themselves are
executed by the run. A failure names the lesson and the cell.
"""

from __future__ import annotations

import linecache
import warnings

import matplotlib.pyplot as plt
import pytest

from didjack.datasets import unavailable
from didjack_pages.course.lessons import course
from didjack_pages.paths import notebooks_dir
from didjack_pages.run import plan_pages
from didjack_pages.run.parameters import read_code

PAGES = {page.name: page for page in plan_pages(fast=True)[0]}


class CellError(AssertionError):
    """A cell of a lesson that did not run, or an assertion in it that does not hold."""


def run_cells(name, cells, parameters):
    """Run code cells, given as (number, code, tags), one after the other in one namespace."""
    names = {"__name__": "__main__"}
    for number, code, tags in cells:
        file = f"<{name}, cell {number}>"
        # A traceback shows the line.
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        try:
            exec(compile(code, file, "exec"), names)
        except Exception as error:
            raise CellError(f"{name}, cell {number}: {type(error).__name__}: {error}") from error
        finally:
            plt.close("all")
        if "parameters" in tags:
            names |= parameters
    return names


@pytest.mark.parametrize("lesson", course(), ids=lambda lesson: lesson.name)
def test_a_lesson_holds(lesson, monkeypatch):
    page = PAGES.get(f"learn/{lesson.name}")
    if page is None:
        pytest.skip(f"needs data: {unavailable('merit')}")
    monkeypatch.chdir(notebooks_dir().parent)
    with warnings.catch_warnings(), plt.rc_context():
        # As a kernel has it: a lesson shows warnings on purpose.
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        run_cells(page.notebook.stem, read_code(page.notebook), page.parameters)


def test_a_failure_names_lesson_and_cell():
    cells = [(1, "n = 1", ["parameters"]), (3, "assert n == 2\nassert n == 1, 'not one'", [])]
    with pytest.raises(CellError, match="x, cell 3: AssertionError: not one") as caught:
        run_cells("x", cells, {"n": 2})
    assert caught.value.__cause__.__traceback__.tb_next.tb_lineno == 2
