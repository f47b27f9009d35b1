"""Bootstrap draws in the order in which R `did` 2.5.1 makes them from one seed.

`att_gt` draws once, for all cells together. `aggte` draws anew for every element, in ascending
order, then, for a uniform band (`cband`), once for all elements together, and at last for the
overall effect (functions mboot, getSE and compute.aggte of the R package). So the standard
errors of R come from other multipliers than its critical value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.analytic import influence_sums
from didjack.core.linalg import Array, Index
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.target import Target
from didjack.errors import DataError
from didjack.inference.r_random import RStream, uniforms_per_draw
from didjack.sample.panel import NEVER, Panel


@dataclass(frozen=True, eq=False)
class RDraws:
    """Draws of P parameters, B of each.

    Attributes
    ----------
    joint : (B, P) array
        From multipliers that all parameters have in common: for bands and covariances.
    separate : (B, P) array
        From multipliers of each parameter's own: for standard errors. The same as `joint` for
        group-time effects and where there is one parameter.
    """

    joint: Array = field(repr=False)
    separate: Array = field(repr=False)


def draw_as_r(
    target: Target,
    code: Index | None,
    n_boot: int,
    seed: int,
    cband: bool | None = None,
    calls_before: int = 0,
) -> RDraws:
    """Draw what R draws after `set.seed(seed)` in `att_gt`, or in `aggte`.

    Parameters
    ----------
    target : ATTgt or Aggregate
    code : (n,) int array or None
        Cluster of every unit; None: units.
    n_boot : int
        Draws, B (R: biters).
    seed : int
    cband : bool, optional
        Whether R was asked for a uniform band too, see `multiplier`.
    calls_before : int
        Bootstraps of as many draws over the same clusters that R made since set.seed.

    Raises
    ------
    DataError
        Something else than the result of att_gt or one average; or no seed of R.
    """
    if not isinstance(target, (ATTgt, Aggregate)):
        raise DataError(
            "rng='R' repeats what one call of R's att_gt or aggte draws. Give the result of "
            "att_gt, or one average."
        )
    panel = target.estimation.panel
    order = unit_order(panel) if code is None else slice(None)
    sums = influence_sums(target.influence, code)[order] / target.estimation.n
    stream = RStream(seed)
    stream.skip(calls_before * n_boot * uniforms_per_draw(len(sums)))
    if isinstance(target, ATTgt) or sums.shape[1] == 1:
        joint = stream.perturbed_sums(sums, n_boot)
        return RDraws(joint, joint)
    return _average(sums, stream, n_boot, len(panel.times) > 2 if cband is None else cband)


def _average(sums: Array, stream: RStream, n_boot: int, cband: bool) -> RDraws:
    """Draw for the elements of an average, for all together, and for the overall effect."""
    elements = [stream.perturbed_sums(sums[:, [p]], n_boot) for p in range(1, sums.shape[1])]
    if cband:
        joint = stream.perturbed_sums(sums, n_boot)
        overall = stream.perturbed_sums(sums[:, [0]], n_boot)
    else:  # R draws no common multipliers; these come last, so that they change none of R's
        overall = stream.perturbed_sums(sums[:, [0]], n_boot)
        joint = stream.perturbed_sums(sums, n_boot)
    return RDraws(joint, np.column_stack([overall, *elements]))


def unit_order(panel: Panel) -> Index:
    """Return the units in the order of R's influence functions (faster_mode=TRUE), (n,).

    Balanced panels: by cohort, never treated last, then by unit. Otherwise by first appearance
    in the rows sorted by period, then cohort, then place in the data.

    Parameters
    ----------
    panel : Panel
    """
    cohorts = np.where(panel.cohorts == NEVER, np.inf, panel.cohorts)
    if panel.is_panel:
        return np.lexsort((np.arange(panel.n_units), cohorts[panel.unit_cohort]))
    rows = np.lexsort((panel.rows, cohorts[panel.cohort], panel.time))
    _, first = np.unique(panel.unit[rows], return_index=True)
    return np.asarray(np.argsort(first, kind="stable"))
