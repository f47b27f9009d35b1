"""The report page on a user's own data: a folder that is a small project of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from didjack.display.wording import markdown_text
from didjack.errors import DataError, OutputError
from didjack.locking import LOCK
from didjack.writing import copy_generated, make_folder, write_generated
from didjack_pages.paths import bibliography, notebooks_dir
from didjack_pages.render.project import ASSETS
from didjack_pages.run.page import Page

_PROJECT = "_quarto.yml"

#: The site of such a report. It names no style sheets of a course.
SITE: Mapping[str, Any] = {
    "project": {
        "type": "website",
        "output-dir": "reports/_site",
        "render": ["index.qmd", "reports/*.ipynb", "reports/**/*.ipynb"],
        "resources": ["reports/*.ipynb", "reports/**/*.ipynb"],
    },
    "execute": {"enabled": False},
    "website": {
        "title": "didjack reports",
        "search": True,
        "favicon": f"{ASSETS}/favicon.svg",
        "navbar": {"left": [{"text": "Home", "href": "index.qmd"}]},
        "sidebar": {
            "style": "docked",
            "contents": [{"section": "Reports", "contents": "reports/**/*.ipynb"}],
        },
    },
    "number-sections": True,
    "format": {
        "html": {
            "theme": {
                "light": ["cosmo", f"{ASSETS}/quarto.scss", f"{ASSETS}/quarto-light.scss"],
                "dark": ["darkly", f"{ASSETS}/quarto.scss", f"{ASSETS}/quarto-dark.scss"],
            },
            "respect-user-color-scheme": True,
            "toc": True,
            "code-fold": True,
            "code-copy": True,
            "html-math-method": "mathml",
        }
    },
}


def plan_own_page(
    folder: Path,
    data: Path,
    arguments: Mapping[str, Any],
    level: float,
    title: str | None = None,
    *,
    windows: Mapping[str, float] | None = None,
    reading: Mapping[str, str] | None = None,
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
    windows
        Windows of event times: min_e, max_e and balance_e of `didjack.csdid`.
    reading
        Of `didjack.read_table`: delimiter, encoding and sheet.

    Returns
    -------
    Page
        To be run with ``folder`` as root.

    Raises
    ------
    DataError, DesignError
        If the data cannot be used, before anything is written.
    OutputError
        If the folder holds something else, or the data lie where pages are made anew.
    """
    from didjack import aggte, att_gt
    from didjack.datasets import write_specification
    from didjack.effects.average_types import AverageType
    from didjack.sample.read import read_table

    cluster = arguments.get("clustervars") or arguments.get("idname")
    if cluster is None:
        raise DataError(
            "repeated cross-sections have no unit to delete: give the cluster with --cluster"
        )
    name = re.sub(r"[^\w-]+", "-", data.stem).strip("-") or "report"
    _check_folder(folder, folder / f"{name}.toml", data)
    # Bad data and empty windows: an error here, not in cell 5 of a notebook.
    res = att_gt(read_table(data, **(reading or {})), **arguments)
    for average in AverageType:
        given = (windows or {}).items()
        applies: dict[str, Any] = {k: v for k, v in given if k in average.arguments}
        if applies:
            aggte(res, average.value, **applies)
    make_folder(folder)
    _write_project(folder)
    toml = write_specification(
        folder / f"{name}.toml", data, arguments, str(cluster), title=title, windows=windows,
        reading=reading, overwrite=True,
    )  # fmt: skip
    return Page(
        name=name,
        notebook=notebooks_dir() / "dataset-report.ipynb",
        parameters={"specification": toml.name, "level": level},
        title=markdown_text(title or data.name),
        description=markdown_text(f"Computed from {data.name} as {toml.name} says."),
        inputs=(data.resolve(), toml.resolve()),
    )


def _check_folder(folder: Path, toml: Path, data: Path) -> None:
    """Refuse a folder that holds something else: the site's files would take its place."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder with --out")
    if data.resolve().is_relative_to((folder / "reports").resolve()):
        raise OutputError(
            f"{data} lies where the pages of this report go, which are made anew; "
            "move it, or give another folder with --out"
        )
    if not folder.is_dir() or {path.name for path in folder.iterdir()} <= {LOCK}:
        return
    if not (toml.exists() and _is_report(folder)):
        raise OutputError(f"{folder} holds other files; give an empty folder with --out")


def _is_report(folder: Path) -> bool:
    """Tell whether an earlier run has made the folder."""
    try:
        config = yaml.safe_load((folder / _PROJECT).read_text(encoding="utf-8"))
        return bool(config["website"]["title"] == SITE["website"]["title"])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return False


def _write_project(folder: Path) -> None:
    """Make the folder a website project that has the works which the page cites."""
    copy_generated(bibliography(), folder / "references.bib")
    config = {**SITE, "bibliography": "references.bib"}
    write_generated(folder / _PROJECT, yaml.safe_dump(config, sort_keys=False))
