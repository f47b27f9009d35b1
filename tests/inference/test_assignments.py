"""Assignments against permutations of the labels, and ranks counted by hand."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from math import comb

import numpy as np
import pytest

from didjack.inference.assignments import (
    count_assignments,
    every_assignment,
    random_assignments,
    share_as_large,
)

LABELS = [
    [0.0, 0.0, 0.0],
    [3.0, 0.0, 0.0, 0.0],
    [0, 1, 1, 0, 1],
    [2005.0, 0.0, 2007.0, 0.0, 2005.0, 0.0],
    [3, 2, 1, 0],
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_every_assignment_occurs_once(labels):
    every = every_assignment(np.array(labels))
    assert every.dtype == np.array(labels).dtype
    assert sorted(map(tuple, every.tolist())) == sorted(set(permutations(labels)))
    assert count_assignments(np.array(labels)) == len(every)


def test_they_are_ordered_by_the_places_of_the_smallest_label():
    assert every_assignment(np.array([5, 4, 4])).tolist() == [[4, 4, 5], [4, 5, 4], [5, 4, 4]]
    codes = every_assignment(np.array([0, 1, 2]))
    assert codes.tolist() == [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]]


def test_large_numbers_of_assignments_are_exact():
    sizes = [1, 13, 4, 2, 1, 29]
    ways = comb(50, 1) * comb(49, 13) * comb(36, 4) * comb(32, 2) * comb(30, 1)
    assert count_assignments(np.repeat(np.arange(6), sizes)) == ways > 2**63


def test_random_assignments_keep_the_labels_and_are_equally_likely():
    labels = np.array([1, 1, 0, 0])
    n = 12_000
    drawn = random_assignments(labels, n, np.random.default_rng(0))
    assert drawn.shape == (n, 4)
    assert (drawn.sum(axis=1) == 2).all()
    assert len(np.unique(drawn, axis=0)) == 6
    counts = Counter(map(tuple, drawn.tolist()))
    # Five standard deviations of a binomial count with probability 1/6.
    assert max(abs(c - n / 6) for c in counts.values()) < 5 * np.sqrt(n * 5 / 36)


def test_shares_by_hand():
    others = np.array([0.5, -3.0, 2.0, -1.0])
    assert share_as_large(2.0, others, actual_among_them=False) == 3 / 5
    assert share_as_large(-2.0, others, actual_among_them=True) == 2 / 4
    assert share_as_large(9.0, others, actual_among_them=False) == 1 / 5
    many = share_as_large([2.0, 9.0], np.array([others, others]), actual_among_them=True)
    assert many.tolist() == [2 / 4, 0.0]


def test_equal_up_to_rounding_counts_as_large_and_a_little_smaller_does_not():
    for sign in (1, -1):
        others = sign * np.array([0.3 * (1 - 1e-12), 0.3 * (1 - 1e-8)])
        assert share_as_large(0.1 + 0.2, others, actual_among_them=False) == 2 / 3


def test_assignments_without_an_estimate_count_as_larger():
    others = np.array([[0.0, np.nan], [0.0, 0.5]])
    assert share_as_large([1.0, 1.0], others, actual_among_them=False).tolist() == [2 / 3, 1 / 3]
    assert share_as_large([1.0, 1.0], others, actual_among_them=True).tolist() == [1 / 2, 0.0]


def test_what_is_not_estimated_has_no_rank():
    for observed in (np.nan, np.inf):
        assert np.isnan(share_as_large(observed, np.array([1.0]), actual_among_them=False))
