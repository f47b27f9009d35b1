"""The renderer is general: what its pages are about comes from `_quarto.yml` and their sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import site_fixture as f
import yaml

import didjack_pages.render
from didjack.datasets import catalog
from didjack_pages.render import build_site

FOLDER = Path(didjack_pages.render.__file__).parent
FILES = sorted(
    path
    for path in FOLDER.rglob("*")
    if path.suffix in (".py", ".css", ".scss", ".js", ".html", ".svg")
)
SUBJECT = re.compile(
    r"CV[1-3]|jackknife|cluster|cohort|treat(ed|ment)|event.study|did_|csdid|lesson|exercise-"
    rf"|\b({'|'.join(catalog())})\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_word_of_econometrics_or_of_the_course(path: Path) -> None:
    found = [match[0] for match in SUBJECT.finditer(path.read_text(encoding="utf-8"))]
    assert found == []


def test_style_sheets_of_the_project_come_along(tmp_path: Path) -> None:
    root = f.write_project(tmp_path)
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    config["format"]["html"]["css"] = "looks/own.css"
    (root / "_quarto.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (root / "looks").mkdir()
    (root / "looks" / "own.css").write_text(".own { color: red }", encoding="utf-8")
    site = build_site(root, renderer="pandoc").index.parent
    assert (site / "looks" / "own.css").read_text(encoding="utf-8") == ".own { color: red }"
    page = (site / "reports" / "all-features.html").read_text(encoding="utf-8")
    assert '<link rel="stylesheet" href="../looks/own.css">' in page
    order = [match[1] for match in re.finditer(r'<link rel="stylesheet" href="([^"?]+)', page)]
    assert order == ["../site_libs/pages/site.css", "../looks/own.css"]
