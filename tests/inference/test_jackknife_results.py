"""What a jackknife tells of itself, on a design whose deletions lose cohorts and treatment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from looped import att_gt, cv3, deletions, frame_of
from scipy import stats

import didjack as dj

# Cluster 1 holds cohort 2 and part of cohort 3, cluster 2 the rest of it.
COHORTS = [[0, 0], [2, 3], [3, 3], [0], [0, 0]]
RTOL = 1e-11


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return frame_of(COHORTS, seed=8)


@pytest.fixture(scope="module")
def jk(frame: pd.DataFrame) -> dj.Jackknife:
    return dj.jackknife(dj.aggte(att_gt(frame), "group"), level=0.9)


def test_the_overall_effect_has_short_names(jk, frame):
    values = deletions(frame, "group")["overall"].to_numpy()
    se, H = cv3(values)
    assert jk.att == pytest.approx(values[0], rel=RTOL) and jk.se == pytest.approx(se, rel=RTOL)
    assert (jk.n_clusters, jk.n_replicates, jk.df) == (5, H, H - 1) == (5, 5, 4)
    assert jk.t == pytest.approx(values[0] / se, rel=RTOL)
    assert jk.p == pytest.approx(2 * stats.t.sf(abs(values[0] / se), 4), rel=1e-9)
    half = stats.t.ppf(0.95, 4) * se
    assert jk.ci == pytest.approx((values[0] - half, values[0] + half), rel=1e-9)
    assert (jk.cluster, jk.method, jk.level) == ("cluster", "CV3", 0.9)
    assert jk.atts.index.tolist() == [0, 1, 2, 3, 4] and jk.atts.index.name == "cluster"
    assert jk.atts.name == "att"
    np.testing.assert_allclose(jk.atts, values[1:], rtol=RTOL)
    np.testing.assert_allclose(jk.deviations[:, 0], values[1:] - values[0], rtol=1e-9)
    assert jk.inference.n_clusters == 5 and jk.inference.level == 0.9


def test_lost_cohorts_are_listed(jk):
    assert jk.lost_cohorts.to_dict("list") == {"cluster": [1], "cohort": [2.0]}
    assert jk.lost_covariates.to_dict("list") == {"cluster": [], "covariate": []}
    assert jk.skipped.empty
    assert jk.notes_on_deletions == [
        "Some deletions leave nothing of group:2: the standard error varies the other clusters "
        "only, and is too small where one treated cluster carries the effect.",
        "Without cluster 1, cohort 2 is lost: the estimand moves.",
    ]
    assert jk.notes[-2:] == jk.notes_on_deletions
    by_name = dict(zip(jk.parameters, jk.inference.df, strict=True))
    assert by_name == {"overall": 4, "group:2": 3, "group:3": 4}


def test_the_text_has_table_and_notes(jk):
    lines = jk.summary().split("\n")
    assert lines[0] == "Cluster jackknife (CV3) by cluster: 5 clusters"
    assert lines[1] == f"Verdict: {jk.verdict().sentence}" and lines[2] == ""
    assert [line.split()[0] for line in lines[3:7]] == [
        "parameter", "overall", "group:2", "group:3",
    ]  # fmt: skip
    assert lines[7] == "" and lines[8:] == [f"Warning: {note}" for note in jk.notes]


@pytest.mark.parametrize("estimand", ["refit", "fixed"])
def test_without_the_only_treated_cluster_there_is_nothing(estimand):
    frame = frame_of([[0, 0], [2, 3], [0], [0, 0]], seed=9)
    jk = dj.jackknife(dj.aggte(att_gt(frame)), estimand=estimand)
    assert jk.skipped.to_numpy().tolist() == [
        [1, "the only treated cluster; without it nothing is treated"]
    ]
    assert jk.lost_cohorts.to_numpy().tolist() == [[1, 2.0], [1, 3.0]]
    assert jk.atts.index.tolist() == [0, 2, 3]
    assert (jk.n_clusters, jk.n_replicates, jk.df) == (4, 3, 2)
    assert jk.deviations[1, 0] == 0
    moves = {
        "refit": "the estimand moves",
        "fixed": "its effects are held at their full-sample estimates",
    }[estimand]
    assert any(n.startswith("Skipped cluster 1: the only treated cluster") for n in jk.notes)
    assert f"Without cluster 1, cohort 2, 3 is lost: {moves}." in jk.notes


def test_cells_are_skipped_only_if_all_of_them_are_gone(frame):
    """Without an overall effect no single cell decides."""
    jk = dj.jackknife(att_gt(frame))
    assert np.isnan(jk.replicates[2]).any() and np.isfinite(jk.replicates[2]).any()
    assert jk.skipped.empty
    alone = dj.jackknife(att_gt(frame_of([[0, 0], [2, 3], [0], [0, 0]], seed=9)))
    assert alone.skipped["cluster"].tolist() == [1]


def test_rounding_error_is_no_standard_error():
    """Equal paths within groups: every deletion gives the same effect but for rounding."""
    frame = frame_of([[0, 0], [2, 2], [2], [0], [0, 2]], seed=1)
    path = np.where(frame["g"] == 2, np.sqrt(frame["t"]), np.cos(frame["t"]))
    jk = dj.jackknife(att_gt(frame.assign(y=path + frame["unit"])))
    assert np.isfinite(jk.replicates).all()
    assert np.isnan(jk.inference.se).all() and np.isnan(jk.inference.p).all()
    moved = path + frame["unit"] + 1e-9 * (frame["unit"] == 0) * (frame["t"] == 4)
    assert np.isfinite(dj.jackknife(att_gt(frame.assign(y=moved))).inference.se).any()


def test_the_aggregation_is_handed_back_if_there_is_one(jk, frame):
    assert jk.aggregate is jk.target
    with pytest.raises(dj.DesignError, match="not of a single aggregation"):
        _ = dj.jackknife(att_gt(frame)).aggregate


def test_defaults(jk):
    usual = dj.jackknife(jk.target)
    assert (usual.level, usual.center, usual.estimand) == (0.95, "estimate", "refit")
    assert dj.jackknife(jk.target, center="mean").method == "CV3J"
    band = dj.jackknife(dj.aggte(jk.target.attgt, "dynamic"), level=0.9)
    band = band.band(n_draws=500, min_treated=1)
    assert band.level == 0.9
    for level in (0, 1, -0.5, 95):
        with pytest.raises(dj.DataError, match="level must lie between 0 and 1"):
            dj.jackknife(jk.target, level=level)
    assert dj.jackknife(jk.target, level=0.001).level == 0.001


def test_a_refit_that_loses_the_window_has_no_parameters():
    """The first period is seen in cluster 0 alone; without it cohort 2 cannot be used."""
    frame = frame_of([[0, 2], [0, 2], [2], [0], [3, 0]], seed=3)
    frame = frame[(frame["t"] > 1) | (frame["cluster"] == 0)]
    res = dj.att_gt(frame, "y", "t", "g", est_method="reg", clustervars="cluster")
    jk = dj.jackknife(dj.aggte(res, "group"))
    refit = dj.att_gt(frame[frame["cluster"] != 0], "y", "t", "g", est_method="reg",
                      clustervars="cluster")  # fmt: skip
    assert refit.groups.tolist() == [3]
    expected = dict(zip(("overall", "group:3"), dj.aggte(refit, "group").values, strict=True))
    found = dict(zip(jk.parameters, jk.replicates[1], strict=True))
    assert np.isnan(found.pop("group:2"))
    assert found == pytest.approx(expected, rel=RTOL)
    lost = jk.lost_cohorts.set_index("cluster")["cohort"].to_dict()
    assert lost == {0: 2.0, 4: 3.0}
    fixed = dj.jackknife(dj.aggte(res, "group"), estimand="fixed")
    at = jk.parameters.index("group:2")
    assert np.isnan(fixed.replicates[1, at])  # all of its cells are lost: nothing can be learnt
    share = dj.aggte(res, "group").evaluate_fixed(np.eye(len(res.cells)))[:, 0]
    left = dict(zip(refit.parameters, refit.att, strict=True))
    cells = np.array([left.get(name, np.nan) for name in res.parameters])
    held = np.where(np.isfinite(cells), cells, res.att)
    assert fixed.replicates[1, 0] == pytest.approx(np.nan_to_num(held) @ share, rel=RTOL)
    by_cell = dj.jackknife(res)
    att_of = dict(zip(refit.parameters, refit.att, strict=True))
    expected = [att_of.get(name, np.nan) for name in res.parameters]
    np.testing.assert_allclose(by_cell.replicates[1], expected, rtol=RTOL)
    joint = dj.jackknife([dj.aggte(res, "group"), dj.aggte(res)])
    np.testing.assert_allclose(joint.replicates[:, :3], jk.replicates, rtol=RTOL)
    np.testing.assert_allclose(joint.replicates[1, 3], dj.aggte(refit).att, rtol=RTOL)
    kept = fixed.parameters.index("group:2")
    np.testing.assert_allclose(fixed.replicates[2:, kept], jk.replicates[2:, kept], rtol=RTOL)


def test_one_deletion_has_no_degrees_of_freedom():
    """Of two clusters one is the only treated one: a single deletion is left."""
    jk = dj.jackknife(dj.aggte(att_gt(frame_of([[0, 0], [2, 0, 0]], seed=2))))
    assert jk.n_replicates == 1 and jk.df == 0
    assert np.isnan(jk.inference.df).all() and np.isnan(jk.inference.p).all()


def test_combinations_and_tests_are_those_of_its_inference(frame):
    jk = dj.jackknife(dj.aggte(att_gt(frame), "dynamic"))
    found = jk.lincom("event:1 - event:0")
    assert found.parameters == ("event:1 - event:0",) and found.method == "CV3"
    test = jk.pretest(min_treated=1)
    assert test.parameters == ("event:-1",) and test.method == "F (CV3)"
    before = jk.to_frame().set_index("parameter").loc["event:-1"]
    assert test.p == pytest.approx(before["p"], rel=1e-9)
    assert jk.glance()["method"].item() == "CV3"
