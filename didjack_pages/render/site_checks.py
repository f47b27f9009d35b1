"""Checks of the rendered pages, the same for both renderers."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|//)")
_REMOTE = re.compile(r"^(https?:)?//")


class _PageReader(HTMLParser):
    """The ids, links, loaded files and images of one page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.bare_images: list[str] = []
        self.unresolved: list[str] = []
        self._marker = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id") and tag not in ("link", "script", "style"):
            self.ids[str(values["id"])] += 1
        href, src = values.get("href"), values.get("src")
        if tag == "a" and href is not None:
            self.links.append(href)
        elif tag == "link" and href and values.get("rel") in ("stylesheet", "icon"):
            self.loads.append(href)
        elif tag in ("img", "script", "iframe", "source", "video", "audio") and src:
            self.loads.append(src)
            if tag == "img" and values.get("alt") is None:
                self.bare_images.append(src)
        if "quarto-unresolved-ref" in (values.get("class") or ""):
            self._marker = tag

    def handle_data(self, data: str) -> None:
        if self._marker:
            self.unresolved.append(data.strip())
            self._marker = ""


@dataclass(frozen=True)
class Checked:
    """The findings on one page."""

    page: str
    problems: tuple[str, ...] = field(default=())


def check_site(out: Path, *, alt: bool) -> list[Checked]:
    """Check every page: dead links and anchors, double ids, remote files, images without text.

    Parameters
    ----------
    out : Path
        The site's folder.
    alt : bool
        Whether an image without alternative text is a problem.
    """
    pages: dict[str, _PageReader] = {}
    for path in sorted(out.rglob("*.html")):
        rel = path.relative_to(out).as_posix()
        if rel.startswith("site_libs/"):
            continue
        parser = _PageReader()
        parser.feed(path.read_text(encoding="utf-8"))
        pages[rel] = parser
    return [
        Checked(rel, tuple(dict.fromkeys(_problems(out, rel, page, pages, alt))))
        for rel, page in pages.items()
    ]


def _problems(
    out: Path, rel: str, page: _PageReader, pages: dict[str, _PageReader], alt: bool
) -> list[str]:
    problems = [f"the id {name!r} is used {n} times" for name, n in page.ids.items() if n > 1]
    problems += [f"the reference {text} has no target" for text in page.unresolved]
    for href in page.links:
        problem = _dead(out, rel, href, pages)
        if problem:
            problems.append(problem)
    for src in page.loads:
        if _REMOTE.match(src):
            problems.append(f"it loads {src} from another host; the site has to work offline")
        elif not _SCHEME.match(src) and not _target(out, rel, src).is_file():
            problems.append(f"the file {src!r} that it shows or loads does not exist")
    if alt:
        problems += [
            f"the image {src[:80]!r} has no alternative text (`#| fig-alt:`)"
            for src in page.bare_images
        ]
    return problems


def _target(out: Path, rel: str, href: str) -> Path:
    path = unquote(href.split("#", 1)[0].split("?", 1)[0])
    start = "" if path.startswith("/") else posixpath.dirname(rel)
    target = out / posixpath.normpath(posixpath.join(start, path.lstrip("/")))
    return target / "index.html" if target.is_dir() else target


def _dead(out: Path, rel: str, href: str, pages: dict[str, _PageReader]) -> str:
    if _SCHEME.match(href):
        return ""
    path, _, anchor = href.partition("#")
    target = _target(out, rel, path) if path else out / rel
    if not target.is_file():
        return f"the link to {href!r} is dead: there is no such file in the site"
    anchor = unquote(anchor)
    if anchor.startswith("ref-"):  # a missing citation, which is reported as such
        return ""
    name = target.relative_to(out).as_posix() if target.is_relative_to(out) else ""
    known = pages.get(name)
    if anchor and anchor != "top" and known is not None and anchor not in known.ids:
        return f"the link to {href!r} is dead: that page has no such anchor"
    return ""
