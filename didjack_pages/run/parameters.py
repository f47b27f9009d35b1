"""What a notebook's `parameters` cell takes, and whether a page's values fit."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from didjack.errors import ReportError
from didjack_pages.run.page import Page

_KNOWN_TYPES = {"str", "int", "float", "bool", "list", "dict", "None"}


@dataclass(frozen=True)
class NotebookParameter:
    """One assignment of the cell: ``level: float = 0.95  # coverage``."""

    name: str
    type: str
    default: str
    help: str

    def __str__(self) -> str:
        """Write the parameter as it stands in the notebook."""
        text = f"{self.name}: {self.type} = {self.default}"
        return f"{text} ({self.help})" if self.help else text

    def accepts(self, value: object) -> bool:
        """Compare a value with an annotation such as ``int``, ``str | None``, ``list[str]``."""
        names = {part.split("[")[0].strip() for part in self.type.split("|")}
        actual = "None" if value is None else type(value).__name__
        if not names <= _KNOWN_TYPES:
            return True
        return actual in names or (actual == "int" and "float" in names)


class CodeCell(NamedTuple):
    """A code cell: its place among all cells, from 1, its code and its tags."""

    number: int
    code: str
    tags: tuple[str, ...]


def read_code(notebook: Path) -> list[CodeCell]:
    """Return the code cells of a notebook.

    Without nbformat, whose check of the whole file takes most of the time of a run that finds
    nothing to do.

    Raises
    ------
    ValueError
        If the file is not a notebook.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return [
            CodeCell(k, "".join(cell["source"]), tuple(cell["metadata"].get("tags", ())))
            for k, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "code"
        ]
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{notebook.name} is not a notebook") from None


def read_parameters(notebook: Path) -> dict[str, NotebookParameter]:
    """Return what a notebook takes, by name.

    papermill's own inspection overlooks parameters with an annotation such as ``int | None``.
    """
    tagged = [cell.code for cell in read_code(notebook) if "parameters" in cell.tags]
    if not tagged:
        return {}
    try:
        return {parameter.name: parameter for parameter in _parse(tagged[0])}
    except SyntaxError as error:
        raise ReportError(f"{notebook.name}: the parameters cell is not Python: {error}") from None


def _parse(source: str) -> Iterator[NotebookParameter]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    target: ast.expr
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign):
            target, annotation = node.target, ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, annotation = node.targets[0], _type_of(node.value)
        else:
            continue
        if isinstance(target, ast.Name) and node.value is not None:
            comment = comments.get(node.end_lineno or 0, "")
            yield NotebookParameter(target.id, annotation, ast.unparse(node.value), comment)


def _type_of(value: ast.expr) -> str:
    """Return the type of a default without annotation; None as a default accepts anything."""
    try:
        default = ast.literal_eval(value)
    except ValueError:
        return "Any"
    return "Any" if default is None else type(default).__name__


def check_parameters(page: Page) -> None:
    """Raise ReportError where the notebook does not take the page's parameters.

    papermill itself accepts a misspelt name and runs with the default.
    """
    notebook = page.notebook.name
    if not page.notebook.is_file():
        raise ReportError(f"{page.name}: the notebook {notebook} does not exist")
    try:
        offered = read_parameters(page.notebook)
    except ValueError:
        raise ReportError(f"{page.name}: {notebook} is not a notebook") from None
    for name, value in page.parameters.items():
        if name not in offered:
            takes = ", ".join(str(parameter) for parameter in offered.values())
            raise ReportError(
                f"{page.name}: {notebook} has no parameter {name!r}; it takes {takes or 'none'}"
            )
        if not offered[name].accepts(value):
            raise ReportError(
                f"{page.name}: parameter {name} of {notebook} must be "
                f"{offered[name].type}, not {value!r}"
            )
