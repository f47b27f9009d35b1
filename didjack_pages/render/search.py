"""The full-text index of the site, by section."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

_SKIP = {"script", "style", "math", "nav", "button", "svg", "title", "annotation"}
_SILENT = {"toc-inline", "trail", "byline", "header-section-number", "visually-hidden"}
_VOID = {"img", "br", "hr", "input", "meta", "link", "col", "source", "wbr"}
_LONGEST = 6000  # characters of one section: tables may be long


class _Sections(HTMLParser):
    """Collects the text of the main part of a page, split at the sections with an id."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.sections: list[list[str]] = []  # anchor, heading, text
        self._open: list[tuple[str, bool]] = []  # open tags, and whether their text is left out
        self._skip = 0
        self._heading = ""
        self._in_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        values = dict(attrs)
        silent = tag in _SKIP or not _SILENT.isdisjoint((values.get("class") or "").split())
        self._open.append((tag, silent))
        if silent:
            self._skip += 1
        elif tag == "article":
            self._in_main = True
            self.sections.append(["", "", ""])
        elif self._in_main and tag == "section" and values.get("id"):
            self.sections.append([str(values["id"]), "", ""])
        elif self._in_main and tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._heading = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or not any(name == tag for name, _ in self._open):
            return
        while self._open:
            closed, silent = self._open.pop()
            self._skip -= silent
            if closed == tag:
                break
        if tag == self._heading:
            self._heading = ""
        elif tag == "article":
            self._in_main = False
        elif self._in_main and tag in ("p", "li", "td", "th", "pre", "figcaption", "summary"):
            self._add(" ")

    def handle_data(self, data: str) -> None:
        if self._in_main and not self._skip:
            self._add(data)

    def _add(self, text: str) -> None:
        section = self.sections[-1]
        if self._heading == "h1":
            self.title += text
        elif self._heading and section[0] and not section[2].strip():
            section[1] += text
        else:
            section[2] += text


def page_entries(html: str, href: str) -> list[list[str]]:
    """Return the index entries of one page: page, section, address, text."""
    parser = _Sections()
    parser.feed(html)
    title = " ".join(parser.title.split())
    entries = []
    for anchor, heading, text in parser.sections:
        address = f"{href}#{anchor}" if anchor else href
        words = " ".join(text.split())[:_LONGEST]
        if anchor and not heading and not words:
            continue
        entries.append([title, " ".join(heading.split()), address, words])
    return entries


def write_index(out: Path, pages: Iterable[str]) -> None:
    """Write the index of all pages as a script, which browsers also load from a folder."""
    entries: list[list[str]] = []
    for href in pages:
        entries += page_entries((out / href).read_text(encoding="utf-8"), href)
    data = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    (out / "search-index.js").write_text(f"window.siteSearch={data};\n", encoding="utf-8")
