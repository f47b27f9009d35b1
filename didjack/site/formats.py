"""What a page made from a notebook offers: the executed notebook and the notebook's source."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from didjack.site.links import relative
from didjack.site.project import Project
from didjack.site.sources import Source
from didjack.site.tree import tag


@dataclass(frozen=True)
class Format:
    """One link below the table of contents."""

    text: str
    href: str  # inside the site, or an external address
    file: str = ""  # the file inside the project that has to be there, if any
    download: bool = False


def page_formats(project: Project, source: Source) -> tuple[Format, ...]:
    """List what one page offers: `other-links` of its front matter, else the notebooks."""
    own = source.front_matter.get("other-links")
    if isinstance(own, list):
        return tuple(_own(entry, source) for entry in own if isinstance(entry, Mapping))
    if source.notebook is None:
        return ()
    executed = Format("Executed notebook", source.rel, source.rel, download=True)
    origin = _origin(project, source)
    if origin is None:
        return (executed,)
    return (executed, Format("Source of the notebook", origin, origin, download=True))


def _own(entry: Mapping[str, object], source: Source) -> Format:
    href = str(entry.get("href", ""))
    if "://" not in href:
        href = posixpath.normpath(posixpath.join(posixpath.dirname(source.rel), href))
    file = "" if "://" in href else href
    return Format(str(entry.get("text", href)), href, file, download=href.endswith(".ipynb"))


def _origin(project: Project, source: Source) -> str | None:
    """Return the notebook that papermill executed, where it belongs to the project."""
    written = source.notebook["metadata"].get("papermill", {}).get("input_path") or ""
    name = Path(str(written).replace("\\", "/")).name
    inside = f"notebooks/{name}"
    return inside if name and (project.root / inside).is_file() else None


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
