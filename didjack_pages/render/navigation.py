"""Navbar, sidebar, and the order of the pages, from `_quarto.yml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from didjack_pages.render.links import is_page, relative
from didjack_pages.render.project import Project, mapping
from didjack_pages.render.sources import Source
from didjack_pages.render.tree import tag


@dataclass(frozen=True)
class NavEntry:
    """One entry of the navigation: a page or link, or a section of entries."""

    text: str
    href: str = ""  # inside the site, or an external address
    children: tuple[NavEntry, ...] = field(default=())


@dataclass(frozen=True)
class Navigation:
    """The navigation of the whole site."""

    title: str
    left: tuple[NavEntry, ...]
    right: tuple[NavEntry, ...]
    sidebar: tuple[NavEntry, ...]
    footer: str = ""

    def sequence(self) -> list[NavEntry]:
        """List the pages of the sidebar in reading order."""
        return [item for item in _flat(self.sidebar) if item.href.endswith(".html")]


def _flat(items: tuple[NavEntry, ...]) -> list[NavEntry]:
    out: list[NavEntry] = []
    for item in items:
        if item.href:
            out.append(item)
        out += _flat(item.children)
    return out


class _Builder:
    """Turns the YAML of navbar and sidebar into entries; absent pages leave no entry."""

    def __init__(self, project: Project, sources: list[Source]) -> None:
        self.project = project
        self.by_path = {source.rel: source for source in sources}

    def items(self, value: object) -> list[NavEntry]:
        if value is None:
            return []
        if isinstance(value, str):
            return self.glob("*" if value == "auto" else value)
        if isinstance(value, Mapping):
            value = [value]
        return [item for entry in value for item in self.item(entry)]  # type: ignore[attr-defined]

    def item(self, entry: object) -> list[NavEntry]:
        if isinstance(entry, str):
            if not is_page(entry) or "*" in entry:
                return self.glob(entry) if entry.strip("-") else []
            entry = {"href": entry}
        data = mapping(entry)
        if "auto" in data:
            return self.auto(data["auto"])
        if "section" in data:
            return self.section(data)
        href = str(data.get("href", data.get("file", "")))
        if not href:
            return []
        return self.page(href, data.get("text"))

    def section(self, data: Mapping[str, Any]) -> list[NavEntry]:
        text, href = str(data["section"]), str(data.get("href", ""))
        if is_page(text):
            own = self.page(text, data.get("text"))
            text, href = (own[0].text, own[0].href) if own else (str(data.get("text", "")), "")
        elif href:
            own = self.page(href, text)
            href = own[0].href if own else ""
        children = tuple(self.items(data.get("contents")))
        # A section whose pages are all absent is left out: pages come and go with the data.
        return [NavEntry(text, href, children)] if children or href else []

    def page(self, href: str, text: object = None) -> list[NavEntry]:
        if not is_page(href):
            return [NavEntry(str(text or href), href)]
        source = self.by_path.get(href.lstrip("/"))
        if source is None:
            return []
        return [NavEntry(str(text or source.title), source.href)]

    def auto(self, value: object) -> list[NavEntry]:
        if isinstance(value, list):
            return [item for pattern in value for item in self.glob(str(pattern))]
        return self.glob("*" if value is True else str(value))

    def glob(self, pattern: str) -> list[NavEntry]:
        """List the pages of a pattern by `order`, then by file name; index pages are left out."""
        if pattern == "*":
            pattern = "**/*"
        found = (self.by_path.get(self._rel(path)) for path in self.project.files([pattern]))
        pages = [s for s in found if s is not None and not s.href.startswith("index.")]
        pages.sort(key=lambda s: (s.order, s.rel.rsplit("/", 1)[-1].upper()))
        return [NavEntry(source.title, source.href) for source in pages]

    def _rel(self, path: Any) -> str:
        return str(path.relative_to(self.project.root).as_posix())


def build_navigation(project: Project, sources: list[Source]) -> Navigation:
    """Build the navigation from the `website` part of `_quarto.yml`."""
    builder = _Builder(project, sources)
    website = project.website
    navbar, sidebar = mapping(website.get("navbar")), website.get("sidebar")
    if isinstance(sidebar, list) and sidebar and isinstance(sidebar[0], Mapping):
        sidebar = sidebar[0]
    contents = sidebar.get("contents") if isinstance(sidebar, Mapping) else sidebar
    footer = website.get("page-footer")
    if isinstance(footer, Mapping):
        footer = " · ".join(str(footer[k]) for k in ("left", "center", "right") if footer.get(k))
    return Navigation(
        title=str(navbar.get("title") or project.title),
        left=tuple(builder.items(navbar.get("left"))),
        right=tuple(builder.items(navbar.get("right"))),
        sidebar=tuple(builder.items(contents)),
        footer=str(footer or ""),
    )


def pruned_config(project: Project, sources: list[Source]) -> dict[str, Any]:
    """Return the configuration without the sections of the sidebar that have no pages.

    Quarto shows the titles of empty sections; pages come and go with the data.
    """
    builder = _Builder(project, sources)

    def prune(value: Any) -> Any:
        if isinstance(value, list):
            return [prune(item) for item in value if builder.items([item]) or not _folds(item)]
        if isinstance(value, Mapping):
            return {key: prune(item) if key == "contents" else item for key, item in value.items()}
        return value

    config = dict(project.config)
    website = dict(project.website)
    if "sidebar" in website:
        website["sidebar"] = prune(website["sidebar"])
        config["website"] = website
    return config


def _folds(item: object) -> bool:
    return isinstance(item, Mapping) and ("section" in item or "auto" in item)


def plain_title(text: str) -> str:
    """Return a title without the signs of its markdown; what is escaped stays."""
    return re.sub(r"\\([^A-Za-z0-9\s])|[`*$]", r"\1", text)


def unescaped(text: str) -> str:
    """Return a markdown text without the backslashes that keep signs from being markdown."""
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", text)


def anchor(item: NavEntry, page: str, **attrs: str | None) -> str:
    """Return a link to an entry as seen from a page; the page itself is marked as current."""
    local = item.href.endswith(".html") and "://" not in item.href
    href = relative(item.href, page) if local else item.href
    current = "page" if item.href == page else None
    opening = tag("a", href=href, aria_current=current, **attrs)
    return f"{opening}{escape(plain_title(item.text))}</a>"


def navbar_html(items: tuple[NavEntry, ...], page: str) -> str:
    """Return the entries of the navbar as list items."""
    return "".join(f"<li>{anchor(item, page)}</li>" for item in items if item.href)


def sidebar_html(items: tuple[NavEntry, ...], page: str) -> str:
    """Return the sidebar's entries as nested lists; sections fold."""
    out: list[str] = []
    for item in items:
        if not item.children:
            out.append(f"<li>{anchor(item, page)}</li>")
            continue
        head = anchor(item, page) if item.href else escape(plain_title(item.text))
        inside = sidebar_html(item.children, page)
        out.append(f"<li><details open><summary>{head}</summary>{inside}</details></li>")
    return f"<ul>{''.join(out)}</ul>" if out else ""


def neighbours(nav: Navigation, page: str) -> tuple[NavEntry | None, NavEntry | None]:
    """Return the pages before and after a page in reading order."""
    order = nav.sequence()
    places = [index for index, item in enumerate(order) if item.href == page]
    if not places:
        return None, None
    place = places[0]
    before = order[place - 1] if place else None
    return before, order[place + 1] if place + 1 < len(order) else None


def trail(items: tuple[NavEntry, ...], page: str) -> list[str]:
    """Return the titles of the sections that a page lies in."""
    for item in items:
        if item.href == page:
            return []
        inner = _trail_below(item, page)
        if inner is not None:
            return inner
    return []


def _trail_below(item: NavEntry, page: str) -> list[str] | None:
    for child in item.children:
        if child.href == page:
            return [item.text]
        inner = _trail_below(child, page)
        if inner is not None:
            return [item.text, *inner]
    return None
