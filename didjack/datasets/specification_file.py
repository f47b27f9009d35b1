"""A user's own specification: a small TOML file beside the data, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from didjack.datasets.entries import Dataset, Specification
from didjack.datasets.entry_forms import (
    DatasetForm,
    SpecificationForm,
    dataset_of,
    default_weights,
    specification_of,
)
from didjack.errors import DataError
from didjack.forms import Form, dump, read_form
from didjack.writing import write_text


class _SpecificationFile(Form, frozen=True, kw_only=True):
    dataset: DatasetForm
    specifications: tuple[SpecificationForm, ...]


def read_specification(path: Path) -> Specification:
    """Read a user's own specification: ``[dataset]`` and one ``[[specifications]]`` block.

    Parameters
    ----------
    path : Path
        The TOML file; ``file`` in its ``[dataset]`` block is relative to its folder.

    Returns
    -------
    Specification
        With the dataset in ``origin``. Only ``file``, ``yname``, ``tname``, ``gname`` and a cluster
        column are needed; names and titles default to the name of the TOML file.

    Raises
    ------
    DataError
        A key is missing, unknown or of the wrong type.
    """
    content = read_form(path, _SpecificationFile)
    if len(content.specifications) != 1:
        raise DataError(
            f"{path.name}: key 'specifications' must hold one block, but holds"
            f" {len(content.specifications)}; write one file for each."
        )
    name = content.dataset.name or path.stem
    where = f"{path.name}, dataset {name!r}"
    file = _data_file(path, content.dataset.file, where)
    form = msgspec.structs.replace(content.dataset, name=name, file=str(file))
    origin = dataset_of(form, where)
    return specification_of(content.specifications[0], origin.name, path.name, origin)


def _data_file(path: Path, file: str, where: str) -> Path:
    try:
        return (path.resolve().parent / file).resolve()
    except (OSError, ValueError):  # a null character; links in a circle
        raise DataError(f"{where}: key 'file' cannot be the name of a file.") from None


def specification_text(specification: Specification) -> str:
    """Return the TOML text that :func:`read_specification` reads back.

    Parameters
    ----------
    specification : Specification
        One with its dataset in ``origin``.

    Returns
    -------
    str
        The text, with the data file as an absolute path.

    Raises
    ------
    DataError
        The specification is one of the catalog.
    """
    origin = specification.origin
    if origin is None:
        raise DataError(f"specification {specification.name!r} is in the catalog already.")
    dataset = {"name": origin.name, "title": origin.title, "description": origin.description}
    dataset["file"] = Path(origin.file).resolve().as_posix()
    if origin.sha256:
        dataset["sha256"] = origin.sha256
    dataset |= origin.reading
    head = {
        key: getattr(specification, key)
        for key in ("name", "title", "description", "cluster", "weights", "notes")
    }
    given = {key: value for key, value in specification.kwargs.items() if value is not None}
    blocks = [_block("[dataset]", dataset)]
    for item in origin.derivations:
        derived = {"column": item.column, "rule": item.rule, **item.arguments}
        derived["description"] = item.description
        blocks.append(_block("[[dataset.derive]]", derived))
    blocks.append(_block("[[specifications]]", head | specification.windows))
    return "\n".join(blocks) + _block("[specifications.att_gt]", given)


def _block(head: str, table: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in (head, *(f"{k} = {dump(v)}" for k, v in table.items())))


def write_specification(
    path: str | Path,
    data: str | Path,
    kwargs: Mapping[str, Any],
    cluster: str,
    *,
    title: str | None = None,
    description: str = "",
    windows: Mapping[str, float] | None = None,
    reading: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the TOML file of a user's own specification.

    Parameters
    ----------
    path : str or Path
        The TOML file to write; its stem is the specification's name.
    data : str or Path
        The data file.
    kwargs : mapping
        Arguments of :func:`didjack.att_gt`; those that are None are left out.
    cluster : str
        Column that the jackknife deletes by.
    title, description : str
        For the report page, which shows them as they are: they are no markdown. The title
        defaults to the name of the data file.
    windows : mapping, optional
        Windows of event times: min_e, max_e and balance_e of :func:`didjack.csdid`.
    reading : mapping, optional
        How the data file is read: delimiter, encoding and sheet of :func:`didjack.read_table`.
    overwrite : bool
        Replace another file of that name. The data are never overwritten.

    Returns
    -------
    Path
        The file written, which :func:`didjack.load_specification` reads.

    Raises
    ------
    OutputError
        The file exists, is the data file, or cannot be written.
    """
    path, data = Path(path), Path(data)
    title = title or data.name
    options = reading or {}
    origin = Dataset(
        path.stem, title, description, str(data.resolve()), delimiter=options.get("delimiter"),
        encoding=options.get("encoding"), sheet=options.get("sheet"),
    )  # fmt: skip
    specification = Specification(
        path.stem, title, description, path.stem, dict(kwargs), cluster,
        weights=default_weights(kwargs), origin=origin, windows=dict(windows or {}),
    )  # fmt: skip
    text = specification_text(specification)
    write_text(path, text, [data], overwrite=overwrite)
    return path
