"""How an exact p-value depends on the ratio of treated to control standard deviations.

With few treated clusters the data say little about how much treated clusters vary, and no test
can hold its level whatever that is. The reference model says it; here its standard deviations of
the clusters treated behind a parameter are multiplied by a ratio, the t statistic stays, and its
exact p-value moves. The ratio at which p passes the level says how much more (or less) treated
clusters would have to vary for the finding to lose its significance. Lau and Li (2025,
arXiv:2511.05710) bound the same ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.arguments import require_numbers
from didjack.core.linalg import Array
from didjack.core.screen import screen_table
from didjack.core.views import Shown, view
from didjack.errors import DataError
from didjack.inference.notes import named
from didjack.inference.reference_model import TRatio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATIOS = np.geomspace(1 / 8, 8, 49)  # eight steps to a factor of two; 1 is in the middle
FARTHEST = 1024.0  # the scan ends here and at its inverse
_STEPS = 8  # of the scan, to a factor of two
_PRECISION = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity(Shown):
    """The exact p-value of a parameter as a function of a ratio of standard deviations; G ratios.

    Attributes
    ----------
    parameter : str
    t : float
        Ratio of the estimate to its CV3 standard error.
    alpha : float
        Significance level, such as 0.05.
    ratios : (G,) array
        Standard deviations of the treated clusters behind the parameter, relative to those that
        the reference model gives them.
    p : (G,) array
        Exact p-values at these ratios.
    p_reference : float
        At ratio one: that of the jackknife.
    ratio : float
        The smallest ratio above one at which p passes the level. inf if it does not pass it; NaN
        if the finding is not significant at ratio one, or has no p-value.
    ratio_below : float
        The largest ratio below one at which p passes the level; 0 if it does not, NaN as above.
    n_treated_clusters : int
        Treated clusters behind the parameter.
    assumption : str
        The reference model in words.
    """

    parameter: str
    t: float
    alpha: float
    ratios: Array = field(repr=False)
    p: Array = field(repr=False)
    p_reference: float
    ratio: float
    ratio_below: float
    n_treated_clusters: int
    assumption: str = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row per ratio: ratio, p, significant."""
        significant = self.p <= self.alpha
        return pd.DataFrame({"ratio": self.ratios, "p": self.p, "significant": significant})

    @property
    def sentence(self) -> str:
        """What the ratio means for the finding."""
        level, p = f"{100 * self.alpha:g}%", self.p_reference
        effect = named(self.parameter).replace("the overall", "The overall")
        if np.isnan(p):
            return f"{effect} has no exact p-value, so there is nothing to lose."
        if np.isnan(self.ratio):
            return (
                f"{effect} is not significant at {level} even if treated clusters vary as "
                f"the reference model says (p = {p:.3g}): there is nothing to lose."
            )
        if np.isinf(self.ratio):
            above = f"{effect} stays significant at {level} however much more treated clusters vary"
        else:
            above = (
                f"{effect} loses its significance at {level} once treated clusters vary "
                f"{self.ratio:.4g} times as much as the reference model says"
            )
        if self.ratio_below == 0:
            return f"{above}, and keeps it however much less they vary."
        return f"{above}, and once they vary {self.ratio_below:.4g} times as much or less."

    @property
    def _title(self) -> str:
        n = self.n_treated_clusters
        clusters = f"{n} treated cluster{'' if n == 1 else 's'}"
        return f"Sensitivity of {self.parameter}: t = {self.t:.4g}, {clusters}"

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return [self.sentence, f"Ratio one: {self.assumption}."]

    def headline(self) -> list[str]:
        """Return at which ratio the finding loses its significance."""
        return [self._title, f"  {self.sentence}"]

    def summary(self) -> str:
        """Return a short text for people."""
        many = len(self.ratios) > 2 * _STEPS
        return "\n".join(
            [
                self._title,
                "",
                screen_table(self.to_frame().iloc[:: _STEPS if many else 1]),
                "",
                *self.notes,
            ]
        )

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the p-value against the ratio (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        """
        return view("plot", self, ax=ax)


def sensitivity(
    parameter: str,
    t: float,
    forms: TRatio,
    alpha: float,
    n_treated_clusters: int,
    assumption: str,
    ratios: Sequence[float] | None = None,
) -> Sensitivity:
    """Compute p-values for a grid of ratios, and the ratios at which p passes the level.

    p need not be monotone in the ratio: a scan of eight steps to a factor of two, up to 1024 and
    down to 1/1024, finds the first step within which p passes the level, and bisection its place to
    1e-6. Beyond the scan the limit is looked at, in which only treated, or only other, clusters
    vary.

    Parameters
    ----------
    parameter : str
    t : float
    forms : TRatio
        The t statistic as a ratio of forms.
    alpha : float
        Significance level.
    n_treated_clusters : int
    assumption : str
    ratios : sequence of float, optional
        The grid; 1/8 to 8 without it.

    Raises
    ------
    DataError
        A ratio is not positive and finite, or alpha is not between 0 and 1.
    """
    require_numbers(alpha=alpha)
    if not 0 < alpha < 1:
        raise DataError(f"alpha must lie between 0 and 1 (0.05 for 5%), not {alpha!r}.")
    try:
        grid = RATIOS if ratios is None else np.asarray(ratios, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        grid = np.empty(0)  # refused below
    if grid.ndim != 1 or not len(grid) or not (np.isfinite(grid) & (grid > 0)).all():
        raise DataError("ratios must be positive numbers, such as [0.5, 1, 2].")
    reference = forms.p(t)
    significant = reference <= alpha
    return Sensitivity(
        parameter=parameter,
        t=t,
        alpha=alpha,
        ratios=np.sort(grid),
        p=np.array([forms.p(t, ratio) for ratio in np.sort(grid)]),
        p_reference=reference,
        ratio=loses_at(forms, t, alpha, upward=True) if significant else float("nan"),
        ratio_below=loses_at(forms, t, alpha, upward=False) if significant else float("nan"),
        n_treated_clusters=n_treated_clusters,
        assumption=assumption,
    )


def loses_at(forms: TRatio, t: float, alpha: float, *, upward: bool) -> float:
    """Return the ratio nearest to one, on one side of it, at which p passes the level.

    Parameters
    ----------
    forms : TRatio
    t : float
        Significant at ratio one.
    alpha : float
        Significance level.
    upward : bool
        Which side.

    Returns
    -------
    float
        inf or 0 where p stays below the level.
    """
    step = 2.0 ** ((1 if upward else -1) / _STEPS)
    inside, end = 1.0, FARTHEST if upward else 1 / FARTHEST
    for n in range(1, round(_STEPS * np.log2(FARTHEST)) + 1):
        outside = step**n
        if forms.p(t, outside) > alpha:
            return _bisect(forms, t, alpha, inside, outside)
        inside = outside
    if not forms.limit_p(t, treated=upward) > alpha:
        return float("inf") if upward else 0.0
    while forms.p(t, end) <= alpha:  # p passes the level on the way to its limit
        inside, end = end, end * step**_STEPS
        if not 1e-100 < end < 1e100:
            return float("inf") if upward else 0.0
    return _bisect(forms, t, alpha, inside, end)


def _bisect(forms: TRatio, t: float, alpha: float, inside: float, outside: float) -> float:
    """Halve the step, on a logarithmic scale, until the place is known to 1e-6 of itself."""
    while abs(np.log(outside / inside)) > _PRECISION / 2:
        middle = float(np.sqrt(inside * outside))
        if forms.p(t, middle) > alpha:
            outside = middle
        else:
            inside = middle
    return outside
