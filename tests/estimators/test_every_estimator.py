"""What holds for each estimator of the registry; a new one is tested without being named here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare import assert_close

import didjack as dj
from didjack.estimators import ESTIMATORS

STEP = 1e-4
KINDS = ("panel", "unbalanced", "rc")
# With rows as units, R's influence functions of these are not derivatives, and didjack follows R.
# `test_influence` and `test_propensities` have the difference, or R's formula by itself.
AS_IN_R = ("dr", "drimp", "ipw_ht", "dr_rc1", "drimp_rc1")
DERIVATIVES = [(k, m) for k in KINDS for m in ESTIMATORS if k == "panel" or m not in AS_IN_R]

every_method = pytest.mark.parametrize("method", ESTIMATORS)
every_kind = pytest.mark.parametrize("kind", KINDS)


def frame_of(kind: str) -> pd.DataFrame:
    """Draw 60 units in 5 clusters over three periods, all cohorts in each cluster.

    Covariate and weight differ between units and periods; treatment depends weakly on the
    covariate, so that propensities exist without each cluster.
    """
    rng = np.random.default_rng(11)
    units = pd.DataFrame({"unit": np.arange(60), "g": np.tile([0, 0, 2001, 0, 2002, 2002], 10)})
    units["cluster"] = units["unit"] // 12
    frame = units.merge(pd.DataFrame({"t": range(2000, 2003)}), how="cross")
    frame["x"] = rng.normal(size=len(frame)) + 0.2 * (frame["g"] > 0)
    frame["wt"] = rng.uniform(0.5, 2.0, size=len(frame))
    frame["y"] = 0.5 * frame["x"] ** 2 + frame["g"] % 3 + rng.normal(size=len(frame))
    frame["other"] = rng.normal(size=len(frame))
    if kind == "unbalanced":
        frame = frame[(frame["unit"] * 7 + frame["t"]) % 11 != 0]
    return frame.reset_index(drop=True)


def estimate(frame: pd.DataFrame, kind: str, method: str, **options: Any) -> dj.ATTgt:
    arguments = {"xformla": "~ x", "weightsname": "wt", "yname": "y"} | options
    return dj.att_gt(
        frame, tname="t", gname="g", idname=None if kind == "rc" else "unit", est_method=method,
        panel=kind != "rc", allow_unbalanced_panel=kind == "unbalanced", clustervars="cluster",
        control_group="notyettreated", **arguments,
    )  # fmt: skip


@every_kind
@every_method
def test_jackknife_is_the_explicit_loop(kind: str, method: str):
    frame = frame_of(kind)
    result = estimate(frame, kind, method)
    assert result.estimable.all()
    jk = dj.jackknife(dj.aggte(result, "dynamic"))
    assert len(jk.clusters.labels) == 5
    for h, cluster in enumerate(jk.clusters.labels):
        without = estimate(frame[frame["cluster"] != cluster], kind, method)
        average = dj.aggte(without, "dynamic")
        assert average.parameters == jk.parameters
        # Newton stops at another rounding when it starts from the full sample.
        assert_close(jk.replicates[h + 1], average.values, 1e-9, f"without {cluster}", 1.0)


@pytest.mark.parametrize(("kind", "method"), DERIVATIVES)
def test_influence_is_the_derivative(kind: str, method: str):
    """Raising the weight of a unit by a share e moves an estimate by e * psi / n."""
    frame = frame_of(kind)
    unit = pd.Series(frame.index) if kind == "rc" else frame["unit"]
    labels = np.unique(unit)
    some = labels[:: len(labels) // 12]  # each costs two estimates

    def moved(label: int, step: float) -> np.ndarray:
        weight = frame["wt"] * np.where(unit == label, 1 + step, 1.0)
        return estimate(frame.assign(wt=weight), kind, method).att

    slopes = [(moved(u, STEP) - moved(u, -STEP)) / (2 * STEP) for u in some]
    influence = estimate(frame, kind, method).influence
    at = np.searchsorted(labels, some)
    scale = float(np.abs(influence).max())
    # Central differences have an error of STEP**2.
    assert_close(influence[at], len(labels) * np.array(slopes), 1e-6, "influence", scale)


@every_kind
@every_method
def test_estimates_are_linear_in_outcomes(kind: str, method: str):
    frame = frame_of(kind)
    both = frame.assign(sum=2 * frame["y"] - 3 * frame["other"])
    parts = [estimate(both, kind, method, yname=name) for name in ("y", "other", "sum")]
    first, second, joint = (part.deletions("cluster").estimates.att for part in parts)
    assert_close(joint, 2 * first - 3 * second, 1e-12, "estimates of a sum", 1.0)


@every_method
def test_without_covariates_all_are_the_difference_of_mean_changes(method: str):
    """So the methods paragraph says, whatever the estimator."""
    frame = frame_of("panel")
    y = {t: rows.set_index("unit")["y"] for t, rows in frame.groupby("t")}
    g = frame[frame["t"] == 2000].set_index("unit")["g"]
    change = y[2001] - y[2000]
    expected = change[g == 2001].mean() - change[g != 2001].mean()
    result = estimate(frame, "panel", method, xformla=None, weightsname=None)
    at = (result.cells.group == 2001) & (result.cells.period == 2001)
    assert_close(result.att[at], [expected], 1e-13, "ATT", 1.0)
