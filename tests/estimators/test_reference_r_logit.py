"""With R's own logit in place of ours, ipw and dr agree with R to 1e-10 as well.

R (fastglm) iterates reweighted least squares from glm's starting values until the deviance
changes by less than 1e-8 of itself; we iterate to the solution. The difference is visible from
the ninth digit on, and more where the logit separates and has no solution. Stopping where R
stops leaves no difference, which is what these tests show, for every run of R with a logit.
"""

from __future__ import annotations

import numpy as np
import pytest
from compare import assert_close
from references import AGGREGATIONS, r_runs

import didjack as dj
from didjack.estimators import propensity, samples

RTOL = 1e-10
RUNS = [
    run
    for run in r_runs()
    if run.kwargs["est_method"] in ("ipw", "dr") and run.kwargs["xformla"] is not None
]


def deviance(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = np.where(y > 0, np.log(1 / p), 0.0) + np.where(y < 1, np.log(1 / (1 - p)), 0.0)
    return float(2 * (w * fit).sum())


def iterate_as_r(sample, replicates, state, model) -> None:
    """Fit the full sample as glm and fastglm do; there are no deletions here."""
    assert model == "logit"
    X, y, w = sample.X, sample.d.astype(float), sample.w / sample.w.mean()
    p = (w * y + 0.5) / (w + 1)
    eta = np.log(p / (1 - p))
    last = deviance(p, y, w)
    for _ in range(100):
        curvature = p * (1 - p)
        root = np.sqrt(w * curvature)
        working = eta + (y - p) / curvature
        coef = np.linalg.lstsq(X * root[:, None], working * root, rcond=None)[0]
        eta = X @ coef
        eps = np.finfo(float).eps
        p = np.clip(1 / (1 + np.exp(-eta)), eps, 1 - eps)
        now = deviance(p, y, w)
        if abs(now - last) / (0.1 + abs(now)) < 1e-8:
            break
        last = now
    if len(replicates):
        state.coef[0] = coef


@pytest.fixture
def logit_of_r(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propensity, "_newton", iterate_as_r)
    # glm's starting values depend on the weight of a row: rows must not be merged.
    monkeypatch.setattr(samples, "_merged", samples._unmerged)


def test_there_are_such_runs() -> None:
    assert len(RUNS) >= 35
    assert {run.data for run in RUNS} == {"mpdta", "mpdta_unbalanced", "merit"}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_everything_equals_r(run, dataset, logit_of_r) -> None:
    res = dj.att_gt(dataset(run.data), **run.kwargs)
    assert_close(res.att, run.att, RTOL, "ATT(g,t)")
    assert_close(res.se, run.se, RTOL, "standard errors of ATT(g,t)")
    for type_ in AGGREGATIONS:
        agg, expected = dj.aggte(res, type_), run.aggregates[type_]
        assert_close(agg.att, expected.att, RTOL, f"{type_}, overall")
        assert_close(agg.se, expected.se, RTOL, f"{type_}, standard error")
        assert_close(agg.atts, expected.atts, RTOL, f"{type_}, elements")
        assert_close(agg.ses, expected.ses, RTOL, f"{type_}, standard errors of the elements")
