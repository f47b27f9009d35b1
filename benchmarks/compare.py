"""Time didjack and StatsPAI's cs_jackknife on the same data, in the same run.

python benchmarks/compare.py            # all designs, both programs
python benchmarks/compare.py castle     # one design
python benchmarks/compare.py --only didjack
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

import didjack as dj
from didjack.datasets import load_dataset, unavailable

TYPES = ("simple", "dynamic", "group", "calendar")
Outcome = tuple[float, float]  # overall effect of the simple aggregation, and its CV3 error


@dataclass(frozen=True)
class Design:
    """Data, columns, and how many milliseconds four aggregations may take."""

    title: str
    load: Callable[[], pd.DataFrame]
    y: str
    t: str
    g: str
    unit: str | None
    cluster: str
    covariates: tuple[str, ...] = ()
    target: float = 100.0


def merit() -> pd.DataFrame:
    frame = load_dataset("merit")
    return frame.assign(row=np.arange(len(frame)))  # StatsPAI wants an identifier of rows


def synthetic() -> pd.DataFrame:
    """Return 20,000 units over 10 periods in 50 clusters; five cohorts and never treated."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(50), 400)
    cohort = np.array([0, 0, 0, 2003, 2004, 2005, 2006, 2008])[rng.integers(0, 8, 50)][cluster]
    unit = np.arange(20_000)
    year = np.arange(2000, 2010)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(unit, 10),
            "cluster": np.repeat(cluster, 10),
            "year": np.tile(year, 20_000),
            "gvar": np.repeat(cohort, 10),
        }
    )
    shock = rng.normal(size=(50, 10))[frame["cluster"], frame["year"] - 2000]
    treated = (frame["gvar"] > 0) & (frame["year"] >= frame["gvar"])
    frame["y"] = 0.3 * treated + 0.5 * shock + rng.normal(size=len(frame))
    return frame


DESIGNS = {
    "castle": Design(
        "castle: 50 states, 11 years",
        lambda: load_dataset("castle"),
        "l_homicide", "year", "gvar", "sid", "sid",
        target=10.0,
    ),
    "merit": Design(
        "merit: 42,161 people in 51 states, three covariates",
        merit,
        "coll", "year", "gvar", None, "state",
        covariates=("male", "black", "asian"),
    ),
    "synthetic": Design(
        "panel of 20,000 units, 10 periods, 50 clusters",
        synthetic,
        "y", "year", "gvar", "unit", "cluster",
    ),
}  # fmt: skip


def run_didjack(frame: pd.DataFrame, d: Design, types: tuple[str, ...]) -> Outcome:
    res = dj.att_gt(
        frame,
        yname=d.y,
        tname=d.t,
        gname=d.g,
        idname=d.unit,
        clustervars=d.cluster,
        xformla="~ " + " + ".join(d.covariates) if d.covariates else None,
        est_method="reg",
        base_period="universal",
        panel=d.unit is not None,
    )
    deletions = res.deletions()  # one pass for all averages, as in `csdid`
    results = [dj.jackknife(dj.aggte(res, type=type_), deletions=deletions) for type_ in types]
    for jk in results:
        jk.to_frame()
    return results[0].att, results[0].se


def run_statspai(frame: pd.DataFrame, d: Design, types: tuple[str, ...]) -> Outcome:
    import statspai as sp

    options: dict[str, Any] = {"x": list(d.covariates)} if d.covariates else {}
    if d.unit is None:
        options["panel"] = False
    results = [
        sp.cs_jackknife(
            frame,
            y=d.y,
            g=d.g,
            time=d.t,
            id=d.unit or "row",
            type=type_,
            cluster=d.cluster,
            estimator="reg",
            control_group="nevertreated",
            base_period="universal",
            **options,
        )
        for type_ in types
    ]
    return float(results[0].estimate), float(results[0].se)


def seconds(call: Callable[[], Outcome], repeats: int) -> tuple[float, list[float], Outcome]:
    """Return the first time, the later ones, and the result."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        outcome = call()
        times.append(time.perf_counter() - start)
    return times[0], times[1:] or times, outcome


def duration(s: float) -> str:
    return f"{1000 * s:,.1f} ms" if s < 1 else f"{s:,.2f} s"


def report(d: Design, programs: tuple[str, ...], repeats: int) -> None:
    frame = d.load()
    print(f"\n{d.title}")
    medians = {}
    for program, types, n in (
        ("didjack", TYPES, repeats),
        ("didjack", TYPES[:1], repeats),
        ("StatsPAI", TYPES[:1], 0),
    ):
        if program not in programs:
            continue
        run = run_didjack if program == "didjack" else run_statspai
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, later, (att, se) = seconds(lambda run=run, t=types: run(frame, d, t), n)
        medians[program, types] = statistics.median(later)
        what = "four aggregations" if types == TYPES else "simple"
        line = f"  {program:9s} {what:18s} first {duration(first):>10s}"
        if n:
            line += f"  median {duration(medians[program, types]):>9s}"
            line += f"  least {duration(min(later)):>9s}"
        if program == "didjack" and types == TYPES:
            line += f"  (target {d.target:.0f} ms)"
        print(f"{line}\n{'':31s}ATT {att:.12f}  CV3 {se:.12f}")
    if ("StatsPAI", TYPES[:1]) in medians and ("didjack", TYPES[:1]) in medians:
        ratio = medians["StatsPAI", TYPES[:1]] / medians["didjack", TYPES[:1]]
        print(f"  StatsPAI / didjack, simple: {ratio:,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("designs", nargs="*", help=f"of {', '.join(DESIGNS)}; default all")
    parser.add_argument("--only", choices=("didjack", "StatsPAI"), help="time one program")
    parser.add_argument("--repeats", type=int, default=20, help="of didjack after the first")
    arguments = parser.parse_args()
    unknown = set(arguments.designs) - set(DESIGNS)
    if unknown:
        parser.error(f"unknown design {', '.join(sorted(unknown))}")
    programs = (arguments.only,) if arguments.only else ("didjack", "StatsPAI")
    packages = ["didjack", "numpy", "pandas", *(["StatsPAI"] if "StatsPAI" in programs else [])]
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{p} {version(p)}" for p in packages))
    for name in arguments.designs or DESIGNS:
        reason = unavailable(name) if name == "merit" else None
        if reason is not None:
            print(f"\n{DESIGNS[name].title}\n  left out: {reason}")
            continue
        report(DESIGNS[name], programs, arguments.repeats)


if __name__ == "__main__":
    main()
