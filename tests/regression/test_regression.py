"""Clustered regression against numbers made by hand, refits, and explicit n x n hat matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from didjack.errors import DataError, DesignError
from didjack.regression import CLUSTERED, ROWS, regress
from didjack.regression.fixed_effects import cv1_factor, twfe

# Covariates are small integers, so that every system is exactly singular or well conditioned:
# the two computations then differ by rounding alone.
CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@st.composite
def samples(draw):
    """Draw y, X with an intercept, and clusters, some of which may be one row or many."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cluster = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n, k = len(cluster), draw(st.integers(1, 4))
    X = rng.integers(-1, 3, size=(n, k)).astype(float)
    X[:, 0] = 1.0
    if k > 1 and draw(st.booleans()):  # a treatment of few clusters
        X[:, 1] = cluster < draw(st.integers(1, 2))
    assume(n > k and np.linalg.matrix_rank(X) == k)
    return rng.normal(size=n) + X.sum(axis=1), X, cluster


def mean_example():
    return np.array([1.0, 2, 3, 4, 5, 9]), np.ones((6, 1)), ["a", "a", "b", "b", "b", "c"]


def test_mean_of_three_clusters_by_hand():
    fit = regress(*mean_example(), names=["mean"])
    # Residuals -3 -2 | -1 0 1 | 5 add up to -5, 0, 5; X'X = 6; shares of rows 1/3, 1/2, 1/6.
    assert fit.coef["mean"] == pytest.approx(4)
    assert fit.without["mean"].to_dict() == pytest.approx({"a": 21 / 4, "b": 4, "c": 3})
    variances = {
        "cv1": 3 / 2 * 5 / 5 * 50 / 36,
        "cv2": (25 / (2 / 3) + 25 / (5 / 6)) / 36,
        "cv3": 2 / 3 * ((5 / 4) ** 2 + 1),
        "cv3j": 2 / 3 * ((14 / 12) ** 2 + (1 / 12) ** 2 + (13 / 12) ** 2),  # mean of 49/12
        "iid": 40 / 5 / 6,
        "hc0": 40 / 36,
        "hc1": 40 / 36 * 6 / 5,
        "hc2": 40 / 36 / (5 / 6),
        "hc3": 40 / 36 / (5 / 6) ** 2,
    }
    assert set(variances) == {*CLUSTERED, *ROWS}
    for kind, variance in variances.items():
        assert fit.se(kind)["mean"] ** 2 == pytest.approx(variance, rel=1e-13), kind
    assert fit.leverage.to_dict() == pytest.approx({"a": 1 / 3, "b": 1 / 2, "c": 1 / 6})
    assert fit.partial_leverage("mean").to_dict() == pytest.approx(fit.leverage.to_dict())
    # gamma is proportional to 2, 3, 1 without correlation and to 4, 9, 1 with a perfect one.
    assert fit.effective_clusters("mean") == pytest.approx(3 / (1 + 1 / 6))
    assert fit.effective_clusters("mean", rho=1) == pytest.approx(3 / (1 + 1 / 2))
    assert fit.effective_clusters("mean", rho=0.5) == pytest.approx(
        3 / (1 + np.var([6, 12, 2]) / np.mean([6, 12, 2]) ** 2)
    )


def power(matrix, exponent):
    """Power of a symmetric matrix, pseudo-inverse."""
    values, vectors = np.linalg.eigh(matrix)
    scale = np.where(values > 1e-9, np.maximum(values, 1e-9) ** exponent, 0.0)
    return (vectors * scale) @ vectors.T


@settings(max_examples=150)
@given(samples())
def test_random_designs_against_brute_force(sample):
    y, X, cluster = sample
    fit, (n, k) = regress(y, X, cluster), X.shape
    bread, beta = np.linalg.inv(X.T @ X), np.linalg.lstsq(X, y, rcond=None)[0]
    hat = X @ bread @ X.T
    u, eye = y - hat @ y, np.eye(n)
    labels = np.unique(cluster)
    G = len(labels)
    np.testing.assert_allclose(fit.coef, beta, **CLOSE)
    np.testing.assert_allclose(fit.bread, bread, **CLOSE)

    without = np.full((G, k), np.nan)
    for row, g in enumerate(labels):
        if np.linalg.matrix_rank(X[cluster != g]) == k:
            without[row] = np.linalg.lstsq(X[cluster != g], y[cluster != g], rcond=None)[0]
    kept = np.isfinite(without[:, 0])
    np.testing.assert_allclose(fit.without, without, **CLOSE)
    assert fit.skipped["cluster"].tolist() == labels[~kept].tolist()

    def sandwich(exponent):
        meat = np.zeros((k, k))
        for g in labels:
            own = cluster == g
            score = X[own].T @ power((eye - hat)[np.ix_(own, own)], exponent) @ u[own]
            meat += np.outer(score, score)
        return bread @ meat @ bread

    cv1 = G / (G - 1) * (n - 1) / (n - k) * sandwich(0)
    np.testing.assert_allclose(fit.cv1, cv1, **CLOSE)
    np.testing.assert_allclose(fit.cv2, sandwich(-0.5), **CLOSE)
    H = kept.sum()
    if H < 2:
        assert np.isnan(fit.cv3).all() and np.isnan(fit.tests("cv3")["p"]).all()
    else:
        for kind, center in (("cv3", beta), ("cv3j", without[kept].mean(axis=0))):
            d = without[kept] - center
            np.testing.assert_allclose(fit.vcov(kind), (H - 1) / H * d.T @ d, **CLOSE)
    if kept.all():
        np.testing.assert_allclose(fit.cv3, (G - 1) / G * sandwich(-1), **CLOSE)

    traces = [np.trace(hat[np.ix_(cluster == g, cluster == g)]) for g in labels]
    np.testing.assert_allclose(fit.leverage, traces, **CLOSE)


@settings(max_examples=60)
@given(samples(), st.sampled_from([0.0, 0.3, 1.0]))
def test_leverage_and_effective_clusters_against_brute_force(sample, rho):
    y, X, cluster = sample
    fit, labels = regress(y, X, cluster), np.unique(cluster)
    bread = np.linalg.inv(X.T @ X)
    for j, name in enumerate(fit.coef.index):
        others = np.delete(X, j, axis=1)
        x = X[:, j] - others @ np.linalg.lstsq(others, X[:, j], rcond=None)[0]
        share = [x[cluster == g] @ x[cluster == g] / (x @ x) for g in labels]
        np.testing.assert_allclose(fit.partial_leverage(name), share, **CLOSE)
        assert fit.partial_leverage(name).sum() == pytest.approx(1)
        gamma = []
        for own in (X[cluster == g] for g in labels):
            omega = rho * np.ones((len(own), len(own))) + (1 - rho) * np.eye(len(own))
            gamma.append((bread @ own.T @ omega @ own @ bread)[j, j])
        if max(gamma) > 1e-12:
            expected = len(gamma) / (1 + np.var(gamma) / np.mean(gamma) ** 2)
            assert fit.effective_clusters(name, rho) == pytest.approx(expected, rel=1e-8)


@settings(max_examples=40)
@given(samples())
def test_rows_as_clusters_give_the_heteroskedasticity_robust_kinds(sample):
    y, X, cluster = sample
    n, k = X.shape
    bread = np.linalg.inv(X.T @ X)
    h = np.einsum("ij,jk,ik->i", X, bread, X)
    assume(h.max() < 1 - 1e-9)  # a row that is fitted exactly has no HC2 and HC3
    u = y - X @ bread @ X.T @ y
    expected = {
        "iid": u @ u / (n - k) * bread,
        "hc0": bread @ (X.T * u**2) @ X @ bread,
        "hc1": n / (n - k) * bread @ (X.T * u**2) @ X @ bread,
        "hc2": bread @ (X.T * (u**2 / (1 - h))) @ X @ bread,
        "hc3": bread @ (X.T * (u / (1 - h)) ** 2) @ X @ bread,
    }
    rows, fit = regress(y, X), regress(y, X, cluster)
    for kind, vcov in expected.items():
        np.testing.assert_allclose(rows.vcov(kind), vcov, **CLOSE)
        np.testing.assert_allclose(fit.vcov(kind), vcov, **CLOSE)
        assert fit.tests(kind)["df"].eq(n - k).all()
    np.testing.assert_allclose(rows.cv1, expected["hc1"], **CLOSE)
    np.testing.assert_allclose(rows.cv2, expected["hc2"], **CLOSE)
    np.testing.assert_allclose(rows.cv3 * n / (n - 1), expected["hc3"], **CLOSE)


def castle_designs(frame):
    """Treatment with dummies of states and years; the same less the means of states."""
    treated = (frame["gvar"] > 0) & (frame["year"] >= frame["gvar"])
    years = pd.get_dummies(frame["year"], dtype=float).iloc[:, 1:]
    X = pd.concat([treated.astype(float).rename("treated"), years], axis=1)
    states = pd.get_dummies(frame["state"], dtype=float)
    within = X - X.groupby(frame["state"]).transform("mean")
    return pd.concat([X, states], axis=1), within


def test_castle_is_the_two_way_fixed_effects_regression(dataset):
    frame = dataset("castle")
    y, state = frame["l_homicide"], frame["state"]
    dummies, within = castle_designs(frame)
    names = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}
    expected = twfe(frame, **names, cluster="state")
    full = regress(y, dummies, state)
    partial = regress(y - y.groupby(state).transform("mean"), within, state)
    n, G, T = len(frame), 50, 11
    # twfe counts treatment, years and intercept; the dummies are as many as there are columns.
    counted = cv1_factor(n, G, T) / (G / (G - 1) * (n - 1) / (n - full.Q.shape[1]))
    np.testing.assert_allclose(
        [full.coef["treated"], partial.coef["treated"]], expected.att, rtol=1e-11
    )
    assert full.se("cv1")["treated"] * counted**0.5 == pytest.approx(expected.cv1.se[0], rel=1e-11)
    # Without a state its dummy is zero; with the means of states subtracted nothing is lost.
    assert full.skipped["cluster"].tolist() == sorted(state.unique())
    assert full.skipped["reason"][0] == "without it column 'Alabama' is zero"
    assert np.isnan(full.se("cv3")["treated"])
    assert partial.skipped.empty
    np.testing.assert_allclose(partial.without["treated"], expected.replicates[1:], rtol=1e-10)
    tests = partial.tests("cv3").loc["treated"]
    assert tests["se"] == pytest.approx(expected.cv3.se[0], rel=1e-11)
    assert tests["p"] == pytest.approx(expected.cv3.p[0], rel=1e-10)
    assert tests["df"] == 49


def test_against_statsmodels():
    sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
    y, cluster = rng.normal(size=90), rng.integers(0, 9, 90)
    fit = regress(y, X, cluster)
    for kind, options in (
        ("iid", {}),
        ("hc0", {"cov_type": "HC0"}),
        ("hc3", {"cov_type": "HC3"}),
        ("cv1", {"cov_type": "cluster", "cov_kwds": {"groups": cluster}}),
    ):
        np.testing.assert_allclose(fit.vcov(kind), sm.OLS(y, X).fit(**options).cov_params())


def test_a_cluster_with_all_of_a_column_is_skipped_by_name():
    rng = np.random.default_rng(5)
    cluster = np.repeat(["a", "b", "c", "d"], 6)
    frame = pd.DataFrame({"one": 1.0, "x": rng.normal(size=24), "only": 1.0 * (cluster == "c")})
    y = rng.normal(size=24)
    fit = regress(y, frame, cluster)
    assert fit.skipped.to_numpy().tolist() == [["c", "without it column 'only' is zero"]]
    assert fit.without.loc["c"].isna().all()
    d = (fit.without.drop("c") - fit.coef).to_numpy()
    np.testing.assert_allclose(fit.cv3, 2 / 3 * d.T @ d)
    assert fit.tests("cv3")["df"].eq(2).all()
    assert fit.tests("cv3j")["df"].eq(2).all()
    assert fit.tests("cv2")["df"].eq(3).all()
    # Of two clusters one can be deleted: no jackknife, and no degrees of freedom for it.
    two = cluster >= "c"
    alone = regress(y[two], frame.loc[two, ["x", "only"]].to_numpy(), cluster[two])
    assert alone.skipped["cluster"].tolist() == ["c"]
    for kind in ("cv3", "cv3j"):
        assert np.isnan(alone.df(kind)) and np.isnan(alone.vcov(kind)).all()
    assert alone.df("cv1") == 1
    # All columns of a dependency are named, also one with a small part in it.
    w = rng.normal(size=24)
    three = frame.assign(w=w, only=frame["x"] + 1e-3 * w + (cluster == "c"))
    assert regress(y, three, cluster).skipped["reason"].tolist() == [
        "without it these columns are zero or linearly dependent: 'x', 'only', 'w'"
    ]
    twins = frame.assign(only=frame["x"] + (cluster == "c"))
    assert regress(y, twins, cluster).skipped["reason"].tolist() == [
        "without it these columns are zero or linearly dependent: 'x', 'only'"
    ]


def test_tests_use_student_t_and_the_level():
    rng = np.random.default_rng(8)
    X, cluster = np.column_stack([np.ones(40), rng.normal(size=40)]), np.arange(40) % 5
    y = rng.normal(size=40) + 0.3 * X[:, 1]
    frame = regress(y, X, cluster, names=["one", "x"], level=0.9).tests("cv3")
    assert list(frame.columns) == ["coef", "se", "t", "p", "ci_low", "ci_high", "df"]
    t = frame["coef"] / frame["se"]
    np.testing.assert_allclose(frame["t"], t)
    np.testing.assert_allclose(frame["p"], 2 * stats.t(4).sf(np.abs(t)))
    np.testing.assert_allclose(
        (frame["ci_high"] - frame["ci_low"]) / frame["se"], 2 * stats.t(4).ppf(0.95)
    )


def test_powers_of_calendar_years_are_not_taken_for_collinear():
    rng = np.random.default_rng(2)
    year = np.tile(np.arange(2000.0, 2011), 12)
    cluster, y = np.repeat(np.arange(12), 11), rng.normal(size=132)
    raw, centred = (np.vander(t, 3) for t in (year, year - 2005))
    # The curvature does not depend on where time is counted from. With columns of length one X
    # has the condition number 2e6, so that about 1e-16 * 2e6 of relative precision is lost.
    a, b = regress(y, raw, cluster), regress(y, centred, cluster)
    assert a.coef["x1"] == pytest.approx(b.coef["x1"], rel=1e-8)
    np.testing.assert_allclose(a.without["x1"], b.without["x1"], rtol=1e-8)
    assert a.se("cv3")["x1"] == pytest.approx(b.se("cv3")["x1"], rel=1e-8)


def test_the_order_of_rows_and_the_kind_of_labels_do_not_matter():
    y, X, cluster = mean_example()
    frame = pd.DataFrame({"y": y, "one": X[:, 0], "c": cluster}, index=list("uvwxyz"))
    mixed = frame.sample(frac=1, random_state=0)
    before = mixed.copy()
    fit = regress(mixed["y"], mixed[["one"]], mixed["c"].astype("category"))
    pd.testing.assert_frame_equal(mixed, before)
    assert fit.without["one"].to_dict() == pytest.approx({"a": 21 / 4, "b": 4, "c": 3})
    assert regress(mixed["y"], mixed["one"], mixed["c"]).coef.index.tolist() == ["one"]
    assert regress(mixed["y"], mixed[["one"]]).without.index.tolist() == list(mixed.index)


def test_what_cannot_be_used_is_refused():
    y, X, cluster = (
        np.arange(6.0),
        np.column_stack([np.ones(6), np.arange(6) % 4]),
        [1, 1, 2, 2, 3, 3],
    )
    frame = pd.DataFrame(X, columns=["one", "x"])
    with pytest.raises(DesignError, match="Column 'z' of X is a linear combination"):
        regress(y, frame.assign(z=2 * frame["x"] - 1), cluster)
    with pytest.raises(DesignError, match="Column 'z' of X is zero in every row"):
        regress(y, frame.assign(z=0), cluster)
    with pytest.raises(DataError, match=r"Column 'x' \(X\) has missing.*index 2, 4"):
        regress(y, frame.assign(x=[0, 1, np.nan, 3, np.inf, 1]), cluster)
    with pytest.raises(DataError, match=r"Column 'y'.*missing.*index 3"):
        regress(np.where(y == 3, np.nan, y), X, cluster)
    with pytest.raises(DataError, match=r"Column 'cluster' has missing values.*index 1"):
        regress(y, X, [1, None, 2, 2, 3, 3])
    with pytest.raises(DataError, match=r"Column 'x' .* is not numeric"):
        regress(y, frame.assign(x=list("abcdef")), cluster)
    with pytest.raises(DataError, match="y has 5 rows and X has 6"):
        regress(y[1:], X, cluster)
    with pytest.raises(DataError, match="cluster has 5 rows and X has 6"):
        regress(y, X, cluster[1:])
    with pytest.raises(
        DataError, match="X and y have different indexes, first in row 0: '0' and '5'"
    ):
        regress(pd.Series(y)[::-1], frame, cluster)
    with pytest.raises(DataError, match="X must have two dimensions"):
        regress(y, y, cluster)
    with pytest.raises(DataError, match="y must have one dimension"):
        regress(X, X, cluster)
    with pytest.raises(DataError, match="1 names for 2 columns"):
        regress(y, X, cluster, names=["a"])
    with pytest.raises(DataError, match="more than one column named 'a'"):
        regress(y, X, cluster, names=["a", "a"])
    with pytest.raises(DesignError, match="'cluster' is '7' in all 6 rows"):
        regress(y, X, [7] * 6)
    with pytest.raises(DesignError, match="2 rows and 2 columns"):
        regress(y[:2], X[:2], [1, 2])
    with pytest.raises(DataError, match="level must lie between 0 and 1"):
        regress(y, X, cluster, level=95)
    fit = regress(y, frame, cluster)
    with pytest.raises(DataError, match="no kind 'cv4'"):
        fit.se("cv4")
    with pytest.raises(DataError, match="no column 'w'"):
        fit.partial_leverage("w")
    with pytest.raises(DataError, match="rho must lie"):
        fit.effective_clusters("x", rho=2)
    within = frame.assign(x=[-1, 1, -1, 1, -1, 1])
    with pytest.raises(DesignError, match="adds up to zero within every cluster"):
        regress(y, within, cluster).effective_clusters("x", rho=1)
