"""Data for the tests, read once; hypothesis draws the same designs in every run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from references import prepare

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


@cache
def _prepared(name: str) -> pd.DataFrame:
    from didjack.datasets import load_dataset

    return prepare(name, load_dataset(name.removesuffix("_unbalanced")))


@pytest.fixture(scope="session")
def dataset() -> Callable[[str], pd.DataFrame]:
    """Return a reader of the datasets; it skips a test whose data cannot be had here."""

    def read(name: str) -> pd.DataFrame:
        from didjack.datasets import unavailable

        reason = unavailable(name.removesuffix("_unbalanced"))
        if reason is not None:
            pytest.skip(reason)
        return _prepared(name).copy()

    return read


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a report on data whose names try to become more than text; return its site."""
    import hostile
    from typer.testing import CliRunner

    from didjack.cli import app

    folder = tmp_path_factory.mktemp("hostile")
    data = hostile.write_data(folder)
    words = ["report", str(data), "--out", str(folder / "out"), "--renderer", "pandoc"]
    names = {
        "yname": "--yname", "tname": "--tname", "gname": "--gname", "idname": "--idname",
        "weightsname": "--weightsname", "clustervars": "--cluster",
    }  # fmt: skip
    words += [word for role, option in names.items() for word in (option, hostile.ROLES[role])]
    done = CliRunner().invoke(app, [*words, "--title", hostile.TITLE])
    assert done.exit_code == 0, done.output
    return folder / "out" / "reports" / "_site"
