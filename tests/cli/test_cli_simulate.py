"""`didjack simulate`: tables, files, and messages."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from didjack.cli import app
from didjack.cli.simulate import _HEADS
from didjack.simulate import CSDID_TESTS, LABELS

STUDY = """
title = "Mine"
[design]
clusters = 8
periods = 5
adoption = [3]
[settings]
types = ["simple"]
[[cells]]
treated = [2, 3]
"""


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return lambda *args: CliRunner().invoke(app, ["simulate", *map(str, args)])


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_a_study_prints_a_table_and_writes_a_file(run, study, tmp_path):
    output, out = tmp_path / "table.csv", tmp_path / "cells"
    result = run(study, "--reps", 300, "--seed", 9, "-o", output, "--out", out)
    assert result.exit_code == 0, result.output
    assert "percent of 300 replications that reject no effect at 0.05" in result.output
    assert "seed 9" in result.output
    table = pd.read_csv(output)
    cv3 = table[(table["test"] == "cv3") & (table["level"] == 0.05) & (table["treated"] == 3)]
    assert f"{100 * cv3['rejection'].iloc[0]:.1f}" in result.output
    assert len(list(out.glob("*.parquet"))) == 2
    again = run(study, "--reps", 300, "--seed", 9, "--out", out)
    assert again.output == result.output.replace(f"Table written to {output}\n", "")


def test_every_test_has_a_column(run, study, tmp_path):
    tests = ", ".join(f'"{name}"' for name in CSDID_TESTS)
    text = STUDY.replace("clusters = 8", "clusters = 13\nunits = 4\ngamma = 1.0")
    text = text.replace("treated = [2, 3]", "treated = 2").replace(
        'types = ["simple"]', f'types = ["simple", "event:last"]\ntests = [{tests}]\nn_boot = 19'
    )
    study.write_text(text + "n_permutations = 19\n", encoding="utf-8")
    output = tmp_path / "table.csv"
    result = run(study, "--reps", 60, "-o", output)
    assert result.exit_code == 0, result.output
    assert "nan" not in result.output
    for head in dict.fromkeys(_HEADS.values()):
        assert head in result.output
    table = pd.read_csv(output)
    assert set(table["test"]) == set(LABELS)
    assert set(table["estimator"]) == {"simple", "event:last", "twfe"}
    assert set(table["n_treated_clusters"]) == {2}


def test_the_list_names_the_shipped_studies(run):
    result = run("--list")
    assert result.exit_code == 0
    assert "few-treated" in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Which study?"),
        (["no-such-study"], "There is no study 'no-such-study'"),
        (["few-treated", "--level", "0.2"], "level must be one of 0.01, 0.05, 0.1"),
        (["few-treated", "-o", "table.xlsx"], "written as .csv"),
        (["few-treated", "--jobs", "0"], "jobs is 0"),
    ],
)
def test_mistakes_are_one_message(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_an_impossible_design_is_named(run, study):
    study.write_text(STUDY.replace("[2, 3]", "[9]"), encoding="utf-8")
    result = run(study)
    assert result.exit_code == 2
    assert "9 treated clusters, but clusters is 8" in result.stderr
