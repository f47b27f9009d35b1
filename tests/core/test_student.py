"""Student's t against scipy.stats and closed forms, tails and limits included."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest
from scipy import stats

from didjack.core.student import critical_value, two_sided_p

# Before 1.17 SciPy ends its search for a quantile with 1e-10 of it left.
SEARCHED = 1e-12 if tuple(map(int, version("scipy").split(".")[:2])) >= (1, 17) else 1e-9
DF = np.array([1, 1.5, 2, 5, 11, 49, 1e3, 1e6, np.inf])[:, None]


def test_p_values_are_those_of_scipy_stats():
    t = np.array([0, 1e-8, 0.3, 1, 1.96, 5, 12, 40, 1e3, 1e8])
    p = two_sided_p(np.append(t, -t), DF)
    np.testing.assert_allclose(p, 2 * stats.t.sf(np.append(t, t), DF), rtol=1e-14)
    assert (p[:, :7] > 0).all()  # the smallest of them, normal at 12, is about 1e-33


def test_p_values_in_closed_form():
    # One degree of freedom is the Cauchy distribution, two have t / sqrt(2 + t^2).
    assert two_sided_p(-1.0, 1) == pytest.approx(0.5, rel=1e-15)
    assert two_sided_p(3.0, 2) == pytest.approx(1 - 3 / np.sqrt(11), rel=1e-14)
    assert two_sided_p(np.inf, 3) == 0
    # In the tail of the Cauchy distribution 1 - F(t) is 1 / (pi t) - 1 / (3 pi t^3) + ...
    assert two_sided_p(1e6, 1) == pytest.approx(2 / np.pi * 1e-6, rel=1e-11)


@pytest.mark.parametrize("level", [1e-8, 0.001, 0.01, 0.05, 0.1, 0.5, 0.9])
def test_critical_values_are_those_of_scipy_stats(level):
    c = critical_value(level, DF)
    np.testing.assert_allclose(c, stats.t.ppf(1 - level / 2, DF), rtol=1e-14)
    # Quantiles amplify the rounding of 1 - level / 2, which is 1e-16 beside level / 2.
    np.testing.assert_allclose(two_sided_p(c, DF), level, rtol=1e-15 / level + SEARCHED)


@pytest.mark.parametrize("df", [np.nan, 0, -1])
def test_without_degrees_of_freedom_there_is_neither(df):
    assert np.isnan(two_sided_p(1.0, df))
    assert np.isnan(critical_value(0.05, df))
    assert np.isnan(two_sided_p(np.nan, 5))
