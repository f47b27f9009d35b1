"""The rule behind a verdict: when an exact p-value decides, and when more is asked of a finding.

An exact p-value holds under its reference model of the errors. How far it is off under another one
is known before any outcome is seen: the critical value c of the reference model and the loadings of
the parameter give P(|t| >= c) under any normal errors (`didjack.inference.reference_model`). The
rule computes it for models that the data cannot tell from the reference model where few clusters
are treated, or few are not:

    shocks to clusters, equal variances, independent over time
    shocks to clusters, equal variances, autocorrelation .9
    noise of units alone, independent over time: variances are inverse to the size of a cluster

each with treated clusters' standard deviations as the model says, twice, and half of it.

1. The exact test decides alone where its size at level alpha is at most 1.2 alpha in all of them
   with standard deviations as the models say, and at most 1.5 alpha with twice and half of them.
2. Otherwise a finding is called significant only if its p-value is at most alpha in all of them.
   Where only that of the reference model is, no test holds its level.

Counts of clusters cannot take the place of computed sizes. Three treated clusters of 20 suffice in
one cohort (size .074 at twice the standard deviation), not in three cohorts (.30): the deletion of
a cohort's only cluster takes the cohort away, and shows nothing of how much it varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from didjack.core.linalg import Array, Mask
from didjack.inference.reference_model import (
    ReferenceModel,
    TRatio,
    autocorrelated,
    equal_variances,
)

RATIOS = (1.0, 2.0, 0.5)  # of treated clusters' standard deviations to those of a model
RHO = 0.9
AS_MODELLED = 1.2  # largest size over level, with standard deviations as the models say
SCALED = 1.5  # and with twice or half of them
OF_THE_PACKAGE = ("equal", "autocorrelated", "fitted")  # they do not say how clusters differ


@dataclass(frozen=True, eq=False)
class Decision:
    """What the rule says of one parameter, before any outcome is seen; K models with a ratio.

    Attributes
    ----------
    alpha : float
        Significance level.
    models : tuple of str, length K
        Names of the models; the reference model, at ratio one, comes first.
    ratios : (K,) array
        Treated clusters' standard deviations over those of the model.
    critical : (K,) array
        The t whose two-sided p-value is alpha; inf where no t is as rare.
    sizes : (K,) array
        Probability that the exact test of the reference model rejects a true null hypothesis.
    """

    alpha: float
    models: tuple[str, ...]
    ratios: Array = field(repr=False)
    critical: Array = field(repr=False)
    sizes: Array = field(repr=False)

    @property
    def exact_decides(self) -> bool:
        """Whether the exact p-value of the reference model decides alone."""
        return bool(exact_decides(self.sizes, self.ratios, self.alpha))

    @property
    def least_t(self) -> float:
        """The smallest absolute t that is called significant."""
        return float(self.critical[0] if self.exact_decides else self.critical.max())

    def significant(self, t: ArrayLike) -> Mask:
        """Say which t statistics are called significant.

        Parameters
        ----------
        t : array
            Of any shape; NaN is not significant.
        """
        return np.asarray(np.abs(np.asarray(t, dtype=np.float64)) >= self.least_t)


def exact_decides(sizes: ArrayLike, ratios: ArrayLike, alpha: float) -> Mask:
    """Say where the exact test decides alone: the first part of the rule.

    Parameters
    ----------
    sizes : (..., K) array
        Sizes of the exact test at level alpha in K models.
    ratios : (K,) array
        Ratio of treated clusters' standard deviations in each.
    alpha : float

    Returns
    -------
    (...) bool array
    """
    bound = alpha * np.where(np.asarray(ratios) == 1, AS_MODELLED, SCALED)
    return np.asarray((np.asarray(sizes) <= bound).all(axis=-1))


def called_significant(p: ArrayLike, decides: ArrayLike, alpha: float) -> Mask:
    """Say which findings are called significant: both parts of the rule, for p-values.

    Parameters
    ----------
    p : (..., K) array
        p-values in K models; the reference model at ratio one comes first.
    decides : (...) bool array
        From `exact_decides`.
    alpha : float

    Returns
    -------
    (...) bool array
        False where a p-value that counts is NaN.
    """
    fine = np.asarray(p) <= alpha
    return np.asarray(np.where(decides, fine[..., 0], fine.all(axis=-1)))


def models_tried(reference: ReferenceModel, size: Array) -> tuple[ReferenceModel, ...]:
    """List the models under which the rule looks at the exact test, the reference model first.

    The user's own model stands alone: it says how clusters differ. To those of the package the
    three at the top of this file are added. Noise of units alone is left out where all clusters
    are of one size, since it is the first of them then.

    Parameters
    ----------
    reference : ReferenceModel
        Of the jackknife.
    size : (C, T) array
        Effective number of units by cluster and period.
    """
    if reference.name not in OF_THE_PACKAGE:
        return (reference,)
    C, T = size.shape
    tried = [reference]
    if reference.name != "equal":
        tried.append(equal_variances(C, T))
    tried.append(autocorrelated(C, T, RHO))
    if not np.allclose(size, size.flat[0], rtol=1e-12, atol=0):
        tried.append(units_alone(size))
    return tuple(tried)


def units_alone(size: Array) -> ReferenceModel:
    """Noise of units without shocks to clusters: variances inverse to cluster sizes.

    Parameters
    ----------
    size : (C, T) array
        Effective number of units by cluster and period.
    """
    return ReferenceModel(
        "units",
        "units are independent and normal with one variance, so that the variance of a cluster is "
        "inverse to its size",
        1 / np.sqrt(size),
    )


def decision(models: Sequence[ReferenceModel], forms: Sequence[TRatio], alpha: float) -> Decision:
    """Compute critical values in all models, and the sizes of the exact test of the first.

    Parameters
    ----------
    models : sequence of ReferenceModel
        From `models_tried`.
    forms : sequence of TRatio
        The t statistic of the parameter under each of them, of two deletions or more.
    alpha : float
        Significance level.
    """
    names, ratios, critical, sizes = [], [], [], []
    for model, form in zip(models, forms, strict=True):
        for ratio in RATIOS:
            distribution = form.distribution(ratio)
            critical.append(distribution.critical_value(1 - alpha))
            # The exact test never rejects where no t is as rare as alpha.
            size = float(distribution.p(critical[0])) if np.isfinite(critical[0]) else 0.0
            sizes.append(size)
            names.append(model.name)
            ratios.append(ratio)
    return Decision(alpha, tuple(names), np.array(ratios), np.array(critical), np.array(sizes))
