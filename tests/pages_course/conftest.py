"""A small lesson."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_notebook
from written_pages import KERNEL, cell

FRONT = '---\ntitle: "8. A lesson"\ndescription: About *one* thing.\n---'
OPEN = '::: {.callout-note .solution collapse="true" title="Solution"}'


@pytest.fixture
def fixture():
    cells = [
        cell("raw", FRONT, "front"),
        cell("code", "#| include: false\nn: int = 3  # how many", "parameters", "parameters"),
        cell("code", "total = sum(range(n + 1))\ndouble = 0", "setup"),
        cell("markdown", "::: {#exr-sum}\n## Gauss\nStore it as `half`.\n:::", "exercise"),
        cell("markdown", OPEN, "open", "solution"),
        cell("code", "half = n * (n + 1) // 2\nscratch = 1", "solve", "solution"),
        cell("code", "def double(x):\n    return 2 * x", "solve-more", "solution"),
        cell("markdown", ":::", "close", "solution"),
        cell("code", "assert double(half) == 2 * total", "check", "check"),
        cell("markdown", "::: {#exr-why}\n## Why\nSay why.\n:::", "question"),
        cell("markdown", f"{OPEN}\nBecause of @exr-sum.\n:::", "words", "solution"),
        cell("markdown", "The end.", "end"),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
