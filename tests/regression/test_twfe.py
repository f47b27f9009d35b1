"""Two-way fixed effects against dummy variables, and against pyfixest where it is installed."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from didjack.errors import DataError, DesignError
from didjack.regression import twfe
from didjack.simulate import Design, draw_means, unit_frame

DESIGNS = {
    "staggered": Design(clusters=8, periods=6, treated=4, adoption=(2, 5), units=3, gamma=2.0),
    "one treated cluster": Design(clusters=6, periods=4, treated=1, adoption=(3,), units=3),
    "one control": Design(clusters=6, periods=4, treated=5, adoption=(3,), units=2),
}


@pytest.fixture(params=DESIGNS, ids=str)
def frame(request):
    design, rng = DESIGNS[request.param], np.random.default_rng(11)
    return unit_frame(design, draw_means(design, rng, 1)[0], rng)


def fit(frame):
    return twfe(frame, "y", "period", "cohort", "unit", cluster="cluster")


def dummy_regression(frame):
    """Coefficient, residual treatment and residual by least squares on all dummies."""
    treated = (frame["cohort"] > 0) & (frame["period"] >= frame["cohort"])
    dummies = pd.get_dummies(frame[["unit", "period"]].astype("str"), dtype=float).to_numpy()
    D, y = treated.to_numpy(dtype=float), frame["y"].to_numpy()
    both = np.column_stack([D, y])
    D, y = (both - dummies @ np.linalg.lstsq(dummies, both, rcond=None)[0]).T
    if D @ D < 1e-9:
        return np.nan, D, y
    beta = D @ y / (D @ D)
    return beta, D, y - beta * D


def test_against_dummy_variables(frame):
    result = fit(frame)
    beta, D, residual = dummy_regression(frame)
    scores = pd.Series(D * residual).groupby(frame["cluster"].to_numpy()).sum()
    G, N = frame["cluster"].nunique(), len(frame)
    k = frame["period"].nunique() + 1  # treatment and periods; units are nested in clusters
    cv1 = G / (G - 1) * (N - 1) / (N - k) * (scores**2).sum() / (D @ D) ** 2
    without = [dummy_regression(frame[frame["cluster"] != c])[0] for c in range(G)]
    d = np.array([b - beta for b in without if np.isfinite(b)])
    cv3 = (len(d) - 1) / len(d) * (d**2).sum()
    np.testing.assert_allclose(result.replicates[1:], without, rtol=1e-9)
    np.testing.assert_allclose(
        [result.att, result.cv1.se[0], result.cv3.se[0]], [beta, cv1**0.5, cv3**0.5], rtol=1e-9
    )
    assert result.cv1.df[0] == G - 1
    assert result.cv3.df[0] == len(d) - 1


def test_against_pyfixest(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pf = pytest.importorskip("pyfixest", reason="pyfixest is not installed")
        treated = (frame["cohort"] > 0) & (frame["period"] >= frame["cohort"])
        data = frame.assign(d=treated.astype(float))
        by = {"CRV1": "cluster"}
        crv1 = pf.feols("y ~ d | unit + period", data, vcov=by)
    result = fit(frame)
    assert result.att == pytest.approx(crv1.coef()["d"], rel=1e-9)
    assert result.cv1.se[0] == pytest.approx(crv1.se()["d"], rel=1e-9)
    assert result.cv1.p[0] == pytest.approx(crv1.pvalue()["d"], rel=1e-8)
    if np.isnan(result.replicates).any():
        return  # pyfixest cannot delete the only treated or the only control cluster
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = pf.ssc(k_adj=False, G_adj=False)
        crv3 = pf.feols("y ~ d | unit + period", data, vcov={"CRV3": "cluster"}, ssc=plain)
    G = frame["cluster"].nunique()
    assert result.cv3.se[0] == pytest.approx(crv3.se()["d"] * np.sqrt((G - 1) / G), rel=1e-9)


def test_units_of_a_cluster_may_differ_in_cohort(frame):
    mixed = frame.assign(cohort=np.where(frame["unit"] % 3 == 0, 3, 0))
    result = fit(mixed)
    beta, D, residual = dummy_regression(mixed)
    scores = pd.Series(D * residual).groupby(mixed["cluster"].to_numpy()).sum()
    G, N, k = mixed["cluster"].nunique(), len(mixed), mixed["period"].nunique() + 1
    cv1 = G / (G - 1) * (N - 1) / (N - k) * (scores**2).sum() / (D @ D) ** 2
    np.testing.assert_allclose([result.att, result.cv1.se[0]], [beta, cv1**0.5], rtol=1e-9)
    without = [dummy_regression(mixed[mixed["cluster"] != c])[0] for c in range(G)]
    np.testing.assert_allclose(result.replicates[1:], without, rtol=1e-9)


def test_the_order_of_rows_and_missing_cohorts_do_not_matter(frame):
    shuffled = frame.sample(frac=1, random_state=1)
    shuffled["cohort"] = shuffled["cohort"].where(shuffled["cohort"] > 0).astype(float)
    assert fit(shuffled).att == pytest.approx(fit(frame).att, rel=1e-12)
    assert fit(frame).to_frame()["inference"].tolist() == ["CV1", "CV3"]


def test_one_deletion_is_no_jackknife():
    """Without the second cluster the first has treated units and others; not the other way."""
    design = Design(clusters=3, periods=4, treated=1, adoption=(3,), units=4)
    rng = np.random.default_rng(0)
    frame = unit_frame(design, draw_means(design, rng, 1)[0], rng)
    frame = frame[frame["cluster"] < 2]
    frame = frame.assign(cohort=np.where(frame["unit"] == 1, 3, 0))
    result = fit(frame)
    assert np.isfinite(result.replicates).tolist() == [True, False, True]
    assert np.isnan([result.cv3.se[0], result.cv3.df[0], result.cv3.p[0]]).all()
    assert result.cv1.df[0] == 1


def test_one_treated_unit_of_many_is_variation_enough():
    unit, period = np.repeat(np.arange(500), 10), np.tile(np.arange(1, 11), 500)
    y = np.random.default_rng(0).normal(size=5000)
    frame = pd.DataFrame({"unit": unit, "period": period, "y": y})
    frame["cohort"] = np.where(unit == 7, 10, 0)
    result = twfe(frame, "y", "period", "cohort", "unit")
    late = frame["period"] == 10
    change = frame[late].groupby("unit")["y"].mean() - frame[~late].groupby("unit")["y"].mean()
    assert result.att == pytest.approx(change[7] - change.drop(7).mean(), rel=1e-10)
    assert np.isnan(result.replicates[8])


def test_what_cannot_be_estimated_is_refused(frame):
    with pytest.raises(DataError, match="A balanced panel is needed"):
        fit(frame.iloc[1:])
    with pytest.raises(DataError, match="changes within a unit"):
        fit(frame.assign(cluster=frame["period"]))
    with pytest.raises(DataError, match="no column 'z'"):
        twfe(frame, "z", "period", "cohort", "unit")
    with pytest.raises(DataError, match="level"):
        twfe(frame, "y", "period", "cohort", "unit", level=95)
    with pytest.raises(DesignError, match="no variation"):
        fit(frame.assign(cohort=0))
    with pytest.raises(DesignError, match="one cluster"):
        fit(frame.assign(cluster=1))
