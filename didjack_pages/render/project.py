"""Reading `_quarto.yml`: the one file that drives both renderers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from didjack.errors import SiteError

ASSETS = "didjack_pages/render/assets"  # in the checkout, and in every copy that Quarto renders
PAGE_SUFFIXES = (".qmd", ".md", ".ipynb")

#: What a folder without `_quarto.yml` gets: every page in it, and no sidebar.
DEFAULT_CONFIG: Mapping[str, Any] = {"project": {"type": "website"}, "execute": {"enabled": False}}


@dataclass(frozen=True)
class Project:
    """A website project: the parsed `_quarto.yml` and the folder that it describes."""

    root: Path
    config: Mapping[str, Any] = field(repr=False)

    @property
    def website(self) -> Mapping[str, Any]:
        """The `website` part of the configuration."""
        return mapping(self.config.get("website"))

    @property
    def title(self) -> str:
        """The title of the site."""
        return str(self.website.get("title", "Reports"))

    @property
    def output_dir(self) -> Path:
        """The folder that the site is written to."""
        return self.root / str(mapping(self.config.get("project")).get("output-dir", "_site"))

    @property
    def render(self) -> list[str]:
        """The patterns of the files that become pages."""
        default = [f"**/*{suffix}" for suffix in PAGE_SUFFIXES]
        return strings(mapping(self.config.get("project")).get("render") or default)

    @property
    def resources(self) -> list[str]:
        """The patterns of the files that are copied into the site as they are."""
        return strings(mapping(self.config.get("project")).get("resources"))

    @property
    def bibliography(self) -> list[Path]:
        """The bibliography files."""
        return [self.root / name for name in strings(self.config.get("bibliography"))]

    def options(self, front_matter: Mapping[str, Any]) -> dict[str, Any]:
        """Merge the options of one page: project, `format: html`, then the page's own."""
        merged: dict[str, Any] = {}
        for level in (self.config, front_matter):
            html = mapping(mapping(level.get("format")).get("html"))
            execute = mapping(level.get("execute"))
            for source in (level, html, execute):
                merged |= {
                    key: value
                    for key, value in source.items()
                    if key not in ("format", "execute", "website", "project")
                }
        return merged

    def files(self, patterns: list[str]) -> list[Path]:
        """List the files that match the patterns, in the order of the patterns.

        Quarto's rules: a pattern that starts with `!` takes files out again, and files or
        folders whose names start with `_` or `.` never match.
        """
        found: dict[Path, None] = {}
        for pattern in patterns:
            if pattern.startswith("!"):
                for path in self._glob(pattern[1:]):
                    found.pop(path, None)
            else:
                found |= dict.fromkeys(self._glob(pattern))
        return list(found)

    def _glob(self, pattern: str) -> Iterator[Path]:
        pattern = pattern.lstrip("/")
        if (self.root / pattern).is_dir():
            pattern = f"{pattern.rstrip('/')}/**/*"
        for path in sorted(self.root.glob(pattern)):
            parts = path.relative_to(self.root).parts
            if path.is_file() and not any(part.startswith(("_", ".")) for part in parts):
                yield path


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one: YAML may hold anything."""
    return value if isinstance(value, Mapping) else {}


def strings(value: object) -> list[str]:
    """Return a YAML value that may be absent, one string or a list as a list of strings."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def read_project(root: Path) -> Project:
    """Read the project in `root`; without `_quarto.yml` the built-in one is used."""
    path = root / "_quarto.yml"
    if not path.is_file():
        return Project(root, DEFAULT_CONFIG)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SiteError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(config, dict):
        raise SiteError(f"{path.name} is empty: it has to describe a website project")
    return Project(root, config)


def listed_pages(project: Project) -> list[tuple[str, str]]:
    """List the pages that `_quarto.yml` names one by one, with the place that names them."""
    render = [(name, "project: render") for name in project.render if not _is_pattern(name)]
    items = list(_hrefs(project.website.get("sidebar"), "sidebar"))
    items += list(_hrefs(project.website.get("navbar"), "navbar"))
    return render + items


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[!") or not name.endswith(PAGE_SUFFIXES)


def _hrefs(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.endswith(PAGE_SUFFIXES) and not _is_pattern(value):
        yield value, place
    elif isinstance(value, list):
        for item in value:
            yield from _hrefs(item, place)
    elif isinstance(value, dict):
        for key in ("href", "file", "section", "contents", "left", "right", "center"):
            yield from _hrefs(value.get(key), place)
