"""Figures (matplotlib). Every function returns the figure it drew, and draws on `ax` if given."""

from didjack.plots.clusters import plot_cohorts, plot_jackknife
from didjack.plots.comparison import plot_comparison
from didjack.plots.effects import plot_aggregate, plot_attgt, plot_inferences
from didjack.plots.event import plot_event_study
from didjack.plots.matrix import plot_matrix
from didjack.plots.weights import plot_weights

__all__ = [
    "plot_aggregate",
    "plot_attgt",
    "plot_cohorts",
    "plot_comparison",
    "plot_event_study",
    "plot_inferences",
    "plot_jackknife",
    "plot_matrix",
    "plot_weights",
]
