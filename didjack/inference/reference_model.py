"""The exact distribution of CV3 t statistics under a reference model of the errors.

An estimate and its deletions are linear forms in shocks to clusters and periods
(`didjack.estimators.loadings`). Under a reference model these shocks are normal with given
relative standard deviations; the distribution of t is then known exactly
(`didjack.core.ratio_distribution`). Only ratios of standard deviations matter, never their level.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Mask
from didjack.core.low_rank_ratio import LowRankGram, ratio_distribution
from didjack.core.ratio_distribution import NullDistribution, RatioDistribution
from didjack.errors import DataError

_ROUNDING = 1e-24  # relative size of sums of squares that are zero but for rounding


@dataclass(frozen=True, eq=False)
class ReferenceModel:
    """Normal shocks to clusters and periods, independent across clusters; C clusters, T periods.

    Attributes
    ----------
    name : str
        "equal", "fitted", ...
    assumption : str
        The model in words, for people who read a p-value.
    sd : (C, T) array
        Standard deviations of the shocks, up to a common factor.
    root : (T, T) or (C, T, T) array or None
        A square root of the correlation matrix over periods, common to all clusters or one for
        each; None where periods are independent.
    """

    name: str
    assumption: str
    sd: Array = field(repr=False)
    root: Array | None = field(default=None, repr=False)

    def scale(self, loadings: Array) -> Array:
        """Turn loadings (..., C, T) on shocks into loadings on independent standard normals.

        Parameters
        ----------
        loadings : (..., C, T) array
        """
        scaled = loadings * self.sd
        if self.root is None:
            return scaled
        if self.root.ndim == 2:
            return scaled @ self.root
        return (scaled[..., None, :] @ self.root)[..., 0, :]


def equal_variances(n_clusters: int, n_periods: int) -> ReferenceModel:
    """Give all shocks one variance, independent over periods.

    Parameters
    ----------
    n_clusters, n_periods : int
    """
    return ReferenceModel(
        "equal",
        "shocks to clusters are independent and normal, with one variance for all clusters",
        np.ones((n_clusters, n_periods)),
    )


def autocorrelated(n_clusters: int, n_periods: int, rho: float) -> ReferenceModel:
    """Give all shocks one variance, and the correlation rho^k between shocks k periods apart.

    Parameters
    ----------
    n_clusters, n_periods : int
    rho : float
        Between -1 and 1. Periods count as equally far apart.

    Raises
    ------
    DataError
        rho is not between -1 and 1.
    """
    if not -1 < rho < 1:
        raise DataError(f"rho must lie between -1 and 1, not {rho!r}.")
    return ReferenceModel(
        "autocorrelated",
        "shocks to clusters are independent between clusters and normal, with one variance for all "
        f"clusters and autocorrelation {rho:g} from period to period",
        np.ones((n_clusters, n_periods)),
        np.asarray(np.linalg.cholesky(autocorrelation(rho, n_periods))),
    )


def autocorrelation(rho: float, n_periods: int) -> Array:
    """Return the correlation matrix of an AR(1) process, rho^|s - t|, (T, T).

    Parameters
    ----------
    rho : float
    n_periods : int
    """
    period = np.arange(n_periods)
    return np.asarray(float(rho) ** np.abs(period[:, None] - period))


@dataclass(frozen=True, eq=False)
class SplitGram:
    """A Gram matrix of deviations of low rank beside its diagonal; H deletions, q columns.

    Over untreated (0) and over treated (1) clusters it is B K B' - B P' - P B' + diag(d), with a K
    of each, and P and d zero for deletions of clusters of the other kind.

    Attributes
    ----------
    basis : (H, q) array
        B.
    core : (2, q, q) array
        K.
    pull : (H, q) array
        P.
    diagonal : (H,) array
        d.
    treated : (H,) bool array
        Whether the deleted cluster is treated.
    """

    basis: Array = field(repr=False)
    core: Array = field(repr=False)
    pull: Array = field(repr=False)
    diagonal: Array = field(repr=False)
    treated: Mask = field(repr=False)

    def weighted(self, weight: Array) -> LowRankGram:
        """Return the sum of both parts with weights (2,).

        Parameters
        ----------
        weight : (2,) array
        """
        own = weight[self.treated.astype(np.intp)]
        core = np.tensordot(weight, self.core, 1)
        return LowRankGram(own * self.diagonal, self.basis, core, own[:, None] * self.pull)


@dataclass(frozen=True, eq=False)
class TRatio:
    """The t statistic of one parameter as a ratio of forms; H deletions.

    The inner products of loadings are kept apart for treated and other clusters, so that another
    ratio of their standard deviations costs a sum and a decomposition.

    Attributes
    ----------
    gram : (2, H, H) array or SplitGram
        Inner products of the deviations' loadings: over untreated and over treated clusters.
    cross : (2, H) array
        Those with the loadings of the estimate.
    square : (2,) array
        Squared length of the loadings of the estimate.
    """

    gram: Array | SplitGram = field(repr=False)
    cross: Array = field(repr=False)
    square: Array = field(repr=False)

    @property
    def n_deletions(self) -> int:
        """H."""
        return self.cross.shape[1]

    @classmethod
    def of(cls, loadings: Array, usable: Mask, treated: Mask, model: ReferenceModel) -> TRatio:
        """Form the inner products.

        Parameters
        ----------
        loadings : (R, C, T) array
            Of the parameter, the full sample first.
        usable : (C,) bool array
            Deletions that count.
        treated : (C,) bool array
            Clusters with treated units behind the parameter.
        model : ReferenceModel
        """
        scaled = model.scale(loadings)
        estimate, change = scaled[0], scaled[1:][usable] - scaled[0]
        parts = []
        for members in (~treated, treated):
            length = members.sum() * scaled.shape[2]
            d, e = change[:, members].reshape(len(change), length), estimate[members].ravel()
            parts.append((d @ d.T, d @ e, e @ e))
        gram, cross, square = (np.stack(list(values)) for values in zip(*parts, strict=True))
        return cls(gram, cross, square)

    def distribution(self, ratio: float = 1.0) -> NullDistribution:
        """Return the null distribution of the t statistic.

        Parameters
        ----------
        ratio : float
            Standard deviation of treated clusters relative to the reference model's.
        """
        # Only the ratio counts; dividing by the larger part keeps squares of any ratio finite.
        larger = max(1.0, ratio)
        return self._weighted((1.0 / larger) ** 2, (ratio / larger) ** 2)

    def _weighted(self, other: float, treated: float) -> NullDistribution:
        H = self.n_deletions
        weight = np.array([other, treated])
        cross, square, scale = weight @ self.cross, float(weight @ self.square), (H - 1) / H
        if isinstance(self.gram, SplitGram):
            return ratio_distribution(self.gram.weighted(weight), cross, square, scale)
        gram = np.tensordot(weight, self.gram, 1)
        return RatioDistribution.of(gram, cross, square, scale)

    def _trace(self, part: int) -> float:
        if isinstance(self.gram, SplitGram):
            return self.gram.weighted(np.eye(2)[part]).trace
        return float(np.trace(self.gram[part]))

    def p(self, t: float, ratio: float = 1.0) -> float:
        """Return the two-sided p-value of a t statistic; NaN with fewer than two deletions.

        Parameters
        ----------
        t : float
        ratio : float
            As in `distribution`.
        """
        if self.n_deletions < 2 or not np.isfinite(t):
            return float("nan")
        return float(self.distribution(ratio).p(t))

    def limit_p(self, t: float, *, treated: bool) -> float:
        """Return the two-sided p-value if only treated, or only other, clusters vary.

        The limit of `p` as the ratio grows, or goes to zero; NaN as in `p`, and where nothing of
        the estimate varies.

        Parameters
        ----------
        t : float
        treated : bool
            Whether treated clusters are the ones that vary.
        """
        if self.n_deletions < 2 or not np.isfinite(t) or not self.square[int(treated)] > 0:
            return float("nan")
        if self._trace(int(treated)) <= _ROUNDING * self.square[int(treated)]:
            return 1.0  # the estimate varies and its standard error does not: t is infinite
        return float(self._weighted(float(not treated), float(treated)).p(t))
