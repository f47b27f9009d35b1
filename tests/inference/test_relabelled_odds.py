"""Estimators with propensities for blocks of assignments against one assignment at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import didjack as dj
from didjack.inference import relabelling
from didjack.inference.assigned import cohort_of, refitted, why_refit

T = 5


def frame_of(first: list[int], sizes: tuple[int, int] = (6, 14), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(first)), rng.integers(*sizes, len(first)))
    n = len(cluster)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(n), T), "time": np.tile(np.arange(1, 6), n)})
    frame["cluster"] = cluster[frame["unit"]]
    frame["first"] = np.array(first)[frame["cluster"]]
    frame["x"] = rng.standard_normal(n)[frame["unit"]] + 0.3 * (frame["first"] > 0)
    frame["z"] = rng.standard_normal(len(frame))
    frame["d"] = rng.integers(0, 2, n)[frame["unit"]]
    frame["rare"] = (rng.uniform(size=n) < 0.06)[frame["unit"]].astype(float)
    frame["weight"] = rng.uniform(0.5, 2, n)[frame["unit"]]
    frame["y"] = rng.standard_normal(len(frame)) + frame["x"] * frame["time"]
    return frame


def compare(
    monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame, n: int = 12, **options: object
) -> int:
    """Compare both; return how many assignments were left to the estimator."""
    res = dj.att_gt(frame, "y", "time", "first", "unit", clustervars="cluster", **options)
    agg = dj.aggte(res, type="dynamic")
    clusters = res.clusters("cluster")
    assert why_refit(agg, clusters) == ""
    cohort = cohort_of(res, clusters)
    drawn = np.random.default_rng(1).permuted(np.tile(cohort, (n, 1)), axis=1)
    every = np.vstack([cohort, drawn])
    left = []

    def counted(target, clusters, some, **how):
        left.append(len(some))
        return refitted(target, clusters, some, **how)

    monkeypatch.setattr(relabelling, "refitted", counted)
    fast, slow = relabelling.relabelled(agg, clusters, every), refitted(agg, clusters, every)
    # Both solve the models to rounding; sums run in another order.
    np.testing.assert_allclose(fast.estimate, slow.estimate, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(fast.form, slow.form, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fast.scale, slow.scale, rtol=1e-10)
    assert np.isfinite(slow.estimate).any()
    return sum(left)


@pytest.mark.parametrize("method", ["ipw", "ipw_ht", "dr", "drimp"])
@pytest.mark.parametrize(
    "options",
    [
        {"xformla": "~ x"},
        {"xformla": "~ x + z", "base_period": "universal"},
        {"xformla": "~ x + d", "weightsname": "weight"},
        {"xformla": "~ x", "control_group": "notyettreated"},
    ],
)
def test_blocks_give_what_each_assignment_gives(monkeypatch, method, options):
    frame = frame_of([3, 3, 3, 4, 4, 4, 0, 0, 0, 0, 0])
    assert compare(monkeypatch, frame, est_method=method, **options) <= 3


@pytest.mark.parametrize("method", ["ipw", "ipw_ht", "dr", "drimp"])
def test_one_treated_cluster(monkeypatch, method):
    frame = frame_of([3, 0, 0, 0, 0, 0], sizes=(20, 30))
    assert compare(monkeypatch, frame, est_method=method, xformla="~ x") == 0


@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
def test_what_is_not_plain_is_left_to_the_estimator(monkeypatch, method):
    frame = frame_of([3, 3, 4, 0, 0, 0], sizes=(8, 16), seed=2)
    # Some assignments have nobody with the rare value among the treated, or among the controls.
    left = compare(monkeypatch, frame, est_method=method, xformla="~ x + rare")
    assert 0 < left


def test_blocks_of_any_size_give_the_same(monkeypatch):
    frame = frame_of([3, 3, 3, 0, 0, 0, 0])
    res = dj.att_gt(frame, "y", "time", "first", "unit", xformla="~ x", clustervars="cluster")
    agg = dj.aggte(res)
    one = dj.randomize(agg, n_permutations=20)
    monkeypatch.setattr(relabelling, "ODDS_BLOCK", 1)
    two = dj.randomize(agg, n_permutations=20)
    np.testing.assert_allclose(one.draws, two.draws, rtol=1e-12)
    with parallel_config("threading"):
        three = dj.randomize(agg, n_permutations=20, n_jobs=2)
    np.testing.assert_array_equal(two.draws, three.draws)
    assert not one.refit_reason
