"""Influence functions: mean zero, and equal to the derivative with respect to unit weights.

Raising the weight of unit i by a share e moves an estimate by e * psi_i / n, to first order
(the infinitesimal jackknife). Central differences give psi to about 1e-9 without any formula
for it: regression coefficients and estimated aggregation weights are included by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def arguments(
    kind: str, method: str, xformla: str | None, weight: str | None, control: str, base: str
) -> dict[str, Any]:
    return {
        "yname": "y",
        "tname": "t",
        "gname": "g",
        "idname": None if kind == "rc" else "unit",
        "xformla": xformla,
        "est_method": method,
        "control_group": control,
        "base_period": base,
        "weightsname": weight,
        "panel": kind != "rc",
        "allow_unbalanced_panel": kind == "unbalanced",
    }


NEVER, NOTYET = "nevertreated", "notyettreated"
CASES = {
    "panel reg": arguments("panel", "reg", None, None, NEVER, "varying"),
    "panel reg x": arguments("panel", "reg", "~ x", None, NEVER, "universal"),
    "panel reg x weights": arguments("panel", "reg", "~ x", "wt", NOTYET, "varying"),
    "panel ipw x weights": arguments("panel", "ipw", "~ x", "wt", NEVER, "varying"),
    "panel dr x": arguments("panel", "dr", "~ x", None, NEVER, "universal"),
    "rc reg": arguments("rc", "reg", None, None, NOTYET, "universal"),
    "rc reg x": arguments("rc", "reg", "~ x", None, NEVER, "varying"),
    "rc reg x weights": arguments("rc", "reg", "~ x", "wt", NEVER, "varying"),
    "rc ipw x": arguments("rc", "ipw", "~ x", None, NEVER, "varying"),
    "unbalanced reg x": arguments("unbalanced", "reg", "~ x", None, NEVER, "varying"),
    "unbalanced ipw x weights": arguments("unbalanced", "ipw", "~ x", "wt", NEVER, "varying"),
}
REMOVED = {  # rows are units in cross-sections: fewer of them; incomplete units otherwise
    "rc": lambda d: d["unit"] % 8 == 1,
    "unbalanced": lambda d: (d["unit"] * 7 + d["t"]) % 11 == 0,
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
    frame, kwargs = small_panel(), CASES[request.param]
    kind = request.param.split()[0]
    if kind in REMOVED:
        frame = frame[~REMOVED[kind](frame)].reset_index(drop=True)
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


# --- doubly robust estimation of repeated cross-sections --------------------------------------


@dataclass(frozen=True)
class TwoByTwo:
    """One cohort, two periods, rows as units: the arrays that R's drdid_rc works with."""

    D: np.ndarray
    late: np.ndarray
    y: np.ndarray
    w: np.ndarray
    X: np.ndarray

    def propensity(self) -> np.ndarray:
        b = np.zeros(self.X.shape[1])
        for _ in range(30):
            p = 1 / (1 + np.exp(-self.X @ b))
            hessian = (self.X * (self.w * p * (1 - p))[:, None]).T @ self.X
            b += np.linalg.solve(hessian, self.X.T @ (self.w * (self.D - p)))
        return p

    def coefficients_of_early_controls(self) -> np.ndarray:
        """Return the influence functions of the regression of untreated rows, first period."""
        weight = self.w * (1 - self.D) * (1 - self.late)
        XW = self.X * weight[:, None]
        beta = np.linalg.solve(XW.T @ self.X, XW.T @ self.y)
        return (XW * (self.y - self.X @ beta)[:, None]) @ np.linalg.inv(XW.T @ self.X / len(weight))

    def means_of_early_covariates(self) -> np.ndarray:
        """Return the means among the treated, less those of the controls weighted by odds."""
        p, early = self.propensity(), 1 - self.late
        odds = self.w * early * p * (1 - self.D) / (1 - p)
        return np.average(self.X, axis=0, weights=self.w * early * self.D) - np.average(
            self.X, axis=0, weights=odds
        )


@pytest.mark.parametrize("slope", [0.0, 2.5], ids=["few treated", "most treated"])
@pytest.mark.parametrize("weight", [None, "wt"])
def test_doubly_robust_cross_sections_are_the_derivative_but_for_a_sign_of_r(weight, slope):
    """R's drdid_rc adds what estimating the first period's regression does, and should subtract.

    (DRDID 1.2.3: `inf.treat.or` and `inf.cont.or` are sums where the estimate is a difference.)
    The two terms cancel when weighting by the odds balances the covariates, so that it does not
    matter in large samples. didjack follows R; this test holds the difference to just that term.
    """
    rng = np.random.default_rng(0)
    n = 60
    frame = pd.DataFrame({"t": np.tile([2000, 2001], n // 2), "x": rng.normal(size=n)})
    share = 0.4 if slope == 0 else 1 / (1 + np.exp(-1.5 - slope * np.tanh(frame["x"])))
    frame["g"] = np.where(rng.random(n) < share, 2001, 0)
    frame["wt"] = rng.uniform(0.5, 2.0, size=n)
    frame["y"] = 0.5 * frame["x"] + rng.normal(size=n)
    kwargs = arguments("rc", "dr", "~ x", weight, NEVER, "varying")
    w = frame[weight].to_numpy() if weight else np.ones(n)
    arrays = TwoByTwo(
        D=(frame["g"] > 0).to_numpy(dtype=float),
        late=(frame["t"] == 2001).to_numpy(dtype=float),
        y=frame["y"].to_numpy(),
        w=w / w.mean(),
        X=np.column_stack([np.ones(n), frame["x"]]),
    )
    assert (arrays.propensity().max() > 0.95) == (slope > 0)
    assert arrays.propensity()[frame["g"] == 0].max() < 0.99  # none is trimmed
    numerical = numerical_influence(frame, kwargs)[:, 0]
    term = arrays.coefficients_of_early_controls() @ arrays.means_of_early_covariates()
    ours = dj.att_gt(frame, **kwargs).influence[:, 0]
    assert_close(ours, numerical - 2 * term, RTOL, "influence", np.abs(numerical).max())
    assert np.abs(term).max() > 0.01  # the test is about something


def test_the_unit_of_cross_sections_is_a_cluster_like_any_other(dataset):
    """Rows of one unit in several periods are summed: the standard errors are the panel's."""
    roles = ("lemp", "year", "first.treat", "countyreal")
    options = {"est_method": "reg", "clustervars": "countyreal"}
    sections = dj.att_gt(dataset("mpdta"), *roles, panel=False, **options)
    panel = dj.att_gt(dataset("mpdta"), *roles, **options)
    np.testing.assert_allclose(sections.se, panel.se, rtol=1e-10)
    rows = dj.att_gt(dataset("mpdta"), *roles, panel=False, est_method="reg")
    assert (rows.se > 2 * sections.se).all()


def test_the_unit_of_an_unbalanced_panel_is_no_further_cluster(dataset):
    frame = dataset("mpdta").drop(index=[3, 17, 200])
    res = dj.att_gt(
        frame, "lemp", "year", "first.treat", "countyreal", allow_unbalanced_panel=True,
        clustervars="countyreal", est_method="reg",
    )  # fmt: skip
    assert res.beyond_unit is None
    assert res.unit_clusters("countyreal") is None
