"""A user's own specification: a small TOML file beside the data."""

from __future__ import annotations

from pathlib import Path

from didjack.datasets.entries import DATASET_FORM, Specification, parse_dataset, parse_specification
from didjack.errors import DataError
from didjack.forms import Form, check, dump, read_toml


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
    raw = read_toml(path)
    form: Form = {"dataset": (dict,), "specifications": (list,)}
    check(raw, form, set(form), path.name)
    if len(raw["specifications"]) != 1:
        raise DataError(
            f"{path.name}: key 'specifications' must hold one block, but holds"
            f" {len(raw['specifications'])}; write one file for each."
        )
    own = {key: kinds for key, kinds in DATASET_FORM.items() if key != "url"}
    check(raw["dataset"], own, {"file"}, f"{path.name}, dataset")
    table = {"name": path.stem, **raw["dataset"]}
    table["file"] = str((path.resolve().parent / table["file"]).resolve())
    origin = parse_dataset(table, (), f"{path.name}, dataset {table['name']!r}")
    return parse_specification(raw["specifications"][0], origin.name, set(), path.name, origin)


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
    """
    origin = specification.origin
    if origin is None:
        raise DataError(f"specification {specification.name!r} is in the catalog already.")
    dataset = {"name": origin.name, "title": origin.title, "description": origin.description}
    dataset["file"] = Path(origin.file).resolve().as_posix()
    if origin.sha256:
        dataset["sha256"] = origin.sha256
    head = {
        key: getattr(specification, key)
        for key in ("name", "title", "description", "cluster", "notes")
    }
    lines = ["[dataset]", *(f"{key} = {dump(value)}" for key, value in dataset.items())]
    for item in origin.derivations:
        entry = {"column": item.column, "rule": item.rule, **item.arguments}
        entry["description"] = item.description
        lines += ["", "[[dataset.derive]]"]
        lines += [f"{key} = {dump(value)}" for key, value in entry.items()]
    lines += ["", "[[specifications]]", *(f"{key} = {dump(value)}" for key, value in head.items())]
    given = {key: value for key, value in specification.kwargs.items() if value is not None}
    lines += [
        "[specifications.att_gt]",
        *(f"{key} = {dump(value)}" for key, value in given.items()),
    ]
    return "\n".join(lines) + "\n"
