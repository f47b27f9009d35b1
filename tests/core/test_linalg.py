"""Batched elimination against numpy, one matrix at a time."""

from __future__ import annotations

import numpy as np
import pytest

from didjack.core.linalg import (
    RANK_TOLERANCE,
    factorize,
    first_column,
    pack_outer,
    unpack_symmetric,
)

# Well conditioned systems of four columns: a few hundred operations, each within 1e-16.
RTOL = 1e-12


def gram(seed: int = 0, batch: tuple[int, ...] = (3, 2), k: int = 4) -> np.ndarray:
    """Draw X'X of 10 rows per matrix."""
    X = np.random.default_rng(seed).standard_normal((*batch, 10, k))
    return np.swapaxes(X, -1, -2) @ X


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_solutions_are_numpys(k):
    A = gram(k=k)
    b = np.random.default_rng(1).standard_normal((3, 2, k))
    factor = factorize(A)
    for at in np.ndindex(3, 2):
        expected = np.linalg.solve(A[at], b[at])
        np.testing.assert_allclose(factor.solve(b)[at], expected, rtol=RTOL)
    assert not factor.singular.any() and factor.singular.shape == (3, 2)
    assert not factor.redundant.any() and not factor.excluded.any()


def test_the_factors_multiply_to_the_matrix():
    A = gram(2)
    factor = factorize(A)
    for at in np.ndindex(3, 2):
        L, D = factor.lower[at], factor.pivots[at]
        np.testing.assert_allclose(L @ np.diag(D) @ L.T, A[at], rtol=RTOL)
        np.testing.assert_array_equal(L, np.tril(L))
        np.testing.assert_array_equal(np.diag(L), 1.0)


def test_pivots_are_what_the_columns_before_leave():
    X = np.random.default_rng(3).standard_normal((12, 4))
    pivots = factorize(X.T @ X).pivots
    for j in range(4):
        fit = X[:, :j] @ np.linalg.lstsq(X[:, :j], X[:, j], rcond=None)[0]
        assert pivots[j] == pytest.approx(((X[:, j] - fit) ** 2).sum(), rel=RTOL)


def test_a_right_hand_side_is_shared_by_the_batch_and_kept():
    A, b = gram(4), np.arange(1.0, 5.0)
    x = factorize(A).solve(b)
    assert x.shape == (3, 2, 4)
    for at in np.ndindex(3, 2):
        np.testing.assert_allclose(x[at], np.linalg.solve(A[at], b), rtol=RTOL)
    np.testing.assert_array_equal(b, np.arange(1.0, 5.0))


def test_several_right_hand_sides_for_one_matrix():
    A = gram(5, batch=())
    b = np.random.default_rng(6).standard_normal((7, 4))
    np.testing.assert_allclose(factorize(A).solve(b), np.linalg.solve(A, b.T).T, rtol=RTOL)


def test_redundant_columns_get_the_coefficient_zero():
    """The other coefficients are those of a regression without the redundant columns."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((20, 5))
    X[:, 2] = X[:, 0] - 2 * X[:, 1]
    X[:, 4] = X[:, 3] + X[:, 2]
    y = rng.standard_normal(20)
    factor = factorize(np.stack([X.T @ X, gram(8, (), 5)]))
    np.testing.assert_array_equal(factor.redundant[0], [False, False, True, False, True])
    np.testing.assert_array_equal(factor.excluded, factor.redundant)
    np.testing.assert_array_equal(factor.singular, [True, False])
    np.testing.assert_array_equal(factor.pivots[0, [2, 4]], 1.0)
    kept = [0, 1, 3]
    expected = np.zeros(5)
    expected[kept] = np.linalg.lstsq(X[:, kept], y, rcond=None)[0]
    found = factor.solve(X.T @ y)[0]
    np.testing.assert_allclose(found[kept], expected[kept], rtol=RTOL)
    np.testing.assert_array_equal(found[[2, 4]], 0.0)


def test_columns_left_out_on_request_are_not_redundant():
    X = np.random.default_rng(9).standard_normal((2, 15, 4))
    A = np.swapaxes(X, 1, 2) @ X
    left_out = np.array([[False, True, False, False], [False, False, False, False]])
    factor = factorize(A, left_out)
    assert not factor.redundant.any() and not factor.singular.any()
    np.testing.assert_array_equal(factor.excluded, left_out)
    b = np.ones((2, 4))
    found, kept = factor.solve(b), [0, 2, 3]
    assert found[0, 1] == 0.0
    np.testing.assert_allclose(
        found[0, kept], np.linalg.solve(A[0][np.ix_(kept, kept)], np.ones(3)), rtol=RTOL
    )
    np.testing.assert_allclose(found[1], np.linalg.solve(A[1], b[1]), rtol=RTOL)
    # A column that is left out does not make its copy redundant.
    X[0, :, 2] = X[0, :, 1]
    again = factorize(np.swapaxes(X, 1, 2) @ X, left_out)
    assert not again.redundant.any()
    np.testing.assert_array_equal(again.excluded, left_out)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_diagonal_that_is_no_positive_number_is_redundant(value):
    A = np.diag([2.0, value, 4.0])
    factor = factorize(A)
    np.testing.assert_array_equal(factor.redundant, [False, True, False])
    np.testing.assert_allclose(factor.solve(np.array([2.0, 5.0, 8.0])), [1.0, 0.0, 2.0])


@pytest.mark.parametrize(("share", "redundant"), [(0.5, True), (1.0, True), (2.0, False)])
def test_what_is_left_is_compared_with_the_tolerance(share, redundant):
    # The pivot of the second column is 1 + r - 1 = r, and its diagonal 1 + r: the share is just
    # below r. Powers of two keep the subtraction exact.
    r = 2.0 ** round(np.log2(RANK_TOLERANCE * share))
    assert factorize(np.array([[1.0, 1.0], [1.0, 1.0 + r]])).redundant[1] == redundant
    assert RANK_TOLERANCE == 1e-12


def test_a_pivot_must_be_above_its_bound():
    assert factorize(np.diag([1.0, 0.0])).redundant.tolist() == [False, True]  # 0 is not above 0
    assert factorize(-np.eye(1)).redundant.tolist() == [True]


def test_columns_left_out_everywhere_are_named_once():
    A = gram(12, batch=(5,))
    left_out = np.array([False, False, True, False])
    factor, same = factorize(A, left_out), factorize(A, np.tile(left_out, (5, 1)))
    for name in ("lower", "pivots", "redundant", "excluded"):
        np.testing.assert_array_equal(getattr(factor, name), getattr(same, name))
    assert factor.excluded.shape == (5, 4)


def test_take_is_the_factor_of_that_place():
    A = gram(10, batch=(3, 4))
    left_out = np.zeros((3, 4, 4), dtype=bool)
    left_out[0, 2, 1] = True
    taken, alone = factorize(A, left_out).take(2), factorize(A[:, 2], left_out[:, 2])
    for name in ("lower", "pivots", "redundant", "excluded"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(alone, name))
    assert taken.excluded.sum() == 1


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_packed_triangles(k):
    X = np.random.default_rng(11).standard_normal((6, k))
    packed = pack_outer(X)
    assert packed.shape == (6, k * (k + 1) // 2)
    outer = np.array([np.outer(x, x) for x in X])
    np.testing.assert_array_equal(unpack_symmetric(packed, k), outer)
    np.testing.assert_array_equal(first_column(packed, k), outer[:, :, 0])
    stacked = unpack_symmetric(packed.reshape(2, 3, -1), k)
    np.testing.assert_array_equal(stacked, outer.reshape(2, 3, k, k))
