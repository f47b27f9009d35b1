"""Cluster-jackknife inference for staggered difference-in-differences.

An independent implementation of Karim, Nielsen, MacKinnon and Webb (2026), "Improved Inference
for CSDID Using the Cluster Jackknife", with `att_gt` and `aggte` as in R `did`.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from didjack.aggregate import Aggregate, aggte
from didjack.attgt import ATTgt, att_gt
from didjack.comparison import Comparison, csdid
from didjack.datasets import catalog, load_dataset, load_specification
from didjack.errors import (
    ChecksumError,
    DataError,
    DatasetUnavailable,
    DesignError,
    DidjackError,
    ReportError,
    SiteError,
)
from didjack.inference.jackknife import Jackknife, jackknife
from didjack.inference.multiplier import Multiplier, multiplier
from didjack.inference.pretest import PreTest, wald_pretest
from didjack.inference.randomization import Randomization, randomize
from didjack.io import read_table
from didjack.simulate.planning import Plan, plan

try:
    __version__ = version("didjack")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"

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
