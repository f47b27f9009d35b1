"""Sets of effects that randomization does not reject, against a grid."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from didjack.inference.inversion import effects_not_rejected


def p_value(tau, estimate, form, others, forms, studentize):
    other, own = np.abs(others[:, 0] - tau * others[:, 1]), abs(estimate[0] - tau)
    if studentize:
        variance = forms[:, 0, 0] - 2 * tau * forms[:, 0, 1] + tau**2 * forms[:, 1, 1]
        other, own = other / np.sqrt(variance), own / np.sqrt(form[0, 0])
    smaller = other < own * (1 - 1e-10)
    return (1 + (~smaller).sum()) / (1 + len(others))


def drawn(B, seed, spread=1.0):
    """Draw statistics whose quadratic forms are variances."""
    rng = np.random.default_rng(seed)
    deviations = rng.standard_normal((B, 6, 2)) * [1.0, 0.4]
    forms = np.einsum("bhi,bhj->bij", deviations, deviations)
    others = np.stack([rng.standard_normal(B), rng.uniform(-spread, spread, B)], axis=1)
    estimate, form = np.array([0.7, 1.0]), np.diag([2.0, 0.0])
    return estimate, form, others, forms


@pytest.mark.parametrize("studentize", [True, False])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(("B", "spread"), [(7, 1.0), (19, 1.2), (60, 3.0)])
def test_against_a_grid(B, spread, level, studentize):
    pieces = []
    for seed in range(6):
        estimate, form, others, forms = drawn(B, seed, spread)
        found = effects_not_rejected(estimate, form, others, forms, level, studentize)
        pieces.append(len(found))
        grid = np.concatenate([np.linspace(-9, 9, 1501), [-1e5, 1e5, estimate[0]]])
        inside = [any(low <= tau <= high for low, high in found) for tau in grid]
        p = [p_value(tau, estimate, form, others, forms, studentize) for tau in grid]
        np.testing.assert_array_equal(inside, np.array(p) > 1 - level + 1e-9)
        assert all(a[1] < b[0] for a, b in pairwise(found))
    if (B, level, studentize) == (60, 0.5, False):
        assert max(pieces) > 1  # a set in pieces has been seen


def test_sets_can_be_in_pieces_and_unbounded():
    one = (np.array([0.0, 1.0]), np.diag([1.0, 0.0]))
    flat = np.broadcast_to(np.eye(2), (1, 2, 2))
    # |3 - 2 tau| >= |tau| fails on (1, 3) only; two assignments at level 50%.
    pieces = effects_not_rejected(*one, np.array([[3.0, 2.0]]), flat, 0.5, False)
    np.testing.assert_allclose(pieces, [(-np.inf, 1.0), (3.0, np.inf)], atol=1e-8)
    # One of two assignments can never be rejected at 5%.
    assert effects_not_rejected(*one, np.array([[0.1, 0.0]]), flat, 0.95, False) == (
        (-np.inf, np.inf),
    )


def test_assignments_that_fail_count_as_more_extreme():
    estimate, form, others, forms = drawn(19, 3)
    bounded = effects_not_rejected(estimate, form, others, forms, 0.9, True)
    assert np.isfinite(bounded).all()
    others[:2] = np.nan
    assert effects_not_rejected(estimate, form, others, forms, 0.9, True) == ((-np.inf, np.inf),)


def test_nothing_is_found_without_a_statistic():
    _, _, others, forms = drawn(9, 0)
    nothing = np.array([np.nan, np.nan])
    assert effects_not_rejected(nothing, np.eye(2), others, forms, 0.9, True) == ()
    zero = np.zeros((2, 2))
    assert effects_not_rejected(np.array([1.0, 1.0]), zero, others, forms, 0.9, True) == ()


def test_equal_clusters_tie_with_the_actual_assignment_at_every_effect():
    estimate, form = np.array([0.3, 1.0]), np.diag([0.5, 0.0])
    same = np.broadcast_to(form, (3, 2, 2))
    others = np.tile(estimate * (1 + 1e-14), (3, 1))
    for studentize in (True, False):
        found = effects_not_rejected(estimate, form, others, same, 0.5, studentize)
        assert found == ((-np.inf, np.inf),)
