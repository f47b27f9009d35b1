"""The rows of propensity models: which they are, and that merging equal rows changes no sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.estimators.samples import ComparedRows, compared_rows

COLUMNS = ["cluster", "d", "late", "x"]


def drawn(levels: int, seed: int = 1, n: int = 60) -> pd.DataFrame:
    """Return sections or a panel of four periods with few or many values of a covariate."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"unit": np.arange(n), "town": np.arange(n) % 5})
    units["g"] = rng.choice([0, 0, 2, 3, 4], n)
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3, 4]}), how="cross")
    frame["x"] = rng.integers(0, levels, len(frame)).astype(float)
    frame["wt"] = rng.uniform(0.5, 2.0, len(frame))
    return frame.assign(y=rng.normal(size=len(frame)))


def att_gt(frame: pd.DataFrame, panel: bool, **more: Any) -> dj.ATTgt:
    options = {"est_method": "reg", "weightsname": "wt", "control_group": "notyettreated"} | more
    return dj.att_gt(frame, "y", "t", "g", "unit" if panel else None, xformla="~ x", **options)


def in_design(res: dj.ATTgt, frame: pd.DataFrame) -> np.ndarray:
    """Return the covariate of every row as the design has it: moved and scaled."""
    z = np.empty(len(frame))
    z[res.panel.rows] = res.panel.design.X[:, 1]
    assert np.corrcoef(z, frame["x"])[0, 1] == pytest.approx(1, abs=1e-14)
    return z


def pairs(res: dj.ATTgt, clusters: Any) -> Iterator[tuple[ComparedRows, ComparedRows]]:
    merged = compared_rows(res.panel, res.cells, clusters)
    plain = compared_rows(res.panel, res.cells, clusters, merge=False)
    return zip(merged, plain, strict=True)


def sums(rows: ComparedRows) -> pd.DataFrame:
    """Add up rows, weights and weighted outcomes of equal rows."""
    sample = rows.sample
    code = np.zeros(len(rows.rows)) if sample.cluster is None else sample.cluster
    frame = pd.DataFrame({"cluster": code, "d": sample.d, "late": rows.late, "x": sample.X[:, 1]})
    frame["rows"], frame["w"], frame["wy"] = rows.count, sample.w, sample.w * rows.y[:, 0]
    return frame.groupby(COLUMNS, as_index=False).sum()


@pytest.mark.parametrize("clustered", [True, False])
def test_merged_rows_have_the_sums_of_those_behind_them(clustered):
    res = att_gt(drawn(levels=2), panel=False)
    clusters = res.clusters("town") if clustered else None
    for merged, plain in pairs(res, clusters):
        assert len(merged.rows) < 0.7 * len(plain.rows)
        assert merged.count.sum() == len(plain.rows) and (plain.count == 1).all()
        pd.testing.assert_frame_equal(sums(merged), sums(plain), rtol=1e-13, check_dtype=False)
        assert merged.cells.tolist() == plain.cells.tolist()
        assert merged.sample.n_replicates == (6 if clustered else 1)
        if not clustered:
            assert merged.sample.cluster is None


def test_rows_with_values_of_their_own_stay_as_they_are():
    frame = drawn(levels=2)
    frame["x"] = np.random.default_rng(4).normal(size=len(frame))
    res = att_gt(frame, panel=False)
    for merged, plain in pairs(res, res.clusters("town")):
        assert merged.rows.tolist() == plain.rows.tolist()
        assert np.array_equal(merged.sample.X, plain.sample.X)
        assert np.array_equal(merged.y, plain.y) and np.array_equal(merged.count, plain.count)


def test_the_rows_of_a_comparison_of_sections():
    frame = drawn(levels=3)
    res = att_gt(frame, panel=False)
    frame["z"] = in_design(res, frame)
    seen = []
    for _, rows in pairs(res, res.clusters("town")):
        (c,) = rows.cells
        seen.append(c)
        g, t, base = (res.cells.group[c], res.cells.period[c], res.cells.base_period[c])
        later = (frame["g"] == 0) | (frame["g"] > max(t, base))
        wanted = ((frame["g"] == g) | (later & (frame["g"] != g))) & frame["t"].isin([t, base])
        at = np.flatnonzero(wanted)
        assert sorted(rows.rows) == at.tolist()
        source = frame.iloc[rows.rows]
        assert rows.sample.d.tolist() == (source["g"] == g).tolist()
        assert rows.late.tolist() == (source["t"] == t).tolist()
        assert rows.y[:, 0].tolist() == source["y"].tolist()
        assert rows.sample.w.tolist() == source["wt"].tolist()
        assert rows.sample.cluster.tolist() == source["town"].tolist()
        by_period = rows.by_period()
        expected = np.column_stack([np.ones(len(at)), source["z"], source["y"]])
        late = (source["t"] == t).to_numpy()[:, None]
        assert np.array_equal(by_period, np.hstack([expected * late, expected * ~late]))
    assert seen == np.flatnonzero(~res.cells.is_base).tolist()


@pytest.mark.parametrize("changing", ["neither", "x", "wt"])
@pytest.mark.parametrize("base", ["varying", "universal"])
@pytest.mark.parametrize("control", ["nevertreated", "notyettreated"])
def test_the_rows_of_comparisons_in_a_panel(changing, base, control):
    """Covariates and weights of the earlier period; changes against time with the other sign."""
    frame = drawn(levels=50)
    for column in {"x", "wt"} - {changing}:
        frame[column] = frame.groupby("unit")[column].transform("first")
    res = att_gt(frame, panel=True, base_period=base, control_group=control)
    wide = frame.assign(z=in_design(res, frame)).set_index(["unit", "t"]).unstack()  # noqa: PD010
    cohort = wide["g"][1]
    seen: list[int] = []
    models = list(compared_rows(res.panel, res.cells, res.clusters("town")))
    for rows in models:
        assert rows.late is None and (rows.count == 1).all()
        seen += rows.cells.tolist()
        for j, c in enumerate(rows.cells):
            g, t, b = (res.cells.group[c], res.cells.period[c], res.cells.base_period[c])
            after = (cohort > max(t, b)) if control == "notyettreated" else (cohort < 0)
            wanted = (cohort == g) | (cohort == 0) | (after & (cohort != g))
            units = np.flatnonzero(wanted)
            assert rows.rows.tolist() == units.tolist()
            assert rows.sample.d.tolist() == (cohort == g).to_numpy()[units].tolist()
            change = (wide["y"][t] - wide["y"][b]).to_numpy()[units]
            np.testing.assert_allclose(rows.y[:, j], change, rtol=1e-14)
            early = min(t, b)
            assert rows.sample.X[:, 1].tolist() == wide["z"][early].to_numpy()[units].tolist()
            assert rows.sample.w.tolist() == wide["wt"][early].to_numpy()[units].tolist()
            assert rows.sample.cluster.tolist() == (units % 5).tolist()
    assert sorted(seen) == np.flatnonzero(~res.cells.is_base).tolist()
    if changing == "neither" and control == "nevertreated":
        assert len(models) == len(res.groups)  # one propensity model serves a cohort


@pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])
@pytest.mark.parametrize("rows", [0, 1])
def test_comparisons_of_hardly_any_rows_have_no_estimate(method, rows):
    """Cohort 2 is seen in its first year at most, when nobody else is."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": np.tile([0, 0, 4], 20), "t": np.repeat([3, 4, 5], 20)})
    alone = pd.DataFrame({"g": [2] * (rows + 3), "t": [2] * rows + [3, 4, 5]})
    early = pd.DataFrame({"g": [4, 4], "t": [1, 2]})
    frame = pd.concat([frame, alone, early], ignore_index=True)
    frame["x"], frame["y"] = rng.normal(size=(2, len(frame)))
    res = dj.att_gt(frame, "y", "t", "g", xformla="~ x", est_method=method)
    table = res.to_frame().set_index(["group", "time"])
    assert table.loc[(2, 2), "status"] == "no_treated"
    assert table.loc[(2, 2), ["n_treated", "n_control"]].tolist() == [rows, 0]
    assert np.isnan(table.loc[(2, 2), "att"])
    assert table.loc[(4, 4), "status"] == "ok"
