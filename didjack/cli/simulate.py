"""`didjack simulate`: how often each test rejects, in designs of a study file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from didjack.cli import options as opt
from didjack.errors import DataError, OutputError

if TYPE_CHECKING:
    import pandas as pd

    from didjack.simulate import Study

_PARAMETERS = (
    "clusters", "periods", "treated", "adoption", "units", "gamma", "treat", "rho", "shock_sd",
    "noise_sd", "treated_sd", "tails", "effect",
)  # fmt: skip
_HEADS = {
    "unit-z": "IF u", "clustered-z": "IF z", "clustered-t": "IF t", "cv3": "CV3", "cv3j": "CV3J",
    "exact": "CV3 x", "exact-2": "x 2sd", "fitted": "x fit", "verdict": "Rule", "hansen": "Gen.",
    "rademacher": "MB R", "mammen": "MB M", "webb": "MB W", "permutation": "RI",
    "permutation-t": "RI t", "conley-taber": "CT", "ferman-pinto": "FP",
    "twfe-cv1": "CV1", "twfe-cv3": "CV3",
}  # fmt: skip
_WORDS = {
    "IF u": "IF u: influence functions as if units were independent, normal critical values",
    "IF z": "IF: clustered influence functions, normal (z) or t(G-1) critical values",
    "CV3 x": "CV3 x: CV3 with exact critical values for equal variances",
    "x 2sd": "x 2sd: the same, for treated clusters of twice the standard deviation",
    "x fit": "x fit: the same, for fitted shocks and noise",
    "Rule": "Rule: what the decision rule calls significant",
    "Gen.": "Gen.: jackknife with generalized deletions, t(G-1)",
    "MB R": "MB: multiplier bootstrap (Rademacher, Mammen, Webb)",
    "RI": "RI: randomization inference on the estimate",
    "RI t": "RI t: randomization inference on the CV3 t statistic",
    "CT": "CT: Conley-Taber; FP: Ferman-Pinto, for up to three treated clusters",
}


def simulate(
    study: Annotated[
        str,
        typer.Argument(metavar="STUDY", help="A .toml file, or the name of a shipped study."),
    ] = "",
    reps: Annotated[
        int, typer.Option("--reps", metavar="N", min=1, help="Replications of each design.")
    ] = 2000,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", help="Workers; -1: one for each processor.")
    ] = 1,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="In place of the study's own seed."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Keep finished designs here; a run that was interrupted goes on where it stopped.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the table, with coverage and more, as .csv.",
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
    level: Annotated[
        float,
        typer.Option("--level", metavar="SHARE", help="Level of the tests: 0.01, 0.05 or 0.1."),
    ] = 0.05,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Workers of dask: tcp://host:port."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the shipped studies.")] = False,
) -> None:
    """Simulate designs: rejection rates of every test.

    [bold]Example[/]: few treated clusters, 20,000 replications of each design

    didjack simulate few-treated --reps 20000 --jobs 2 --out simulations
    """
    from didjack.simulate import LEVELS, load_study
    from didjack.simulate.runner import versions
    from didjack.writing import check_output, csv_text, write_text

    if list_:
        _print_studies()
        return
    if not study:
        raise DataError("Which study? Give a .toml file or a name; `didjack simulate --list`.")
    if level not in LEVELS:
        raise DataError(f"level must be one of {', '.join(map(str, LEVELS))}, not {level}.")
    if output is not None:
        if output.suffix != ".csv":
            raise OutputError(f"{output}: the table is written as .csv.")
        check_output(output, [study], overwrite=overwrite)
    chosen = load_study(study)
    table = _run(chosen, reps, seed, jobs, out, scheduler)
    _print_table(chosen, table, level, reps)
    if output is not None:
        kept = table[table["level"] == level].assign(**versions())
        write_text(output, csv_text(kept, "%.6g"), [study], overwrite=overwrite)
        typer.echo(f"Table written to {output}")


def _print_studies() -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from didjack.simulate import shipped_studies

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("Name", no_wrap=True)
    shown.add_column("Designs", justify="right")
    shown.add_column("What it is", ratio=1)
    for name, study in shipped_studies().items():
        shown.add_row(name, str(len(study.cells)), f"[bold]{study.title}[/]\n{study.description}")
    Console(highlight=False).print(shown)


def _run(
    study: Study, reps: int, seed: int | None, jobs: int, out: Path | None, scheduler: str | None
) -> pd.DataFrame:
    """Run the study with a bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from didjack.simulate import runner

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("replications"), Remaining())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(study.name, total=None)

        def show(progress: runner.Progress) -> None:
            words = f"{study.name}: {progress.cells} of {progress.cells_total} designs"
            bar.update(task, total=progress.reps_total, completed=progress.reps, description=words)

        return runner.run_study(
            study, reps, seed=seed, jobs=jobs, out=out, scheduler=scheduler, on_progress=show
        )


def _print_table(study: Study, table: pd.DataFrame, level: float, reps: int) -> None:
    """Print a line for each design and estimator, a column for each test."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from didjack.display.wording import label, number, percent, percent_label, plain

    chosen = table[table["level"] == level]
    varying = [name for name in _PARAMETERS if len(chosen[name].unique()) > 1]
    fixed = [f"{name} {chosen[name].iloc[0]}" for name in _PARAMETERS if name not in varying]
    chosen = chosen.assign(test=chosen["test"].map(_HEADS))
    keys = [*varying, "estimator"]
    tests = [head for head in dict.fromkeys(_HEADS.values()) if head in set(chosen["test"])]
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in [*keys, *tests]:
        left = name in ("estimator", "treat", "tails", "adoption", "effect")
        shown.add_column(name, justify="left" if left else "right", no_wrap=True)
    for values, rows in chosen.groupby(keys, sort=False):
        rate = rows.drop_duplicates("test").set_index("test")["rejection"]
        cells = [number(100 * rate[test], 1) if test in rate else "" for test in tests]
        shown.add_row(*(plain(label(value)) for value in values), *cells)
    console = Console(highlight=False)
    console.print(
        f"{study.title}: percent of {reps:,} replications that reject no effect at {label(level)}"
    )
    console.print(f"{', '.join(fixed)}; seed {table['seed'].iloc[0]}", style="dim")
    console.print(shown)
    error = (level * (1 - level) / reps) ** 0.5
    console.print(
        f"Monte Carlo standard error of a rate of {percent_label(level)}: {percent(error, 2)}"
    )
    for head, words in _WORDS.items():
        if head in tests:
            console.print(words)
    if (chosen["effect"] != "0").any():
        console.print("With an effect, rates are power; coverage is in the file of --output.")
