"""The table of `didjack estimate`, on the screen and in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from didjack.errors import OutputError
from didjack.extras import require_extra
from didjack.writing import csv_text

if TYPE_CHECKING:
    import pandas as pd

    from didjack.comparison import Comparison


_WORDS = ("Effect", "Inference")  # columns of words; the others are numbers


def print_comparison(result: Comparison, table: pd.DataFrame, source: str) -> None:
    """Print the table with a line on the data above it and the notes below it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from didjack.display.wording import one_line, plain

    console = Console(highlight=False)
    gap = 1 if console.width >= 80 else 0  # the box adds another column; 72 are enough then
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))
    columns = display_columns(table, result.level)
    for name in map(str, columns):
        shown.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=True)
    previous = None
    for row in columns.itertuples(index=False, name=None):
        if previous is not None and row[0] != previous:
            shown.add_section()
        repeated = row[0] == previous
        previous = row[0]
        cells = ("", "", *row[2:]) if repeated else row
        shown.add_row(*(plain(cell) for cell in cells))
    console.print(one_line(describe(result, source)), markup=False)
    for type, verdict in result.verdicts().items():
        console.print(f"{type}: {one_line(verdict.sentence)}", markup=False)
    console.print(shown)
    for note in result.notes:
        console.print(f"- {one_line(note)}", markup=False)


def describe(result: Comparison, source: str) -> str:
    """Say in one line what the table was computed from."""
    res = result.attgt
    jackknife = next(iter(result.jackknives.values()))
    parts = [
        f"{res.n:,} {'units' if res.panel.roles.panel else 'rows'}",
        f"{len(res.groups)} treated cohorts",
        f"{len(res.times)} periods",
        f"{jackknife.n_clusters} clusters ({jackknife.cluster})",
    ]
    return f"{source}: {', '.join(parts)}"


def display_columns(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the table as text for people, with the inferences of one effect side by side."""
    import pandas as pd

    from didjack.display.wording import decimals, interval, percent_label, text_frame

    # Rows come by inference; sorting by the first place of each effect keeps their order.
    effect = table["aggregation"].where(table["parameter"] == "overall", table["parameter"])
    places = {name: place for place, name in enumerate(dict.fromkeys(effect))}
    table = table.assign(effect=effect).sort_values(
        "effect", key=lambda names: names.map(places), kind="stable"
    )
    digits, text = decimals(table["se"]), text_frame(table)
    ends = zip(table["ci_low"], table["ci_high"], strict=True)
    return pd.DataFrame(
        {
            "Effect": text["effect"],
            "ATT": text["att"],
            "Inference": text["inference"],
            "SE": text["se"],
            "t": text["t"],
            "p": text["p"],
            f"{percent_label(level)} interval": [interval(low, high, digits) for low, high in ends],
            "df": text["df"],
        }
    )


def _csv(table: pd.DataFrame, level: float) -> str:
    return csv_text(table.assign(level=level))


def _markdown(table: pd.DataFrame, level: float) -> str:
    from didjack.display.wording import markdown_text

    columns = display_columns(table, level)
    names = [str(name) for name in columns]
    align = ["---" if name in _WORDS else "---:" for name in names]
    for name in (*_WORDS, "p"):
        columns[name] = columns[name].map(markdown_text)
    rows: list[list[str]] = [names, align, *columns.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _latex(table: pd.DataFrame, level: float) -> str:
    from didjack.display.latex import latex_table

    return latex_table(display_columns(table, level), left=_WORDS)


def _html(table: pd.DataFrame, level: float) -> str:
    from didjack.display.great_layout import great_table

    laid_out = great_table(display_columns(table, level)).cols_align("left", list(_WORDS))
    return str(laid_out.as_raw_html()) + "\n"


_WRITERS: Mapping[str, Callable[[pd.DataFrame, float], str]] = {
    ".csv": _csv,
    ".html": _html,
    ".md": _markdown,
    ".tex": _latex,
}


def check_format(path: Path) -> None:
    """Stop where the suffix says nothing, before anything is computed.

    Raises
    ------
    OutputError
        The suffix is none of those that can be written.
    MissingExtraError
        HTML is laid out by great_tables, which is not installed.
    """
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path}: the table can be written as {', '.join(_WRITERS)}")
    if path.suffix.lower() == ".html":
        require_extra("tables")


def table_text(table: pd.DataFrame, level: float, path: Path) -> str:
    """Return the table in the form that the suffix of its file asks for."""
    return _WRITERS[path.suffix.lower()](table, level)
