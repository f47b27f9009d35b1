"""How numbers here stand beside those of R, Stata and other Python packages, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import didjack as dj
from didjack.errors import DataError
from didjack.paths import data_dir
from didjack_pages.reference.markup import code, escape

AVERAGES = ("simple", "group", "dynamic", "calendar")
SAME = 1e-8  # in standard errors: what is called the same
CASES: dict[str, dict[str, Any]] = {
    "castle": {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"},
    "medicaid": {"yname": "dins", "tname": "year", "gname": "yexp2", "idname": "stfips"},
    "mpdta": {
        "yname": "lemp", "tname": "year", "gname": "first.treat", "idname": "countyreal",
        "xformla": "~ lpop",
    },
}  # fmt: skip
# Found in its source, and checked: its cells come out to 1e-16 with odds divided that way.
REASONS = {
    ("diff-diff", "mpdta"): "its doubly robust estimator divides the odds of the controls by the "
    "number of the treated, ours by their own sum; its regression and weighting agree",
}


def results(name: str) -> pd.DataFrame:
    """Read a file of results that are committed with the project.

    Parameters
    ----------
    name : {"parity", "references", "peers"}

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError
        There is no such file.
    """
    path = data_dir() / "results" / f"{name}.csv"
    if not path.is_file():
        raise DataError(f"There are no results in {path}: data/README.md says what writes them.")
    return pd.read_csv(path, keep_default_na=False, dtype={"version": str})


def parity_markdown() -> str:
    """Write a sentence and a table on the fixtures of csdid, one row for each."""
    table = results("parity")
    compared, agreeing, left = (
        int(table[name].sum()) for name in ("compared", "agreeing", "not_compared")
    )
    share = "All" if agreeing == compared else f"{agreeing:,} of"
    text = (
        f"{share} {compared:,} numbers that can be compared agree to "
        f"{_power(table['tolerance'].max())}; the worst differs by {_power(table['worst'].max())}. "
        + (f"{left:,} cannot be compared. " if left else "None is left out. ")
        + f"In {_times(int(table['refused'].sum()))} both sides refuse the call. Differences are "
        "relative where a number is above one, and absolute below."
    )
    rows = [
        (
            code(row.fixture), _sentence(row.tests), f"{row.compared:,}", f"{row.agreeing:,}",
            _power(row.worst), _notes(row.refused, row.reason),
        )
        for row in _rows(table)
    ]  # fmt: skip
    head = ("Fixture", "What it tests", "Compared", "Agreeing", "Worst", "Notes")
    return f"{text}\n\n{_table(head, 'l8 l36 r10 r10 r8 l26', rows)}"


def references_markdown() -> str:
    """Write a sentence and a table on the numbers of R and Stata that tests repeat."""
    table = results("references")
    logit = table["what"].str.endswith("with a logit")
    printed = table["what"].str.contains("as printed")
    exact = table[~logit & ~printed]
    text = (
        f"{table['numbers'].sum():,} numbers of {table['runs'].sum():,} calls. Those of R `did` "
        "are group-time effects, four averages and their standard errors. Without a logit the "
        f"worst relative difference is {_power(exact['worst'].max())}. With one it is "
        f"{_power(table.loc[logit, 'worst'].max())}, since R stops the iterations of its logit "
        "earlier; with R's stopping rule in the place of ours these agree to 1e-10 too."
    )
    rows = [
        (
            escape(row.program), escape(row.data), _sentence(row.what), f"{row.runs:,}",
            f"{row.numbers:,}", _power(row.tolerance), _power(row.worst),
        )
        for row in _rows(table)
    ]  # fmt: skip
    head = ("Program", "Data", "What", "Calls", "Numbers", "Tolerance", "Worst")
    return f"{text}\n\n{_table(head, 'l16 l14 l36 r7 r9 r11 r8', rows)}"


def estimates(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate one of the datasets on which packages are compared.

    Parameters
    ----------
    dataset : str
        A key of `CASES`.
    frame : DataFrame
        Its data.

    Returns
    -------
    DataFrame
        Columns kind ("cell" or the type of an average), group, time, att and se.
    """
    res = dj.att_gt(frame, **CASES[dataset])
    cells = res.to_frame()[["group", "time", "att", "se"]].assign(kind="cell")
    found = [(kind, dj.aggte(res, kind)) for kind in AVERAGES]
    averages = [{"kind": kind, "att": agg.att, "se": agg.se} for kind, agg in found]
    return pd.concat([cells, pd.DataFrame(averages)], ignore_index=True)


def peers_frame(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Set the numbers of other packages beside ours.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The data of each dataset on which packages are compared.

    Returns
    -------
    DataFrame
        A row for each dataset and package: version and date, the simple average and its standard
        error, theirs and ours, how many estimates are compared, and the worst difference of an
        estimate or a standard error, in our standard errors (infinite where one is missing).
    """
    theirs = results("peers")
    theirs[["group", "time"]] = theirs[["group", "time"]].apply(pd.to_numeric)
    rows = []
    for (dataset, package), part in theirs.groupby(["dataset", "package"], sort=False):
        both = part.merge(
            estimates(str(dataset), frames[str(dataset)]), on=["kind", "group", "time"], how="left",
            suffixes=("", "_ours"),
        )  # fmt: skip
        gap = both[["att", "se"]].to_numpy() - both[["att_ours", "se_ours"]].to_numpy()
        in_errors = np.abs(gap) / both[["se_ours"]].to_numpy()
        simple = both[both["kind"] == "simple"].iloc[0]
        rows.append(
            {
                "dataset": dataset, "package": package, "version": part["version"].iloc[0],
                "date": part["date"].iloc[0], "att": simple["att"], "se": simple["se"],
                "att_ours": simple["att_ours"], "se_ours": simple["se_ours"],
                "estimates": len(both), "averages": int((both["kind"] != "cell").sum()),
                "worst": float(np.where(np.isnan(in_errors), np.inf, in_errors).max()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def peers_markdown(frames: Mapping[str, pd.DataFrame]) -> str:
    """Write a sentence and a table on the estimates of other packages, beside ours.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        As in `peers_frame`.
    """
    table = peers_frame(frames)
    same = int((table["worst"] <= SAME).sum())
    first, last = table["date"].min(), table["date"].max()
    days = f"on {first}" if first == last else f"from {first} to {last}"
    text = (
        f"In {same} of {len(table)} comparisons every estimate and every standard error is the "
        f"same, to {_power(SAME)} of a standard error. The other packages were run {days}; our "
        "numbers are computed with this page."
    )
    rows: list[tuple[str, ...]] = []
    for dataset, part in table.groupby("dataset", sort=False):
        ours = part.iloc[0]
        rows.append(
            (
                escape(str(dataset)), f"didjack {escape(dj.__version__)}",
                *_numbers(ours["att_ours"], ours["se_ours"]), "", "",
            )
        )  # fmt: skip
        for row in _rows(part):
            cells = row.estimates - row.averages
            rows.append(
                (
                    "", f"{escape(row.package)} {escape(row.version)}", *_numbers(row.att, row.se),
                    f"{cells} cells, {row.averages} average" + "s" * (row.averages > 1),
                    _power(row.worst),
                )
            )  # fmt: skip
    head = ("Data", "Package", "Average", "Std. error", "Compared", "Worst")
    return "\n\n".join(
        [text, _table(head, "l11 l18 r14 r12 l20 r8", rows), "\n".join(_differences(table))]
    )


def _differences(table: pd.DataFrame) -> Iterator[str]:
    """Say why packages differ, a line of a list for each."""
    for row in _rows(table[table["worst"] > SAME]):
        reason = REASONS.get((row.package, row.dataset), "the reason is not known to us")
        yield f"- {escape(row.package)} on {code(row.dataset)}: {reason}."


def _numbers(att: float, se: float) -> tuple[str, str]:
    return f"{att:.8f}".replace("-", "\N{MINUS SIGN}"), f"{se:.8f}"


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """Go through rows with columns as attributes, whatever their types."""
    yield from table.itertuples()


def _power(value: float) -> str:
    """Write a small number as its first digit and a power of ten."""
    return f"{value:.0e}".replace("e-0", "e-")


def _times(count: int) -> str:
    return "one case" if count == 1 else f"{count} cases"


def _notes(refused: int, reason: str) -> str:
    alike = f"{refused} call{'s' * (refused > 1)} refused on both sides" if refused else ""
    return escape("; ".join(part for part in (alike, reason) if part))


def _sentence(text: str) -> str:
    """Write a phrase with a capital, unless it begins with the name of an estimator."""
    return escape(text if text.startswith("dr, ") else text[0].upper() + text[1:])


def _table(head: tuple[str, ...], columns: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Write a pipe table; columns are sides and relative widths, such as "l20 r8"."""
    rule = []
    for column in columns.split():
        dashes = "-" * int(column[1:])
        rule.append(f"{dashes}:" if column[0] == "r" else f":{dashes}")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
