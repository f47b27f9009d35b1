"""Placebo laws: every draw equals the public functions on data with that law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import didjack as dj
from didjack.errors import DataError, DesignError
from didjack.simulate import Placebo, placebo_laws

DRAWS = 3


@pytest.fixture(scope="module")
def rows():
    """Repeated cross-sections with unequal cells; clusters 0 and 1 have real laws."""
    rng = np.random.default_rng(3)
    n = 1500
    frame = pd.DataFrame({"c": rng.integers(0, 11, n), "t": rng.integers(2001, 2006, n)})
    frame["x"] = rng.normal(size=n) + frame["c"] / 5
    frame["z"] = (rng.random(n) < 0.4).astype(float)
    frame["g"] = np.where(frame["c"] < 2, 2003, 0)
    shock = rng.normal(size=(11, 5))[frame["c"], frame["t"] - 2001]
    frame["y"] = shock + frame["x"] + frame["z"] + rng.normal(size=n)
    return frame


def laws(result: Placebo, labels, draw):
    """Repeat the lottery: which cluster got its law when, in one draw."""
    rng = np.random.default_rng(result.seed)
    Q = len(result.adoption)
    dealt = np.append(np.arange(result.treated) % Q, np.full(len(labels) - result.treated, Q))
    cohort = rng.permuted(np.tile(dealt, (len(result.draws), 1)), axis=1)[draw]
    return dict(zip(labels, np.append(result.adoption, 0)[cohort], strict=True))


def compare(result, frame, labels, type, **kwargs):
    for draw in range(len(result.draws)):
        own = frame.assign(law=frame[kwargs["clustervars"]].map(laws(result, labels, draw)))
        agg = dj.aggte(dj.att_gt(own, gname="law", est_method="reg", **kwargs), type=type)
        agg_se = agg.analytic(kwargs["clustervars"]).se[0]
        jk, jkj = dj.jackknife(agg), dj.jackknife(agg, center="mean")
        row = result.draws.iloc[draw]
        ours = row[["estimate", "se_clustered-z", "se_clustered-t", "se_cv3", "se_cv3j"]]
        theirs = [agg.att, agg_se, agg_se, jk.se, jkj.se]
        np.testing.assert_allclose(ours.to_numpy(dtype=float), theirs, rtol=1e-9)
        t = abs(agg.att / agg_se)
        # With one treated cluster results withhold p; placebo laws count how often it would err.
        student = [2 * stats.t.sf(abs(k.t), k.df) for k in (jk, jkj)]
        if jk.n_treated_clusters[0] > 1:
            assert student == pytest.approx([jk.p, jkj.p], rel=1e-12)
        p = [2 * stats.norm.sf(t), 2 * stats.t.sf(t, len(labels) - 1), *student]
        ours = row[["p_clustered-z", "p_clustered-t", "p_cv3", "p_cv3j"]]
        np.testing.assert_allclose(ours.to_numpy(dtype=float), p, rtol=1e-8)


@pytest.mark.parametrize("type", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize("xformla", [None, "~ x + z"])
def test_cross_sections(rows, type, xformla):
    result = placebo_laws(rows, "y", "t", "g", "c", xformla=xformla, treated=3, draws=DRAWS,
                          adoption=(2003, 2005), type=type, seed=1)  # fmt: skip
    own = rows[rows["c"] > 1]
    compare(result, own, range(2, 11), type, yname="y", tname="t", xformla=xformla, panel=False,
            clustervars="c")  # fmt: skip


@pytest.mark.parametrize(("name", "treated"), [("castle", 1), ("castle", 6), ("medicaid", 5)])
def test_real_panels(dataset, name, treated):
    frame, kwargs = dataset(name), dj.load_specification(name).kwargs
    y, t, g, i = (kwargs[key] for key in ("yname", "tname", "gname", "idname"))
    untreated = frame[~(frame[g].fillna(0) > 0)]
    times = np.sort(frame[t].unique())
    adoption = times[[4]] if treated == 1 else times[[3, 6]]
    result = placebo_laws(frame, y, t, g, i, idname=i, treated=treated, adoption=adoption,
                          type="group", draws=DRAWS)  # fmt: skip
    labels = np.sort(untreated[i].unique())
    compare(result, untreated, labels, "group", yname=y, tname=t, idname=i, clustervars=i)


def test_merit_with_covariates(dataset):
    frame = dataset("merit")
    result = placebo_laws(frame, "coll", "year", "gvar", "state", xformla="~ male + black + asian",
                          treated=4, draws=1, adoption=(1995, 1998))  # fmt: skip
    untreated = frame[~(frame["gvar"].fillna(0) > 0)]
    labels = np.sort(untreated["state"].unique())
    compare(result, untreated, labels, "simple", yname="coll", tname="year", panel=False,
            xformla="~ male + black + asian", clustervars="state")  # fmt: skip


def test_rates(rows):
    rates = placebo_laws(rows, "y", "t", "g", "c", treated=2, draws=60).rates()
    assert rates["draws"].eq(60).all()
    wide = rates.pivot_table(index="level", columns="test", values="rejection")
    assert (wide["cv3"] <= wide["clustered-z"]).all()
    assert wide["clustered-z"].is_monotonic_increasing


def test_the_middle_period_is_the_default_and_most_may_be_treated(rows):
    args = ("y", "t", "g", "c")
    assert placebo_laws(rows, *args, treated=2, draws=1).adoption == (2003,)
    most = placebo_laws(rows, *args, treated=7, draws=2)  # two of nine remain as controls
    assert most.n_clusters == 9 and most.draws.notna().all(axis=None)
    three = placebo_laws(rows[rows["c"] < 5], *args, treated=1, draws=1)
    assert three.n_clusters == 3


def test_rates_count_p_values_up_to_the_level():
    draws = pd.DataFrame({"p_cv3": [0.01, 0.04, 0.05, 0.2]})
    rates = Placebo(draws, 9, 2, (2003,), "simple", 0).rates().set_index("level")
    assert rates["rejection"].to_dict() == {0.01: 1 / 4, 0.05: 3 / 4, 0.1: 3 / 4}
    assert rates["mc_se"][0.01] == pytest.approx(np.sqrt(3 / 16 / 4))


def test_what_cannot_be_drawn_is_refused(rows):
    args = ("y", "t", "g", "c")
    with pytest.raises(DataError, match="treated is 8: of 9 never-treated"):
        placebo_laws(rows, *args, treated=8)
    with pytest.raises(DataError, match="at least 2"):
        placebo_laws(rows, *args, treated=1, adoption=(2003, 2004))
    for adoption in ((2001,), (2009,), (2003, 2003), ()):
        with pytest.raises(DataError, match="from 2002 to 2005"):
            placebo_laws(rows, *args, adoption=adoption)
    with pytest.raises(DataError, match="no rows in period 2002"):
        placebo_laws(rows[(rows["c"] != 5) | (rows["t"] != 2002)], *args)
    with pytest.raises(DataError, match="cross-sections only"):
        placebo_laws(rows, *args, idname="c", xformla="~ x")
    with pytest.raises(DataError, match="type must be"):
        placebo_laws(rows, *args, type="all")
    with pytest.raises(DataError, match="draws must be 1 or more, not 0"):
        placebo_laws(rows, *args, draws=0)
    with pytest.raises(DesignError, match="Fewer than three"):
        placebo_laws(rows[rows["c"] < 4], *args)
