"""Cluster-jackknife inference for staggered difference-in-differences.

An independent implementation of Karim, Nielsen, MacKinnon and Webb (2026), "Improved Inference
for CSDID Using the Cluster Jackknife", with `att_gt` and `aggte` as in R `did`.
"""

from __future__ import annotations

from didjack import display as _display  # noqa: F401 - it registers figures and tables
from didjack.comparison import Comparison, csdid
from didjack.datasets.load import catalog, load_dataset, load_specification
from didjack.effects.aggregate import Aggregate, aggte
from didjack.effects.attgt import ATTgt
from didjack.effects.group_time import att_gt
from didjack.errors import (
    ChecksumError,
    DataError,
    DatasetUnavailable,
    DesignError,
    DidjackError,
    ReportError,
    SiteError,
)
from didjack.inference.cluster_jackknife import jackknife
from didjack.inference.jackknife import Jackknife
from didjack.inference.multiplier import Multiplier, multiplier
from didjack.inference.pretest import PreTest, wald_pretest
from didjack.inference.randomization import Randomization, randomize
from didjack.sample.read import read_table
from didjack.simulate.planning import Plan, plan
from didjack.version import __version__ as __version__

__all__ = [
    "ATTgt",
    "Aggregate",
    "ChecksumError",
    "Comparison",
    "DataError",
    "DatasetUnavailable",
    "DesignError",
    "DidjackError",
    "Jackknife",
    "Multiplier",
    "Plan",
    "PreTest",
    "Randomization",
    "ReportError",
    "SiteError",
    "aggte",
    "att_gt",
    "catalog",
    "csdid",
    "jackknife",
    "load_dataset",
    "load_specification",
    "multiplier",
    "plan",
    "randomize",
    "read_table",
    "wald_pretest",
]
