"""Every number of the parity fixtures of csdid 2.0.0 is ours, or a reason says why it is not."""

from __future__ import annotations

import numpy as np
import pytest
from calls import FIXTURES, compared
from fixtures import Parity, folder

pytestmark = pytest.mark.skipif(
    folder() is None,
    reason="the fixtures of csdid are not here: set DIDJACK_PARITY to their folder",
)


@pytest.mark.parametrize("name", FIXTURES)
def test_every_number_of_a_fixture(name, parity_table):
    parity = compared(name)
    parity_table.append(parity)
    assert parity.compared > 0
    assert not parity.differences, "\n".join(parity.differences[:20])


def test_no_fixture_is_passed_over():
    where = folder()
    assert where is not None
    assert {path.name for path in where.iterdir() if path.is_dir()} == set(FIXTURES)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_changed_number_is_noticed(name, monkeypatch):
    """A millionth more in the outcome of the first treated row moves some number."""
    read = Parity.read

    def changed(self: Parity, file: str):
        frame = read(self, file)
        outcome = next((c for c in ("y", "Y", "lemp") if c in frame), None)
        if outcome is not None and not file.startswith("expected"):
            cohort = next(c for c in ("g", "G", "first_treat") if c in frame)
            at = np.flatnonzero(frame[cohort] > 0)[0]
            frame.loc[at, outcome] += 1e-6
        return frame

    monkeypatch.setattr(Parity, "read", changed)
    parity = Parity(name)
    FIXTURES[name](parity)
    assert parity.differences
