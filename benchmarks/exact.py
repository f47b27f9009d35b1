"""Time exact critical values against t(H - 1), and their loadings against estimates, in one run.

python benchmarks/exact.py                  # all designs
python benchmarks/exact.py castle clusters  # some

Three times for each design, with every parameter of four averages: the jackknife with t(H - 1), the
same with exact p-values and intervals (deletions and loadings included, joint draws not), and what
the loadings would take from estimates of outcomes that are one in one cluster and period, of which
a few are made and timed.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import didjack as dj
from didjack.datasets import load_dataset, unavailable

TYPES = ("simple", "dynamic", "group", "calendar")
MERIT = {
    "yname": "coll", "tname": "year", "gname": "gvar", "panel": False,
    "xformla": "~ male + black + asian", "clustervars": "state",
}  # fmt: skip
PANEL = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit", "clustervars": "cluster"}


@dataclass(frozen=True)
class Design:
    """Data, arguments of `att_gt`, and how many seconds the exact jackknife may take."""

    title: str
    load: Callable[[], pd.DataFrame]
    arguments: dict[str, Any]
    target: float | None


def clusters(n: int) -> pd.DataFrame:
    """Return a panel over 10 periods of clusters with one to three units, five cohorts."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(n), rng.integers(1, 4, n))
    unit, t = np.repeat(np.arange(len(cluster)), 10), np.tile(np.arange(1, 11), len(cluster))
    g = np.array([0, 0, 0, 4, 5, 6, 7, 9])[rng.integers(0, 8, n)][cluster][unit]
    frame = pd.DataFrame({"unit": unit, "t": t, "g": g, "cluster": cluster[unit]})
    frame["x"] = rng.standard_normal(len(cluster))[unit]
    frame["z"] = rng.integers(0, 3, len(cluster))[unit]
    frame["y"] = rng.standard_normal(len(frame))
    return frame


DESIGNS = {
    "castle": Design(
        "castle: 50 states, outcome regression",
        lambda: load_dataset("castle"),
        {
            "yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid",
            "est_method": "reg", "base_period": "universal", "clustervars": "sid",
        },
        0.1,
    ),
    "merit": Design(
        "merit: 51 states, three covariates, outcome regression",
        lambda: load_dataset("merit"),
        MERIT | {"est_method": "reg"},
        1.0,
    ),
    "merit-dr": Design(
        "merit: 51 states, three covariates, doubly robust",
        lambda: load_dataset("merit"),
        MERIT | {"est_method": "dr"},
        2.0,
    ),
    "clusters": Design(
        "5,000 clusters, outcome regression",
        lambda: clusters(5000),
        PANEL | {"est_method": "reg"},
        2.0,
    ),
    "clusters-x": Design(
        "5,000 clusters, one covariate, outcome regression",
        lambda: clusters(5000),
        PANEL | {"est_method": "reg", "xformla": "~ x"},
        None,
    ),
    "clusters-dr": Design(
        "2,000 clusters, a covariate with three values, doubly robust",
        lambda: clusters(2000),
        PANEL | {"est_method": "dr", "xformla": "~ z"},
        None,
    ),
}  # fmt: skip


def four(res: dj.ATTgt, critical: str) -> dj.Jackknife:
    """Jackknife every parameter of four averages, with one pass for the deletions."""
    deletions = res.deletions()
    found = [
        dj.jackknife(dj.aggte(res, type_), critical=critical, deletions=deletions)
        for type_ in TYPES
    ]
    for jk in found:
        jk.to_frame()
    return found[0]


def by_estimates(res: dj.ATTgt, n: int = 3) -> float:
    """Return the seconds of loadings from estimates, extrapolated from a few of them."""
    clusters, estimation = res.clusters(res.panel.roles.clustervars[0]), res.estimation
    start = time.perf_counter()
    for h in range(n):
        shock = ((clusters.code == h) & (res.panel.time == 0)).astype(np.float64)
        panel = dataclasses.replace(res.panel, y=shock)
        dataclasses.replace(estimation, panel=panel).replicates(clusters)
    return (time.perf_counter() - start) / n * len(clusters) * len(res.times)


def seconds(call: Callable[[], dj.Jackknife], repeats: int) -> tuple[float, float, dj.Jackknife]:
    """Return the first time, the median of the later ones, and the result."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jk = call()
        times.append(time.perf_counter() - start)
    return times[0], statistics.median(times[1:] or times), jk


def duration(s: float) -> str:
    return f"{1000 * s:,.1f} ms" if s < 1 else f"{s:,.2f} s"


def report(d: Design, repeats: int) -> None:
    print(f"\n{d.title}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        res = dj.att_gt(d.load(), **d.arguments)
        medians = {}
        for critical in ("t", "exact"):
            first, median, jk = seconds(lambda c=critical: four(res, c), repeats)
            medians[critical] = median
            target = f"  (target {duration(d.target)})" if d.target and critical == "exact" else ""
            print(
                f"  {critical:15s} first {duration(first):>10s}  median {duration(median):>10s}"
                f"  p {jk.p:.6f}{target}"
            )
        brute = by_estimates(res)
    print(f"  {'from estimates':15s} about {duration(brute):>10s}")
    exact = medians["exact"]
    print(
        f"  exact / t: {exact / medians['t']:,.1f}   from estimates / exact: {brute / exact:,.0f}"
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  largest memory of the process so far: {memory:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("designs", nargs="*", help=f"of {', '.join(DESIGNS)}; default all")
    parser.add_argument("--repeats", type=int, default=5, help="after the first")
    arguments = parser.parse_args()
    unknown = set(arguments.designs) - set(DESIGNS)
    if unknown:
        parser.error(f"unknown design {', '.join(sorted(unknown))}")
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}")
    for name in arguments.designs or DESIGNS:
        reason = unavailable("merit") if name.startswith("merit") else None
        if reason is not None:
            print(f"\n{DESIGNS[name].title}\n  left out: {reason}")
            continue
        report(DESIGNS[name], arguments.repeats)


if __name__ == "__main__":
    main()
