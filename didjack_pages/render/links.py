"""Links between pages, and the files that a page shows or offers."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from didjack_pages.render.project import PAGE_SUFFIXES, Project
from didjack_pages.render.tree import Node, attributes, rewrite, string

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|//)")
_RAW_SOURCE = re.compile(r'(<(?:a|img)\b[^>]*?\b(?:href|src)=")([^"#?][^"]*)(")')


@dataclass(frozen=True)
class Linker:
    """Knows where every source of the project ends up in the site."""

    root: Path
    pages: Mapping[str, str]  # source inside the project -> page inside the site

    def resolve(self, target: str, rel: str) -> str:
        """Return the address of `target`, written in the source `rel`, for the page.

        Links to sources become links to their pages; a leading slash means the project.
        """
        if not target or target.startswith("#") or _SCHEME.match(target):
            return target
        path, mark, rest = _split(target)
        here = posixpath.dirname(rel)
        inside = path.lstrip("/") if path.startswith("/") else posixpath.join(here, path)
        inside = posixpath.normpath(unquote(inside))
        page = self.pages.get(inside)
        if page is not None:
            return relative(page, rel) + mark + rest
        if path.startswith("/"):
            return relative(inside, rel) + mark + rest
        return target

    def local_file(self, target: str, rel: str) -> tuple[Path, str] | None:
        """Return the file behind a relative address, and its place in the project."""
        if not target or _SCHEME.match(target) or target.startswith("#"):
            return None
        path = unquote(_split(target)[0])
        start = "" if path.startswith("/") else posixpath.dirname(rel)
        inside = posixpath.normpath(posixpath.join(start, path.lstrip("/")))
        if inside.startswith(".."):
            return None
        file = self.root / inside
        return (file, inside) if file.is_file() else None


def relative(target: str, rel: str) -> str:
    """Return the address of `target` (inside the site) as seen from the page of `rel`."""
    return posixpath.relpath(target, posixpath.dirname(rel) or ".")


def _split(target: str) -> tuple[str, str, str]:
    for mark in ("#", "?"):
        if mark in target:
            path, rest = target.split(mark, 1)
            return path, mark, rest
    return target, "", ""


def rewrite_links(blocks: list[Node], rel: str, linker: Linker, out: Path) -> list[Node]:
    """Rewrite the links of a document, and copy the images that it shows."""

    def change(node: Node) -> Node | None:
        if node["t"] == "Link":
            attr, inlines, (url, title) = node["c"]
            return {"t": "Link", "c": [attr, inlines, [linker.resolve(url, rel), title]]}
        if node["t"] == "Image":
            return _image(node, rel, linker, out)
        if node["t"] in ("RawBlock", "RawInline") and node["c"][0] == "html":
            return {"t": node["t"], "c": ["html", _raw(node["c"][1], rel, linker, out)]}
        return None

    changed: list[Node] = rewrite(blocks, change)
    return changed


def _image(node: Node, rel: str, linker: Linker, out: Path) -> Node:
    attr, inlines, (url, title) = node["c"]
    url = linker.resolve(url, rel)
    copy_file(url, rel, linker, out)
    pairs = dict(attr[2])
    if "fig-alt" in pairs:
        inlines = [string(pairs.pop("fig-alt"))]
    return {"t": "Image", "c": [attributes(attr[0], attr[1], **pairs), inlines, [url, title]]}


def _raw(text: str, rel: str, linker: Linker, out: Path) -> str:
    def change(match: re.Match[str]) -> str:
        url = linker.resolve(match[2], rel)
        if match[1].startswith("<img"):
            copy_file(url, rel, linker, out)
        return match[1] + url + match[3]

    return _RAW_SOURCE.sub(change, text)


def copy_file(url: str, rel: str, linker: Linker, out: Path) -> None:
    """Copy the file behind a relative address to the same place in the site."""
    found = linker.local_file(url, rel)
    if found is not None:
        target = out / found[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[0], target)


def copy_resources(project: Project, out: Path) -> None:
    """Copy the files that the project offers for download."""
    for path in project.files(project.resources):
        target = out / path.relative_to(project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def is_page(name: str) -> bool:
    """Tell whether a name in the configuration is that of a page's source."""
    return name.endswith(PAGE_SUFFIXES) and not _SCHEME.match(name)
