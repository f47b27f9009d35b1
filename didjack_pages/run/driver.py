"""All pages of a run: several at a time, failures collected, unchanged ones kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from didjack.errors import ReportError
from didjack.paths import project_root
from didjack.writing import copy_generated
from didjack_pages.run.cache import Cache
from didjack_pages.run.execute import Runner, runner
from didjack_pages.run.finish import PageError, find_error, finish_page
from didjack_pages.run.page import Page
from didjack_pages.run.parameters import check_parameters

# Quarto takes no notebooks from folders with an underscore.
CACHE, FAILED = "_cache", "_failed"


@dataclass(frozen=True)
class PageResult:
    """What became of a page.

    ``seconds`` is the time of its execution, which for a cached page was an earlier one;
    ``reason`` says why it was executed.
    """

    page: Page
    status: Literal["done", "cached", "failed"]
    seconds: float
    path: Path | None = None
    reason: str = ""
    error: PageError | None = None

    @property
    def name(self) -> str:
        """The name of the page."""
        return self.page.name


def default_jobs() -> int:
    """Return how many pages to run at a time: one per core that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1


def run_pages(
    pages: Sequence[Page],
    out_dir: Path,
    jobs: int | None = None,
    force: bool = False,
    *,
    root: Path | None = None,
    on_result: Callable[[PageResult], None] = lambda result: None,
) -> list[PageResult]:
    """Bring every page up to date as ``out_dir/<page name>.ipynb``.

    Parameters
    ----------
    pages
        As given by `plan_pages`.
    out_dir
        Where the executed notebooks go; the cache is kept in a folder under it.
    jobs
        How many notebooks to execute at a time. None: one per core.
    force
        Execute also what has not changed.
    root
        Working directory of the notebooks. None: the checkout, or the current directory.
    on_result
        Called for each page as soon as it is there.

    Returns
    -------
    list of PageResult
        In the order of ``pages``. A page that fails does not stop the others.

    Raises
    ------
    ReportError
        If a notebook does not take the parameters of its page; nothing has run then.
    """
    root = (root or project_root() or Path.cwd()).resolve()
    cache = Cache(out_dir / CACHE, root / "requirements" / "run.lock")
    results: dict[str, PageResult] = {}

    def settle(result: PageResult) -> None:
        results[result.name] = result
        on_result(result)

    stale = _find_stale(pages, cache, force)
    for page in pages:
        if page.name in stale:
            check_parameters(page)
    for page in pages:
        if page.name not in stale:
            settle(_publish_cached(page, cache, out_dir))
    waiting = sorted(
        (page for page in pages if page.name in stale),
        key=lambda page: _expected_seconds(page, cache),
        reverse=True,
    )
    if waiting:
        with runner(root) as run, ThreadPoolExecutor(jobs or default_jobs()) as pool:
            futures = [
                pool.submit(_execute, page, stale[page.name], run, cache, out_dir)
                for page in waiting
            ]
            try:
                for future in as_completed(futures):
                    settle(future.result())
            except BaseException:  # Ctrl-C above all: nothing may go on in the background
                pool.shutdown(wait=False, cancel_futures=True)
                run.stop()
                raise
    return [results[page.name] for page in pages]


def _find_stale(pages: Iterable[Page], cache: Cache, force: bool) -> dict[str, str]:
    """Return the pages to execute, each with the reason."""
    reasons = {}
    for page in pages:
        # A missing notebook has no key; check_parameters is who complains about it.
        reason = "forced" if force or not page.notebook.is_file() else cache.why_stale(page)
        if reason is not None:
            reasons[page.name] = reason
    return reasons


def _expected_seconds(page: Page, cache: Cache) -> float:
    """Return the time of the last execution; unknown pages go first, as the longest do."""
    record = cache.record(page)
    return record.seconds if record else float("inf")


def _publish_cached(page: Page, cache: Cache, out_dir: Path) -> PageResult:
    record = cache.record(page)
    path = copy_generated(cache.path(page), out_dir / f"{page.name}.ipynb")
    return PageResult(page, "cached", record.seconds if record else 0.0, path)


def _execute(page: Page, reason: str, run: Runner, cache: Cache, out_dir: Path) -> PageResult:
    started = time.perf_counter()
    target, kept = out_dir / f"{page.name}.ipynb", out_dir / FAILED / f"{page.name}.ipynb"
    executed, well, log = run.execute(page)
    seconds = time.perf_counter() - started
    try:
        if well:
            finished = finish_page(executed, page, date.today().isoformat())
            path = copy_generated(cache.store(page, finished, seconds), target)
            kept.unlink(missing_ok=True)
            return PageResult(page, "done", seconds, path, reason)
        error = find_error(executed, page, log)
    except ReportError as trouble:
        error = PageError(None, "", str(trouble))
    target.unlink(missing_ok=True)  # numbers of an earlier state must not be shown
    path_kept = copy_generated(executed, kept) if executed.is_file() else None
    return PageResult(page, "failed", seconds, path_kept, reason, error)


def clean_pages(out_dir: Path, keep: Iterable[str]) -> list[str]:
    """Delete the executed notebooks that are not in ``keep``; return their names.

    What stays in ``out_dir`` is rendered, so this is how a page leaves the site. The cache
    still has it.
    """
    wanted = set(keep)
    gone = []
    for path in sorted(out_dir.rglob("*.ipynb")):
        relative = path.relative_to(out_dir)
        if any(part.startswith(("_", ".")) for part in relative.parts):
            continue
        name = relative.with_suffix("").as_posix()
        if name not in wanted:
            path.unlink()
            gone.append(name)
    return gone
