"""The files of datasets: the places where they may be, checksums, downloads."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from didjack.datasets.entries import Dataset
from didjack.errors import ChecksumError, DataError, DatasetUnavailable, MissingExtraError
from didjack.extras import optional_imports
from didjack.paths import data_dir

FOLDER_VARIABLE = "DIDJACK_DATA"
# Seconds to connect, seconds between two pieces of an answer.
_TIMEOUT = (4, 20)


def _pooch() -> Any:
    """Import pooch: late, because it is slow and needed for downloads only.

    Its progress bar warns in notebooks without widgets, and names a folder of the machine.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        with optional_imports():
            import pooch
    return pooch


def _requests() -> Any:
    """Import requests, which pooch downloads with: its errors say why a download failed."""
    import requests

    return requests


def _cache_folder() -> Path:
    return Path(_pooch().os_cache("didjack"))


def _folders(dataset: Dataset) -> list[Path]:
    """List the folders that may hold the file, the first choice first."""
    if dataset.url is None:
        return [data_dir()]
    named = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(named)] if named else []
    with suppress(MissingExtraError):  # the package that downloads also knows the cache
        folders.append(_cache_folder())
    return folders


def local_file(dataset: Dataset) -> Path | None:
    """Return the first place where the file is, intact or not."""
    for folder in _folders(dataset):
        path = folder / dataset.file
        try:
            if path.is_file():
                return path
        except OSError:  # a folder that may not be entered
            continue
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _verify(dataset: Dataset, path: Path) -> Path:
    """Return the path if the file is the one that the catalog describes."""
    if dataset.sha256 and (found := _sha256(path)) != dataset.sha256:
        if dataset.url is None:
            remedy = "Restore the file, for example with git, or install didjack again"
        else:
            remedy = "Move the file away to have it downloaded again"
        raise ChecksumError(
            f"{path} is not the file that the catalog describes as dataset {dataset.name!r}:"
            f" expected sha256 {dataset.sha256}, found {found}. {remedy}; nothing was changed."
        )
    return path


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from announcing the download: nothing prints unless asked."""
    pooch = _pooch()
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _cause(error: Exception) -> str:
    requests = _requests()
    if isinstance(error, requests.Timeout):
        return "does not answer"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answers with status {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "cannot be reached"
    return f"was asked, but the file cannot be stored ({error})"


def download(dataset: Dataset) -> Path:
    """Fetch a file into the cache; a wrong one never gets there.

    Raises
    ------
    ChecksumError
        What the address gives is not the file that the catalog describes.
    DatasetUnavailable
        The address does not answer, the file cannot be stored, or pooch is not installed.
    """
    url = str(dataset.url)
    named = os.environ.get(FOLDER_VARIABLE)
    folder = f"is not in {named}" if named else f"{FOLDER_VARIABLE} names no folder with it"
    missing = f"dataset {dataset.name!r}: {dataset.file} does not ship with didjack, {folder}, and"
    try:
        pooch = _pooch()
    except ImportError as error:
        raise DatasetUnavailable(f"{missing} it cannot be downloaded: {error}") from error

    def checked(url: str, output_file: str, mover: object) -> None:
        pooch.HTTPDownloader(timeout=_TIMEOUT)(url, output_file, mover)
        found = _sha256(Path(output_file))
        if found != dataset.sha256:
            raise ChecksumError(
                f"{url} is not the file that the catalog describes as dataset {dataset.name!r}:"
                f" expected sha256 {dataset.sha256}, found {found}. Nothing was stored; if the"
                f" network asks for a login first, log in and try again."
            )

    try:
        with _quiet_pooch():
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{dataset.sha256}",
                fname=dataset.file,
                path=_cache_folder(),
                downloader=checked,
            )
    except OSError as error:  # the errors of requests are OSErrors
        host = url.split("/")[2]
        raise DatasetUnavailable(f"{missing} {host} {_cause(error)}.") from error
    return Path(path)


def verified_path(dataset: Dataset) -> Path:
    """Return the local file of a dataset, verified; downloaded where that is needed."""
    local = local_file(dataset)
    if local is not None:
        return _verify(dataset, local)
    if dataset.url is not None:
        return download(dataset)
    raise DataError(f"dataset {dataset.name!r}: there is no file {data_dir() / dataset.file}.")
