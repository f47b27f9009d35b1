"""What a notebook shows of a result: its table, and under it the warnings and notes."""

from __future__ import annotations

from html import escape

import pandas as pd

from didjack.core.screen import remarks, screen_frame
from didjack.core.views import Shown

MOST_ROWS = 60


def notebook_html(shown: Shown) -> str:
    """Write a result as HTML: a title, the table, warnings, and notes.

    Whatever comes from data is escaped. Of long tables the first sixty rows are shown.

    Parameters
    ----------
    shown : Shown
    """
    warned, notes = shown.warnings, shown.notes
    n = len(dict.fromkeys(warned))
    sentences = [escape(text) for text in remarks(warned, notes)]
    items = [f"<strong>{text}</strong>" if i < n else text for i, text in enumerate(sentences)]
    title = escape(shown.headline()[0].splitlines()[0])
    parts = [
        f"<p><strong>{title}</strong></p>",
        html_table(shown.to_frame()),
        *([f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"] if items else []),
    ]
    return f"<div>{''.join(parts)}</div>"


def html_table(frame: pd.DataFrame) -> str:
    """Write a frame of results as an HTML table, rounded as on a screen.

    Parameters
    ----------
    frame : DataFrame
    """
    shown = frame.iloc[:MOST_ROWS]
    text = screen_frame(shown)
    left = [
        not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)
        for _, values in frame.items()
    ]
    sides = ["left" if side else "right" for side in left]
    head = _row(list(text.columns), sides, "th")
    body = "".join(_row(row, sides, "td") for row in text.to_numpy().tolist())
    rest = len(frame) - len(shown)
    more = f"<p>{rest:,} more rows: to_frame() has them.</p>" if rest else ""
    table = f'<table class="dataframe"><thead>{head}</thead><tbody>{body}</tbody></table>'
    return table + more


def _row(cells: list[str], sides: list[str], tag: str) -> str:
    written = (
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(written)}</tr>"
