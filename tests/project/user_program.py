"""A program that a user might write: mypy checks it with the package, and a test runs it.

`assert_type` says what editors and type checkers are to know of each result.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import pandas as pd

import didjack as dj
from didjack.core.results import Inference
from didjack.inference.bands import Band
from didjack.inference.honest import HonestBounds
from didjack.inference.sensitivity import Sensitivity
from didjack.inference.two_way import TwoWayJackknife
from didjack.inference.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cohorts(frame: pd.DataFrame) -> pd.Series:
    """Make cohorts of a dummy that is one from the law on."""
    treated = frame.assign(law=((frame["gvar"] > 0) & (frame["year"] >= frame["gvar"])).astype(int))
    return dj.gname(treated, "sid", "year", "law")


def one_call(frame: pd.DataFrame) -> str:
    """Estimate everything at once."""
    found = dj.csdid(
        frame, "l_homicide", "year", "gvar", "sid", est_method="reg", clustervars="state"
    )
    assert_type(found, dj.Comparison)
    assert_type(found.exact["simple"], dj.Jackknife)
    assert_type(found.inferences("simple"), dict[str, Inference])
    assert_type(found.verdict("simple"), Verdict)
    assert_type(found.to_frame(), pd.DataFrame)
    return found.summary()


def step_by_step(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Go through the steps of the README."""
    res = dj.att_gt(
        frame, "l_homicide", "year", "gvar", "sid", base_period="universal", clustervars="state"
    )
    assert_type(res, dj.ATTgt)
    agg = dj.aggte(res, type="dynamic", min_e=-4, max_e=4)
    assert_type(agg, dj.Aggregate)
    jk = dj.jackknife(agg)
    assert_type(jk, dj.Jackknife)
    jx = dj.jackknife(agg, critical="exact")
    assert_type(jx, dj.Jackknife)
    low, high = jx.ci
    assert_type((low, high), tuple[float, float])
    assert_type(jx.lincom("event:1 - event:0"), Inference)
    assert_type(jx.atts, pd.Series)
    assert_type(jx.vcov, pd.DataFrame)
    assert_type(jx.verdict(), Verdict)
    assert_type(jx.verdict().sentence, str)
    assert_type(jx.sensitivity(), Sensitivity)
    assert_type(jx.sensitivity().ratio, float)
    assert_type(jk.honest(Mbarvec=[0.5, 1]), HonestBounds)
    assert_type(jk.honest().breakdown, float)
    assert_type(dj.multiplier(agg, n_boot=99).band(), Band)
    assert_type(jk.pretest(), dj.PreTest)
    jx.save(folder / "event_study.json")
    read = dj.load(folder / "event_study.json")
    assert_type(read, dj.SavedResult)
    return read.to_frame()


def two_ways(frame: pd.DataFrame) -> dict[str, float]:
    """Jackknife by two variables: several names may be one, so that the kind is asked for."""
    zones = frame.assign(zone=frame["sid"] % 10)
    agg = dj.aggte(dj.att_gt(zones, "l_homicide", "year", "gvar", "sid"))
    found = dj.jackknife(agg, ["state", "zone"])
    assert_type(found, dj.Jackknife | TwoWayJackknife)
    assert isinstance(found, TwoWayJackknife)
    assert_type(found.clustervars, tuple[str, str])
    return {"att": found.att, "se": found.se, "p": found.p}


def draw(frame: pd.DataFrame) -> Figure:
    """Draw group-time effects."""
    return dj.att_gt(frame, "l_homicide", "year", "gvar", "sid").plot(title="Castle")


def handled(frame: pd.DataFrame) -> str:
    """Catch what the package raises."""
    try:
        dj.att_gt(frame, "nothing", "year", "gvar", "sid")
    except dj.DataError as error:
        return str(error)
    return ""
