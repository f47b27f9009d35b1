"""Event studies in the form that tools for sensitivity analysis take."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array
from didjack.core.results import Inference
from didjack.errors import DesignError
from didjack.inference.places import event_times, with_error

UNIVERSAL = (
    "Sensitivity analysis needs base_period='universal' in att_gt: with a varying base "
    "the pre-treatment estimates are changes from period to period."
)


@dataclass(frozen=True, eq=False)
class HonestDiDInput:
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
    """

    event_times: Array
    betahat: Array
    sigma: Array = field(repr=False)
    num_pre: int
    num_post: int
    reference: float
    df: float


def honestdid_input(inference: Inference, reference: float = -1) -> HonestDiDInput:
    """Take the event study of an inference.

    Parameters
    ----------
    inference : Inference
        With a joint covariance, of `aggte(..., type="dynamic")` with base_period="universal":
        the bounds compare all event times with the same reference period.
    reference : float
        Event time of the base period, -1 without anticipation.

    Raises
    ------
    DesignError
        Not an event study, an event time without a standard error, a reference period that is
        estimated (which no universal base period is), or no joint covariance.
    """
    time_of = event_times(inference)
    base = [i for i in time_of if time_of[i] == reference]
    if not base:
        raise DesignError(
            f"There is no event time {reference:g} to leave out. Use aggte(..., type='dynamic') "
            "and name the event time of the base period."
        )
    at = [i for i in time_of if i not in base]
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
    )
