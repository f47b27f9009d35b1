"""Estimators as matrices: coefficients on means of clusters by period, found once per design."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.regression import fixed_effects
from didjack.simulate.control_placebos import ControlPlacebos
from didjack.simulate.critical_values import ExactForms
from didjack.simulate.design_forms import design_forms
from didjack.simulate.design_loadings import (
    Average,
    influence_loadings,
    loadings,
    unit_loadings,
)
from didjack.simulate.designs import Design


@dataclass(frozen=True, eq=False)
class Compiled:
    """Coefficients of one estimator on means of clusters by period; columns of a matrix.

    Attributes
    ----------
    estimate : (G T,) array
    deletions : (G T, H) array
        Estimate without a cluster minus the estimate, for the H deletions that can be estimated.
    scores : (G T, G) array
        What each cluster contributes to the clustered variance: influence sums over n, or scores.
    units : (G,) array
        Variance of a unit's influence over n around the mean of its cluster.
    factor : float
        Small-sample factor of the clustered variance.
    valid : bool
        False where a deletion is an error in the public functions: no controls are left.
    exact : ExactForms or None
        CSDID with the full sample's weights under deletion, and what its exact critical values
        are computed from.
    placebos : ControlPlacebos or None
        For Conley-Taber and Ferman-Pinto.
    n_treated_clusters : int
        Clusters with treated units behind the estimate.
    """

    estimate: Array = field(repr=False)
    deletions: Array = field(repr=False)
    scores: Array = field(repr=False)
    units: Array = field(repr=False)
    factor: float = 1.0
    valid: bool = True
    exact: ExactForms | None = field(default=None, repr=False)
    placebos: ControlPlacebos | None = field(default=None, repr=False)
    n_treated_clusters: int = 0

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return self.scores.shape[1]

    @property
    def n_deletions(self) -> int:
        """Number of deletions H that can be estimated."""
        return self.deletions.shape[1]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What one estimator gives in n replications.

    Attributes
    ----------
    estimate : (n,) array
    deviations : (n, H) array
        Deletions minus estimate.
    scores : (n, G) array
    """

    estimate: Array
    deviations: Array
    scores: Array


# A run is made of many tasks, and each asks for the coefficients of its design.
@lru_cache(maxsize=16)
def compile_csdid(design: Design, type: str) -> Compiled:
    """Find the coefficients of an aggregation of CSDID, or of an event time, in a design.

    Estimate and deletions are those of `didjack.inference.linear_forms`.

    Parameters
    ----------
    design : Design
    type : str
        "simple", "dynamic", "group", "calendar", "event:0" (any event time), "event:last".
    """
    average = Average.of(type, design.starts, design.periods)
    size = design.sizes.astype(np.float64)
    scores = influence_loadings(average, design.cohort, size)
    of_unit = unit_loadings(average, design.cohort, size)
    units = design.noise_sd**2 * (of_unit**2).sum(axis=1)
    controls = np.flatnonzero(design.cohort == len(design.adoption))
    behind = int(np.isin(design.cohort, np.flatnonzero(average.member.any(axis=(0, 2)))).sum())
    if len(controls) < 2:  # the last control cannot be deleted: there is no jackknife
        full = loadings(average, design.cohort[None], size[None])
        compiled = compiled_of(full, scores, units, 1.0, False)
        return dataclasses.replace(compiled, n_treated_clusters=behind)
    forms = design_forms(design, type)
    compiled = compiled_of(_without(forms.refit, forms.usable), scores, units, 1.0, True)
    deviations = (forms.fixed[1:][forms.usable] - forms.fixed[0]).reshape(forms.usable.sum(), -1)
    return dataclasses.replace(
        compiled,
        exact=ExactForms(
            np.ascontiguousarray(deviations.T), forms.fixed, forms.usable, forms.treated
        ),
        placebos=ControlPlacebos(
            forms.fixed[0, forms.treated], size[forms.treated], controls, size[controls]
        ),
        n_treated_clusters=behind,
    )


def _without(full: Array, usable: Mask) -> Array:
    """Mark deletions that leave nothing of the parameter."""
    out = full.copy()
    out[1:][~usable] = np.nan
    return out


def compile_twfe(design: Design) -> Compiled:
    """Find the coefficients of two-way fixed effects in a design.

    Parameters
    ----------
    design : Design
    """
    G, T = design.clusters, design.periods
    size = design.sizes.astype(np.float64)
    first = np.append(design.starts, T)[design.cohort]
    D = (np.arange(T) >= first[:, None]).astype(np.float64)
    full = fixed_effects.loadings(D, size * np.vstack([np.ones(G), 1 - np.eye(G)]))
    scores = fixed_effects.score_loadings(D, size)
    factor = fixed_effects.cv1_factor(size.sum() * T, G, T)
    compiled = compiled_of(full, scores, np.zeros(G), factor, True)
    return dataclasses.replace(compiled, n_treated_clusters=design.treated)


def compiled_of(full: Array, scores: Array, units: Array, factor: float, valid: bool) -> Compiled:
    """Turn coefficients (R, M, T) of replicates and (G, M, T) of scores into columns."""
    flat = full.reshape(len(full), -1)
    kept = np.isfinite(flat[1:]).all(axis=1)
    deletions = (flat[1:][kept] - flat[0]).T
    return Compiled(
        np.ascontiguousarray(flat[0]),
        np.ascontiguousarray(deletions),
        np.ascontiguousarray(scores.reshape(len(scores), -1).T),
        units,
        factor,
        valid,
    )


def evaluate(compiled: Compiled, means: Array) -> Statistics:
    """Apply the coefficients to means.

    Parameters
    ----------
    compiled : Compiled
    means : (n, G, T) array
    """
    rows = means.reshape(len(means), -1)
    return Statistics(rows @ compiled.estimate, rows @ compiled.deletions, rows @ compiled.scores)
