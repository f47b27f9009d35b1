"""The table on the front page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from didjack.writing import write_generated
from didjack_pages.run.page import Page

HEADLINE = Path("reports", "_headline.md")


def write_headline(root: Path, pages: Iterable[Page]) -> Path:
    """Compute the front page's table for the specifications that have a page.

    The numbers come from the estimator itself, not from the executed notebooks: a table in a
    notebook is laid out for reading, and taking numbers out of it would be fragile.
    """
    from didjack_pages.frontpage.headline import headline_markdown

    names = [page.parameters["specification"] for page in pages if _is_about_one(page)]
    path = root / HEADLINE
    write_generated(path, headline_markdown(names).rstrip() + "\n")
    return path


def _is_about_one(page: Page) -> bool:
    """Tell the page of a specification from lessons that merely use it."""
    return page.name.rsplit("/", 1)[-1] == page.parameters.get("specification")
