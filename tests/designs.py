"""Random designs: few clusters, gaps in time, cohorts lost with a cluster, and so on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st


@dataclass(frozen=True)
class Drawn:
    """A data set with columns unit, cluster, t, g, y, wt, x1, x2, and how to estimate from it."""

    frame: pd.DataFrame = field(repr=False)
    panel: bool
    covariates: tuple[str, ...]
    weight: str | None
    control_group: str
    base_period: str
    est_method: str = "reg"
    anticipation: int = 0
    unbalanced: bool = False

    @property
    def kwargs(self) -> dict[str, Any]:
        """Arguments of att_gt."""
        return {
            "yname": "y",
            "tname": "t",
            "gname": "g",
            "idname": "unit" if self.panel else None,
            "clustervars": "cluster",
            "xformla": "~ " + " + ".join(self.covariates) if self.covariates else None,
            "est_method": self.est_method,
            "control_group": self.control_group,
            "base_period": self.base_period,
            "weightsname": self.weight,
            "panel": self.panel,
            "anticipation": self.anticipation,
            "allow_unbalanced_panel": self.unbalanced,
        }

    @property
    def scale(self) -> float:
        """Size of the outcomes, whose rounding error every estimate carries."""
        return float(self.frame["y"].abs().max())


def _outcome(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add outcome, weight and covariates; weights and covariates may change over time.

    Covariates are small integers, so that a regression on few rows is either exactly singular
    or well conditioned: nearly singular ones would be a test of rounding, not of the estimator.
    """
    n = len(frame)
    frame["x1"], frame["x2"] = rng.integers(-1, 3, size=n), rng.integers(-1, 3, size=n)
    frame["wt"] = rng.uniform(0.5, 2.0, size=n)
    effect = 0.3 * ((frame["g"] > 0) & (frame["t"] >= frame["g"]))
    frame["y"] = effect + 0.5 * frame["x1"] + 0.1 * (frame["t"] - 2000) + rng.normal(size=n)
    return frame


@st.composite
def designs(
    draw: st.DrawFn,
    panel: bool,
    covariates: int = 0,
    methods: tuple[str, ...] = ("reg",),
    anticipation: int = 0,
    unbalanced: bool = False,
) -> Drawn:
    """Draw a design; with covariates the clusters are larger, so that regressions have rows."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 2]), min_size=2, max_size=4))
    times = 2000 + np.concatenate([[0], np.cumsum(gaps)])
    cohort = st.sampled_from([0, 0, *range(2000, int(times[-1]) + 2)])
    size = st.integers(4, 7) if covariates else st.integers(1, 3)
    sizes = draw(st.lists(size, min_size=3, max_size=7))
    if draw(st.booleans()):  # cohorts are drawn by cluster, else by unit
        by_cluster = draw(st.lists(cohort, min_size=len(sizes), max_size=len(sizes)))
        cohorts = np.repeat(by_cluster, sizes)
    else:
        cohorts = np.array(draw(st.lists(cohort, min_size=sum(sizes), max_size=sum(sizes))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    units = pd.DataFrame({"unit": np.arange(len(cohorts)), "cluster": clusters, "g": cohorts})
    frame = units.merge(pd.DataFrame({"t": times}), how="cross")
    if not panel or unbalanced:  # rows are missing, so cells can be empty
        rows = rng.permutation(len(frame))
        frame = frame.iloc[rows[: draw(st.integers(len(frame) // 2, len(frame)))]]
    frame = _outcome(frame.reset_index(drop=True), rng)
    return Drawn(
        frame=frame,
        panel=panel,
        covariates=("x1", "x2")[:covariates],
        weight=draw(st.sampled_from([None, "wt"])),
        control_group=draw(st.sampled_from(["nevertreated", "notyettreated"])),
        base_period=draw(st.sampled_from(["varying", "universal"])),
        est_method=draw(st.sampled_from(methods)),
        anticipation=draw(st.integers(0, anticipation)),
        unbalanced=unbalanced,
    )
