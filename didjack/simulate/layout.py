"""The user's panel as a layout of blocks, from which samples without an effect are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.errors import DataError, DesignError
from didjack.inference.error_models import ErrorModel
from didjack.regression import fixed_effects
from didjack.sample.blocks import Blocks
from didjack.simulate.compiled import Compiled, compiled_of
from didjack.simulate.control_placebos import ControlPlacebos
from didjack.simulate.critical_values import ExactForms
from didjack.simulate.design_loadings import (
    Average,
    fixed_loadings,
    influence_loadings,
    loadings,
)
from didjack.simulate.draws import autoregress

MOST = 1000  # blocks: with more, coefficients take much memory and asymptotics serve as well


@dataclass(frozen=True, eq=False)
class Layout:
    """Blocks of units that share cluster and cohort; M blocks, C clusters, Q cohorts.

    Attributes
    ----------
    cohort : (M,) int array
        Position in `starts`, Q for controls.
    size : (M,) array
        Number of units.
    cluster : (M,) int array
    starts : (Q,) int array
        First treated period of each cohort, counted from zero.
    periods : int
    """

    cohort: Index
    size: Array
    cluster: Index
    starts: Index
    periods: int

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster.max()) + 1

    @property
    def membership(self) -> Mask:
        """Which blocks belong to which cluster, (C, M)."""
        return self.cluster == np.arange(self.n_clusters)[:, None]

    @property
    def replicates(self) -> Array:
        """Units of each block in the full sample and without each cluster, (C + 1, M)."""
        return self.size * np.vstack([np.ones(len(self.size)), ~self.membership])


def layout_of(blocks: Blocks, type: str = "simple") -> tuple[Blocks, Layout]:
    """Code cohorts as `att_gt` does: those treated from the first period on are left out.

    Parameters
    ----------
    blocks : Blocks
    type : str
        The average that is planned; "dynamic" needs periods that are equally far apart.

    Returns
    -------
    blocks : Blocks
        Those that enter, with clusters coded anew.
    layout : Layout

    Raises
    ------
    DataError
        There are too many blocks, or gaps between periods that the average cannot have.
    DesignError
        There is nothing treated, no control, or fewer than three clusters.
    """
    times, T = blocks.times, len(blocks.times)
    kept = blocks.first > times[0]
    start = np.searchsorted(times, blocks.first[kept])
    starts = np.unique(start[start < T])
    if not len(starts):
        raise DesignError("Nothing is treated after the first period; see gname.")
    if (start < T).all():
        raise DesignError("Nothing is never treated: there are no controls to plan with.")
    if type == "dynamic" and len(np.unique(np.diff(times))) > 1:
        raise DataError("Periods have gaps of different length; plan another type of average.")
    if len(start) > MOST:
        raise DataError(
            f"{len(start)} clusters: planning is for up to {MOST}. With so many, few-cluster "
            "problems come from few treated clusters only; plan with a sample of the controls."
        )
    labels = np.unique(blocks.cluster[kept])
    cluster = np.searchsorted(labels, blocks.cluster[kept])
    if len(labels) < 3:
        raise DesignError("Fewer than three clusters; a coarser comparison cannot be simulated.")
    cohort = np.searchsorted(starts, start)
    entering = Blocks(
        blocks.D[kept], blocks.mean[kept], blocks.weight[kept], blocks.within[kept], cluster,
        blocks.first[kept], times, blocks.labels[labels],
    )  # fmt: skip
    return entering, Layout(cohort, blocks.weight[kept], cluster, starts, T)


def compile_average(layout: Layout, type: str) -> Compiled:
    """Find the coefficients of an aggregation on block means; deletions are of clusters."""
    average = Average.of(type, layout.starts, layout.periods)
    weight = layout.replicates
    full = loadings(average, np.tile(layout.cohort, (len(weight), 1)), weight)
    scores = influence_loadings(average, layout.cohort, layout.size)
    by_cluster = np.tensordot(layout.membership.astype(np.float64), scores, axes=1)
    control = layout.cluster[layout.cohort == len(layout.starts)]
    compiled = compiled_of(full, by_cluster, np.empty(0), 1.0, len(np.unique(control)) > 1)
    if not compiled.valid:
        return compiled
    fixed = fixed_loadings(average, layout.cohort, weight)
    usable = np.asarray(np.isfinite(fixed[1:]).all(axis=(1, 2)))
    deviations = (fixed[1:][usable] - fixed[0]).reshape(usable.sum(), -1).T
    treated = layout.cohort < len(layout.starts)
    forms = ExactForms(
        deviations=np.ascontiguousarray(deviations),
        loadings=np.einsum("cm,rmt->rct", layout.membership.astype(np.float64), fixed),
        usable=usable,
        treated=np.asarray((layout.membership & treated).any(axis=1)),
    )
    placebos = None
    if len(layout.cohort) == layout.n_clusters:  # every cluster belongs to one cohort
        placebos = ControlPlacebos(
            fixed[0, treated], layout.size[treated], np.flatnonzero(~treated),
            layout.size[~treated],
        )  # fmt: skip
    return replace(
        compiled, exact=forms, placebos=placebos, n_treated_clusters=forms.n_treated_clusters
    )


def compile_fixed_effects(layout: Layout) -> Compiled:
    """Find the coefficients of two-way fixed effects on block means."""
    first = np.append(layout.starts, layout.periods)[layout.cohort]
    D = (np.arange(layout.periods) >= first[:, None]).astype(np.float64)
    scores = fixed_effects.score_loadings(D, layout.size)
    by_cluster = np.tensordot(layout.membership.astype(np.float64), scores, axes=1)
    rows = layout.size.sum() * layout.periods
    factor = fixed_effects.cv1_factor(rows, layout.n_clusters, layout.periods)
    full = fixed_effects.loadings(D, layout.replicates)
    return compiled_of(full, by_cluster, np.empty(0), factor, True)


def draw_blocks(layout: Layout, model: ErrorModel, rng: np.random.Generator, n: int) -> Array:
    """Draw block means without effect: s u_ct + w e_bt / sqrt(n_b), with u an AR(1).

    Parameters
    ----------
    layout : Layout
    model : ErrorModel
    rng : Generator
    n : int
        Number of samples.

    Returns
    -------
    (n, M, T) array
    """
    shocks = autoregress(rng.standard_normal((n, layout.n_clusters, layout.periods)), model.rho)
    y = model.shock_sd * shocks[:, layout.cluster]
    if model.noise_sd:
        y += rng.standard_normal(y.shape) * (model.noise_sd / np.sqrt(layout.size))[:, None]
    return np.asarray(y)
