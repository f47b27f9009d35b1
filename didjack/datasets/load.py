"""The datasets of the catalog: where they are, whether they are intact, and their frames."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from didjack.core.arguments import require_instance, require_text
from didjack.datasets.catalog_file import read_catalog
from didjack.datasets.derived_columns import derive
from didjack.datasets.entries import Dataset, Specification
from didjack.datasets.files import FOLDER_VARIABLE, download, local_file, verified_path
from didjack.datasets.specification_file import read_specification
from didjack.errors import ChecksumError, DataError, DatasetUnavailable, MissingExtraError
from didjack.paths import data_dir
from didjack.sample.read import read_table

# Downloads that failed in this process, so that a run asks the network once.
_failed: dict[tuple[str, str], str] = {}


def catalog() -> dict[str, Dataset]:
    """Return the datasets of ``data/catalog.toml`` by name, in its order.

    Returns
    -------
    dict
        Made anew at every call: changing it changes nothing elsewhere.
    """
    return read_catalog(data_dir() / "catalog.toml")


def _entry(name: str) -> Dataset:
    require_text(name=name)
    entries = catalog()
    if name not in entries:
        raise DataError(f"no dataset is named {name!r}; the catalog has {', '.join(entries)}.")
    return entries[name]


def _frame(dataset: Dataset) -> pd.DataFrame:
    frame = read_table(verified_path(dataset), **dataset.reading)
    return derive(frame, dataset.derivations, f"dataset {dataset.name!r}")


def dataset_path(name: str) -> Path:
    """Return the local file of a dataset, with its checksum verified.

    Parameters
    ----------
    name : str
        A dataset of the catalog.

    Returns
    -------
    Path
        In the package's data folder; for a dataset that does not ship, in the folder that the
        environment variable ``DIDJACK_DATA`` names, else in the user's cache, downloaded at need.

    Raises
    ------
    ChecksumError
        The file at hand, or the downloaded one, is not the one that the catalog describes. It says
        what was expected and found; a file that was there stays as it is.
    DatasetUnavailable
        The file is not at hand and cannot be downloaded.
    """
    return verified_path(_entry(name))


def unavailable(name: str) -> str | None:
    """Say why a dataset cannot be had here.

    A file that is there but damaged is not unavailable: loading it raises ``ChecksumError``, which
    a run must not pass over.

    Parameters
    ----------
    name : str
        A dataset of the catalog.

    Returns
    -------
    str or None
        The reason in one line, None if the data are at hand or were downloaded. After a failed
        download the answer is remembered while the process lives.
    """
    dataset = _entry(name)
    if dataset.url is None or local_file(dataset) is not None:
        return None
    key = (name, os.environ.get(FOLDER_VARIABLE, ""))
    if key not in _failed:
        try:
            download(dataset)
        except (DatasetUnavailable, ChecksumError, MissingExtraError) as error:
            _failed[key] = str(error)
    return _failed.get(key)


def load_dataset(name: str) -> pd.DataFrame:
    """Load a dataset of the catalog, with its derived columns.

    Parameters
    ----------
    name : str
        A dataset of the catalog; `catalog` has the names.

    Returns
    -------
    DataFrame
        Read anew at every call, so it may be changed freely. Cohorts are 0 where never treated.

    Raises
    ------
    ChecksumError, DatasetUnavailable
        As for :func:`dataset_path`.
    DataError
        No dataset has this name.

    Examples
    --------
    >>> load_dataset("castle").shape
    (550, 11)
    """
    return _frame(_entry(name))


def load_specification(name_or_path: str | Path) -> Specification:
    """Return a specification of the catalog, or a user's own from a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        A name in the catalog, or the path of a ``.toml`` file with a ``[dataset]`` block (``file``
        relative to the TOML file) and one ``[[specifications]]`` block of the catalog's form.

    Returns
    -------
    Specification
        ``att_gt(specification_frame(s), **s.kwargs)`` estimates it.

    Raises
    ------
    DataError
        No specification has this name, or the TOML file is not of the right form.
    """
    require_instance(name_or_path, "name_or_path", (str, Path), "a name or the path of a file")
    if isinstance(name_or_path, Path) or str(name_or_path).lower().endswith(".toml"):
        return read_specification(Path(name_or_path))
    known = {item.name: item for entry in catalog().values() for item in entry.specifications}
    if name_or_path not in known:
        raise DataError(
            f"no specification is named {name_or_path!r}; the catalog has {', '.join(known)}."
            f" For your own data give the path of a .toml file."
        )
    return known[name_or_path]


def specification_dataset(specification: Specification) -> Dataset:
    """Return the dataset of a specification, the catalog's or the user's own.

    Parameters
    ----------
    specification : Specification
        From `load_specification`.
    """
    return specification.origin or _entry(specification.dataset)


def specification_path(specification: Specification) -> Path:
    """Return the verified data file of a specification; raises what :func:`dataset_path` does."""
    return verified_path(specification_dataset(specification))


def specification_frame(specification: Specification) -> pd.DataFrame:
    """Load the data of a specification, with derived columns; raises what the loading raises.

    Parameters
    ----------
    specification : Specification
        From `load_specification`.
    """
    return _frame(specification_dataset(specification))
