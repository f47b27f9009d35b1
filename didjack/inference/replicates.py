"""The parameters of a target in the full sample and without each cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from didjack.core.linalg import Array, Mask
from didjack.effects.deletions import Deletions
from didjack.effects.estimation import Estimation
from didjack.effects.parameters import Parameter
from didjack.effects.target import Target
from didjack.errors import DesignError

Count = NDArray[np.int64]


def refit_values(target: Target, deletions: Deletions) -> Array:
    """Compute the parameters of all replicates as a refit would, (C + 1, P).

    Cells that a deletion removes are left out, and averages re-weighted over the others.

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    """
    values = target.evaluate(deletions.estimates)
    for h, refit in deletions.refits.items():
        values[h + 1] = _match(target, refit)
    values[0] = target.values
    return values


def fixed_values(target: Target, deletions: Deletions, lost: Mask) -> Array:
    """Compute the parameters of all replicates with the weights of the full sample, (C + 1, P).

    Cells that a deletion removes are held at their full-sample estimate. A deletion that removes
    all cells of a parameter can tell nothing about it, and has none.

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    lost : (C, P) bool array
        Deletions that remove all cells of a parameter.
    """
    estimation = deletions.estimation
    att = deletions.estimates.att.copy()
    for h, refit in deletions.refits.items():
        att[h + 1] = np.nan
        if refit is not None:
            att[h + 1] = _by_name(refit.parameters, refit.att, estimation.parameters)
    values = target.evaluate_fixed(np.where(np.isfinite(att), att, estimation.att))
    values[1:][lost] = np.nan
    values[0] = target.values
    return values


def lost_cohorts(deletions: Deletions) -> Mask:
    """Say which deletions remove which treated cohorts, (C, Q).

    Parameters
    ----------
    deletions : Deletions
    """
    panel, rows = deletions.estimation.panel, deletions.estimates.cohort_rows.copy()
    for h, refit in deletions.refits.items():
        rows[h + 1] = _cohort_rows(deletions.estimation, refit)
    lost = (rows[1:] == 0) & (rows[0] > 0)
    lost[:, ~np.isin(np.arange(rows.shape[1]), panel.treated)] = False
    return np.asarray(lost)


def lost_covariates(deletions: Deletions) -> Mask:
    """Say which deletions make which covariates redundant, (C, k).

    Parameters
    ----------
    deletions : Deletions
    """
    left_out = deletions.estimates.left_out
    return np.asarray(left_out[1:] & ~left_out[0])


def _cohort_rows(estimation: Estimation, refit: Estimation | None) -> Count:
    """Place the cohort sizes of a refit by cohort; zero for cohorts that it has no effects of."""
    if refit is None:
        return np.zeros(len(estimation.panel.cohorts), dtype=np.int64)
    treated = refit.panel.treated
    cohorts, sizes = refit.panel.cohorts[treated], refit.estimates.cohort_rows[0, treated]
    size_of = dict(zip(cohorts.tolist(), sizes.tolist(), strict=True))
    return np.array([size_of.get(g, 0) for g in estimation.panel.cohorts.tolist()], dtype=np.int64)


def _match(target: Target, refit: Estimation | None) -> Array:
    """Compute the parameters from a refit, NaN for those that it does not have."""
    try:
        other = None if refit is None else target.estimate_again(refit)
    except DesignError:
        other = None
    if other is None:
        return np.full(len(target.values), np.nan)
    return _by_name(other.parameters, other.values, target.parameters)


def _by_name(parameters: Sequence[Parameter], values: Array, wanted: Sequence[Parameter]) -> Array:
    found = dict(zip(parameters, values.tolist(), strict=True))
    return np.array([found.get(parameter, np.nan) for parameter in wanted])
