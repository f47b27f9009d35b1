"""Products of replicate and cluster: the same distribution as from all loadings one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.core.low_rank_ratio import LowRankRatio
from didjack.inference import exact_joint
from didjack.inference.reference_model import TRatio, autocorrelated

C, T = 45, 6
MANY = {h: 3 + h % 3 for h in range(18)}
LOST = {0: 3, 1: 4, 2: 4, 3: 5, 4: 5, 5: 5}
SOLE = {h: 2 + h % 5 for h in range(1, C)}  # one cluster is never treated: its deletion is a refit
DR = {"xformla": "~ z", "est_method": "dr"}
DESIGNS = {
    "no covariates": (MANY, {}),
    "a cohort in one cluster": (LOST, {}),
    "one treated cluster": ({0: 3}, {}),
    "covariate and weights": (LOST, {"xformla": "~ x", "weightsname": "w"}),
    "universal base": (LOST, {"xformla": "~ x", "base_period": "universal"}),
    "not yet treated": (MANY, {"xformla": "~ x", "control_group": "notyettreated"}),
    "a refit": (SOLE, {"control_group": "notyettreated"}),
    "discrete covariate": (LOST, DR),
    "tilting": (MANY, {"xformla": "~ z", "est_method": "drimp"}),
    "weighting without covariates": (MANY, {"est_method": "ipw"}),
    "covariates that change": (MANY, {"xformla": "~ v"}),
    "cross-sections": (LOST, {"xformla": "~ v", "panel": False}),
    "discrete covariate in cross-sections": (MANY, {**DR, "panel": False}),
}


def frame_of(first: dict[int, int]) -> pd.DataFrame:
    """Clusters of one to five units, with covariates that are constant (x, z) and that are not."""
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(C), rng.integers(1, 6, C))
    units = pd.DataFrame({"i": np.arange(len(cluster)), "h": cluster})
    units["x"], units["w"] = rng.standard_normal(len(units)), rng.uniform(0.5, 2, len(units))
    units["z"] = rng.integers(0, 2, len(units))
    frame = units.merge(pd.DataFrame({"t": np.arange(1, T + 1)}), how="cross")
    frame["g"] = frame["h"].map(first).fillna(0)
    frame["y"], frame["v"] = rng.standard_normal((2, len(frame)))
    return frame


def jackknives(name: str):
    first, more = DESIGNS[name]
    arguments = {"est_method": "reg", "clustervars": "h", "panel": True, **more}
    unit = "i" if arguments["panel"] else None
    res = dj.att_gt(frame_of(first), "y", "t", "g", unit, **arguments)
    deletions = res.deletions()
    for estimand in ("fixed", "refit"):
        for model in ("equal", autocorrelated(C, T, 0.5)):
            for type_ in ("simple", "dynamic", "group"):
                yield dj.jackknife(
                    dj.aggte(res, type_), critical="exact", estimand=estimand, model=model,
                    deletions=deletions,
                )  # fmt: skip


def one_by_one(jk: dj.Jackknife, combination: np.ndarray, usable: np.ndarray) -> TRatio:
    forms = jk.exact.forms
    behind = forms.treated[:, combination != 0].any(axis=1)
    return TRatio.of(forms.loadings(combination), usable, behind, jk.exact.model)


@pytest.mark.parametrize("name", DESIGNS)
def test_products_are_the_loadings_one_by_one(name):
    for jk in jackknives(name):
        P = len(jk.parameters)
        usable = np.isfinite(jk.replicates[1:])
        kept = np.flatnonzero(np.isfinite(jk.inference.se))
        lincom = np.zeros(P)
        lincom[kept[[0, -1]]] += [1.0, -0.5]
        for k, combination in [*((k, np.eye(P)[k]) for k in kept), (kept[-1], lincom)]:
            used = usable[:, combination != 0].all(axis=1)
            assert jk.exact.forms.has_products(combination)
            found, expected = jk.exact.ratio(combination, used), one_by_one(jk, combination, used)
            np.testing.assert_allclose(found.square, expected.square, rtol=1e-12, atol=1e-16)
            np.testing.assert_allclose(found.cross, expected.cross, rtol=0, atol=1e-13)
            for ratio in (1.0, 2.5):
                distribution = expected.distribution(ratio)
                critical = distribution.critical_value(0.95)
                t = np.array([abs(jk.inference.t[k]), critical, 2 * critical])
                p = found.distribution(ratio).p(t)
                np.testing.assert_allclose(p, distribution.p(t), rtol=1e-10)
                low_rank = by_low_rank(found, ratio)
                # Of 45 deletions some are a large share; with the 400 from which it is used it is
                # nearer.
                np.testing.assert_allclose(low_rank.p(t), distribution.p(t), rtol=1e-9)
                np.testing.assert_allclose(low_rank.critical_value(0.95), critical, rtol=1e-9)


def by_low_rank(ratio: TRatio, sd: float) -> LowRankRatio:
    weight = np.array([1.0, sd**2])
    H = ratio.n_deletions
    return LowRankRatio.of(
        ratio.gram.weighted(weight), weight @ ratio.cross, float(weight @ ratio.square), (H - 1) / H
    )


def test_averages_share_the_loadings_of_the_cells():
    res = dj.att_gt(frame_of(LOST), "y", "t", "g", "i", est_method="reg", clustervars="h")
    deletions = res.deletions()
    found = [
        dj.jackknife(dj.aggte(res, type_), critical="exact", deletions=deletions)
        for type_ in ("simple", "group")
    ]
    assert found[0].exact.forms.cells is found[1].exact.forms.cells is deletions.loadings


def test_draws_from_products_are_draws_from_loadings(monkeypatch):
    res = dj.att_gt(frame_of(MANY), "y", "t", "g", "i", est_method="reg", clustervars="h")
    jk = dj.jackknife(dj.aggte(res, "dynamic"), critical="exact")
    band, test = jk.band(n_draws=2000), jk.pretest(n_draws=2000)
    monkeypatch.setattr(exact_joint, "LARGE", 0)
    again, anew = jk.band(n_draws=2000), jk.pretest(n_draws=2000)
    # All shocks move something, so that the draws are the same.
    np.testing.assert_allclose(again.critical_value, band.critical_value, rtol=1e-10)
    # Of the pre-test they are others: four standard errors of each.
    for p, q in ((test.p, anew.p), (test.f_p, anew.f_p)):
        assert abs(p - q) < 4 * np.sqrt(2 * p * (1 - p) / 2000)


def test_thousands_of_clusters_need_no_square_array(monkeypatch):
    """Nothing of H x H: loadings one by one are refused, products are not."""
    rng = np.random.default_rng(0)
    H = 1500
    frame = pd.DataFrame({"i": np.repeat(np.arange(H), 4), "t": np.tile(np.arange(1, 5), H)})
    frame["g"], frame["y"] = np.where(frame["i"] % 5 == 0, 3, 0), rng.standard_normal(4 * H)
    frame["x"] = rng.standard_normal(H)[frame["i"]]
    monkeypatch.setattr("didjack.inference.linear_forms.LARGEST", 1e6)
    monkeypatch.setattr("didjack.estimators.loading_terms.LARGEST", 1e6)
    res = dj.att_gt(frame, "y", "t", "g", "i", est_method="reg", xformla="~ x")
    jk = dj.jackknife(dj.aggte(res), critical="exact")
    student = dj.jackknife(dj.aggte(res), estimand="fixed")
    # 300 treated clusters of one size: Student's t is near.
    np.testing.assert_allclose(jk.p, student.p, rtol=0.01)
    odds = dj.att_gt(frame, "y", "t", "g", "i", est_method="dr", xformla="~ x")
    with pytest.raises(dj.DesignError, match=r"1,500 clusters.*est_method='reg'"):
        dj.jackknife(dj.aggte(odds), critical="exact")
    monkeypatch.setattr("didjack.estimators.loading_terms.LARGEST", 1e9)
    with pytest.raises(dj.DesignError, match=r"1,500 clusters and 4 periods.*est_method='reg'"):
        dj.jackknife(dj.aggte(odds), critical="exact").p  # noqa: B018


@pytest.mark.parametrize("estimand", ["fixed", "refit"])
@pytest.mark.parametrize("is_panel", [True, False])
@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
def test_matrices_of_odds_are_the_products(monkeypatch, method, is_panel, estimand):
    """Odds of covariates with two values, as products and as for covariates with many."""
    arguments = {"est_method": method, "xformla": "~ z", "clustervars": "h", "panel": is_panel}
    res = dj.att_gt(frame_of(LOST), "y", "t", "g", "i" if is_panel else None, **arguments)
    found = []
    for distinct in (64, 0):
        monkeypatch.setattr("didjack.estimators.control_terms.DISTINCT", distinct)
        jk = dj.jackknife(dj.aggte(res, "dynamic"), critical="exact", estimand=estimand)
        assert bool(jk.exact.forms.cells.whole) == (distinct == 0)
        found.append(jk.inference)
    kept = np.isfinite(found[0].se)
    np.testing.assert_allclose(found[1].p[kept], found[0].p[kept], rtol=1e-11)
    critical = [inference.critical_value[kept] for inference in found]
    np.testing.assert_allclose(critical[1], critical[0], rtol=1e-11)
