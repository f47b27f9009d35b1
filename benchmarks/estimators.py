"""Time a full jackknife of didjack against one estimate, without jackknife, of other packages.

python benchmarks/estimators.py              # all designs
python benchmarks/estimators.py panel merit  # some

The others (csdid, diff-diff, StatsPAI) estimate ATT(g,t) and the simple average once, with their
analytic standard errors. Refitting them once per cluster would take as many times as long as there
are clusters. didjack estimates, aggregates four ways and jackknifes every parameter.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

import didjack as dj
from didjack.datasets import load_dataset, unavailable

TYPES = ("simple", "dynamic", "group", "calendar")
COVARIATES = ("x1", "x2", "x3")
Run = Callable[[pd.DataFrame, tuple[str, ...], bool, str], float]


def panel(units: int) -> pd.DataFrame:
    """Return a balanced panel over 10 periods in 50 clusters, with three covariates."""
    rng = np.random.default_rng(1)
    unit = np.repeat(np.arange(units), 10)
    t = np.tile(np.arange(1, 11), units)
    g = np.array([0, 0, 4, 6, 8])[np.arange(units) % 5][unit]
    frame = pd.DataFrame({"unit": unit, "t": t, "g": g, "cluster": unit % 50})
    for name in COVARIATES:
        frame[name] = rng.normal(size=units)[unit]
    frame["y"] = frame["x1"] * t / 10 + (t >= g) * (g > 0) + rng.normal(size=len(frame))
    return frame


def merit() -> pd.DataFrame:
    frame = load_dataset("merit").rename(
        columns={"coll": "y", "year": "t", "gvar": "g", "state": "cluster"}
    )
    names = dict(zip(("male", "black", "asian"), COVARIATES, strict=True))
    return frame.rename(columns=names).assign(unit=np.arange(len(frame)))


def didjack(frame: pd.DataFrame, x: tuple[str, ...], is_panel: bool, method: str) -> float:
    res = dj.att_gt(
        frame, "y", "t", "g", "unit", xformla="~ " + " + ".join(x), est_method=method,
        clustervars="cluster", panel=is_panel,
    )  # fmt: skip
    deletions = res.deletions()  # one pass for all averages, as in `csdid`
    found = [dj.jackknife(dj.aggte(res, type_), deletions=deletions) for type_ in TYPES]
    for jk in found:
        jk.to_frame()
    return found[0].att


def csdid(frame: pd.DataFrame, x: tuple[str, ...], is_panel: bool, method: str) -> float:
    from csdid.att_gt import ATTgt

    fit = ATTgt(
        yname="y", tname="t", idname="unit", gname="g", data=frame, panel=is_panel,
        xformla="y ~ " + " + ".join(x),
    ).fit(est_method=method, bstrap=False)  # fmt: skip
    return float(
        fit.aggte(typec="simple", bstrap=False, cband=False, na_rm=True).atte["overall_att"]
    )


def diff_diff(frame: pd.DataFrame, x: tuple[str, ...], is_panel: bool, method: str) -> float:
    from diff_diff import CallawaySantAnna

    model = CallawaySantAnna(estimation_method=method, panel=is_panel)
    fit = model.fit(
        frame, outcome="y", unit="unit", time="t", first_treat="g", covariates=list(x),
        aggregate="simple",
    )  # fmt: skip
    return float(fit.overall_att)


def statspai(frame: pd.DataFrame, x: tuple[str, ...], is_panel: bool, method: str) -> float:
    import statspai as sp

    fit = sp.callaway_santanna(
        frame, y="y", g="g", t="t", i="unit", x=list(x), estimator=method, panel=is_panel
    )
    return float(sp.aggte(fit, type="simple").estimate)


PEERS: dict[str, tuple[str, Run]] = {
    "csdid": ("csdid", csdid),
    "diff-diff": ("diff-diff", diff_diff),
    "StatsPAI": ("StatsPAI", statspai),
}
DESIGNS: dict[str, tuple[str, Callable[[], pd.DataFrame], bool, float]] = {
    "panel": ("dr, 20,000 units x 10 periods, 50 clusters", lambda: panel(20_000), True, 1.0),
    "merit": ("dr, merit: 42,161 rows, 51 clusters", merit, False, 0.3),
    "large": ("dr, 200,000 units x 10 periods, 50 clusters", lambda: panel(200_000), True, 10.0),
}


def timed(run: Run, frame: pd.DataFrame, is_panel: bool, repeats: int) -> tuple[float, float]:
    """Return the least of some times, and the simple average."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            att = run(frame, COVARIATES, is_panel, "dr")
        best = min(best, time.perf_counter() - start)
    return best, att


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("designs", nargs="*", help=f"of {', '.join(DESIGNS)}; default all")
    arguments = parser.parse_args()
    if unknown := set(arguments.designs) - set(DESIGNS):
        parser.error(f"unknown design {', '.join(sorted(unknown))}")
    packages = ", ".join(f"{p} {version(p)}" for p in ("didjack", "numpy", *PEERS))
    print(f"Python {sys.version.split()[0]}, {packages}")
    for name in arguments.designs or DESIGNS:
        title, load, is_panel, target = DESIGNS[name]
        print(f"\n{title}")
        if name == "merit" and (reason := unavailable("merit")) is not None:
            print(f"  left out: {reason}")
            continue
        frame = load()
        ours, att = timed(didjack, frame, is_panel, 3)
        print(
            f"  didjack, everything jackknifed  {ours:8.2f} s  (target {target} s)  ATT {att:.8f}"
        )
        for peer, (_, run) in PEERS.items():
            try:
                theirs, att = timed(run, frame, is_panel, 1)
            except Exception as error:  # a peer that cannot do the design is no reason to stop
                print(f"  {peer:12s} fails: {type(error).__name__}: {str(error)[:90]}")
                continue
            print(
                f"  {peer:12s} one estimate       {theirs:8.2f} s  {theirs / ours:8.1f} times "
                f"ours  ATT {att:.8f}"
            )


if __name__ == "__main__":
    main()
