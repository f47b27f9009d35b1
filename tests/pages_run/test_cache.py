"""Executed notebooks that are kept, and what makes them stale."""

from __future__ import annotations

from dataclasses import replace

import pytest
from written_pages import write_notebook

from didjack_pages.run import Cache, Page
from didjack_pages.run.dependencies import PACKAGES


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
    cache = Cache(folder / "cache", folder / "lock")
    assert cache.why_stale(page) == "changed: notebook, data"


def test_another_lock_makes_every_page_stale(stored):
    page, _, folder = stored
    (folder / "lock").write_text("numpy==1\n")
    assert Cache(folder / "cache", folder / "lock").why_stale(page) == "changed: lock"


def test_another_source_of_the_package_makes_every_page_stale(stored, monkeypatch, tmp_path):
    page, _, folder = stored
    package = tmp_path / "package"
    (package / "cli").mkdir(parents=True)
    (package / "a.py").write_text("1")
    monkeypatch.setitem(PACKAGES, "didjack", package)
    cache = Cache(folder / "cache", folder / "lock")
    assert cache.why_stale(page) == "changed: package"
    cache.store(page, "executed\n", 1.0)
    (package / "cli" / "b.py").write_text("pages that do not import it do not depend on it")
    assert Cache(folder / "cache", folder / "lock").why_stale(page) is None
    (package / "a.py").write_text("2")
    assert Cache(folder / "cache", folder / "lock").why_stale(page) == "changed: package"


def test_data_that_come_or_go_make_the_page_stale(stored):
    page, cache, _ = stored
    assert cache.why_stale(replace(page, absent=("merit",))) == "changed: data"
    assert cache.why_stale(replace(page, inputs=())) == "changed: data"


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
