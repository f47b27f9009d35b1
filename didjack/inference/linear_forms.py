"""Parameters and their deletions as linear forms in shocks to clusters and periods.

A target is a weighted sum of ATT(g,t), and ATT(g,t) is linear in outcomes
(`didjack.estimators.loadings`). With the weights of every replicate, each parameter and each of
its deletions becomes an array of loadings by cluster and period. From these follow the exact
distribution of its CV3 t statistic, and which clusters are treated behind it.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.effects.deletions import Deletions
from didjack.effects.estimation import Estimation
from didjack.effects.target import Target, treated_behind
from didjack.errors import DesignError
from didjack.estimators.loadings import cell_loadings
from didjack.inference.reference_model import ReferenceModel, TRatio

LARGEST = 2e9  # numbers in the loadings of all cells and replicates: 16 GB


@dataclass(frozen=True, eq=False)
class LinearForms:
    """Loadings of P parameters; R replicates, C clusters, m cells, T periods.

    Attributes
    ----------
    time, base : (R, C, m) arrays
        Loadings of the cells on shocks in their period and in their base period.
    at_time, at_base : (m,) int arrays
        These periods.
    weights : (R, m, P) array
        Weights of the cells in the parameters; the same in all replicates where they are fixed.
    n_periods : int
    treated : (C, P) bool array
        Clusters with treated units behind a parameter.
    """

    time: Array = field(repr=False)
    base: Array = field(repr=False)
    at_time: Index = field(repr=False)
    at_base: Index = field(repr=False)
    weights: Array = field(repr=False)
    n_periods: int
    treated: Mask = field(repr=False)

    def loadings(self, combination: Array) -> Array:
        """Return the loadings of a linear combination of parameters, (R, C, T).

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.
        """
        weight = self.weights @ combination  # (R, m)
        used = np.flatnonzero((weight != 0).any(axis=0))
        R, C, _ = self.time.shape
        out = np.zeros((R, C, self.n_periods))
        for c in used:
            out[:, :, self.at_time[c]] += weight[:, c, None] * self.time[:, :, c]
            out[:, :, self.at_base[c]] += weight[:, c, None] * self.base[:, :, c]
        return out

    def ratio(self, combination: Array, usable: Mask, model: ReferenceModel) -> TRatio:
        """Return the t statistic of a linear combination as a ratio of forms.

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.
        usable : (C,) bool array
            Deletions that count.
        model : ReferenceModel
        """
        behind = np.asarray(self.treated[:, combination != 0].any(axis=1))
        return TRatio.of(self.loadings(combination), usable, behind, model)


def linear_forms(target: Target, deletions: Deletions, estimand: str) -> LinearForms:
    """Write a target and its deletions as linear forms in outcomes.

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    estimand : {"refit", "fixed"}
        As in `didjack.jackknife`.

    Raises
    ------
    DesignError
        The estimates are not linear in outcomes, or there are too many clusters.
    """
    estimation = deletions.estimation
    _refuse_nonlinear(estimation)
    panel, cells = estimation.panel, estimation.cells
    R, m = deletions.estimates.att.shape
    if R * R * m > LARGEST:
        raise DesignError(
            f"Exact critical values for {R - 1:,} clusters and {m} cells need more than "
            f"{16 * R * R * m / 1e9:.0f} GB. Use critical='t', or fewer event times."
        )
    method = estimation.options.est_method
    found = cell_loadings(panel, cells, deletions.clusters, method, deletions.estimates)
    missing = ~np.isfinite(deletions.estimates.att)
    weights = _weights(target, deletions, estimand)
    for h, refit in deletions.refits.items():
        missing[h + 1] = True
        if refit is not None:
            _place_refit(found.time, found.base, missing, h, refit, deletions)
            if estimand == "refit":
                weights[h + 1] = _weights_of_refit(target, refit)
    for part in (found.time, found.base):
        r, c = np.nonzero(missing)
        # Held at the full sample's estimate, or without weight.
        part[r, :, c] = part[0, :, c] if estimand == "fixed" else 0.0
    return LinearForms(
        time=found.time,
        base=found.base,
        at_time=cells.time,
        at_base=cells.base,
        weights=weights,
        n_periods=len(panel.times),
        treated=treated_behind(target, deletions.clusters),
    )


def all_lost(target: Target, deletions: Deletions) -> Mask:
    """Say which deletions remove all cells of which parameter, (C, P).

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    """
    missing = ~np.isfinite(deletions.estimates.att[1:])
    names = deletions.estimation.parameters
    for h, refit in deletions.refits.items():
        kept = set() if refit is None else set(np.array(refit.parameters)[np.isfinite(refit.att)])
        missing[h] = [name not in kept for name in names]
    base = deletions.estimation.cells.is_base
    used = (target.evaluate_fixed(np.eye(len(base))) != 0) & ~base[:, None]
    left = (~missing).astype(float) @ used.astype(float)
    return np.asarray((left == 0) & used.any(axis=0))


def _weights(target: Target, deletions: Deletions, estimand: str) -> Array:
    """Weights of the cells in the parameters of every replicate, (R, m, P)."""
    R, m = deletions.estimates.att.shape
    fixed = np.nan_to_num(target.evaluate_fixed(np.eye(m)))
    if estimand == "fixed":
        return np.broadcast_to(fixed, (R, *fixed.shape))
    estimates = deletions.estimates
    out = np.zeros((R, *fixed.shape))
    for c in np.flatnonzero(fixed.any(axis=1)):
        one = np.where(np.isfinite(estimates.att), 0.0, np.nan)
        one[np.isfinite(estimates.att[:, c]), c] = 1.0
        out[:, c] = target.evaluate(dataclasses.replace(estimates, att=one))
    return np.nan_to_num(out)


def _weights_of_refit(target: Target, refit: Estimation) -> Array:
    """Weights of the full sample's cells in the parameters of a refit, (m, P)."""
    out = np.zeros((len(target.estimation.cells), len(target.values)))
    try:
        other = target.estimate_again(refit)
    except DesignError:
        return out
    weights = np.nan_to_num(other.evaluate_fixed(np.eye(len(refit.cells))))
    cell = {name: i for i, name in enumerate(target.estimation.parameters)}
    column = {name: i for i, name in enumerate(target.parameters)}
    for i, name in enumerate(refit.parameters):
        for j, parameter in enumerate(other.parameters):
            if name in cell and parameter in column:
                out[cell[name], column[parameter]] = weights[i, j]
    return out


def _place_refit(
    time: Array, base: Array, missing: Mask, h: int, refit: Estimation, deletions: Deletions
) -> None:
    """Write the loadings of an estimate without cluster h, whose frame differs, into row h + 1."""
    clusters = refit.clusters(deletions.clusters.name)
    found = cell_loadings(
        refit.panel, refit.cells, clusters, refit.options.est_method, refit.replicates(clusters)
    )
    rows = deletions.clusters.labels.get_indexer(clusters.labels)
    cell = {name: i for i, name in enumerate(deletions.estimation.parameters)}
    time[h + 1] = base[h + 1] = 0.0
    for i, name in enumerate(refit.parameters):
        if name in cell and np.isfinite(refit.att[i]):
            time[h + 1, rows, cell[name]] = found.time[0, :, i]
            base[h + 1, rows, cell[name]] = found.base[0, :, i]
            missing[h + 1, cell[name]] = False


def _refuse_nonlinear(estimation: Estimation) -> None:
    roles = estimation.panel.roles
    formula = roles.xformla or ""
    if re.search(rf"(?<![\w.]){re.escape(roles.yname)}(?![\w.])", formula):
        raise DesignError(
            f"The covariates '{formula}' contain the outcome '{roles.yname}': estimates are then "
            "not linear in it, and no exact distribution is known. Use critical='t', or other "
            "covariates."
        )
    if estimation.options.separation == "csdid" and estimation.estimates.separated.any():
        raise DesignError(
            "With separation='csdid' Stata's rule moves separated cells in a way whose exact "
            "distribution is not computed here. Use separation='drop'."
        )
