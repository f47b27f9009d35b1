"""Influence functions: mean zero, and equal to the derivative with respect to unit weights.

Raising the weight of unit i by a share e moves an estimate by e * psi_i / n, to first order
(the infinitesimal jackknife). Central differences give psi to about 1e-9 without any formula
for it: regression coefficients and estimated aggregation weights are included by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from compare import assert_close

import didjack as dj

STEP = 1e-4
RTOL = 1e-6  # of the largest influence; the differences have an error of STEP**2
TYPES = ("simple", "group", "dynamic", "calendar")


def small_panel(seed: int = 3) -> pd.DataFrame:
    """Return 24 units in 6 clusters over five periods, with weights and a covariate."""
    rng = np.random.default_rng(seed)
    g = np.array([0, 0, 0, 2002, 2002, 2003, 2003, 2004])
    units = pd.DataFrame({"unit": np.arange(24), "g": np.tile(g, 3)})
    units["cluster"] = units["unit"] // 4
    units["wt"] = rng.uniform(0.5, 2.0, size=24)
    frame = units.merge(pd.DataFrame({"t": range(2000, 2005)}), how="cross")
    frame["x"] = rng.normal(size=len(frame))
    frame["y"] = 0.5 * frame["x"] + rng.normal(size=len(frame)) + (frame["g"] % 7) / 7
    return frame


def arguments(panel: bool, xformla: str | None, weight: str | None, control: str, base: str):
    return {
        "yname": "y",
        "tname": "t",
        "gname": "g",
        "idname": "unit" if panel else None,
        "xformla": xformla,
        "est_method": "reg",
        "control_group": control,
        "base_period": base,
        "weightsname": weight,
        "panel": panel,
    }


CASES = {
    "panel": arguments(True, None, None, "nevertreated", "varying"),
    "panel, covariate": arguments(True, "~ x", None, "nevertreated", "universal"),
    "panel, weights, not yet": arguments(True, "~ x", "wt", "notyettreated", "varying"),
    "rc": arguments(False, None, None, "notyettreated", "universal"),
    "rc, covariate": arguments(False, "~ x", None, "nevertreated", "varying"),
    "rc, weights": arguments(False, "~ x", "wt", "nevertreated", "varying"),
}


def parameters(frame: pd.DataFrame, kwargs: dict[str, Any]) -> np.ndarray:
    """Return all ATT(g,t), then overall effect and elements of each aggregation."""
    res = dj.att_gt(frame, **kwargs)
    parts = [res.att]
    for type_ in TYPES:
        agg = dj.aggte(res, type=type_)
        parts += [[agg.att], agg.atts]
    return np.concatenate(parts)


def standard_errors(frame: pd.DataFrame, kwargs: dict[str, Any]) -> np.ndarray:
    res = dj.att_gt(frame, **kwargs)
    parts = [res.se]
    for type_ in TYPES:
        agg = dj.aggte(res, type=type_)
        parts += [[agg.se], agg.ses]
    return np.concatenate(parts)


def numerical_influence(frame: pd.DataFrame, kwargs: dict[str, Any]) -> np.ndarray:
    """Return n times the derivative with respect to the log weight of each unit, (n, p)."""
    unit = frame["unit"] if kwargs["panel"] else pd.Series(frame.index)
    weight = frame[kwargs["weightsname"]] if kwargs["weightsname"] else 1.0
    labels = np.unique(unit)

    def moved(label: int, step: float) -> np.ndarray:
        changed = frame.assign(moved=weight * np.where(unit == label, 1 + step, 1.0))
        return parameters(changed, kwargs | {"weightsname": "moved"})

    slopes = [(moved(u, STEP) - moved(u, -STEP)) / (2 * STEP) for u in labels]
    return len(labels) * np.array(slopes)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    kwargs = CASES[request.param]
    frame = small_panel()
    if not kwargs["panel"]:  # fewer rows, since each of them is a unit
        frame = frame[frame["unit"] % 8 != 1].reset_index(drop=True)
    return frame, kwargs, numerical_influence(frame, kwargs)


def test_cell_influence_is_the_derivative(case):
    frame, kwargs, numerical = case
    res = dj.att_gt(frame, **kwargs)
    cells = numerical[:, : len(res.att)]
    assert_close(res.influence, cells, RTOL, "influence of cells", np.abs(numerical).max())


def test_cell_influence_has_mean_zero(case):
    frame, kwargs, _ = case
    influence = dj.att_gt(frame, **kwargs).influence
    mean = np.nanmean(influence, axis=0)
    assert_close(mean, np.zeros_like(mean), 1e-13, "means", np.nanmax(np.abs(influence)))


def test_standard_errors_follow_from_the_derivative(case):
    """By unit: the square root of the mean of psi**2, over the square root of n."""
    frame, kwargs, numerical = case
    expected = np.sqrt((numerical**2).sum(axis=0)) / len(numerical)
    ours = standard_errors(frame, kwargs)
    expected[expected < 1e-9] = np.nan  # base periods, to which no weight matters
    assert_close(ours, expected, RTOL, "standard errors", np.nanmax(expected))


def test_clustered_standard_errors_follow_from_the_derivative(case):
    """By cluster: the square root of the sum over clusters of squared sums, over n."""
    frame, kwargs, numerical = case
    cluster = frame["cluster"] if not kwargs["panel"] else frame.groupby("unit")["cluster"].first()
    sums = pd.DataFrame(numerical).groupby(cluster.to_numpy()).sum().to_numpy()
    expected = np.sqrt((sums**2).sum(axis=0)) / len(numerical)
    ours = standard_errors(frame, kwargs | {"clustervars": "cluster"})
    expected[expected < 1e-9] = np.nan
    assert_close(ours, expected, RTOL, "clustered standard errors", np.nanmax(expected))


def test_comparison_can_fail(case):
    frame, kwargs, numerical = case
    res = dj.att_gt(frame, **kwargs)
    wrong = res.influence * (1 + 1e-4)
    with pytest.raises(AssertionError, match="relative difference"):
        assert_close(wrong, numerical[:, : len(res.att)], RTOL, "psi", np.abs(numerical).max())
