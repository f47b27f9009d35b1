"""Building the site: choose the renderer, render, check, report everything that is wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from didjack.errors import OutputError, SiteError
from didjack.writing import make_folder
from didjack_pages.render import assets
from didjack_pages.render.formats import notebook_ids, page_formats
from didjack_pages.render.links import Linker, copy_resources
from didjack_pages.render.navigation import build_navigation
from didjack_pages.render.page_html import Site, render_page
from didjack_pages.render.project import Project, listed_pages, read_project, strings
from didjack_pages.render.quarto import quarto_path, render_with_quarto
from didjack_pages.render.search import write_index
from didjack_pages.render.site_checks import check_site
from didjack_pages.render.sources import Source, read_sources, without_links

RENDERERS = ("auto", "quarto", "pandoc")
_LIBRARIES = assets.FOLDER.partition("/")[0]  # in the sites of both renderers


@dataclass(frozen=True)
class SiteResult:
    """A rendered site."""

    index: Path  # the front page
    pages: tuple[str, ...] = field(default=())  # addresses inside the site
    renderer: str = "pandoc"
    seconds: float = 0.0


def build_site(
    root: Path,
    *,
    renderer: str = "auto",
    out: Path | None = None,
    left_out: Collection[str] = (),
) -> SiteResult:
    """Render the website project in a folder and check the result.

    Parameters
    ----------
    root : Path
        The folder with `_quarto.yml`; without that file a plain default is used.
    renderer : {"auto", "quarto", "pandoc"}
        `auto` takes Quarto where it is installed, else pandoc.
    out : Path, optional
        Where the site goes; by default the `output-dir` of `_quarto.yml`.
    left_out : collection of str
        Pages (paths inside the project) that exist but are not part of this build: links to
        them become plain text.

    Returns
    -------
    SiteResult
        The front page, the addresses of all pages, the renderer and the time it took.

    Raises
    ------
    SiteError
        For unresolved references and citations, double labels, dead links and anchors, images
        without alternative text and listed pages that do not exist, all in one message. The
        faulty site is left in place, so that it can be looked at.
    OutputError
        `out` holds other files, or sources of the site.
    """
    start = time.perf_counter()
    if renderer not in RENDERERS:
        raise SiteError(f"unknown renderer {renderer!r}: choose one of {', '.join(RENDERERS)}")
    root = Path(root).resolve()
    quarto = None if renderer == "pandoc" else quarto_path()
    if renderer == "quarto" and quarto is None:
        raise SiteError("Quarto was not found; install it, or use the renderer 'pandoc'")
    project = read_project(root)
    sources = with_front_page(
        project, [without_links(source, left_out) for source in read_sources(project)]
    )
    target = Path(out).resolve() if out is not None else project.output_dir
    _check_target(target, project, sources)
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix="site-", dir=target.parent) as scratch:
        built = Path(scratch) / "site"
        built.mkdir()
        if quarto is None:
            problems = _render_with_pandoc(project, sources, built)
        else:
            problems = render_with_quarto(quarto, project, sources, built)
        names = {source.href: source.rel for source in sources}
        for checked in check_site(built, alt=quarto is None):
            name = names.get(checked.page, checked.page)
            problems += [f"{name}: {message}" for message in checked.problems]
        _replace(target, built)
    problems = _absent_pages(project, sources) + problems
    if problems:
        raise SiteError(_report(problems, target))
    return SiteResult(
        index=target / "index.html",
        pages=tuple(source.href for source in sources),
        renderer="pandoc" if quarto is None else "quarto",
        seconds=time.perf_counter() - start,
    )


def with_front_page(project: Project, sources: list[Source]) -> list[Source]:
    """Add a front page that lists the others, where the project has none."""
    if any(source.href == "index.html" for source in sources):
        return sources
    lines = []
    for source in sources:
        description = source.front_matter.get("description")
        lines.append(
            f"- [{source.title}]({source.rel})" + (f": {description}" if description else "")
        )
    body = "\n".join(lines) or "There are no pages yet."
    front = Source(project.root / "index.qmd", "index.qmd", {"title": project.title}, body=body)
    return [front, *sources]


def _render_with_pandoc(project: Project, sources: list[Source], out: Path) -> list[str]:
    origins = notebook_ids(project)
    site = Site(
        project=project,
        navigation=build_navigation(project, sources),
        linker=Linker(project.root, {source.rel: source.href for source in sources}),
        out=out,
        formats={source.href: page_formats(source, origins) for source in sources},
    )
    assets.write_assets(out)
    copy_resources(project, out)
    _copy_named_files(site, sources)
    # pandoc is a process of its own: threads are enough to keep the cores busy.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        outcomes = list(pool.map(lambda source: render_page(source, site), sources))
    write_index(out, [source.href for source in sources])
    return [f"{o.page}: {message}" for o in outcomes for message in o.problems]


def _copy_named_files(site: Site, sources: Iterable[Source]) -> None:
    """Copy the notebooks that pages offer, the favicon, and style sheets of the project."""
    names = {entry.file for formats in site.formats.values() for entry in formats if entry.file}
    names |= {str(site.project.website.get("favicon", "")).lstrip("/")} - {""}
    for source in sources:
        names |= set(strings(site.project.options(source.front_matter).get("css")))
    for name in names:
        file = site.project.root / name
        if file.is_file():
            (site.out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, site.out / name)


def _absent_pages(project: Project, sources: list[Source]) -> list[str]:
    known = {source.rel for source in sources}
    return [
        f"_quarto.yml: the page {name!r} ({place}) does not exist; use a pattern for pages that "
        "come and go"
        for name, place in listed_pages(project)
        if name.lstrip("/") not in known
    ]


def _check_target(target: Path, project: Project, sources: list[Source]) -> None:
    """Refuse a folder that holds anything but a site: what is there will be deleted."""
    kept = [project.root, *(source.path.resolve() for source in sources)]
    if any(path.is_relative_to(target) for path in kept):
        raise OutputError(f"the site cannot go to {target}: its sources are there.")
    if target.exists() and not target.is_dir():
        raise OutputError(f"the site cannot go to {target}: it is a file.")
    is_site = (target / _LIBRARIES).is_dir()
    if target.is_dir() and any(target.iterdir()) and not is_site:
        raise OutputError(f"the site cannot go to {target}: the folder holds other files.")


def _replace(target: Path, built: Path) -> None:
    """Put the new site in place of the old one, which is there until the new one is complete."""
    old = built.with_name("old")  # deleted with the folder around it
    if target.exists():
        target.rename(old)
    try:
        built.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _report(problems: list[str], target: Path) -> str:
    unique = list(dict.fromkeys(problems))
    count = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    lines = "\n".join(f"  - {problem}" for problem in unique)
    return f"The site has {count} (it is in {target} to look at):\n{lines}"
