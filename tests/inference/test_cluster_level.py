"""The score-variance test: its formula, size and power, and clusters that do not nest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference.cluster_level import cluster_level_test
from didjack.inference.score_variance import bootstrap, score_variance


def frame(seed: int, shared: float, counties: int = 6, treated: int = 6) -> pd.DataFrame:
    """Twelve states of counties of two units; treatment by state, errors shared within states."""
    rng, T = np.random.default_rng(seed), 4
    state = np.repeat(np.arange(12), counties * 2)
    county = np.repeat(np.arange(12 * counties), 2)
    errors = (
        rng.standard_normal((len(state), T))
        + rng.standard_normal((12 * counties, T))[county]
        + shared * rng.standard_normal((12, T))[state]
    )
    out = pd.DataFrame({"unit": np.arange(len(state)), "county": county, "state": state})
    out["first"] = np.where(state < treated, 3, 0)
    return out.merge(pd.DataFrame({"t": np.arange(1, T + 1)}), how="cross").assign(y=errors.ravel())


def average(data: pd.DataFrame, type_: str = "simple", **options: object) -> dj.Aggregate:
    arguments = {"est_method": "reg"} | options
    return dj.aggte(dj.att_gt(data, "y", "t", "first", "unit", **arguments), type=type_)


def test_the_formula_in_a_loop():
    rng = np.random.default_rng(0)
    scores, coarse = rng.standard_normal(20), np.sort(rng.integers(0, 5, 20))
    S = [scores[coarse == g].sum() for g in range(5)]
    theta = 5 / 4 * sum(s**2 for s in S) - 20 / 19 * sum(s**2 for s in scores)
    pairs = sum(
        (a * b) ** 2
        for g in range(5)
        for i, a in enumerate(scores[coarse == g])
        for j, b in enumerate(scores[coarse == g])
        if i != j
    )
    found = score_variance(scores[:, None], coarse)
    assert found[0] == pytest.approx(theta / np.sqrt(2 * pairs), rel=1e-12)
    alone = score_variance(scores[:5, None], np.arange(5))
    assert np.isnan(alone).all()


def test_the_bootstrap_estimates_again():
    """Without covariates: flip the residuals of whole counties, and estimate from the frame on."""
    data = frame(1, 0.5, counties=3)
    agg = average(data)
    code, cohort = np.arange(36), (np.arange(36) < 18).astype(int)
    psi = agg.influence[:, 0]
    scores = np.zeros((36, 2))
    np.add.at(scores, (np.repeat(code, 2), np.repeat(cohort, 2)), psi)
    shares = np.eye(2)[cohort] / 18
    draws = bootstrap(scores, shares, np.repeat(np.arange(12), 3), 5, seed=3)
    signs = 2.0 * np.random.default_rng(3).integers(0, 2, (5, 36)) - 1
    mean = data.groupby(["first", "t"])["y"].transform("mean")
    for v, tau in zip(signs, draws, strict=True):
        flipped = data.assign(y=mean + v[data["county"]] * (data["y"] - mean))
        again = cluster_level_test(average(flipped), "county", "state", n_draws=0)
        assert again.tau[0] == pytest.approx(tau, rel=1e-10)


def test_size_and_power():
    def rejected(shared: float, treated: int) -> np.ndarray:
        found = []
        for seed in range(60):
            agg = average(frame(seed, shared, treated=treated))
            r = cluster_level_test(agg, "county", "state", n_draws=99, seed=seed)
            found.append([r.p_boot_one_sided[0], r.p_boot_two_sided[0], r.p_one_sided[0]])
        return (np.array(found) <= 0.05).mean(axis=0)

    assert (rejected(0.0, 6) <= 0.13).all()
    assert (rejected(1.0, 6) >= 0.7).all()
    # One treated state estimates its own mean: the normal test has no power, the bootstrap has.
    single = rejected(1.0, 1)
    assert single[0] >= 0.6 and single[2] <= 0.1


def test_a_result():
    agg = average(frame(2, 1.0), "dynamic", base_period="universal")
    r = cluster_level_test(agg, "county", "state", n_draws=199, seed=1)
    again = cluster_level_test(agg, "county", "state", n_draws=199, seed=1)
    pd.testing.assert_frame_equal(r.to_frame(), again.to_frame())
    table = r.to_frame().set_index("parameter")
    assert np.isnan(table.loc["event:-1"]).all()  # zero by construction
    assert table.loc["overall", "p_boot_one_sided"] == (1 + (r.draws[:, 0] >= r.tau[0]).sum()) / 200
    assert "72 clusters of 'county' in 12 of 'state'" in r.summary()
    normal = cluster_level_test(agg, "county", "state", n_draws=0)
    np.testing.assert_array_equal(normal.tau, r.tau)
    assert np.isnan(normal.p_boot_two_sided).all()
    upper = cluster_level_test(agg, "unit", "county", n_draws=0)
    assert upper.n_fine == 144


def test_levels_that_do_not_nest_are_refused():
    data = frame(0, 0.0)
    data["region"] = data["state"] // 3
    data["odd"] = np.where(data["unit"] % 2, "b", "a")
    data["all"], data["same"] = 1, data["county"] + 100
    agg = average(data)
    with pytest.raises(dj.DesignError, match=r"Cluster 0 of 'county' lies in 2 .* \(a, b\)"):
        cluster_level_test(agg, "county", "odd")
    with pytest.raises(dj.DesignError, match="Cluster 0 of 'region' lies in 3 clusters of 'state'"):
        cluster_level_test(agg, "region", "state")
    with pytest.raises(dj.DesignError, match="'all' has one cluster"):
        cluster_level_test(agg, "county", "all")
    with pytest.raises(dj.DesignError, match="the same clusters"):
        cluster_level_test(agg, "county", "same")
    with pytest.raises(dj.DataError, match="not ATTgt"):
        cluster_level_test(agg.attgt, "county", "state")
    with pytest.raises(dj.DataError, match="n_draws must be 0 or more"):
        cluster_level_test(agg, "county", "state", n_draws=-1)
