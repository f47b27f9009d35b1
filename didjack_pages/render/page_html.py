"""One page: its source through pandoc into the site's template."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from didjack_pages.render import assets as asset_files
from didjack_pages.render.blocks import rewrite_blocks
from didjack_pages.render.crossref import number_blocks, resolve_references
from didjack_pages.render.formats import Format, formats_html
from didjack_pages.render.links import Linker, relative, rewrite_links
from didjack_pages.render.mathml import tidy_math
from didjack_pages.render.navigation import (
    NavEntry,
    Navigation,
    navbar_html,
    neighbours,
    plain_title,
    sidebar_html,
    trail,
    unescaped,
)
from didjack_pages.render.notebook import notebook_markdown, tidy_parameters
from didjack_pages.render.outputs import FigureFolder
from didjack_pages.render.pandoc import missing_citations, read_markdown, write_html
from didjack_pages.render.project import Project, strings
from didjack_pages.render.sources import Source, expand_includes
from didjack_pages.render.tree import Node, attributes, div, nodes, string, tag

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_ID_OF_TOC = re.compile(r' id="toc-(?!title")[^"]*"')  # the table of contents is there twice


@dataclass(frozen=True)
class Outcome:
    """What came of one page."""

    page: str
    problems: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Site:
    """What all pages of one build share."""

    project: Project
    navigation: Navigation
    linker: Linker
    out: Path
    formats: Mapping[str, tuple[Format, ...]]  # page -> what it can be downloaded as


def render_page(source: Source, site: Site) -> Outcome:
    """Render one page; its problems are returned, not raised, so that all are seen at once."""
    problems: list[str] = []
    options = site.project.options(source.front_matter)
    target = site.out / source.href
    target.parent.mkdir(parents=True, exist_ok=True)
    text = _markdown(source, site, options, problems)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        document = read_markdown(text, _metadata(source, options), folder)
        blocks = _drop_title(document["blocks"], source)
        blocks, has_citations = _transform(blocks, source, site, options, problems)
        document["blocks"] = blocks
        headings = sum(block["t"] == "Header" for block in blocks)
        variables = _variables(source, site, options, headings)
        result = write_html(
            document,
            variables,
            asset_files.TEMPLATE,
            site.project.bibliography if has_citations else [],
            folder,
            int(options.get("toc-depth", 3)),
        )
    problems += [f"@{key} is not in the bibliography" for key in missing_citations(result.warnings)]
    if has_citations and not site.project.bibliography:
        problems.append("there are citations, but _quarto.yml names no `bibliography`")
    target.write_text(_ID_OF_TOC.sub("", tidy_math(result.text)), encoding="utf-8")
    return Outcome(source.rel, tuple(dict.fromkeys(problems)))


def _markdown(source: Source, site: Site, options: Mapping[str, Any], problems: list[str]) -> str:
    root = site.project.root
    if source.notebook is None:
        return expand_includes(source.body, source.path, root, problems)
    stem = source.href.removesuffix(".html")
    folder = FigureFolder(site.out / f"{stem}_files", f"{stem.rsplit('/', 1)[-1]}_files")
    notebook = tidy_parameters(source.notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = expand_includes(cell["source"], source.path, root, problems)
    text, wrong = notebook_markdown(notebook, options, folder)
    problems += wrong
    return text


def _drop_title(blocks: list[Node], source: Source) -> list[Node]:
    """Take out the first heading of level 1 where it serves as the page's title."""
    first = blocks[0] if blocks else {"t": ""}
    if "title" not in source.front_matter and first["t"] == "Header" and first["c"][0] == 1:
        return blocks[1:]
    return blocks


def _transform(
    blocks: list[Node], source: Source, site: Site, options: Mapping[str, Any], problems: list[str]
) -> tuple[list[Node], bool]:
    blocks = rewrite_blocks(blocks)
    sections = bool(options.get("number-sections", False))
    depth = int(options.get("number-depth", 6))
    blocks, labels = number_blocks(blocks, sections=sections, depth=depth)
    blocks, unresolved = resolve_references(blocks, labels)
    problems += labels.problems + unresolved
    blocks = rewrite_links(blocks, source.rel, site.linker, site.out)
    if not any(node["t"] == "Cite" for node in nodes(blocks)):
        return blocks, False
    if not any(node["t"] == "Div" and node["c"][0][0] == "refs" for node in nodes(blocks)):
        heading = attributes("references", ["unnumbered"])
        blocks.append({"t": "Header", "c": [2, heading, [string("References")]]})
        blocks.append(div([], "refs"))
    return blocks, True


def _metadata(source: Source, options: Mapping[str, Any]) -> dict[str, Any]:
    front = source.front_matter
    metadata: dict[str, Any] = {"title": source.title}
    for key in ("subtitle", "description"):
        if front.get(key):
            metadata[key] = str(front[key])
    authors = front.get("author", options.get("author"))
    names = authors if isinstance(authors, list) else [authors] if authors else []
    metadata["author"] = [
        str(name.get("name", "")) if isinstance(name, Mapping) else str(name) for name in names
    ]
    return metadata


def _variables(
    source: Source, site: Site, options: Mapping[str, Any], headings: int
) -> dict[str, Any]:
    nav, page = site.navigation, source.href
    before, after = neighbours(nav, page)
    date = _date(source.front_matter.get("date"))
    with_toc = bool(options.get("toc", True)) and headings > 1
    formats = formats_html(site.formats.get(page, ()), page)
    favicon = str(site.project.website.get("favicon", "")).lstrip("/")
    if not favicon or not (site.project.root / favicon).is_file():
        favicon = f"{asset_files.FOLDER}/favicon.svg"
    title = plain_title(source.title)
    variables = {
        "lang": str(options.get("lang", "en")),
        "version": _version(),
        "root": relative("x", page).removesuffix("x"),
        "libs": relative(asset_files.FOLDER, page),
        "assets-version": asset_files.digest(),
        "favicon": relative(favicon, page),
        "styles": [relative(name, page) for name in strings(options.get("css"))],
        "home": relative("index.html", page),
        "site-title": escape(nav.title),
        "page-title": escape(title if title == nav.title else f"{title} – {nav.title}"),
        "summary": escape(unescaped(str(source.front_matter.get("description", "")))),
        "navbar-left": navbar_html(nav.left, page),
        "navbar-right": navbar_html(nav.right, page),
        "sidebar": sidebar_html(nav.sidebar, page),
        "trail": escape(" › ".join(trail(nav.sidebar, page))),
        "show-toc": with_toc,
        "with-toc": with_toc or bool(formats),
        "formats": formats,
        "turning": _turn("prev", "Previous", before, page) + _turn("next", "Next", after, page),
        "footer": escape(nav.footer),
        "search": site.project.website.get("search", True) is not False,
    }
    if date:
        variables |= {"date": _long_date(date), "date-iso": date.isoformat()}
    variables["byline"] = bool(date or source.front_matter.get("author") or options.get("author"))
    return {key: value for key, value in variables.items() if value not in ("", None, False, [])}


def _turn(kind: str, label: str, item: NavEntry | None, page: str) -> str:
    if item is None:
        return ""
    opening = tag("a", class_=kind, rel=kind, href=relative(item.href, page))
    text = escape(plain_title(item.text))
    return (
        f'{opening}<span class="turn-label">{label}</span>'
        f'<span class="turn-title">{text}</span></a>'
    )


def _date(value: object) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    match = re.match(r"\d{4}-\d{2}-\d{2}", str(value or ""))
    return dt.date.fromisoformat(match[0]) if match else None


def _long_date(date: dt.date) -> str:
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def _version() -> str:
    try:
        return version("didjack")
    except PackageNotFoundError:
        return ""
