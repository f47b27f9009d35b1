"""Averages of ATT(g,t) and their influence, against loops over cells and units.

The loops know nothing of plans and arrays: cells by weighted means of differences, averages by
the definitions of `aggte`, influence by numerical derivatives with respect to the weight of a
unit (raising it by a share e moves an estimate by e * psi / n to first order), and deletions by
leaving rows out. Weights change over time, so that a unit's first and mean weight differ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.effects.averages import Rule

RTOL = 1e-11  # differences of weighted means of a few outcomes near one
STEP = 1e-4  # central differences: an error of STEP**2 of the influence
RTOL_DERIVATIVE = 1e-6

KINDS = ("panel", "rc", "unbalanced")
TYPES = ("simple", "dynamic", "group", "calendar")
WEIGHTS = ("did", "csdid")
Values = dict[str, float]


@cache
def drawn(kind: str) -> pd.DataFrame:
    """Return units in six clusters, weights that change over time, and per kind fewer rows."""
    rng = np.random.default_rng(11)
    cohorts = [0, 3, 4, 0, 3, 6, 4, 0, 0, 3, 0, 6, 4, 0, 6, 3, 0, 4]
    units = pd.DataFrame({"unit": range(18), "cluster": np.repeat(range(6), 3), "g": cohorts})
    frame = units.merge(pd.DataFrame({"t": range(1, 7)}), how="cross")
    frame["w"] = rng.uniform(0.5, 3.0, len(frame))
    frame["y"] = rng.normal(size=len(frame)) + frame["g"] / 3 * (frame["t"] >= frame["g"])
    if kind != "panel":
        frame = frame[(frame["unit"] * 5 + frame["t"] * 3) % 7 != 0].reset_index(drop=True)
    return frame


def sparse(kind: str) -> pd.DataFrame:
    """Return the same with one cohort in cluster 1 only, and one cell of another in cluster 0."""
    frame = drawn(kind)
    lost = (frame["g"] == 6) & (frame["cluster"] != 1)
    if kind != "panel":
        lost |= (frame["g"] == 4) & (frame["t"] == 5) & (frame["cluster"] != 0)
    return frame[~lost].reset_index(drop=True)


@cache
def estimate(kind: str, base: str, data: Callable[[str], pd.DataFrame] = drawn) -> dj.ATTgt:
    return dj.att_gt(
        data(kind), "y", "t", "g", None if kind == "rc" else "unit", weightsname="w",
        est_method="reg", base_period=base, clustervars="cluster",
        allow_unbalanced_panel=kind == "unbalanced",
    )  # fmt: skip


class Sample:
    """The rows as arrays, so that thousands of weighted means take no time."""

    def __init__(self, frame: pd.DataFrame, kind: str) -> None:
        self.kind = kind
        self.unit = frame["unit"].to_numpy() if kind != "rc" else np.arange(len(frame))
        self.g, self.t, self.y = (frame[c].to_numpy() for c in "gty")
        self.times = np.unique(self.t)
        self.cohorts = [g for g in np.unique(self.g) if g > 0]

    def mean(self, w: np.ndarray, g: int, t: int, values: np.ndarray) -> float:
        at = (self.g == g) & (self.t == t)
        return float(np.average(values[at], weights=w[at])) if at.any() else np.nan

    def cell(self, w: np.ndarray, g: int, t: int, b: int) -> float:
        """ATT(g,t) without covariates; a panel uses the weights of the earlier period."""
        if self.kind == "panel":
            w = np.repeat(w.reshape(-1, len(self.times))[:, min(t, b) - 1], len(self.times))
        change = [self.mean(w, c, t, self.y) - self.mean(w, c, b, self.y) for c in (g, 0)]
        return change[0] - change[1]

    def base(self, g: int, t: int, base: str) -> int:
        return g - 1 if base == "universal" or t >= g else t - 1

    def cells(self, w: np.ndarray, base: str) -> dict[tuple[int, int], float]:
        times = self.times if base == "universal" else self.times[1:]
        pairs = [(int(g), int(t)) for g in self.cohorts for t in times]
        return {(g, t): self.cell(w, g, t, self.base(g, t, base)) for g, t in pairs}

    def unit_weight(self, w: np.ndarray, how: str) -> np.ndarray:
        """Return every row's share in the weight of its unit: first period's, or the mean."""
        if how == "did" and self.kind == "panel":
            return np.where(self.t == self.times[0], w, 0.0)
        rows = np.bincount(self.unit)[self.unit]
        return w / rows

    def cell_size(self, w: np.ndarray, g: int, t: int, b: int, how: str) -> float:
        """Return the weight of a cell: of its cohort (did), of its own observations (csdid)."""
        mine = self.g == g
        if how == "csdid" and self.kind != "panel":
            return float(w[mine & ((self.t == t) | (self.t == b))].sum())
        return float(self.unit_weight(w, how)[mine].sum())


def average(pairs: list[tuple[float, float]]) -> float:
    """Return the weighted mean of (value, weight); what is not there does not count."""
    found = [(v, w) for v, w in pairs if not np.isnan(v)]
    total = sum(w for _, w in found)
    return sum(v * w for v, w in found) / total if found else np.nan


LABEL: dict[str, Callable[[int, int], int]] = {
    "dynamic": lambda g, t: t - g,
    "group": lambda g, t: g,
    "calendar": lambda g, t: t,
}
PREFIX = {"dynamic": "event", "group": "group", "calendar": "calendar"}


def averages(
    sample: Sample,
    w: np.ndarray,
    base: str,
    type_: str,
    how: str,
    fixed: dict[int, float] | None = None,
) -> tuple[Values, dict[int, float]]:
    """Return all parameters of an aggregation, and the weights of cohorts in its overall effect.

    `fixed` holds the latter where they do not follow the weights of units.
    """  # fmt: skip
    att = sample.cells(w, base)
    size = {k: sample.cell_size(w, *k, sample.base(*k, base), how) for k in att}
    post = [k for k in att if k[1] >= k[0]]
    if type_ == "simple":
        return {"overall": average([(att[k], size[k]) for k in post])}, {}
    groups: dict[int, list[tuple[int, int]]] = {}
    for k in att if type_ == "dynamic" else post:
        if not np.isnan(att[k]):
            groups.setdefault(LABEL[type_](*k), []).append(k)
    equal = type_ == "group" and how == "did"
    parts = {
        e: average([(att[k], 1.0 if equal else size[k]) for k in keys])
        for e, keys in sorted(groups.items())
    }
    if type_ == "group":
        share = {e: float(np.mean([size[k] for k in groups[e]])) for e in parts}
    else:
        share = {e: float(type_ == "calendar" or e >= 0) for e in parts}
    use = share if fixed is None else fixed
    overall = average([(parts[e], use[e]) for e in parts if use[e] > 0])
    named = {f"{PREFIX[type_]}:{e}": v for e, v in parts.items()}
    return {"overall": overall, **named}, share


CASES = [
    (kind, base, type_, how)
    for kind in KINDS
    for base in ("varying", "universal")
    for type_ in TYPES
    for how in WEIGHTS
]


@pytest.mark.parametrize(("kind", "base", "type_", "how"), CASES)
def test_averages(kind, base, type_, how):
    frame = drawn(kind)
    agg = dj.aggte(estimate(kind, base), type=type_, weights=how)
    expected, _ = averages(Sample(frame, kind), frame["w"].to_numpy(), base, type_, how)
    assert list(agg.parameters) == list(expected)
    np.testing.assert_allclose(agg.values, list(expected.values()), rtol=RTOL, atol=1e-13)


def influence(kind: str, base: str, type_: str, how: str) -> np.ndarray:
    """Return n times the derivative with respect to the log weight of each unit, (n, P)."""
    frame = drawn(kind)
    sample, w = Sample(frame, kind), frame["w"].to_numpy()
    share = averages(sample, w, base, type_, how)[1]
    fixed = share if type_ == "group" and how == "csdid" else None  # csdid's cohort weights
    rows = []
    for unit in np.unique(sample.unit):
        moved = [
            list(
                averages(
                    sample, w * (1 + s * (sample.unit == unit)), base, type_, how, fixed
                )[0].values()
            )
            for s in (STEP, -STEP)
        ]  # fmt: skip
        rows.append((np.array(moved[0]) - np.array(moved[1])) / (2 * STEP))
    return len(rows) * np.array(rows)


@pytest.mark.parametrize(
    ("kind", "base", "type_", "how"), [c for c in CASES if c[1] == "universal" or c[0] == "panel"]
)
def test_standard_errors_with_estimated_weights(kind, base, type_, how):
    psi = influence(kind, base, type_, how)
    frame = drawn(kind)
    agg = dj.aggte(estimate(kind, base), type=type_, weights=how)
    np.testing.assert_allclose(
        agg.influence, psi, rtol=RTOL_DERIVATIVE, atol=RTOL_DERIVATIVE * np.abs(psi).max()
    )
    zero = np.abs(psi).max(axis=0) < 1e-8  # base periods
    by_unit = np.where(zero, np.nan, np.sqrt((psi**2).sum(axis=0)) / len(psi))
    np.testing.assert_allclose(agg.analytic().se, by_unit, rtol=RTOL_DERIVATIVE)
    cluster = frame if kind == "rc" else frame.drop_duplicates("unit").sort_values("unit")
    sums = pd.DataFrame(psi).groupby(cluster["cluster"].to_numpy()).sum().to_numpy()
    clustered = np.where(zero, np.nan, np.sqrt((sums**2).sum(axis=0)) / len(psi))
    np.testing.assert_allclose([agg.se, *agg.ses], clustered, rtol=RTOL_DERIVATIVE)


@pytest.mark.parametrize("data", [drawn, sparse])
@pytest.mark.parametrize("how", WEIGHTS)
@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_deletions(kind, type_, how, data):
    """What a deletion does not have is left out, cells within elements and elements as a whole."""
    frame = data(kind)
    jk = dj.jackknife(dj.aggte(estimate(kind, "varying", data), type=type_, weights=how))
    lost = 0
    for h in range(6):
        rest = frame[frame["cluster"] != h].reset_index(drop=True)
        expected, _ = averages(Sample(rest, kind), rest["w"].to_numpy(), "varying", type_, how)
        found = [expected.get(name, np.nan) for name in jk.parameters]
        np.testing.assert_allclose(jk.replicates[h + 1], found, rtol=RTOL, atol=1e-13)
        lost += np.isnan(found).sum()
    assert (lost > 0) == (data is sparse and type_ in ("dynamic", "group"))


def test_first_and_mean_weight_make_a_difference():
    """So that a test with the wrong one of them fails."""
    res = estimate("panel", "universal")
    for type_ in TYPES:
        did, csdid = (dj.aggte(res, type=type_, weights=how) for how in WEIGHTS)
        if type_ != "dynamic":
            assert abs(did.att / csdid.att - 1) > 1e-3
        assert abs(did.se / csdid.se - 1) > 1e-4


# --- windows of event time --------------------------------------------------------------------


def event_times(base: str, keep: Callable[[int, int], bool]) -> list[int]:
    """List the event times of the cohorts 3, 4 and 6 in periods 1 to 6."""
    times = range(1 if base == "universal" else 2, 7)
    return sorted({t - g for g in (3, 4, 6) for t in times if keep(g, t)})


WINDOWS: list[dict[str, Any]] = [
    *({"balance_e": b} for b in (0, 1, 2, 3)),
    {"min_e": -1}, {"max_e": 1}, {"min_e": 0, "max_e": 0}, {"balance_e": 2, "min_e": -1},
    {"balance_e": 2, "max_e": 1}, {"min_e": -2, "max_e": 2},
]  # fmt: skip


@pytest.mark.parametrize("base", ["varying", "universal"])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows(base, window):
    """Balanced: cohorts seen for b periods after treatment, event times up to b.

    The first event time of the latest of these cohorts, b less the length of the sample, is in.
    """
    b, low, high = window.get("balance_e"), window.get("min_e", -9), window.get("max_e", 9)

    def keep(g: int, t: int) -> bool:
        inside = low <= t - g <= high
        return inside and (b is None or (6 - g >= b and b - 5 <= t - g <= b))

    frame = drawn("panel")
    agg = dj.aggte(estimate("panel", base), type="dynamic", **window)
    expected = event_times(base, keep)
    assert agg.labels.tolist() == expected
    sample, w = Sample(frame, "panel"), frame["w"].to_numpy()
    att = sample.cells(w, base)
    parts = []
    for e in expected:
        used = [k for k in att if k[1] - k[0] == e and keep(*k)]
        parts.append(average([(att[k], sample.cell_size(w, *k, 0, "did")) for k in used]))
    np.testing.assert_allclose(agg.atts, parts, rtol=RTOL, atol=1e-13)
    after = [v for e, v in zip(expected, parts, strict=True) if e >= 0]
    assert agg.att == pytest.approx(np.mean(after), rel=RTOL)


def test_the_earliest_event_time_of_a_balanced_study():
    """With a universal base the last cohort seen for two periods, 4, begins at event time -3."""
    agg = dj.aggte(estimate("panel", "universal"), type="dynamic", balance_e=2)
    assert agg.labels.tolist() == [-3, -2, -1, 0, 1, 2]


@pytest.mark.parametrize("type_", ["simple", "group"])
@pytest.mark.parametrize("max_e", [0, 1, 2])
def test_last_event_time_of_other_averages(type_, max_e):
    frame = drawn("panel")
    agg = dj.aggte(estimate("panel", "varying"), type=type_, max_e=max_e)
    sample, w = Sample(frame, "panel"), frame["w"].to_numpy()
    att = {k: v for k, v in sample.cells(w, "varying").items() if 0 <= k[1] - k[0] <= max_e}
    size = {g: sample.cell_size(w, g, 0, 0, "did") for g in (3, 4, 6)}
    if type_ == "simple":
        assert agg.att == pytest.approx(average([(att[k], size[k[0]]) for k in att]), rel=RTOL)
        return
    means = {g: np.mean([att[k] for k in att if k[0] == g]) for g in size}
    np.testing.assert_allclose(agg.atts, list(means.values()), rtol=RTOL)
    overall = average([(means[g], size[g]) for g in size])
    assert agg.att == pytest.approx(overall, rel=RTOL)


def test_an_event_study_without_an_effect_after_treatment_has_no_overall_effect():
    agg = dj.aggte(estimate("panel", "varying"), type="dynamic", max_e=-1)
    assert np.isnan(agg.att) and np.isnan(agg.se)
    assert np.isfinite(agg.atts).all() and np.isfinite(agg.ses).all()


def test_all_event_times_and_weights_of_cohorts_unless_asked_otherwise():
    assert Rule() == Rule("simple", -np.inf, np.inf, None, "did")
    assert dj.aggte(estimate("panel", "varying")).elements.rule == Rule()


@pytest.mark.parametrize("type_", TYPES)
def test_shapes_of_the_elements(type_):
    agg = dj.aggte(estimate("panel", "universal"), type=type_)
    elements, m = agg.elements, len(agg.attgt.cells)
    K = 1 if type_ == "simple" else len(agg.parameters) - 1
    assert elements.labels.shape == elements.in_overall.shape == elements.first_cell.shape == (K,)
    assert elements.member.shape == (K, m) and elements.used.shape == (m,)
    assert elements.member.dtype == elements.in_overall.dtype == elements.used.dtype == bool
    assert elements.in_overall.tolist() == [type_ != "dynamic" or e >= 0 for e in elements.labels]
    names = [elements.parameters[0], *(float(n.split(":")[1]) for n in elements.parameters[1:])]
    assert names == ["overall", *(elements.labels if type_ != "simple" else [])]
    for row, cell in zip(elements.member, elements.first_cell, strict=True):
        assert cell == np.flatnonzero(row)[0]
    np.testing.assert_array_equal(elements.used, elements.member.sum(axis=0) > 0)


def test_weights_of_cells():
    """The estimate is the sum of weight times ATT(g,t), in every parameter."""
    from didjack.display.diagnostics import weights_frame

    res = estimate("rc", "universal")
    for type_ in TYPES:
        for how in WEIGHTS:
            agg = dj.aggte(res, type=type_, weights=how)
            table = weights_frame(agg)
            weights = table[list(agg.parameters)].to_numpy()
            np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-13)
            np.testing.assert_allclose(np.nan_to_num(res.att) @ weights, agg.values, rtol=RTOL)
