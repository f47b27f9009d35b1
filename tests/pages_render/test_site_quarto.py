"""Rendering with Quarto: what surrounds it always, Quarto itself where it is installed."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest
import site_fixture as f

from didjack.errors import SiteError
from didjack_pages.render import build_site
from didjack_pages.render.project import read_project
from didjack_pages.render.quarto import _stage, quarto_path, warnings_of
from didjack_pages.render.sources import read_sources

needs_quarto = pytest.mark.skipif(quarto_path() is None, reason="Quarto is not installed")

LOG = """
[1/3] index.qmd
\x1b[33mWARN: Unable to resolve link target: nowhere.ipynb\x1b[39m
[ 2/3] reports/datasets/castle.ipynb
[WARNING] Citeproc: citation nobody1999 not found
WARNING (main.lua:1) Unable to resolve crossref @fig-none
WARN: something else
[3/3] reports/x.ipynb
"""


def test_warnings_are_found_and_belong_to_their_page() -> None:
    assert warnings_of(LOG) == [
        "index.qmd: the link to 'nowhere.ipynb' is dead",
        "reports/datasets/castle.ipynb: @nobody1999 is not in the bibliography",
        "reports/datasets/castle.ipynb: the reference @fig-none has no target",
    ]


def test_quarto_that_does_not_run_counts_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "quarto"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert quarto_path() is None
    project = f.write_project(tmp_path)
    with pytest.raises(SiteError, match="Quarto was not found"):
        build_site(project, renderer="quarto")


def test_auto_falls_back_to_pandoc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (tmp_path / "index.qmd").write_text("# Home\n", encoding="utf-8")
    assert build_site(tmp_path).renderer == "pandoc"


def test_the_copy_for_quarto(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    f.write_project(root)
    (root / ".venv").mkdir()
    (root / "reports" / "_site").mkdir()
    (root / "reports" / "_site" / "old.html").write_text("old", encoding="utf-8")
    project = read_project(root)
    _stage(project, read_sources(project), tmp_path / "stage")
    stage = tmp_path / "stage"
    for name in ("_quarto.yml", "index.qmd", "references.bib", "reports/_headline.md"):
        assert (stage / name).is_file(), name
    config = (stage / "_quarto.yml").read_text("utf-8")
    assert "section: Datasets" in config
    assert "section: Simulations" not in config  # it has no pages
    assert not (stage / ".venv").exists()
    assert not (stage / "reports" / "_site").exists()
    cells = f.nbformat.read(stage / "reports/datasets/castle.ipynb", 4)["cells"]
    assert "href: castle.ipynb" in cells[0]["source"]
    assert "href: ../../notebooks/dataset.ipynb" in cells[0]["source"]
    assert [cell["source"] for cell in cells].count('specification: str = "castle"') == 0
    assert (root / "reports/datasets/castle.ipynb").read_text("utf-8").count("other-links") == 0


def test_options_are_put_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    cell = f.code("#| fig-cap: >-\n#|   A long\n#|   caption\n#| echo: false\nplot()")
    f.write_notebook(tmp_path / "reports" / "x.ipynb", f.notebook_of(cell))
    project = read_project(tmp_path)
    _stage(project, read_sources(project), tmp_path / "stage")
    staged = f.nbformat.read(tmp_path / "stage" / "reports" / "x.ipynb", 4)["cells"][1]["source"]
    assert staged == '#| fig-cap: "A long caption"\n#| echo: false\nplot()'


@needs_quarto
def test_both_renderers_resolve_the_same_references(tmp_path: Path) -> None:
    root = f.write_project(tmp_path)
    texts = {}
    for renderer in ("pandoc", "quarto"):
        result = build_site(root, renderer=renderer, out=tmp_path / renderer)
        assert result.renderer == renderer
        page = (tmp_path / renderer / "reports" / "all-features.html").read_text("utf-8")
        links = re.findall(r'href="(#(?:fig|tbl|eq|sec|thm|def)-[^"]+)"[^>]*>([^<]+)</a>', page)
        texts[renderer] = {(href, " ".join(html.unescape(text).split())) for href, text in links}
    numbered = {pair for pair in texts["pandoc"] if re.search(r"\d$", pair[1])}
    assert len(numbered) >= 9
    assert numbered <= texts["quarto"]


@needs_quarto
def test_quarto_problems_are_errors(tmp_path: Path) -> None:
    root = f.write_project(tmp_path)
    cells = (f.front(title="Bad"), f.text("See @fig-none, [x](none.ipynb), @nobody1999."))
    f.write_notebook(root / "reports" / "bad.ipynb", f.notebook_of(*cells))
    with pytest.raises(SiteError) as caught:
        build_site(root, renderer="quarto")
    message = str(caught.value)
    assert "reports/bad.ipynb: the reference @fig-none has no target" in message
    assert "none.ipynb" in message
    assert "@nobody1999 is not in the bibliography" in message
