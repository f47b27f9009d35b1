"""Verdicts: the rule at its borders, against other models, its sentences, and its size."""

from __future__ import annotations

import numpy as np
import pytest
from test_exact_jackknife import DESIGNS, estimate, frame_of

import didjack as dj
from didjack.inference.decision import (
    Decision,
    called_significant,
    decision,
    exact_decides,
    models_tried,
    units_alone,
)
from didjack.inference.reference_model import ReferenceModel, equal_variances
from didjack.inference.verdict import Verdict, verdict


def jackknife(name: str, type_: str = "simple", effect: float = 0.0, **options) -> dj.Jackknife:
    frame, more = DESIGNS[name]
    on = (frame["g"] > 0) & (frame["t"] >= frame["g"])
    agg = dj.aggte(estimate(frame, more, y=frame["y"] + effect * on), type_)
    return dj.jackknife(agg, critical="exact", **{"model": "equal", **options})


@pytest.fixture(scope="module")
def castle() -> dict[str, dj.Jackknife]:
    frame = dj.load_dataset("castle")
    res = dj.att_gt(frame, "l_homicide", "year", "gvar", "sid", est_method="reg")
    out = {
        kind: dj.jackknife(dj.aggte(res, kind), critical="exact", model="equal")
        for kind in ("simple", "dynamic")
    }
    few = frame[(frame["state"] == "Florida") | ~(frame["gvar"] > 0)]
    res = dj.att_gt(few, "l_homicide", "year", "gvar", "sid", est_method="reg")
    return {**out, "florida": dj.jackknife(dj.aggte(res), critical="exact", model="equal")}


# ------------------------------------------------------------------ the rule


def test_sizes_at_the_borders():
    ratios = np.array([1.0, 2.0, 0.5])
    assert exact_decides([0.06, 0.075, 0.075], ratios, 0.05)
    assert not exact_decides([0.0601, 0.05, 0.05], ratios, 0.05)
    assert not exact_decides([0.05, 0.0751, 0.05], ratios, 0.05)
    assert not exact_decides([0.05, 0.05, 0.0751], ratios, 0.05)
    many = [[0.012, 0.015, 0.001], [0.013, 0.01, 0.01]]
    assert exact_decides(many, ratios, 0.01).tolist() == [True, False]


def test_p_values_at_the_borders():
    p = np.array([[0.05, 0.9, 0.9], [0.0501, 0.01, 0.01], [0.05, 0.05, 0.05], [0.01, 0.051, 0.01]])
    assert called_significant(p, True, 0.05).tolist() == [True, False, True, True]
    assert called_significant(p, False, 0.05).tolist() == [False, False, True, False]
    mixed = called_significant(p, [True, True, False, False], 0.05)
    assert mixed.tolist() == [True, False, True, False]
    assert not called_significant([np.nan, 0.01], [True, False], 0.05).any()


@pytest.mark.parametrize("name", DESIGNS)
def test_sizes_and_critical_values_are_those_of_models_of_their_own(name):
    jk = jackknife(name)
    found = verdict(jk).decision
    treated = jk.exact.forms.treated[:, 0]
    C, T = len(jk.clusters), 5
    units = frame_of({}, C).groupby("h")["i"].nunique().to_numpy()
    lag = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
    root = {"autocorrelated": np.linalg.cholesky(0.9**lag)}
    assert found.models == ("equal",) * 3 + ("autocorrelated",) * 3 + ("units",)
    assert found.ratios.tolist() == [1, 2, 0.5, 1, 2, 0.5, 1]
    usable = np.isfinite(jk.replicates[1:, 0])
    for k, (model, ratio) in enumerate(zip(found.models, found.ratios, strict=True)):
        sd = np.where(treated, ratio, 1.0) / (np.sqrt(units) if model == "units" else 1.0)
        own = ReferenceModel("own", "as given", np.tile(sd[:, None], T), root.get(model))
        forms = jk.exact.forms.ratio(np.ones(1), usable, own)
        # Critical values are found to 1e-12, and a ratio enters sums of squares in another order.
        np.testing.assert_allclose(forms.p(found.critical[k]), 0.05, rtol=1e-7)
        np.testing.assert_allclose(forms.p(found.critical[0]), found.sizes[k], rtol=1e-7)


@pytest.mark.parametrize("name", DESIGNS)
def test_t_statistics_and_p_values_are_judged_alike(name):
    jk = jackknife(name)
    tried = models_tried(jk.exact.model, np.arange(1.0, len(jk.clusters) + 1)[:, None] * np.ones(5))
    usable = np.isfinite(jk.replicates[1:, 0])
    forms = [jk.exact.forms.ratio(np.ones(1), usable, model) for model, _ in tried]
    t = np.array([-30.0, -4.1, 0.3, 2.0, 2.4, 3.3, 6.0, 12.0, 21.0, np.nan])
    pairs = [(form, r) for form, (_, ratios) in zip(forms, tried, strict=True) for r in ratios]
    p = np.array([[form.p(value, r) for form, r in pairs] for value in t])
    for alpha in (0.01, 0.05, 0.2):
        found = decision(tried, forms, alpha)
        expected = called_significant(p, found.exact_decides, alpha)
        assert found.significant(t).tolist() == expected.tolist()


def test_a_test_that_never_rejects_has_no_size():
    """With two deletions of one treated and two controls no t is as rare as 1 in 10^9."""
    jk = dj.jackknife(dj.aggte(estimate(frame_of({0: 3}, 3), {})), critical="exact", model="equal")
    found = verdict(jk, alpha=1e-13).decision
    assert np.isinf(found.critical[0]) and (found.sizes == 0).all()
    assert found.exact_decides and not found.significant([5.0, 1e11]).any()


def test_which_models_are_tried():
    even, uneven = np.full((4, 3), 2.0), np.array([1.0, 2, 2, 2])[:, None] * np.ones(3)
    names = lambda tried: [(model.name, len(ratios)) for model, ratios in tried]  # noqa: E731
    equal = equal_variances(4, 3)
    assert names(models_tried(equal, even)) == [("equal", 3), ("autocorrelated", 3)]
    assert names(models_tried(equal, uneven))[2:] == [("units", 1)]
    np.testing.assert_allclose(units_alone(uneven).sd ** 2 * uneven, 1, rtol=1e-15)
    fitted = ReferenceModel("fitted", "", np.ones((4, 3)))
    assert names(models_tried(fitted, uneven)) == [
        ("fitted", 3), ("equal", 3), ("autocorrelated", 3), ("units", 1),
    ]  # fmt: skip
    own = ReferenceModel("mine", "", np.ones((4, 3)))
    assert models_tried(own, uneven) == ((own, (1.0, 2.0, 0.5)),)


# ------------------------------------------------------------------ verdicts on data


def test_castle_overall(castle):
    jk = castle["simple"]
    found = verdict(jk)
    assert (found.n_treated_clusters, found.n_clusters, found.rule) == (21, 50, "exact")
    assert found.significant and found.p == pytest.approx(jk.p, rel=1e-9)
    basis, finding = found.sentences
    behind = "21 of 50 clusters are treated behind the overall effect (as many as 19.1 of 32.2 "
    assert basis.startswith(behind)
    assert "the exact p-value decides" in basis and "at most 5.5% under all 6 models" in basis
    assert finding == f"The overall effect is significant at 5% (exact p = {jk.p:.3g})."
    assert found.sentence in " ".join(found.summary().split("\n"))
    assert len(found.models_frame()) == 6 and not found.smaller and np.isnan(found.p_units)
    row = found.to_frame().iloc[0]
    assert row["significant"] and row["p_twice"] == found.p_twice == jk.sensitivity(ratios=[2]).p[0]
    assert found.p_half == jk.sensitivity(ratios=[0.5]).p[0]
    assert not verdict(jk, alpha=0.01).significant
    assert "is not significant at 1%" in verdict(jk, alpha=0.01).sentence


def test_castle_event_times(castle):
    jk = castle["dynamic"]
    found = {name: verdict(jk, name) for name in jk.parameters}
    assert {name: v.rule for name, v in found.items() if v.rule != "exact"} == {
        "overall": "strict", "event:-8": "none", "event:-7": "strict", "event:5": "strict",
    }  # fmt: skip
    assert found["event:5"].n_treated_clusters == found["event:-8"].n_treated_clusters == 1
    assert found["event:5"].n_effective_treated == pytest.approx(1)
    # Significant by its exact p-value, on one cluster: nobody can say whether it is.
    thin = found["event:-8"]
    assert thin.p < 0.05 and thin.significant is None
    ratio = jk.sensitivity("event:-8").ratio
    assert thin.ratio == pytest.approx(ratio, rel=1e-5)
    assert f"lost once treated clusters vary {ratio:.3g} times as much" in thin.sentence
    assert thin.sentences[1].startswith("No test holds its level here: exact p = 0.03")
    assert "31% if treated clusters vary twice as much" in thin.sentences[0]
    assert {name for name, v in found.items() if v.significant} == {
        "event:-6", "event:0", "event:1", "event:3",
    }  # fmt: skip
    both = verdict(jk, "event:1 - event:0")
    assert both.p == pytest.approx(jk.lincom("event:1 - event:0").p[0], rel=1e-9)


def test_castle_with_florida_alone(castle):
    found = verdict(castle["florida"])
    assert found.n_treated_clusters == 1 and found.significant is False
    assert found.sentences[0].startswith(
        "1 of 30 clusters is treated behind the overall effect (as many as 1 of 1.07 equal ones); "
    )
    assert "the exact p-value alone does not decide" in found.sentences[0]
    assert found.sentences[1] == "The overall effect is not significant at 5% (exact p = 0.611)."


def test_an_effect_beyond_doubt_is_significant_even_with_one_treated_cluster():
    weak, strong = (verdict(jackknife("one treated cluster", effect=e)) for e in (-1.0, 1e3))
    assert weak.significant is None and weak.rule == "none"
    assert weak.p <= 0.05 < weak.p_largest
    assert strong.significant and strong.rule == "strict"
    assert "is significant at 5% under all of them (exact p = " in strong.sentence
    assert strong.p_units == strong.p_values[-1] and np.isnan(strong.ratio)


def test_effective_numbers_and_sizes_by_hand():
    """One cohort of clusters of 2, 3 and 4 units: a cluster's share is its size squared."""
    frame = frame_of({0: 3, 1: 3, 2: 3}, 9)  # sizes 2, 3, 4, 2, 3, 4, ...
    found = verdict(dj.jackknife(dj.aggte(estimate(frame, {})), critical="exact", model="equal"))
    treated = np.array([2.0, 3, 4]) ** 2 / 81
    every = np.concatenate([treated, treated / 4, treated / 4])
    assert found.n_effective_treated == pytest.approx(treated.sum() ** 2 / (treated**2).sum())
    assert found.n_effective == pytest.approx(every.sum() ** 2 / (every**2).sum())
    assert not found.smaller
    small = verdict(
        dj.jackknife(
            dj.aggte(estimate(frame_of({0: 3, 3: 3, 6: 3}, 9), {})), critical="exact", model="equal"
        )
    )
    assert small.smaller and "Treated clusters are smaller" in small.summary()


def test_fitted_models_models_of_ones_own_and_cross_sections():
    fitted = verdict(jackknife("two cohorts", model="fitted"))
    assert fitted.decision.models.count("fitted") == 3 and len(fitted.p_values) == 10
    sd = np.ones((9, 5))
    own = verdict(jackknife("two cohorts", model=ReferenceModel("mine", "all is well", sd)))
    assert own.decision.models == ("mine",) * 3 and "all is well" in own.summary()
    frame, _ = DESIGNS["two cohorts"]
    rows = dj.att_gt(frame.drop(5), "y", "t", "g", est_method="reg", clustervars="h", panel=False)
    found = verdict(dj.jackknife(dj.aggte(rows), critical="exact", model="equal"))
    assert found.decision.models[-1] == "units" and np.isfinite(found.p_units)


def test_what_has_no_verdict():
    base = verdict(jackknife("two cohorts", "dynamic"), "event:-1")
    assert base.rule == "none" and base.significant is None and np.isnan(base.p_largest)
    assert "no exact p-value" in base.sentence and "no verdict" in base.sentence
    assert np.isnan([base.p, base.p_twice, base.p_units]).all() and not len(base.models_frame())
    assert "event:-1" in base.summary()
    frame, more = DESIGNS["two cohorts"]
    with pytest.raises(dj.DesignError, match="critical='exact'"):
        verdict(dj.jackknife(dj.aggte(estimate(frame, more))))
    jk = jackknife("two cohorts")
    with pytest.raises(dj.DataError, match="alpha"):
        verdict(jk, alpha=5)
    with pytest.raises(dj.DataError):
        verdict(jk, "event:9")


# ------------------------------------------------------------------ simulated size


def rejections(jk: dj.Jackknife, found: Decision, sd: np.ndarray) -> tuple[float, float]:
    """Share of 20,000 samples without effect that the exact test, and the rule, reject."""
    forms = jk.exact.forms.loadings(np.ones(1))
    usable = np.isfinite(jk.replicates[1:, 0])
    rng = np.random.default_rng(11)
    y = (rng.standard_normal((20_000, *forms.shape[1:])) * sd[:, None]).reshape(20_000, -1)
    flat = forms.reshape(len(forms), -1)
    theta, change = y @ flat[0], y @ (flat[1:][usable] - flat[0]).T
    H = usable.sum()
    t = theta / np.sqrt((H - 1) / H * (change**2).sum(axis=1))
    return np.mean(np.abs(t) >= found.critical[0]), np.mean(found.significant(t))


@pytest.mark.parametrize(
    ("first", "rule"),
    [({0: 3}, "strict"), ({0: 3, 1: 4, 2: 5}, "strict"), (dict.fromkeys(range(5), 3), "exact")],
)
def test_the_rule_holds_its_level(first, rule):
    """Three standard errors of a simulated .08 are .006; sizes that are let through are below."""
    jk = dj.jackknife(dj.aggte(estimate(frame_of(first, 15), {})), critical="exact", model="equal")
    found = verdict(jk).decision
    assert found.exact_decides == (rule == "exact")
    treated = jk.exact.forms.treated[:, 0]
    units = 2.0 + np.arange(15) % 3
    exact, called = rejections(jk, found, np.ones(15))
    assert exact == pytest.approx(0.05, abs=0.005) and called <= exact
    assert rejections(jk, found, np.sqrt(0.2 + 1 / units))[1] <= 0.06
    for scale in (0.5, 2.0):
        exact, called = rejections(jk, found, np.where(treated, scale, 1.0))
        assert called <= 0.08
    assert (exact > 0.2) == (rule == "strict")  # what the rule is there for


def test_what_it_is():
    assert isinstance(verdict(jackknife("two cohorts")), Verdict)
