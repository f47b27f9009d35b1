"""The event study in the README: the castle-doctrine laws, with exact intervals.

`python -m didjack_pages.frontpage.event_study docs/event-study.svg` draws it again.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from didjack.comparison import Comparison
from didjack.datasets.load import load_dataset
from didjack.display.diagnostics import records
from didjack.display.wording import interval, number
from didjack.one_call import csdid
from didjack.writing import write_generated

WINDOW = (-6, 5)  # event times; the two before stand on three states and one


def castle_comparison() -> Comparison:
    """Estimate the effects that the README shows."""
    castle = load_dataset("castle")
    return csdid(castle, "l_homicide", "year", "gvar", "sid", est_method="reg", clustervars="state")


def described(comparison: Comparison) -> str:
    """Say what the picture shows: the estimate and exact interval of every event time.

    Parameters
    ----------
    comparison : Comparison
        With an event study.
    """
    shown = [f"event:{time}" for time in range(WINDOW[0], WINDOW[1] + 1)]
    frame = comparison.exact["dynamic"].to_frame()
    return "; ".join(
        f"{row.parameter} {number(row.att, 3)} {interval(row.ci_low, row.ci_high, 3)}"
        for row in records(frame[frame["parameter"].isin(shown)])
    )


def write_event_study(path: Path) -> Path:
    """Draw the event study as SVG, the same for the same versions.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path
        The same.
    """
    import matplotlib.pyplot as plt

    from didjack.display.plots import plot_event_study

    comparison = castle_comparison()
    figure = plot_event_study(
        comparison.exact["dynamic"],
        window=WINDOW,
        ylabel="Effect on the log homicide rate",
        title="Castle-doctrine laws, exact 95% intervals",
    )
    about = {"Title": "Event study", "Description": described(comparison), "Date": None}
    buffer = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "didjack"}):
        figure.savefig(buffer, format="svg", metadata=about)
    plt.close(figure)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    write_generated(path, "\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    print(write_event_study(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/event-study.svg")))
