"""Views of results: found by class, provided once, asked for without knowing who draws."""

from __future__ import annotations

import pandas as pd
import pytest

from didjack.core import views


class Plain(views.Shown):
    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    def headline(self) -> list[str]:
        return ["Two numbers"]


class Warned(Plain):
    @property
    def warnings(self) -> list[str]:
        return ["one", "two"]


class Finer(Plain):
    pass


@pytest.fixture(autouse=True)
def own_registers(monkeypatch):
    monkeypatch.setattr(views, "_VIEWS", dict(views._VIEWS))
    monkeypatch.setattr(views, "_PROVIDERS", list(views._PROVIDERS))


def test_a_view_is_that_of_the_nearest_class():
    views.register("plot", Plain, lambda shown, *args, **kwargs: ("plain", args, kwargs))
    assert views.view("plot", Finer(), 1, ax=2) == ("plain", (1,), {"ax": 2})
    views.register("plot", Finer, lambda shown: shown)
    finer = Finer()
    assert views.view("plot", finer) is finer
    assert views.view("plot", Plain())[0] == "plain"


def test_what_is_not_registered_is_a_type_error():
    views.register("latex", Plain, lambda shown: "")
    with pytest.raises(TypeError, match="no plot is registered for Plain"):
        views.view("plot", Plain())
    with pytest.raises(TypeError, match="no latex is registered for int"):
        views.view("latex", 3)


def test_providers_run_once_and_before_the_first_view():
    calls = []

    def provider(name):
        def run():
            calls.append(name)
            views.register(name, Plain, lambda shown: name)

        return run

    views.provide(provider("plot"))
    views.provide(provider("latex"))
    assert calls == []
    assert views.view("plot", Plain()) == "plot"
    assert views.view("latex", Plain()) == "latex"
    assert sorted(calls) == ["latex", "plot"]


def test_what_every_result_has():
    views.register("latex", Plain, lambda shown, caption, label: [caption, label])
    assert Plain().to_latex() == "['', '']"
    assert Plain().to_latex("Effects", "tab:one") == "['Effects', 'tab:one']"
    views.register("html", Plain, lambda shown: f"<p>{shown.headline()[0]}</p>")
    assert Plain()._repr_html_() == "<p>Two numbers</p>"
    assert repr(Plain()) == "Two numbers" and Plain().notes == []
    assert repr(Warned()) == "Two numbers\n  2 warnings: see .warnings"
    assert Warned().notes == ["one", "two"]
    with pytest.raises(NotImplementedError):
        views.Shown().to_frame()
