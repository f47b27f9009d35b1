"""Weights and decompositions of lesson 5, on random panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.display.diagnostics import weights_frame

FIRST, LAST = 2001, 2008


def panel(seed: int) -> tuple[pd.DataFrame, dict[int, int]]:
    """Draw a panel with cohorts of random sizes; return it and the sizes."""
    rng = np.random.default_rng(seed)
    sizes = {g: int(rng.integers(1, 7)) for g in (2003, 2004, 2006, 2008)}
    cohorts = np.repeat([0, *sizes], [8, *sizes.values()])
    frame = pd.DataFrame(
        [(u, g, t) for u, g in enumerate(cohorts) for t in range(FIRST, LAST + 1)],
        columns=["unit", "g", "t"],
    )
    return frame.assign(y=rng.normal(size=len(frame))), sizes


def closed_form(kind: str, sizes: dict[int, int], g: int, t: int) -> float:
    """Return the weight of a cell as the lesson's table states it; T is the last period."""
    E = LAST - min(sizes) + 1
    total = {
        "simple": sum(n * (LAST - c + 1) for c, n in sizes.items()),
        "dynamic": E * sum(n for c, n in sizes.items() if c <= LAST - (t - g)),
        "group": (LAST - g + 1) * sum(sizes.values()),
        "calendar": E * sum(n for c, n in sizes.items() if c <= t),
    }
    return sizes[g] / total[kind]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_weights_have_the_closed_form(kind, seed):
    df, sizes = panel(seed)
    res = dj.att_gt(df, "y", "t", "g", "unit")
    frame = weights_frame(dj.aggte(res, type=kind))
    after = frame[frame["event_time"] >= 0]
    expected = [closed_form(kind, sizes, r.group, r.time) for r in after.itertuples()]
    np.testing.assert_allclose(after["overall"], expected, rtol=1e-13)
    assert (frame.loc[frame["event_time"] < 0, "overall"] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_steps_of_the_event_study_are_dynamics_and_composition(seed):
    df, sizes = panel(seed)
    res = dj.att_gt(df, "y", "t", "g", "unit")
    agg = dj.aggte(res, type="dynamic")
    theta = dict(zip(agg.labels, agg.atts, strict=True))
    att = res.to_frame().set_index(["group", "event_time"])["att"]
    for e in (1, 2, 4, 5):
        stay = {g: n for g, n in sizes.items() if g + e <= LAST}
        p = {g: n / sum(stay.values()) for g, n in stay.items()}
        dynamics = sum(p[g] * (att[g, e] - att[g, 0]) for g in stay)
        composition = sum(p[g] * att[g, 0] for g in stay) - theta[0]
        assert theta[e] - theta[0] == pytest.approx(dynamics + composition, abs=1e-13)
        balanced = dj.aggte(res, type="dynamic", balance_e=e)
        own = dict(zip(balanced.labels, balanced.atts, strict=True))
        assert own[e] - own[0] == pytest.approx(dynamics, abs=1e-13)


def test_balance_holds_after_treatment_only():
    df, _ = panel(0)
    balanced = dj.aggte(dj.att_gt(df, "y", "t", "g", "unit"), type="dynamic", balance_e=2)
    behind = dict(zip(balanced.labels, balanced.elements.member.sum(axis=1), strict=True))
    assert [behind[e] for e in (0, 1, 2)] == [3, 3, 3]
    assert behind[min(behind)] < 3


def test_derivative_of_the_simple_average():
    df, sizes = panel(1)
    res = dj.att_gt(df, "y", "t", "g", "unit")
    theta = dj.aggte(res).att
    after = res.to_frame().query("post")
    n = after["group"].map(sizes)
    for g in sizes:
        slope = (after["att"] - theta)[after["group"] == g].sum() / n.sum()
        ends = [
            np.average(after["att"], weights=n + h * (after["group"] == g)) for h in (1e-5, -1e-5)
        ]
        # Rounding of the two ends is 1e-16 / 1e-5, the cubic term 1e-10.
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("rule", ["did", "csdid"])
@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_rules_of_cross_sections_from_counts(kind, rule):
    df, _ = panel(2)
    rng = np.random.default_rng(5)
    df = df[rng.random(len(df)) < np.where(df["t"] > 2005, 0.45, 0.9)]
    res = dj.att_gt(df, "y", "t", "g", panel=False)
    frame = res.to_frame()
    count = df.groupby(["g", "t"]).size().to_dict()
    rows = df["g"].value_counts()
    frame["w"] = [
        rows[r.group]
        if rule == "did"
        else count.get((r.group, r.time), 0) + count.get((r.group, r.base), 0)
        for r in frame.itertuples()
    ]
    used = frame[frame["post"] & frame["att"].notna()]
    assert 0 < len(used) < frame["post"].sum()  # some effects are lost
    label = {"dynamic": "event_time", "group": "group", "calendar": "time"}.get(kind)
    if label is None:
        overall = np.average(used["att"], weights=used["w"])
    else:
        parts = used.groupby(label)
        means = (used["w"] * used["att"]).groupby(used[label]).sum() / parts["w"].sum()
        overall = np.average(means, weights=parts["w"].mean() if kind == "group" else None)
    assert dj.aggte(res, type=kind, weights=rule).att == pytest.approx(overall, abs=1e-13)
