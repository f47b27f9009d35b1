"""Assignments from coded data against reading a frame with the cohorts moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference import assigned
from didjack.inference.assigned import cohort_of, refitted
from didjack.inference.recoded import why_from_frame

T = 6


def frame_of(first: list[int], per_cluster: int = 8, seed: int = 0) -> pd.DataFrame:
    """Draw a panel of clusters of one cohort each, with weights and covariates that change."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(first)), per_cluster)
    n = len(cluster)
    frame = pd.DataFrame(
        {"unit": np.repeat(np.arange(n), T), "time": np.tile(np.arange(1, T + 1), n)}
    )
    frame["cluster"] = cluster[frame["unit"]]
    frame["first"] = np.array(first)[frame["cluster"]]
    frame["x"] = rng.standard_normal(n)[frame["unit"]]
    frame["z"] = rng.standard_normal(len(frame))
    frame["d"] = rng.integers(0, 2, n)[frame["unit"]]
    frame["weight"] = rng.uniform(0.5, 2, n)[frame["unit"]]
    frame["y"] = rng.standard_normal(len(frame)) + frame["x"] * frame["time"]
    return frame


def both(
    monkeypatch: pytest.MonkeyPatch, res: dj.ATTgt, n: int = 5
) -> tuple[assigned.AssignedStatistics, assigned.AssignedStatistics]:
    agg = dj.aggte(res, type="dynamic")
    clusters = res.clusters("cluster")
    assert why_from_frame(res, clusters) == ""
    cohort = cohort_of(res, clusters)
    drawn = np.random.default_rng(1).permuted(np.tile(cohort, (n, 1)), axis=1)
    some = np.vstack([cohort, drawn])
    fast = refitted(agg, clusters, some)
    monkeypatch.setattr(assigned, "why_from_frame", lambda *_: "to compare with")
    return fast, refitted(agg, clusters, some)


def assert_equal(
    fast: assigned.AssignedStatistics, slow: assigned.AssignedStatistics, rtol: float = 1e-11
) -> None:
    np.testing.assert_allclose(fast.estimate, slow.estimate, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(fast.form, slow.form, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(fast.scale, slow.scale, rtol=rtol)


@pytest.mark.parametrize(
    "options",
    [
        {"est_method": "dr", "xformla": "~ x"},
        {"est_method": "ipw", "xformla": "~ x + z", "control_group": "notyettreated"},
        {"est_method": "drimp", "xformla": "~ x", "base_period": "universal"},
        {"est_method": "dr", "xformla": "~ x + d", "weightsname": "weight", "separation": "csdid"},
        {"est_method": "dr", "xformla": "~ x", "panel": False},
        {"est_method": "reg", "separation": "error"},
        {"est_method": "ipw", "xformla": "~ x", "allow_unbalanced_panel": True},
    ],
)
def test_coded_data_give_what_frames_give(monkeypatch, options):
    frame = frame_of([3, 3, 3, 4, 4, 4, 0, 0, 0, 0])
    if options.get("allow_unbalanced_panel"):
        frame = frame[(frame["unit"] % 7 != 0) | (frame["time"] != 3)]
    res = dj.att_gt(frame, "y", "time", "first", "unit", clustervars="cluster", **options)
    fast, slow = both(monkeypatch, res)
    assert np.isfinite(slow.t).mean() > 0.5
    # Sums over the full sample run in another order: 1e-13 in estimates of size one.
    assert_equal(fast, slow)


def test_cells_that_an_assignment_loses_are_missing_in_both(monkeypatch):
    frame = frame_of([3, 3, 0, 0, 4, 0], per_cluster=6, seed=4)
    frame["d"] = (frame["unit"] % 4 == 0).astype(float) * (frame["cluster"] < 3)
    res = dj.att_gt(frame, "y", "time", "first", "unit", xformla="~ z + d", clustervars="cluster")
    fast, slow = both(monkeypatch, res, n=20)
    assert np.isnan(slow.estimate).any() and np.isfinite(slow.estimate).any()
    assert_equal(fast, slow, 1e-8)  # collinear but for rounding: rounding counts for more


def test_rows_that_were_left_out_stay_out(monkeypatch):
    frame = frame_of([3, 3, 3, 9, 4, 4, 4, 0, 0, 0])  # 9 is after the last period
    start = frame_of([1], seed=2).assign(cluster=4)  # in a cluster that moves
    start["unit"] += 10_000
    frame = pd.concat([frame, start], ignore_index=True)
    frame.loc[frame.index[::97], "z"] = np.nan
    frame.loc[frame.index[5::101], "y"] = np.nan
    res = dj.att_gt(
        frame, "y", "time", "first", "unit", xformla="~ x + z", est_method="ipw",
        clustervars="cluster",
    )  # fmt: skip
    assert len(res.ledger) > 2
    assert_equal(*both(monkeypatch, res))


def test_what_reads_the_frame_again_says_why():
    frame = frame_of([3, 4, 4, 0])
    res = dj.att_gt(
        frame, "y", "time", "first", "unit", xformla="~ x", control_group="notyettreated",
        clustervars="cluster",
    )  # fmt: skip
    assert "more than the weights" in why_from_frame(res, res.clusters("cluster"))
    frame = frame_of([3, 3, 4, 4, 0, 0, 0])
    odd = (frame["unit"] == 0) & (frame["time"] < 4)
    frame.loc[frame["unit"] == 0, "first"] = 4  # another cohort than its cluster, incomplete
    res = dj.att_gt(frame[~odd], "y", "time", "first", "unit", xformla="~ x", clustervars="cluster")
    assert "incomplete units" in why_from_frame(res, res.clusters("cluster"))
