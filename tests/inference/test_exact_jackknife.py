"""Exact critical values of the jackknife: against basis outcomes, eigenvalues and simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import didjack as dj
from didjack.inference.reference_model import ReferenceModel

TYPES = ("simple", "dynamic", "group", "calendar")


def frame_of(first: dict[int, float], clusters: int, seed: int = 3) -> pd.DataFrame:
    """Clusters of two to four units over five periods, with one covariate."""
    rng = np.random.default_rng(seed)
    units = [(h, i) for h in range(clusters) for i in range(2 + h % 3)]
    frame = pd.DataFrame(
        [(h, 10 * h + i, t) for h, i in units for t in range(1, 6)], columns=["h", "i", "t"]
    )
    frame["g"] = frame["h"].map(first).fillna(0)
    frame["y"] = rng.standard_normal(len(frame))
    frame["x"] = rng.standard_normal(clusters * 10)[frame["i"]]
    return frame


DESIGNS = {
    "two cohorts": (frame_of({0: 3, 1: 3, 2: 4, 3: 4, 4: 4}, 9), {}),
    "a cohort in one cluster": (frame_of({0: 3, 1: 4, 2: 4}, 8), {}),
    "one treated cluster": (frame_of({0: 3}, 7), {}),
    "covariate": (frame_of({0: 3, 1: 3, 2: 4}, 8), {"xformla": "~ x", "est_method": "dr"}),
    "one never-treated cluster": (
        frame_of({h: 2 + h % 4 for h in range(1, 8)}, 8),
        {"control_group": "notyettreated"},
    ),
}


def estimate(frame: pd.DataFrame, more: dict, **changes: object) -> dj.ATTgt:
    arguments = {"est_method": "reg", "base_period": "universal", "clustervars": "h", **more}
    return dj.att_gt(frame.assign(**changes), "y", "t", "g", "i", **arguments)


def forms_of(frame: pd.DataFrame, more: dict, type_: str, estimand: str) -> np.ndarray:
    """Replicates of every parameter for basis outcomes, (R, C T, P), by the jackknife itself."""
    out = []
    for h, t in product(np.unique(frame["h"]), np.unique(frame["t"])):
        shock = ((frame["h"] == h) & (frame["t"] == t)).astype(float)
        agg = dj.aggte(estimate(frame, more, y=shock), type_)
        out.append(dj.jackknife(agg, estimand=estimand).replicates)
    return np.stack(out, axis=1)


def tail(forms: np.ndarray, t: float) -> float:
    """P(|T| >= t) from the eigenvalues of the form, by adaptive quadrature."""
    estimate, deleted = forms[0], forms[1:]
    usable = np.isfinite(deleted).all(axis=1)
    change = deleted[usable] - estimate
    H = usable.sum()
    form = np.outer(estimate, estimate) - t**2 * (H - 1) / H * change.T @ change
    values = np.linalg.eigvalsh(form)
    nu = np.maximum(-values[:-1] / values[-1], 0)
    integral, _ = integrate.quad(
        lambda phi: np.prod(1 / np.sqrt(1 + nu / np.sin(phi) ** 2)),
        0, np.pi / 2, epsabs=0, epsrel=1e-11,
    )  # fmt: skip
    return 2 / np.pi * integral


@pytest.mark.parametrize("estimand", ["fixed", "refit"])
@pytest.mark.parametrize("name", DESIGNS)
def test_p_values_are_those_of_the_eigenvalues(name, estimand):
    frame, more = DESIGNS[name]
    for type_ in TYPES:
        agg = dj.aggte(estimate(frame, more), type_)
        jk = dj.jackknife(agg, critical="exact", model="equal", estimand=estimand)
        forms = forms_of(frame, more, type_, estimand)
        kept = np.flatnonzero(np.isfinite(jk.inference.se))
        assert len(kept)
        for p in kept:
            expected = tail(forms[..., p], abs(jk.inference.t[p]))
            # Loadings are sums of numbers of size one; p-values of .01 to 1 follow to 1e-9.
            np.testing.assert_allclose(jk.inference.p[p], expected, rtol=1e-8)
            critical = jk.inference.critical_value[p]
            np.testing.assert_allclose(tail(forms[..., p], critical), 0.05, rtol=1e-8)


def test_a_combination_is_exact_too():
    frame, more = DESIGNS["a cohort in one cluster"]
    agg = dj.aggte(estimate(frame, more), "group")
    jk = dj.jackknife(agg, critical="exact", model="equal")
    forms = forms_of(frame, more, "group", "fixed")
    combined = forms[..., 1] - 0.5 * forms[..., 2]
    found = jk.lincom("group:3 - 0.5*group:4")
    np.testing.assert_allclose(found.p[0], tail(combined, abs(found.t[0])), rtol=1e-8)
    np.testing.assert_allclose(jk.lincom("group:4").p, jk.inference.p[2], rtol=1e-12)


def test_the_row_belongs_to_one_variance():
    """Standard error, t, p and interval: the interval covers zero just where p is above .05."""
    frame, more = DESIGNS["two cohorts"]
    jk = dj.jackknife(dj.aggte(estimate(frame, more), "dynamic"), critical="exact", model="equal")
    table = jk.to_frame().dropna()
    covers = (table["ci_low"] < 0) & (table["ci_high"] > 0)
    assert (covers == (table["p"] > 0.05)).all() and 0 < len(table)
    np.testing.assert_allclose(table["t"], table["att"] / table["se"], rtol=1e-14)
    assert jk.method == "CV3, exact" and "one variance for all clusters" in jk.summary()


@pytest.mark.parametrize(("treated", "size_of_t"), [(1, 0.5), (2, 0.1), (5, 0.04)])
def test_it_holds_its_level_where_students_t_does_not(treated, size_of_t):
    frame, more = frame_of(dict.fromkeys(range(treated), 3), 12), {}
    jk = dj.jackknife(dj.aggte(estimate(frame, more)), critical="exact", model="equal")
    forms = jk.exact.forms.loadings(np.ones(1)).reshape(13, -1)
    usable = np.isfinite(jk.replicates[1:, 0])
    z = np.random.default_rng(0).standard_normal((20_000, forms.shape[1]))
    theta = z @ forms[0]
    change = z @ (forms[1:][usable] - forms[0]).T
    t = np.abs(theta) / np.sqrt((usable.sum() - 1) / usable.sum() * (change**2).sum(axis=1))
    share = (t >= jk.inference.critical_value[0]).mean()
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(z))  # four standard errors
    assert (t >= stats.t.ppf(0.975, usable.sum() - 1)).mean() > size_of_t


def test_the_model_decides():
    frame, more = DESIGNS["one treated cluster"]
    agg = dj.aggte(estimate(frame, more))
    equal = dj.jackknife(agg, critical="exact", model="equal")
    sd = np.ones((7, 5))
    sd[0] = 3.0  # the treated cluster varies three times as much
    wide = dj.jackknife(agg, critical="exact", model=ReferenceModel("mine", "I say so", sd))
    assert wide.inference.critical_value[0] > 2 * equal.inference.critical_value[0]
    by_ratio = equal.exact.ratio(np.ones(1), np.isfinite(equal.replicates[1:, 0]))
    np.testing.assert_allclose(wide.p, by_ratio.p(equal.t, ratio=3.0), rtol=1e-10)
    scaled = ReferenceModel("mine", "the same", np.full((7, 5), 4.2))
    same = dj.jackknife(agg, critical="exact", model=scaled)
    np.testing.assert_allclose(same.p, equal.p, rtol=1e-10)
    root = np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(range(5), range(5))))
    auto = ReferenceModel("AR(.5)", "autocorrelated", np.ones((7, 5)), root)
    # With one cohort all loadings have one pattern over time, and autocorrelation cancels.
    np.testing.assert_allclose(
        dj.jackknife(agg, critical="exact", model=auto).p, equal.p, rtol=1e-10
    )
    two = dj.aggte(estimate(DESIGNS["covariate"][0].query("h < 7"), DESIGNS["covariate"][1]))
    apart = [dj.jackknife(two, critical="exact", model=m).p for m in ("equal", auto)]
    assert abs(apart[0] - apart[1]) > 1e-3


def test_clusters_behind_each_parameter():
    frame, more = DESIGNS["a cohort in one cluster"]
    jk = dj.jackknife(dj.aggte(estimate(frame, more), "group"))
    assert jk.n_treated_clusters.tolist() == [3, 1, 2]
    cells = dj.jackknife(estimate(frame, more))
    count = dict(zip(cells.parameters, cells.n_treated_clusters, strict=True))
    assert count["ATT(3,4)"] == 1 and count["ATT(4,5)"] == 2 and count["ATT(3,2)"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"critical": "normal"}, "critical must be 't' or 'exact'"),
        ({"critical": "exact", "center": "mean"}, "Exact critical values are those of CV3"),
        ({"model": ReferenceModel("a", "b", np.ones((9, 5)))}, "model applies to critical='exact'"),
        (
            {"critical": "exact", "model": ReferenceModel("a", "b", np.ones((2, 5)))},
            "one of 2 clusters and 5 periods; there are 9 and 5",
        ),
    ],
)
def test_what_is_refused(arguments, message):
    frame, more = DESIGNS["two cohorts"]
    with pytest.raises(dj.DataError, match=message):
        dj.jackknife(dj.aggte(estimate(frame, more)), **arguments)


def test_an_outcome_among_the_covariates_is_refused():
    frame, _ = DESIGNS["two cohorts"]
    res = estimate(frame.assign(y2=frame["y"] ** 2), {"xformla": "~ y2 + y"})
    with pytest.raises(dj.DesignError, match="contain the outcome 'y'"):
        dj.jackknife(dj.aggte(res), critical="exact", model="equal")
    other = estimate(frame.assign(y2=frame["x"]), {"xformla": "~ y2"})
    assert np.isfinite(dj.jackknife(dj.aggte(other), critical="exact", model="equal").p)


def test_clusters_of_one_composition_are_refused():
    """A unit of each cohort in every cluster: what hits a cluster hits treated and controls."""
    frame = frame_of({}, 6)
    frame = frame[frame["i"] % 10 < 2]
    frame["g"] = np.where(frame["i"] % 10 == 0, 3, 0)
    agg = dj.aggte(estimate(frame, {}))
    assert np.isfinite(dj.jackknife(agg).p)
    with pytest.raises(dj.DesignError, match="Shocks to clusters cancel in overall"):
        dj.jackknife(agg, critical="exact", model="equal").p  # noqa: B018
