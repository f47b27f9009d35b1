"""Analytic standard errors and sums by cluster, against loops."""

from __future__ import annotations

import numpy as np

from didjack.core.analytic import cluster_sums, standard_errors

RTOL = 1e-13  # sums of 30 numbers

PSI = np.random.default_rng(0).standard_normal((30, 3))
CLUSTER = np.random.default_rng(1).integers(0, 4, 30)


def test_by_unit():
    """The square root of mean square over n."""
    found = standard_errors(PSI, None)
    expected = [np.sqrt(np.mean(PSI[:, j] ** 2) / 30) for j in range(3)]
    np.testing.assert_allclose(found, expected, rtol=RTOL)


def test_by_cluster():
    """The square root of the sum of squared cluster sums, over n."""
    expected = []
    for j in range(3):
        sums = [PSI[CLUSTER == c, j].sum() for c in range(4)]
        expected.append(np.sqrt(np.square(sums).sum()) / 30)
    np.testing.assert_allclose(standard_errors(PSI, CLUSTER), expected, rtol=RTOL)


def test_what_is_zero_throughout_has_no_standard_error():
    psi = PSI.copy()
    psi[:, 1] = 0.0
    for cluster in (None, CLUSTER):
        np.testing.assert_array_equal(np.isnan(standard_errors(psi, cluster)), [False, True, False])


def test_small_influence_is_not_zero():
    found = standard_errors(1e-100 * PSI, None)
    np.testing.assert_allclose(found, 1e-100 * standard_errors(PSI, None), rtol=RTOL)


def test_sums_by_cluster():
    found = cluster_sums(PSI, CLUSTER)
    assert found.shape == (4, 3)
    for c in range(4):
        np.testing.assert_allclose(found[c], PSI[CLUSTER == c].sum(axis=0), rtol=RTOL)
