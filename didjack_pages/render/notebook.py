"""A notebook as one markdown document: cells, code folding, outputs, floats."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from didjack_pages.render.cell_options import CellOptions, cell_options, split_options
from didjack_pages.render.outputs import (
    FigureFolder,
    attachment_urls,
    fenced,
    output_markdown,
    raw_html,
)

_PAPERMILL_HEADER = re.compile(r"\A# Parameters\n")


def tidy_parameters(notebook: Any) -> Any:
    """Show the parameters that a page was made with, once and folded.

    papermill keeps the `parameters` cell with its defaults and puts an `injected-parameters`
    cell behind it. Only the second holds for the page: the first is taken out.
    """
    tags = [set(cell["metadata"].get("tags", [])) for cell in notebook["cells"]]
    if not any("injected-parameters" in cell_tags for cell_tags in tags):
        return notebook
    notebook = copy.deepcopy(notebook)
    cells = []
    for cell, cell_tags in zip(notebook["cells"], tags, strict=True):
        if "parameters" in cell_tags:
            continue
        if "injected-parameters" in cell_tags:
            code = _PAPERMILL_HEADER.sub("", cell["source"])
            head = '#| code-fold: true\n#| code-summary: "Parameters of this page"\n'
            cell["source"] = head + code
        cells.append(cell)
    notebook["cells"] = cells
    return notebook


def notebook_markdown(
    notebook: Any, page: Mapping[str, Any], figures: FigureFolder
) -> tuple[str, list[str]]:
    """Return the notebook as markdown, and the problems with its cells."""
    language = notebook["metadata"].get("kernelspec", {}).get("language", "python")
    parts: list[str] = []
    problems: list[str] = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown":
            parts.append(attachment_urls(cell, figures, f"cell-{number}"))
        elif cell["cell_type"] == "raw":
            parts.append(_raw_cell(cell))
        else:
            text, wrong = _code_cell(cell, number, language, page, figures)
            parts.append(text)
            problems += [f"cell {number}: {message}" for message in wrong]
    return "\n\n".join(part for part in parts if part) + "\n", problems


def _raw_cell(cell: Any) -> str:
    mime = cell["metadata"].get("raw_mimetype", cell["metadata"].get("format", ""))
    if mime == "text/html":
        return raw_html(cell["source"])
    return str(cell["source"]) if mime == "text/markdown" else ""


def _code_cell(
    cell: Any, number: int, language: str, page: Mapping[str, Any], figures: FigureFolder
) -> tuple[str, list[str]]:
    own, code, problem = split_options(cell["source"])
    options = cell_options(own, cell["metadata"].get("tags", []), page, problem)
    if not options.include:
        return "", list(options.problems)
    body = [_code(code, options, language)] if options.echo and code.strip() else []
    outputs = _outputs(cell, options, number, figures) if options.output is not False else ""
    if outputs:
        body.append(_float(outputs, options))
    if not body:
        return "", list(options.problems)
    if options.output == "asis" and body == [outputs] and not (options.label or options.classes):
        return outputs, list(options.problems)  # pandoc numbers no headings inside a div
    inside_float = bool(outputs and options.kind)
    label = f"#{options.label} " if options.label and not inside_float else ""
    classes = " ".join(f".{name}" for name in ("cell", *options.classes))
    joined = "\n\n".join(body)
    return f"::: {{{label}{classes}}}\n\n{joined}\n\n:::", list(options.problems)


def _code(code: str, options: CellOptions, language: str) -> str:
    block = fenced(code, f"{{.{language} .cell-code}}")
    if options.code_fold is False:
        return block
    opened = " open" if options.code_fold == "show" else ""
    summary = escape(options.code_summary)
    head = raw_html(f'<details class="code-fold"{opened}><summary>{summary}</summary>')
    return f"{head}\n\n{block}\n\n{raw_html('</details>')}"


def _outputs(cell: Any, options: CellOptions, number: int, figures: FigureFolder) -> str:
    parts: list[str] = []
    images = 0
    for output in _joined_streams(cell.get("outputs", [])):
        name = f"{options.label or f'cell-{number}'}-output-{len(parts) + 1}"
        text = output_markdown(output, options, figures, name, images)
        images += "cell-figure" in text
        # A figure's cell often ends in an object: its text is noise beside the picture.
        if text and not (options.kind == "fig" and _is_repr(output)):
            parts.append(text)
    joined = "\n\n".join(parts)
    if joined and options.columns > 1:
        return f"::: {{.layout layout-ncol={options.columns}}}\n\n{joined}\n\n:::"
    return joined


def _joined_streams(outputs: list[Any]) -> list[Any]:
    """Join neighbouring pieces of the same stream: kernels send them in parts."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        is_stream = output["output_type"] == "stream"
        if is_stream and last.get("output_type") == "stream" and last["name"] == output["name"]:
            joined[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            joined.append(dict(output))
    return joined


def _is_repr(output: Any) -> bool:
    return output["output_type"] == "execute_result" and set(output["data"]) == {"text/plain"}


def _float(outputs: str, options: CellOptions) -> str:
    if not options.kind:
        return outputs
    label = f"#{options.label} " if options.label else ""
    caption = f"::: {{.cell-caption}}\n{options.caption}\n:::\n\n" if options.caption else ""
    return f"::: {{{label}.cell-float float-kind={options.kind}}}\n\n{outputs}\n\n{caption}:::"
