"""What becomes of an executed notebook: a finished page, or the place where it failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml

from didjack.errors import ReportError
from didjack_pages.run.page import Page

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_INJECTED = "injected-parameters"


@dataclass(frozen=True)
class PageError:
    """Where and how a page failed; ``cell`` counts the cells of the source notebook from 1."""

    cell: int | None
    source: str
    message: str
    traceback: str = ""


def finish_page(executed: Path, page: Page, date: str) -> str:
    """Return an executed notebook as a page of the site.

    The page gets its own title, description, place and date. What papermill recorded about this
    machine (paths, times of every cell) goes, and the cell with the injected parameters stays
    in the notebook, so that it can be run again, but is not shown.
    """
    notebook = nbformat.read(executed, as_version=4)
    own = {"title": page.title, "description": page.description.strip(), "order": page.order}
    _set_front_matter(notebook, {k: v for k, v in own.items() if v} | {"date": date}, page.variant)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if _INJECTED in cell.metadata.get("tags", ()):
            cell.id = _INJECTED  # papermill draws a new one every time
            cell.source = f"#| include: false\n{cell.source}"
    return nbformat.writes(notebook) + "\n"


def _set_front_matter(
    notebook: nbformat.NotebookNode, values: Mapping[str, Any], variant: str = ""
) -> None:
    """Set keys of the YAML in the first raw cell; make that cell where there is none."""
    body = _front_matter_body(notebook.cells[0]) if notebook.cells else None
    if body is None:
        notebook.cells.insert(0, nbformat.v4.new_raw_cell(id="front-matter"))
    try:
        content = yaml.safe_load(body or "") or {}
    except yaml.YAMLError as error:
        raise ReportError(f"the front matter is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ReportError("the front matter must consist of `key: value` lines")
    content |= values
    if variant:
        content["title"] = f"{content.get('title', '')} ({variant})".strip()
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    notebook.cells[0].source = f"---\n{text}---"


def _front_matter_body(cell: nbformat.NotebookNode) -> str | None:
    if cell.cell_type != "raw":
        return None
    match = re.fullmatch(r"---[ \t]*\n(.*?)\n?---", cell.source.strip(), re.DOTALL)
    return match.group(1) if match else None


def find_error(executed: Path, page: Page, log: str) -> PageError:
    """Describe the failure of a page from what papermill left behind."""
    cells = nbformat.read(executed, as_version=4).cells if executed.is_file() else []
    places = _cell_numbers(page.notebook)
    for cell in cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                message = f"{output.ename}: {output.evalue}".strip()
                return PageError(
                    cell=places.get(cell.get("id")),
                    source=_head(cell.source),
                    message=_ANSI.sub("", message),
                    traceback=_ANSI.sub("", "\n".join(output.traceback)),
                )
    # The kernel died, or a cell hung. No output says so, but it is the last cell that started.
    begun = [cell for cell in cells if cell.metadata.get("papermill", {}).get("start_time")]
    cell = begun[-1] if begun else None
    lines = [line for line in _ANSI.sub("", log).splitlines() if line.strip()]
    return PageError(
        cell=places.get(cell.id) if cell else None,
        source=_head(cell.source) if cell else "",
        message=lines[-1] if lines else "papermill ended without a word",
        traceback=log,
    )


def _cell_numbers(notebook: Path) -> dict[str, int]:
    cells = nbformat.read(notebook, as_version=4).cells
    return {cell.get("id", ""): number for number, cell in enumerate(cells, start=1)}


def _head(source: str, lines: int = 3) -> str:
    """Return the first lines of a cell, without options and comments for the page."""
    code = [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]
    return "\n".join(code[:lines])
