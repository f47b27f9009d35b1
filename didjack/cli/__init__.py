"""The command `didjack`. Each command imports what it needs when it runs."""

from __future__ import annotations

import re
import sys
import warnings
from errno import EPIPE
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from didjack.cli import datasets, estimate, plan, simulate
from didjack.errors import (
    ChecksumError,
    DatasetUnavailable,
    DidjackError,
    DidjackWarning,
    MissingExtraError,
    SiteError,
)

_NOT_THE_ARGUMENTS = (ChecksumError, DatasetUnavailable, MissingExtraError, SiteError)


class _Group(TyperGroup):
    """Commands whose expected errors are one message instead of a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept --debug anywhere: it is added to a command that has just failed."""
        debug = "--debug" in args
        rest = super().parse_args(ctx, [arg for arg in args if arg != "--debug"])
        ctx.obj = debug
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what the package raises on purpose into a message.

        The exit code is 2 where arguments, data or files cannot be used, as it is where typer
        refuses an option, and 1 where something is missing here or a page turned out wrong.
        """
        try:
            return super().invoke(ctx)
        except (DidjackError, NotImplementedError, OSError) as error:
            broken_pipe = isinstance(error, OSError) and error.errno == EPIPE
            if ctx.obj or broken_pipe:  # of a pipe whose reader has gone click takes care
                raise
            from rich.console import Console

            Console(stderr=True, highlight=False).print(
                f"[bold red]error:[/] {_escape(_sentence(error))}", soft_wrap=True
            )
            raise typer.Exit(1 if isinstance(error, _NOT_THE_ARGUMENTS) else 2) from None


def _sentence(error: Exception) -> str:
    """Return the message; of the system's errors the file and what is wrong with it."""
    if isinstance(error, OSError) and not isinstance(error, DidjackError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _escape(text: str) -> str:
    """Show control characters, which would steer the terminal, as question marks."""
    from rich.markup import escape

    return escape(re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "?", text))


app = typer.Typer(
    name="didjack",
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Cluster-jackknife inference (CV3) for Callaway and Sant'Anna's staggered "
    "difference-in-differences.",
    epilog="Each command explains itself: [bold]didjack estimate --help[/]",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from didjack.version import __version__

        typer.echo(f"didjack {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Hold the options that all commands share; their callbacks do the work."""
    # Commands print the sentences of results, under the table.
    warnings.filterwarnings("ignore", category=DidjackWarning)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console that cannot show a letter gets a question mark, not a traceback.
            stream.reconfigure(errors="replace")


_OWN = "Your own data"
_PROJECT = "This project"
app.command("estimate", rich_help_panel=_OWN)(estimate.estimate)
app.command("plan", rich_help_panel=_OWN)(plan.plan)
app.command("simulate", rich_help_panel=_PROJECT)(simulate.simulate)
app.command("datasets", rich_help_panel=_PROJECT)(datasets.datasets)

# The package that makes the pages stands above this one: it registers its commands itself.
for _entry in entry_points(group="didjack.commands"):
    _entry.load()(app, _OWN, _PROJECT)
