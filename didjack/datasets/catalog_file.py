"""The file of the catalog: ``data/catalog.toml``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from didjack.datasets.entries import Dataset
from didjack.datasets.entry_forms import CatalogDatasetForm, dataset_of, specification_of
from didjack.errors import DataError
from didjack.forms import Form, read_form


class _CatalogFile(Form, frozen=True, kw_only=True):
    datasets: tuple[CatalogDatasetForm, ...]


def read_catalog(path: Path) -> dict[str, Dataset]:
    """Read a catalog: a TOML file with ``[[datasets]]`` blocks.

    Parameters
    ----------
    path : Path
        The TOML file.

    Returns
    -------
    dict
        Datasets by name, in the order of the file.

    Raises
    ------
    DataError
        A key is missing, unknown or of the wrong type, or a name occurs twice; the message names
        the dataset, the specification and the key.
    """
    entries = [_dataset(form, path.name) for form in read_form(path, _CatalogFile).datasets]
    specifications = [item for entry in entries for item in entry.specifications]
    for kind, names in (
        ("dataset", [entry.name for entry in entries]),
        ("specification", [item.name for item in specifications]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                raise DataError(
                    f"{path.name}: {kind} {name!r}: key 'name' occurs {count} times; give each its"
                    " own name."
                )
    return {entry.name: entry for entry in entries}


def _dataset(form: CatalogDatasetForm, file: str) -> Dataset:
    where = f"{file}, dataset {form.name!r}"
    specifications = tuple(specification_of(s, form.name, where) for s in form.specifications)
    return dataset_of(form, where, specifications)
