"""The sources of the pages: Quarto markdown files and executed notebooks."""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
import yaml

from didjack.errors import SiteError
from didjack_pages.render.project import PAGE_SUFFIXES, Project

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_INCLUDE = re.compile(r"^\s*\{\{<\s*include\s+(?P<path>.+?)\s*>\}\}\s*$")
_SHORTCODE = re.compile(r"(?<!\{)\{\{<\s*(?P<name>\S+).*?>\}\}")
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s#]+)(#[^()\s]*)?\)")
_HEADING = re.compile(r"^#\s+(?P<title>.+?)\s*(\{[^}]*\})?\s*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?P<yaml>.*?)^(---|\.\.\.)[ \t]*$\r?\n?", re.M | re.S)


@dataclass(frozen=True)
class Source:
    """One page before rendering."""

    path: Path
    rel: str  # path inside the project, with forward slashes
    front_matter: Mapping[str, Any] = field(repr=False)
    body: str = field(repr=False, default="")  # markdown sources
    notebook: Any = field(repr=False, default=None)  # notebook sources, without front matter

    @property
    def href(self) -> str:
        """Path of the rendered page inside the site."""
        return self.rel.rsplit(".", 1)[0] + ".html"

    @property
    def title(self) -> str:
        """Title for navigation: front matter, first heading, or the file name."""
        title = self.front_matter.get("title")
        if title:
            return str(title)
        heading = _HEADING.search(self._first_text())
        if heading:
            return heading["title"]
        return Path(self.rel).stem.replace("-", " ").replace("_", " ").capitalize()

    @property
    def order(self) -> float:
        """Place among the pages of a pattern; pages without `order` come last, by name."""
        order = self.front_matter.get("order")
        return float(order) if isinstance(order, int | float) else float("inf")

    def _first_text(self) -> str:
        if self.notebook is None:
            return self.body
        cells = self.notebook["cells"]
        return cells[0]["source"] if cells and cells[0]["cell_type"] == "markdown" else ""


def read_sources(project: Project) -> list[Source]:
    """Read every page of the project."""
    paths = [p for p in project.files(project.render) if p.suffix in PAGE_SUFFIXES]
    return [read_source(project, path) for path in paths]


def read_source(project: Project, path: Path) -> Source:
    """Read one page."""
    rel = path.relative_to(project.root).as_posix()
    if path.suffix == ".ipynb":
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception as error:
            raise SiteError(f"{rel}: not a readable notebook ({error})") from error
        front, cells = _notebook_front_matter(notebook["cells"], rel)
        notebook["cells"] = cells
        return Source(path, rel, front, notebook=notebook)
    front, body = split_front_matter(path.read_text(encoding="utf-8"), rel)
    return Source(path, rel, front, body=body)


def split_front_matter(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Split the YAML block off the start of a markdown text."""
    match = _FRONT_MATTER.match(text.lstrip("\ufeff"))
    if not match:
        return {}, text
    try:
        front = yaml.safe_load(match["yaml"]) or {}
    except yaml.YAMLError as error:
        raise SiteError(f"{where}: the front matter is not valid YAML: {error}") from error
    if not isinstance(front, dict):
        raise SiteError(f"{where}: the front matter has to be a list of `key: value` lines")
    return front, text.lstrip("\ufeff")[match.end() :]


def _notebook_front_matter(cells: list[Any], where: str) -> tuple[dict[str, Any], list[Any]]:
    if not cells or cells[0]["cell_type"] not in ("raw", "markdown"):
        return {}, cells
    front, rest = split_front_matter(cells[0]["source"].strip() + "\n", where)
    if not front:
        return {}, cells
    if rest.strip():
        cells[0]["source"] = rest.strip()
        return front, cells
    return front, cells[1:]


def without_links(source: Source, left_out: Collection[str]) -> Source:
    """Turn links to pages that are left out of this build into plain text.

    Parameters
    ----------
    source : Source
    left_out : collection of str
        Pages by their path inside the project, with forward slashes.
    """
    if not left_out:
        return source
    folder = posixpath.dirname(source.rel)

    def plain(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("/", folder, match["target"]))
        return match["text"] if target.lstrip("/") in left_out else match[0]

    if source.notebook is None:
        return replace(source, body=_LINK.sub(plain, source.body))
    notebook = copy.deepcopy(source.notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _LINK.sub(plain, cell["source"])
        for output in cell.get("outputs", ()):
            if "text/markdown" in output.get("data", {}):
                output["data"]["text/markdown"] = _LINK.sub(plain, output["data"]["text/markdown"])
    return replace(source, notebook=notebook)


def expand_includes(
    text: str, path: Path, root: Path, problems: list[str], seen: tuple[Path, ...] = ()
) -> str:
    """Put the files that `{{< include … >}}` names in its place, outside code blocks.

    Paths are relative to the including file, or to the project when they start with a slash.
    """
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == mark[1] and mark[1].startswith(fence):
            fence = ""
        match = _INCLUDE.match(line)
        if match and not fence:
            lines.append(_included(match["path"].strip("\"'"), path, root, problems, seen))
            continue
        other = None if fence else _SHORTCODE.search(re.sub(r"`[^`]*`", "", line))
        if other:
            problems.append(f"the shortcode {other['name']!r} is not supported, only `include` is")
        lines.append(line)
    return "\n".join(lines)


def _included(
    name: str, path: Path, root: Path, problems: list[str], seen: tuple[Path, ...]
) -> str:
    target = root / name.lstrip("/") if name.startswith("/") else path.parent / name
    if not target.is_file():
        problems.append(f"the included file {name!r} does not exist")
        return ""
    if target in seen:
        problems.append(f"the file {name!r} includes itself")
        return ""
    _, body = split_front_matter(target.read_text(encoding="utf-8"), name)
    # Quarto resolves nested includes against the page, not against the included file.
    return expand_includes(body, path, root, problems, (*seen, target))
