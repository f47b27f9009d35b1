"""Common misspellings in notebooks, docstrings and documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from didjack.paths import project_root

ROOT = project_root()
if ROOT is None:
    pytest.skip("the documents are not part of an installed package", allow_module_level=True)


def spell(*arguments):
    """Run codespell with the project's configuration; return what it finds."""
    command = [sys.executable, "-m", "codespell_lib", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=False)
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode().strip()


def test_the_project_has_none():
    assert spell() == ""


def test_it_would_find_one_in_a_notebook_and_in_a_docstring(tmp_path):
    # Put together here, so that this file has none.
    wrong = "reci" + "eve"
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [{"source": [f"We {wrong}.\n"]}]}))
    (tmp_path / "b.py").write_text(f'"""To {wrong}."""\n')
    found = spell(str(tmp_path))
    assert found.count(f"{wrong} ==> receive") == 2
