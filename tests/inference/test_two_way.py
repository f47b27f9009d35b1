"""The two-way cluster jackknife against a loop that estimates afresh without every cluster.

Tolerances are those of the one-way loop (`test_jackknife_bruteforce`): 1e-12 of the estimates, or
of the largest outcome, whose rounding error they carry; 1e-9 with propensities. A variance of three
terms loses digits where they cancel, so that variances are compared on the scale of the largest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare import assert_close
from scipy import stats

import didjack as dj
from didjack.core.two_way_variance import joint_scores, largest_variance
from didjack.errors import DataError, DesignError, FewTreatedWarning
from didjack.inference.honest import honest_bounds
from didjack.inference.two_way import TwoWayJackknife

MPDTA = {"yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal"}
SECTIONS = MPDTA | {"idname": None, "panel": False}
TINY = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit", "est_method": "reg"}


def counties() -> pd.DataFrame:
    """Return counties in states and in nine industries that cross them."""
    frame = dj.load_dataset("mpdta")
    units = frame["countyreal"].unique()
    industry = pd.Series(np.random.default_rng(0).integers(0, 9, len(units)), units)
    return frame.assign(st=frame["countyreal"] // 1000, industry=frame["countyreal"].map(industry))


def tiny() -> pd.DataFrame:
    """Return a design whose deletions change the frame, of all three kinds.

    All never-treated units are of (a, x), and the last cohort is alone in (c, y); units of no
    region or sector are treated from the start and no part of the sample.
    """
    rng = np.random.default_rng(1)
    units = [("a", "x", 0)] * 3 + [("b", "x", 2003)] * 2 + [("a", "y", 2003)] * 2
    units += [("b", "y", 2004)] * 2 + [("c", "x", 2004)] * 2 + [("c", "y", 2005)] * 3
    units += [(None, "x", 2001), ("a", None, 2001)]
    rows = [
        (unit, region, sector, g, t, rng.normal())
        for unit, (region, sector, g) in enumerate(units)
        for t in range(2001, 2007)
    ]
    return pd.DataFrame(rows, columns=["unit", "region", "sector", "g", "t", "y"])


@dataclass(frozen=True)
class Case:
    frame: Any
    names: tuple[str, str]
    kwargs: dict[str, Any]
    rtol: float = 1e-12


REG = {"est_method": "reg"}
CASES = {
    "panel": Case(counties, ("st", "industry"), MPDTA | REG),
    "universal": Case(counties, ("st", "industry"), MPDTA | REG | {"base_period": "universal"}),
    "covariate": Case(counties, ("industry", "st"), MPDTA | {"xformla": "~ lpop"}, 1e-9),
    "sections": Case(counties, ("st", "industry"), SECTIONS, 1e-9),
    "tiny": Case(tiny, ("region", "sector"), TINY | {"control_group": "notyettreated"}),
}


def refit(
    frame: pd.DataFrame, kwargs: dict[str, Any], agg: dj.Aggregate, type_: str, estimand: str
) -> np.ndarray:
    """Estimate afresh: the parameters of `agg` by their names, NaN for those that are gone."""
    try:
        res = dj.att_gt(frame, **kwargs)
        if estimand == "refit":
            again = dj.aggte(res, type_)
            found = dict(zip(again.parameters, again.values, strict=True))
            return np.array([found.get(name, np.nan) for name in agg.parameters])
    except DesignError:
        return np.full(len(agg.parameters), np.nan)
    cells = dict(zip(res.estimation.parameters, res.estimation.att, strict=True))
    full = agg.estimation
    att = np.array([cells.get(name, np.nan) for name in full.parameters])
    values = agg.evaluate_fixed(np.where(np.isnan(att), full.att, att)[None])[0]
    used = (agg.evaluate_fixed(np.eye(len(att))) != 0) & ~full.cells.is_base[:, None]
    gone = used.any(axis=0) & ~(used & np.isfinite(att)[:, None]).any(axis=0)
    return np.where(gone, np.nan, values)


def cv3(full: np.ndarray, without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the CV3 covariance, and the number of deletions, of every parameter."""
    H = np.isfinite(without).sum(axis=0)
    root = np.sqrt(np.where(H > 1, (H - 1) / np.maximum(H, 1), np.nan))
    deviations = np.where(np.isfinite(without), without - full, 0.0) * root
    return deviations.T @ deviations, H


@pytest.mark.parametrize("estimand", ["refit", "fixed"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_what_a_loop_gives(name, estimand):
    case = CASES[name]
    frame, (a, b), type_ = case.frame(), case.names, "dynamic"
    agg = dj.aggte(dj.att_gt(frame, **case.kwargs), type_)
    jk = dj.jackknife(agg, [a, b], estimand=estimand)
    sample = frame.iloc[agg.estimation.panel.rows]
    scale = float(frame[case.kwargs["yname"]].abs().max())
    pieces = {
        "first": [frame[a] == label for label in sample[a].unique()],
        "second": [frame[b] == label for label in sample[b].unique()],
        "crossed": [
            (frame[a] == one) & (frame[b] == other)
            for one, other in sample[[a, b]].drop_duplicates().itertuples(index=False)
        ],
    }
    V, H = {}, {}
    for part, masks in pieces.items():
        without = np.array(
            [refit(frame[~mask], case.kwargs, agg, type_, estimand) for mask in masks]
        )
        V[part], H[part] = cv3(agg.values, without)
        one = getattr(jk, part)
        assert one.n_clusters == len(masks)
        assert_close(one.vcov, V[part], case.rtol, f"{part} covariance", scale**2)
        assert np.array_equal(jk.components[f"n_{part}"], H[part])
    three = V["first"] + V["second"] - V["crossed"]
    largest = np.max([np.diag(three), np.diag(V["first"]), np.diag(V["second"])], axis=0)
    known = ~np.isnan(jk.inference.se)
    assert known[0] and np.array_equal(known, largest > (case.rtol * scale) ** 2)
    assert_close(
        jk.inference.se[known], np.sqrt(largest[known]), case.rtol, "standard errors", scale
    )
    df = np.minimum(H["first"], H["second"]) - 1
    assert np.array_equal(jk.inference.df[known], df[known])
    with np.errstate(invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(agg.values / np.sqrt(largest)), df)
    stands = known & ~jk.inference.withheld
    assert_close(jk.inference.p[stands], p[stands], 1e-6, "p-values")


@pytest.fixture(scope="module")
def event_study() -> dj.Aggregate:
    return dj.aggte(dj.att_gt(counties(), **MPDTA, est_method="reg"), "dynamic")


@pytest.fixture(scope="module")
def crossed(event_study) -> TwoWayJackknife:
    return dj.jackknife(event_study, ["st", "industry"])


def test_order_of_the_variables_does_not_matter(event_study, crossed):
    other = dj.jackknife(event_study, ("industry", "st"))
    assert_close(other.inference.se, crossed.inference.se, 1e-12, "standard errors")
    assert_close(other.vcov, crossed.vcov, 1e-11, "covariance", scale=crossed.se**2)
    assert other.crossed.n_clusters == crossed.crossed.n_clusters == 200


def test_nested_variables_have_the_variance_of_the_coarser_one(event_study):
    coarse = dj.jackknife(event_study, "st")
    for names in (["countyreal", "st"], ["st", "countyreal"]):
        jk = dj.jackknife(event_study, names)
        assert jk.coarser == "st"
        assert np.array_equal(jk.inference.se, coarse.inference.se)
        assert (jk.df, jk.p, jk.ci) == (coarse.df, coarse.p, coarse.ci)
        assert_close(jk.vcov, coarse.vcov, 1e-10, "covariance", scale=coarse.se**2)
        assert "'countyreal' is nested in 'st': the variance is that of 'st' alone." in jk.notes
        assert jk.lincom("event:1 - event:0").se == coarse.lincom("event:1 - event:0").se


def test_one_variable_given_in_a_list_is_one_way(event_study):
    assert isinstance(dj.jackknife(event_study, ["st"]), dj.Jackknife)
    assert isinstance(dj.jackknife(event_study, ["st", "st"]), dj.Jackknife)


def test_a_combination_has_its_own_three_variances(crossed):
    parts = [
        one.lincom("event:1 - event:0").se[0] ** 2
        for one in (crossed.first, crossed.second, crossed.crossed)
    ]
    found = crossed.lincom("event:1 - event:0")
    expected = np.sqrt(max(parts[0] + parts[1] - parts[2], parts[0], parts[1]))
    assert found.se[0] == pytest.approx(expected, rel=1e-14)
    assert found.df[0] == 8
    assert crossed.lincom("overall").se[0] == pytest.approx(crossed.se, rel=1e-12)


def test_the_joint_covariance_has_these_standard_errors_and_is_no_longer_indefinite(crossed):
    V = crossed.vcov.to_numpy()
    assert_close(np.sqrt(np.diag(V)), crossed.inference.se, 1e-13, "diagonal")
    parts = (crossed.first, crossed.second, crossed.crossed)
    first, second, both = (one.vcov.to_numpy() for one in parts)
    assert np.linalg.eigvalsh(first + second - both)[0] < -1e-5  # so there is something to mend
    assert np.linalg.eigvalsh(V)[0] > -1e-15


def test_scores_of_a_definite_matrix_give_it_back():
    root = np.random.default_rng(3).normal(size=(5, 4))
    V = root.T @ root
    scores = joint_scores(V, np.sqrt(np.diag(V)))
    assert_close(scores.T @ scores, V, 1e-13, "covariance", scale=1.0)


def test_a_variance_of_which_nothing_is_left_is_uncorrelated():
    V = np.array([[2.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, np.nan]])
    scores = joint_scores(V, np.array([np.sqrt(2), 3.0, np.nan]))
    assert_close(scores.T @ scores, np.diag([2.0, 9.0, 0.0]), 1e-14, "covariance", scale=1.0)


def test_the_largest_of_three_variances():
    V = [np.array(v) for v in ([4.0, 4.0, 1.0, 1.0], [3.0, 3.0, 2.0, np.nan], [1.0, 5.0, 9.0, 1.0])]
    assert_close(largest_variance(*V), [6.0, 4.0, 2.0, np.nan], 0.0, "variance")


def test_notes_and_tables_say_what_stands_behind(crossed):
    text = crossed.summary()
    assert "by st (29 clusters) and industry (9 clusters), 200 together" in text
    assert "No p-value and no interval for event:2, event:3" in text  # one treated state
    assert "the larger one stands" in text
    assert "critical='exact' has both" in text and "With one cluster variable" in text
    assert "By 'st': Without cluster 17, cohort 2004 is lost: the estimand moves." in text
    frame = crossed.to_frame()
    assert np.isnan(frame["p"]).tolist() == [False] * 6 + [True] * 2
    assert frame["n_treated_clusters"].tolist() == [9, 9, 9, 9, 9, 4, 1, 1]
    assert list(crossed.tidy()["term"]) == [str(name) for name in crossed.parameters]
    row = crossed.glance().iloc[0]
    assert (row["n_clusters_first"], row["n_clusters_second"], row["df"]) == (29, 9, 8)
    assert crossed.to_latex().startswith("\\begin{tabular}")


def test_it_hands_the_event_study_over(event_study):
    res = dj.att_gt(counties(), **MPDTA, est_method="reg", base_period="universal")
    jk = dj.jackknife(dj.aggte(res, "dynamic"), ["st", "industry"])
    handed = jk.to_honestdid()
    assert handed.event_times.tolist() == [-4, -3, -2, 0, 1] and handed.df == 8
    assert handed.left_out == ("event:2", "event:3")
    places = [list(jk.parameters).index(f"event:{e:g}") for e in handed.event_times]
    assert_close(np.sqrt(np.diag(handed.sigma)), jk.inference.se[places], 1e-12, "errors")
    assert honest_bounds(handed).original[0] == pytest.approx(
        handed.betahat[3] - stats.norm.ppf(0.975) * jk.inference.se[places[3]], rel=1e-12
    )
    with pytest.raises(DesignError, match="universal"):
        dj.jackknife(event_study, ["st", "industry"]).to_honestdid()


def test_few_treated_clusters_of_either_variable_are_warned_of():
    frame = counties()
    frame = frame[frame["first.treat"].isin([0, 2004])]
    agg = dj.aggte(dj.att_gt(frame, **MPDTA, est_method="reg"), "simple")
    with pytest.warns(FewTreatedWarning, match="With one cluster variable critical='exact'"):
        jk = dj.jackknife(agg, ["industry", "st"])  # the cohort of 2004 is one state
    assert np.isnan([jk.p, *jk.ci]).all() and jk.se > 0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"critical": "exact"}, "no exact distribution is known"),
        ({"lost": "generalized"}, "takes one cluster variable"),
        ({"cluster": "st"}, "leave out cluster='st'"),
        ({"clustervars": ["st", "industry", "state"]}, "at most two cluster variables"),
        ({"clustervars": ["st", "nowhere"]}, "nowhere"),
        ({"clustervars": ["st", "year"]}, "changes within a unit"),
    ],
)
def test_what_it_cannot_do_it_says(event_study, kwargs, message):
    with pytest.raises(DataError, match=re.escape(message)):
        dj.jackknife(event_study, **({"clustervars": ["st", "industry"]} | kwargs))


def test_deletions_of_one_variable_are_refused(event_study):
    deletions = event_study.attgt.deletions("st")
    with pytest.raises(DataError, match="deletions are of one cluster variable"):
        dj.jackknife(event_study, ["st", "industry"], deletions=deletions)
