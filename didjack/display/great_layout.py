"""Frames of formatted text, laid out by great_tables."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from didjack.display.wording import one_line
from didjack.extras import optional_imports

if TYPE_CHECKING:
    from great_tables import GT


def great_table(
    frame: pd.DataFrame, group: str | None = None, note: str = "", unbroken: Sequence[str] = ()
) -> GT:
    """Lay out a frame of formatted text: first column left, the others right.

    Parameters
    ----------
    frame : DataFrame
    group : str, optional
        Column that divides the rows into groups with a heading.
    note : str
        A line under the table.
    unbroken : sequence of str
        Columns whose lines must not break.

    Returns
    -------
    great_tables.GT
        Its identifier follows from its content, so that equal tables are equal HTML.

    Raises
    ------
    MissingExtraError
        great_tables is not installed.
    """
    with optional_imports():
        from great_tables import GT, loc, style

    # great_tables escapes what would be HTML; line ends are left to us.
    frame = frame.map(_flat).rename(columns=_flat)
    note, unbroken = one_line(note), [one_line(name) for name in unbroken]
    text = frame.to_csv(index=False) + note
    identifier = "t" + hashlib.sha256(text.encode()).hexdigest()[:10]
    first, *others = [column for column in frame.columns if column != group]
    table = GT(frame, groupname_col=group, id=identifier)
    table = table.cols_align("left", [first]).cols_align("right", others)
    if unbroken:
        nowrap = style.css("white-space: nowrap")
        table = table.tab_style(nowrap, loc.body(columns=unbroken))
    table = table.tab_options(table_font_names="inherit", row_group_font_weight="bold")
    return table.tab_source_note(note) if note else table


def _flat(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value
