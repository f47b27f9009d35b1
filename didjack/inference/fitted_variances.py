"""A reference model fitted to the data: shocks to clusters, and noise of their units.

Where clusters hold several units, the mean of a small cluster varies more. With shocks to clusters
of variance s^2 and autocorrelation rho, and independent noise of units of variance w^2, the mean
of cluster h in period t has variance s^2 + w^2 / n_ht and covariance s^2 rho^k with that k periods
later. s, rho and w are fitted by moments (`didjack.inference.error_models`).
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Index
from didjack.core.moments import Clusters
from didjack.effects.deletions import Deletions
from didjack.errors import DesignError
from didjack.inference.error_models import ErrorModel, fit_errors
from didjack.inference.reference_model import ReferenceModel, autocorrelation
from didjack.sample.blocks import block_sums
from didjack.sample.panel import Panel


def fitted_variances(deletions: Deletions) -> ReferenceModel:
    """Fit shocks to clusters and noise of units to the outcome of a balanced panel.

    Linear effects of covariates are taken off first, period by period and within cohorts. The fit
    takes units as equal; weights enter the effective number of units, n_ht = (sum w)^2 / sum w^2.
    All units of a cluster count in it, whatever their cohort. That the variances are estimated is
    not accounted for.

    Parameters
    ----------
    deletions : Deletions
        From `res.deletions(cluster)`.

    Returns
    -------
    ReferenceModel

    Raises
    ------
    DesignError
        Repeated cross-sections or an unbalanced panel, clusters of one unit each, every cohort in
        one cluster, or an outcome that does not vary within cohorts.
    """
    panel, clusters = deletions.estimation.panel, deletions.clusters
    return variances_of(fit_panel_errors(panel, clusters), effective_sizes(panel, clusters))


def fit_panel_errors(panel: Panel, clusters: Clusters) -> ErrorModel:
    """Fit the error model to the units of a balanced panel.

    Parameters
    ----------
    panel : Panel
    clusters : Clusters

    Raises
    ------
    DesignError
        As in `fitted_variances`.
    """
    if not panel.is_panel:
        kind = "an unbalanced panel" if panel.is_unbalanced else "repeated cross-sections"
        raise DesignError(
            f"Variances cannot be fitted to {kind}: the noise of a unit is learnt from its changes "
            "over all periods. Use model='equal', or a ReferenceModel of your own."
        )
    T = len(panel.times)
    cohort, cluster = panel.unit_cohort, clusters.code[panel.unit_rows]
    pairs, block = np.unique(np.column_stack([cluster, cohort]), axis=0, return_inverse=True)
    block = block.reshape(-1)
    if len(pairs) == panel.n_units:
        raise DesignError(
            f"Every cluster of '{clusters.name}' has one unit (of a cohort), so that shocks to "
            "clusters and noise of units cannot be told apart. Use model='equal'."
        )
    y = _without_covariates(panel, cohort).reshape(panel.n_units, T)
    size, mean, within = block_sums(y, block)
    return fit_errors(mean, size, within, pairs[:, 1])


def effective_sizes(panel: Panel, clusters: Clusters) -> Array:
    """Return (sum w)^2 / sum w^2 over the units of every cluster and period, (C, T).

    Parameters
    ----------
    panel : Panel
        Balanced.
    clusters : Clusters
    """
    shape = len(clusters), len(panel.times)
    at = clusters.code * shape[1] + panel.time
    length = shape[0] * shape[1]
    total = np.bincount(at, panel.w, minlength=length)
    squares = np.bincount(at, panel.w**2, minlength=length)
    # Weights may all be zero in a period: its shocks then have no loadings either.
    return np.where(squares > 0, total**2 / np.where(squares > 0, squares, 1.0), 1.0).reshape(shape)


def variances_of(errors: ErrorModel, size: Array) -> ReferenceModel:
    """Turn an error model into the reference model of clusters of given sizes.

    Parameters
    ----------
    errors : ErrorModel
    size : (C, T) array
        Effective number of units.
    """
    shock, noise = errors.shock_sd**2, errors.noise_sd**2 / size
    sd = np.sqrt(shock + noise)
    return ReferenceModel(
        "fitted", _in_words(errors), sd, _roots(errors, noise, sd) if errors.rho > 0 else None
    )


def _roots(errors: ErrorModel, noise: Array, sd: Array) -> Array:
    """Return roots of the correlation matrices over periods of every cluster, (C, T, T)."""
    T = sd.shape[1]
    covariance = errors.shock_sd**2 * autocorrelation(errors.rho, T) + noise[:, None] * np.eye(T)
    return np.asarray(np.linalg.cholesky(covariance / (sd[:, :, None] * sd[:, None, :])))


def _in_words(errors: ErrorModel) -> str:
    s, w = f"{errors.shock_sd:.4g}", f"{errors.noise_sd:.4g}"
    return (
        "shocks to clusters and noise of units are independent and normal with standard deviations "
        f"{s} and {w}, the autocorrelation of shocks is {errors.rho:g} (as fitted to the data), "
        f"and the mean of n units of a cluster has variance {s}^2 + {w}^2 / n"
    )


def _without_covariates(panel: Panel, cohort: Index) -> Array:
    """Take off what covariates explain, by least squares within cohorts in every period, (N,)."""
    if panel.design.intercept_only:
        return panel.y
    T = len(panel.times)
    y, x = panel.y.reshape(-1, T), panel.design.X.reshape(panel.n_units, T, -1)[..., 1:]
    members = np.bincount(cohort)
    out = np.empty_like(y)
    for t in range(T):
        both = np.column_stack([y[:, t], x[:, t]])
        means = np.column_stack([np.bincount(cohort, column) for column in both.T])
        around = both - (means / np.maximum(members, 1)[:, None])[cohort]
        slope = np.linalg.lstsq(around[:, 1:], around[:, 0], rcond=None)[0]
        out[:, t] = y[:, t] - x[:, t] @ slope
    return out.ravel()
