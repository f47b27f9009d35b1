"""The report page on a user's own data: a folder that is a small project of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from didjack._paths import notebooks_dir
from didjack.errors import DataError, ReportError
from didjack.report.pages import Page


def plan_own_page(
    folder: Path, data: Path, arguments: Mapping[str, Any], level: float, title: str | None = None
) -> Page:
    """Write the specification of a user's own analysis and plan its page.

    Parameters
    ----------
    folder
        Where the report goes; made if need be. A folder with other content is refused.
    data
        The data file.
    arguments
        Of `didjack.att_gt`.
    level
        Coverage of the intervals.
    title
        Of the page. None: the name of the data file.

    Returns
    -------
    Page
        To be run with ``folder`` as root.

    Raises
    ------
    DataError, DesignError
        If the data cannot be used, before anything is written.
    """
    from didjack import att_gt
    from didjack.datasets import write_specification
    from didjack.io import read_table

    cluster = arguments.get("clustervars") or arguments.get("idname")
    if cluster is None:
        raise DataError(
            "repeated cross-sections have no unit to delete: give the cluster with --cluster"
        )
    _check_folder(folder)
    att_gt(read_table(data), **arguments)  # bad data: an error here, not in cell 5 of a notebook
    name = re.sub(r"[^\w-]+", "-", data.stem).strip("-") or "report"
    folder.mkdir(parents=True, exist_ok=True)
    description = f"Computed from {data.name} as {name}.toml says."
    toml = write_specification(
        folder / f"{name}.toml",
        data,
        arguments,
        str(cluster),
        title=title,
        description=description,
    )
    return Page(
        name=name,
        notebook=notebooks_dir() / "dataset-report.ipynb",
        parameters={"specification": toml.name, "level": level},
        title=title or data.name,
        description=description,
        inputs=(data.resolve(), toml.resolve()),
    )


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else: the site's pages would mix with it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ReportError(f"{folder} is a file; give a folder with --out")
    ours = (folder / "reports").is_dir() and not (folder / "_quarto.yml").exists()
    if any(folder.iterdir()) and not ours:
        raise ReportError(f"{folder} holds other files; give an empty folder with --out")
