"""The committed results of data/results are those of the tests' own comparisons, run again."""

from __future__ import annotations

import agreement
import pandas as pd
import pytest
from calls import FIXTURES
from compare import assert_close, tallied
from fixtures import folder

COUNTS_OF_FIXTURES = ["tests", "compared", "agreeing", "refused", "not_compared", "reason"]


def committed(path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False)


def require_equal(fresh: dict, row: dict, names: list[str]) -> None:
    for name in names:
        assert fresh[name] == row[name], f"{name}: run `python tests/agreement.py`"
    # Rounding differs between machines; its size does not.
    assert max(fresh["worst"], row["worst"]) <= fresh["tolerance"]


def test_every_fixture_is_committed():
    table = committed(agreement.PARITY)
    assert table["fixture"].tolist() == list(FIXTURES)
    assert (table["agreeing"] == table["compared"]).all()
    assert (table["compared"] > 0).all()
    assert (table["worst"] <= table["tolerance"]).all()
    assert (table["not_compared"].gt(0) == table["reason"].ne("")).all()


@pytest.mark.skipif(folder() is None, reason="no parity fixtures: see DIDJACK_PARITY")
@pytest.mark.parametrize("name", FIXTURES)
def test_a_fresh_run_gives_the_committed_counts(name):
    row = committed(agreement.PARITY).set_index("fixture").loc[name]
    require_equal(agreement.parity_row(name), row, COUNTS_OF_FIXTURES)


def test_a_fresh_run_gives_the_committed_reference_numbers():
    table = committed(agreement.REFERENCES)
    rows = table.set_index(agreement.KEYS).to_dict("index")
    fresh = list(agreement.reference_rows())
    assert len(rows) == len(table)
    missing = set(rows) - {tuple(row[key] for key in agreement.KEYS) for row in fresh}
    assert {data for _, _, data, _ in missing} <= {"merit"}  # which may not be at hand
    for row in fresh:
        require_equal(row, rows[tuple(row[key] for key in agreement.KEYS)], ["runs", "numbers"])


@pytest.mark.parametrize(("name", "value"), [("compared", 39), ("agreeing", 39), ("worst", 1e-7)])
def test_a_changed_result_is_noticed(name, value):
    row = committed(agreement.PARITY).set_index("fixture").loc["f054"].to_dict()
    require_equal(row, row, COUNTS_OF_FIXTURES)
    with pytest.raises(AssertionError):
        require_equal(row, row | {name: value}, COUNTS_OF_FIXTURES)


def test_numbers_are_counted_while_a_tally_is_open():
    with tallied() as outer:
        assert_close([1.0, 2.0], [1.0, 2.0 + 2e-6], 1e-5, "two")
        with tallied() as inner:
            assert_close([1.0], [1.0], 1e-8, "one")
    assert_close([1.0], [1.0], 1.0, "not counted")
    assert (outer.numbers, inner.numbers) == (3, 1)
    assert (outer.tolerance, inner.tolerance) == (1e-5, 1e-8)
    assert outer.worst == pytest.approx(1e-6, rel=1e-5)
    assert inner.worst == 0
