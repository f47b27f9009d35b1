"""Cells whose covariates separate: recorded, and handled by the rule that was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from compare import assert_close

import didjack as dj
from didjack.estimators import ESTIMATORS
from didjack.estimators.methods import WEIGHTING

KWARGS = {
    "yname": "coll",
    "tname": "year",
    "gname": "gvar",
    "xformla": "~ male + black + asian",
    "clustervars": "state",
}


def merit(dataset: Callable[[str], pd.DataFrame], **options: object) -> dj.ATTgt:
    return dj.att_gt(dataset("merit"), **(KWARGS | options))


def test_merit_doubly_robust_drops_the_forty_cells_that_r_leaves_out(dataset) -> None:
    res = merit(dataset, est_method="dr")
    assert (~res.estimable).sum() == 40
    lost = res.ledger[res.ledger["kind"] == "cell"]
    assert len(lost) == 40
    assert lost["reason"].str.contains("collinear among the treated: asian").all()
    # StatsPAI and moderndid print this average; R did reports the 40 cells as NA.
    assert round(dj.aggte(res).att, 7) == 0.0401456


def test_ten_post_treatment_logits_are_separated_by_asian(dataset) -> None:
    res = merit(dataset, est_method="ipw")
    apart = res.ledger[res.ledger["kind"] == "separation"]
    assert apart["reason"].str.startswith("asian separates").all()
    after = apart["time"] >= apart["group"]
    assert after.sum() == 10
    assert res.estimable.all()


def test_separated_controls_get_no_weight(dataset) -> None:
    """The limit of the logit is the logit without the separated controls."""
    data = dataset("merit")
    one = data[data["gvar"].isin([0, 1999]) & data["year"].isin([1998, 1999])]
    assert one.loc[one["gvar"] == 1999, "asian"].sum() == 0
    ours = dj.att_gt(one, **(KWARGS | {"est_method": "ipw"})).att
    without = one[one["asian"] == 0]
    limit = dj.att_gt(without, **(KWARGS | {"est_method": "ipw", "xformla": "~ male + black"})).att
    # What is left of their weight is e^-45 of the others'.
    assert_close(ours, limit, 1e-12, "ATT")


def test_error_names_cells_and_covariate(dataset) -> None:
    with pytest.raises(dj.DesignError, match=r"ATT\(\d+,\d+\).*asian"):
        merit(dataset, est_method="dr", separation="error")


def test_csdid_has_every_cell_and_records_the_separation(dataset) -> None:
    res = merit(dataset, est_method="dr", separation="csdid")
    assert res.estimable.all()
    assert (res.ledger["kind"] == "separation").sum() == 16


def test_csdid_equals_drop_where_nothing_is_separated(dataset) -> None:
    data = dataset("mpdta")
    args = ("lemp", "year", "first.treat", "countyreal")
    for panel in (True, False):
        both = [
            dj.att_gt(data, *args, xformla="~ lpop", est_method="dr", panel=panel, separation=rule)
            for rule in ("drop", "csdid")
        ]
        assert_close(both[1].att, both[0].att, 1e-13, "ATT")
        assert_close(both[1].se, both[0].se, 1e-12, "se")


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        (method, rule)
        for method in WEIGHTING
        for rule in ("drop", "csdid")
        if rule == "drop" or ESTIMATORS[method].variant_of is None
    ],
)
def test_jackknife_under_separation_equals_refits(dataset, method: str, rule: str) -> None:
    data = dataset("merit")
    few = data[data["gvar"].isin([0, 1997, 1999, 2000])]
    few = few[few["state"].isin(few["state"].unique()[::3]) | (few["gvar"] > 0)]
    options = KWARGS | {"est_method": method, "separation": rule}
    weights = "csdid" if rule == "csdid" else "did"
    jk = dj.jackknife(dj.aggte(dj.att_gt(few, **options), "dynamic", weights=weights))
    for h, state in enumerate(jk.clusters.labels):
        agg = dj.aggte(dj.att_gt(few[few["state"] != state], **options), "dynamic", weights=weights)
        found = dict(zip(agg.parameters, agg.values, strict=True))
        expected = [found.get(name, np.nan) for name in jk.parameters]
        # Newton from the full-sample solution and from scratch stop at different roundings.
        assert_close(jk.replicates[h + 1], expected, 1e-9, f"without {state}", scale=1e-2)


def test_no_overlap_is_recorded() -> None:
    rng = np.random.default_rng(5)
    n = 60
    x = np.concatenate([rng.normal(-8, 1, n), rng.normal(8, 1, n)])
    unit = np.repeat(np.arange(2 * n), 2)
    frame = pd.DataFrame(
        {
            "i": unit,
            "t": np.tile([1, 2], 2 * n),
            "g": np.where(unit < n, 0, 2),
            "x": x[unit],
            "y": rng.normal(size=4 * n),
        }
    )
    for method in ("ipw", "dr"):
        res = dj.att_gt(frame, "y", "t", "g", "i", xformla="~ x", est_method=method)
        assert not res.estimable.any()
        assert "no overlap" in res.ledger["reason"].iloc[0]
        with pytest.raises(dj.DesignError, match="ledger"):
            dj.aggte(res)
