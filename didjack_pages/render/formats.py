"""What a page made from a notebook offers: the executed notebook and the notebook's source."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import nbformat

from didjack_pages.render.links import relative
from didjack_pages.render.project import Project
from didjack_pages.render.sources import Source
from didjack_pages.render.tree import tag


@dataclass(frozen=True)
class Format:
    """One link below the table of contents."""

    text: str
    href: str  # inside the site, or an external address
    file: str = ""  # the file inside the project that has to be there, if any
    download: bool = False


def notebook_ids(project: Project) -> dict[str, frozenset[str]]:
    """Return the ids of the cells of every notebook in and under `notebooks/`."""
    return {
        path.relative_to(project.root).as_posix(): frozenset(_ids(nbformat.read(path, 4)))
        for path in sorted((project.root / "notebooks").rglob("*.ipynb"))
    }


def page_formats(
    source: Source, origins: Mapping[str, frozenset[str]] | None = None
) -> tuple[Format, ...]:
    """List what one page offers: `other-links` of its front matter, else the notebooks.

    `origins` has the ids of the cells of each notebook that the page may have been made from.
    """
    own = source.front_matter.get("other-links")
    if isinstance(own, list):
        return tuple(_own(entry, source) for entry in own if isinstance(entry, Mapping))
    if source.notebook is None:
        return ()
    executed = Format("Executed notebook", source.rel, source.rel, download=True)
    origin = _origin(source, origins or {})
    if origin is None:
        return (executed,)
    return (executed, Format("Source of the notebook", origin, origin, download=True))


def _own(entry: Mapping[str, object], source: Source) -> Format:
    href = str(entry.get("href", ""))
    if "://" not in href:
        href = posixpath.normpath(posixpath.join(posixpath.dirname(source.rel), href))
    file = "" if "://" in href else href
    return Format(str(entry.get("text", href)), href, file, download=href.endswith(".ipynb"))


def _origin(source: Source, origins: Mapping[str, frozenset[str]]) -> str | None:
    """Return the notebook that was executed: most cells of the page have their ids from it."""
    own = frozenset(_ids(source.notebook))
    if not own or not origins:
        return None
    best = max(origins, key=lambda name: len(origins[name] & own))
    return best if len(origins[best] & own) > len(own) / 2 else None


def _ids(notebook: Any) -> list[str]:
    return [cell["id"] for cell in notebook["cells"] if cell.get("id")]


def formats_html(formats: tuple[Format, ...], page: str) -> str:
    """Return the links as a titled list, nothing when there are none."""
    if not formats:
        return ""
    items = []
    for entry in formats:
        external = "://" in entry.href
        href = entry.href if external else relative(entry.href, page)
        opening = tag("a", href=href, download=entry.download)
        items.append(f"<li>{opening}{escape(entry.text)}</a></li>")
    return f"<p>Notebook</p><ul>{''.join(items)}</ul>"
