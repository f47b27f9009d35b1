"""How results are shown, without knowing who shows them.

A result offers `plot`, `to_latex` and the table of a notebook; the code that draws and writes
them stands in rooms above. Those rooms register their functions here, so that no result imports
anything from above; a provider does so when the first view is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # every import of didjack comes through here
    from pathlib import Path

    import pandas as pd

_VIEWS: dict[tuple[str, type], Callable[..., Any]] = {}
_PROVIDERS: list[Callable[[], None]] = []


def provide(provider: Callable[[], None]) -> None:
    """Name a function that registers views; it runs once, before the first view is made.

    Parameters
    ----------
    provider : callable
        Without arguments; calls `register`.
    """
    _PROVIDERS.append(provider)


def register(kind: str, shown: type, function: Callable[..., Any]) -> None:
    """Say which function makes a view of a class.

    Parameters
    ----------
    kind : str
        Name of the view: "plot", "latex".
    shown : type
        The class; its subclasses are shown in the same way.
    function : callable
        Takes the object first.
    """
    _VIEWS[kind, shown] = function


def view(kind: str, shown: object, *args: Any, **kwargs: Any) -> Any:
    """Make a view of an object by the function that was registered for its class.

    Parameters
    ----------
    kind : str
        Name of the view.
    shown : object
        What is shown.
    *args, **kwargs
        For the function.
    """
    while _PROVIDERS:
        _PROVIDERS.pop()()
    for cls in type(shown).__mro__:
        if (kind, cls) in _VIEWS:
            return _VIEWS[kind, cls](shown, *args, **kwargs)
    raise TypeError(f"no {kind} is registered for {type(shown).__name__}")


class Shown:
    """What every result has in common: warnings, notes, and how it is shown.

    In a terminal a few lines, in a notebook a table, for papers a table in LaTeX.
    """

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return []

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return self.warnings

    def headline(self) -> list[str]:
        """Return the lines that a terminal shows: what it is, estimate, intervals, counts."""
        raise NotImplementedError

    def __repr__(self) -> str:
        n = len(self.warnings)
        last = [f"  {n} warning{'' if n == 1 else 's'}: see .warnings"] if n else []
        return "\n".join([*self.headline(), *last])

    def to_frame(self) -> pd.DataFrame:
        """Return the table that is shown."""
        raise NotImplementedError

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """Write the result as a LaTeX table (booktabs).

        Parameters
        ----------
        caption, label : str
            With either, the tabular is wrapped in a table environment.
        """
        return str(view("latex", self, caption, label))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the result as one JSON file, which `didjack.load` reads.

        Parameters
        ----------
        path : str or Path
        overwrite : bool
            Whether another file may be replaced.

        Raises
        ------
        OutputError
            The file exists or cannot be written.
        """
        view("save", self, path, overwrite=overwrite)

    def _repr_html_(self) -> str:
        return str(view("html", self))
