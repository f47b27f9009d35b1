"""Randomization inference by listing the assignments and estimating each with plain loops.

Some clusters are not observed early: dealt the treatment they have no period before it, so that
the assignment has no estimate. Such assignments count as larger.
"""

from __future__ import annotations

import inspect
from functools import cache
from itertools import permutations

import naive
import numpy as np
import pandas as pd
import pytest
from looped import att_gt, cv3, frame_of

import didjack as dj
from didjack.core.screen import screen_table

RTOL = 1e-10  # t is a ratio of small differences


def short_of_periods(missing: list[int], clusters: int = 6, seed: int = 0) -> pd.DataFrame:
    """Return cross-sections of periods 1 to 4; some clusters have no rows before period 3."""
    frame = frame_of([[3, 3]] + [[0, 0]] * (clusters - 1), seed=seed)
    return frame[~(frame["cluster"].isin(missing) & (frame["t"] < 3))].reset_index(drop=True)


def overall(frame: pd.DataFrame) -> float:
    """Return the mean effect by loops, NaN where there is none."""
    if not (frame["g"] > 0).any() or not (frame["g"] == 0).any():
        return np.nan
    cells, share = naive.att_gt(frame, [], None, False, "nevertreated", "varying")
    return naive.aggregate(cells, share, "simple")["overall"]


@cache
def statistics(key: tuple[int, ...], missing: tuple[int, ...]) -> tuple[float, float]:
    """Estimate one assignment of first periods to clusters: effect, and its CV3 t."""
    frame = short_of_periods(list(missing), len(key))
    frame = frame.assign(g=frame["cluster"].map(dict(enumerate(key))))
    values = [overall(frame)]
    values += [overall(frame[frame["cluster"] != c]) for c in range(len(key))]
    if np.isnan(values[0]):
        return np.nan, np.nan
    return values[0], values[0] / cv3(np.array(values))[0]


def randomized(missing: tuple[int, ...], **options: object) -> dj.Randomization:
    res = att_gt(short_of_periods(list(missing)), idname=None)
    return dj.randomize(dj.aggte(res, type="simple"), "cluster", **options)


@pytest.mark.parametrize("missing", [(), (5,), (2, 4), (1, 3, 5)])
def test_assignments_without_an_estimate_count_as_larger(missing):
    actual = (3, 0, 0, 0, 0, 0)
    others = sorted(set(permutations(actual)) - {actual})
    found = randomized(missing)
    assert found.exact and len(found.draws) == len(others) == 5
    assert found.failed == len(missing)
    att, t = statistics(actual, missing)
    assert (found.att, found.t) == pytest.approx((att, t), rel=RTOL)
    each = np.array([statistics(other, missing) for other in others])
    for j, (value, p) in enumerate([(att, found.p_att), (t, found.p_t)]):
        assert np.isnan(each[:, j]).sum() == len(missing)
        larger = sum(np.isnan(v) or abs(v) >= abs(value) for v in each[:, j])
        assert p == pytest.approx((1 + larger) / 6, rel=1e-12)
        smaller = sum(not np.isnan(v) and abs(v) < abs(value) for v in each[:, j])
        assert p >= (1 + len(missing)) / 6 - 1e-12 and p == pytest.approx(1 - smaller / 6)
        drawn = np.sort(found.draws[:, j])  # NaN last
        np.testing.assert_allclose(drawn, np.sort(each[:, j]), rtol=RTOL)
    if missing:
        assert f"{len(missing)} cannot be estimated" in found.summary()
    else:
        assert "cannot" not in found.summary()


def test_the_actual_estimate_must_not_be_the_smallest_by_luck():
    """With 2 of 5 without an estimate, both ways to count them give other p-values."""
    found = randomized((2, 4))
    finite = found.draws[np.isfinite(found.draws[:, 0]), 0]
    larger = (np.abs(finite) >= abs(found.att)).sum()
    assert found.p_att == pytest.approx((1 + larger + 2) / 6)
    assert found.p_att != pytest.approx((1 + larger) / 6)
    assert found.p_att != pytest.approx((1 + larger) / (1 + len(finite)))


def test_equal_clusters_are_ties():
    """An assignment that gives the same estimate up to rounding is as large."""
    frame = frame_of([[3], [0], [0], [0], [0]], seed=2)
    twin = frame[frame["cluster"] == 0].assign(cluster=5, unit=5, g=0)
    frame = pd.concat([frame, twin], ignore_index=True)
    frame["y"] += 7.0 * (frame["cluster"].isin([0, 5])) * (frame["t"] >= 3)  # by far the largest
    found = dj.randomize(dj.aggte(att_gt(frame), type="simple"))
    assert len(found.draws) == 5
    assert found.p_att == pytest.approx(2 / 6, rel=1e-12)


@pytest.mark.parametrize(("limit", "exact"), [(5, True), (6, True), (4, False), (1, False)])
def test_all_assignments_if_there_are_no_more_than_asked_for(limit, exact):
    found = randomized((), n_permutations=limit, seed=3)
    assert found.exact is exact
    assert len(found.draws) == (5 if exact else limit)
    kind = "all" if exact else "random"
    assert f"{1 + len(found.draws)} assignments ({kind})" in found.summary()


def test_random_assignments():
    """The first periods change places as numpy's generator permutes them."""
    found = randomized((2,), n_permutations=4, seed=8)
    first = np.array([3, 0, 0, 0, 0, 0])
    drawn = np.random.default_rng(8).permuted(np.tile(first, (4, 1)), axis=1)
    each = np.array([statistics(tuple(row.tolist()), (2,)) for row in drawn])
    np.testing.assert_allclose(found.draws, each, rtol=RTOL)
    assert (found.seed, found.cluster) == (8, "cluster")
    np.testing.assert_array_equal(randomized((), n_permutations=3).draws,
                                  randomized((), n_permutations=3, seed=0).draws)  # fmt: skip


def test_three_cohorts_are_dealt_out_in_every_way():
    frame = frame_of([[2], [3, 3], [3], [0, 0], [0]], seed=5)
    found = dj.randomize(dj.aggte(att_gt(frame), type="group"))
    first = (2, 3, 3, 0, 0)
    others = sorted(set(permutations(first)) - {first})
    assert found.exact and len(found.draws) == len(others) == 29
    expected = []
    for other in others:
        moved = frame.assign(g=frame["cluster"].map(dict(enumerate(other))))
        cells, share = naive.att_gt(moved, [], None, True, "nevertreated", "varying")
        expected.append(naive.aggregate(cells, share, "group")["overall"])
    np.testing.assert_allclose(np.sort(found.draws[:, 0]), np.sort(expected), rtol=RTOL)
    larger = sum(abs(v) >= abs(found.att) for v in expected)
    assert found.p_att == pytest.approx((1 + larger) / 30, rel=1e-12)


def test_table():
    found = randomized((2, 4))
    table = found.to_frame()
    assert table["statistic"].tolist() == ["estimate", "CV3 t"]
    assert table["value"].tolist() == [found.att, found.t]
    assert table["p"].tolist() == [found.p_att, found.p_t]
    assert table["assignments"].tolist() == [6, 6] and table["exact"].tolist() == [True, True]


def test_without_a_standard_error_t_has_no_p_value():
    """Of two clusters one is the control of the other: no deletion leaves an estimate."""
    agg = dj.aggte(att_gt(frame_of([[3], [4]]), control_group="notyettreated"), type="simple")
    found = dj.randomize(agg)
    assert np.isnan(found.t) and np.isnan(found.p_t)
    assert np.isfinite(found.att) and 0 < found.p_att <= 1
    assert found.failed == len(found.draws) == 1


def test_clusters_may_be_coarser_than_those_of_the_estimate():
    frame = frame_of([[3, 3], [3, 3], [0, 0], [0, 0, 0], [0]], seed=6)
    by_unit = dj.aggte(att_gt(frame, clustervars=None), type="simple")
    by_cluster = dj.aggte(att_gt(frame), type="simple")
    one, two = dj.randomize(by_unit, "cluster"), dj.randomize(by_cluster)
    assert (one.cluster, two.cluster) == ("cluster", "cluster")
    assert one.target is by_unit
    assert (one.att, one.t) == pytest.approx((two.att, two.t), rel=RTOL)
    np.testing.assert_allclose(one.draws, two.draws, rtol=RTOL)
    assert len(one.draws) == 9


@pytest.mark.parametrize("code", [0, np.nan, np.inf, pd.NA])
def test_codes_of_the_never_treated(code):
    frame = frame_of([[3, 3], [2], [0, 0], [0]], seed=7)
    dtype = "Int64" if code is pd.NA else float
    coded = frame.assign(g=frame["g"].astype(dtype).replace(0, code))
    expected = dj.randomize(dj.aggte(att_gt(frame), type="simple"))
    found = dj.randomize(dj.aggte(att_gt(coded), type="simple"))
    assert len(found.draws) == 11 and found.exact
    order = [np.lexsort(r.draws.T) for r in (expected, found)]
    np.testing.assert_allclose(found.draws[order[1]], expected.draws[order[0]], rtol=RTOL)
    assert (found.p_att, found.p_t) == (expected.p_att, expected.p_t)


def test_summary():
    found = randomized((2, 4))
    lines = found.summary().splitlines()
    assert lines[0].startswith("Randomization inference by cluster: 6 assignments (all)")
    assert lines[2:5] == screen_table(found.to_frame()).splitlines()
    assert lines[-2].startswith("Warning: 2 cannot be estimated")


def test_999_assignments_unless_asked_otherwise():
    assert inspect.signature(dj.randomize).parameters["n_permutations"].default == 999
