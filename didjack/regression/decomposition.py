"""What two-way fixed effects average: comparisons of cohorts, and effects of treated cells.

For balanced panels in which units stay treated, without weights. Goodman-Bacon (2021) writes the
coefficient as a weighted mean of 2x2 differences of means, de Chaisemartin and D'Haultfoeuille
(2020) what it estimates under parallel trends as a weighted sum of effects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.core.screen import count_text, number_writer, screen_table
from didjack.core.views import Shown, view
from didjack.regression.fixed_effects import loadings, require_variation
from didjack.sample import checks
from didjack.sample.blocks import balanced_blocks
from didjack.sample.dates import code_dates
from didjack.sample.frames import as_frame
from didjack.sample.periods import as_dates, period_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (
    "treated vs never treated",
    "earlier vs later",
    "later vs earlier",
    "treated vs always treated",
)


@dataclass(frozen=True, eq=False, repr=False)
class Bacon(Shown):
    """Goodman-Bacon's decomposition of a two-way fixed-effects regression.

    Attributes
    ----------
    att : float
        Coefficient of treatment.
    comparisons : DataFrame
        One row for each 2x2 comparison: treated (cohort that changes its treatment), control
        (cohort that does not meanwhile; inf, of dates NaT: never treated within the sample),
        kind, weight, estimate. The weights are positive and add up to one; the weighted mean of
        the estimates is `att`.
    """

    att: float
    comparisons: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return `comparisons`."""
        return self.comparisons

    def headline(self) -> list[str]:
        """Return the coefficient, and weight and mean estimate of each kind of comparison."""
        estimates = self.comparisons["estimate"]
        write = number_writer([self.att, *estimates], signed=True)
        n = count_text(len(self.comparisons), "comparison")
        return [
            f"Goodman-Bacon decomposition: {write(self.att)} is the weighted mean of {n}",
            screen_table(self.by_kind()),
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        return "\n".join([*self.headline(), "", screen_table(self.comparisons)])

    def by_kind(self) -> pd.DataFrame:
        """Return total weight and weighted mean estimate of each kind that occurs."""
        frame = self.comparisons
        product = frame["weight"] * frame["estimate"]
        sums = frame[["kind", "weight"]].assign(estimate=product).groupby("kind").sum()
        sums["estimate"] /= sums["weight"]
        return sums.loc[[kind for kind in KINDS if kind in sums.index]].reset_index()

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw estimates against weights, with a marker for each kind and a line at `att`.

        Comparisons with cohorts that are treated already are hollow (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        """
        return view("plot", self, ax=ax)


def bacon(data: pd.DataFrame, yname: str, tname: str, gname: str, idname: str) -> Bacon:
    """Decompose the two-way fixed-effects coefficient into comparisons of two cohorts.

    Each comparison is the difference of two cohorts' differences of mean outcomes, treated
    periods less untreated periods of the one that changes its treatment, over the periods in
    which the other does not: all periods against cohorts never or always treated, the periods
    before a later cohort's treatment, the periods of an earlier cohort's treatment (Goodman-Bacon
    2021, Theorem 1, equations 10a to 10g). With the shares of periods D_k > D_l in which the
    cohorts of n_k and n_l units are treated, the weights are proportional to
    n_k n_l (D_k - D_l)(1 - D_k) with k treated and n_k n_l (D_k - D_l) D_l with l treated. The
    always treated, whom Goodman-Bacon adds to the never treated, are a kind of their own here.

    Parameters
    ----------
    data : DataFrame
        A balanced panel in long form.
    yname, tname, gname, idname : str
        Outcome, period, first treated period (0, NaN or inf: never treated), and unit. Units
        first treated in the first period or before are always treated.

    Returns
    -------
    Bacon

    Raises
    ------
    DataError
        The panel is not balanced, or a column cannot be used.
    DesignError
        Treatment does not vary beyond the fixed effects.
    """
    data = as_frame(data)
    checks.require_columns(data, {"tname": tname, "gname": gname})
    data, frequency = code_dates(data, tname, gname)
    cohorts = _cohorts(data, yname, tname, gname, idname)
    D, n, y = cohorts.D, cohorts.n, cohorts.mean
    share = D.mean(axis=1)
    rows = []
    for k, earlier in enumerate(cohorts.first):  # cohorts are sorted by first treated period
        for j in range(k + 1, len(D)):
            scale = n[k] * n[j] * (share[k] - share[j])
            later = cohorts.first[j]
            if scale * (1 - share[k]) > 0:
                kind = KINDS[0] if np.isinf(later) else KINDS[1]
                estimate = _two_by_two(y[k], y[j], D[k], D[j] == 0)
                rows.append((earlier, later, kind, scale * (1 - share[k]), estimate))
            if scale * share[j] > 0:
                kind = KINDS[3] if share[k] == 1 else KINDS[2]
                estimate = _two_by_two(y[j], y[k], D[j], D[k] == 1)
                rows.append((later, earlier, kind, scale * share[j], estimate))
    frame = pd.DataFrame(rows, columns=["treated", "control", "kind", "weight", "estimate"])
    order = {kind: place for place, kind in enumerate(KINDS)}
    frame = frame.sort_values(
        ["kind", "treated", "control"],
        key=lambda column: column.map(order) if column.name == "kind" else column,
        ignore_index=True,
    )
    frame["weight"] /= frame["weight"].sum()
    frame["treated"] = period_values(frame["treated"].to_numpy(), frequency)
    if frequency:
        frame["control"] = as_dates(frame["control"].to_numpy(), frequency)
    return Bacon(float((cohorts.loadings * y).sum()), frame)


def _two_by_two(treated: Array, control: Array, D: Array, window: Array) -> float:
    """Difference of differences of mean outcomes over the periods of the window."""
    difference = (treated - control)[window]
    after = D[window] == 1
    return float(difference[after].mean() - difference[~after].mean())


def twfe_weights(data: pd.DataFrame, tname: str, gname: str, idname: str) -> pd.DataFrame:
    """Weights of the treated cells' effects in the two-way fixed-effects coefficient.

    Under parallel trends the coefficient estimates the sum of weight times ATT(g,t). The weight
    is the cell's number of units times its residual from a regression of treatment on effects
    of units and periods, divided by the sum of these over treated cells (de Chaisemartin and
    D'Haultfoeuille 2020, Theorem 1). It is negative where the fixed effects predict more than
    full treatment.

    Parameters
    ----------
    data : DataFrame
        A balanced panel in long form.
    tname, gname, idname : str
        Period, first treated period (0, NaN or inf: never treated), and unit.

    Returns
    -------
    DataFrame
        group, time, weight, a row for each treated cell; the weights add up to one.

    Raises
    ------
    DataError
        The panel is not balanced, or a column cannot be used.
    DesignError
        Treatment does not vary beyond the fixed effects.
    """
    data = as_frame(data)
    checks.require_columns(data, {"tname": tname, "gname": gname, "idname": idname})
    data, frequency = code_dates(data, tname, gname)
    checks.numeric(data, tname, "tname")
    # The weights do not depend on the outcome; the period stands in for it.
    cohorts = _cohorts(data, tname, tname, gname, idname)
    g, t = np.nonzero(cohorts.D)
    group, time = (
        period_values(values, frequency) for values in (cohorts.first[g], cohorts.times[t])
    )
    return pd.DataFrame({"group": group, "time": time, "weight": cohorts.loadings[g, t]})


@dataclass(frozen=True, eq=False)
class _Cohorts:
    """A balanced panel by cohort; Q cohorts, sorted, and T periods."""

    first: Array  # (Q,), inf: not treated within the sample
    times: Array  # (T,)
    n: Array  # (Q,) units
    D: Array  # (Q, T) treatment
    mean: Array  # (Q, T) outcome
    loadings: Array  # (Q, T) coefficients of the estimate on the means


def _cohorts(data: pd.DataFrame, yname: str, tname: str, gname: str, idname: str) -> _Cohorts:
    blocks = balanced_blocks(data, yname, tname, gname, idname, idname)
    last = blocks.times[-1]
    starts = np.where(blocks.first <= last, blocks.first, np.inf)
    first, code = np.unique(starts, return_inverse=True)
    n = np.bincount(code, blocks.weight).astype(np.float64)
    sums = np.zeros((len(first), len(blocks.times)))
    np.add.at(sums, code, blocks.weight[:, None] * blocks.mean)
    D = (blocks.times >= first[:, None]).astype(np.float64)
    coefficients = loadings(D, n[None])[0]
    require_variation(coefficients)
    return _Cohorts(first, blocks.times, n, D, sums / n[:, None], coefficients)
