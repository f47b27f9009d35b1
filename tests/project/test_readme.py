"""What the README shows is what comes out: its example, and its picture of an event study."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from didjack.paths import project_root
from didjack_pages.frontpage import event_study

ROOT = project_root()
if ROOT is None:
    pytest.skip("the README is not part of an installed package", allow_module_level=True)
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"


def test_the_example_prints_what_is_shown(capsys):
    code, shown = re.search(
        r"## What comes out\n\n```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL
    ).groups()
    exec(code, {})
    assert capsys.readouterr().out == shown


def written_panel(path):
    """Write data with the columns of the README: 20 states of three counties, seven treated."""
    rng = np.random.default_rng(7)
    county = np.repeat(np.arange(60), 8)
    frame = pd.DataFrame({"county": county, "state": county // 3, "year": np.tile(range(8), 60)})
    first = np.array([3] * 4 + [5] * 3 + [0] * 13)
    frame["first_treated"] = first[frame["state"]]
    frame["x1"], frame["x2"] = rng.normal(size=60)[county], rng.uniform(1, 3, size=60)[county]
    treated = (frame["first_treated"] > 0) & (frame["year"] >= frame["first_treated"])
    frame["y"] = rng.normal(size=len(frame)) + frame["x1"] * frame["year"] + treated
    frame.to_csv(path, index=False)


def test_the_steps_on_data_of_ones_own_run(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT.split("## Your own data")[1], re.DOTALL)
    assert len(blocks) == 2
    written_panel(tmp_path / "data.csv")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(block, names)
    assert "overall" in capsys.readouterr().out
    assert names["jx"].verdict().sentence


def test_the_picture_has_the_numbers_of_today():
    """`python -m didjack_pages.frontpage.event_study` draws it again."""
    drawn = ElementTree.parse(ROOT / "docs" / "event-study.svg").find(DESCRIPTION)
    expected = event_study.described(event_study.castle_comparison())
    assert drawn.text == expected
    assert expected.count(";") == 11


def test_the_command_draws_it(tmp_path):
    path = event_study.write_event_study(tmp_path / "docs" / "event-study.svg")
    root = ElementTree.parse(path).getroot()
    assert root.find(DESCRIPTION).text.startswith("event:-6")
    assert path.stat().st_size < 100_000
