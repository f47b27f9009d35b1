"""`didjack lessons`: the course as notebooks to work in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from didjack.extras import require_extra


def lessons(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the notebooks go.")
    ] = Path("lessons"),
    lesson: Annotated[
        list[int] | None,
        typer.Option("--lesson", metavar="N", help="Only this one; may be repeated."),
    ] = None,
    with_solutions: Annotated[
        bool, typer.Option("--with-solutions", help="Keep the solutions of the exercises.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--overwrite", "--force", help="Overwrite notebooks that have been changed."),
    ] = False,
) -> None:
    """Write the lessons as notebooks for students.

    Each exercise has an empty cell for the answer and a cell that checks it. A notebook that is
    there already and differs is not overwritten: it may hold answers.

    [bold]Example[/]

    didjack lessons --lesson 8 --out course
    """
    require_extra("report", "plots", "tables")
    from didjack_pages.course import lessons as shared
    from didjack_pages.course.student_files import write_students

    chosen = [shared.lesson(number) for number in lesson] if lesson else None
    for path in write_students(out, chosen, solutions=with_solutions, force=force):
        typer.echo(path)
