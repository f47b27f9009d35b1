"""The table of estimates: statistics, p-values and intervals against tabulated values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from didjack.core.results import Inference


def inference(**changes: object) -> Inference:
    values = {
        "method": "CV3",
        "parameters": ("overall", "event:0", "event:-1"),
        "att": np.array([2.0, -3.0, 0.0]),
        "se": np.array([1.0, 1.5, np.nan]),
        "df": np.array([1.0, np.inf, 4.0]),
        "n_clusters": 7,
    }
    return Inference(**(values | changes))


def test_statistics_p_values_and_intervals():
    """With one degree of freedom t is Cauchy's law, with infinitely many the normal one."""
    found = inference()
    np.testing.assert_array_equal(found.t, [2.0, -2.0, np.nan])
    cauchy = 1 - 2 / math.pi * math.atan(2.0)
    normal = math.erfc(2 / math.sqrt(2))
    np.testing.assert_allclose(found.p, [cauchy, normal, np.nan], rtol=1e-10)
    quantiles = [math.tan(math.pi * 0.475), 1.959963984540054]
    np.testing.assert_allclose(found.critical_value[:2], quantiles, rtol=1e-10)
    half = np.array([quantiles[0], 1.5 * quantiles[1], np.nan])
    np.testing.assert_allclose(found.ci_low, found.att - half, rtol=1e-10)
    np.testing.assert_allclose(found.ci_high, found.att + half, rtol=1e-10)


def test_the_level_is_that_of_the_interval():
    found = inference(level=0.5)  # the quartiles of Cauchy's law are -1 and 1
    # SciPy before 1.17 ends its search for a quantile with 1e-10 of it left.
    assert found.critical_value[0] == pytest.approx(1.0, rel=1e-10)
    assert (found.ci_low[0], found.ci_high[0]) == pytest.approx((1.0, 3.0), rel=1e-10)
    assert found.critical_value[1] == pytest.approx(0.6744897501960817, rel=1e-10)
    assert inference().level == 0.95


def test_a_standard_error_of_zero_is_no_warning():
    with np.errstate(all="raise"):
        found = inference(se=np.array([0.0, 1.5, 0.0]))
        assert found.t.tolist()[:2] == [np.inf, -2.0] and np.isnan(found.t[2])
        assert found.p[0] == 0.0
        assert np.isinf(found.tidy()["statistic"][0])


def test_table():
    found = inference()
    frame = found.to_frame()
    assert list(frame.columns) == [
        "parameter", "att", "se", "t", "p", "ci_low", "ci_high", "df", "n_clusters",
    ]  # fmt: skip
    assert frame["parameter"].tolist() == ["overall", "event:0", "event:-1"]
    assert frame["n_clusters"].tolist() == [7, 7, 7]
    for name in ("att", "se", "t", "p", "ci_low", "ci_high", "df"):
        np.testing.assert_array_equal(frame[name], getattr(found, name))


def test_tidy_table():
    found = inference()
    frame = found.tidy()
    assert list(frame.columns) == [
        "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    assert frame["term"].tolist() == list(found.parameters)
    names = {"estimate": "att", "std_error": "se", "statistic": "t", "p_value": "p",
             "conf_low": "ci_low", "conf_high": "ci_high"}  # fmt: skip
    for column, name in names.items():
        np.testing.assert_array_equal(frame[column], getattr(found, name))
