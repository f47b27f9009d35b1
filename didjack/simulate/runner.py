"""Running a study: workers, files of finished cells, and going on after an interruption."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from didjack.errors import DataError
from didjack.extras import optional_imports
from didjack.locking import alone_in
from didjack.simulate.engine import BLOCK, Engine, check_replications
from didjack.simulate.studies import Cell, Study
from didjack.simulate.study_table import table_of
from didjack.simulate.tally import Tally
from didjack.writing import make_folder, replacing, write_text

# Raise it when a change in the engine changes results: finished cells are then drawn again.
ENGINE = 2
TASK = 10  # blocks that a worker takes at a time
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Progress:
    """What a caller is told after every task: cells and replications done, of how many."""

    cells: int
    cells_total: int
    reps: int
    reps_total: int
    reused: int


def run_study(
    study: Study,
    reps: int = 2000,
    *,
    seed: int | None = None,
    jobs: int = 1,
    out: Path | None = None,
    scheduler: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Simulate every cell of a study.

    Parameters
    ----------
    study : Study
    reps : int
        Replications of each cell.
    seed : int, optional
        In place of the study's own.
    jobs : int
        Workers (joblib). The table is the same for any number.
    out : Path, optional
        Folder for the results: one Parquet file for each finished cell, and a manifest. Cells
        that are there already, with the same seed and replications, are not drawn again.
    scheduler : str, optional
        Address of a dask scheduler, "tcp://host:port", whose workers take the place of `jobs`.
    on_progress : callable, optional
        Called after every task.

    Returns
    -------
    DataFrame
        See `didjack.simulate.study_table.table_of`.

    Raises
    ------
    DataError
        `reps` or `jobs` cannot be, or dask is asked for and not installed.
    LockedError
        Another run uses the folder `out`.
    """
    check_replications(reps)
    if jobs == 0:
        raise DataError("jobs is 0; use 1 or more, or -1 for all processors.")
    seed = study.seed if seed is None else seed
    with nullcontext() if out is None else alone_in(out, "didjack simulate"):
        return _run(study, reps, seed, jobs, out, scheduler, on_progress)


def _run(
    study: Study,
    reps: int,
    seed: int,
    jobs: int,
    out: Path | None,
    scheduler: str | None,
    on_progress: Callable[[Progress], None] | None,
) -> pd.DataFrame:
    n_blocks = check_replications(reps)
    store = Store(out, seed, reps)
    unique = {cell.key: cell for cell in study.cells}
    done = {key: table for key, cell in unique.items() if (table := store.get(cell)) is not None}
    todo = [cell for key, cell in unique.items() if key not in done]
    reused = len(done)

    def report(blocks: int) -> None:
        if on_progress is not None:
            left = min(reps, blocks * BLOCK)
            finished = (len(done) - reused) * reps + left
            on_progress(Progress(len(done), len(unique), finished, len(todo) * reps, reused))

    report(0)
    chunks = [range(at, min(at + TASK, n_blocks)) for at in range(0, n_blocks, TASK)]
    tasks = ((cell, chunk) for cell in todo for chunk in chunks)
    with _results(tasks, seed, reps, jobs, scheduler) as results:
        for cell in todo:
            started, tallies = time.perf_counter(), list[Tally]()
            for chunk in chunks:
                tallies += next(results)
                if chunk is not chunks[-1]:
                    report(chunk.stop)
            engine = Engine(cell.design, cell.settings, seed)
            table = table_of(cell, engine, Tally.total(tallies), reps)
            store.put(cell, table, study.name, time.perf_counter() - started)
            done[cell.key] = table
            report(0)
    # A design may stand in several blocks of a study: each names it its own way.
    return pd.concat([done[c.key].assign(cell=c.name) for c in study.cells], ignore_index=True)


def _work(cell: Cell, seed: int, chunk: range, reps: int) -> list[Tally]:
    return Engine(cell.design, cell.settings, seed).run(chunk, reps)


@contextmanager
def _results(
    tasks: Iterator[tuple[Cell, range]], seed: int, reps: int, jobs: int, scheduler: str | None
) -> Iterator[Iterator[list[Tally]]]:
    """Give the results of the tasks, in their order."""
    import joblib  # heavy, and needed only where something runs

    calls = (joblib.delayed(_work)(cell, seed, chunk, reps) for cell, chunk in tasks)
    if scheduler is None:
        yield iter(joblib.Parallel(n_jobs=jobs, return_as="generator")(calls))
        return
    with optional_imports():
        from distributed import Client  # type: ignore[import-not-found,import-untyped,unused-ignore]
    with Client(scheduler), joblib.parallel_config(backend="dask"):
        yield iter(joblib.Parallel(return_as="generator")(calls))


class Store:
    """Finished cells in a folder; without a folder it holds nothing."""

    def __init__(self, folder: Path | None, seed: int, reps: int) -> None:
        self.folder, self.seed, self.reps = folder, seed, reps
        self.manifest: dict[str, Any] = {"format": 1, "cells": {}}
        if folder is None:
            return
        with optional_imports():
            import pyarrow  # noqa: F401 - finished cells are Parquet files
        path = folder / MANIFEST
        if path.is_file():
            try:
                self.manifest = json.loads(path.read_text(encoding="utf-8"))
                self.manifest["cells"].keys()
            except (json.JSONDecodeError, KeyError, AttributeError, TypeError):
                raise DataError(
                    f"{path} is not a manifest of simulations. Move it away, or use another folder."
                ) from None

    def _name(self, cell: Cell) -> str:
        return f"{cell.key}-{self.seed}-{self.reps}-{ENGINE}"

    def get(self, cell: Cell) -> pd.DataFrame | None:
        """Return the table of a finished cell."""
        name = self._name(cell)
        if self.folder is None or name not in self.manifest["cells"]:
            return None
        path = self.folder / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else None

    def put(self, cell: Cell, table: pd.DataFrame, study: str, seconds: float) -> None:
        """Keep a finished cell; a file is there whole or not at all."""
        if self.folder is None:
            return
        make_folder(self.folder)
        name = self._name(cell)
        with replacing(self.folder / f"{name}.parquet", overwrite=True) as draft:
            table.to_parquet(draft, index=False)
        self.manifest["cells"][name] = {
            "study": study,
            "name": cell.name,
            "design": cell.design.to_dict(),
            "seed": self.seed,
            "reps": self.reps,
            "seconds": round(seconds, 2),
            **versions(),
        }
        text = json.dumps(self.manifest, indent=1) + "\n"
        write_text(self.folder / MANIFEST, text, overwrite=True)


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    return {
        "didjack": version("didjack"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
