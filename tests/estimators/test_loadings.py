"""Loadings against the estimators themselves: an outcome that is one in one cluster and period."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.estimators import ESTIMATORS
from didjack.estimators.loadings import cell_loadings

FIRST = {0: 3, 1: 3, 2: 4, 3: 4, 4: 4}


@pytest.fixture(scope="module")
def frames():
    """Eight clusters of unequal size, two cohorts; as a panel and as cross-sections."""
    rng = np.random.default_rng(1)
    units = [(h, i) for h in range(8) for i in range(6 + rng.integers(0, 5))]
    frame = pd.DataFrame(
        [(h, f"{h}-{i}", t) for h, i in units for t in range(1, 5)], columns=["h", "i", "t"]
    )
    frame["g"] = frame["h"].map(FIRST).fillna(0)
    rows = rng.standard_normal((len(frame), 4))
    frame["y"] = rows[:, 0]
    varying = frame.assign(
        x=rows[:, 1] + 0.3 * (frame["g"] > 0),
        z=(rows[:, 2] > 0).astype(float),
        w=np.exp(0.4 * rows[:, 3]),
    )
    constant = varying.copy()
    for name in ("x", "z", "w"):
        constant[name] = varying.groupby("i")[name].transform("first")
    return {"constant": constant, "varying": varying, "rows": varying}


def basis(frame, arguments):
    """Cells of all replicates for every basis outcome, (R, C, T, m)."""
    labels, times = np.unique(frame["h"]), np.unique(frame["t"])
    out = []
    for h, t in product(labels, times):
        shock = ((frame["h"] == h) & (frame["t"] == t)).astype(float)
        res = dj.att_gt(frame.assign(y=shock), **arguments)
        out.append(res.estimation.replicates(res.clusters("h")).att)
    R, m = out[0].shape
    return np.stack(out, axis=1).reshape(R, len(labels), len(times), m)


@pytest.mark.parametrize(
    ("kind", "method", "xformla", "control_group", "base_period"),
    [
        *product(
            ("constant", "rows"),
            ESTIMATORS,
            ("~ x + z",),
            ("nevertreated", "notyettreated"),
            ("universal",),
        ),
        *product(("varying",), ("reg", "dr"), ("~ x + z",), ("nevertreated",), ("varying",)),
        *product(("constant", "rows"), ("dr",), (None,), ("notyettreated",), ("varying",)),
    ],
)
def test_loadings_are_estimates_of_basis_outcomes(
    frames, kind, method, xformla, control_group, base_period
):
    frame = frames[kind]
    arguments = {
        "yname": "y", "tname": "t", "gname": "g", "idname": None if kind == "rows" else "i",
        "xformla": xformla, "est_method": method, "control_group": control_group,
        "base_period": base_period, "weightsname": "w", "clustervars": "h",
    }  # fmt: skip
    check_loadings(frame, arguments)


def loadings_of(res):
    """Loadings of every cell on every cluster and period, (R, C, T, m), with their estimates."""
    clusters = res.clusters("h")
    cells, estimates = res.cells, res.estimation.replicates(clusters)
    found = res.options.loadings(res.panel, cells, clusters, estimates)
    time, base = (np.stack(part) for part in zip(*map(found.replicate, range(9)), strict=True))
    total = np.zeros((9, 8, 4, len(cells)))
    for c in range(len(cells)):
        total[:, :, cells.time[c], c] += time[:, :, c]
        total[:, :, cells.base[c], c] += base[:, :, c]
    assert (np.abs(total[0]).max(axis=(0, 1)) > 0).sum() == (~cells.is_base).sum()
    return total, estimates


def check_loadings(frame, arguments):
    """Compare the loadings of all cells and replicates with estimates of basis outcomes."""
    total, estimates = loadings_of(dj.att_gt(frame, **arguments))
    kept = np.broadcast_to(np.isfinite(estimates.att)[:, None, None], total.shape)
    # Both sides are short sums of numbers of size one: rounding only.
    np.testing.assert_allclose(total[kept], basis(frame, arguments)[kept], rtol=0, atol=1e-13)


def check_drawn_shocks(frame, arguments):
    """Compare with estimates of outcomes that clusters and periods share, drawn at random."""
    res = dj.att_gt(frame, **arguments)
    (total, estimates), clusters = loadings_of(res), res.clusters("h")
    rng = np.random.default_rng(5)
    for _ in range(2):
        shocks = rng.normal(size=(8, 4))
        panel = replace(res.panel, y=shocks[clusters.code, res.panel.time])
        att = replace(res.estimation, panel=panel).replicates(clusters).att
        kept = np.isfinite(estimates.att)
        expected = np.einsum("rhtc,ht->rc", total, shocks)
        np.testing.assert_allclose(att[kept], expected[kept], rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *product(
            ("varying",),
            ({"fix_weights": r} for r in ("varying", "base_period", "first_period")),
        ),
        *product(
            ("gaps",),
            (
                {"fix_weights": "base_period", "balance": "none"},
                {"fix_weights": "first_period", "balance": "none"},
                {"balance": "pair"},
                {"fix_weights": "varying", "balance": "pair"},
                {"fix_weights": "base_period", "balance": "pair"},
            ),
        ),
        *product(("varying", "rows", "gaps", "zeros"), ({"pscoretrim": 0.4},)),
        *product(("zeros",), ({}, {"fix_weights": "varying"})),
    ],
    ids=str,
)
def test_loadings_of_cells_with_samples_of_their_own(frames, kind, method, options):
    """Also for other levels of trimming, and for rows of weight zero."""
    frame = frames["varying"]
    if kind == "gaps":
        frame = frame.drop(index=frame.index[::7])
    if kind == "zeros":
        frame = frame.assign(w=frame["w"].where(frame["w"] > 0.8, 0.0))
    arguments = {
        "yname": "y", "tname": "t", "gname": "g", "idname": None if kind == "rows" else "i",
        "xformla": "~ x", "est_method": method, "base_period": "universal", "weightsname": "w",
        "clustervars": "h",
    }  # fmt: skip
    if kind == "gaps" and "balance" not in options:
        arguments["allow_unbalanced_panel"] = True
    check_drawn_shocks(frame, arguments | options)
    if "pscoretrim" in options and method != "reg":
        trimmed, plain = (dj.att_gt(frame, **arguments | o).att for o in (options, {}))
        assert not np.allclose(trimmed, plain, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "formula"), [("rows", "~ x + z + s"), ("rows", "~ z + s"), ("constant", "~ x + z + s")]
)
def test_loadings_under_the_rule_of_csdid(frames, kind, formula):
    """No treated row of the first cohort has s: Stata's rule moves these cells, and linearly."""
    rng = np.random.default_rng(3)
    frame = frames[kind].copy()
    s = (rng.uniform(size=len(frame)) < 0.3) & (frame["g"] != 3)
    frame["s"] = s.astype(float)
    if kind == "constant":
        frame["s"] = frame.groupby("i")["s"].transform("first")
    arguments = {
        "yname": "y", "tname": "t", "gname": "g", "idname": None if kind == "rows" else "i",
        "xformla": formula, "est_method": "dr", "separation": "csdid", "weightsname": "w",
        "clustervars": "h",
    }  # fmt: skip
    res = dj.att_gt(frame, **arguments)
    clusters = res.clusters("h")
    cells, estimates = res.cells, res.estimation.replicates(clusters)
    assert estimates.separated[0][~cells.is_base].any()
    dropped = dj.att_gt(frame, **arguments | {"separation": "drop"})
    if kind == "constant":  # in cross-sections these cells are not estimated otherwise
        assert (np.abs(res.att - dropped.att)[np.isfinite(res.att)] > 1e-6).any()
    found = cell_loadings(res.panel, cells, clusters, "dr", estimates, "csdid")
    time, base = (np.stack(part) for part in zip(*map(found.replicate, range(9)), strict=True))
    expected, total = basis(frame, arguments), np.zeros((9, 8, 4, len(cells)))
    for c in range(len(cells)):
        total[:, :, cells.time[c], c] += time[:, :, c]
        total[:, :, cells.base[c], c] += base[:, :, c]
    kept = np.broadcast_to(np.isfinite(estimates.att)[:, None, None], total.shape)
    # The odds of the dropped rows are e^-45 of others', not zero.
    np.testing.assert_allclose(total[kept], expected[kept], rtol=0, atol=1e-12)
    agg = dj.aggte(res)
    assert 0 < dj.jackknife(agg, critical="exact").p < 1
