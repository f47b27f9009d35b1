"""A folder with three notebooks and their pages.toml."""

from __future__ import annotations

import pytest
from written_pages import write_notebook

ALL = """
[[page]]
notebook = "start.ipynb"
datasets = ["castle"]
always = true
fast = {n = 3}

[[page]]
notebook = "each.ipynb"
folder = "datasets"
each = "specification"
parameters = {level = 0.9}

[[page]]
notebook = "study.ipynb"
inputs = ["data/extra.csv"]
"""


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    for name in ("start", "each", "study"):
        write_notebook(folder / f"{name}.ipynb")
    (folder / "pages.toml").write_text(ALL)
    return folder
