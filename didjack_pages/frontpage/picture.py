"""The headline picture as SVG text, for the front page and for the README.

It is written by hand instead of drawn by matplotlib so that text and lines follow the theme of
the page, and so that the file in the repository is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from didjack.display.diagnostics import records
from didjack.display.vocabulary import WORDS

WIDTH, LEFT, RIGHT = 760, 332, 30
TOP, STEP, BOTTOM = 48, 38, 44
SIGNIFICANT = 0.05
RADIUS = 4.6
OFFSET = {"simple": -7.5, "dynamic": -2.5, "group": 2.5, "calendar": 7.5}

# In a page the text takes the page's own colour; alone, the file brings paper and both themes.
_ALONE = """
.hl-paper{fill:#fff}.hl-all{color:#1f252c}
@media (prefers-color-scheme:dark){.hl-paper{fill:#14181d}.hl-all{color:#d8dde3}}"""
_STYLE = """
.hl-all{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif}
.hl-all text{fill:currentColor}.hl-soft{opacity:.72;font-size:12px}
.hl-line{stroke:currentColor;opacity:.16}
.hl-one{stroke:currentColor;opacity:.6}.hl-mark{fill:#c2560c;stroke:#c2560c;stroke-width:1.4}
.hl-ring{fill:none;stroke:currentColor;stroke-width:1.6}"""


def headline_svg(frame: pd.DataFrame, standalone: bool = False) -> str:
    """Draw the ratios of CV3 to clustered standard errors.

    Parameters
    ----------
    frame : DataFrame
        As given by `didjack_pages.frontpage.headline.headline_frame`.
    standalone : bool
        Whether the picture is a file of its own, with background and both colour themes.
    """
    names = list(dict.fromkeys(frame["specification"]))
    titles = dict(zip(frame["specification"], frame["title"], strict=True))
    low = min(1.0, math.floor(frame["ratio"].min() * 10) / 10)
    high = math.ceil((frame["ratio"].max() + 0.05) * 4) / 4
    height = TOP + STEP * len(names) + BOTTOM

    def x(ratio: float) -> float:
        return LEFT + (ratio - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    floor = TOP + STEP * len(names)
    parts = [_legend(), *_axis(low, high, x, floor)]
    for index, name in enumerate(names):
        y = TOP + STEP * (index + 0.5)
        dataset, _, analysis = titles[name].partition(": ")
        parts.append(f'<line class="hl-line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text x="{LEFT - 14}" y="{y - 2}" text-anchor="end">{escape(dataset)}</text>'
        )
        parts.append(
            f'<text class="hl-soft" x="{LEFT - 14}" y="{y + 11}" text-anchor="end">'
            f"{escape(shortened(analysis))}</text>"
        )
        for row in records(frame[frame["specification"] == name]):
            parts += _point(x(row.ratio), y, row)
    title = "CV3 standard error divided by the clustered standard error, by specification"
    paper = (
        f'<rect class="hl-paper" width="{WIDTH}" height="{height}" rx="8"/>' if standalone else ""
    )
    size = f' width="{WIDTH}" height="{height}"' if standalone else ' style="max-width:100%"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"{size} '
            f'role="img" aria-label="{title}">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}{_ALONE if standalone else ''}</style>",
            f'{paper}<g class="hl-all">',
            *parts,
            "</g></svg>",
        ]
    )


def shortened(text: str, most: int = 47) -> str:
    """Cut a text that is too long for the left margin; an ellipsis says so.

    Parameters
    ----------
    text : str
    most : int
        Letters that fit.
    """
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _mark(type: str, x: float, y: float, css: str, r: float = RADIUS) -> str:
    """Draw the mark of an aggregation: circle, square, diamond or triangle."""
    if type == "simple":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>'
    corners = {
        "dynamic": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "group": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "calendar": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    }[type]
    points = " ".join(f"{x + r * a:.1f},{y + r * b:.1f}" for a, b in corners)
    return f'<polygon class="{css}" points="{points}"/>'


def _point(x: float, y: float, row: Any) -> list[str]:
    y += OFFSET[row.aggregation]
    parts = [_mark(row.aggregation, x, y, "hl-mark")]
    if row.p < SIGNIFICANT and not row.p_exact < SIGNIFICANT:
        parts.append(f'<circle class="hl-ring" cx="{x:.1f}" cy="{y:.1f}" r="9"/>')
    return parts


def _legend() -> str:
    parts, x = [], 20.0
    for type, words in WORDS.items():
        parts.append(_mark(type, x, 20, "hl-mark"))
        parts.append(f'<text x="{x + 11}" y="24.5">{words.short}</text>')
        x += 34 + 7.2 * len(words.short)
    parts.append(f'<circle class="hl-ring" cx="{x + 4}" cy="20" r="8"/>')
    parts.append(
        f'<text x="{x + 19}" y="24.5">significant at 5% by clustered s.e., not by exact CV3</text>'
    )
    return "".join(parts)


def _axis(low: float, high: float, x: Callable[[float], float], floor: float) -> list[str]:
    parts = []
    steps = [low + k * 0.5 for k in range(int((high - low) / 0.5) + 1)]
    for tick in [t for t in (round(s * 2) / 2 for s in steps) if low <= t <= high]:
        css = "hl-one" if tick == 1 else "hl-line"
        parts.append(
            f'<line class="{css}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 4}" '
            f'y2="{floor + 4}"/>'
            f'<text class="hl-soft" x="{x(tick):.1f}" y="{floor + 18}" text-anchor="middle">'
            f"{tick:g}</text>"
        )
    parts.append(
        f'<text class="hl-soft" x="{(x(low) + x(high)) / 2:.1f}" y="{floor + 36}" '
        f'text-anchor="middle">CV3 standard error \u00f7 clustered standard error</text>'
    )
    return parts
