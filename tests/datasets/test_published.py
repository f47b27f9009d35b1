"""Published numbers: every printed digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

import didjack as dj
from didjack.datasets import published as pub
from didjack.datasets import unavailable

REFERENCE = Path(__file__).parents[1] / "reference"
NSW = json.loads((REFERENCE / "drdid_nsw.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("layout", ["panel", "rc"])
@pytest.mark.parametrize("method", sorted(NSW["panel"]))
def test_stata_drdid_on_the_nsw_experiment(layout: str, method: str) -> None:
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
    for ours, printed in zip((res.att[0], res.se[0]), NSW[layout][method], strict=True):
        unit = Decimal(1).scaleb(Decimal(printed).as_tuple().exponent)
        gap = abs(Decimal(repr(float(ours))).quantize(unit) - Decimal(printed)) / unit
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


def test_the_standard_errors_of_the_minimum_wage_table(minimum_wage: pd.DataFrame) -> None:
    rows = minimum_wage[minimum_wage["quantity"] == "bootstrap_se"]
    # The interquartile range of B normal draws over 1.349 varies by 1.166 / sqrt(B) of itself.
    noise = 1.166 / 1000**0.5
    for row in rows.itertuples():
        printed = Decimal(str(row.printed))
        half = Decimal(1).scaleb(int(printed.as_tuple().exponent)) / 2
        low, high = float(printed - half), float(printed + half)
        gap = max(low / row.ours - 1, 1 - high / row.ours, 0.0)
        if row.verdict == "equal":
            assert gap < 1e-9
            assert not row.explanation
        else:
            assert ("more than twice" in row.explanation) == (gap > 2 * noise)
            assert "bootstrap" in row.explanation
    assert (rows["verdict"] == "equal").sum() == 23


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
