"""Lessons as notebooks to work in: readable without a renderer, with or without solutions.

From the same source as the pages. Each run of cells tagged ``solution`` becomes one cell for the
answer; the cells tagged ``check`` stay and test it.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
from pathlib import Path
from typing import Any

import nbformat

from didjack.display.wording import listed
from didjack.errors import SiteError
from didjack_pages.course.cell_names import defined, used
from didjack_pages.course.lessons import course, lesson, notation
from didjack_pages.paths import bibliography
from didjack_pages.render.cell_options import CellOptions, cell_options, split_options
from didjack_pages.render.code_strings import CodeStrings
from didjack_pages.render.plain_markdown import Piece, plain_pieces
from didjack_pages.render.sources import split_front_matter

_INSTRUCTIONS = (
    "*Answers go into the cells that begin with “Your answer”; the cell below each of them "
    "checks it. Run the notebook from the top.*"
)
_ADDRESS = ("http:", "https:", "mailto:")


def students_notebook(notebook: Any, *, solutions: bool = False) -> Any:
    """Return a lesson as a notebook to work in.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The source of a lesson, or a page made from it. It stays as it is.
    solutions : bool
        Keep the solutions.

    Returns
    -------
    nbformat.NotebookNode
        Without outputs. Cells keep their ids; the captions of figures and tables and the works
        cited are cells of their own. Numbers of equations, figures and the like are those of the
        lesson's page.

    Raises
    ------
    SiteError
        For references and citations without target.
    """
    cells = notebook["cells"]
    strings = CodeStrings(lambda target: _beside(target, solutions))
    pieces: list[Piece] = []
    texts: list[int | None] = []  # for each cell, the piece that it becomes or is followed by
    has_answers = not solutions and any("solution" in _tags(cell) for cell in cells)
    for cell in cells:
        piece = _piece(cell, _INSTRUCTIONS if has_answers else "")
        texts.append(None if piece is None else len(pieces))
        pieces += [] if piece is None else [piece]
        if cell["cell_type"] == "code":
            pieces.append(Piece(strings.collect(_options(cell)[1])))
    written = plain_pieces(
        [*pieces, *map(Piece, strings.texts())],
        bibliography(),
        lambda target: _beside(target, solutions),
    )
    strings.read(written[len(pieces) : -1])
    out: list[Any] = []
    for is_solution, group in itertools.groupby(
        range(len(cells)), lambda place: "solution" in _tags(cells[place])
    ):
        run = list(group)
        if is_solution and not solutions:
            out.append(_answer(cells[run[0] : run[-1] + 1], cells[run[-1] + 1 :]))
            continue
        for place in run:
            k = texts[place]
            out += _plain_cells(cells[place], "" if k is None else written[k], strings)
    if written[-1]:
        text = f"## References\n\n{written[-1]}"
        out.append(nbformat.v4.new_markdown_cell(text, id="references-of-the-notebook"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.from_dict(
        {
            "cells": out,
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def lesson_text(path: Path, *, solutions: bool = False) -> str:
    """Return the file of the notebook to work in that is made from the source of a lesson.

    Raises
    ------
    SiteError
        For references and citations without target; the message names the file.
    """
    try:
        notebook = students_notebook(nbformat.read(path, as_version=4), solutions=solutions)
    except SiteError as error:
        raise SiteError(f"{path.name}: {error}") from None
    return str(nbformat.writes(notebook)) + "\n"


def suffix(solutions: bool) -> str:
    """Return what the name of a notebook ends in."""
    return "-solutions" if solutions else ""


def _beside(target: str, solutions: bool) -> str:
    """Return the address of a link from a notebook: a lesson's beside it, or elsewhere."""
    if target.startswith(_ADDRESS):
        return target
    path = target.partition("#")[0]
    stem = posixpath.basename(path).removesuffix(".ipynb")
    known = path.endswith(".ipynb") and stem in {one.name for one in course()}
    return f"{stem}{suffix(solutions)}.ipynb" if known else ""


def _tags(cell: Any) -> list[str]:
    return list(cell["metadata"].get("tags", ()))


def _options(cell: Any) -> tuple[CellOptions, str]:
    given, code, problem = split_options(cell["source"])
    code = code.replace("# fmt: off\n", "")  # that keeps comments beside parameters
    return cell_options(given, _tags(cell), {}, problem), code


def _piece(cell: Any, instructions: str) -> Piece | None:
    """Return the markdown of a cell, or of the caption of what it shows."""
    source = cell["source"]
    if cell["cell_type"] == "raw":
        front, _ = split_front_matter(source.strip() + "\n", "the first cell")
        return Piece(
            f"# {front.get('title', '')}\n\n{front.get('description', '')}\n\n{instructions}"
        )
    if cell["cell_type"] == "markdown":
        return Piece(source)
    options, code = _options(cell)
    text = _shared_text(code)
    if text is not None:
        return Piece(text)
    if options.kind:
        return Piece(options.caption, options.label, options.kind)
    return None


def _shared_text(code: str) -> str | None:
    """Return what a cell shows that does nothing but call `head` or `notation`."""
    body = ast.parse(code).body
    if not body or not isinstance(body[-1], ast.Expr) or not isinstance(body[-1].value, ast.Call):
        return None
    call = body[-1].value
    imports = [n for n in body[:-1] if isinstance(n, ast.ImportFrom)]
    if len(imports) < len(body) - 1 or any(
        n.module != "didjack_pages.course.lessons" for n in imports
    ):
        return None
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    values = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    if name == "head" and values:
        return _head(int(str(values[0])))
    if name == "notation" and len(values) == len(call.args):
        return str(notation(*map(str, values)))
    return None


def _head(number: int) -> str:
    described = lesson(number)
    needs = [lesson(k).link() for k in described.needs]
    before = f" Builds on {listed(needs)}." if needs else ""
    choice = listed([f"`{name}`" for name in described.on])
    made_for = f"Made for {choice}: the parameter `specification` chooses."
    return f"**{described.question}**{before} {made_for}"


def _plain_cells(cell: Any, text: str, strings: CodeStrings) -> list[Any]:
    """Return a cell as it stands in the notebook, with the caption below it if it has one."""
    tags = {"tags": _tags(cell)} if _tags(cell) else {}
    if cell["cell_type"] != "code" or (text and _shared_text(_options(cell)[1]) is not None):
        markdown = nbformat.v4.new_markdown_cell(text, id=cell["id"], metadata=tags)
        return [markdown] if text else []
    options, code = _options(cell)
    keep = {"parameters", "check", "solution"} & set(tags.get("tags", ()))
    quiet = not (options.include and options.echo) or options.code_fold is True
    hidden = {"source_hidden": True} if quiet and not keep else {}
    if hidden and not options.include:
        hidden["outputs_hidden"] = True
    metadata: dict[str, Any] = {**tags, **({"jupyter": hidden} if hidden else {})}
    out = [nbformat.v4.new_code_cell(strings.rewrite(code), id=cell["id"], metadata=metadata)]
    if text:
        name = f"{cell['id'][:56]}-caption"
        out.append(nbformat.v4.new_markdown_cell(text, id=name, metadata=tags))
    return out


def _answer(run: list[Any], after: list[Any]) -> Any:
    """Return the cell that takes the place of a solution."""
    codes = [cell for cell in run if cell["cell_type"] == "code"]
    metadata = {"tags": ["answer"]}
    if not codes:
        return nbformat.v4.new_markdown_cell("*Your answer:*", id=run[0]["id"], metadata=metadata)
    checks = list(itertools.takewhile(lambda cell: "check" in _tags(cell), after))
    made = set().union(*(defined(_options(cell)[1]) for cell in codes))
    wanted = [name for cell in checks for name in used(_options(cell)[1]) if name in made]
    text = "# Your answer."
    if wanted:
        names = ", ".join(dict.fromkeys(wanted))
        text += f" The check below uses: {names}\n# (without them it stops with a NameError)"
    return nbformat.v4.new_code_cell(text, id=codes[0]["id"], metadata=metadata)
