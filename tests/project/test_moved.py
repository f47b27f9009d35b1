"""Old names of public modules: they work, they warn, and the changelog has them."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from importlib.util import find_spec

import pytest

import didjack as dj
from didjack._moved import MOVED, new_name
from didjack.paths import project_root

ROOT = project_root()
# What the reference, the notebooks and the tests of version 0.1.0 imported from them.
NAMES = {
    "didjack.aggregate": "Aggregate Joint aggte",
    "didjack.attgt": "ATTgt att_gt",
    "didjack.cells": "REASONS Status",
    "didjack.decomposition": "Bacon bacon twfe_weights",
    "didjack.diagnostics": "cluster_frame cohort_frame influence_frame records treated_clusters "
    "unit_noun weights_frame",
    "didjack.headline": "headline_frame headline_markdown",
    "didjack.inference.results": "Inference",
    "didjack.io": "read_table",
    "didjack.latex": "latex_table latex_text",
    "didjack.lessons": "Text course glossary head lesson notation",
    "didjack.paragraph": "methods_paragraph",
    "didjack.plots": "plot_aggregate plot_attgt plot_cohorts plot_comparison plot_event_study "
    "plot_inferences plot_jackknife plot_matrix plot_weights style",
    "didjack.plots.comparison": "COHORT CONTROLS",
    "didjack.plots.style": "BLUE INK SOFT look",
    "didjack.published": "NAMES compare published",
    "didjack.reference": "group_markdown",
    "didjack.simulate.claims": "claims sizes",
    "didjack.simulate.figures": "plot_rates",
    "didjack.students": "write_students",
    "didjack.tables": "cohort_table elements_frame elements_table great_table "
    "inference_frame inference_table influence_table ledger_table lost_table paper_frame "
    "paper_table to_latex",
    "didjack.teaching": "course_table direct_needs lecture_plan",
    "didjack.twfe": "TWFE twfe",
    "didjack.wording": "count decimals interval label listed names_of number p_equals percent",
}


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was imported under old names, before and after."""

    def forget():
        for old in [name for name in sys.modules if new_name(name)]:
            del sys.modules[old]
            parent, _, child = old.rpartition(".")
            if parent in sys.modules and not new_name(parent):
                vars(sys.modules[parent]).pop(child, None)

    forget()
    yield
    forget()


def test_every_entry_has_names_to_try():
    assert set(MOVED) <= set(NAMES)


@pytest.mark.parametrize("old", NAMES)
def test_an_old_name_is_the_module_of_the_new_one(old, fresh):
    place = new_name(old)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = importlib.import_module(old)
    assert module is importlib.import_module(place)
    assert module.__spec__.name == module.__name__ == place
    assert any(f"{old} has moved to {place}" in str(item.message) for item in caught)
    assert {item.category for item in caught} == {DeprecationWarning}


@pytest.mark.parametrize("old", NAMES)
def test_names_are_the_same_objects(old, fresh):
    new = importlib.import_module(new_name(old))
    with pytest.warns(DeprecationWarning, match="has moved to"):
        found = {}
        exec(f"from {old} import {', '.join(NAMES[old].split())}", found)
    for name in NAMES[old].split():
        assert found[name] is getattr(new, name)


@pytest.mark.parametrize("old", [n for n in MOVED if n.count(".") == 1 and n[8:] not in dj._SHORT])
def test_an_old_name_is_an_attribute_of_the_package(old, fresh):
    with pytest.warns(DeprecationWarning, match=f"{old} has moved to") as caught:
        found = {}
        exec(f"from didjack import {old.partition('.')[2]} as found", found)
    assert found["found"] is importlib.import_module(MOVED[old])
    assert len(caught) == 1


def test_the_warning_names_the_line_that_imports(fresh):
    with pytest.warns(DeprecationWarning) as caught:
        import didjack.paragraph  # noqa: F401
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning) as caught:
        _ = dj.published
    assert caught[0].filename == __file__


def test_no_old_name_is_taken_by_a_file():
    for old in MOVED:
        path = old.replace(".", "/")
        assert not (ROOT / f"{path}.py").exists()
        assert not (ROOT / path / "__init__.py").exists()


def _tables() -> list[dict[str, str]]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = text.partition("### What moved\n")[2].partition("\n## ")[0]
    parts = section.split("| old name | new name |")[1:]
    return [dict(re.findall(r"^\| `(\S+)` \| `(\S+)` \|$", part, re.M)) for part in parts]


def test_the_changelog_has_the_table():
    public, internal = _tables()
    assert public == MOVED
    assert len(internal) > 20
    for old, new in internal.items():
        assert find_spec(new) is not None, new
        assert new_name(old) is None
