"""What lesson 6 proves about influence functions, without its notebook."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.regression import regress


def unequal_clusters(seed: int = 0) -> pd.DataFrame:
    """Return nine clusters of one to five units; a cohort consists of whole clusters."""
    rng = np.random.default_rng(seed)
    size = np.array([1, 5, 2, 3, 4, 2, 1, 3, 5])
    g = np.array([2, 2, 2, 3, 3, 0, 0, 0, 0])
    units = pd.DataFrame({"h": np.repeat(np.arange(9), size), "g": np.repeat(g, size)})
    frame = units.rename_axis("unit").reset_index().merge(pd.DataFrame({"t": [1, 2, 3]}), "cross")
    return frame.assign(y=rng.normal(size=len(frame)))


@pytest.fixture(scope="module")
def fit() -> dj.ATTgt:
    how = {"clustervars": "h", "est_method": "reg"}
    return dj.att_gt(unequal_clusters(), "y", "t", "g", "unit", **how)


def sums(fit: dj.ATTgt) -> tuple[np.ndarray, pd.DataFrame]:
    """Return S_h of every cell, and the units with their clusters and cohorts."""
    units = unequal_clusters().drop_duplicates("unit")
    S = pd.DataFrame(fit.influence).groupby(units["h"].to_numpy()).sum().to_numpy()
    return S, units


def test_deletion_is_influence_over_one_minus_leverage(fit):
    S, units = sums(fit)
    deviations = dj.jackknife(fit).deviations
    group = units.groupby("h")["g"].first()
    leverage = units["h"].value_counts().sort_index() / group.map(units["g"].value_counts())
    for c, g in enumerate(fit.cells.group):
        for h in group.index[group.isin([0, g])]:
            exact = -S[h, c] / len(units) / (1 - leverage[h])
            assert abs(deviations[h, c] - exact) < 1e-13
        others = group.index[~group.isin([0, g])]
        assert np.abs(deviations[others, c]).max() < 1e-13
        assert np.abs(S[others, c]).max() == 0


def test_cell_without_covariates_has_the_sandwich_of_a_regression(fit):
    wide = unequal_clusters().pivot_table(index=["unit", "h", "g"], columns="t", values="y")
    wide = wide.reset_index()
    for c, g in enumerate(fit.cells.group):
        own = wide[wide["g"].isin([0, g])]
        dy = own[fit.cells.period[c]] - own[fit.cells.base_period[c]]
        X = np.column_stack([np.ones(len(own)), own["g"] == g])
        ols = regress(dy, X, own["h"])
        G, n = ols.n_clusters, len(own)
        cv0 = ols.cv1[1, 1] / (G / (G - 1) * (n - 1) / (n - 2))
        assert abs(fit.se[c] - np.sqrt(cv0)) < 1e-13


def test_rows_clustered_by_unit_are_the_panel():
    frame = unequal_clusters()
    for method, xformla in (("reg", None), ("reg", "~ x")):
        x = np.random.default_rng(1).normal(size=frame["unit"].nunique())
        data = frame.assign(x=x[frame["unit"]])  # constant over time
        how = {"est_method": method, "xformla": xformla}
        panel = dj.att_gt(data, "y", "t", "g", "unit", **how)
        rows = dj.att_gt(data, "y", "t", "g", clustervars="unit", **how)
        np.testing.assert_allclose(rows.att, panel.att, atol=1e-13)
        np.testing.assert_allclose(rows.se, panel.se, rtol=1e-11)
        assert (dj.att_gt(data, "y", "t", "g", **how).se > 1.01 * panel.se).any()


@pytest.mark.parametrize("H_g", [1, 2, 3])
def test_expected_variance_by_enumeration(H_g):
    """All samples of changes of +1 or -1, equally likely: exact expectations of variance one."""
    H_0 = 3
    n = H_g + H_0
    samples = np.array(list(product([-1.0, 1.0], repeat=n)))  # each the changes of one period
    frame = pd.DataFrame({"unit": np.tile(np.arange(n), len(samples) + 1)})
    frame["t"] = np.repeat(np.arange(len(samples) + 1), n)
    frame["g"] = np.where(frame["unit"] < H_g, 1, np.inf)
    frame["y"] = np.concatenate([np.zeros(n), samples.ravel()])
    fit = dj.att_gt(frame, "y", "t", "g", "unit", est_method="reg")

    true = 1 / H_g + 1 / H_0
    assert abs(np.mean(fit.att**2) - true) < 1e-13
    variances = (fit.influence**2).sum(axis=0) / n**2
    expected = (1 - 1 / H_g) / H_g + (1 - 1 / H_0) / H_0
    assert abs(variances.mean() - expected) < 1e-13
    if H_g > 1:
        X = np.column_stack([np.ones(n), np.arange(n) < H_g])
        fits = [regress(signs, X) for signs in samples]
        hc2, hc3 = (np.mean([f.vcov(kind)[1, 1] for f in fits]) for kind in ("hc2", "hc3"))
        assert abs(hc2 - true) < 1e-12
        assert abs(hc3 - (1 / (H_g - 1) + 1 / (H_0 - 1))) < 1e-12


def test_comparison_can_fail(fit):
    S, units = sums(fit)
    deviations = dj.jackknife(fit).deviations
    controls = units.groupby("h")["g"].first() == 0
    tangent = -S[controls] / len(units)  # without the leverage
    assert np.abs(deviations[controls] - tangent).max() > 1e-3
