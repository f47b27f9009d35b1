"""Reads the numbers of R and Stata in tests/reference."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "reference"

_COLUMNS = {
    "castle": {"yname": "l_homicide", "tname": "year", "gname": "gvar"},
    "mpdta": {"yname": "lemp", "tname": "year", "gname": "first.treat"},
    "merit": {"yname": "coll", "tname": "year", "gname": "gvar"},
}
_UNIT = {"castle": "sid", "mpdta": "countyreal"}

R_FILES = (
    "r_mpdta_panel",
    "r_castle_panel",
    "r_mpdta_rc",
    "r_mpdta_unbalanced",
    "r_merit_rc",
    "r_merit_rc_universal",
    "r_clustered_analytic",
)
AGGREGATIONS = ("simple", "group", "dynamic", "calendar")


@dataclass(frozen=True)
class Summary:
    """What aggte printed: the overall effect, and one value per label."""

    att: float
    se: float
    labels: np.ndarray
    atts: np.ndarray
    ses: np.ndarray


@dataclass(frozen=True)
class Run:
    """One call of att_gt in R with its four aggregations."""

    name: str
    data: str  # castle, mpdta, mpdta_unbalanced, merit
    kwargs: dict[str, Any] = field(repr=False)
    n: int | None
    groups: np.ndarray = field(repr=False)
    times: np.ndarray = field(repr=False)
    att: np.ndarray = field(repr=False)
    se: np.ndarray = field(repr=False)
    aggregates: dict[str, Summary] = field(repr=False)


@dataclass(frozen=True)
class Raw:
    """One run under the keys of the file, for numbers that `Run` does not carry."""

    name: str
    spec: dict[str, Any] = field(repr=False)
    wald: float | None
    agg: dict[str, dict[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class Jackknifed:
    """One CV3 result of R didjack or Stata csdidjack."""

    name: str
    data: str
    type: str
    kwargs: dict[str, Any] = field(repr=False)
    att: float
    se: float
    df: int
    reps: int
    atts: np.ndarray = field(repr=False)
    clusters: np.ndarray | None = field(repr=False, default=None)
    t: float | None = None
    p: float | None = None
    ci: tuple[float, float] | None = None


@cache
def _read(stem: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{stem}.json").read_text(encoding="utf-8"))
    return content


def _floats(values: Any) -> np.ndarray:
    """Return a float array; null becomes NaN, and R's one-element vectors are bare numbers."""
    if values is None:
        return np.empty(0)
    return np.array([np.nan if v is None else v for v in np.atleast_1d(values)], dtype=float)


def _summary(raw: dict[str, Any]) -> Summary:
    return Summary(
        att=float(_floats([raw["att"]])[0]),
        se=float(_floats([raw["se"]])[0]),
        labels=_floats(raw["egt"]),
        atts=_floats(raw["att_egt"]),
        ses=_floats(raw["se_egt"]),
    )


def arguments_of(source: str, spec: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Translate R's data name and arguments into ours."""
    dataset, *form = source.split("_")
    panel = "rc" not in form
    unbalanced = form[:1] in (["unbal"], ["unbalanced"])
    formula = spec["xformla"]
    kwargs = _COLUMNS[dataset] | {
        "idname": _UNIT[dataset] if panel else None,
        "clustervars": spec.get("clustervars"),
        "xformla": None if formula == "~1" else formula,
        "est_method": spec["est_method"],
        "control_group": spec["control_group"],
        "base_period": spec["base_period"],
        "anticipation": spec.get("anticipation", 0),
        "weightsname": spec.get("weightsname"),
        "panel": panel,
        "allow_unbalanced_panel": unbalanced,
    }
    return (f"{dataset}_unbalanced" if unbalanced else dataset), kwargs


def _run(stem: str, key: str, raw: dict[str, Any]) -> Run:
    data, kwargs = arguments_of(key.split("|")[0], raw["spec"])
    cells = raw["gt"]
    return Run(
        name=f"{stem}:{key}",
        data=data,
        kwargs=kwargs,
        n=raw.get("n"),
        groups=_floats(cells["group"]),
        times=_floats(cells["t"]),
        att=_floats(cells["att"]),
        se=_floats(cells["se"]),
        aggregates={name: _summary(raw["agg"][name]) for name in AGGREGATIONS},
    )


def r_runs() -> list[Run]:
    """Return every run of R's att_gt and aggte, in the order of the files."""
    return [_run(stem, key, raw) for stem in R_FILES for key, raw in _read(stem)["specs"].items()]


def load_runs(stem: str) -> list[Raw]:
    """Return the runs of one file as they are in it."""
    return [
        Raw(key, raw["spec"], raw.get("wald"), raw["agg"])
        for key, raw in _read(stem)["specs"].items()
    ]


def _castle(program: str, row: dict[str, Any]) -> Jackknifed:
    controls, weights = row["spec"].split("_")
    spec = {
        "xformla": "~1",
        "est_method": "reg",
        "control_group": f"{controls}treated",
        "base_period": "universal",
        "weightsname": "popwt" if weights == "wt" else None,
        "clustervars": "sid",
    }
    return Jackknifed(
        name=f"castle_didjack:{program}:{row['spec']}:{row['type']}",
        data="castle",
        type=row["type"],
        kwargs=arguments_of("castle", spec)[1],
        att=row["att"],
        se=row["se"],
        df=row["df"],
        reps=row["reps"],
        atts=_floats(row["atts"]),
    )


def _didjack(name: str, source: str, spec: dict[str, Any], type_: str, raw: Any) -> Jackknifed:
    data, kwargs = arguments_of(source, spec)
    return Jackknifed(
        name=f"{name}:{type_}",
        data=data,
        type=type_,
        kwargs=kwargs,
        att=raw["att"],
        se=raw["cv3se"],
        df=raw["df"],
        reps=raw["reps"],
        atts=_floats(raw["atts"]),
        clusters=np.array(raw["clusters"]),
        t=raw.get("t", raw.get("cv3t")),
        p=raw.get("p", raw.get("cv3p")),
        ci=(raw["lci"], raw["uci"]),
    )


def castle_jackknives() -> list[Jackknifed]:
    """Return every row of R didjack and Stata csdidjack on castle."""
    content = _read("castle_didjack")
    return [_castle(program, row) for program in ("R", "Stata") for row in content[program]["rows"]]


def r_jackknives() -> list[Jackknifed]:
    """Return R didjack on mpdta (500 clusters) and merit (three covariates)."""
    spec = {"est_method": "reg", "control_group": "nevertreated", "base_period": "varying"}
    mpdta = spec | {"xformla": "~1", "clustervars": "countyreal"}
    merit = spec | {"xformla": "~male+black+asian", "clustervars": "state"}
    content = _read("r_merit_didjack")
    return [
        _didjack("r_mpdta_didjack", "mpdta", mpdta, "simple", _read("r_mpdta_didjack")),
        *(
            _didjack("r_merit_didjack", "merit_rc", merit, type_, content[type_])
            for type_ in ("simple", "group")
        ),
    ]


def castle_checksum() -> str:
    """Return the sha256 of the castle file on which the numbers were computed."""
    checksum: str = _read("castle_didjack")["data_sha256"]
    return checksum


def prepare(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Add what the reference programs were given beyond the shipped columns."""
    if not name.startswith("mpdta"):
        return frame
    frame = frame.assign(st=frame["countyreal"] // 1000)
    if name == "mpdta_unbalanced":
        frame = frame[(frame["countyreal"] * 7 + frame["year"]) % 11 != 0]
    return frame.reset_index(drop=True)
