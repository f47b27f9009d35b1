"""Cell options: the `#| key: value` lines at the top of a code cell, and the cell's tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

_OPTION = re.compile(r"^#\|\s?(?P<yaml>.*)$")
_LABEL = re.compile(r"^[A-Za-z][\w:.-]*$")

#: Options that change the page.
SUPPORTED = frozenset(
    {
        *("label", "fig-cap", "fig-alt", "tbl-cap", "layout-ncol", "classes"),
        *("echo", "include", "output", "warning", "code-fold", "code-summary"),
    }
)
#: Options of Quarto's that matter while a notebook runs, not for stored outputs.
IGNORED = frozenset(
    {
        *("eval", "error", "cache", "freeze", "message", "id"),
        *("fig-width", "fig-height", "fig-dpi", "fig-format"),
    }
)
#: The tags that Quarto understands, in terms of options.
TAGS: Mapping[str, Mapping[str, bool]] = {
    "hide-cell": {"include": False},
    "remove-cell": {"include": False},
    "hide-code": {"echo": False},
    "hide-output": {"output": False},
    "hide-warnings": {"warning": False},
    "show-code": {"echo": True},
    "show-output": {"output": True},
    "show-warnings": {"warning": True},
}


@dataclass(frozen=True)
class CellOptions:
    """The options of one code cell, after those of the page."""

    label: str = ""
    echo: bool = True
    include: bool = True
    output: bool | str = True
    warning: bool = True
    code_fold: bool | str = False
    code_summary: str = "Code"
    fig_cap: str = ""
    fig_alt: tuple[str, ...] = ()
    tbl_cap: str = ""
    columns: int = 0
    classes: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=(), repr=False)

    @property
    def caption(self) -> str:
        """The caption of what the cell shows."""
        return self.fig_cap or self.tbl_cap

    @property
    def kind(self) -> str:
        """`fig` or `tbl` for a cell that is a numbered or captioned float, else nothing."""
        prefix = self.label.split("-", 1)[0] if "-" in self.label else ""
        if prefix in ("fig", "tbl"):
            return prefix
        return "fig" if self.fig_cap else "tbl" if self.tbl_cap else ""


def split_options(source: str) -> tuple[dict[str, Any], str, str]:
    """Split the option lines off a cell: the options, the code, and what is wrong."""
    lines = source.split("\n")
    options: list[str] = []
    while len(options) < len(lines) and (match := _OPTION.match(lines[len(options)])):
        options.append(match["yaml"])
    code = "\n".join(lines[len(options) :]).strip("\n")
    try:
        parsed = yaml.safe_load("\n".join(options)) if options else {}
    except yaml.YAMLError as error:
        return {}, code, f"the cell options are not valid YAML ({' '.join(str(error).split())})"
    if parsed is None:
        parsed = {}
    if not isinstance(parsed, dict):
        return {}, code, "the cell options have to be `#| key: value` lines"
    return parsed, code, ""


def cell_options(
    own: Mapping[str, Any], tags: list[str], page: Mapping[str, Any], problem: str = ""
) -> CellOptions:
    """Combine a cell's options and tags with the options of its page."""
    merged: dict[str, Any] = {}
    for key in ("echo", "include", "output", "warning", "code-fold", "code-summary"):
        if key in page:
            merged[key] = page[key]
    for name in tags:
        merged |= TAGS.get(name, {})
    merged |= own
    problems = [problem] if problem else []
    unknown = [key for key in own if key not in SUPPORTED | IGNORED]
    problems += [f"the cell option {key!r} is not supported" for key in unknown]
    label = str(merged.get("label", ""))
    if label and not _LABEL.match(label):
        problems.append(f"the label {label!r} may hold letters, digits and hyphens only")
    for key in ("fig-cap", "tbl-cap"):
        if isinstance(merged.get(key), list):
            problems.append(f"the option {key!r} takes one caption, not a list")
    alt = merged.get("fig-alt", ())
    classes = merged.get("classes", ())
    return CellOptions(
        label=label,
        echo=bool(merged.get("echo", True)),
        include=bool(merged.get("include", True)),
        output=merged.get("output", True),
        warning=bool(merged.get("warning", True)),
        code_fold=merged.get("code-fold", False),
        code_summary=str(merged.get("code-summary", "Code")),
        fig_cap=_caption(merged.get("fig-cap")),
        fig_alt=tuple(str(item) for item in alt) if isinstance(alt, list | tuple) else (str(alt),),
        tbl_cap=_caption(merged.get("tbl-cap")),
        columns=int(merged.get("layout-ncol", 0)),
        classes=tuple(classes.split() if isinstance(classes, str) else classes),
        problems=tuple(problems),
    )


def _caption(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
