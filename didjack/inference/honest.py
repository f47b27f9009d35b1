"""How far trends may diverge before a finding is lost: bounds of Rambachan and Roth (2023).

Two restrictions on how treated and controls would have diverged without treatment:
"relative_magnitude", after treatment at most Mbar times as much from period to period as before
(`didjack.inference.relative_magnitudes`), and "smoothness", a slope that changes by at most M from
period to period (`didjack.inference.smoothness`). The argument names are those of R `honest_did`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special
from scipy.optimize import brentq

from didjack.core.linalg import Array
from didjack.core.screen import screen_table
from didjack.core.views import Shown, view
from didjack.errors import DataError, DesignError
from didjack.inference.honestdid import HonestDiDInput
from didjack.inference.relative_magnitudes import relative_magnitude_interval
from didjack.inference.smoothness import linear_estimates, smoothness_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TYPES = {"relative_magnitude": ("Mbar", "C-LF"), "smoothness": ("M", "FLCI")}
MBAR = (0.0, 0.5, 1.0, 1.5, 2.0)
M_IN_ERRORS = (0.0, 0.25, 0.5, 0.75, 1.0)  # in standard errors of the parameter
LARGEST = 1e6  # bounds beyond it (times a standard error, for M) are not looked for
ASSUMPTION = (
    "The intervals take the estimates as normal and their covariance as known, and critical values "
    "are normal. Their size with few treated clusters is not known, and exact critical values do "
    "not apply here."
)

Interval = Callable[[float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class HonestBounds(Shown):
    """Intervals of one effect that hold for all divergences up to a bound; n bounds.

    Attributes
    ----------
    type : {"relative_magnitude", "smoothness"}
    parameter : str
        "event:0", or a linear combination of event times.
    bounds : (n,) array
        Mbar, without unit, or M, in units of the outcome per squared period.
    low, high : (n,) arrays
        Ends of the intervals.
    original : tuple of float
        The interval without divergence, with normal critical values.
    breakdown : float
        The largest bound up to which the interval does not hold zero; NaN where `original` holds
        it, inf where none was found that does.
    level : float
        Coverage of the intervals.
    handed : HonestDiDInput
        What they were computed from.
    cautions : tuple of str
        Sentences on treated clusters.
    """

    type: str
    parameter: str
    bounds: Array = field(repr=False)
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    original: tuple[float, float]
    breakdown: float
    level: float
    handed: HonestDiDInput = field(repr=False)
    cautions: tuple[str, ...] = field(default=(), repr=False)

    @property
    def bound(self) -> str:
        """Name of the bound: "Mbar" or "M"."""
        return TYPES[self.type][0]

    @property
    def method(self) -> str:
        """Kind of the intervals: "C-LF" or "FLCI"."""
        return TYPES[self.type][1]

    def to_frame(self) -> pd.DataFrame:
        """One row per bound: Mbar or M, ci_low, ci_high, excludes_zero, method."""
        return pd.DataFrame(
            {
                self.bound: self.bounds,
                "ci_low": self.low,
                "ci_high": self.high,
                "excludes_zero": (self.low > 0) | (self.high < 0),
                "method": self.method,
            }
        )

    @property
    def sentence(self) -> str:
        """What the breakdown value means for the finding."""
        level = f"{100 * self.level:g}%"
        if np.isnan(self.breakdown):
            return f"The {level} interval of {self.parameter} holds zero under parallel trends."
        if self.type == "smoothness":
            bent = f"slope of the trends changes by more than {self.breakdown:.3g} between periods"
        else:
            bent = (
                f"trends diverge from period to period more than {self.breakdown:.3g} times as "
                "much after treatment as before"
            )
        if np.isinf(self.breakdown):
            return f"The {level} interval of {self.parameter} excludes zero at every {self.bound}."
        if self.breakdown == 0:
            return f"The {level} interval of {self.parameter} holds zero at {self.bound} = 0."
        return f"The {level} interval of {self.parameter} excludes zero unless the {bent}."

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the intervals must know."""
        return [*self.handed.notes, *self.cautions, ASSUMPTION]

    def headline(self) -> list[str]:
        """Return what is bounded, the interval under parallel trends, and where it breaks down."""
        low, high = self.original
        return [
            f"Bounds on {self.parameter}, {self.type.replace('_', ' ')} ({self.method})",
            f"  under parallel trends: {low:.4g} to {high:.4g}",
            f"  {self.sentence}",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        table = screen_table(self.to_frame())
        return "\n".join([*self.headline(), "", table, "", *self.notes])

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the intervals against the bound (matplotlib).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        """
        return view("plot", self, ax=ax)


def honest_bounds(
    handed: HonestDiDInput,
    type: str = "relative_magnitude",
    Mbarvec: Sequence[float] | None = None,
    Mvec: Sequence[float] | None = None,
    *,
    e: float = 0,
    l_vec: Sequence[float] | None = None,
    level: float = 0.95,
    cautions: Sequence[str] = (),
) -> HonestBounds:
    """Compute intervals that hold for all divergences of trends up to a bound.

    Parameters
    ----------
    handed : HonestDiDInput
        From `to_honestdid` of a jackknife or bootstrap.
    type : {"relative_magnitude", "smoothness"}
    Mbarvec : sequence of float, optional
        Bounds for type="relative_magnitude"; 0, .5, 1, 1.5 and 2 without it.
    Mvec : sequence of float, optional
        Bounds for type="smoothness", in units of the outcome; 0, .25, .5, .75 and 1 standard error
        of the effect without it.
    e : float
        Event time of the effect.
    l_vec : sequence of float, optional
        Instead of `e`: weights of all event times after the reference period.
    level : float
        Coverage, between 0 and 1.
    cautions : sequence of str
        Sentences for the notes.

    Returns
    -------
    HonestBounds

    Raises
    ------
    DataError
        An argument is out of range, unknown, or belongs to the other type.
    DesignError
        There is no event time before the reference period, event times do not follow on each other
        at equal steps, or (smoothness) their covariance is singular.
    """
    if type not in TYPES:
        raise DataError(f"type must be 'relative_magnitude' or 'smoothness', not {type!r}.")
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    if (Mvec if type == "relative_magnitude" else Mbarvec) is not None:
        raise DataError("Mbarvec belongs to type='relative_magnitude', Mvec to type='smoothness'.")
    _refuse_gaps(handed)
    parameter, weights = _effect(handed, e, l_vec)
    all_weights = np.concatenate([np.zeros(handed.num_pre), weights])
    estimate = float(all_weights @ handed.betahat)
    se = float(np.sqrt(all_weights @ handed.sigma @ all_weights))
    half = special.ndtri((1 + level) / 2) * se
    interval = _interval_of(type, handed, weights, 1 - level)
    given = Mbarvec if type == "relative_magnitude" else Mvec
    if given is None:
        bounds = np.array(MBAR) if type == "relative_magnitude" else np.array(M_IN_ERRORS) * se
    else:
        bounds = _checked(given)
    found = np.array([interval(bound) for bound in bounds])
    unit = 1.0 if type == "relative_magnitude" else se
    significant = abs(estimate) > half
    return HonestBounds(
        type=type,
        parameter=parameter,
        bounds=bounds,
        low=found[:, 0],
        high=found[:, 1],
        original=(estimate - half, estimate + half),
        breakdown=_breakdown(interval, estimate, unit) if significant else float("nan"),
        level=level,
        handed=handed,
        cautions=tuple(cautions),
    )


def _interval_of(type: str, handed: HonestDiDInput, weights: Array, alpha: float) -> Interval:
    if type == "smoothness":
        estimates = linear_estimates(handed.sigma, handed.num_pre, weights)
        return lambda M: smoothness_interval(handed.betahat, estimates, M, alpha)
    return lambda Mbar: relative_magnitude_interval(
        handed.betahat, handed.sigma, handed.num_pre, weights, Mbar, alpha
    )


def _breakdown(interval: Interval, estimate: float, unit: float) -> float:
    """Find where the end nearer to zero passes it; zero if it has at a bound of zero."""
    sign = np.sign(estimate)

    def distance(bound: float) -> float:
        low, high = interval(bound)
        return float(low if sign > 0 else -high)

    if distance(0.0) <= 0:
        return 0.0
    inside, outside = 0.0, unit
    while distance(outside) > 0:
        inside, outside = outside, 2 * outside
        if outside > LARGEST * unit:
            return float("inf")
    return float(brentq(distance, inside, outside, xtol=1e-8 * unit, rtol=1e-10))


def _effect(handed: HonestDiDInput, e: float, l_vec: Sequence[float] | None) -> tuple[str, Array]:
    """Return name and weights of the effect that is bounded."""
    after = handed.event_times[handed.num_pre :]
    if l_vec is None:
        if e not in after:
            listed = ", ".join(f"{time:g}" for time in after)
            raise DataError(f"There is no event time {e:g} after treatment. There are: {listed}.")
        return f"event:{e:g}", (after == e).astype(float)
    weights = np.asarray(l_vec, dtype=np.float64)
    if weights.shape != after.shape or not np.isfinite(weights).all() or not weights.any():
        raise DataError(
            f"l_vec takes one weight for each of {len(after)} event times after the reference "
            f"period ({', '.join(f'{time:g}' for time in after)}), not all zero."
        )
    shown = [
        f"{'-' if weight < 0 else '+'} {abs(weight):.3g}*event:{at:g}"
        for weight, at in zip(weights, after, strict=True)
        if weight
    ]
    return " ".join(shown).removeprefix("+ "), weights


def _checked(bounds: Sequence[float]) -> Array:
    found = np.atleast_1d(np.asarray(bounds, dtype=np.float64))
    if found.ndim != 1 or not len(found) or not (np.isfinite(found) & (found >= 0)).all():
        raise DataError("Mbarvec and Mvec hold numbers of zero or more, such as [0.5, 1, 2].")
    return found


def _refuse_gaps(handed: HonestDiDInput) -> None:
    if not handed.num_pre or not handed.num_post:
        side = "after" if handed.num_pre else "before"
        raise DesignError(
            f"There is no event time {side} the reference period {handed.reference:g}, and nothing "
            "to learn about trends. Widen the window with min_e, max_e, or pass min_treated=1."
        )
    times = np.sort(np.append(handed.event_times, handed.reference))
    steps = np.diff(times)
    if not np.allclose(steps, steps[0]):
        raise DesignError(
            f"Event times do not follow on each other at equal steps: "
            f"{', '.join(f'{time:g}' for time in times)}. Narrow the window with min_e, max_e."
        )
