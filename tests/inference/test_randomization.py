"""Randomization inference against enumeration, closed forms and explicit reassignment."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import didjack as dj
from didjack.inference.assigned import AssignedStatistics
from didjack.inference.randomization import randomize
from didjack.simulate.design_loadings import Average
from didjack.simulate.permutation import statistics_with_deletions

T = 5


def panel(first: list[int], sizes: list[int] | None = None, seed: int = 0) -> pd.DataFrame:
    """Draw units within clusters; `first` is the cohort of each cluster."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(first)), sizes or [1] * len(first))
    n = len(cluster)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), T),
            "cluster": np.repeat([f"c{c}" for c in cluster], T),
            "time": np.tile(np.arange(1, T + 1), n),
            "first": np.repeat(np.array(first)[cluster], T),
            "x": np.repeat(rng.standard_normal(n), T),
            "y": rng.standard_normal((n, T)).cumsum(axis=1).ravel(),
        }
    )


def simple(frame: pd.DataFrame, **options: object) -> dj.Aggregate:
    options = {"est_method": "reg", "clustervars": "cluster", **options}
    return dj.aggte(dj.att_gt(frame, "y", "time", "first", "unit", **options), type="simple")


def test_every_p_value_occurs_once():
    found = []
    for chosen in combinations(range(5), 2):
        frame = panel([3 if c in chosen else 0 for c in range(5)])
        r = randomize(simple(frame))
        assert r.exact and len(r.draws) == 9 and not r.failed
        found.append((r.p_att, r.p_t))
    np.testing.assert_allclose(np.sort(found, axis=0)[:, 0], np.arange(1, 11) / 10, rtol=1e-12)
    np.testing.assert_allclose(np.sort(found, axis=0)[:, 1], np.arange(1, 11) / 10, rtol=1e-12)


def test_staggered_assignments_are_enumerated_once():
    first = [2, 4, 0, 0, 0]
    r = randomize(simple(panel(first, sizes=[2, 1, 3, 1, 2])))
    estimates, t = [], []
    for other in sorted(set(permutations(first)) - {tuple(first)}):
        agg = simple(panel(list(other), sizes=[2, 1, 3, 1, 2]))
        estimates.append(agg.att)
        t.append(dj.jackknife(agg).t)
    assert r.exact and len(r.draws) == 19
    np.testing.assert_allclose(np.sort(r.draws[:, 0]), np.sort(estimates), rtol=1e-10)
    np.testing.assert_allclose(np.sort(r.draws[:, 1]), np.sort(t), rtol=1e-9)
    p = (1 + (np.abs(estimates) >= abs(r.att)).sum()) / 20
    assert r.p_att == pytest.approx(p, rel=1e-12)


def test_castle_against_coefficients(dataset):
    df = dataset("castle")
    res = dj.att_gt(df, "l_homicide", "year", "gvar", "sid", est_method="reg")
    r = randomize(dj.aggte(res, type="simple"), n_permutations=25, seed=4)
    first = df.groupby("sid")["gvar"].first().to_numpy(dtype=float)
    drawn = np.random.default_rng(4).permuted(np.tile(first, (25, 1)), axis=1)
    adoption = np.unique(first[first > 0])
    years = np.arange(2000, 2011)
    cohort = np.where(drawn > 0, np.searchsorted(adoption, drawn), len(adoption))
    average = Average.of("simple", np.searchsorted(years, adoption), len(years))
    means = df.pivot_table(index="sid", columns="year", values="l_homicide").to_numpy()
    theta, t = statistics_with_deletions(average, cohort, np.ones(50), means.reshape(1, -1))
    assert not r.exact
    np.testing.assert_allclose(r.draws[:, 0], theta[0], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(r.draws[:, 1], t[0], rtol=1e-8)


@pytest.mark.parametrize(
    "options", [{"est_method": "dr", "xformla": "~ x"}, {"control_group": "notyettreated"}]
)
def test_the_options_of_the_estimate_are_kept(options):
    first, sizes = [3, 3, 3, 4, 4, 0, 0, 0, 0], [6] * 9
    r = randomize(simple(panel(first, sizes), **options), n_permutations=3, seed=2)
    drawn = np.random.default_rng(2).permuted(np.tile(np.array(first, float), (3, 1)), axis=1)
    for values, (att, t) in zip(drawn, r.draws, strict=True):
        agg = simple(panel(values.astype(int).tolist(), sizes), **options)
        np.testing.assert_allclose([att, t], [agg.att, dj.jackknife(agg).t], rtol=1e-9)


@pytest.mark.parametrize("where", ["clusters of its own", "the other clusters"])
def test_what_was_left_out_stays_out(where):
    inner = panel([3, 3, 0, 0, 0, 0])
    always = panel([1, 1], seed=1)  # treated in the first period: nothing to compare with
    always["unit"] += 100
    if where == "clusters of its own":
        always["cluster"] = "always " + always["cluster"]
    a, b = randomize(simple(inner)), randomize(simple(pd.concat([inner, always])))
    np.testing.assert_allclose(a.draws, b.draws, rtol=1e-12)


def test_the_frame_is_not_changed_and_workers_do_not_matter(monkeypatch):
    frame = panel([3, 3, 0, 0, 0, 0], sizes=[6] * 6)
    before = frame.copy()
    agg = simple(frame, est_method="ipw", xformla="~ x", separation="csdid")  # refits
    one = randomize(agg)
    monkeypatch.setattr("didjack.inference.assigned.CHUNK", 4)
    with parallel_config("threading"):
        two = randomize(agg, n_jobs=2)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(one.draws, two.draws)
    assert "refitted: est_method='ipw'" in one.summary()


def test_one_treated_cluster_and_the_text():
    r = randomize(simple(panel([3, 0, 0, 0, 0, 0])))
    assert len(r.draws) == 5 and r.p_att >= 1 / 6 - 1e-12
    assert "6 assignments (all)" in r.summary()
    assert r.to_frame()["p"].tolist() == [r.p_att, r.p_t]


def test_all_others_are_taken_where_there_are_no_more_than_asked_for():
    agg = simple(panel([3, 0, 0, 0, 0, 0]))
    for asked, taken, exact in ((4, 4, False), (5, 5, True), (6, 5, True)):
        r = randomize(agg, n_permutations=asked)
        assert (len(r.draws), r.exact) == (taken, exact)


def test_assignments_without_an_estimate_count_as_larger():
    r = randomize(simple(panel([3, 3, 0, 0, 0, 0])))
    form = np.array([0.25, np.nan, np.nan])[:, None, None, None]
    estimate = np.array([0.1, np.nan, 0.3])[:, None, None]
    others = AssignedStatistics(("overall",), estimate, form, np.ones(3))
    actual = AssignedStatistics(
        ("overall",), np.full((1, 1, 1), 0.2), np.full((1, 1, 1, 1), 0.04), np.ones(1)
    )
    r = replace(r, actual=actual, others=others)
    assert r.failed == 2 and r.p_att == 3 / 4 and r.p_t == 3 / 4
    assert "2 cannot be estimated" in r.summary()


def test_event_times_have_p_values_of_their_own():
    frame = panel([3, 4, 0, 0, 0, 0])
    res = dj.att_gt(frame, "y", "time", "first", "unit", est_method="reg")
    agg = dj.aggte(res, type="dynamic")
    r = randomize(agg)
    first = np.array([3, 4, 0, 0, 0, 0])
    t = []
    for other in sorted(set(permutations(first.tolist())) - {tuple(first.tolist())}):
        moved = panel(list(other))
        again = agg.estimate_again(
            dj.att_gt(moved, "y", "time", "first", "unit", est_method="reg").estimation
        )
        t.append(dj.jackknife(again).inference.t)
    smaller = np.abs(t) < np.abs(dj.jackknife(agg).inference.t) * (1 - 1e-10)
    expected = (1 + (~smaller).sum(axis=0)) / (1 + len(t))
    shown = np.isfinite(dj.jackknife(agg).inference.t)
    np.testing.assert_allclose(r.p_values("t")[shown], expected[shown], rtol=1e-12)
    frame_of = r.to_frame()
    assert frame_of["parameter"].tolist() == [p for p in agg.parameters for _ in range(2)]


def test_clusters_change_places_within_strata_only():
    frame = panel([3, 0, 0, 4, 0, 0])
    frame["region"] = np.where(frame["cluster"] < "c3", "north", "south")
    r = randomize(simple(frame), strata="region")
    assert r.exact and len(r.assignments) == 8
    assert ((r.assignments[:, :3] > 0).sum(axis=1) == 1).all()
    assert ((r.assignments[:, 3:] > 0).sum(axis=1) == 1).all()
    drawn = randomize(simple(frame), strata="region", n_permutations=5)
    assert not drawn.exact and ((drawn.assignments[:, :3] > 0).sum(axis=1) == 1).all()
    frame["half"] = frame["time"] % 2
    with pytest.raises(dj.DataError, match="'half'"):
        randomize(simple(frame), strata="half")
    pairs = panel([3, 3, 0, 0, 0, 0], sizes=[2] * 6)
    pairs["kind"] = pairs["unit"] % 2
    with pytest.raises(dj.DataError, match="changes within cluster c0"):
        randomize(simple(pairs), strata="kind")


@pytest.mark.parametrize(
    ("first", "options"),
    [([3, 4, 0, 0, 0, 0], {}), ([3, 0, 0, 0, 0, 0], {"est_method": "ipw", "xformla": "~ x"})],
)
@pytest.mark.parametrize("statistic", ["t", "estimate"])
def test_intervals_hold_the_effects_that_are_not_rejected(first, options, statistic):
    frame = panel(first, sizes=[9] * 6)
    r = randomize(simple(frame, **options))
    found = r.intervals(level=0.8, statistic=statistic)
    effect = (frame["first"] > 0) & (frame["time"] >= frame["first"])
    ends = [end for piece in found for end in piece]
    for tau in [*(e - 1e-6 for e in ends), *(e + 1e-6 for e in ends), 0.0, r.att]:
        other = randomize(simple(frame.assign(y=frame["y"] - tau * effect), **options))
        inside = any(low <= tau <= high for low, high in found)
        assert inside == (other.p_values(statistic)[0] > 0.2 + 1e-9)
    assert np.isfinite(ends).all()
    with pytest.raises(dj.DataError, match="No parameter 'event:1'"):
        r.intervals("event:1")
    with pytest.raises(dj.DataError, match="level"):
        r.intervals(level=95)


def test_an_interval_needs_an_effect():
    res = dj.att_gt(panel([3, 4, 0, 0, 0, 0]), "y", "time", "first", "unit", est_method="reg")
    r = randomize(dj.aggte(res, type="dynamic"))
    assert r.intervals("event:0", level=0.5)
    with pytest.raises(dj.DataError, match="event:-1 lies before treatment"):
        r.intervals("event:-1")
    with pytest.raises(dj.DataError, match="statistic must be"):
        r.p_values("F")


def test_what_cannot_be_randomized_is_refused():
    frame = panel([3, 3, 0, 0, 0, 0], sizes=[2] * 6)
    agg = simple(frame)
    with pytest.raises(dj.DataError, match="aggregation from aggte, not ATTgt"):
        randomize(agg.attgt)
    with pytest.raises(dj.DataError, match="n_permutations must be 1 or more, not 0"):
        randomize(agg, n_permutations=0)
    frame.loc[frame["unit"] == 1, "first"] = 4
    with pytest.raises(dj.DesignError, match=r"Cluster c0 of 'cluster' .* \(3, 4\)"):
        randomize(simple(frame))
