"""Small designs and their deletions in plain loops, with the estimator of tests/naive.py."""

from __future__ import annotations

import naive
import numpy as np
import pandas as pd

import didjack as dj


def frame_of(cohorts: list[list[int]], periods: int = 4, seed: int = 0) -> pd.DataFrame:
    """Draw a balanced panel: one inner list per cluster, one cohort per unit, periods 1, 2, ..."""
    rng = np.random.default_rng(seed)
    units = [(c, g) for c, members in enumerate(cohorts) for g in members]
    frame = pd.DataFrame(units, columns=["cluster", "g"])
    frame["unit"] = np.arange(len(frame))
    frame = frame.merge(pd.DataFrame({"t": range(1, periods + 1)}), how="cross")
    frame["y"] = rng.normal(size=len(frame)) + (frame["g"] > 0) * (frame["t"] >= frame["g"])
    return frame


def att_gt(frame: pd.DataFrame, **options: object) -> dj.ATTgt:
    """Estimate a frame with the columns of `frame_of`, by regression without covariates."""
    arguments = {"idname": "unit", "clustervars": "cluster", "est_method": "reg"} | options
    return dj.att_gt(frame, "y", "t", "g", **arguments)


def cells_of(frame: pd.DataFrame, base: str = "varying") -> tuple[naive.Cells, dict[float, float]]:
    """Return ATT(g,t) by loops, and the sizes of the cohorts; nothing without treated units."""
    if not (frame["g"] > 0).any():
        return {}, {}
    return naive.att_gt(frame, [], None, True, "nevertreated", base)


def deletions(frame: pd.DataFrame, type_: str, base: str = "varying") -> pd.DataFrame:
    """Average the full sample and every deletion, one row each; NaN for what is not there."""
    parts = [frame] + [frame[frame["cluster"] != c] for c in frame["cluster"].unique()]
    rows = []
    for part in parts:
        cells, share = cells_of(part, base)
        rows.append(naive.aggregate(cells, share, type_) if cells else {})
    return pd.DataFrame(rows)


def cv3(replicates: np.ndarray) -> tuple[float, int]:
    """Return standard error and H of one parameter; the first value is the full sample's."""
    away = [x - replicates[0] for x in replicates[1:] if not np.isnan(x)]
    H = len(away)
    return float(np.sqrt((H - 1) / H * sum(d * d for d in away))), H
