"""Write to data/results how far numbers agree with those of R, Stata and StatsPAI.

    python tests/agreement.py

computes `parity.csv` (the fixtures of csdid 2.0.0, where they are at hand: DIDJACK_PARITY) and
`references.csv` (the numbers in tests/reference) with the comparisons that the tests make. What
is not at hand keeps its rows.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "data" / "results"
PARITY = RESULTS / "parity.csv"
REFERENCES = RESULTS / "references.csv"
KEYS = ["file", "program", "data", "what"]
# The comparisons stand in the tests of each room, which pytest finds by the name of the file.
for room in ("", "parity", "estimators", "inference", "datasets"):
    if str(HERE / room) not in sys.path:
        sys.path.append(str(HERE / room))


def parity_row(name: str) -> dict[str, object]:
    """Compare one fixture: what it tests, and how many of its numbers agree."""
    from calls import FIXTURES, compared
    from fixtures import TOLERANCE

    parity = compared(name)
    about = " ".join((FIXTURES[name].__doc__ or "").split()).removeprefix(f"{name}: ")
    return {
        "fixture": name,
        "tests": about.removesuffix("."),
        "compared": parity.compared,
        "agreeing": parity.equal,
        "tolerance": TOLERANCE,
        "worst": parity.worst,
        "refused": parity.refused,
        "not_compared": parity.not_compared,
        "reason": parity.reasons,
    }


def reference_rows() -> Iterator[dict[str, object]]:
    """Compare the numbers of tests/reference, a row for each program and kind of estimate.

    Yields
    ------
    dict
        Rows of datasets that cannot be had here are left out.
    """
    from references import castle_jackknives, r_jackknives, r_runs

    kinds: dict[tuple[str, str, str], list[object]] = {}
    for run in r_runs():
        stem = run.name.split(":")[0]
        logit = run.kwargs["est_method"] != "reg" and run.kwargs["xformla"] is not None
        what = f"{_layout(run)}, {'with' if logit else 'without'} a logit"
        what += ", universal base" * stem.endswith("universal")
        kinds.setdefault((f"{stem}.json", run.data, what), []).append(run)
    for (file, data, what), runs in kinds.items():
        yield from _row(file, "R did 2.5.1", data, what, runs, _compare_run)
    for program in ("R", "Stata"):
        rows = [row for row in castle_jackknives() if f":{program}:" in row.name]
        name = "R didjack 0.1.0" if program == "R" else "Stata csdidjack 0.5.2"
        what = "CV3 standard errors and all delete-one estimates"
        yield from _row("castle_didjack.json", name, "castle", what, rows, _compare_castle)
    for data in ("mpdta", "merit"):
        rows = [row for row in r_jackknives() if row.data == data]
        what = "CV3 standard errors, t, p, intervals and all delete-one estimates"
        file = f"r_{data}_didjack.json"
        yield from _row(file, "R didjack 0.1.0", data, what, rows, _compare_jackknife)
    yield _nsw_row()


def _layout(run) -> str:
    unbalanced = run.kwargs["allow_unbalanced_panel"]
    panel = "unbalanced panel" if unbalanced else "balanced panel"
    name = panel if run.kwargs["panel"] else "repeated cross-sections"
    return name + (", clustered" if run.kwargs["clustervars"] else "")


def _nsw_row() -> dict[str, object]:
    """Compare what Stata drdid prints; the tolerance is one in the last digit printed."""
    from test_published import NSW, last_digit, nsw_estimates

    pairs = [
        (ours, printed)
        for layout in ("panel", "rc")
        for method in sorted(NSW[layout])
        for ours, printed in zip(nsw_estimates(layout, method), NSW[layout][method], strict=True)
    ]
    return {
        "file": "drdid_nsw.json",
        "program": "Stata drdid",
        "data": "National Supported Work",
        "what": "estimates and standard errors as printed, seven digits",
        "runs": len(pairs) // 2,
        "numbers": len(pairs),
        "tolerance": max(float(last_digit(printed)) / abs(float(printed)) for _, printed in pairs),
        "worst": max(abs(ours / float(printed) - 1) for ours, printed in pairs),
    }


def _row(file, program, data, what, members, compare) -> Iterator[dict[str, object]]:
    from compare import tallied

    if _frame(data) is None:
        return
    with tallied() as tally:
        for member in members:
            compare(member)
    yield {
        "file": file,
        "program": program,
        "data": data.replace("_unbalanced", ", rows left out"),
        "what": what,
        "runs": len(members),
        "numbers": tally.numbers,
        "tolerance": tally.tolerance,
        "worst": tally.worst,
    }


def _frame(name: str) -> pd.DataFrame | None:
    from references import prepare

    from didjack.datasets import load_dataset, unavailable

    dataset = name.removesuffix("_unbalanced")
    return prepare(name, load_dataset(dataset)) if unavailable(dataset) is None else None


def _compare_run(run) -> None:
    from references import AGGREGATIONS
    from test_reference_r import compare_aggregate, compare_cells

    import didjack as dj

    res = dj.att_gt(_frame(run.data), **run.kwargs)
    compare_cells(res, run)
    for type_ in AGGREGATIONS:
        compare_aggregate(dj.aggte(res, type_), run, type_)


def _compare_castle(row) -> None:
    from test_reference_castle import compare

    compare(_jackknifed(row), row)


def _compare_jackknife(row) -> None:
    from test_reference_r import compare_jackknife

    compare_jackknife(_jackknifed(row), row)


def _jackknifed(row):
    import didjack as dj

    return dj.jackknife(dj.aggte(dj.att_gt(_frame(row.data), **row.kwargs), type=row.type))


def write(path: Path, rows: list[dict[str, object]], keys: list[str]) -> None:
    """Write rows; old ones with other keys stay."""
    table = pd.DataFrame(rows)
    if path.is_file():
        old = pd.read_csv(path, keep_default_na=False)
        new = set(map(tuple, table[keys].to_numpy().tolist()))
        kept = [key not in new for key in map(tuple, old[keys].to_numpy().tolist())]
        table = pd.concat([old[kept], table], ignore_index=True) if any(kept) else table
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.1e")


def main() -> None:
    """Compute both files."""
    from calls import FIXTURES
    from fixtures import folder

    from didjack.errors import DidjackWarning

    warnings.simplefilter("ignore", DidjackWarning)
    if folder() is None:
        print("The parity fixtures are not here; parity.csv stays.", file=sys.stderr)
    else:
        write(PARITY, [parity_row(name) for name in FIXTURES], ["fixture"])
    write(REFERENCES, list(reference_rows()), KEYS)


if __name__ == "__main__":
    main()
