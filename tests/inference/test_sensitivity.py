"""Exact p-values against the ratio of standard deviations: by brute force, scan and limit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_exact_jackknife import DESIGNS, estimate, frame_of

import didjack as dj
from didjack.inference.reference_model import ReferenceModel
from didjack.inference.sensitivity import loses_at


def jackknife(name: str, type_: str = "simple", effect: float = 0.0, **options) -> dj.Jackknife:
    frame, more = DESIGNS[name]
    on = (frame["g"] > 0) & (frame["t"] >= frame["g"])
    agg = dj.aggte(estimate(frame, more, y=frame["y"] + effect * on), type_)
    return dj.jackknife(agg, critical="exact", model="equal", **options)


@pytest.mark.parametrize("name", DESIGNS)
def test_each_ratio_is_a_reference_model_of_its_own(name):
    frame, more = DESIGNS[name]
    agg = dj.aggte(estimate(frame, more), "dynamic")
    jk = dj.jackknife(agg, critical="exact", model="equal")
    last = np.flatnonzero(np.isfinite(jk.inference.se))[-1]
    parameter = jk.parameters[last]
    found = jk.sensitivity(parameter, ratios=[2.5, 1, 0.3])
    assert found.ratios.tolist() == [0.3, 1, 2.5]
    assert found.p_reference == found.p[1]
    np.testing.assert_allclose(found.p_reference, jk.inference.p[last], rtol=1e-12)
    treated = jk.exact.forms.treated[:, last]
    assert found.n_treated_clusters == treated.sum() == jk.n_treated_clusters[last]
    for ratio, p in zip(found.ratios, found.p, strict=True):
        sd = np.where(treated[:, None], ratio, 1.0) * np.ones((1, 5))
        model = ReferenceModel("scaled", "as scaled", sd)
        other = dj.jackknife(agg, critical="exact", model=model)
        np.testing.assert_allclose(p, other.inference.p[last], rtol=1e-8)


@pytest.mark.parametrize(("name", "effect"), [("one treated cluster", 6.0), ("two cohorts", 2.6)])
def test_the_finding_is_lost_at_the_ratio(name, effect):
    jk = jackknife(name, effect=effect)
    found = jk.sensitivity()
    assert found.p_reference == pytest.approx(jk.p, rel=1e-12) and jk.p < 0.04
    forms = jk.exact.ratio(np.ones(1), np.isfinite(jk.replicates[1:, 0]))
    assert 1 < found.ratio < 100
    assert forms.p(jk.t, found.ratio * (1 - 2e-6)) <= 0.05 < forms.p(jk.t, found.ratio)
    assert f"loses its significance at 5% once treated clusters vary {found.ratio:.4g}" in (
        found.sentence
    )
    assert found.sentence in found.summary() and "one variance for all" in found.summary()
    stricter = jk.sensitivity(alpha=0.047)
    assert stricter.ratio < found.ratio
    frame = found.to_frame()
    inside = frame["ratio"].between(max(found.ratio_below, 1e-9), found.ratio, inclusive="neither")
    assert (frame["significant"] == inside).all() and inside.any() and not inside.all()


def test_controls_can_be_what_matters():
    """With many treated and two control clusters p passes the level as treated vary less."""
    frame = frame_of(dict.fromkeys(range(8), 3), 10)
    frame["y"] += 8.0 * ((frame["g"] > 0) & (frame["t"] >= 3))
    found = dj.jackknife(
        dj.aggte(estimate(frame, {})), critical="exact", model="equal"
    ).sensitivity()
    assert 0 < found.ratio_below < 1
    assert f"once they vary {found.ratio_below:.4g} times as much or less" in found.sentence


def test_nothing_to_lose_and_nothing_that_takes_it():
    none = jackknife("two cohorts").sensitivity()
    assert none.p_reference > 0.05 and np.isnan(none.ratio) and np.isnan(none.ratio_below)
    assert "nothing to lose" in none.sentence
    certain = jackknife("two cohorts", effect=1e6).sensitivity()
    assert certain.p_reference < 1e-6
    assert np.isinf(certain.ratio) and certain.ratio_below == 0
    assert "however much more" in certain.sentence and "however much less" in certain.sentence
    base = jackknife("two cohorts", "dynamic").sensitivity("event:-1")
    assert np.isnan(base.p_reference) and "no exact p-value" in base.sentence
    # One treated cluster: its shocks leave no trace in the deviations, so any finding is lost.
    alone = jackknife("one treated cluster", effect=1e8).sensitivity()
    assert 1024 < alone.ratio < 1e12
    forms = jackknife("one treated cluster").exact.ratio(np.ones(1), np.arange(7) > 0)
    assert forms.limit_p(5.0, treated=True) == 1.0
    np.testing.assert_allclose(forms.limit_p(1.3, treated=False), forms.p(1.3, 1e-8), rtol=1e-6)


def test_p_need_not_be_monotone():
    """The loss nearest to one is found where p falls again behind it."""

    class Wave:
        def p(self, t: float, ratio: float = 1.0) -> float:
            return 0.05 + 0.04 * np.sin(np.log2(ratio) * 2.4 - 0.7)

        def limit_p(self, t: float, *, treated: bool) -> float:
            return 0.01

    up, down = (loses_at(Wave(), 2.0, 0.05, upward=side) for side in (True, False))
    np.testing.assert_allclose(up, 2 ** (0.7 / 2.4), rtol=1e-6)
    np.testing.assert_allclose(down, 2 ** ((0.7 - np.pi) / 2.4), rtol=1e-6)


def test_combinations_and_what_is_refused():
    jk = jackknife("two cohorts", "dynamic")
    combined = jk.sensitivity("event:1 - event:0", ratios=[1])
    np.testing.assert_allclose(combined.p[0], jk.lincom("event:1 - event:0").p[0], rtol=1e-12)
    assert combined.n_treated_clusters == 5
    frame, more = DESIGNS["two cohorts"]
    agg = dj.aggte(estimate(frame, more))
    exact = dj.jackknife(agg, critical="exact")
    for student in (dj.jackknife(agg), dj.jackknife(agg, center="mean", lost="skip")):
        # With t the exact p-values are those of the same jackknife with exact critical values.
        np.testing.assert_array_equal(student.sensitivity().p, exact.sensitivity().p)
        assert student.verdict().sentence == exact.verdict().sentence
        assert student.with_exact.se == exact.se and exact.with_exact is exact
    for bad in ({"ratios": [0.0, 1]}, {"ratios": []}, {"alpha": 5}):
        with pytest.raises(dj.DataError, match="must"):
            jk.sensitivity(**bad)
    with pytest.raises(dj.DataError):
        jk.sensitivity("event:9")


def test_the_figure():
    jk = jackknife("two cohorts", effect=2.5)
    found = jk.sensitivity()
    figure = found.plot()
    ax = figure.axes[0]
    curve = max((line.get_xydata() for line in ax.lines), key=len)
    np.testing.assert_array_equal(curve, np.column_stack([found.ratios, found.p]))
    assert ax.get_xscale() == "log" and ax.get_yscale() == "log"
    assert f"{found.ratio:.2f}" in [text.get_text() for text in ax.texts]
    assert "1/8" in [tick.get_text() for tick in ax.get_xticklabels()]
    none = dataclasses.replace(found, p=np.zeros(len(found.p)), p_reference=0.0)
    assert none.plot(figure.subplots()) is figure
