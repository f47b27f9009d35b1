"""Randomization inference against enumeration, closed forms and explicit reassignment."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import didjack as dj
from didjack.inference.randomization import Randomization, randomize
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
    frame = panel([3, 3, 0, 0, 0, 0])
    before = frame.copy()
    agg = simple(frame)
    one = randomize(agg)
    monkeypatch.setattr("didjack.inference.randomization.CHUNK", 4)
    with parallel_config("threading"):
        two = randomize(agg, n_jobs=2)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(one.draws, two.draws)


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
    agg = simple(panel([3, 3, 0, 0, 0, 0]))
    draws = np.array([[0.1, 0.2], [np.nan, np.nan], [0.3, np.nan]])
    r = Randomization(agg, "cluster", 0.2, 1.0, draws, False, 0)
    assert r.failed == 2 and r.p_att == 3 / 4 and r.p_t == 3 / 4
    assert "2 cannot be estimated" in r.summary()


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
