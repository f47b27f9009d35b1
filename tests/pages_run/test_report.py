"""The report driver: planning, parameters, cache, failures, finished pages."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import yaml
from written_pages import FRONT, write_notebook

from didjack.errors import ReportError
from didjack_pages.frontpage.write import write_headline
from didjack_pages.run import Cache, Page, clean_pages, plan_pages, run_pages
from didjack_pages.run.finish import finish_page
from didjack_pages.run.parameters import check_parameters

ALL = """
[[page]]
notebook = "start.ipynb"
datasets = ["castle"]
always = true
fast = {n = 3}

[[page]]
notebook = "each.ipynb"
folder = "datasets"
each = "specification"
parameters = {level = 0.9}

[[page]]
notebook = "study.ipynb"
inputs = ["data/extra.csv"]
"""


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    for name in ("start", "each", "study"):
        write_notebook(folder / f"{name}.ipynb")
    (folder / "pages.toml").write_text(ALL)
    return folder


# ------------------------------------------------------------------------------------ plan


def test_plan_has_one_page_for_each_specification_in_catalog_order(notebooks, monkeypatch):
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", lambda name: None)
    monkeypatch.setattr("didjack_pages.run.planned.dataset_path", lambda name: Path(f"{name}.csv"))
    from didjack.datasets import catalog

    specs = [spec for dataset in catalog().values() for spec in dataset.specifications]
    pages, skipped = plan_pages(notebooks=notebooks)
    expected = ["start", *(f"datasets/{spec.name}" for spec in specs), "study"]
    assert [page.name for page in pages] == expected
    assert [page.order for page in pages] == list(range(1, len(pages) + 1))
    assert skipped == []
    castle = pages[1]
    assert castle.parameters == {"level": 0.9, "specification": specs[0].name}
    assert (castle.title, castle.description) == (specs[0].title, specs[0].description)
    assert castle.inputs == (Path("castle.csv"),)
    assert pages[-1].inputs == (notebooks.parent / "data/extra.csv",)


def test_plan_of_one_dataset_keeps_its_pages_and_those_for_always(notebooks):
    pages, _ = plan_pages(datasets=["mpdta"], notebooks=notebooks)
    assert pages[0].name == "start"
    assert {page.name.split("-")[0] for page in pages[1:]} == {"datasets/mpdta"}


def test_places_in_the_sidebar_do_not_depend_on_the_choice(notebooks):
    every = {page.name: page.order for page in plan_pages(notebooks=notebooks)[0]}
    some = {
        page.name: page.order for page in plan_pages(datasets=["mpdta"], notebooks=notebooks)[0]
    }
    assert some.items() <= every.items()


def test_plan_names_what_is_offered_when_a_dataset_is_unknown(notebooks):
    with pytest.raises(ReportError, match=r"unknown dataset or specification castel.*castle"):
        plan_pages(datasets=["castel"], notebooks=notebooks)


def test_fast_takes_the_small_parameters(notebooks):
    (whole, *_), (fast, *_) = (plan_pages(f, ["castle"], notebooks=notebooks)[0] for f in (0, 1))
    assert (whole.parameters, fast.parameters) == ({}, {"n": 3})


def test_unavailable_data_leave_their_pages_out_in_one_line(notebooks, monkeypatch):
    reason = {"merit": "no network"}
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", reason.get)
    pages, skipped = plan_pages(notebooks=notebooks)
    assert not [page for page in pages if "merit" in page.name]
    assert len(skipped) == 1
    assert skipped[0].startswith("datasets/merit")
    assert skipped[0].endswith(": no network")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[page]]\nnotebok = 'x'", "page 1: unknown key notebok; there are notebook, name"),
        ("[[page]]\nfolder = 'x'", "page 1: the key notebook is missing"),
        ("[[page]]\nnotebook = 1", "notebook must be a str, not 1"),
        ("[[page]]\nnotebook = 'x'\neach = 'dataset'", "each can only be"),
        ("[[page]]\nnotebook = 'x'\ndatasets = ['nix']", "the catalog has no dataset nix"),
        ("[[page]]\nnotebook = 'x'\nalso = ['nix']", "the catalog has no specification nix"),
        ("[[page]]\nnotebook = 'x'\n[[page]]\nnotebook = 'x'", "make the page x: give one"),
        ("page = 1", "must consist of"),
        ("[[page]\n", "not valid TOML"),
        (None, "pages.toml is missing"),
    ],
)
def test_mistakes_in_pages_toml_are_named(tmp_path, text, message):
    if text is not None:
        (tmp_path / "pages.toml").write_text(text)
    with pytest.raises(ReportError, match=message):
        plan_pages(notebooks=tmp_path)


def test_one_notebook_makes_several_pages(notebooks):
    (notebooks / "pages.toml").write_text("""
[[page]]
notebook = "each.ipynb"
folder = "learn"
datasets = ["castle"]
parameters = {specification = "castle", n = 5}
fast = {n = 1}
also = ["medicaid"]

[[page]]
notebook = "each.ipynb"
folder = "learn"
name = "second"
title = "Second"
""")
    first, other, second = plan_pages(fast=True, notebooks=notebooks)[0]
    assert (first.name, first.variant) == ("learn/each", "")
    assert (other.name, other.variant) == ("learn/medicaid/each", "medicaid")
    assert other.parameters == {"specification": "medicaid", "n": 1}
    assert [path.name for path in other.inputs] == ["medicaid.csv"]
    assert (second.name, second.title, second.parameters) == ("learn/second", "Second", {})
    # A run that is limited to a dataset makes the pages on it alone.
    pages, _ = plan_pages(datasets=["medicaid"], notebooks=notebooks)
    assert [page.name for page in pages] == ["learn/medicaid/each"]


def test_every_notebook_of_the_project_is_in_pages_toml():
    from didjack_pages.paths import notebooks_dir

    listed = (notebooks_dir() / "pages.toml").read_text(encoding="utf-8")
    own = [path.relative_to(notebooks_dir()) for path in notebooks_dir().rglob("*.ipynb")]
    named = [path.as_posix() for path in own if not path.parts[0].startswith(".")]
    missing = [name for name in named if f'"{name}"' not in listed]
    assert missing == []


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


# ----------------------------------------------------------------------------------- cache


@pytest.fixture
def stored(tmp_path):
    """Return a page in the cache, with a data file and a lock."""
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "lock").write_text("numpy==0\n")
    page = Page(
        "datasets/castle",
        write_notebook(tmp_path / "n.ipynb"),
        {"level": 0.9},
        inputs=(tmp_path / "data.csv",),
        facts=("spec",),
    )
    cache = Cache(tmp_path / "cache", tmp_path / "lock")
    assert cache.why_stale(page) == "new"
    cache.store(page, "executed\n", 1.234)
    return page, cache, tmp_path


def test_an_unchanged_page_is_kept(stored):
    page, cache, folder = stored
    assert cache.why_stale(page) is None
    assert Cache(folder / "cache", folder / "lock").why_stale(page) is None
    assert cache.record(page).seconds == 1.23


def test_each_kind_of_input_makes_the_page_stale(stored):
    page, cache, folder = stored
    assert cache.why_stale(replace(page, parameters={"level": 0.8})) == "changed: parameters"
    assert cache.why_stale(replace(page, facts=("other",))) == "changed: description"
    assert cache.why_stale(replace(page, title="other")) == "changed: description"
    (folder / "data.csv").write_text("2")
    write_notebook(page.notebook, "1")
    assert cache.why_stale(page) == "changed: notebook, data"


def test_another_lock_makes_every_page_stale(stored):
    page, _, folder = stored
    (folder / "lock").write_text("numpy==1\n")
    assert Cache(folder / "cache", folder / "lock").why_stale(page) == "changed: lock"


def test_another_source_of_the_package_makes_every_page_stale(stored, monkeypatch, tmp_path):
    page, _, folder = stored
    package = tmp_path / "package"
    (package / "site").mkdir(parents=True)
    (package / "a.py").write_text("1")
    monkeypatch.setattr("didjack_pages.run.cache._PACKAGE", package)
    cache = Cache(folder / "cache", folder / "lock")
    assert cache.why_stale(page) == "changed: package"
    cache.store(page, "executed\n", 1.0)
    (package / "site" / "b.py").write_text("no page depends on it")
    assert Cache(folder / "cache", folder / "lock").why_stale(page) is None


@pytest.mark.parametrize("damage", ["alter", "delete"])
def test_a_kept_notebook_that_is_not_what_was_stored_is_made_again(stored, damage):
    page, cache, _ = stored
    path = cache.path(page)
    path.unlink() if damage == "delete" else path.write_text("other")
    assert cache.why_stale(page) == "executed notebook lost or altered"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": {}}', '{"key": 1, "x": 2}'])
def test_an_unreadable_record_counts_as_none(stored, text):
    page, cache, folder = stored
    (folder / "cache" / "datasets" / "castle.json").write_text(text)
    assert cache.why_stale(page) == "new"


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
