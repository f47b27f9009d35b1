"""Event studies in the form that tools for sensitivity analysis take."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.results import SHOWN, Inference
from didjack.core.screen import screen_table
from didjack.core.views import Shown
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.joint import Joint
from didjack.errors import DesignError
from didjack.inference.places import event_times, with_error

UNIVERSAL = (
    "Sensitivity analysis needs base_period='universal' in att_gt: with a varying base "
    "the pre-treatment estimates are changes from period to period."
)


@dataclass(frozen=True, eq=False, repr=False)
class HonestDiDInput(Shown):
    """Event-study estimates and covariance as Rambachan and Roth (2023) use them.

    R `HonestDiD` and its Python counterparts take `betahat`, `sigma`, `num_pre` and `num_post`:
    event times in order, without the reference period.

    Attributes
    ----------
    event_times : (p,) array
    betahat : (p,) array
    sigma : (p, p) array
        Joint covariance.
    num_pre, num_post : int
        Event times before and after the reference period.
    reference : float
        The event time left out.
    df : float
        For tools that use t critical values: the smallest degrees of freedom, H - 1 of a
        jackknife; inf for normal critical values.
    left_out : tuple of str
        Event times that rest on fewer than `min_treated` treated clusters, and those beyond them.
    min_treated : int
    """

    event_times: Array
    betahat: Array
    sigma: Array = field(repr=False)
    num_pre: int
    num_post: int
    reference: float
    df: float
    left_out: tuple[str, ...] = ()
    min_treated: int = 0

    def to_frame(self) -> pd.DataFrame:
        """One row per event time: event_time, att, se."""
        se = np.sqrt(np.diag(self.sigma))
        return pd.DataFrame({"event_time": self.event_times, "att": self.betahat, "se": se})

    def headline(self) -> list[str]:
        """Return the event times, up to twelve rows."""
        return [
            f"Input of sensitivity analysis: {self.num_pre} event times before and {self.num_post} "
            f"after the reference period {self.reference:g}, df {self.df:g}",
            screen_table(self.to_frame(), limit=SHOWN),
        ]

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the bounds must know."""
        if not self.left_out:
            return []
        return [
            f"Left out: {', '.join(self.left_out)}, from the first event time on either side of "
            f"the reference period with fewer than {self.min_treated} treated clusters."
        ]


def analytic_honestdid(
    result: ATTgt | Aggregate | Joint, reference: float, min_treated: int
) -> HonestDiDInput:
    """Take an event study with its analytic covariance; see `Aggregate.to_honestdid`.

    Parameters
    ----------
    result : Aggregate
    reference, min_treated
        As there.
    """
    if result.estimation.options.base_period != "universal":
        raise DesignError(UNIVERSAL)
    counts = result.inference.n_treated_clusters if min_treated else None
    return honestdid_input(result.inference, reference, counts, min_treated)


def honestdid_input(
    inference: Inference,
    reference: float = -1,
    counts: Index | None = None,
    min_treated: int = 0,
) -> HonestDiDInput:
    """Take the event study of an inference.

    The tools take event times to follow on each other. Where one is left out, those beyond it, seen
    from the reference period, are left out with it.

    Parameters
    ----------
    inference : Inference
        With a joint covariance, of `aggte(..., type="dynamic")` with base_period="universal":
        the bounds compare all event times with the same reference period.
    reference : float
        Event time of the base period, -1 without anticipation.
    counts : (P,) int array, optional
        Treated clusters behind each parameter.
    min_treated : int
        Event times with fewer treated clusters are left out.

    Raises
    ------
    DesignError
        Not an event study, no event time is left, an event time without a standard error, a
        reference period that is estimated (which no universal base period is), or no joint
        covariance.
    """
    time_of = event_times(inference)
    base = [i for i in time_of if time_of[i] == reference]
    if not base:
        raise DesignError(
            f"There is no event time {reference:g} to leave out. Use aggte(..., type='dynamic') "
            "and name the event time of the base period."
        )
    at = [i for i in time_of if i not in base]
    thin = [time_of[i] for i in at if counts is not None and counts[i] < min_treated]
    low = max((e for e in thin if e < reference), default=-np.inf)
    high = min((e for e in thin if e > reference), default=np.inf)
    left_out = tuple(str(inference.parameters[i]) for i in at if not low < time_of[i] < high)
    at = [i for i in at if low < time_of[i] < high]
    if not at:
        raise DesignError(
            f"Fewer than {min_treated} treated clusters stand behind the event times next to the "
            "reference period, so no event time is left. Pass min_treated=1 to use them all the "
            "same."
        )
    without = [inference.parameters[i] for i in at if i not in with_error(inference, at)]
    if without:
        raise DesignError(
            f"{', '.join(without)} has no {inference.method} standard error. Narrow the window "
            "with min_e, max_e."
        )
    if with_error(inference, base):
        raise DesignError(UNIVERSAL)
    times = np.array([time_of[i] for i in at])
    df = float(inference.df[at].min())
    return HonestDiDInput(
        event_times=times,
        betahat=inference.att[at],
        sigma=inference.vcov.to_numpy()[np.ix_(at, at)],
        num_pre=int((times < reference).sum()),
        num_post=int((times > reference).sum()),
        reference=float(reference),
        df=int(df) if np.isfinite(df) else df,
        left_out=left_out,
        min_treated=min_treated,
    )
