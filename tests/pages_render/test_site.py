"""The pandoc renderer on a project that uses every feature."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import site_fixture

from didjack.errors import OutputError, SiteError
from didjack_pages.render import SiteResult, build_site
from didjack_pages.render.site_checks import check_site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_fixture.write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def built(project: Path) -> SiteResult:
    return build_site(project, renderer="pandoc")


@pytest.fixture(scope="module")
def page(built: SiteResult) -> str:
    return (built.index.parent / "reports" / "all-features.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def castle(built: SiteResult) -> str:
    return (built.index.parent / "reports/datasets/castle.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def front(built: SiteResult) -> str:
    return built.index.read_text(encoding="utf-8")


def test_result(project: Path, built: SiteResult) -> None:
    assert built.renderer == "pandoc"
    assert built.index == project.resolve() / "reports" / "_site" / "index.html"
    assert built.pages == (
        "index.html",
        "reports/all-features.html",
        "reports/datasets/castle.html",
        "reports/datasets/mpdta.html",
    )
    assert built.seconds > 0


def test_nothing_is_left_behind(project: Path, built: SiteResult) -> None:
    assert sorted(p.name for p in (project / "reports").iterdir()) == [
        "_headline.md",
        "_site",
        "all-features.ipynb",
        "datasets",
    ]


def test_title_block(page: str) -> None:
    assert "<title>All features – Fixture</title>" in page
    assert "<h1>All features</h1>" in page
    assert '<p class="subtitle">What notebooks may use</p>' in page
    assert '<p class="description">A page with one of each' in page
    assert '<time datetime="2026-11-22">22 November 2026</time>' in page
    assert '<meta name="description" content="A page with one of each' in page


def test_landmarks_and_skip_link(page: str) -> None:
    for part in ('class="skip-link" href="#content"', '<main id="content"', '<nav class="toc"'):
        assert part in page
    for name in ("Main", "Pages", "Previous and next page"):
        assert f'aria-label="{name}"' in page
    assert '<html lang="en">' in page


def test_sidebar_comes_from_the_project(page: str) -> None:
    sidebar = page[page.index('id="sidebar"') : page.index("<main")]
    titles = re.findall(r">([^<>]+)</(?:a|summary)>", sidebar)
    assert titles == [
        *("Start", "A fixture", "All features"),
        *("Datasets", "Castle doctrine", "Minimum wage"),
    ]
    assert '<a href="all-features.html" aria-current="page">All features</a>' in sidebar
    assert '<a href="../index.html">A fixture</a>' in sidebar


def test_page_turning(castle: str) -> None:
    assert 'class="prev" rel="prev" href="../all-features.html"' in castle
    assert 'class="next" rel="next" href="mpdta.html"' in castle


def test_references_are_numbered_links(page: str) -> None:
    for target, text in (
        ("#eq-att", "Equation 1"),
        ("#fig-study", "Figure 1"),
        ("#fig-drawing", "Figure 2"),
        ("#tbl-gt", "Table 1"),
        ("#tbl-plain", "Table 2"),
        ("#thm-cv3", "Theorem 1"),
        ("#def-replicate", "Definition 1"),
        ("#sec-theory", "Section 3"),
    ):
        assert f'<a href="{target}" class="crossref">{text}</a>' in page.replace("\u00a0", " ")
    assert '<a href="#fig-study" class="crossref">1</a>' in page


def test_sections_are_numbered(page: str) -> None:
    numbers = re.findall(r'<h([23])><span class="header-section-number">([\d.]+)</span>', page)
    assert numbers == [
        *(("2", "1"), ("2", "2"), ("3", "2.1"), ("3", "2.2")),
        *(("2", "3"), ("3", "3.1"), ("3", "3.2"), ("2", "4")),
    ]


def test_equations_are_mathml_with_numbers(page: str) -> None:
    assert '<span id="eq-att" class="equation">' in page
    assert '<span class="equation-number">(1)</span>' in page
    assert "{#eq-att}" not in page
    assert page.count('display="block"') == 2
    assert "mathjax" not in page.lower()


def test_accents_have_natural_width(page: str) -> None:
    assert '<mi>θ</mi><mo accent="true" stretchy="false">\u02c6</mo>' in page
    assert "\u0302" not in page


def test_figures(page: str, built: SiteResult) -> None:
    text = page.replace("\u00a0", " ")
    assert '<figure id="fig-study" class="float float-fig">' in text
    assert '<span class="float-number">Figure 1:</span> Event study' in text
    assert 'alt="Effects are near zero before adoption and positive after it."' in text
    assert re.search(r'<img src="all-features_files/fig-study-output-1.png"[^>]* width="\d+"', text)
    folder = built.index.parent / "reports" / "all-features_files"
    assert sorted(p.name for p in folder.iterdir()) == [
        "fig-drawing-output-1.svg",
        "fig-study-output-1.png",
    ]
    assert "&lt;Axes" not in text  # the value of a plotting call is noise


def test_table_captions_come_first(page: str) -> None:
    for label in ("tbl-gt", "tbl-plain"):
        table = page[page.index(f'<figure id="{label}"') :]
        assert table.index("<figcaption>") < table.index("<table")


def test_great_tables_output_is_kept(page: str) -> None:
    assert 'class="gt_table"' in page
    assert "Effect on log homicides" in page


def test_pandas_style_is_dropped(page: str) -> None:
    assert 'class="dataframe"' in page
    assert "<style scoped>" not in page


def test_citations(page: str) -> None:
    assert 'Callaway and Sant’Anna (<a href="#ref-callaway2021"' in page
    assert 'id="ref-cunningham2021"' in page
    assert '<h2 class="unnumbered">References</h2>' in page


def test_callouts(page: str) -> None:
    assert '<div class="callout callout-note">' in page
    assert '<span class="visually-hidden">Note: </span>A note with a title' in page
    assert re.search(r'<details class="callout callout-warning">\s*<summary', page)
    assert re.search(r'<p class="callout-title">\s*Tip\s*</p>', page)
    assert "callout-simple" in page


def test_tabs(page: str) -> None:
    assert page.count('role="tab"') == 3
    assert page.count('role="tabpanel"') == 3
    assert 'id="tabset-1-1-tab" aria-controls="tabset-1-1" aria-selected="true"' in page
    assert '<div role="tabpanel" id="tabset-1-3" aria-labelledby="tabset-1-3-tab">' in page


def test_theorems(page: str) -> None:
    text = page.replace("\u00a0", " ")
    assert '<div id="def-replicate" class="theorem definition">' in text
    assert '<span class="theorem-title">Theorem 1 (CV3)</span>' in text
    assert '<span class="theorem-title">Proposition 1</span>' in text
    assert '<span class="theorem-title">Proof.</span>' in text
    assert '<span class="theorem-title">Exercise 1</span>' in text


def test_margin_and_foot_notes(page: str) -> None:
    assert '<aside class="margin-note">' in page
    assert 'class="footnote-ref"' in page


def test_cell_options(page: str) -> None:
    for hidden in ("SilentWarning", "suppressed output", "not included", "removed by its tag"):
        assert hidden not in page
    assert "setup" not in page
    assert "removed()" not in page
    assert "#|" not in page
    assert '<details class="code-fold" open><summary>How it is printed</summary>' in page
    assert '<details class="code-fold"><summary>Code</summary>' in page


def test_outputs(page: str) -> None:
    assert "a line of output\nanother" in page  # two pieces of one stream
    assert "UserWarning: be careful" in page
    assert "<strong>bold</strong> from code" in page
    assert "Markdown output with <math" in page
    assert "<mi>α</mi>" in page
    assert "ZeroDivisionError: division by zero" in page
    assert "\x1b" not in page


def test_code_is_highlighted(page: str) -> None:
    assert '<span class="im">import</span> matplotlib.pyplot' in page


def test_links_between_pages(page: str, castle: str) -> None:
    assert '<a href="datasets/castle.html">castle</a>' in page
    assert '<a href="datasets/castle.html#sec-data">data</a>' in page
    assert '<a href="../index.html">home</a>' in page
    assert '<a href="../../index.html">home</a>' in castle


def test_parameters_are_shown_once(castle: str) -> None:
    assert "<summary>Parameters of this page</summary>" in castle
    assert castle.count('class="sourceCode" id="cb') == 2  # parameters and plot
    assert "which one" not in castle
    assert "# Parameters" not in castle


def test_notebooks_can_be_downloaded(castle: str, page: str, built: SiteResult) -> None:
    assert '<a href="castle.ipynb" download>Executed notebook</a>' in castle
    source = "../../notebooks/dataset.ipynb"
    assert f'<a href="{source}" download>Source of the notebook</a>' in castle
    assert (built.index.parent / "reports/datasets/castle.ipynb").is_file()
    assert (built.index.parent / "notebooks/dataset.ipynb").is_file()
    assert "Source of the notebook" not in page  # it was not made by papermill


def test_front_page_includes_the_headline(front: str, built: SiteResult) -> None:
    text = front.replace("\u00a0", " ")
    assert '<span class="float-number">Table 1:</span> Overall effects' in text
    assert '<a href="#tbl-headline" class="crossref">Table 1</a>' in text
    assert 'alt="A rising line."' in text
    assert (built.index.parent / "picture.svg").is_file()
    assert "Notebook" not in front


def test_search_index(built: SiteResult) -> None:
    text = (built.index.parent / "search-index.js").read_text(encoding="utf-8")
    entries = json.loads(text.removeprefix("window.siteSearch=").removesuffix(";\n"))
    urls = {entry[2]: entry for entry in entries}
    assert urls["reports/all-features.html#sec-theory"][:2] == ["All features", "Theory"]
    assert "conservative" in urls["reports/all-features.html#definitions"][3]
    assert all("On this page" not in entry[3] for entry in entries)


def test_no_address_of_another_host_is_loaded(built: SiteResult) -> None:
    style = (built.index.parent / "site_libs/pages/site.css").read_text(encoding="utf-8")
    assert set(re.findall(r"url\([\"']?([^)\"':]+)", style)) == {"data", "math.woff2"}
    assert "@import" not in style
    for path in built.index.parent.rglob("*.html"):
        assert not re.search(r'(src|srcset)="https?:', path.read_text(encoding="utf-8"))


def test_checks_find_nothing(built: SiteResult) -> None:
    assert [c for c in check_site(built.index.parent, alt=True) if c.problems] == []


def test_ids_are_unique_and_figures_described(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", page))


def test_second_build_replaces_the_first(project: Path, built: SiteResult) -> None:
    stale = built.index.parent / "stale.html"
    stale.write_text("old", encoding="utf-8")
    build_site(project, renderer="pandoc")
    assert not stale.exists()
    assert built.index.is_file()


def test_out_and_unknown_renderer(project: Path, tmp_path: Path) -> None:
    result = build_site(project, renderer="pandoc", out=tmp_path / "elsewhere")
    assert result.index == tmp_path / "elsewhere" / "index.html"
    with pytest.raises(SiteError, match="unknown renderer 'word'"):
        build_site(project, renderer="word")


@pytest.mark.parametrize("where", [".", "..", "reports"])
def test_a_site_never_goes_where_its_sources_are(project: Path, where: str) -> None:
    before = sorted(path for path in project.rglob("*"))
    with pytest.raises(OutputError, match="its sources are there"):
        build_site(project, renderer="pandoc", out=project / where)
    assert sorted(path for path in project.rglob("*")) == before


def test_a_site_replaces_nothing_but_a_site(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "index.html").write_text("precious")
    with pytest.raises(OutputError, match="holds other files"):
        build_site(project, renderer="pandoc", out=other)
    with pytest.raises(OutputError, match="it is a file"):
        build_site(project, renderer="pandoc", out=other / "index.html")
    assert (other / "index.html").read_text() == "precious"
