"""Bands and pre-tests of exact t statistics: calibrated, balanced, and clear on what they leave."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats
from test_exact_jackknife import estimate, forms_of, frame_of

import didjack as dj
from didjack.inference.exact_joint import JointForms, interpolated_p
from didjack.inference.honestdid import honestdid_input

# The first and the last cohort are one cluster each: event times 3 and -4 rest on one cluster.
FRAME = frame_of({0: 2, 1: 3, 2: 3, 3: 4, 4: 4, 5: 5}, 13)
N = 20_000


@cache
def study(critical: str = "exact", **options: object) -> dj.Jackknife:
    agg = dj.aggte(estimate(FRAME, {}), "dynamic")
    model = "equal" if critical == "exact" else None
    return dj.jackknife(agg, critical=critical, estimand="fixed", model=model, **options)


@cache
def simulated() -> tuple[np.ndarray, np.ndarray]:
    """Estimates (N, P) and deviations (N, C, P) without effects, by the jackknife itself."""
    forms = forms_of(FRAME, {}, "dynamic", "fixed")
    z = np.random.default_rng(11).standard_normal((N, forms.shape[1]))
    change = np.nan_to_num(forms[1:] - forms[0])
    return z @ forms[0], np.einsum("nd,cdp->ncp", z, change, optimize=True)


def t_of(places: list[int]) -> np.ndarray:
    theta, change = simulated()
    H = np.isfinite(study().replicates[1:]).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = theta / np.sqrt((H - 1) / H * (change**2).sum(axis=1))
    return np.abs(t[:, places])


def at(names: tuple[str, ...]) -> list[int]:
    return [study().parameters.index(name) for name in names]


def near(share: float, level: float = 0.05) -> bool:
    """Within four standard errors of N replications and of 20,000 draws."""
    return abs(share - level) < 4 * np.sqrt(level * (1 - level) * (1 / N + 1 / 20_000))


@pytest.mark.parametrize("min_treated", [1, 2])
def test_the_band_holds_its_level(min_treated):
    band = study().band(min_treated=min_treated)
    outside = t_of(at(band.parameters)) > band.critical_value
    assert near(outside.any(axis=1).mean())
    # Balanced: every element is outside as often as every other.
    shares = outside.mean(axis=0)
    assert abs(shares - band.tail).max() < 5 * np.sqrt(band.tail / N)
    sup_t = study("t").band(min_treated=min_treated)
    assert (t_of(at(sup_t.parameters)) > sup_t.critical_value).any(axis=1).mean() > 0.08


def test_the_thin_elements_are_left_out_unless_asked_for():
    every, thick = study().band(min_treated=1), study().band()
    assert set(every.parameters) - set(thick.parameters) == {"event:3", "event:-4"}
    assert thick.left_out == ("event:-4", "event:3") and every.left_out == ()
    thin = [every.critical_value[every.parameters.index(name)] for name in thick.left_out]
    kept = [every.critical_value[every.parameters.index(name)] for name in thick.parameters]
    assert min(thin) > 1.5 * max(kept)
    assert (thick.critical_value < kept).all()
    assert thick.notes == ["Left out, with fewer than 2 treated clusters: event:-4, event:3."]
    assert every.notes == []
    frame = thick.to_frame()
    half = frame["critical_value"] * frame["se"]
    np.testing.assert_array_equal(frame["band_high"], frame["att"] + half)
    counts = dict(zip(study().parameters, study().n_treated_clusters, strict=True))
    assert frame["n_treated_clusters"].tolist() == [counts[p] for p in frame["parameter"]]
    assert study().pretest().left_out == ("event:-4",)
    thin = study("t").pretest(min_treated=1)
    assert thin.parameters == ("event:-4", "event:-3", "event:-2")
    assert study("t").band(min_treated=2).parameters == thick.parameters
    counts = dict(zip(study("t").parameters, study("t").n_treated_clusters, strict=True))
    thick_of_t = study("t").band(min_treated=6).parameters if max(counts.values()) > 5 else ()
    for name in thick_of_t:
        assert counts[name] > 5
    with pytest.raises(dj.DesignError, match=r"Fewer than 9 .* Pass min_treated=1"):
        study().band(min_treated=9)


@pytest.mark.parametrize("min_treated", [1, 2])
def test_the_pretest_holds_its_level(min_treated):
    jk = study()
    test = jk.pretest(min_treated=min_treated)
    places = at(test.parameters)
    forms = JointForms.of(jk.exact, places, np.isfinite(jk.replicates[1:]))
    t, wald = forms.draw(20_000, 0, joint=True)
    smallest = forms.smallest_p(t)
    rejects = forms.smallest_p(t_of(places)) <= np.quantile(smallest, 0.05)
    assert near(rejects.mean())
    theta, change = simulated()
    H = np.isfinite(jk.replicates[1:]).sum(axis=0)[places]
    moves = change[:, :, places] * np.sqrt((H - 1) / H)
    V = moves.swapaxes(1, 2) @ moves
    b = theta[:, places]
    found = np.einsum("nk,nk->n", b, np.linalg.solve(V, b[..., None])[..., 0])
    assert near((found >= np.quantile(wald, 0.95)).mean())
    q, H = len(places), int(jk.inference.df[places].min()) + 1
    student = (H - q) / (q * (H - 1)) * found > stats.f.ppf(0.95, q, H - q)
    assert student.mean() > 0.08
    # The result is the rank of the actual statistics among these draws.
    assert test.statistic == jk.inference.p[places].min() and test.df == ()
    assert test.p == (1 + (smallest <= test.statistic).sum()) / 20_001
    V = jk.vcov.to_numpy()[np.ix_(places, places)]
    actual = jk.inference.att[places] @ np.linalg.solve(V, jk.inference.att[places])
    np.testing.assert_allclose(test.f_statistic, (H - q) / (q * (H - 1)) * actual, rtol=1e-12)
    assert test.f_p == (1 + (wald >= actual).sum()) / 20_001


def test_one_element_gives_its_own_exact_test():
    agg = dj.aggte(estimate(FRAME, {}), "dynamic", min_e=-2, max_e=-2)
    jk = dj.jackknife(agg, critical="exact", model="equal")
    band, place = jk.band(), jk.parameters.index("event:-2")
    # One in twenty draws lies outside: their quantile has a relative error of about 1%.
    assert abs(band.tail - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 20_000)
    np.testing.assert_allclose(band.critical_value, jk.inference.critical_value[place], rtol=0.04)
    p = jk.inference.p[place]
    for found in (jk.pretest().p, jk.pretest().f_p):
        assert abs(found - p) < 4 * np.sqrt(p * (1 - p) / 20_000)


def test_where_f_does_not_exist_the_smallest_p_does():
    res = estimate(frame_of({0: 4, 1: 4, 2: 5, 3: 5}, 6), {})
    with pytest.raises(dj.DesignError, match="rank"):
        dj.jackknife(res).pretest(min_treated=1)
    test = dj.jackknife(res, critical="exact", model="equal").pretest()
    assert np.isnan(test.f_statistic) and np.isnan(test.f_p) and 0 < test.p < 1


def test_the_table_of_p_values():
    jk = study()
    for k in at(("event:-4", "event:-2", "event:3")):
        one = np.eye(len(jk.parameters))[k]
        distribution = jk.exact.ratio(one, np.isfinite(jk.replicates[1:, k])).distribution()
        t = np.concatenate([np.geomspace(1e-3, 40, 50), [0.0, 300.0]])
        np.testing.assert_allclose(interpolated_p(distribution, t), distribution.p(t), rtol=1e-4)


def test_the_hand_over_follows_without_gaps():
    jk = study()
    handed = jk.to_honestdid()
    assert handed.event_times.tolist() == [-3, -2, 0, 1, 2]
    assert handed.left_out == ("event:-4", "event:3")
    assert "fewer than 2 treated clusters" in handed.notes[0]
    every = jk.to_honestdid(min_treated=1)
    assert every.event_times.tolist() == [-4, -3, -2, 0, 1, 2, 3] and not every.notes
    assert study("t").to_honestdid().event_times.tolist() == handed.event_times.tolist()
    # Event times 1 and -2 rest on few clusters: what lies beyond them goes too.
    counts = jk.n_treated_clusters.copy()
    counts[at(("event:1", "event:-2"))] = 1
    inner = honestdid_input(jk.inference, -1, counts, 2)
    assert inner.event_times.tolist() == [0] and inner.num_pre == 0
    counts[at(("event:0",))] = 1
    with pytest.raises(dj.DesignError, match="no event time is left"):
        honestdid_input(jk.inference, -1, counts, 2)
