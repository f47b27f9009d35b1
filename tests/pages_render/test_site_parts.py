"""The parts of the renderer, one at a time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import nbformat
import pytest
import site_fixture as f

from didjack_pages.render import build_site
from didjack_pages.render.cell_options import cell_options, split_options
from didjack_pages.render.links import Linker
from didjack_pages.render.mathml import tidy_math
from didjack_pages.render.navigation import build_navigation
from didjack_pages.render.notebook import notebook_markdown, tidy_parameters
from didjack_pages.render.outputs import FigureFolder, fenced, png_size, svg_size
from didjack_pages.render.page_html import _date
from didjack_pages.render.project import DEFAULT_CONFIG, Project, read_project
from didjack_pages.render.search import page_entries
from didjack_pages.render.sources import (
    Source,
    expand_includes,
    read_sources,
    split_front_matter,
    without_links,
)


def markdown(tmp_path: Path, *cells: object, **page: object) -> str:
    """Return notebook cells as markdown."""
    folder = FigureFolder(tmp_path / "page_files", "page_files")
    text, problems = notebook_markdown(f.notebook_of(*cells), page, folder)
    assert problems == []
    return text


def test_split_options() -> None:
    options, code, problem = split_options("#| echo: false\n#| fig-cap: 'A: b'\n\nx = 1\n#| no")
    assert options == {"echo": False, "fig-cap": "A: b"}
    assert code == "x = 1\n#| no"
    assert problem == ""


def test_options_of_page_tags_and_cell() -> None:
    page = {"echo": False, "code-fold": True}
    assert not cell_options({}, [], page).echo
    assert cell_options({}, ["show-code"], page).echo
    assert not cell_options({"echo": False}, ["show-code"], page).echo
    assert cell_options({}, [], page).code_fold is True
    assert not cell_options({}, ["hide-cell"], page).include
    assert cell_options({"label": "tbl-x"}, [], page).kind == "tbl"
    assert cell_options({"fig-cap": "C"}, [], page).kind == "fig"
    assert cell_options({"label": "setup"}, [], page).kind == ""


def test_fences_are_longer_than_their_content() -> None:
    assert fenced("a\n````\nb").splitlines()[0] == "`````"


def test_page_options_reach_cells(tmp_path: Path) -> None:
    text = markdown(tmp_path, f.code("secret()", f.stream("shown\n")), echo=False)
    assert "secret" not in text
    assert "shown" in text


def test_asis_output_is_markdown(tmp_path: Path) -> None:
    text = markdown(tmp_path, f.code("#| output: asis\n1", f.stream("::: {.callout-note}\nx\n:::")))
    assert "\n::: {.callout-note}\nx\n:::\n" in text


def test_headings_in_asis_output_stand_outside_of_any_div(tmp_path: Path) -> None:
    cell = "#| output: asis\n#| echo: false\n1"
    text = markdown(tmp_path, f.code(cell, f.stream("## A heading")))
    assert text.strip() == "## A heading"
    assert ":::" in markdown(tmp_path, f.code("#| classes: wide\n" + cell, f.stream("## A")))


def test_layout_of_several_figures(tmp_path: Path) -> None:
    cell = f.code(
        "#| layout-ncol: 2\n#| fig-alt: [First., Second.]\nplot()",
        f.display(image_png=f.plot_png()),
        f.display(image_png=f.plot_png()),
    )
    text = markdown(tmp_path, cell)
    assert "layout-ncol=2" in text
    assert 'alt="First."' in text
    assert 'alt="Second."' in text


def test_the_richest_output_is_taken(tmp_path: Path) -> None:
    cell = f.code("x", f.display(text_html="<b>rich</b>", text_plain="poor", text_latex="$p$"))
    text = markdown(tmp_path, cell)
    assert "<b>rich</b>" in text
    assert "poor" not in text


def test_attachments_become_files(tmp_path: Path) -> None:
    cell = f.text("![Plot](attachment:a b.png)")
    cell["attachments"] = {"a b.png": {"image/png": f.plot_png()}}
    text = markdown(tmp_path, cell)
    assert "![Plot](page_files/cell-1-a-b.png)" in text
    assert (tmp_path / "page_files" / "cell-1-a-b.png").is_file()


def test_png_size() -> None:
    import base64

    width, height = png_size(base64.b64decode(f.plot_png()))
    assert width is not None
    assert 500 < width < 900
    assert height is not None
    assert png_size(b"GIF89a") == (None, None)


def test_parameters_without_injection_are_kept() -> None:
    notebook = f.notebook_of(f.code("a = 1", tags=("parameters",)))
    assert tidy_parameters(notebook) is notebook


def test_front_matter() -> None:
    front, body = split_front_matter("---\ntitle: A\ndate: 2026-11-22\n---\nText\n", "x")
    assert front == {"title": "A", "date": dt.date(2026, 11, 22)}
    assert body == "Text\n"
    assert split_front_matter("Text\n\n---\n\nmore", "x")[0] == {}


@pytest.mark.parametrize("value", ["2026-11-22", "2026-11-22T10:00:00Z", dt.date(2026, 11, 22)])
def test_dates(value: object) -> None:
    assert _date(value) == dt.date(2026, 11, 22)


def test_no_date() -> None:
    assert _date("today") is None


def test_includes_are_relative_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "_a.md").write_text("---\nx: 1\n---\nA\n", encoding="utf-8")
    problems: list[str] = []
    text = "```\n{{< include _a.md >}}\n```\n{{< include _a.md >}}\n{{< include /sub/_a.md >}}"
    out = expand_includes(text, tmp_path / "sub" / "page.qmd", tmp_path, problems)
    assert out == "```\n{{< include _a.md >}}\n```\nA\n\nA\n"
    assert problems == []


def test_linker() -> None:
    linker = Linker(Path(), {"index.qmd": "index.html", "reports/a.ipynb": "reports/a.html"})
    assert linker.resolve("a.ipynb#x", "reports/b.ipynb") == "a.html#x"
    assert linker.resolve("../index.qmd", "reports/b.ipynb") == "../index.html"
    assert linker.resolve("/reports/a.ipynb", "reports/sub/c.ipynb") == "../a.html"
    assert linker.resolve("https://x.org/a.ipynb", "index.qmd") == "https://x.org/a.ipynb"
    assert linker.resolve("other.ipynb", "index.qmd") == "other.ipynb"


MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">{}</math>'


def test_accents() -> None:
    hat = MATH.format('<mover><mi>{}</mi><mo accent="true">\u0302</mo></mover>')
    narrow, wide = tidy_math(hat.format("V")), tidy_math(hat.format("ATT"))
    sign = '<mo accent="true" stretchy="false">\u02c6</mo>'
    assert narrow == MATH.format(f'<mover accent="true"><mi>V</mi>{sign}</mover>')
    assert '<mover accent="true"><mi>ATT</mi><mo accent="true">\u0302</mo></mover>' in wide
    plain = MATH.format("<mi>x</mi>")
    assert tidy_math(plain) == plain


def test_exponents_belong_to_the_whole_bracket() -> None:
    bracket = '<mo minsize="120%" maxsize="120%" stretchy="true" form="{}">{}</mo>'
    opening, closing = bracket.format("prefix", "("), bracket.format("postfix", ")")
    head = '<math display="block" xmlns="http://www.w3.org/1998/Math/MathML">'
    inner = f"{opening}<mi>a</mi><msup>{closing}<mn>2</mn></msup>"
    math = f"{head}<mrow><mi>b</mi>{inner}<mo>,</mo></mrow></math>"
    tidied = tidy_math(f"<p>{math}</p>")
    group = f"<msup><mrow>{opening}<mi>a</mi>{closing}</mrow><mn>2</mn></msup>"
    assert f"<mrow><mi>b</mi>{group}<mo>,</mo></mrow></math></p>" in tidied
    assert "ns0" not in tidied


def test_svg_size() -> None:
    assert svg_size(b'<?xml?><svg height="90pt" width="72.0pt" viewBox="0 0 1 1">') == (96, 120)
    assert svg_size(b'<svg viewBox="0 0 1 1">') == (None, None)


def test_patterns_skip_underscores(tmp_path: Path) -> None:
    for name in ("a.ipynb", "_b.ipynb", ".c.ipynb", "_site/d.ipynb", "sub/e.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    project = Project(tmp_path, {})
    found = [p.relative_to(tmp_path).as_posix() for p in project.files(["**/*.ipynb", "!sub/*"])]
    assert found == ["a.ipynb"]


def test_sidebar_order_and_forms(tmp_path: Path) -> None:
    for name, order in (("b", ""), ("a", ""), ("z", "order: 1\n"), ("alone", "")):
        text = f"---\ntitle: Page {name}\n{order}---\n"
        (tmp_path / f"{name}.qmd").write_text(text, encoding="utf-8")
    config = {
        "project": {"render": ["*.qmd"]},
        "website": {
            "title": "T",
            "sidebar": {
                "contents": [
                    {"text": "First", "href": "alone.qmd"},
                    {"section": "All", "contents": "[abz].qmd"},
                    {"section": "None", "contents": "none/*.qmd"},
                    {"text": "Out", "href": "https://example.org"},
                ]
            },
        },
    }
    project = Project(tmp_path, config)
    sidebar = build_navigation(project, read_sources(project)).sidebar
    assert [item.text for item in sidebar] == ["First", "All", "Out"]
    assert [item.text for item in sidebar[1].children] == ["Page z", "Page a", "Page b"]


def test_search_entries() -> None:
    html = (
        "<nav>no</nav><article><h1>Page</h1><p>Top.</p><section id='a'><h2>Head</h2>"
        "<p>Text <math><mi>x</mi></math>here</p><style>p{}</style></section></article>"
    )
    assert page_entries(html, "p.html") == [
        ["Page", "", "p.html", "Top."],
        ["Page", "Head", "p.html#a", "Text here"],
    ]


def test_project_without_configuration(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    cells = (f.front(title="My data", description="Mine."), f.text("Text."))
    f.write_notebook(tmp_path / "reports" / "mine.ipynb", f.notebook_of(*cells))
    assert read_project(tmp_path).config == DEFAULT_CONFIG
    result = build_site(tmp_path, renderer="pandoc")
    front = result.index.read_text(encoding="utf-8")
    assert '<a href="reports/mine.html">My data</a>: Mine.' in front
    assert result.pages == ("index.html", "reports/mine.html")


def test_title_from_the_first_heading(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    notebook = f.notebook_of(f.text("# A heading\n\nText."))
    f.write_notebook(tmp_path / "reports" / "x.ipynb", notebook)
    page = build_site(tmp_path, renderer="pandoc").index.parent / "reports" / "x.html"
    assert page.read_text(encoding="utf-8").count("A heading</h1>") == 1


def test_links_to_pages_left_out_become_text():
    body = "[a page](reports/datasets/x.ipynb#sec-a), [kept](reports/y.ipynb), ![p](p.png)"
    source = Source(Path("index.qmd"), "index.qmd", {}, body=body)
    changed = without_links(source, ["reports/datasets/x.ipynb"])
    assert changed.body == "a page, [kept](reports/y.ipynb), ![p](p.png)"
    text = {"text/markdown": "Builds on [x](/reports/datasets/x.ipynb)."}
    output = nbformat.v4.new_output("execute_result", data=text)
    shown = nbformat.v4.new_code_cell("x", outputs=[output])
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("see [x](datasets/x.ipynb)"), shown]
    )
    inside = Source(Path("n.ipynb"), "reports/n.ipynb", {}, notebook=notebook)
    changed = without_links(inside, ["reports/datasets/x.ipynb"])
    assert changed.notebook["cells"][0]["source"] == "see x"
    assert changed.notebook["cells"][1].outputs[0].data["text/markdown"] == "Builds on x."
    assert inside.notebook["cells"][0]["source"] == "see [x](datasets/x.ipynb)"
