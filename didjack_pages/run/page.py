"""One page of the site: a notebook with its parameters, and the files that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes
    ----------
    name : str
        Its address under the folder of the reports, without suffix.
    notebook : Path
        The source.
    parameters : mapping
        Values for the notebook's `parameters` cell.
    title, description : str
        In place of those of the notebook where they are not empty.
    variant : str
        What the page is made on, in words, where the notebook makes another page too; it is added
        to the title.
    order : int
        Place in the sidebar.
    inputs : tuple of Path
        Files whose change makes the page stale.
    absent : tuple of str
        Datasets that the notebook would read if they could be had here.
    facts : tuple of str
        Texts whose change makes the page stale.
    """

    name: str
    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    variant: str = ""
    order: int = 0
    inputs: tuple[Path, ...] = ()
    absent: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
