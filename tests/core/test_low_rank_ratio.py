"""Ratios of forms of low rank beside a diagonal: against eigenvalues of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest

from didjack.core.low_rank_ratio import DENSE, LowRankGram, LowRankRatio, ratio_distribution
from didjack.core.ratio_distribution import RatioDistribution


def parts(H: int, q: int, equal: int = 0, zero: int = 0):
    """Deviations B U' - diag(m) of H deletions, some with equal and some with no own part."""
    rng = np.random.default_rng(H + q)
    basis, sums = rng.standard_normal((H, q)) / H, 1 + rng.standard_normal((H, q))
    own = np.exp(1.5 * rng.standard_normal(H)) / H
    own[:equal], own[equal : equal + zero] = 1 / H, 0.0
    loadings = (sums @ rng.standard_normal(q) + 3 * rng.standard_normal(H)) / H
    deviations = basis @ sums.T - np.diag(own)
    gram = LowRankGram(own**2, basis, sums.T @ sums, sums * own[:, None])
    return gram, deviations, loadings


CASES = [(40, 1), (150, 4), (500, 12), (500, 3, 400), (300, 3, 0, 100), (60, 2, 60)]


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_distribution_by_eigenvalues(case):
    gram, deviations, loadings = parts(*case)
    # Products of sums of H numbers.
    np.testing.assert_allclose(gram.dense(), deviations @ deviations.T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(gram.trace, np.square(deviations).sum(), rtol=1e-12)
    cross, square, scale = deviations @ loadings, loadings @ loadings, 0.98
    whole = RatioDistribution.of(deviations @ deviations.T, cross, square, scale)
    found = LowRankRatio.of(gram, cross, square, scale)
    critical = whole.critical_value(0.95)
    np.testing.assert_allclose(found.critical_value(0.95), critical, rtol=1e-10)
    # The polynomials have 1e-16; what is lost is lost in l'l - l'(...)l, more where p is small.
    t = critical * np.array([0.01, 0.3, 1.0, 1.5])
    np.testing.assert_allclose(found.p(t), whole.p(t), rtol=1e-9)


def test_deletions_are_collected_at_few_points():
    gram, deviations, loadings = parts(5000, 3)
    found = ratio_distribution(gram, deviations @ loadings, loadings @ loadings, 1.0)
    assert isinstance(found, LowRankRatio) and len(found.points) <= 200
    np.testing.assert_allclose(found.counts.sum(), 5000, rtol=1e-12)
    gram, deviations, loadings = parts(DENSE, 3)
    small = ratio_distribution(gram, deviations @ loadings, loadings @ loadings, 1.0)
    assert isinstance(small, RatioDistribution)


def test_p_of_the_largest_t_is_zero_and_not_missing():
    gram, deviations, loadings = parts(600, 3)
    found = LowRankRatio.of(gram, deviations @ loadings, loadings @ loadings, 1.0)
    p = found.p([0.0, 1e3, 1e9, np.nan])
    assert p[0] == 1 and (p[1:3] < 1e-20).all() and np.isnan(p[3])
