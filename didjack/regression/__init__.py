"""Least squares under the same inference as CSDID: for comparison, and to say what it averages."""

from didjack.regression.clustered_regression import CLUSTERED, ROWS, Regression
from didjack.regression.decomposition import KINDS, Bacon, bacon, twfe_weights
from didjack.regression.fixed_effects import TWFE, twfe
from didjack.regression.least_squares import regress

__all__ = [
    "CLUSTERED",
    "KINDS",
    "ROWS",
    "TWFE",
    "Bacon",
    "Regression",
    "bacon",
    "regress",
    "twfe",
    "twfe_weights",
]
