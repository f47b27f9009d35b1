"""The committed notebooks: no outputs, typed parameters, a front matter, and nothing private."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
import yaml

from didjack_pages.paths import notebooks_dir
from didjack_pages.run.parameters import read_parameters

NOTEBOOKS = sorted(
    p for p in notebooks_dir().rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts
)
pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_no_outputs_and_no_traces_of_a_run(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"{path.name}, cell {number}"
        assert not cell.get("outputs"), f"{where} has outputs: clear them before you commit"
        assert cell.get("execution_count") is None, f"{where} was executed: clear its outputs"
        extra = set(cell.metadata) - {"tags"}
        assert not extra, f"{where} has metadata of an editor or a run: {extra}"
        assert not cell.get("attachments"), f"{where} has an attached file"


def test_the_kernel_is_the_one_that_everybody_has(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert set(metadata) <= {"kernelspec", "language_info"}
    assert "version" not in metadata.get("language_info", {}), "the version changes with the editor"


def test_the_front_matter_has_title_and_description(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "raw"
    front = yaml.safe_load(first.source.strip().removeprefix("---").removesuffix("---"))
    assert front["title"]
    assert front["description"]


def test_parameters_are_typed_and_explained(path):
    cells = [
        c
        for c in nbformat.read(path, as_version=4).cells
        if "parameters" in c.metadata.get("tags", ())
    ]
    assert len(cells) <= 1
    for name, parameter in read_parameters(path).items():
        assert re.search(rf"^{name}\s*:", cells[0].source, re.MULTILINE), f"{name} has no type"
        assert parameter.help, f"{name} has no comment on what it is"


def test_no_paths_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/home/|/Users/|[A-Z]:\\\\|/tmp/|/root/", text)


def test_the_file_is_written_as_jupyter_writes_it(path):
    """Otherwise the next person who saves it changes every line."""
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
