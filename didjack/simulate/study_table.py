"""From counts to a tidy table: one row for each design, estimator, test and level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.simulate.compared import LEVELS
from didjack.simulate.engine import Engine
from didjack.simulate.studies import Cell
from didjack.simulate.tally import Tally


def table_of(cell: Cell, engine: Engine, tally: Tally, reps: int) -> pd.DataFrame:
    """Write the counts of a design as rates.

    Parameters
    ----------
    cell : Cell
    engine : Engine
        Names the rows of the tally.
    tally : Tally
    reps : int
        Replications drawn.

    Returns
    -------
    DataFrame
        The design's columns; estimator, test, level; treated clusters behind the estimate; reps
        and, of them, usable (with a standard error); rejection of no effect, coverage of the true
        effect and their Monte Carlo standard errors; mean interval length; truth, bias and standard
        deviation of the estimate; mean standard error; size-adjusted power (`Tally.size_adjusted`)
        where there is an effect; seed.
    """
    keys = [
        (estimator, test.name, level)
        for estimator, tests in engine.tests.items()
        for test in tests
        for level in LEVELS
    ]
    frame = pd.DataFrame(keys, columns=["estimator", "test", "level"])
    n = tally.n
    frame["n_treated_clusters"] = [
        engine.estimators[estimator].n_treated_clusters for estimator, _, _ in keys
    ]
    frame["reps"], frame["usable"] = reps, n.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = tally.estimate / n
        rates = {
            "rejection": tally.rejected / n,
            "mc_se": binomial_se(tally.rejected / n, n),
            "coverage": tally.covered / n,
            "coverage_mc_se": binomial_se(tally.covered / n, n),
            "length": tally.length / n,
            "truth": np.array([engine.truth[estimator] for estimator, _, _ in keys]),
            "bias": mean,
            "sd": np.sqrt(np.maximum(tally.square / n - mean**2, 0)),
            "se": tally.se / n,
            "size_adjusted": tally.size_adjusted(),
        }
    # Ten digits: sums of floating-point numbers may differ in the last ones between machines.
    for name, values in rates.items():
        frame[name] = _rounded(values)
    frame["seed"] = engine.seed
    described: dict[str, Any] = {"cell": cell.name}
    for key, value in cell.design.to_dict().items():
        described[key] = " ".join(f"{v:g}" for v in value) if isinstance(value, list) else value
    head = pd.DataFrame(described, index=frame.index)
    return pd.concat([head, frame], axis=1)


def binomial_se(share: Array, n: Array) -> Array:
    """Monte Carlo standard error of a share of n replications."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(share * (1 - share) / n))


def _rounded(values: Array) -> Array:
    return np.array([float(f"{v:.10g}") for v in values])
