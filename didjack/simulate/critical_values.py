"""Exact critical values in simulations: equal variances, treated clusters that vary more, fitted.

The distributions are those of `didjack.inference.exact`. Under equal variances the critical value
is a number for each design. Under fitted variances it depends on the sample, but only through the
autocorrelation of shocks and the share of noise: it is tabulated over these two, and the fit of
`didjack.inference.fitted_variances` is made for each sample from means of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, Mask
from didjack.inference.decision import decision, models_tried
from didjack.inference.error_models import LAGS, RHO_GRID, ErrorModel
from didjack.inference.exact import CANCELLED
from didjack.inference.fitted_variances import variances_of
from didjack.inference.reference_model import TRatio, equal_variances

# Nodes of the table. Over the logarithm of the variance of noise to that of changes in shocks the
# critical values pass from one limit to the other within a few units; beyond the ends they have
# arrived.
_LOG_NOISE = np.linspace(-7.0, 9.0, 17)
_RHO = np.array([0.0, 0.25, 0.5, 0.7, 0.82, 0.9, 0.95, 0.98])


@dataclass(frozen=True, eq=False)
class ExactForms:
    """A parameter and its deletions with the full sample's weights; C clusters, H deletions.

    Attributes
    ----------
    deviations : (M T, H) array
        Estimate without a cluster minus the estimate, on means of M blocks (of clusters, where
        every cluster is one block) by period.
    loadings : (C + 1, C, T) array
        On shocks to clusters, the full sample first.
    usable : (C,) bool array
        The H deletions that leave something of the parameter.
    treated : (C,) bool array
        Clusters with treated units behind it.
    """

    deviations: Array = field(repr=False)
    loadings: Array = field(repr=False)
    usable: Mask = field(repr=False)
    treated: Mask = field(repr=False)

    @property
    def n_treated_clusters(self) -> int:
        """Clusters with treated units behind the parameter."""
        return int(self.treated.sum())

    @property
    def moves(self) -> bool:
        """Whether shocks to clusters move the estimate; else t has no distribution."""
        return bool(np.square(self.loadings[0]).sum() > CANCELLED)

    def critical_values(self, levels: tuple[float, ...], ratio: float = 1.0) -> Array:
        """Return the critical values under equal variances, one for each level.

        Parameters
        ----------
        levels : tuple of float
            Levels of the tests.
        ratio : float
            Standard deviation of treated clusters relative to the others.
        """
        model = equal_variances(*self.loadings.shape[1:])
        forms = TRatio.of(self.loadings, self.usable, self.treated, model)
        return _critical(forms, levels, ratio)

    def decided(self, sizes: Array, levels: tuple[float, ...]) -> Array:
        """Return the least t that the decision rule calls significant, one for each level.

        Parameters
        ----------
        sizes : (C,) array
            Units of each cluster.
        levels : tuple of float
        """
        shape = self.loadings.shape[1:]
        tried = models_tried(equal_variances(*shape), np.broadcast_to(sizes[:, None], shape))
        forms = [TRatio.of(self.loadings, self.usable, self.treated, model) for model, _ in tried]
        return np.array([decision(tried, forms, level).least_t for level in levels])

    def fitted_table(self, sizes: Array, levels: tuple[float, ...]) -> FittedTable:
        """Tabulate the critical values under shocks to clusters and noise of units.

        Parameters
        ----------
        sizes : (C,) array
            Units of each cluster.
        levels : tuple of float
        """
        mean_inverse = float((1 / sizes).mean())
        shape = self.loadings.shape[1:]
        size = np.broadcast_to(sizes[:, None], shape)
        logs = np.empty((len(levels), len(_LOG_NOISE), len(_RHO)))
        near = self.critical_values(levels)
        for i, noise in enumerate(np.exp(_LOG_NOISE)):
            for j, rho in enumerate(_RHO):
                noise_sd = float(np.sqrt(noise * (1 - rho) / mean_inverse))
                errors = ErrorModel(float(rho), 1.0, noise_sd)
                model = variances_of(errors, size)
                forms = TRatio.of(self.loadings, self.usable, self.treated, model)
                near = np.array([
                    _critical_near(forms, level, start)
                    for level, start in zip(levels, near, strict=True)
                ])  # fmt: skip
                logs[:, i, j] = np.log(near)
        return FittedTable(logs, mean_inverse)


@dataclass(frozen=True, eq=False)
class FittedTable:
    """Critical values by noise and autocorrelation; L levels.

    Attributes
    ----------
    logs : (L, 17, 8) array
        Logarithms of the critical values at the nodes.
    mean_inverse : float
        Mean of 1 / n over clusters.
    """

    logs: Array = field(repr=False)
    mean_inverse: float

    def critical_values(self, fit: Fit) -> Array:
        """Interpolate, (L, n): bicubic splines; the relative error is below 2e-3.

        Parameters
        ----------
        fit : Fit
            Of n samples.
        """
        from scipy.interpolate import RectBivariateSpline  # spared where nothing is fitted

        with np.errstate(divide="ignore"):
            noise = np.log(fit.noise * self.mean_inverse) - np.log(fit.shock * (1 - fit.rho))
        noise = np.clip(noise, _LOG_NOISE[0], _LOG_NOISE[-1])
        splines = (RectBivariateSpline(_LOG_NOISE, _RHO, log) for log in self.logs)
        return np.exp([spline.ev(noise, fit.rho) for spline in splines])


@dataclass(frozen=True, eq=False)
class Fit:
    """Error models fitted to n samples.

    Attributes
    ----------
    rho, shock, noise : (n,) arrays
        Autocorrelation of shocks; variances of the shock to a cluster and of the noise of a unit.
    """

    rho: Array
    shock: Array
    noise: Array


def fit_samples(means: Array, noise: Array, sizes: Array, cohort: Index) -> Fit:
    """Fit the error model of `didjack.inference.error_models.fit_errors` to many samples.

    Parameters
    ----------
    means : (n, G, T) array
        Means of clusters by period.
    noise : (n,) array
        Estimated variance of the noise of a unit.
    sizes : (G,) array
    cohort : (G,) int array
    """
    T = means.shape[2]
    lags = np.arange(1, min(T - 1, LAGS) + 1)
    groups = [np.flatnonzero(cohort == q) for q in np.unique(cohort)]
    spare = sum(len(members) - 1 for members in groups)
    inverse = sum((1 / sizes[m]).mean() * (len(m) - 1) for m in groups) / spare
    centred = np.concatenate(
        [means[:, m] - means[:, m].mean(axis=1, keepdims=True) for m in groups], axis=1
    )
    moments = np.stack([
        np.square(centred[:, :, k:] - centred[:, :, :-k]).sum(axis=(1, 2))
        / (2 * spare * (T - k))
        for k in lags
    ])  # fmt: skip
    moments = np.maximum(moments - noise * inverse, 0.0)
    grid = RHO_GRID if len(lags) > 1 else np.zeros(1)
    shape = 1 - grid[:, None] ** lags  # (grid, lags)
    weight = (T - lags).astype(np.float64)
    variance = (shape * weight) @ moments / (shape**2 @ weight)[:, None]
    # sum_k w_k (m_k - v f_k)^2 but for sum_k w_k m_k^2, which is the same for all rho.
    best = np.argmax(variance**2 * (shape**2 @ weight)[:, None], axis=0)
    return Fit(grid[best], variance[best, np.arange(len(best))], noise)


def _critical(forms: TRatio, levels: tuple[float, ...], ratio: float) -> Array:
    distribution = forms.distribution(ratio)
    return np.array([distribution.critical_value(1 - level) for level in levels])


def _critical_near(forms: TRatio, level: float, start: float) -> float:
    """Return a critical value that is near another, to a relative error of 1e-9.

    By secants of log p over log t, which is close to a line.
    """
    distribution = forms.distribution()
    x, step = np.log(start), 0.05
    miss = float(np.log(distribution.p(start) / level))
    for _ in range(20):
        with np.errstate(divide="ignore"):
            other = float(np.log(distribution.p(np.exp(x + step)) / level))
        if other == miss or not np.isfinite(other):
            break
        x, step, miss = x + step, -other * step / (other - miss), other
        if abs(step) < 1e-9:
            return float(np.exp(x + step))
    return distribution.critical_value(1 - level)  # p is zero somewhere, or bends strongly
