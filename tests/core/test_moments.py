"""Sums by cluster and all deletions, against loops over rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack.core.moments import Clusters, RowSums, delete_one, replicate_totals, rows_by

# Sums of at most a few dozen numbers near one.
RTOL = 1e-13


@pytest.mark.parametrize("shape", [(2,), (3, 4), (5, 2, 3), (7, 1)])
def test_a_deletion_is_the_sum_of_all_others(shape):
    sums = np.random.default_rng(0).standard_normal(shape)
    out = delete_one(sums)
    assert out.shape == (shape[0] + 1, *shape[1:])
    np.testing.assert_allclose(out[0], sums.sum(axis=0), rtol=RTOL)
    for h in range(shape[0]):
        expected = np.delete(sums, h, axis=0).sum(axis=0)
        np.testing.assert_allclose(out[h + 1], expected, rtol=RTOL, atol=1e-15)


def test_whole_numbers_stay_whole():
    out = delete_one(np.array([[1, 2], [3, 4], [5, 6]]))
    assert out.dtype.kind == "i"
    np.testing.assert_array_equal(out, [[9, 12], [8, 10], [6, 8], [4, 6]])


def test_the_only_cluster_leaves_nothing():
    np.testing.assert_array_equal(delete_one(np.array([[2.5, -1.0]])), [[2.5, -1.0], [0.0, 0.0]])


@pytest.mark.parametrize("h", range(4))
def test_what_leaves_with_its_cluster_is_exactly_zero(h):
    """Total minus own would leave the rounding error of .1 + .2 + ... here."""
    sums = np.full((4, 2), 0.1)
    sums[:, 1] = 0.0
    sums[h, 1] = 1 / 3
    out = delete_one(sums)
    assert out[h + 1, 1] == 0.0
    np.testing.assert_array_equal(np.delete(out, h + 1, axis=0)[:, 1], 1 / 3)


def test_rows_by_code():
    code = np.array([2, 0, 2, 3, 0, 2])
    found = rows_by(code, 5)
    expected = [[1, 4], [], [0, 2, 5], [3], []]  # a code without rows too, also the last
    assert [rows.tolist() for rows in found] == expected


def test_rows_keep_their_order_within_a_code():
    code = np.random.default_rng(1).integers(0, 3, size=500)
    for c, rows in enumerate(rows_by(code, 3)):
        np.testing.assert_array_equal(rows, np.flatnonzero(code == c))


def draw(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.integers(0, 3, n), rng.integers(0, 5, n), rng.standard_normal((n, 2))


def test_sums_within_clusters_and_cohorts():
    cohort, cluster, features = draw()
    cohort[cluster == 4] = 0  # cells without rows
    sums = RowSums(cohort, 4, cluster, 6)
    within, replicates = sums.within(features), sums(features)
    assert within.shape == (6, 4, 2) and replicates.shape == (7, 4, 2)
    for q in range(4):
        for c in range(6):
            rows = (cohort == q) & (cluster == c)
            np.testing.assert_allclose(within[c, q], features[rows].sum(axis=0), rtol=RTOL)
            rows = (cohort == q) & (cluster != c)
            expected = features[rows].sum(axis=0)
            np.testing.assert_allclose(replicates[c + 1, q], expected, rtol=RTOL, atol=1e-15)
        expected = features[cohort == q].sum(axis=0)
        np.testing.assert_allclose(replicates[0, q], expected, rtol=RTOL, atol=1e-15)


def test_without_clusters_the_sample_is_the_only_replicate():
    cohort, _, features = draw()
    found = RowSums(cohort, 3)(features)
    expected = [[features[cohort == q].sum(axis=0) for q in range(3)]]
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=1e-15)


def test_totals_of_every_replicate():
    _, cluster, features = draw()
    expected = [features.sum(axis=0)]
    expected += [features[cluster != c].sum(axis=0) for c in range(5)]
    found = replicate_totals(features, cluster, 6)
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=1e-15)
    found = replicate_totals(features, None, 1)
    np.testing.assert_allclose(found, expected[:1], rtol=RTOL, atol=1e-15)


def test_clusters_count_their_labels():
    assert len(Clusters("state", pd.Index(["a", "b", "c"]), np.array([0, 1, 2, 2]))) == 3
