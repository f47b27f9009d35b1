"""The error model by hand, on exact moments, and left alone by what it must not see."""

from __future__ import annotations

import numpy as np
import pytest

from didjack.errors import DesignError
from didjack.inference.error_models import fit_errors, half_variance


def exact(autocovariance):
    """Means of 4 T blocks whose sample covariances over T periods are as given."""
    T = len(autocovariance)
    cov = np.array([[autocovariance[abs(s - t)] for s in range(T)] for t in range(T)])
    # Orthonormal columns that add up to zero.
    basis = np.linalg.qr(np.column_stack([np.ones(4 * T), np.eye(4 * T)]))[0][:, 1 : T + 1]
    return np.sqrt(4 * T - 1) * basis @ np.linalg.cholesky(cov).T


def fit(mean, size=None, within=None, cohort=None):
    M = len(mean)
    size = np.ones(M) if size is None else np.asarray(size, dtype=float)
    within = np.zeros(M) if within is None else np.asarray(within, dtype=float)
    cohort = np.zeros(M, dtype=int) if cohort is None else np.asarray(cohort)
    return fit_errors(mean, size, within, cohort)


@pytest.mark.parametrize(("rho", "sd"), [(0.0, 1.0), (0.37, 2.0), (0.98, 0.5)])
@pytest.mark.parametrize("T", [3, 7, 12])
def test_exact_moments_give_the_model_back(rho, sd, T):
    model = fit(exact(sd**2 * rho ** np.arange(T)))
    assert model.rho == pytest.approx(rho, abs=1e-12)
    assert model.shock_sd == pytest.approx(sd, rel=1e-9)
    assert model.noise_sd == 0


def test_noise_is_taken_off_by_the_mean_inverse_size():
    """Against a search over the same grid, with the expected moments of noise."""
    T, w2 = 5, 0.5
    mean = exact(0.6 ** np.arange(T))
    M = len(mean)
    sizes = np.where(np.arange(M) % 2 == 0, 2.0, 8.0)
    within = w2 * (sizes - 1) * (T - 1)  # its expectation
    model = fit(mean, sizes, within)
    assert model.noise_sd == pytest.approx(np.sqrt(0.5), rel=1e-12)
    # The moments are those of shocks alone; less w^2 mean(1/n) they are smaller at every lag.
    lags = np.arange(1, T)
    left = 1 - 0.6**lags - w2 * (1 / sizes).mean()
    assert left.min() > 0.2
    weight = T - lags
    best = min(
        ((weight * (left - s2 * (1 - r**lags)) ** 2).sum(), r, s2)
        for r in np.arange(99) / 100
        for s2 in [(weight * (1 - r**lags) * left).sum() / (weight * (1 - r**lags) ** 2).sum()]
    )
    assert model.rho == pytest.approx(best[1], abs=1e-12)
    assert model.shock_sd == pytest.approx(np.sqrt(best[2]), rel=1e-9)


def test_half_the_variance_of_changes_by_hand():
    # Changes over one period: (1, 3) and (3, 5) around (2, 4); the single block does not count.
    mean = np.array([[0.0, 1, 4], [1.0, 4, 9], [5.0, 100, 7]])
    cohort = np.array([0, 0, 1])
    assert half_variance(mean, cohort, 1) == pytest.approx(0.5 * (4 * 1) / 2)
    assert half_variance(mean, cohort, 2) == pytest.approx(0.5 * (2 * 2**2) / 1)
    assert np.isnan(half_variance(mean, np.arange(3), 1))


def test_inverse_sizes_are_weighted_by_degrees_of_freedom():
    """Cohorts of three blocks with one unit and of two with four: (2 * 1 + 1 / 4) / 3."""
    mean = np.array([[0, 2.0], [0, 0.0], [0, -2.0], [0, 3.0], [0, -3.0]])
    size, cohort = [1, 1, 1, 4, 4], [0, 0, 0, 1, 1]
    within = [0, 0, 0, 1.5, 1.5]  # six spare units over one change: noise variance 1/2
    model = fit(mean, size, within, cohort)
    assert model.noise_sd**2 == pytest.approx(0.5)
    assert model.shock_sd**2 == pytest.approx(0.5 * (8 + 18) / 3 - 0.5 * (2 + 1 / 4) / 3)
    assert model.rho == 0  # two periods say nothing of it


def test_levels_periods_and_effects_of_cohorts_leave_it_alone():
    rng = np.random.default_rng(0)
    mean, cohort = rng.normal(size=(12, 6)).cumsum(axis=1), np.arange(12) % 3
    moved = mean + rng.normal(size=(12, 1)) + 10 * rng.normal(size=(3, 6))[cohort]
    a, b = fit(mean, cohort=cohort), fit(moved, cohort=cohort)
    assert (a.rho, a.shock_sd) == (b.rho, pytest.approx(b.shock_sd, rel=1e-12))


def test_changes_over_more_than_eight_periods_are_not_matched():
    correlation = 0.9 ** np.arange(10)
    usual = fit(exact(correlation))
    correlation[9] -= 0.1  # what only changes over nine periods show
    other = fit(exact(correlation))
    assert (other.rho, other.shock_sd) == (usual.rho, pytest.approx(usual.shock_sd, rel=1e-9))
    correlation = 0.9 ** np.arange(10)
    correlation[8] -= 0.02
    assert abs(fit(exact(correlation)).shock_sd / usual.shock_sd - 1) > 1e-4


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DesignError, match="Every cohort is one cluster"):
        fit(np.ones((3, 4)), cohort=np.arange(3))
    with pytest.raises(DesignError, match="does not vary"):
        fit(np.ones((3, 4)))
