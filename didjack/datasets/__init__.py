"""The catalog: datasets with their sources and checksums, specifications, published numbers."""

from didjack.datasets.derived_columns import Derivation
from didjack.datasets.entries import Dataset, Specification
from didjack.datasets.load import (
    catalog,
    dataset_path,
    load_dataset,
    load_specification,
    specification_dataset,
    specification_frame,
    specification_path,
    unavailable,
)
from didjack.datasets.specification_file import write_specification
from didjack.sample.read import read_table

__all__ = [
    "Dataset",
    "Derivation",
    "Specification",
    "catalog",
    "dataset_path",
    "load_dataset",
    "load_specification",
    "read_table",
    "specification_dataset",
    "specification_frame",
    "specification_path",
    "unavailable",
    "write_specification",
]
