"""Figures (matplotlib). Every function returns the figure it drew, and draws on `ax` if given."""

from didjack.extras import optional_imports

with optional_imports():  # every module of this folder needs matplotlib
    from didjack.display.plots.bacon import plot_bacon
    from didjack.display.plots.clusters import plot_cohorts, plot_jackknife
    from didjack.display.plots.compare import compare
    from didjack.display.plots.comparison import plot_comparison
    from didjack.display.plots.divergence import plot_honest
    from didjack.display.plots.effects import plot_aggregate, plot_attgt, plot_inferences
    from didjack.display.plots.event import plot_event_study
    from didjack.display.plots.matrix import plot_matrix
    from didjack.display.plots.rates import plot_power, plot_rates
    from didjack.display.plots.ratios import plot_sensitivity
    from didjack.display.plots.weights import plot_weights

__all__ = [
    "compare",
    "plot_aggregate",
    "plot_attgt",
    "plot_bacon",
    "plot_cohorts",
    "plot_comparison",
    "plot_event_study",
    "plot_honest",
    "plot_inferences",
    "plot_jackknife",
    "plot_matrix",
    "plot_power",
    "plot_rates",
    "plot_sensitivity",
    "plot_weights",
]
