"""Time randomization with propensities and the unit jackknife against the ways they replace.

python benchmarks/assignments.py              # all
python benchmarks/assignments.py randomize    # assignments of 600 units in 20 and 50 clusters
python benchmarks/assignments.py units        # 2,000, 5,000 and 50,000 deletions

Both ways run in the same process, one after the other, on the same data, and the difference of
their results is printed. What is replaced: one assignment at a time from the user's frame on, and
sums over all rows for every deletion. It is run for some assignments, and up to 5,000 deletions;
what it would take beyond grows with assignments, and with the square of deletions.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import TypeVar
from unittest.mock import patch

import numpy as np
import pandas as pd

import didjack as dj
from didjack.core.moments import Clusters
from didjack.estimators import expansion
from didjack.inference import assigned, relabelling

METHODS = ("dr", "ipw", "drimp")
LARGEST = 5000  # deletions by sums over all rows
Found = TypeVar("Found")


def panel(units: int, clusters: int) -> pd.DataFrame:
    """Return a panel over six periods with two covariates and three cohorts of whole clusters."""
    rng = np.random.default_rng(1)
    unit = np.repeat(np.arange(units), 6)
    t = np.tile(np.arange(1, 7), units)
    cluster = unit % clusters
    frame = pd.DataFrame({"unit": unit, "t": t, "cluster": cluster})
    frame["g"] = np.array([0, 0, 3, 4, 5])[cluster % 5]
    for name in ("x1", "x2"):
        frame[name] = rng.standard_normal(units)[unit]
    frame["y"] = frame["x1"] * t / 10 + rng.standard_normal(len(frame))
    return frame


def estimate(frame: pd.DataFrame, method: str, cluster: str) -> dj.ATTgt:
    return dj.att_gt(
        frame, "y", "t", "g", "unit", xformla="~ x1 + x2", est_method=method, clustervars=cluster
    )


def seconds(call: Callable[[], Found]) -> tuple[float, Found]:
    """Return processor time, which other programs change less than the clock's, and the result."""
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def refit(agg: dj.Aggregate, clusters: Clusters, some: np.ndarray) -> assigned.AssignedStatistics:
    """Estimate what p-values need; blocks give what intervals need as well."""
    return assigned.refitted(agg, clusters, some, with_effect=False)


def randomize(n: int) -> None:
    for clusters in (20, 50):
        print(f"\nrandomization, 600 units in {clusters} clusters, event study, per assignment")
        for method in METHODS:
            res = estimate(panel(600, clusters), method, "cluster")
            agg, moved = dj.aggte(res, "dynamic"), res.clusters("cluster")
            actual = assigned.cohort_of(res, moved)
            some = np.random.default_rng(0).permuted(np.tile(actual, (n, 1)), axis=1)
            ours, fast = seconds(lambda a=agg, m=moved, s=some: relabelling.relabelled(a, m, s))
            coded, _ = seconds(lambda a=agg, m=moved, s=some: refit(a, m, s))
            with patch.object(assigned, "why_from_frame", lambda *_: "to compare with"):
                frames, slow = seconds(lambda a=agg, m=moved, s=some: refit(a, m, s))
            gap = np.nanmax(np.abs(fast.att - slow.att))
            print(
                f"  {method:6s} frames {1000 * frames / n:7.2f} ms   coded data "
                f"{1000 * coded / n:6.2f} ms   blocks {1000 * ours / n:6.2f} ms   "
                f"frames / blocks {frames / ours:5.1f}   difference {gap:.0e}"
            )


def units() -> None:
    for n in (2000, LARGEST, 50_000):
        print(f"\nunit jackknife, {n:,} deletions, two covariates")
        for method in ("reg", *METHODS):
            res = estimate(panel(n, n), method, "unit")
            ours, fast = seconds(lambda r=res: r.deletions().estimates.att)
            if n > LARGEST or method == "reg":
                print(f"  {method:6s} {ours:8.2f} s")
                continue
            with patch.object(expansion, "MANY", np.inf):
                rows, slow = seconds(lambda r=res: r.deletions().estimates.att)
            gap = np.nanmax(np.abs(fast - slow))
            print(
                f"  {method:6s} {ours:8.2f} s   sums over all rows {rows:8.2f} s   "
                f"ratio {rows / ours:6.1f}   difference {gap:.0e}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help="of randomize, units; default both")
    parser.add_argument("--assignments", type=int, default=60)
    arguments = parser.parse_args()
    if unknown := set(arguments.what) - {"randomize", "units"}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = arguments.what or ["randomize", "units"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "randomize" in chosen:
            randomize(arguments.assignments)
        if "units" in chosen:
            units()


if __name__ == "__main__":
    main()
