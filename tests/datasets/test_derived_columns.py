"""Derived columns: the rules and their faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from didjack.datasets.derived_columns import Derivation, derive
from didjack.errors import DataError


def first_period(**arguments):
    arguments = {"flag": "on", "by": "s", "time": "t"} | arguments
    return (Derivation("g", "first_period", arguments, ""),)


def test_first_period():
    frame = pd.DataFrame(
        {
            "s": ["a", "a", "a", "b", "b", "c"],
            "t": [3, 2, 1, 1, 2, 5],
            "on": [1, 1, 0, 0, 0, 1],
        }
    )
    before = frame.copy()
    result = derive(frame, first_period(), "dataset")
    assert result["g"].tolist() == [2, 2, 2, 0, 0, 5]
    assert result["g"].dtype == "int64"
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"s": [1], "t": [1]}, "no column 'on'; the file has s, t"),
        ({"s": [1, 2], "t": [1, np.nan], "on": [0, 1]}, r"'t' has 1 missing values \(rows 1"),
        ({"s": [1], "t": [1], "on": [2]}, "'on' must hold 0 and 1 only"),
        ({"s": [1], "t": [1], "on": [1], "g": [1]}, "already has a column of this name"),
    ],
)
def test_first_period_faults(frame, message):
    with pytest.raises(DataError, match=r"dataset 'd': derived column 'g'.*" + message):
        derive(pd.DataFrame(frame), first_period(), "dataset 'd'")


def test_integer_division_wants_numbers():
    rule = (Derivation("g", "integer_division", {"of": "s", "divisor": 10}, ""),)
    assert derive(pd.DataFrame({"s": [105, 99]}), rule, "d")["g"].tolist() == [10, 9]
    with pytest.raises(DataError, match="column 's' is not numeric"):
        derive(pd.DataFrame({"s": ["a"]}), rule, "d")
    with pytest.raises(DataError, match="column 's' has infinite values"):
        derive(pd.DataFrame({"s": [1.0, np.inf]}), rule, "d")
