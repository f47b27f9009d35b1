"""Running studies: equal tables for any workers, files that survive an interruption."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from didjack.errors import DataError
from didjack.simulate import runner
from didjack.simulate.compared import Settings, jackknife_se
from didjack.simulate.compiled import evaluate
from didjack.simulate.designs import Design
from didjack.simulate.draws import draw_means
from didjack.simulate.engine import BLOCK, Engine, check_replications
from didjack.simulate.studies import Cell, Study
from didjack.simulate.study_table import table_of

SETTINGS = Settings(types=("simple", "group"), tests=("clustered-t", "cv3", "webb", "permutation"),
                    n_boot=49, n_permutations=19)  # fmt: skip
DESIGNS = [
    Design(clusters=7, periods=5, treated=k, adoption=(3,), units=4, gamma=1.0) for k in (1, 2, 3)
]
STUDY = Study("s", "S", "", 5, tuple(Cell("a", d, SETTINGS) for d in DESIGNS))
REPS = 1300  # the last block is not full


@pytest.fixture(scope="module")
def table():
    return runner.run_study(STUDY, REPS)


def test_the_table_is_tidy(table):
    assert len(table) == 3 * (2 * 4 + 2) * 3
    assert (table["reps"] == REPS).all()
    assert table["usable"].eq(REPS).all()
    assert table["treated"].unique().tolist() == [1, 2, 3]
    assert table["rejection"].between(0, 1).all()
    wide = table.pivot_table(index=["treated", "estimator", "test"], columns="level",
                             values="rejection")  # fmt: skip
    assert (wide[0.01] <= wide[0.05]).all()
    assert (wide[0.05] <= wide[0.1]).all()
    # Without an effect an interval misses the truth exactly when the test rejects.
    p_only = table["test"] == "permutation"
    pd.testing.assert_series_equal(
        1 - table["rejection"][~p_only], table["coverage"][~p_only], check_names=False
    )
    assert table["coverage"][p_only].isna().all()


def test_rates_are_those_of_the_replications():
    """Moments of the estimates drawn, and their Monte Carlo standard errors."""
    design = Design(clusters=7, periods=5, treated=3, adoption=(3,), units=4, effect=(0.5, 1.0))
    cell = Cell("a", design, Settings(types=("simple",), tests=("cv3", "permutation")))
    engine = Engine(design, cell.settings, seed=2)
    table = table_of(cell, engine, engine.block(0), BLOCK).set_index(["test", "level"])
    means = draw_means(design, engine.rng(0), BLOCK)
    theta = means.reshape(BLOCK, -1) @ engine.estimators["simple"].estimate
    se = jackknife_se(evaluate(engine.estimators["simple"], means).deviations)
    row = table.loc["cv3", 0.05]
    critical = stats.t.isf(0.025, 6)
    truth = engine.truth["simple"]
    expected = {
        "reps": BLOCK, "usable": BLOCK, "truth": truth, "seed": 2,
        "rejection": np.mean(np.abs(theta) > critical * se),
        "coverage": np.mean(np.abs(theta - truth) <= critical * se),
        "length": np.mean(2 * critical * se), "se": se.mean(),
        "bias": theta.mean() - truth, "sd": theta.std(),
    }  # fmt: skip
    # The table has ten digits.
    assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9)
    for name, share in (("mc_se", row["rejection"]), ("coverage_mc_se", row["coverage"])):
        assert row[name] == pytest.approx(np.sqrt(share * (1 - share) / BLOCK), rel=1e-9)
    ranked = table.loc["permutation", 0.05]
    assert ranked[["bias", "sd"]].tolist() == row[["bias", "sd"]].tolist()
    assert ranked[["coverage", "length", "se"]].isna().all()
    assert row["effect"] == "0.5 1" and row["adoption"] == "3"


def test_two_workers_give_the_same_table(table):
    pd.testing.assert_frame_equal(runner.run_study(STUDY, REPS, jobs=2), table, check_exact=True)


@pytest.mark.parametrize("task", [1, 2])
def test_any_chunking_gives_the_same_table(table, task, monkeypatch):
    monkeypatch.setattr(runner, "TASK", task)
    pd.testing.assert_frame_equal(runner.run_study(STUDY, REPS), table, check_exact=True)


def test_the_last_block_may_be_full_or_not():
    counts = {1: 1, BLOCK - 1: 1, BLOCK: 1, BLOCK + 1: 2, 2 * BLOCK: 2}
    assert {reps: check_replications(reps) for reps in counts} == counts
    engine = Engine(DESIGNS[0], SETTINGS, seed=5)
    drawn = [tally.n[0] for tally in engine.run(range(2), BLOCK + 7)]
    assert drawn == [BLOCK, 7]


def test_another_seed_gives_other_numbers(table):
    other = runner.run_study(STUDY, REPS, seed=6)
    assert (other["seed"] == 6).all()
    assert (other["rejection"] != table["rejection"]).mean() > 0.5


def test_a_dask_cluster_gives_the_same_table(table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distributed = pytest.importorskip("distributed", reason="dask is not installed")
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(processes=True, **options) as cluster:
            result = runner.run_study(STUDY, REPS, scheduler=cluster.scheduler_address)
    pd.testing.assert_frame_equal(result, table, check_exact=True)


def test_an_interrupted_run_goes_on_where_it_stopped(table, tmp_path, monkeypatch):
    out, seen = tmp_path / "out", []

    def interrupt(progress):
        if progress.cells == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run_study(STUDY, REPS, out=out, on_progress=interrupt)
    assert len(list(out.glob("*.parquet"))) == 2
    again = runner.run_study(STUDY, REPS, out=out, on_progress=seen.append)
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert seen[0].reused == 2
    assert seen[-1].reps == seen[-1].reps_total == REPS
    monkeypatch.setattr(runner, "_work", None)  # nothing may be drawn any more
    pd.testing.assert_frame_equal(runner.run_study(STUDY, REPS, out=out), table, check_exact=True)
    manifest = json.loads((out / "manifest.json").read_text())
    entry = next(iter(manifest["cells"].values()))
    assert entry["design"]["clusters"] == 7
    assert {"seed", "reps", "seconds", "didjack", "numpy", "python"} <= set(entry)
    assert not list(out.glob("*.part"))


def test_progress_counts_replications(monkeypatch):
    monkeypatch.setattr(runner, "TASK", 1)
    seen = []
    few = Study("s", "S", "", 5, STUDY.cells[:2])
    runner.run_study(few, REPS, on_progress=seen.append)
    reps = [0, BLOCK, 2 * BLOCK, REPS]
    assert [p.reps for p in seen] == [*reps, *(REPS + r for r in reps[1:])]
    assert [p.cells for p in seen] == [0, 0, 0, 1, 1, 1, 2]
    assert {(p.cells_total, p.reps_total, p.reused) for p in seen} == {(2, 2 * REPS, 0)}


def test_other_seeds_are_kept_apart(tmp_path):
    few = Study("s", "S", "", 5, STUDY.cells[:1])
    first = runner.run_study(few, 40, out=tmp_path)
    other = runner.run_study(few, 40, out=tmp_path, seed=6)
    assert (other["seed"] == 6).all()
    assert not first["bias"].equals(other["bias"])
    pd.testing.assert_frame_equal(runner.run_study(few, 40, out=tmp_path), first)


def test_other_replications_are_kept_apart(tmp_path):
    few = Study("s", "S", "", 5, STUDY.cells[:1])
    runner.run_study(few, 40, out=tmp_path)
    assert (runner.run_study(few, 60, out=tmp_path)["reps"] == 60).all()
    assert (runner.run_study(few, 40, out=tmp_path)["reps"] == 40).all()
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_a_design_in_two_blocks_is_drawn_once():
    seen = []
    both = Study(
        "s", "S", "", 5, (Cell("a", DESIGNS[0], SETTINGS), Cell("b", DESIGNS[0], SETTINGS))
    )
    result = runner.run_study(both, 40, on_progress=seen.append)
    assert seen[-1].cells_total == 1
    assert result["cell"].unique().tolist() == ["a", "b"]


def test_what_cannot_be_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="reps is 0"):
        runner.run_study(STUDY, 0)
    with pytest.raises(DataError, match="jobs is 0"):
        runner.run_study(STUDY, 10, jobs=0)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match="not a manifest"):
        runner.run_study(STUDY, 10, out=tmp_path)
