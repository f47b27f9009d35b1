"""Small notebooks for the tests of the report driver and the command line."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
FRONT = '---\ntitle: "Source"\ndescription: From the notebook\nkeep: me\n---'
PARAMETERS = (
    'specification: str = "castle"  # which analysis\nlevel: float = 0.95\nn: int | None = None'
)


def write_notebook(path: Path, *code: str, front: str | None = FRONT, parameters: str = PARAMETERS):
    """Write a notebook with front matter, a `parameters` cell, some text, then code."""
    cells = [] if front is None else [new_raw_cell(front, id="front")]
    cells += [
        new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}),
        new_markdown_cell("Braces stay: $\\hat{\\beta}_{g}$", id="text"),
    ]
    cells += [new_code_cell(source, id=f"code{i}") for i, source in enumerate(code)]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    return path


def cell(kind: str, source: str, name: str, *tags: str):
    """Make a cell of a kind, with an id and tags."""
    make = {"raw": new_raw_cell, "markdown": new_markdown_cell, "code": new_code_cell}[kind]
    return make(source, id=name, metadata={"tags": list(tags)} if tags else {})
