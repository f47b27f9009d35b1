"""The group-time cells: which periods and cohorts each ATT(g,t) compares.

ATT(g,t) is the average effect of treatment in period t on cohort g, the units first treated in
period g (Callaway and Sant'Anna 2021). A cell compares the change of cohort g from a base period
to t with the same change of its controls: the never treated, or whoever is not yet treated. Which
cells exist depends only on periods and cohorts, so it is settled before any outcome is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.sample.panel import NEVER, Panel


class Status(IntEnum):
    """Why a cell has, or has not, an estimate; `REASONS` says it in words."""

    OK = 0
    BASE_PERIOD = 1
    NO_TREATED = 2
    NO_CONTROLS = 3
    SINGULAR = 4
    NO_OVERLAP = 5
    TREATED_SINGULAR = 6
    NO_WEIGHT = 7


REASONS = {
    Status.OK: "",
    Status.BASE_PERIOD: "base period: zero by construction",
    Status.NO_TREATED: "no treated rows in one of the two periods",
    Status.NO_CONTROLS: "no control rows in one of the two periods",
    Status.SINGULAR: "covariates are collinear among the controls",
    Status.NO_OVERLAP: "no overlap: a propensity of .999 or more, or no convergence",
    Status.TREATED_SINGULAR: "covariates are collinear among the treated",
    Status.NO_WEIGHT: "all treated, or all controls, have weight zero in one of the two periods",
}


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a design; m cells, Q cohorts, S distinct sets of controls.

    Attributes
    ----------
    cohort : (m,) int array
        Cohort code of g.
    time, base : (m,) int arrays
        Codes of t and of the base period.
    control_set : (m,) int array
        Row of `control_sets` that the cell compares with.
    control_sets : (S, Q) bool array
        Which cohorts are controls.
    group, period, base_period : (m,) float arrays
        g, t and the base period in the units of the data.
    frequency : str
        Of the dates that these are codes of; empty for numbers.
    """

    cohort: Index
    time: Index
    base: Index
    control_set: Index
    control_sets: Mask
    group: Array
    period: Array
    base_period: Array
    frequency: str = ""

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.cohort)

    @property
    def event_time(self) -> Array:
        """Periods since treatment, t - g, shape (m,)."""
        return self.period - self.group

    @property
    def post(self) -> Mask:
        """Whether a cell is post-treatment (t >= g), shape (m,)."""
        return self.period >= self.group

    @property
    def is_base(self) -> Mask:
        """Whether t is the base period itself, where the effect is zero by construction; (m,)."""
        return self.time == self.base

    @property
    def early(self) -> Index:
        """The earlier of the two periods, whose weights and covariates a panel uses; (m,)."""
        return np.minimum(self.time, self.base)


def enumerate_cells(panel: Panel, control_group: str, base_period: str) -> Cells:
    """List the cells in the order of R `did`: by cohort, then by period.

    Parameters
    ----------
    panel : Panel
    control_group : {"nevertreated", "notyettreated"}
    base_period : {"varying", "universal"}
        "varying": pre-treatment cells use the period just before t; "universal": all cells
        use the last period before treatment (minus anticipation).

    Returns
    -------
    Cells

    Notes
    -----
    With `anticipation` a, the base period of a post-treatment cell is the last one before g - a,
    and a cohort is not yet treated in t if it is first treated after t + a: the comparison groups
    of equations (2.2) to (2.4) and (2.5) to (2.7) of Callaway and Sant'Anna (2021). As in R
    `did`, not yet treated controls must be so in the base period as well.
    """
    times, cohorts = panel.times, panel.cohorts
    anticipation = panel.roles.anticipation
    first = 0 if base_period == "universal" else 1
    entries: list[tuple[int, int, int, tuple[bool, ...]]] = []
    for q in panel.treated:
        g = cohorts[q]
        last_before = int(np.flatnonzero(times + anticipation < g)[-1])
        for t in range(first, len(times)):
            is_post = times[t] >= g
            base = last_before if base_period == "universal" or is_post else t - 1
            controls = cohorts == NEVER
            if control_group == "notyettreated":
                # Untreated in both periods, also in anticipation, and not the cohort itself.
                threshold = times[max(t, base)] + anticipation
                controls = controls | (cohorts > threshold)
                controls[q] = False
            entries.append((int(q), t, base, tuple(controls.tolist())))
    sets = sorted({e[3] for e in entries})
    position = {s: i for i, s in enumerate(sets)}
    cohort, time, base_code = (np.array([e[i] for e in entries], dtype=np.intp) for i in range(3))
    return Cells(
        cohort=cohort,
        time=time,
        base=base_code,
        control_set=np.array([position[e[3]] for e in entries], dtype=np.intp),
        control_sets=np.array(sets, dtype=bool),
        group=cohorts[cohort],
        period=times[time],
        base_period=times[base_code],
        frequency=panel.roles.frequency,
    )
