"""What two-way fixed effects average: pairs of units, signs of weights, event studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack import aggte, att_gt
from didjack.regression import bacon, twfe, twfe_weights

FIRST = {
    "never treated": [2, 2, 3, 5, 5, 5, np.inf, np.inf],
    "all treated": [1, 2, 2, 4, 5],
    "always treated": [0, 0, 2, 4, 4, np.inf],
}
T = 6
NAMES = ("y", "period", "law", "unit")


@pytest.fixture(params=FIRST, ids=str)
def first(request):
    return np.array(FIRST[request.param], dtype=float)


def long(y, first):
    unit, period = np.indices(y.shape)
    law = np.repeat(np.where(np.isfinite(first), first, np.inf), y.shape[1])
    return pd.DataFrame(
        {"unit": unit.ravel(), "period": period.ravel(), "law": law, "y": y.ravel()}
    ).assign(law=lambda d: d["law"].replace(0, -1))  # 0 would be never treated


def within(a):
    return (
        a - a.mean(-1, keepdims=True) - a.mean(-2, keepdims=True) + a.mean((-2, -1), keepdims=True)
    )


def outcome(first, seed=1):
    return np.random.default_rng(seed).normal(size=(len(first), T))


def test_coefficient_is_a_mean_over_pairs_of_units(first):
    y = outcome(first)
    D = (np.arange(T) >= first[:, None]).astype(float)
    own_d, own_y = (a - a.mean(axis=1, keepdims=True) for a in (D, y))
    i, j = np.triu_indices(len(first), 1)
    gap_d, gap_y = own_d[i] - own_d[j], own_y[i] - own_y[j]
    by_pairs = (gap_d * gap_y).sum() / (gap_d**2).sum()
    assert by_pairs == pytest.approx(twfe(long(y, first), *NAMES).att, rel=1e-10)


def test_comparisons_estimate_effects_less_the_change_of_the_controls_effect(first):
    """Without noise each comparison is the mean effect, less the change on treated controls."""
    rng = np.random.default_rng(7)
    cohorts = np.unique(first)
    effect = {g: rng.normal(size=T) for g in cohorts}
    D = (np.arange(T) >= first[:, None]).astype(float)
    y = np.array([effect[g] for g in first]) * D
    y += rng.normal(size=(len(first), 1)) + rng.normal(size=T)  # parallel trends
    for row in bacon(long(y, first), *NAMES).comparisons.itertuples():
        g, other = float(row.treated), float(row.control)
        periods = np.arange(T)
        if other > g:  # controls are not treated yet, or never
            window = (periods >= g) & (periods < other)
            expected = effect[g][window].mean()
        else:
            before, after = (periods >= max(other, 0)) & (periods < g), periods >= g
            other = max(other, 0.0)  # the always treated
            change = effect[other][after].mean() - effect[other][before].mean()
            expected = effect[g][after].mean() - change
        assert row.estimate == pytest.approx(expected, abs=1e-12)


def test_weights_are_negative_where_cohort_and_period_are_mostly_treated(first):
    D = (np.arange(T) >= first[:, None]).astype(float)
    weights = twfe_weights(long(outcome(first), first), *NAMES[1:])
    for row in weights.itertuples():
        own = (np.arange(T) >= row.group).mean()
        excess = own + D[:, int(row.time)].mean() - 1 - D.mean()
        if abs(excess) > 1e-12:
            assert (row.weight < 0) == (excess > 0)
        else:
            assert row.weight == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("never", [0, 1, 2, 6])
def test_second_year_of_the_first_unit_in_the_smallest_staggered_panel(never):
    first = np.array([1, 2] + [np.inf] * never, dtype=float)
    weights = twfe_weights(long(np.zeros((2 + never, 3)), first), *NAMES[1:])
    share = 1 / (2 + never)
    cells = np.array([1 / 3, 1 / 3 - share, 2 / 3 - share])
    np.testing.assert_allclose(weights["weight"], cells / cells.sum(), atol=1e-14)


def test_event_study_is_contaminated_and_csdid_is_not():
    first = np.array(FIRST["never treated"], dtype=float)
    event = np.arange(T) - np.where(np.isfinite(first), first, np.nan)[:, None]
    times = [e for e in np.unique(event[np.isfinite(event)]) if e != -1]
    M = within(np.array([event == e for e in times], dtype=float)).reshape(len(times), -1).T
    pull = np.linalg.pinv(M)
    for k, e in enumerate(times):  # weights of one event time on the others
        for other in np.unique(event[np.isfinite(event)]):
            total = pull[k] @ (event == other).ravel()
            expected = float(other == e) - float(other == -1)
            assert total == pytest.approx(expected, abs=1e-10)
    effects = {2: 1.0, 3: 2.0, 5: 3.0}  # by cohort, constant over time
    D = (np.arange(T) >= first[:, None]).astype(float)
    y = D * np.array([effects.get(g, 0.0) for g in first])[:, None]
    leads = (pull @ y.ravel())[np.array(times) < 0]
    assert np.abs(leads).max() > 0.05
    res = att_gt(long(y, first), *NAMES, est_method="reg", base_period="universal")
    frame = aggte(res, type="dynamic").to_frame()
    at = frame["parameter"].str.startswith("event:-")
    assert at.sum() == len(leads) + 1
    np.testing.assert_allclose(frame.loc[at, "att"], 0, atol=1e-14)
