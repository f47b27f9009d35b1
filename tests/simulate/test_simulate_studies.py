"""Study files: every combination, and clear words on mistakes."""

from __future__ import annotations

import pytest

from didjack.errors import DataError
from didjack.simulate import Design, load_study, shipped_studies

GOOD = """
title = "Mine"
seed = 4
[design]
clusters = 8
periods = 5
noise_sd = 1
adoption = [3]
[settings]
types = ["simple"]
[[cells]]
name = "a"
treated = [2, 3]
rho = [0, 0.5]
[[cells]]
name = "b"
treated = 3
adoption = [[3], [2, 4]]
effect = [0.0, 1]
tests = ["cv3"]
"""


@pytest.fixture
def study(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load_study(path)

    return write


def test_lists_make_every_combination(study):
    mine = study(GOOD)
    assert (mine.name, mine.title, mine.seed) == ("mine", "Mine", 4)
    seen = [(c.name, c.design.treated, c.design.rho, c.design.adoption) for c in mine.cells]
    assert seen == [
        ("a", 2, 0, (3,)),
        ("a", 2, 0.5, (3,)),
        ("a", 3, 0, (3,)),
        ("a", 3, 0.5, (3,)),
        ("b", 3, 0.5, (3,)),
        ("b", 3, 0.5, (2, 4)),
    ]
    assert mine.cells[4].design.effect == (0.0, 1)
    assert mine.cells[0].settings.types == mine.cells[4].settings.types == ("simple",)
    assert mine.cells[4].settings.tests == ("cv3",)
    assert len({cell.key for cell in mine.cells}) == 6


def test_a_block_overrides_what_is_shared_with_a_default_too(study):
    assert Design().rho == 0.5
    mine = study("[design]\nrho = 0.9\n[settings]\ntwfe = false\n[[cells]]\nrho = 0.5\ntwfe = true")
    (cell,) = mine.cells
    assert (cell.design.rho, cell.settings.twfe) == (0.5, True)


def test_a_study_without_blocks_is_one_design(study):
    (cell,) = study("[design]\nclusters = 8\ntreated = 4").cells
    assert (cell.name, cell.design) == ("", Design(clusters=8, treated=4))


def test_keys_follow_from_content_alone():
    assert Design(rho=0).key == Design(rho=0.0).key
    assert Design(rho=0.1).key != Design(rho=0.2).key


def test_shipped_studies_can_be_read():
    studies = shipped_studies()
    assert "few-treated" in studies
    assert load_study("few-treated").cells == studies["few-treated"].cells
    for study in studies.values():
        assert study.title
        assert study.description


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("treated = [2, 3]", "treated = [2, 30]", "cells 1 'a': Design: 30 treated clusters"),
        ("adoption = [3]", "adoption = [9]", "outside the periods 2 to 5"),
        ("clusters = 8", "cluster = 8", "did you mean 'clusters'"),
        ("treated = [2, 3]", "treatd = [2, 3]", "did you mean 'treated'"),
        ("clusters = 8", "clusters = 8.5", "'clusters' must be a whole number"),
        ("rho = [0, 0.5]", 'rho = "high"', "'rho' must be a number, but is 'high'"),
        (
            "adoption = [3]",
            "adoption = [2.5]",
            "entry 1 of key 'adoption' must be a whole number, but is 2.5",
        ),
        ("adoption = [3]", "adoption = 3", "'adoption' must be a list of whole numbers, but is 3"),
        ('tests = ["cv3"]', 'tests = ["cv9"]', "tests has cv9"),
        ('types = ["simple"]', 'type = ["simple"]', "did you mean 'types'"),
        ("treated = [2, 3]", "treated = []", "'treated' has no values"),
        ("[[cells]]", "[[cells]", "not a TOML file"),
        (
            "clusters = 8",
            f"clusters = {10**9}",
            "a whole number, at least -1,000,000 and at most 1",
        ),
        ("noise_sd = 1", "noise_sd = inf", "'noise_sd' must be a number, at least"),
        (
            "rho = [0, 0.5]",
            "rho = [0, [1]]",
            "cells 1 'a': key 'rho' must be a number, but is a list",
        ),
        ("adoption = [[3], [2, 4]]", "adoption = [[3], 4]", "cells 2 'b': key 'adoption' must be"),
        ("seed = 4", "seed = -1", "key 'seed' must be a whole number, at least 0"),
        ('name = "a"', "name = 1", "cells 1: key 'name' must be a text"),
        (
            "treated = [2, 3]",
            f"treated = {[2] * 400}\nunits = {[2] * 400}",
            "cells 1: a study has at most 100,000 cells; write several",
        ),
    ],
)
def test_mistakes_are_named(study, old, new, message):
    with pytest.raises(DataError, match=message.replace("[", r"\[")):
        study(GOOD.replace(old, new))


def test_an_unknown_study_names_the_shipped_ones():
    with pytest.raises(DataError, match=r"no study 'many'; there are .*few-treated"):
        load_study("many")
    with pytest.raises(DataError, match="no such file"):
        load_study("absent.toml")
