"""Executed pages: which there are, running them with papermill, and not running them again."""

from didjack.report.cache import Cache
from didjack.report.headline import write_headline
from didjack.report.pages import Page, plan_pages
from didjack.report.run import PageResult, clean_pages, run_pages

__all__ = [
    "Cache",
    "Page",
    "PageResult",
    "clean_pages",
    "plan_pages",
    "run_pages",
    "write_headline",
]
