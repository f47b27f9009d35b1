"""The sites to look at, served over localhost, and the browser that looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from served import Served, serve  # noqa: E402

if TYPE_CHECKING:
    from chromium import Browser

#: A site elsewhere, or another renderer's, can be looked at as well.
SITE = Path(os.environ.get("DIDJACK_SITE", ROOT / "reports" / "_site"))


def _missing(reason: str) -> NoReturn:
    if os.environ.get("DIDJACK_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and DIDJACK_REQUIRE_BROWSER is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser, fresh and without network services of its own."""
    try:
        from chromium import Browser, find_chromium
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed (`python3 reproduce.py setup` brings it)")
    path = find_chromium()
    if path is None:
        _missing("there is no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = Browser(playwright.chromium, path)
        yield started
        started.close()


@pytest.fixture(scope="session")
def real_site() -> Iterator[Served]:
    """The site of the last run."""
    if not (SITE / "index.html").is_file():
        _missing(f"there is no site in {SITE.name}; `python3 reproduce.py` makes it")
    yield from serve(SITE)


@pytest.fixture(scope="session")
def fixture_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The site of the fixture, which uses every feature."""
    import site_fixture

    from didjack_pages.render import build_site

    root = site_fixture.write_project(tmp_path_factory.mktemp("project"))
    yield from serve(build_site(root, renderer="pandoc").index.parent)
