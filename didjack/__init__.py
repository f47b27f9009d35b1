"""Cluster-jackknife inference for staggered difference-in-differences.

An independent implementation of Karim, Nielsen, MacKinnon and Webb (2026), "Improved Inference
for CSDID Using the Cluster Jackknife", with `att_gt` and `aggte` as in R `did`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from didjack import _moved
from didjack import display as _display  # noqa: F401 - it registers figures and tables
from didjack.errors import (
    ChecksumError,
    DataError,
    DatasetUnavailable,
    DataWarning,
    DesignError,
    DidjackError,
    DidjackWarning,
    FewTreatedWarning,
    LockedError,
    MissingExtraError,
    OutputError,
    ReportError,
    SiteError,
    SlowWarning,
)

if TYPE_CHECKING:
    from didjack.comparison import Comparison
    from didjack.datasets.load import catalog, load_dataset, load_specification
    from didjack.display import plots as plots
    from didjack.display import tables as tables
    from didjack.effects.aggregate import Aggregate, aggte
    from didjack.effects.attgt import ATTgt
    from didjack.effects.group_time import att_gt
    from didjack.inference.cluster_jackknife import jackknife
    from didjack.inference.cluster_level import ClusterLevelTest, cluster_level_test
    from didjack.inference.few_treated import FewTreated, few_treated
    from didjack.inference.jackknife import Jackknife
    from didjack.inference.multiplier import Multiplier, multiplier
    from didjack.inference.pretest import PreTest, wald_pretest
    from didjack.inference.randomization import Randomization, randomize
    from didjack.one_call import csdid
    from didjack.sample.first_treated import gname
    from didjack.sample.read import read_table
    from didjack.saving.saved import SavedResult
    from didjack.saving.store import load
    from didjack.simulate.planning import Plan, plan
    from didjack.version import __version__ as __version__

__all__ = [
    "ATTgt",
    "Aggregate",
    "ChecksumError",
    "ClusterLevelTest",
    "Comparison",
    "DataError",
    "DataWarning",
    "DatasetUnavailable",
    "DesignError",
    "DidjackError",
    "DidjackWarning",
    "FewTreated",
    "FewTreatedWarning",
    "Jackknife",
    "LockedError",
    "MissingExtraError",
    "Multiplier",
    "OutputError",
    "Plan",
    "PreTest",
    "Randomization",
    "ReportError",
    "SavedResult",
    "SiteError",
    "SlowWarning",
    "aggte",
    "att_gt",
    "catalog",
    "cluster_level_test",
    "csdid",
    "few_treated",
    "gname",
    "jackknife",
    "load",
    "load_dataset",
    "load_specification",
    "multiplier",
    "plan",
    "randomize",
    "read_table",
    "wald_pretest",
]

# What is imported when it is first asked for: estimating needs more than pandas, and few programs
# need all of it. The block for type checkers above says the same.
_NAMES = {
    "comparison": ("Comparison",),
    "one_call": ("csdid",),
    "datasets.load": ("catalog", "load_dataset", "load_specification"),
    "effects.aggregate": ("Aggregate", "aggte"),
    "effects.attgt": ("ATTgt",),
    "effects.group_time": ("att_gt",),
    "inference.cluster_jackknife": ("jackknife",),
    "inference.cluster_level": ("ClusterLevelTest", "cluster_level_test"),
    "inference.few_treated": ("FewTreated", "few_treated"),
    "inference.jackknife": ("Jackknife",),
    "inference.multiplier": ("Multiplier", "multiplier"),
    "inference.pretest": ("PreTest", "wald_pretest"),
    "inference.randomization": ("Randomization", "randomize"),
    "sample.first_treated": ("gname",),
    "sample.read": ("read_table",),
    "saving.saved": ("SavedResult",),
    "saving.store": ("load",),
    "simulate.planning": ("Plan", "plan"),
    "version": ("__version__",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
_ROOMS = ("core", "datasets", "display", "effects", "estimators", "inference", "regression",
          "sample", "saving", "simulate")  # fmt: skip

_SHORT = {"plots": "display.plots", "tables": "display.tables"}

_moved.install()


def __getattr__(name: str) -> Any:
    if name in _SHORT:
        return import_module(f"didjack.{_SHORT[name]}")
    if name in _ROOMS:
        return import_module(f"didjack.{name}")
    if name not in _HOMES:
        return _moved.attribute(name)
    found = getattr(import_module(f"didjack.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    special = [name for name in globals() if name.startswith("__")]
    return sorted({*special, *__all__, *_HOMES, *_ROOMS, *_SHORT, "errors"})
