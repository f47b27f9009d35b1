"""What is wrong with a site is found, named with its page, and reported all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import site_fixture as f

from didjack.errors import SiteError
from didjack_pages.render import build_site

CONFIG = """
project: {type: website, output-dir: _site, render: [index.qmd, "*.ipynb"]}
website: {title: T, sidebar: {contents: [index.qmd, {auto: "*.ipynb"}]}}
bibliography: references.bib
"""


def problems(root: Path, *cells: object, index: str = "Text.", config: str = CONFIG) -> str:
    """Build a site of one notebook; return the message of the error."""
    (root / "_quarto.yml").write_text(config, encoding="utf-8")
    (root / "index.qmd").write_text(f"---\ntitle: Home\n---\n\n{index}\n", encoding="utf-8")
    (root / "references.bib").write_text(f.BIBLIOGRAPHY, encoding="utf-8")
    if cells:
        f.write_notebook(root / "page.ipynb", f.notebook_of(*cells))
    with pytest.raises(SiteError) as caught:
        build_site(root, renderer="pandoc")
    return str(caught.value)


def test_unresolved_reference(tmp_path: Path) -> None:
    message = problems(tmp_path, f.text("See @fig-nothing and @sec-none."))
    assert "The site has 2 problems" in message
    assert "page.ipynb: the reference @fig-nothing has no target on this page" in message
    assert "@sec-none" in message
    page = (tmp_path / "_site" / "page.html").read_text(encoding="utf-8")
    assert '<span class="unresolved">?@fig-nothing</span>' in page  # left there to look at


def test_missing_citation(tmp_path: Path) -> None:
    message = problems(tmp_path, f.text("After @nobody1999."))
    assert "page.ipynb: @nobody1999 is not in the bibliography" in message


def test_citation_without_bibliography(tmp_path: Path) -> None:
    config = CONFIG.replace("bibliography: references.bib", "")
    message = problems(tmp_path, f.text("After @callaway2021."), config=config)
    assert "names no `bibliography`" in message


def test_label_used_twice(tmp_path: Path) -> None:
    message = problems(tmp_path, f.text("## A {#sec-a}\n\n## B {#sec-a}"))
    assert "the label 'sec-a' is used twice" in message


def test_figure_without_alternative_text(tmp_path: Path) -> None:
    cell = f.code(
        "#| label: fig-a\n#| fig-cap: A caption is no description\nplot()",
        f.display(image_png=f.plot_png()),
    )
    message = problems(tmp_path, cell)
    assert "page.ipynb: the image 'page_files/fig-a-output-1.png' has no alternative" in message


def test_dead_links_and_anchors(tmp_path: Path) -> None:
    message = problems(
        tmp_path,
        f.text("## Here\n\n[a](nowhere.ipynb) [b](index.qmd#none) [c](#gone) [d](#here)"),
    )
    assert "the link to 'nowhere.ipynb' is dead: there is no such file" in message
    assert "the link to 'index.html#none' is dead: that page has no such anchor" in message
    assert "the link to '#gone' is dead" in message
    assert "#here" not in message


def test_missing_image(tmp_path: Path) -> None:
    message = problems(tmp_path, f.text("![Description](nothing.png)"))
    assert "index" not in message
    assert "the file 'nothing.png' that it shows or loads does not exist" in message


def test_other_host(tmp_path: Path) -> None:
    script = '<script src="https://cdn.example.org/x.js"></script><p>widget</p>'
    message = problems(tmp_path, f.code("w", f.display(text_html=script)))
    assert "it loads https://cdn.example.org/x.js from another host" in message


def test_missing_include(tmp_path: Path) -> None:
    message = problems(tmp_path, index="{{< include reports/_headline.md >}}")
    assert "index.qmd: the included file 'reports/_headline.md' does not exist" in message


def test_include_of_itself(tmp_path: Path) -> None:
    (tmp_path / "_a.md").write_text("{{< include _a.md >}}", encoding="utf-8")
    assert "includes itself" in problems(tmp_path, index="{{< include _a.md >}}")


def test_unknown_shortcode(tmp_path: Path) -> None:
    message = problems(tmp_path, index="{{< video x.mp4 >}}")
    assert "index.qmd: the shortcode 'video' is not supported" in message


def test_unknown_cell_option(tmp_path: Path) -> None:
    message = problems(tmp_path, f.code("#| lable: fig-x\nx"), f.code("#| echo: [\nx"))
    assert "page.ipynb: cell 1: the cell option 'lable' is not supported" in message
    assert "page.ipynb: cell 2: the cell options are not valid YAML" in message


def test_absent_pages(tmp_path: Path) -> None:
    config = CONFIG.replace("contents: [index.qmd", "contents: [index.qmd, missing.ipynb")
    message = problems(tmp_path, config=config)
    assert "_quarto.yml: the page 'missing.ipynb' (sidebar) does not exist" in message


def test_everything_is_reported_together(tmp_path: Path) -> None:
    message = problems(
        tmp_path,
        f.text("@fig-a [x](y.ipynb) @nobody"),
        f.code("#| nonsense: 1\n1"),
        index="@tbl-b",
    )
    assert "The site has 5 problems" in message
    assert message.count("\n  - ") == 5


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    assert "broken.ipynb: not a readable notebook" in problems(tmp_path)
    (tmp_path / "broken.ipynb").unlink()
    assert "_quarto.yml is not valid YAML" in problems(tmp_path, config="a: [")
    assert "_quarto.yml is empty" in problems(tmp_path, config="")
