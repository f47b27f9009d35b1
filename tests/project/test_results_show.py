"""Every class of results has what a terminal and a notebook show."""

from __future__ import annotations

import importlib
import pkgutil

import didjack
from didjack.core.views import Shown


def every_result() -> list[type[Shown]]:
    for module in pkgutil.walk_packages(didjack.__path__, "didjack."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, todo = [], [Shown]
    while todo:
        cls = todo.pop()
        found.append(cls)
        todo += cls.__subclasses__()
    return [
        cls for cls in found if not cls.__subclasses__() and cls.__module__.startswith("didjack")
    ]


def test_they_have_a_headline_and_a_table():
    found = every_result()
    assert len(found) > 20
    for cls in found:
        assert cls.headline is not Shown.headline, cls.__name__
        assert cls.to_frame is not Shown.to_frame, cls.__name__
