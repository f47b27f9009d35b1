"""`didjack reproduce`: every page, the front page, the site."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from didjack.extras import require_extra
from didjack_pages.commands import options as page_options


def reproduce(
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="NAME", help="Only this one; may be repeated."),
    ] = None,
    page: Annotated[
        list[str] | None,
        typer.Option(
            "--page",
            metavar="NAME",
            help="Only this one, such as learn/08-cluster-jackknife; may be repeated.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Execute unchanged pages again.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Small parameters: a quick look.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Pages at a time.", show_default="cores"),
    ] = None,
    renderer: page_options.RendererOption = page_options.Renderer.auto,
) -> None:
    """Execute the notebooks over the datasets and render the site.

    Pages whose notebook, parameters, data, package and versions are unchanged are not executed
    again. With --dataset and --page the site has the chosen pages alone; links to others become
    text.

    [bold]Example[/]

    didjack reproduce --page learn/08-cluster-jackknife
    """
    require_extra("report", "plots", "tables")
    from didjack.locking import alone_in

    root = page_options.require_root()
    with alone_in(root / "reports", "didjack reproduce"):
        _reproduce(root, dataset, page, force, fast, jobs, renderer.value)


def _reproduce(
    root: Path,
    dataset: list[str] | None,
    page: list[str] | None,
    force: bool,
    fast: bool,
    jobs: int | None,
    renderer: str,
) -> None:
    from didjack.errors import DidjackError
    from didjack_pages.commands.steps import clock, describe_failure, print_site, run_with_progress
    from didjack_pages.course.student_files import refresh_students
    from didjack_pages.frontpage.write import write_headline
    from didjack_pages.render import build_site
    from didjack_pages.run import clean_pages, plan_pages
    from didjack_pages.run.driver import CACHE

    started = time.perf_counter()
    reports = root / "reports"
    pages, skipped = plan_pages(fast, dataset or None, only=page or None)
    for line in skipped:
        typer.echo(f"Left out: {line}")
    results = run_with_progress(pages, reports, jobs, force, root)
    executed = sum(result.status != "cached" for result in results)
    typer.echo(f"Executed {executed} of {len(results)} pages")
    clean_pages(reports, [planned.name for planned in pages])
    failures = [describe_failure(result) for result in results if result.status == "failed"]
    whole = [result.page for result in results if result.status != "failed"]
    site = None
    if whole:
        try:
            write_headline(root, whole)
            # All of them: any page may link to any.
            refresh_students(reports / "students", reports / CACHE / "students.json")
            every = plan_pages(fast)[0] if dataset or page else pages
            absent = {other.name for other in every} - {made.name for made in whole}
            left_out = [f"reports/{name}.ipynb" for name in absent]
            site = build_site(root, renderer=renderer, left_out=left_out)
        except DidjackError as error:
            failures.append(f"site: {error}")
    if site is not None:
        print_site(site)
    typer.echo(f"Pages and site took {clock(time.perf_counter() - started)}")
    if failures:
        typer.echo(f"\n{len(failures)} failed:", err=True)
        for failure in failures:
            typer.echo(f"\n{failure}", err=True)
        raise typer.Exit(1)
