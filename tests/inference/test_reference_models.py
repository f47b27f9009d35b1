"""Reference models: fitted to the data, autocorrelated, and what they do to the size of a test."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.inference.error_models import ErrorModel
from didjack.inference.fitted_variances import (
    effective_sizes,
    fit_panel_errors,
    fitted_variances,
    variances_of,
)
from didjack.inference.reference_model import ReferenceModel, TRatio, autocorrelated

T = 5


def frame_of(sizes: list[int], treated: int, errors: ErrorModel, T: int = T) -> pd.DataFrame:
    """Clusters of given sizes, the first ones treated from period 4 on."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    shocks = rng.standard_normal((len(sizes), T))
    for t in range(1, T):
        shocks[:, t] = errors.rho * shocks[:, t - 1] + np.sqrt(1 - errors.rho**2) * shocks[:, t]
    y = errors.shock_sd * shocks[cluster]
    y += errors.noise_sd * rng.standard_normal(y.shape) + 3 * rng.standard_normal((len(y), 1))
    unit, time = np.indices(y.shape)
    first = np.where(cluster < treated, 4, 0)
    return pd.DataFrame(
        {
            "h": np.repeat(cluster, T),
            "i": unit.ravel(),
            "t": time.ravel() + 1,
            "g": np.repeat(first, T),
            "y": y.ravel(),
        }
    )


def estimate(frame: pd.DataFrame, **more) -> dj.ATTgt:
    return dj.att_gt(frame, "y", "t", "g", "i", est_method="reg", clustervars="h", **more)


def test_the_parameters_are_found_again():
    true = ErrorModel(0.6, 0.5, 1.0)
    res = estimate(frame_of([8, 16] * 200, 150, true, T=15))
    found = fit_panel_errors(res.panel, res.clusters("h"))
    # 400 clusters of 15 periods: the standard errors of rho and shocks are about .02.
    np.testing.assert_allclose([found.rho, found.shock_sd], [0.6, 0.5], atol=0.06)
    # 4,800 units, 14 changes of each: 1 / sqrt(2 * 4400 * 14) is .003.
    np.testing.assert_allclose(found.noise_sd, 1.0, atol=0.012)
    jk = dj.jackknife(dj.aggte(res), critical="exact", model="fitted")
    assert jk.exact.model.name == "fitted" and f"{found.shock_sd:.4g}^2" in jk.notes[-1]
    assert f"{found.noise_sd:.4g}^2 / n" in jk.inference.assumption
    assert f"autocorrelation of shocks is {found.rho:g}" in jk.summary()


def test_treatment_effects_and_levels_do_not_enter_the_fit():
    frame = frame_of([4, 9, 6, 5, 12, 8, 7], 3, ErrorModel(0.3, 0.5, 1.0))
    base = fitted_variances(estimate(frame).deletions("h"))
    on = (frame["g"] > 0) & (frame["t"] >= 4)
    moved = frame.assign(y=frame["y"] + 5 * on + frame["i"] * 0.7 + frame["t"] ** 2)
    again = fitted_variances(estimate(moved).deletions("h"))
    np.testing.assert_allclose(again.sd, base.sd, rtol=1e-10)
    # Covariates: an effect on changes of any size is taken off.
    rng = np.random.default_rng(4)
    x = rng.standard_normal(frame["i"].max() + 1)[frame["i"]]
    with_x = [
        fitted_variances(
            estimate(frame.assign(x=x, y=frame["y"] + b * x * frame["t"]), xformla="~ x").deletions(
                "h"
            )
        )
        for b in (0.0, 50.0)
    ]
    np.testing.assert_allclose(with_x[1].sd, with_x[0].sd, rtol=1e-8)


def test_the_model_has_the_variances_and_correlations_of_cluster_means():
    errors, size = ErrorModel(0.5, 0.8, 2.0), np.array([[2.0] * 4, [50.0] * 4, [5, 5, 10, 10]])
    model = variances_of(errors, size)
    np.testing.assert_allclose(model.sd**2, 0.64 + 4 / size, rtol=1e-14)
    identity = np.zeros((12, 3, 4))
    identity[np.arange(12), np.arange(12) // 4, np.arange(12) % 4] = 1.0
    scaled = model.scale(identity).reshape(12, 12)
    expected = np.zeros((12, 12))
    for h in range(3):
        lag = np.abs(np.subtract.outer(range(4), range(4)))
        block = 0.64 * 0.5**lag + np.diag(4 / size[h])
        expected[4 * h : 4 * h + 4, 4 * h : 4 * h + 4] = block
    np.testing.assert_allclose(scaled @ scaled.T, expected, atol=1e-13)
    assert variances_of(ErrorModel(0.0, 0.8, 2.0), size).root is None


def test_weights_make_effective_sizes():
    frame = frame_of([3, 5, 4, 4, 6], 2, ErrorModel(0, 1, 1))
    frame["w"] = 1.0 + frame["i"] % 3 + (frame["t"] == 2) * (frame["i"] % 2)
    res = estimate(frame, weightsname="w")
    found = effective_sizes(res.panel, res.clusters("h"))
    sums = frame.assign(s=frame["w"] ** 2).groupby(["h", "t"])[["w", "s"]].sum()
    np.testing.assert_allclose(found.ravel(), sums["w"] ** 2 / sums["s"], rtol=1e-13)


def test_autocorrelated_shocks():
    frame = frame_of([4] * 9, 4, ErrorModel(0, 1, 1))
    # With one cohort all loadings have one pattern over time, and autocorrelation cancels.
    frame.loc[frame["h"] < 2, "g"] = 2
    agg = dj.aggte(estimate(frame))
    model = autocorrelated(9, T, 0.7)
    jk = dj.jackknife(agg, critical="exact", model=model)
    assert "autocorrelation 0.7" in jk.notes[-1]
    np.testing.assert_allclose(
        model.root @ model.root.T, 0.7 ** np.abs(np.subtract.outer(range(T), range(T))), rtol=1e-14
    )
    each = dataclasses.replace(model, root=np.broadcast_to(model.root, (9, T, T)))
    again = dj.jackknife(agg, critical="exact", model=each)
    np.testing.assert_allclose(again.p, jk.p, rtol=1e-10)
    zero = dj.jackknife(agg, critical="exact", model=autocorrelated(9, T, 0.0))
    equal = dj.jackknife(agg, critical="exact", model="equal")
    np.testing.assert_allclose(zero.p, equal.p, rtol=1e-10)
    assert abs(jk.p - equal.p) > 1e-4
    with pytest.raises(dj.DataError, match="rho must lie between -1 and 1"):
        autocorrelated(9, T, 1.0)


@pytest.mark.parametrize(("treated", "size_of_equal"), [([5], 0.25), ([4, 6], 0.1)])
def test_small_treated_clusters(treated, size_of_equal):
    """Noise of units only, small treated clusters: equal variances mislead, fitted ones do not."""
    controls = np.round(15 * np.exp(2 * np.arange(14) / 14)).astype(int).tolist()
    frame = frame_of([*treated, *controls], len(treated), ErrorModel(0, 0, 1))
    res = estimate(frame)
    jk = dj.jackknife(dj.aggte(res), critical="exact", model="equal")
    clusters, sizes = res.clusters("h"), effective_sizes(res.panel, res.clusters("h"))
    loadings = jk.exact.forms.loadings(np.ones(1))
    usable, behind = np.isfinite(jk.replicates[1:, 0]), jk.exact.forms.treated[:, 0]
    equal = jk.exact.ratio(np.ones(1), usable).distribution().critical_value(0.95)
    rng, rejected = np.random.default_rng(7), np.zeros(2)
    n = 600
    for _ in range(n):
        y = rng.standard_normal(len(frame))
        mean = np.bincount(clusters.code * T + res.panel.time, y).reshape(-1, T) / sizes
        values = np.tensordot(loadings, mean, 2)
        H = usable.sum()
        change = (values[1:] - values[0])[usable]
        t = values[0] / np.sqrt((H - 1) / H * (change**2).sum())
        errors = fit_panel_errors(dataclasses.replace(res.panel, y=y), clusters)
        model = variances_of(errors, sizes)
        p = TRatio.of(loadings, usable, behind, model).p(t)
        rejected += [abs(t) >= equal, p <= 0.05]
    # The last draw in the way a user has it.
    last = dj.aggte(estimate(frame.assign(y=y)))
    np.testing.assert_allclose(dj.jackknife(last, critical="exact", model="fitted").p, p, rtol=1e-8)
    sizes_of_tests = rejected / n
    assert sizes_of_tests[0] > size_of_equal
    assert 0.02 < sizes_of_tests[1] < 0.08  # .05 and 3.4 standard errors


def test_what_cannot_be_fitted_is_refused():
    frame = frame_of([4, 4, 6, 5, 5, 7], 2, ErrorModel(0, 1, 1))
    agg = dj.aggte(estimate(frame))
    for bad in ("unequal", 3):
        with pytest.raises(dj.DataError, match="model must be 'equal', 'fitted' or a Reference"):
            dj.jackknife(agg, critical="exact", model=bad)
    with pytest.raises(dj.DataError, match="critical='exact' only"):
        dj.jackknife(agg, model="fitted")
    with pytest.raises(dj.DesignError, match="Every cluster of 'i' has one unit"):
        dj.jackknife(agg, "i", critical="exact", model="fitted")
    rows = dj.att_gt(frame, "y", "t", "g", panel=False, est_method="reg", clustervars="h")
    with pytest.raises(dj.DesignError, match=r"fitted to repeated cross-sections.*model='equal'"):
        dj.jackknife(dj.aggte(rows), critical="exact", model="fitted")
    gaps = estimate(frame.drop(index=[7, 31]), allow_unbalanced_panel=True)
    with pytest.raises(dj.DesignError, match="fitted to an unbalanced panel"):
        dj.jackknife(dj.aggte(gaps), critical="exact", model="fitted")
    mine = ReferenceModel("mine", "I say so", np.ones((6, T)))
    assert dj.jackknife(agg, critical="exact", model=mine).p == pytest.approx(
        dj.jackknife(agg, critical="exact", model="equal").p, rel=1e-12
    )


def test_what_is_fitted_unasked():
    """Several units in a cluster, seen in every period: fitted; elsewhere equal variances."""
    mpdta = dj.load_dataset("mpdta")
    columns = ("lemp", "year", "first.treat", "countyreal")
    agg = dj.aggte(dj.att_gt(mpdta, *columns, est_method="reg", clustervars="state"), "simple")
    fitted = dj.jackknife(agg, critical="exact", model="fitted")
    assert dj.jackknife(agg, critical="exact").p == fitted.p
    assert dj.jackknife(agg).with_exact.p == fitted.p
    by_county = dj.jackknife(agg, "countyreal", critical="exact")
    assert by_county.exact.model.name == "equal"  # one unit in each
    rows = dj.att_gt(mpdta, *columns[:3], est_method="reg", clustervars="state")
    assert dj.jackknife(dj.aggte(rows), critical="exact").exact.model.name == "equal"
