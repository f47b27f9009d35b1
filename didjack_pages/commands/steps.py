"""The steps of a run, as lines of text: pages, front page, site, failures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from didjack_pages.run import Page, PageResult, run_pages
from didjack_pages.run.driver import default_jobs

if TYPE_CHECKING:
    from didjack_pages.render import SiteResult


def clock(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def run_with_progress(
    pages: Sequence[Page], out_dir: Path, jobs: int | None, force: bool, root: Path
) -> list[PageResult]:
    """Run pages; print a line for each as soon as it is there."""
    count = min(jobs or default_jobs(), len(pages))
    typer.echo(f"Pages: {len(pages)}, {count} at a time")
    width = max((len(page.name) for page in pages), default=0)
    done = 0

    def tell(result: PageResult) -> None:
        nonlocal done
        done += 1
        state = {"done": clock(result.seconds), "cached": "unchanged", "failed": "FAILED"}
        why = "" if result.reason in ("", "new", "forced") else f"  ({result.reason})"
        position = f"[{done:>{len(str(len(pages)))}}/{len(pages)}]"
        typer.echo(f"  {position} {result.name:<{width}}  {state[result.status]}{why}")

    return run_pages(pages, out_dir, jobs, force, root=root, on_result=tell)


def describe_failure(result: PageResult) -> str:
    """Say where a page failed: the cell, its first lines and the error."""
    error = result.error
    if error is None:
        return result.name
    where = f", cell {error.cell}" if error.cell else ""
    lines = [f"{result.name} ({result.page.notebook.name}{where})"]
    lines += [f"    | {line}" for line in error.source.splitlines()]
    lines += [f"    {line}" for line in error.message.splitlines()[:12]]
    if result.path is not None:
        lines.append(f"    executed up to there: {result.path}")
    return "\n".join(lines)


def print_site(result: SiteResult) -> None:
    """Say what was rendered, and how to look at it."""
    index = result.index.resolve()
    typer.echo(f"Site: {len(result.pages)} pages with {result.renderer} in {clock(result.seconds)}")
    typer.echo(f"  {index}")
    typer.echo(f"  open it in a browser: {index.as_uri()}")
