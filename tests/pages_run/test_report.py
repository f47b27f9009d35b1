"""The report driver: planning, parameters, cache, failures, finished pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from written_pages import FRONT, write_notebook

from didjack.errors import ReportError
from didjack_pages.frontpage.write import write_headline
from didjack_pages.run import Page, clean_pages, run_pages
from didjack_pages.run.finish import finish_page
from didjack_pages.run.parameters import check_parameters

# ------------------------------------------------------------------------------ parameters


def test_an_unknown_parameter_is_an_error_that_lists_what_there_is(notebooks):
    page = Page("p", notebooks / "each.ipynb", {"specfication": "castle"})
    with pytest.raises(ReportError) as caught:
        check_parameters(page)
    message = str(caught.value)
    assert "no parameter 'specfication'" in message
    assert "specification: str = 'castle' (which analysis)" in message
    assert "level: float = 0.95" in message


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"specification": "mpdta", "level": 0.9, "n": 3}, None),
        ({"level": 1}, None),
        ({"n": None}, None),
        ({"level": "0.9"}, "level of each.ipynb must be float, not '0.9'"),
        ({"specification": 3}, "specification of each.ipynb must be str, not 3"),
        ({"n": 0.5}, "n of each.ipynb must be int | None, not 0.5"),
        ({"level": True}, "level of each.ipynb must be float, not True"),
    ],
)
def test_parameters_must_have_the_type_of_the_annotation(notebooks, parameters, wrong):
    page = Page("p", notebooks / "each.ipynb", parameters)
    if wrong is None:
        check_parameters(page)
        return
    with pytest.raises(ReportError) as caught:
        check_parameters(page)
    assert wrong in str(caught.value)


def test_without_annotation_the_default_gives_the_type(tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb", parameters='draws = 999\nname = "x"')
    check_parameters(Page("p", notebook, {"draws": 5, "name": "y"}))
    with pytest.raises(ReportError, match=r"draws of n.ipynb must be int"):
        check_parameters(Page("p", notebook, {"draws": "5"}))


def test_nothing_runs_when_one_page_has_a_wrong_parameter(notebooks, tmp_path):
    pages = [Page("a", notebooks / "each.ipynb"), Page("b", notebooks / "each.ipynb", {"x": 1})]
    with pytest.raises(ReportError, match="no parameter 'x'"):
        run_pages(pages, tmp_path / "reports", root=tmp_path)
    assert not (tmp_path / "reports").exists()


def test_a_notebook_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ReportError, match=r"a: the notebook nix.ipynb does not exist"):
        run_pages([Page("a", tmp_path / "nix.ipynb")], tmp_path / "reports", root=tmp_path)


# ---------------------------------------------------------------------------- finished page


def _front_matter(text):
    first = nbformat.reads(text, as_version=4).cells[0]
    assert first.cell_type == "raw"
    return yaml.safe_load(first.source.strip().removeprefix("---").removesuffix("---"))


def test_a_page_gets_its_own_front_matter(tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb")
    title = 'Weights: {all} of "them" — 50 %'
    page = Page("p", notebook, title=title, description="$\\hat{\\beta}$: # no comment", order=4)
    front = _front_matter(finish_page(notebook, page, "2026-01-31"))
    assert front == {
        "title": title,
        "description": "$\\hat{\\beta}$: # no comment",
        "keep": "me",
        "order": 4,
        "date": "2026-01-31",
    }


def test_the_title_of_a_page_on_other_data_says_so(tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb")
    page = Page("p", notebook, title="Averages", variant="medicaid")
    front = _front_matter(finish_page(notebook, page, "2026-01-31"))
    assert front["title"] == "Averages (medicaid)"


def test_a_page_without_its_own_title_keeps_that_of_the_notebook(tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb")
    front = _front_matter(finish_page(notebook, Page("p", notebook), "2026-01-31"))
    assert (front["title"], front["description"]) == ("Source", "From the notebook")


@pytest.mark.parametrize("front", [None, "just text", "----"])
def test_front_matter_is_made_where_there_is_none(tmp_path, front):
    notebook = write_notebook(tmp_path / "n.ipynb", front=front)
    text = finish_page(notebook, Page("p", notebook, title="T"), "2026-01-31")
    assert _front_matter(text)["title"] == "T"
    assert len(json.loads(text)["cells"]) == (3 if front is None else 4)


@pytest.mark.parametrize("front", ["---\n: [\n---", "---\n- a list\n---"])
def test_faulty_front_matter_is_an_error(tmp_path, front):
    notebook = write_notebook(tmp_path / "n.ipynb", front=front)
    with pytest.raises(ReportError, match="front matter"):
        finish_page(notebook, Page("p", notebook), "2026-01-31")


def test_text_with_braces_stays_as_it_is(tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb")
    cells = json.loads(finish_page(notebook, Page("p", notebook), "2026-01-31"))["cells"]
    assert cells[2]["source"] == ["Braces stay: $\\hat{\\beta}_{g}$"]
    assert FRONT.startswith("---")


# ------------------------------------------------------------------------------------- run

GOOD = """
import os, sys
print(sys.executable, os.getcwd(), specification, level, os.environ["OMP_NUM_THREADS"], hash("a"))
"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
BAD = "#| echo: false\nvalue = 1\nraise ValueError(f'no {specification}')"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Run one good and two bad pages; return the folder, the pages and the results."""
    root = tmp_path_factory.mktemp("run")
    good = write_notebook(root / "notebooks" / "good.ipynb", GOOD, FIGURE)
    bad = write_notebook(root / "notebooks" / "bad.ipynb", "1", BAD, "print('not reached')")
    dead = write_notebook(root / "notebooks" / "dead.ipynb", "import os; os._exit(3)", "2")
    pages = [
        Page("bad", bad),
        Page("dead", dead),
        Page("datasets/mpdta", good, {"specification": "mpdta", "level": 1}, title="Own title"),
    ]
    old = root / "reports" / "bad.ipynb"
    old.parent.mkdir()
    old.write_text("numbers of an earlier state")
    seen = []
    results = run_pages(pages, root / "reports", 2, root=root, on_result=seen.append)
    assert sorted(seen, key=lambda r: r.name) == sorted(results, key=lambda r: r.name)
    return root, pages, results


def test_a_good_page_runs_here_with_its_parameters(executed):
    root, _, results = executed
    result = results[2]
    assert (result.name, result.status, result.reason) == ("datasets/mpdta", "done", "new")
    assert result.path == root / "reports" / "datasets" / "mpdta.ipynb"
    cells = nbformat.read(result.path, as_version=4).cells
    printed = cells[4].outputs[0].text.split()
    assert Path(printed[0]) == Path(sys.executable)
    assert Path(printed[1]).resolve() == root.resolve()
    assert printed[2:5] == ["mpdta", "1", "1"]
    assert "image/svg+xml" in cells[5].outputs[0].data


def test_an_executed_page_says_nothing_about_this_machine(executed):
    _, _, results = executed
    notebook = nbformat.read(results[2].path, as_version=4)
    assert "papermill" not in notebook.metadata
    assert not any({"papermill", "execution"} & set(cell.metadata) for cell in notebook.cells)
    injected = notebook.cells[2]
    assert injected.metadata.tags == ["injected-parameters"]
    assert injected.source.startswith("#| include: false\n")
    assert injected.id == "injected-parameters"
    assert notebook.metadata.kernelspec.name == "python3"


def test_failures_do_not_stop_the_others_and_are_located(executed):
    root, _, results = executed
    bad, dead, _ = results
    assert [result.status for result in results] == ["failed", "failed", "done"]
    assert bad.error.cell == 5
    assert bad.error.source.splitlines()[0] == "value = 1"
    assert bad.error.message == "ValueError: no castle"
    assert "\x1b" not in bad.error.traceback
    assert dead.error.cell == 4
    assert "Kernel died" in dead.error.message
    # What was executed is kept to be looked at, but no longer rendered.
    assert bad.path == root / "reports" / "_failed" / "bad.ipynb"
    assert not (root / "reports" / "bad.ipynb").exists()


def test_a_second_run_takes_the_page_from_the_cache(executed):
    root, pages, results = executed
    page = pages[2]
    published = results[2].path
    before = published.read_bytes()
    published.unlink()
    again = run_pages([page], root / "reports", root=root)[0]
    assert (again.status, again.reason) == ("cached", "")
    assert again.seconds == pytest.approx(results[2].seconds, abs=0.01)
    assert published.read_bytes() == before


def test_a_mended_page_is_executed_and_its_remains_deleted(executed):
    root, pages, _ = executed
    write_notebook(pages[0].notebook, "print('mended')")
    result = run_pages([pages[0]], root / "reports", force=True, root=root)[0]
    assert (result.status, result.reason) == ("done", "forced")
    assert not (root / "reports" / "_failed" / "bad.ipynb").exists()


def test_pages_that_are_no_longer_planned_leave_the_site(tmp_path):
    names = ["a", "datasets/b", "datasets/c", "_cache/datasets/c", "_failed/a", "_site/a"]
    for name in names:
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (tmp_path / "README.md").write_text("stays")
    assert clean_pages(tmp_path, ["a", "datasets/b"]) == ["datasets/c"]
    assert not (tmp_path / "datasets/c.ipynb").exists()
    assert (tmp_path / "_cache/datasets/c.ipynb").exists()


def test_the_headline_covers_the_specifications_with_a_page(tmp_path, monkeypatch):
    import types

    module = types.ModuleType("didjack_pages.frontpage.headline")
    module.headline_markdown = lambda names: "|".join(names) + "\n\n"
    monkeypatch.setitem(sys.modules, "didjack_pages.frontpage.headline", module)
    notebook = tmp_path / "n.ipynb"
    castle = {"specification": "castle"}
    pages = [
        Page("start", notebook),
        Page("datasets/castle", notebook, castle),
        Page("learn/first", notebook, castle),
    ]
    path = write_headline(tmp_path, pages)
    assert path == tmp_path / "reports" / "_headline.md"
    assert path.read_text() == "castle\n"
