"""The table of `didjack estimate`, on the screen and in files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from didjack.errors import ReportError

if TYPE_CHECKING:
    import pandas as pd

    from didjack.comparison import Comparison


def print_comparison(result: Comparison, table: pd.DataFrame, source: str) -> None:
    """Print the table with a line on the data above it and the notes below it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    columns = display_columns(table, result.level)
    for name in map(str, columns):
        shown.add_column(name, justify=_justify(name), no_wrap=True)
    previous = None
    for row in columns.itertuples(index=False, name=None):
        if previous is not None and row[0] != previous:
            shown.add_section()
        repeated = row[0] == previous
        previous = row[0]
        shown.add_row(*(("", "", *row[2:]) if repeated else row))
    console.print(describe(result, source), markup=False)
    console.print(shown)
    for note in result.notes:
        console.print(f"- {note}", markup=False)


def describe(result: Comparison, source: str) -> str:
    """Say in one line what the table was computed from."""
    res = result.attgt
    jackknife = next(iter(result.jackknives.values()))
    parts = [
        f"{res.n:,} {'units' if res.panel.is_panel else 'rows'}",
        f"{len(res.groups)} treated cohorts",
        f"{len(res.times)} periods",
        f"{jackknife.n_clusters} clusters ({jackknife.cluster})",
    ]
    return f"{source}: {', '.join(parts)}"


def _justify(name: str) -> Literal["left", "right"]:
    return "left" if name in ("Effect", "Inference") else "right"


def display_columns(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the table as text for people, with the inferences of one effect side by side."""
    import pandas as pd

    # Rows come by inference; sorting by the first place of each effect keeps their order.
    effect = table["aggregation"].where(table["parameter"] == "overall", table["parameter"])
    places = {name: place for place, name in enumerate(dict.fromkeys(effect))}
    table = table.assign(effect=effect).sort_values(
        "effect", key=lambda names: names.map(places), kind="stable"
    )
    number = _number_format(table["se"])
    return pd.DataFrame(
        {
            "Effect": table["effect"],
            "ATT": table["att"].map(number),
            "Inference": table["inference"],
            "SE": table["se"].map(number),
            "t": table["t"].map("{:.2f}".format),
            "p": table["p"].map("{:.3f}".format),
            f"{100 * level:g}% interval": [
                f"[{number(low)}, {number(high)}]"
                for low, high in zip(table["ci_low"], table["ci_high"], strict=True)
            ],
            "df": table["df"].map(lambda df: "inf" if math.isinf(df) else f"{df:g}"),
        }
    )


def _number_format(errors: pd.Series) -> Callable[[float], str]:
    """Return a format with three significant digits of the smallest standard error."""
    positive = errors[errors > 0]
    smallest = positive.min() if len(positive) else 1.0
    decimals = min(max(2 - math.floor(math.log10(smallest)), 1), 9)
    return f"{{:.{decimals}f}}".format


def _csv(table: pd.DataFrame, level: float) -> str:
    return table.assign(level=level).to_csv(index=False, lineterminator="\n")


def _markdown(table: pd.DataFrame, level: float) -> str:
    columns = display_columns(table, level)
    names = [str(name) for name in columns]
    align = ["---" if _justify(name) == "left" else "---:" for name in names]
    rows: list[list[str]] = [names, align, *columns.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _latex(table: pd.DataFrame, level: float) -> str:
    from great_tables import GT

    return str(GT(display_columns(table, level)).as_latex()) + "\n"


def _html(table: pd.DataFrame, level: float) -> str:
    from great_tables import GT

    return str(GT(display_columns(table, level)).as_raw_html()) + "\n"


_WRITERS: Mapping[str, Callable[[pd.DataFrame, float], str]] = {
    ".csv": _csv,
    ".html": _html,
    ".md": _markdown,
    ".tex": _latex,
}


def check_output(path: Path) -> None:
    """Raise ReportError where a table cannot be written, before anything is computed."""
    if path.suffix.lower() not in _WRITERS:
        raise ReportError(f"{path}: the table can be written as {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise ReportError(f"{path}: the folder {path.parent} does not exist")


def write_table(table: pd.DataFrame, level: float, path: Path) -> None:
    """Write the table in the form that the suffix asks for."""
    text = _WRITERS[path.suffix.lower()](table, level)
    path.write_text(text, encoding="utf-8", newline="\n")
