"""Executed pages: which there are, running them with papermill, and not running them again."""

from didjack_pages.run.cache import Cache
from didjack_pages.run.driver import PageResult, clean_pages, run_pages
from didjack_pages.run.page import Page
from didjack_pages.run.planned import plan_pages

__all__ = [
    "Cache",
    "Page",
    "PageResult",
    "clean_pages",
    "plan_pages",
    "run_pages",
]
