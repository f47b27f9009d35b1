"""`didjack datasets`: what the catalog has."""

from __future__ import annotations


def datasets() -> None:
    """List the datasets that the report covers, and where they come from."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from didjack.datasets.files import local_file
    from didjack.datasets.load import catalog

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Name", "What it is", "Licence", "At hand"):
        table.add_column(name, overflow="fold", no_wrap=name in ("Name", "At hand"))
    table.columns[1].ratio = 1
    for entry in catalog().values():
        rows = f"{entry.rows:,} rows" if entry.rows else ""
        about = f"[bold]{entry.title}[/]\n{', '.join(p for p in (rows, entry.coverage) if p)}"
        names = ", ".join(spec.name for spec in entry.specifications)
        at_hand = "yes" if local_file(entry) is not None else "by download"
        table.add_row(entry.name, f"{about}\n[dim]pages: {names}[/]", entry.licence, at_hand)
    Console(highlight=False).print(table)
