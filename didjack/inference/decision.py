"""The rule behind a verdict: when an exact p-value decides, and when more is asked of a finding.

An exact p-value holds under its reference model of the errors. How far it is off under another one
is known before any outcome is seen: the critical value c of the reference model and the loadings of
the parameter give P(|t| >= c) under any normal errors (`didjack.inference.reference_model`). The
rule computes it for models that the data cannot tell from the reference model where few clusters
are treated, or few are not:

    shocks to clusters, equal variances, independent over time
    shocks to clusters, equal variances, autocorrelation .9
    each of these with twice, and half, the standard deviation in treated clusters
    noise of units alone, independent over time: variances are inverse to the size of a cluster

Mixtures lie between them: with shocks of variance s^2 to clusters of n units whose noise has
variance w^2, the variances s^2 + w^2 / n of treated clusters relate to those of others at most as
they do under shocks alone or noise alone.

1. The exact test decides alone where its size at level alpha is at most 1.2 alpha in all of them
   without, and at most 1.5 alpha in all with, other standard deviations in treated clusters.
2. Otherwise a finding is called significant only if its p-value is at most alpha in all of them.
   Where only that of the reference model is, no test holds its level.

Counts of clusters cannot take the place of computed sizes. Three treated clusters of 20 suffice in
one cohort (size .074 at twice the standard deviation), not in three cohorts (.30): the deletion of
a cohort's only cluster takes the cohort away, and shows nothing of how much it varies. Few
controls are as harmful as few treated clusters.

What the rule calls significant at 5% without an effect, computed (errors are normal) for averages
and event times of some 1,800 designs without covariates, 6,484 parameters: 6 to 100 clusters, 1 to
50 of them treated, one to five cohorts, also of one cluster each, sizes to gamma = 4 with the
largest, smallest or mixed ones treated, autocorrelation 0 to .9, shocks, noise of units, or both.

    largest size                       exact test    rule
    one standard deviation of shocks      .65         .060
    half or twice, in treated clusters    .65         .076

The exact test decides in 43% of them. Beyond what is tried, with 4 and 30 periods and
autocorrelations of -.5 and .97, the largest sizes are .063 and .083 where the exact test decides,
.050 and .108 where it does not (the latter with three cohorts of one cluster each and
autocorrelation -.5). If not only shocks but also the noise of units doubles in treated clusters,
and these are small, the size reaches .30. Simulated (8,000 replications, 88 parameters): at most
.052 with t(3) shocks, .071 with t(5) shocks, autocorrelation .9 and twice the standard deviation.

With variances fitted in each sample, as results have them where clusters hold several units,
the rule was simulated with the library in six designs
(600 samples each; 20 clusters, two to five treated, the smallest or the largest, gamma 0 to 4, once
with twice the standard deviation in treated clusters): .025 to .055.

Its price in power: with 3 standard deviations of the estimate and 20 clusters, of which 1, 2, 3 and
5 are treated in one cohort and of one size, .19, .29, .58 and .75, where the exact test has .81,
.43, .58 and .75.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from didjack.core.linalg import Array, Mask
from didjack.inference.reference_model import (
    ReferenceModel,
    TRatio,
    autocorrelated,
    equal_variances,
)

RATIOS = (1.0, 2.0, 0.5)  # of treated clusters' standard deviations to those of shocks
RHO = 0.9
AS_MODELLED = 1.2  # largest size over level, with standard deviations as the models say
SCALED = 1.5  # and with twice or half of them
OF_THE_PACKAGE = ("equal", "autocorrelated", "fitted")  # they do not say how clusters differ

Tried: TypeAlias = tuple[tuple[ReferenceModel, tuple[float, ...]], ...]


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


def models_tried(reference: ReferenceModel, size: Array) -> Tried:
    """List the models, each with its ratios, that the rule looks at; the reference model first.

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
        return ((reference, RATIOS),)
    C, T = size.shape
    tried: list[tuple[ReferenceModel, tuple[float, ...]]] = [(reference, RATIOS)]
    if reference.name != "equal":
        tried.append((equal_variances(C, T), RATIOS))
    tried.append((autocorrelated(C, T, RHO), RATIOS))
    if not np.allclose(size, size.flat[0], rtol=1e-12, atol=0):
        tried.append((units_alone(size), (1.0,)))
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


def decision(tried: Tried, forms: Sequence[TRatio], alpha: float) -> Decision:
    """Compute critical values in all models, and the sizes of the exact test of the first.

    Parameters
    ----------
    tried : sequence of (ReferenceModel, tuple of float)
        From `models_tried`.
    forms : sequence of TRatio
        The t statistic of the parameter under each of them, of two deletions or more.
    alpha : float
        Significance level.
    """
    names, ratios, critical, sizes = [], [], [], []
    for (model, scales), form in zip(tried, forms, strict=True):
        for ratio in scales:
            distribution = form.distribution(ratio)
            critical.append(distribution.critical_value(1 - alpha))
            # The exact test never rejects where no t is as rare as alpha.
            size = float(distribution.p(critical[0])) if np.isfinite(critical[0]) else 0.0
            sizes.append(size)
            names.append(model.name)
            ratios.append(ratio)
    return Decision(alpha, tuple(names), np.array(ratios), np.array(critical), np.array(sizes))
