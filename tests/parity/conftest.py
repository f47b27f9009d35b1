"""Prints what was compared of the fixtures, and what was not, at the end of a run."""

from __future__ import annotations

import pytest
from fixtures import HEAD, Parity

_TABLE: list[Parity] = []


@pytest.fixture
def parity_table() -> list[Parity]:
    """Return the list to which each fixture adds itself."""
    return _TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if _TABLE:
        terminalreporter.section("fixtures of csdid 2.0.0: numbers")
        for line in (HEAD, *(parity.line for parity in _TABLE)):
            terminalreporter.write_line(line)
