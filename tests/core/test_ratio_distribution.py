"""The exact distribution of t ratios: against Student's t, eigenvalues and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from didjack.core.ratio_distribution import RatioDistribution

LARGE = np.array([0.1, 1.0, 2.0, 5.0, 20.0, 100.0])


def mean_of(n):
    """The mean of n observations and its delete-one deviations, as loadings."""
    loadings = np.full(n, 1 / n)
    return loadings, (np.ones((n, n)) - np.eye(n)) / (n - 1) - loadings


def ratio(loadings, deviations, scale):
    return RatioDistribution.of(
        deviations @ deviations.T, deviations @ loadings, loadings @ loadings, scale
    )


def tail_by_eigenvalues(loadings, deviations, scale, t):
    """The definition: eigenvalues of l l' - t^2 S, and the integral by adaptive quadrature."""
    form = np.outer(loadings, loadings) - t**2 * scale * deviations.T @ deviations
    values = np.linalg.eigvalsh(form)
    nu = -values[:-1] / values[-1]
    integral, _ = integrate.quad(
        lambda phi: np.prod(1 / np.sqrt(1 + nu / np.sin(phi) ** 2)),
        0,
        np.pi / 2,
        epsabs=0,
        epsrel=1e-12,
    )
    return 2 / np.pi * integral


@pytest.mark.parametrize("n", [2, 3, 5, 20, 200])
def test_the_jackknife_of_a_mean_is_students_t(n):
    """CV3 of a mean is s^2 / n, so the ratio has Student's distribution with n - 1 degrees."""
    found = ratio(*mean_of(n), (n - 1) / n)
    expected = 2 * stats.t.sf(LARGE, n - 1)
    # 64 nodes: 1e-12, but for t near zero with hundreds of clusters, where p is far from small.
    np.testing.assert_allclose(found.p(LARGE), expected, rtol=1e-10 if n == 200 else 1e-12)
    np.testing.assert_allclose(found.critical_value(0.95), stats.t.ppf(0.975, n - 1), rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_share_of_directions_with_a_positive_form(seed):
    rng = np.random.default_rng(seed)
    deviations = rng.standard_normal((7, 15)) * np.exp(rng.standard_normal((7, 1)))
    loadings = rng.standard_normal(15)
    found = ratio(loadings, deviations, 6 / 7)
    for t in (0.1, 0.5, 1.0, 3.0):
        expected = tail_by_eigenvalues(loadings, deviations, 6 / 7, t)
        np.testing.assert_allclose(found.p(t), expected, rtol=1e-10)


def test_simulated_ratios_exceed_the_critical_value_as_often_as_it_says():
    rng = np.random.default_rng(0)
    deviations, loadings = rng.standard_normal((6, 10)), rng.standard_normal(10)
    found = ratio(loadings, deviations, 5 / 6)
    z = rng.standard_normal((400_000, 10))
    t = np.abs(z @ loadings) / np.sqrt(5 / 6 * ((z @ deviations.T) ** 2).sum(axis=1))
    share = (t >= found.critical_value(0.9)).mean()
    assert abs(share - 0.1) < 4 * np.sqrt(0.09 / 400_000)  # four standard errors of a share


def test_an_estimate_inside_the_span_of_its_deviations():
    """Nothing of l lies outside S: t is bounded, and no t beyond the bound has probability."""
    deviations, loadings = np.eye(2), np.array([1.0, 1.0])
    found = ratio(loadings, deviations, 0.5)  # |z1 + z2| / sqrt((z1^2 + z2^2) / 2) <= 2
    assert found.p(1.9) > 0
    angle = np.arccos(1.9 / 2) / (np.pi / 2)  # the share of directions so close to (1, 1)
    np.testing.assert_allclose(found.p(1.9), angle, rtol=1e-10)


def test_what_has_no_distribution():
    empty = RatioDistribution.of(np.zeros((3, 3)), np.zeros(3), 1.0, 2 / 3)
    assert np.isnan(empty.p(2.0))
    known = ratio(*mean_of(5), 0.8)
    assert known.p(0.0) == 1.0
    assert np.isnan(known.p(np.nan))
    assert known.p(-2.0) == known.p(2.0)
