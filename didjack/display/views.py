"""Which function draws or writes which result. Plotting is imported when something is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from didjack.comparison import Comparison
from didjack.core.results import Inferred
from didjack.core.views import Shown, register
from didjack.display.notebook_view import notebook_html
from didjack.display.pretest_lines import pretest_lines
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.from_influence import FromInfluence
from didjack.inference.bands import analytic_band, band_limits
from didjack.inference.honest import HonestBounds
from didjack.inference.honestdid import analytic_honestdid
from didjack.inference.jackknife import Jackknife
from didjack.inference.sensitivity import Sensitivity
from didjack.regression.decomposition import Bacon
from didjack.simulate.planning import Plan


def register_views() -> None:
    """Register the figures and the LaTeX tables of all results."""
    register("latex", Shown, _latex)
    register("html", Shown, notebook_html)
    register("pretest", ATTgt, pretest_lines)
    register("save", Shown, _save)
    register("band limits", Inferred, band_limits)
    register("band", FromInfluence, analytic_band)
    register("honestdid", FromInfluence, analytic_honestdid)
    for shown, name in _FIGURES.items():
        register("plot", shown, _drawn_by(name))
    register("plot", Comparison, _draw_comparison)


_FIGURES: dict[type, str] = {
    ATTgt: "plot_attgt",
    Aggregate: "plot_aggregate",
    Jackknife: "plot_jackknife",
    Bacon: "plot_bacon",
    Plan: "plot_power",
    Sensitivity: "plot_sensitivity",
    HonestBounds: "plot_honest",
}


def _latex(result: Any, caption: str, label: str) -> str:
    from didjack.display import tables

    return tables.to_latex(result, caption, label)


def _save(result: Shown, path: str | Path, *, overwrite: bool) -> None:
    from didjack.saving.store import save

    save(result, path, overwrite=overwrite)


def _drawn_by(name: str) -> Any:
    def draw(*args: Any, **kwargs: Any) -> Any:
        from didjack.display import plots

        return getattr(plots, name)(*args, **kwargs)

    return draw


def _draw_comparison(comparison: Comparison, type: str, **options: Any) -> Any:
    from didjack.display import plots

    return plots.plot_inferences(comparison, type=type, **options)
