"""Rendering with Quarto, in a copy of the project."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import yaml

from didjack.errors import SiteError
from didjack_pages.render import assets
from didjack_pages.render.cell_options import split_options
from didjack_pages.render.formats import notebook_ids, page_formats
from didjack_pages.render.mathml import tidy_math
from didjack_pages.render.navigation import pruned_config
from didjack_pages.render.notebook import tidy_parameters
from didjack_pages.render.project import ASSETS, Project
from didjack_pages.render.sources import Source

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PAGE = re.compile(r"^\s*\[\s*\d+/\d+\]\s+(?P<page>\S+)")
_WARNINGS = (
    (re.compile(r"Unable to resolve crossref (@?\S+)"), "the reference {} has no target"),
    (re.compile(r"[Cc]itation (\S+) not found"), "@{} is not in the bibliography"),
    (re.compile(r"Unable to resolve link target: (\S+)"), "the link to {!r} is dead"),
    (
        re.compile(r"Duplicate (?:identifier|label|note reference) '?(\S+?)'?$"),
        "{!r} is used twice",
    ),
)
# Quarto loads these from the network for every notebook with an HTML table, in case it is a widget.
_WIDGET_SCRIPTS = re.compile(
    r"<script src=\"https://cdnjs\.cloudflare\.com/ajax/libs/(?:require\.js|jquery)/[^>]*></script>\s*"
    r"|<script[^>]*>define\('jquery'[^<]*</script>\s*"
)
_TOP_LEVEL = {".qmd", ".md", ".yml", ".bib", ".csl", ".css", ".scss", ".svg", ".png", ".html"}
_IGNORED = shutil.ignore_patterns(".*", "__pycache__", "_site", "*.tmp", "site-*")


def quarto_path() -> str | None:
    """Return the Quarto program if there is one that runs."""
    path = shutil.which("quarto")
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return path if done.returncode == 0 else None


def render_with_quarto(
    quarto: str, project: Project, sources: list[Source], out: Path
) -> list[str]:
    """Render a copy of the project into `out`; return the problems that Quarto warned of.

    The copy keeps Quarto's working files out of the project, and its notebooks carry the
    links to themselves and to their sources, which depend on the page.
    """
    with tempfile.TemporaryDirectory(prefix="quarto-") as scratch:
        stage = Path(scratch).resolve() / "project"
        _stage(project, sources, stage)
        done = subprocess.run(
            [quarto, "render", str(stage), "--to", "html"],
            capture_output=True,
            check=False,
            cwd=stage,
        )
        log = (done.stdout + done.stderr).decode("utf-8", "replace")
        if done.returncode != 0:
            tail = "\n".join(_ANSI.sub("", log).strip().splitlines()[-15:])
            raise SiteError(f"quarto render failed:\n{tail}")
        site = stage / project.output_dir.relative_to(project.root)
        shutil.copytree(site, out, dirs_exist_ok=True)
    for path in out.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        path.write_text(tidy_math(_WIDGET_SCRIPTS.sub("", text)), encoding="utf-8")
    return warnings_of(log)


def warnings_of(log: str) -> list[str]:
    """Return the warnings that are errors here, with the page that they belong to."""
    problems: list[str] = []
    page = "site"
    for line in _ANSI.sub("", log).splitlines():
        match = _PAGE.match(line)
        if match:
            page = match["page"]
        for pattern, message in _WARNINGS:
            found = pattern.search(line)
            if found:
                problems.append(f"{page}: {message.format(found[1])}")
    return list(dict.fromkeys(problems))


def _stage(project: Project, sources: list[Source], stage: Path) -> None:
    stage.mkdir(parents=True)
    root = project.root
    for path in root.iterdir():
        if path.is_file() and path.suffix in _TOP_LEVEL:
            shutil.copyfile(path, stage / path.name)
    for folder in sorted({s.rel.split("/", 1)[0] for s in sources if "/" in s.rel}):
        shutil.copytree(root / folder, stage / folder, ignore=_IGNORED, dirs_exist_ok=True)
    shutil.copytree(assets.HERE, stage / ASSETS, ignore=_IGNORED)
    for path in [*project.files(project.resources), *_named_files(project.config, root)]:
        _copy(path, stage / path.relative_to(root))
    config = yaml.safe_dump(pruned_config(project, sources), sort_keys=False, allow_unicode=True)
    (stage / "_quarto.yml").write_text(config, encoding="utf-8")
    origins = notebook_ids(project)
    for source in sources:
        _stage_source(project, source, origins, stage / source.rel)


def _named_files(value: Any, root: Path) -> Iterator[Path]:
    """List the files that the configuration names: style sheets, icons, bibliographies."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _named_files(item, root)
    elif isinstance(value, list):
        for item in value:
            yield from _named_files(item, root)
    elif isinstance(value, str) and value and "\n" not in value and len(value) < 200:
        path = root / value.lstrip("/")
        if path.is_file() and path.resolve().is_relative_to(root):
            # A style sheet may name fonts and pictures beside it.
            beside = path.parent.iterdir() if path.suffix in (".css", ".scss") else [path]
            yield from (file for file in beside if file.is_file())


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _stage_source(
    project: Project, source: Source, origins: Mapping[str, frozenset[str]], target: Path
) -> None:
    if source.notebook is None:
        head = yaml.safe_dump(dict(source.front_matter), sort_keys=False, allow_unicode=True)
        target.write_text(f"---\n{head}---\n\n{source.body}\n", encoding="utf-8")
        return
    front = dict(source.front_matter)
    links = []
    for entry in page_formats(source, origins):
        href = entry.href
        if entry.file and (project.root / entry.file).is_file():
            href = posixpath.relpath(entry.file, posixpath.dirname(source.rel) or ".")
        links.append({"text": entry.text, "href": href})
    front["other-links"] = links
    front.setdefault("title", source.title)
    notebook = tidy_parameters(source.notebook)
    text = f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"
    cells = [nbformat.v4.new_raw_cell(text), *map(_flat_options, notebook["cells"])]
    staged = nbformat.from_dict({**notebook, "cells": cells})
    if staged.get("nbformat_minor", 0) < 5:
        staged["cells"][0].pop("id", None)
    nbformat.write(staged, target)


def _flat_options(cell: Any) -> Any:
    """Put each option of a cell on one line.

    Quarto 1.7 doubles the line ends of cell options in notebooks, so that folded text would
    become paragraphs, which break captions and alternative texts.
    """
    if cell["cell_type"] != "code":
        return cell
    options, code, problem = split_options(cell["source"])
    if not options or problem:
        return cell
    lines = [f"#| {key}: {_yaml_value(value)}" for key, value in options.items()]
    return nbformat.from_dict({**cell, "source": "\n".join([*lines, code])})


def _yaml_value(value: object) -> str:
    flat = " ".join(value.split()) if isinstance(value, str) else value
    return json.dumps(flat, ensure_ascii=False, default=str)
