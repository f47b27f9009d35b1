"""What is said of work that takes long, and when."""

from __future__ import annotations

import io
import sys
import warnings
from types import SimpleNamespace

import pytest

import didjack as dj
from didjack.core import progress as module
from didjack.core.progress import duration, progress


class Clock:
    """Seconds that pass as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(clock: Clock, parts: int, seconds: float, **options: object) -> list[str]:
    """Do some work; return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in progress(range(parts), parts, "drawing", **options):
            clock.now += seconds
    assert all(w.category is dj.SlowWarning for w in caught)
    return [str(w.message) for w in caught]


def test_long_work_is_spoken_of_once(monkeypatch):
    clock = Clock(monkeypatch)
    said = work(clock, 100, 0.5, remedy="Use n_jobs.")
    assert said == ["Drawing: about 50 seconds in all. Use n_jobs."]


@pytest.mark.parametrize(
    ("parts", "seconds"),
    [(100, 0.1), (19, 0.5), (1, 60.0), (0, 1.0)],  # ten seconds, less, and one part
)
def test_short_work_and_single_parts_are_not(monkeypatch, parts, seconds):
    assert work(Clock(monkeypatch), parts, seconds) == []


def test_several_workers_are_judged_when_each_has_come_round(monkeypatch):
    clock = Clock(monkeypatch)
    seen = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in progress(range(40), 40, "drawing", n_jobs=4):
            clock.now += 4.0 if i % 4 == 0 else 0.0  # four at a time
            seen.append(len(caught))
    assert seen[:5] == [0, 0, 0, 0, 1] and "40 seconds" in str(caught[0].message)


def test_the_switch_and_a_filter_silence_it(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setenv("DIDJACK_PROGRESS", "0")
    assert work(clock, 100, 0.5) == []
    monkeypatch.delenv("DIDJACK_PROGRESS")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", dj.SlowWarning)
        for _ in progress(range(100), 100, "drawing"):
            clock.now += 0.5


def test_the_warning_points_at_the_users_line(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(module, "_OURS", module.__file__)
    with pytest.warns(dj.SlowWarning) as caught:
        for _ in progress(range(100), 100, "drawing"):
            clock.now += 0.5
    assert caught[0].filename == __file__


@pytest.mark.parametrize("rich", [True, False])
def test_terminals_have_a_bar(monkeypatch, rich):
    clock, terminal = Clock(monkeypatch), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert work(clock, 100, 0.5) == []
    written = terminal.getvalue()
    assert "Drawing: about 50 seconds in all." in written.replace("\n", " ")
    if not rich:
        assert "\r    40%" in written and written.endswith("\r")


def test_work_that_fails_ends_its_bar(monkeypatch):
    clock, terminal = Clock(monkeypatch), Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    parts = progress(range(100), 100, "drawing")
    for _ in range(9):
        next(parts)
        clock.now += 0.5
    parts.close()
    assert terminal.getvalue().endswith("\r")


def test_durations():
    found = [duration(s) for s in (12.4, 89, 90, 3600, 5400)]
    assert found == ["12 seconds", "89 seconds", "2 minutes", "60 minutes", "1.5 hours"]


def test_randomization_says_how_long_it_takes(monkeypatch):
    import pandas as pd

    from didjack.inference import assigned

    frame = pd.DataFrame(
        {"unit": u, "time": t, "first": 3 * (u < 3), "x": (u * 7) % 5, "y": (u * t * 11) % 13}
        for u in range(30)
        for t in range(1, 5)
    )
    frame["cluster"] = frame["unit"] % 6
    frame["first"] = 3 * (frame["cluster"] < 2)
    res = dj.att_gt(
        frame, "y", "time", "first", "unit", xformla="~ x", clustervars="cluster",
        separation="csdid",
    )  # fmt: skip
    monkeypatch.setattr(assigned, "CHUNK", 1)
    monkeypatch.setattr(module, "LOOK", 0.0)
    monkeypatch.setattr(module, "LONG", 0.0)
    with pytest.warns(
        dj.SlowWarning, match=r"Estimating 14 assignments: about .* n_jobs"
    ) as caught:
        dj.randomize(dj.aggte(res))
    assert len(caught) == 1 and caught[0].filename == __file__
