"""Write what other Python packages estimate on three datasets to data/results/peers.csv.

    python benchmarks/peers.py [PACKAGE ...]

Needs the packages, pandas and numpy, but not didjack, so that each can have an environment of its
own: rows of packages that are not named stay as they are. All are told the same: doubly robust,
never-treated controls, varying base period, standard errors by unit without a bootstrap.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parents[1] / "data"
RESULTS = DATA / "results" / "peers.csv"
COLUMNS = ["dataset", "package", "version", "date", "kind", "group", "time", "att", "se"]
AVERAGES = ("simple", "group", "dynamic", "calendar")
Row = tuple[str, float | None, float | None, float, float]  # kind, group, time, att, se


@dataclass(frozen=True)
class Case:
    """A dataset with the roles of its columns: outcome, period, cohort, unit, covariates."""

    file: str
    y: str
    t: str
    g: str
    unit: str
    x: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Read the columns that are used; the cohort is a number, 0 where never treated."""
        frame = pd.read_csv(DATA / self.file)[[self.y, self.t, self.g, self.unit, *self.x]]
        return frame.astype({self.g: float})


CASES = {
    "castle": Case("castle.csv", "l_homicide", "year", "gvar", "sid"),
    "medicaid": Case("medicaid.csv", "dins", "year", "yexp2", "stfips"),
    "mpdta": Case("mpdta.csv", "lemp", "year", "first.treat", "countyreal", ("lpop",)),
}


def moderndid(case: Case) -> Iterator[Row]:
    """Estimate with moderndid."""
    import moderndid as md

    fit = md.att_gt(
        case.frame(), yname=case.y, tname=case.t, idname=case.unit, gname=case.g,
        xformla="~ " + " + ".join(case.x) if case.x else None, est_method="dr", boot=False,
        cband=False,
    )  # fmt: skip
    cells = zip(fit.groups, fit.times, fit.att_gt, fit.se_gt, strict=True)
    yield from (("cell", *map(float, cell)) for cell in cells)
    for kind in AVERAGES:
        average = md.aggte(fit, type=kind, boot=False, cband=False)
        yield kind, None, None, float(average.overall_att), float(average.overall_se)


def csdid(case: Case) -> Iterator[Row]:
    """Estimate with csdid for Python."""
    from csdid.att_gt import ATTgt

    fit = ATTgt(
        yname=case.y, tname=case.t, idname=case.unit, gname=case.g, data=case.frame(),
        xformla=f"{case.y} ~ {' + '.join(case.x) or 1}", control_group="nevertreated",
    ).fit(est_method="dr", bstrap=False)  # fmt: skip
    results = fit.results
    cells = zip(results["group"], results["year"], results["att"], results["se"], strict=True)
    yield from (("cell", *map(float, cell)) for cell in cells)
    for kind in AVERAGES:
        average = fit.aggte(typec=kind, bstrap=False, cband=False).atte
        yield kind, None, None, float(average["overall_att"]), float(average["overall_se"])


def diff_diff(case: Case) -> Iterator[Row]:
    """Estimate with diff-diff, which has no average over periods."""
    from diff_diff import CallawaySantAnna

    fit = CallawaySantAnna(estimation_method="dr").fit(
        case.frame(), outcome=case.y, unit=case.unit, time=case.t, first_treat=case.g,
        covariates=list(case.x) or None,
    )  # fmt: skip
    for (group, time), cell in sorted(fit.group_time_effects.items()):
        yield "cell", float(group), float(time), float(cell["effect"]), float(cell["se"])
    yield "simple", None, None, float(fit.overall_att), float(fit.overall_se)


def statspai(case: Case) -> Iterator[Row]:
    """Estimate with StatsPAI."""
    import statspai as sp

    fit = sp.callaway_santanna(
        case.frame(), y=case.y, g=case.g, t=case.t, i=case.unit, x=list(case.x) or None,
        estimator="dr", base_period="varying",
    )  # fmt: skip
    for cell in fit.detail.itertuples():
        yield "cell", float(cell.group), float(cell.time), float(cell.att), float(cell.se)
    for kind in AVERAGES:
        average = sp.aggte(fit, type=kind)
        yield kind, None, None, float(average.estimate), float(average.se)


PACKAGES: dict[str, Callable[[Case], Iterator[Row]]] = {
    "moderndid": moderndid,
    "csdid": csdid,
    "diff-diff": diff_diff,
    "StatsPAI": statspai,
}


def main() -> None:
    """Estimate, and put the rows into the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", help=f"of {', '.join(PACKAGES)}; default all")
    names = parser.parse_args().packages or list(PACKAGES)
    if unknown := set(names) - set(PACKAGES):
        parser.error(f"unknown package {', '.join(sorted(unknown))}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows = []
    for name in names:
        for dataset, case in CASES.items():
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                found = list(PACKAGES[name](case))
            rows += [(dataset, name, version(name), today, *row) for row in found]
            print(f"{name} {version(name)}, {dataset}: {len(found)} estimates", file=sys.stderr)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if RESULTS.is_file():
        old = pd.read_csv(RESULTS, dtype={"version": str})
        kept = old[~old["package"].isin(names)]
        table = pd.concat([kept, table], ignore_index=True) if len(kept) else table
    order = {name: i for i, name in enumerate(PACKAGES)}
    table = table.sort_values(
        ["dataset", "package"], key=lambda c: c.map(order) if c.name == "package" else c,
        kind="stable",
    )  # fmt: skip
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    table[COLUMNS].to_csv(RESULTS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
