"""A test of a finer against a coarser cluster variable, for the parameters of an average."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtr

from didjack.core.arguments import require_seed, require_whole
from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.screen import p_text, screen_table
from didjack.core.views import Shown
from didjack.effects.aggregate import Aggregate
from didjack.errors import DataError, DesignError
from didjack.inference.score_variance import bootstrap, score_variance


@dataclass(frozen=True, eq=False, repr=False)
class ClusterLevelTest(Shown):
    """Tests of independent fine clusters against dependence within coarse ones; P parameters.

    Attributes
    ----------
    target : Aggregate
    fine, coarse : str
        The cluster variables.
    parameters : tuple of str, length P
    tau : (P,) array
        The statistic: positive where clustering coarsely gives the larger variance.
    draws : (B, P) array
        tau of bootstrap samples; without rows where none were asked for.
    n_fine, n_coarse : int
    seed : int
    """

    target: Aggregate = field(repr=False)
    fine: str
    coarse: str
    parameters: tuple[str, ...]
    tau: Array = field(repr=False)
    draws: Array = field(repr=False)
    n_fine: int
    n_coarse: int
    seed: int

    @property
    def p_one_sided(self) -> Array:
        """Normal p-values against coarse variances that are larger, (P,)."""
        return np.asarray(ndtr(-self.tau))

    @property
    def p_two_sided(self) -> Array:
        """Normal p-values against coarse variances that differ, (P,)."""
        return np.asarray(2 * ndtr(-np.abs(self.tau)))

    @property
    def p_boot_one_sided(self) -> Array:
        """Bootstrap p-values against coarse variances that are larger, (P,)."""
        return self._share(self.draws >= self.tau)

    @property
    def p_boot_two_sided(self) -> Array:
        """Bootstrap p-values against coarse variances that differ, (P,).

        Twice the smaller tail: the distribution is not centred at zero.
        """
        tails = [self._share(self.draws >= self.tau), self._share(self.draws <= self.tau)]
        return np.minimum(2 * np.minimum(*tails), 1.0)

    def _share(self, hits: Mask) -> Array:
        if not len(self.draws):
            return np.full(len(self.tau), np.nan)
        usable = np.isfinite(self.draws).sum(axis=0)
        share = (1 + hits.sum(axis=0)) / (1 + usable)
        return np.where(np.isfinite(self.tau), share, np.nan)

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: tau and its p-values."""
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "tau": self.tau,
                "p_one_sided": self.p_one_sided,
                "p_two_sided": self.p_two_sided,
                "p_boot_one_sided": self.p_boot_one_sided,
                "p_boot_two_sided": self.p_boot_two_sided,
            }
        )

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return [
            f"Null hypothesis: the clusters of '{self.fine}' are independent. A small one-sided p "
            f"says that they depend on each other within '{self.coarse}', whose standard errors "
            "are then the ones to use.",
            "A large p-value does not show that the finer level suffices: with few coarse "
            "clusters, or few treated ones, the test has little power.",
        ]

    def headline(self) -> list[str]:
        """Return the test of the first parameter."""
        boot = f", {p_text(self.p_boot_one_sided[0])} (bootstrap)" if len(self.draws) else ""
        return [
            f"Level of clustering of {self.parameters[0]}: {self.n_fine:,} clusters of "
            f"'{self.fine}' in {self.n_coarse:,} of '{self.coarse}'",
            f"  tau {self.tau[0]:+.2f}   one-sided p {p_text(self.p_one_sided[0])} (normal){boot}",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        head = (
            f"Level of clustering: {self.n_fine} clusters of '{self.fine}' in {self.n_coarse} of "
            f"'{self.coarse}' (score-variance test)"
        )
        return "\n".join([head, "", screen_table(self.to_frame()), "", *self.notes])


def cluster_level_test(
    target: Aggregate, fine: str, coarse: str, *, n_draws: int = 999, seed: int = 0
) -> ClusterLevelTest:
    """Test a finer against a coarser cluster variable by the score-variance test.

    The influence function of a parameter takes the place of scores. If the clusters of `fine` are
    independent, its variance clustered by `coarse` differs from that clustered by `fine` by chance
    only (`didjack.inference.score_variance`).

    Parameters
    ----------
    target : Aggregate
        From `aggte`.
    fine, coarse : str
        Cluster variables. Every fine cluster must lie in one coarse cluster. The variable idname as
        the finer one stands for no clustering beyond the unit.
    n_draws : int
        Wild bootstrap samples; zero for the normal p-values only.
    seed : int
        Of the bootstrap.

    Returns
    -------
    ClusterLevelTest

    Raises
    ------
    DataError
        `target` is not an aggregation, a column cannot be used, or `n_draws` is negative.
    DesignError
        A fine cluster lies in two coarse ones, there are fewer than two coarse clusters, or both
        variables form the same clusters.

    Notes
    -----
    The bootstrap changes the signs of fine clusters' sums of influence, and centres them within
    cohorts again, as estimating again would do without covariates and with never-treated controls.
    With covariates, or controls that are treated later, it is an approximation.
    """
    if not isinstance(target, Aggregate):
        raise DataError(
            f"cluster_level_test takes an aggregation from aggte, not {type(target).__name__}."
        )
    require_whole(n_draws=n_draws)
    require_seed(seed)
    res = target.attgt
    panel = res.panel
    small, large = res.clusters(fine), res.clusters(coarse)
    above = _nesting(small, large)
    code = small.code[panel.unit_rows]
    H, Q = len(small), len(panel.cohorts)
    block = code * Q + panel.unit_cohort
    weight = np.bincount(block, panel.unit_mean_weight, minlength=H * Q).reshape(H, Q)
    total = weight.sum(axis=0)
    shares = np.asarray(weight / np.where(total > 0, total, 1.0))  # (H, Q)
    tau, draws = [], []
    for column in target.influence.T:
        scores = np.asarray(np.bincount(block, column, minlength=H * Q).reshape(H, Q), dtype=float)
        tau.append(score_variance(scores.sum(axis=1, keepdims=True), above)[0])
        draws.append(bootstrap(scores, shares, above, n_draws, seed))
    return ClusterLevelTest(
        target,
        fine,
        coarse,
        target.parameters,
        np.array(tau),
        np.stack(draws, axis=1),
        H,
        len(large),
        seed,
    )


def _nesting(fine: Clusters, coarse: Clusters) -> Index:
    """Return the coarse cluster of every fine one, (H,)."""
    above = np.zeros(len(fine), dtype=np.intp)
    above[fine.code] = coarse.code
    if (torn := above[fine.code] != coarse.code).any():
        at = int(fine.code[torn][0])
        parts = np.unique(coarse.code[fine.code == at])
        labels = ", ".join(str(label) for label in coarse.labels[parts])
        raise DesignError(
            f"Cluster {fine.labels[at]} of '{fine.name}' lies in {len(parts)} clusters of "
            f"'{coarse.name}' ({labels}). The test compares nested levels: pass the finer variable "
            "first, or combine the two columns into one."
        )
    if len(coarse) < 2:
        raise DesignError(
            f"Column '{coarse.name}' has one cluster only; the test needs two or more coarse ones."
        )
    if len(coarse) == len(fine):
        raise DesignError(
            f"Columns '{fine.name}' and '{coarse.name}' form the same clusters: there is nothing "
            "to test."
        )
    return above
