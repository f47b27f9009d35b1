"""Event studies in the form that tools for sensitivity analysis take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from didjack.core.linalg import Array
from didjack.errors import DesignError

if TYPE_CHECKING:
    from didjack.inference.jackknife import Jackknife


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
        Joint CV3 covariance.
    num_pre, num_post : int
        Event times before and after the reference period.
    reference : float
        The event time left out.
    df : int
        H - 1, for tools that use t critical values.
    """

    event_times: Array
    betahat: Array
    sigma: Array = field(repr=False)
    num_pre: int
    num_post: int
    reference: float
    df: int


def honestdid_input(jk: Jackknife, reference: float = -1) -> HonestDiDInput:
    """Take the event study of a jackknife.

    Parameters
    ----------
    jk : Jackknife
        Of `aggte(..., type="dynamic")` with base_period="universal": the bounds compare all
        event times with the same reference period.
    reference : float
        Event time of the base period, -1 without anticipation.

    Raises
    ------
    DesignError
        Not an event study with a universal base period, or an event time without a standard
        error.
    """
    if jk.target.attgt.options.base_period != "universal":
        raise DesignError(
            "Sensitivity analysis needs base_period='universal' in att_gt: with a varying base "
            "the pre-treatment estimates are changes from period to period."
        )
    at = [i for i, n in enumerate(jk.parameters) if n.startswith("event:")]
    times = np.array([float(jk.parameters[i].split(":")[1]) for i in at])
    if not len(at) or reference not in times:
        raise DesignError(
            f"There is no event time {reference:g} to leave out. Use aggte(..., type='dynamic') "
            "and name the event time of the base period."
        )
    keep = times != reference
    at = [i for i, k in zip(at, keep, strict=True) if k]
    times = times[keep]
    without = [jk.parameters[i] for i in at if not np.isfinite(jk.inference.se[i])]
    if without:
        raise DesignError(
            f"{', '.join(without)} has no CV3 standard error. Narrow the window with min_e, max_e."
        )
    return HonestDiDInput(
        event_times=times,
        betahat=jk.inference.att[at],
        sigma=jk.vcov.to_numpy()[np.ix_(at, at)],
        num_pre=int((times < reference).sum()),
        num_post=int((times > reference).sum()),
        reference=float(reference),
        df=int(jk.inference.df[at].min()),
    )
