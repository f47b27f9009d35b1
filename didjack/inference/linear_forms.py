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
from didjack.estimators.loading_terms import CellLoadings
from didjack.inference.cluster_forms import (
    ClusterForms,
    TermWeights,
    cluster_forms,
    dense_loadings,
)
from didjack.inference.reference_model import ReferenceModel, TRatio

LARGEST = (
    5e7  # numbers in the loadings of a parameter: 400 MB, and ten seconds for their Gram matrix
)


@dataclass(frozen=True, eq=False)
class LinearForms:
    """Loadings of P parameters; R replicates, C clusters, m cells, T periods, n kinds.

    Attributes
    ----------
    cells : CellLoadings
        Loadings of the cells, as sums of terms.
    at_time, at_base : (m,) int arrays
        Period and base period of the cells.
    weights : (R, m, P) array
        Weights of the cells in the parameters; (1, m, P) where all replicates have the full
        sample's, and cells that a replicate does not have are held at their full-sample estimate.
    missing : (n, m) bool array
        Cells that a kind of replicates does not have.
    kind : (R,) int array
        Kind of each replicate.
    n_periods : int
    treated : (C, P) bool array
        Clusters with treated units behind a parameter.
    """

    cells: CellLoadings = field(repr=False)
    at_time: Index = field(repr=False)
    at_base: Index = field(repr=False)
    weights: Array = field(repr=False)
    missing: Mask = field(repr=False)
    kind: Index = field(repr=False)
    n_periods: int
    treated: Mask = field(repr=False)

    def term_weights(self, combination: Array) -> TermWeights:
        """Return the weights of terms in a linear combination of parameters.

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.
        """
        weight = self.weights @ combination  # (1 or R, m)
        full = self._by_period(weight[:1])[0]
        if len(weight) > 1:
            kept = self._by_period(np.where(self.missing[self.kind], 0.0, weight))
            return TermWeights(np.arange(len(weight)), kept, None, full)
        used = weight[0] != 0
        missing, kind = self.missing, self.kind
        if not missing[:, used].any():
            return TermWeights(np.zeros_like(kind), full[None], None, full)
        kept = self._by_period(np.where(missing, 0.0, weight))
        held = self._by_period(np.where(missing, weight, 0.0))
        return TermWeights(kind, kept, held, full)

    def _by_period(self, weight: Array) -> Array:
        """Add up how often cells of given weights (n, m) have each term in a period, (n, T, J)."""
        used = np.flatnonzero((weight != 0).any(axis=0))
        period, weight = np.arange(self.n_periods)[:, None], weight[:, None, used]
        at_time, at_base = self.at_time[used], self.at_base[used]
        found = (weight * (at_time == period)) @ self.cells.at_time[used]
        return np.asarray(found + (weight * (at_base == period)) @ self.cells.at_base[used])

    def loadings(self, combination: Array) -> Array:
        """Return the loadings of a linear combination of parameters, (R, C, T).

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.

        Raises
        ------
        DesignError
            They are too many.
        """
        C = len(self.cells.moment)
        if C * C * self.n_periods > LARGEST:
            raise DesignError(
                f"Exact critical values with these covariates take {C * C * self.n_periods:.1e} "
                f"numbers for each parameter, too many with {C:,} clusters and {self.n_periods} "
                "periods. Use est_method='reg', covariates with "
                "few distinct values or none, a coarser cluster variable, or critical='t'."
            )
        return dense_loadings(self.cells, self.term_weights(combination))

    def of_estimate(self, combination: Array) -> Array:
        """Return the loadings of the full sample's estimate, (C, T): the first of `loadings`.

        Parameters
        ----------
        combination : (P,) array
            Coefficients of the parameters.
        """
        time, base = self.cells.replicate(0)
        weight = self.weights[0] @ combination
        out = np.zeros((len(time), self.n_periods))
        for c in np.flatnonzero(weight):
            out[:, self.at_time[c]] += weight[c] * time[:, c]
            out[:, self.at_base[c]] += weight[c] * base[:, c]
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
        if self.has_products(combination):
            return self.products(combination, usable, model).ratio(behind)
        return TRatio.of(self.loadings(combination), usable, behind, model)

    def has_products(self, combination: Array) -> bool:
        """Say whether all loadings are products of replicate and cluster.

        Parameters
        ----------
        combination : (P,) array
        """
        whole = list(self.cells.whole)
        return not whole or not self.term_weights(combination).used[whole].any()

    def products(self, combination: Array, usable: Mask, model: ReferenceModel) -> ClusterForms:
        """Return a linear combination and its deletions as products; for the arguments see `ratio`.

        Parameters
        ----------
        combination : (P,) array
        usable : (C,) bool array
        model : ReferenceModel
        """
        return cluster_forms(self.cells, self.term_weights(combination), usable, model)


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
    missing, kind = _kinds(deletions.missing)
    return LinearForms(
        cells=deletions.loadings,
        at_time=estimation.cells.time,
        at_base=estimation.cells.base,
        weights=_weights(target, deletions, estimand),
        missing=missing,
        kind=kind,
        n_periods=len(estimation.panel.times),
        treated=treated_behind(target, deletions.clusters),
    )


def _kinds(missing: Mask) -> tuple[Mask, Index]:
    """Return the distinct rows of a matrix, and which of them each row is."""
    found: dict[bytes, int] = {missing[0].tobytes(): 0}
    kind, first = np.zeros(len(missing), dtype=np.intp), [0]
    for r in np.flatnonzero((missing != missing[0]).any(axis=1)).tolist():
        row = missing[r].tobytes()
        if row not in found:
            found[row] = len(found)
            first.append(r)
        kind[r] = found[row]
    return missing[first], kind


def all_lost(target: Target, deletions: Deletions) -> Mask:
    """Say which deletions remove all cells of which parameter, (C, P).

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    """
    base = deletions.estimation.cells.is_base
    used = (target.evaluate_fixed(np.eye(len(base))) != 0) & ~base[:, None]
    left = (~deletions.missing[1:]).astype(float) @ used.astype(float)
    return np.asarray((left == 0) & used.any(axis=0))


def _weights(target: Target, deletions: Deletions, estimand: str) -> Array:
    """Weights of the cells in the parameters of every replicate, (R, m, P); (1, m, P) if fixed."""
    R, m = deletions.estimates.att.shape
    fixed = np.nan_to_num(target.evaluate_fixed(np.eye(m)))
    if estimand == "fixed":
        return fixed[None]
    estimates = deletions.estimates
    out = np.zeros((R, *fixed.shape))
    for c in np.flatnonzero(fixed.any(axis=1)):
        one = np.where(np.isfinite(estimates.att), 0.0, np.nan)
        one[np.isfinite(estimates.att[:, c]), c] = 1.0
        out[:, c] = target.evaluate(dataclasses.replace(estimates, att=one))
    out = np.nan_to_num(out)
    for h, refit in deletions.refits.items():
        out[h + 1] = 0.0 if refit is None else _weights_of_refit(target, refit)
    return out


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


def _refuse_nonlinear(estimation: Estimation) -> None:
    roles = estimation.panel.roles
    formula = roles.xformla or ""
    if re.search(rf"(?<![\w.]){re.escape(roles.yname)}(?![\w.])", formula):
        raise DesignError(
            f"The covariates '{formula}' contain the outcome '{roles.yname}': estimates are then "
            "not linear in it, and no exact distribution is known. Use critical='t', or other "
            "covariates."
        )
