"""Published numbers: every printed digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.datasets import published as pub
from didjack.datasets import unavailable

REFERENCE = Path(__file__).parents[1] / "reference"
NSW = json.loads((REFERENCE / "drdid_nsw.json").read_text(encoding="utf-8"))


def nsw_estimates(layout: str, method: str) -> tuple[float, float]:
    """Estimate the effect of the programme, with its standard error."""
    data = pd.read_parquet(REFERENCE / "nsw_cps.parquet")
    data["g"] = 1978 * data["experimental"]
    res = dj.att_gt(
        data,
        "re",
        "year",
        "g",
        "id",
        xformla="~ age + educ + black + married + nodegree + hisp + re74",
        est_method=method,
        panel=layout == "panel",
    )
    return float(res.att[0]), float(res.se[0])


def last_digit(printed: str) -> Decimal:
    """Return the unit of the last digit of a printed number."""
    return Decimal(1).scaleb(Decimal(printed).as_tuple().exponent)


@pytest.mark.parametrize("layout", ["panel", "rc"])
@pytest.mark.parametrize("method", sorted(NSW["panel"]))
def test_stata_drdid_on_the_nsw_experiment(layout: str, method: str) -> None:
    for ours, printed in zip(nsw_estimates(layout, method), NSW[layout][method], strict=True):
        unit = last_digit(printed)
        gap = abs(Decimal(repr(ours)).quantize(unit) - Decimal(printed)) / unit
        # The converged dr is -871.32715, which R prints as -871.3271: Stata's logit stops a
        # little earlier, at -871.3272. All other digits agree.
        assert gap == (1 if (method, printed) == ("dr", "-871.3272") else 0)


def test_the_merit_log_to_every_printed_digit() -> None:
    reason = unavailable("merit")
    if reason is not None:
        pytest.skip(reason)
    table = pub.compare("merit-dr")
    assert len(table) == 28
    assert set(table["source"]) == {"karim2024unpoolable"}
    other = table[table["verdict"] != "equal"]
    assert other.empty, other[["aggregation", "parameter", "quantity", "printed", "ours"]]
    assert not table["explanation"].any()


@pytest.fixture(scope="module")
def minimum_wage() -> pd.DataFrame:
    """Compare Table 3 of Callaway and Sant'Anna (2021) with what its data give."""
    both = [pub.compare("minwage"), pub.compare("minwage-dr")]
    return pd.concat(both, ignore_index=True)


def test_the_estimates_of_the_minimum_wage_table(minimum_wage: pd.DataFrame) -> None:
    estimates = minimum_wage[minimum_wage["quantity"] == "att"]
    assert len(estimates) == 37
    other = estimates[estimates["verdict"] != "equal"]
    keys = list(zip(other["specification"], other["aggregation"], other["parameter"], strict=True))
    assert keys == [
        ("minwage-dr", "calendar", name) for name in ("overall", "calendar:2006", "calendar:2007")
    ]
    assert other["explanation"].str.contains("equal weights").all()


def test_the_explanation_of_the_calendar_effects() -> None:
    """Equal weights for cohorts give the three digits that cohort sizes do not."""
    spec = dj.load_specification("minwage-dr")
    cells = dj.att_gt(dj.load_dataset("minwage"), **spec.kwargs).to_frame()
    by_year = cells[cells["post"]].groupby("time")["att"].mean()
    printed = {2004: -0.030, 2005: -0.025, 2006: -0.030, 2007: -0.049}
    assert by_year.round(3).to_dict() == printed
    assert round(by_year.mean(), 3) == -0.033


def error(psi: np.ndarray) -> float:
    return float(np.sqrt((psi**2).mean() / len(psi)))


def errors_of_2019(specification: str) -> dict[tuple[str, str], float]:
    """Return standard errors of R did 1.2.2 (commit d08661a), matrix by matrix as it has them."""
    data = dj.load_dataset("minwage")
    res = dj.att_gt(data, **dj.load_specification(specification).kwargs)
    cells = res.to_frame()
    psi = res.influence[:, cells["post"]]
    cells = cells[cells["post"]].reset_index(drop=True)
    att, e = cells["att"].to_numpy(), (cells["time"] - cells["group"]).to_numpy()
    first = data.groupby("countyreal")["first.treat"].first().to_numpy()
    member = np.array([first == g for g in cells["group"]], dtype=float).T
    control = 1.0 * (first == 0)
    p0, mean = control.mean(), member.mean(axis=0)
    pg = mean / (1 - p0)

    def oif(which: np.ndarray) -> np.ndarray:
        centred = member[:, which] - mean[which]
        return centred / pg[which].sum() - np.outer(centred.sum(axis=1), mean[which])

    selective = member / p0 - np.outer(control, pg) / p0**2
    weights = pg / (cells["time"].max() - cells["group"] + 1).to_numpy()
    out = {("group", "overall"): error(psi @ weights + selective @ att)}
    for kind, word, key in (
        ("dynamic", "event", e),
        ("calendar", "calendar", cells["time"].to_numpy()),
    ):
        sets = [np.flatnonzero(key == value) for value in np.unique(key)]
        for which in sets:
            value = psi[:, which] @ (pg[which] / pg[which].sum()) + oif(which) @ att[which]
            out[kind, f"{word}:{key[which[0]]:g}"] = error(value)
        overall = np.zeros(len(att))
        for which in sets:
            overall[which] = pg[which] / pg[which].sum() / len(sets)
        # Columns by event time or year, effects by cohort, and no division by their number.
        value = psi @ overall + np.hstack([oif(which) for which in sets]) @ att
        out[kind, "overall"] = error(value)
    return out


def gap_to_printed(value: float, printed: str) -> float:
    """Return the relative distance to the numbers that round to the printed one."""
    half = Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent)) / 2
    low, high = float(Decimal(printed) - half), float(Decimal(printed) + half)
    return max(low / value - 1, 1 - high / value, 0.0)


def test_the_standard_errors_of_the_minimum_wage_table(minimum_wage: pd.DataFrame) -> None:
    rows = minimum_wage[minimum_wage["quantity"] == "bootstrap_se"]
    older = {name: errors_of_2019(name) for name in ("minwage", "minwage-dr")}
    # The interquartile range of B normal draws over 1.349 varies by 1.166 / sqrt(B) of itself.
    noise = 1.166 / 1000**0.5
    by_older, widest = 0, 0.0
    for row in rows.itertuples():
        if row.verdict == "equal":
            assert gap_to_printed(row.ours, row.printed) < 1e-9
            assert not row.explanation
            continue
        value = older[row.specification].get((row.aggregation, row.parameter), row.ours)
        gap = gap_to_printed(value, row.printed)
        comes_out = gap < 1e-9
        by_older += comes_out
        assert ("With its formula" in row.explanation) == comes_out
        assert ("bootstrap" in row.explanation) != comes_out
        if comes_out or "1.2.2" in row.explanation:
            assert f"{value:.4f}" in row.explanation
        widest = max(widest, gap / noise)
    assert (rows["verdict"] == "equal").sum() == 23
    assert by_older == 8
    # Of 37 normal errors the largest is this far out, or farther, four times out of five.
    assert 2.0 < widest < 2.05


def test_numbers_of_the_formulas_of_2019() -> None:
    older = errors_of_2019("minwage")
    assert {
        key: round(older[key], 5)
        for key in (("group", "overall"), ("dynamic", "overall"), ("dynamic", "event:2"))
    } == {
        ("group", "overall"): 0.00729,
        ("dynamic", "overall"): 0.01343,
        ("dynamic", "event:2"): 0.02072,
    }
    assert round(older["calendar", "overall"], 5) == 0.01283
    assert round(older["calendar", "calendar:2006"], 4) == 0.0093


def test_a_wrong_digit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = unavailable("merit")
    if reason is not None:
        pytest.skip(reason)
    changed = pub.published()
    changed.loc[0, "printed"] = ".046375883"
    changed.loc[1, "printed"] = ".013347567"
    monkeypatch.setattr(pub, "published", lambda: changed)
    assert list(pub.compare("merit-dr")["verdict"].head(3)) == ["last digit", "different", "equal"]


def test_without_the_data_the_verdict_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pub, "unavailable", lambda name: "not here")
    assert set(pub.compare()["verdict"]) == {"not available"}


def test_an_unknown_specification_is_refused() -> None:
    with pytest.raises(dj.DataError, match="merit-dr"):
        pub.compare("castle")
