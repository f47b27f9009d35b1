"""Which pages a run makes: pages.toml, the catalog, and what the user chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from didjack.datasets import catalog
from didjack.errors import ReportError
from didjack_pages.run import plan_pages


def test_plan_has_one_page_for_each_specification_in_catalog_order(notebooks, monkeypatch):
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", lambda name: None)
    monkeypatch.setattr("didjack_pages.run.planned.dataset_path", lambda name: Path(f"{name}.csv"))
    specs = [spec for dataset in catalog().values() for spec in dataset.specifications]
    pages, skipped = plan_pages(notebooks=notebooks)
    expected = ["start", *(f"datasets/{spec.name}" for spec in specs), "study"]
    assert [page.name for page in pages] == expected
    assert [page.order for page in pages] == list(range(1, len(pages) + 1))
    assert skipped == []
    for page, spec in zip(pages[1:-1], specs, strict=True):
        assert page.parameters == {"level": 0.9, "specification": spec.name}
        assert (page.title, page.description) == (spec.title, spec.description)
        assert page.inputs == (Path(f"{spec.dataset}.csv"),)
    # The third notebook has a specification by default.
    assert pages[-1].inputs == (Path("castle.csv"), notebooks.parent / "data/extra.csv")


def test_plan_of_one_dataset_keeps_its_pages_and_those_for_always(notebooks):
    pages, _ = plan_pages(datasets=["mpdta"], notebooks=notebooks)
    assert pages[0].name == "start"
    own = [f"datasets/{spec.name}" for spec in catalog()["mpdta"].specifications]
    assert [page.name for page in pages[1:]] == own


def test_places_in_the_sidebar_do_not_depend_on_the_choice(notebooks):
    every = {page.name: page.order for page in plan_pages(notebooks=notebooks)[0]}
    some = {
        page.name: page.order for page in plan_pages(datasets=["mpdta"], notebooks=notebooks)[0]
    }
    assert some.items() <= every.items()


def test_plan_names_what_is_offered_when_a_dataset_is_unknown(notebooks):
    with pytest.raises(ReportError, match=r"unknown dataset or specification castel.*castle"):
        plan_pages(datasets=["castel"], notebooks=notebooks)


def test_one_page_can_be_chosen(notebooks):
    chosen = ["datasets/mpdta", "study"]
    pages, skipped = plan_pages(only=chosen, notebooks=notebooks)
    assert [page.name for page in pages] == chosen  # not even those for always
    assert skipped == []
    both = plan_pages(datasets=["medicaid"], only=["study"], notebooks=notebooks)[0]
    own = {f"datasets/{spec.name}" for spec in catalog()["medicaid"].specifications}
    assert {page.name for page in both} == {"start", "study"} | own


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("castle", r"no page 'castle'; near it are datasets/castle"),
        ("castel", r"no page 'castel'; near it are datasets/castle"),
        ("datasets/castel", r"no page 'datasets/castel'; near it are datasets/castle"),
        ("reports/study", "near it are study"),
        ("qqqq", r"no page 'qqqq'; pages.toml lists them"),
    ],
)
def test_a_page_that_is_not_there(notebooks, name, message):
    with pytest.raises(ReportError, match=message):
        plan_pages(only=["study", name], notebooks=notebooks)


def test_data_that_are_used_where_they_can_be_had(notebooks, monkeypatch, tmp_path):
    (notebooks / "pages.toml").write_text("""
[[page]]
notebook = "study.ipynb"
reads = ["merit"]
""")
    merit = tmp_path / "merit.dta"
    monkeypatch.setattr("didjack_pages.run.planned.dataset_path", lambda name: merit)
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", lambda name: None)
    ((page,), _) = plan_pages(notebooks=notebooks)
    assert (page.inputs, page.absent) == ((merit, merit), ())  # castle and merit
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", {"merit": "no network"}.get)
    ((page,), skipped) = plan_pages(notebooks=notebooks)
    assert (page.inputs, page.absent, skipped) == ((merit,), ("merit",), [])


def test_inputs_may_be_patterns(notebooks):
    (notebooks / "pages.toml").write_text("""
[[page]]
notebook = "study.ipynb"
inputs = ["notebooks/*a*.ipynb", "notebooks/none-*.toml", "not/there.csv"]
""")
    ((page,), _) = plan_pages(notebooks=notebooks)
    names = [path.name for path in page.inputs if path.name != "castle.csv"]
    assert names == ["each.ipynb", "start.ipynb", "there.csv"]


def test_fast_takes_the_small_parameters(notebooks):
    (whole, *_), (fast, *_) = (plan_pages(f, ["castle"], notebooks=notebooks)[0] for f in (0, 1))
    assert (whole.parameters, fast.parameters) == ({}, {"n": 3})


def test_unavailable_data_leave_their_pages_out_in_one_line(notebooks, monkeypatch):
    reason = {"merit": "no network"}
    monkeypatch.setattr("didjack_pages.run.planned.unavailable", reason.get)
    pages, skipped = plan_pages(notebooks=notebooks)
    left_out = [f"datasets/{spec.name}" for spec in catalog()["merit"].specifications]
    assert not {page.name for page in pages} & set(left_out)
    assert skipped == [f"{', '.join(left_out)}: no network"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[[page]]\nnotebok = 'x'",
            "page 1: unknown key 'notebok'; did you mean 'notebook'[?] The keys are notebook, name",
        ),
        ("[[page]]\nfolder = 'x'", "page 1: key 'notebook' is missing"),
        ("[[page]]\nnotebook = 1", "page 1: key 'notebook' must be a text, but is 1"),
        (
            "[[page]]\nnotebook = 'x'\neach = 'dataset'",
            "page 'x': key 'each' must be one of 'specification', but is 'dataset'",
        ),
        ("[[page]]\nnotebook = 'x'\nname = 'y'\nalways = 1", "page 'y': key 'always' must be true"),
        ("[[page]]\nnotebook = 'x'\ninputs = [1]", "'x': entry 1 of key 'inputs' must be a text"),
        (
            "[[page]]\nnotebook = 'x'\ndatasets = ['nix']",
            "the catalog has no dataset nix; it has .*castle",
        ),
        (
            "[[page]]\nnotebook = 'x'\nreads = ['nix']",
            "the catalog has no dataset nix; it has .*castle",
        ),
        ("[[page]]\nnotebook = 'x'\nalso = ['nix']", "'x': the catalog has no specification nix"),
        ("[[page]]\nnotebook = 'x'\n[[page]]\nnotebook = 'x'", "make the page x: give one"),
        ("page = 1", "pages.toml: key 'page' must be a list of tables, but is 1"),
        ("[page]", "pages.toml: key 'page' must be a list of tables, but is an empty table"),
        ("[[page]\n", "not a TOML file"),
        (None, "pages.toml: there is no such file"),
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
    assert [path.name for path in other.inputs] == ["medicaid.csv", "castle.csv"]
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
