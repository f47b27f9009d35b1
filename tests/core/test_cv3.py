"""CV3 and CV3J against the formula, parameter by parameter and in plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from didjack.core import cv3

RTOL = 1e-13  # sums of at most six squares

THETA = np.array([1.0, -2.0, 0.5, 3.0])
DELETED = np.array(  # six clusters; NaN where nothing of a parameter is left
    [
        [1.1, -2.2, 0.5, np.nan],
        [0.8, np.nan, 0.7, np.nan],
        [1.3, -1.9, 0.1, 3.5],
        [0.9, np.nan, 0.6, np.nan],
        [1.2, -2.4, 0.4, np.nan],
        [0.7, -2.1, 0.9, np.nan],
    ]
)
COUNT = [6, 4, 6, 1]


def by_hand(j: int, center: str) -> tuple[list[float], int]:
    left = [x for x in DELETED[:, j].tolist() if not np.isnan(x)]
    middle = THETA[j] if center == "estimate" else sum(left) / len(left)
    return [x - middle for x in left], len(left)


@pytest.mark.parametrize("center", ["estimate", "mean"])
def test_variance(center):
    away, count = cv3.deviations(THETA, DELETED, center)
    np.testing.assert_array_equal(count, COUNT)
    assert away.shape == DELETED.shape
    np.testing.assert_array_equal(away[np.isnan(DELETED)], 0.0)
    found = cv3.variance(away, count)
    for j in range(3):
        each, H = by_hand(j, center)
        assert found[j] == pytest.approx((H - 1) / H * sum(d * d for d in each), rel=RTOL)
    assert np.isnan(found[3])  # one deletion is not enough


def test_the_estimate_is_the_centre_unless_asked_otherwise():
    away, _ = cv3.deviations(THETA, DELETED)
    np.testing.assert_array_equal(away, cv3.deviations(THETA, DELETED, "estimate")[0])
    assert not np.allclose(away, cv3.deviations(THETA, DELETED, "mean")[0])


def test_mean_of_no_deletions():
    away, count = cv3.deviations(np.array([1.0]), np.full((3, 1), np.nan), "mean")
    np.testing.assert_array_equal(away, np.zeros((3, 1)))
    assert count.tolist() == [0]
    assert np.isnan(cv3.variance(away, count)).all()


def test_a_single_deletion_is_its_own_mean():
    away, count = cv3.deviations(THETA, DELETED, "mean")
    assert count[3] == 1 and (away[:, 3] == 0.0).all()
    assert (cv3.deviations(THETA, DELETED)[0][2, 3], count[3]) == (0.5, 1)


@pytest.mark.parametrize("center", ["estimate", "mean"])
def test_deletions_along_another_axis(center):
    theta = np.stack([THETA, 2 * THETA])
    deleted = np.stack([DELETED, 2 * DELETED])
    away, count = cv3.deviations(theta, deleted, center, axis=1)
    once, n = cv3.deviations(THETA, DELETED, center)
    np.testing.assert_array_equal(away, [once, 2 * once])
    np.testing.assert_array_equal(count, [n, n])
    expected = cv3.variance(once, n)
    np.testing.assert_allclose(
        cv3.variance(away, count, axis=1), [expected, 4 * expected], rtol=RTOL
    )


def test_a_single_parameter():
    away, count = cv3.deviations(1.0, DELETED[:, 0])
    expected = 5 / 6 * sum((x - 1.0) ** 2 for x in DELETED[:, 0])
    assert float(cv3.variance(away, count)) == pytest.approx(expected, rel=RTOL)


def test_covariance():
    """Each parameter keeps its own factor: sqrt((H_i - 1) / H_i (H_j - 1) / H_j) sum d_i d_j."""
    away, count = cv3.deviations(THETA, DELETED)
    found = cv3.covariance(away, count)
    assert found.shape == (4, 4)
    for i in range(3):
        for j in range(3):
            scale = np.sqrt((COUNT[i] - 1) / COUNT[i]) * np.sqrt((COUNT[j] - 1) / COUNT[j])
            total = 0.0
            for a, b in zip(DELETED[:, i] - THETA[i], DELETED[:, j] - THETA[j], strict=True):
                total += 0.0 if np.isnan(a) or np.isnan(b) else a * b
            assert found[i, j] == pytest.approx(scale * total, rel=RTOL)
    np.testing.assert_allclose(np.diag(found), cv3.variance(away, count), rtol=RTOL)
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()


def test_factor():
    found = cv3.factor(np.array([0, 1, 2, 3, 50]))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False, False, False])
    np.testing.assert_allclose(found[2:], [1 / 2, 2 / 3, 49 / 50], rtol=1e-15)
    assert float(cv3.factor(4)) == 0.75
