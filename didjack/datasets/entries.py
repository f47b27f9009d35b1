"""The catalog's form: what a TOML file may say about a dataset and its specifications."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from didjack.datasets.derive import RULES, Derivation
from didjack.errors import DataError
from didjack.forms import Form, check, read_toml, texts

# The arguments of att_gt that a specification may set; a tuple lists what is accepted.
_ATT_GT: Form = {
    "yname": (str,),
    "tname": (str,),
    "gname": (str,),
    "idname": (str,),
    "clustervars": (str, list),
    "xformla": (str,),
    "est_method": (str,),
    "control_group": (str,),
    "base_period": (str,),
    "anticipation": (int,),
    "weightsname": (str,),
    "panel": (bool,),
    "allow_unbalanced_panel": (bool,),
    "separation": (str,),
}
_TEXT = (str,)
DATASET_FORM: Form = {
    "name": _TEXT,
    "title": _TEXT,
    "description": _TEXT,
    "file": _TEXT,
    "sha256": _TEXT,
    "rows": (int,),
    "coverage": _TEXT,
    "licence": _TEXT,
    "citation": _TEXT,
    "reference": _TEXT,
    "source": _TEXT,
    "columns": (dict,),
    "url": _TEXT,
    "also_cite": (list,),
    "derive": (list,),
}
SPECIFICATION_FORM: Form = {
    "name": _TEXT,
    "title": _TEXT,
    "description": _TEXT,
    "cluster": _TEXT,
    "att_gt": (dict,),
    "weights": _TEXT,
    "notes": _TEXT,
}
_OPTIONAL = {"url", "also_cite", "derive", "notes", "weights"}


@dataclass(frozen=True)
class Dataset:
    """One file of data and what is known about it.

    Attributes
    ----------
    name, title, description : str
        Key in the catalog, heading, and a paragraph for readers.
    file : str
        Name of the file in the data folder; an absolute path for a user's own data.
    url : str or None
        Where to download it, None for data that ship with the package.
    sha256 : str
        Checksum of the file in hexadecimal digits; empty (not checked) only for a user's own data.
    rows : int or None
        Number of rows.
    coverage : str
        Units and periods in one phrase.
    licence, source : str
        Under which terms the file is here, and where it was taken from.
    citation : str
        Key of the bibliography entry of the study.
    also_cite : tuple of str
        Keys of further entries: those who redistribute or use the data.
    reference : str
        The study as full text.
    columns : dict
        Codebook: column name to description, derived columns last.
    derivations : tuple of Derivation
        Columns computed after reading.
    specifications : tuple of Specification
        What is reported, in order.
    """

    name: str
    title: str
    description: str
    file: str
    url: str | None
    sha256: str
    rows: int | None
    coverage: str
    licence: str
    citation: str
    also_cite: tuple[str, ...]
    reference: str
    source: str
    columns: dict[str, str]
    derivations: tuple[Derivation, ...]
    specifications: tuple[Specification, ...]

    @property
    def shipped(self) -> bool:
        """Whether the file comes with the package."""
        return self.url is None


@dataclass(frozen=True)
class Specification:
    """One analysis of one dataset.

    Attributes
    ----------
    name, title, description : str
        Key, heading, and a paragraph for readers.
    dataset : str
        Name of the dataset.
    kwargs : dict
        Arguments of :func:`didjack.att_gt`, ready for ``att_gt(frame, **kwargs)``; ``clustervars``
        is always among them.
    cluster : str
        Column that the jackknife deletes by.
    weights : {"did", "csdid"}
        Weights of the aggregations, see :func:`didjack.aggte`.
    notes : str
        What a reader should know about the design, may be empty.
    origin : Dataset or None
        The dataset itself where it is a user's own, None where the catalog has it.
    """

    name: str
    title: str
    description: str
    dataset: str
    kwargs: dict[str, Any]
    cluster: str
    weights: str = "did"
    notes: str = ""
    origin: Dataset | None = None


def _derivation(raw: Any, where: str) -> Derivation:
    if not isinstance(raw, dict) or not isinstance(raw.get("rule"), str):
        raise DataError(f"{where}: key 'rule' is missing in an entry of 'derive'.")
    if raw["rule"] not in RULES:
        raise DataError(
            f"{where}: unknown rule {raw['rule']!r} in 'derive'; known rules: {', '.join(RULES)}."
        )
    arguments = {key: (kind,) for key, kind in RULES[raw["rule"]][1].items()}
    form = {"column": _TEXT, "rule": _TEXT, **arguments, "description": _TEXT}
    check(raw, form, set(form) - {"description"}, f"{where}, derive {raw['rule']!r}")
    return Derivation(
        column=raw["column"],
        rule=raw["rule"],
        arguments={key: raw[key] for key in arguments},
        description=raw.get("description", f"derived by {raw['rule']}"),
    )


def parse_specification(
    raw: Any, dataset: str, required: set[str], where: str, origin: Dataset | None = None
) -> Specification:
    """Check the table of a specification and turn it into one."""
    if not isinstance(raw, dict):
        raise DataError(f"{where}: key 'specifications' must hold tables.")
    name = raw.get("name", dataset)
    where = f"{where}, specification {name!r}"
    check(raw, SPECIFICATION_FORM, required | {"att_gt"}, where)
    kwargs = dict(raw["att_gt"])
    check(kwargs, _ATT_GT, {"yname", "tname", "gname"}, f"{where}, att_gt")
    if isinstance(kwargs.get("clustervars"), list):
        texts(kwargs["clustervars"], "clustervars", where)
    cluster = raw.get("cluster", kwargs.get("clustervars", kwargs.get("idname")))
    if not isinstance(cluster, str):
        raise DataError(f"{where}: key 'cluster' is missing: which column holds the clusters?")
    kwargs.setdefault("clustervars", cluster)
    return Specification(
        name=name,
        title=str(raw.get("title", name)),
        description=raw.get("description", ""),
        dataset=dataset,
        kwargs=kwargs,
        cluster=cluster,
        weights=raw.get("weights", "did"),
        notes=raw.get("notes", ""),
        origin=origin,
    )


def parse_dataset(
    raw: Mapping[str, Any], specifications: tuple[Specification, ...], where: str
) -> Dataset:
    """Turn the checked table of a dataset into one."""
    sha256 = raw.get("sha256", "").lower()
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise DataError(f"{where}: key 'sha256' must be 64 hexadecimal digits.")
    columns = dict(raw.get("columns", {}))
    texts(columns.values(), "columns", where)
    derivations = tuple(_derivation(item, where) for item in raw.get("derive", []))
    return Dataset(
        name=raw["name"],
        title=raw.get("title", raw["name"]),
        description=raw.get("description", ""),
        file=raw["file"],
        url=raw.get("url"),
        sha256=sha256,
        rows=raw.get("rows"),
        coverage=raw.get("coverage", ""),
        licence=raw.get("licence", ""),
        citation=raw.get("citation", ""),
        also_cite=texts(raw.get("also_cite", []), "also_cite", where),
        reference=raw.get("reference", ""),
        source=raw.get("source", ""),
        columns=columns | {item.column: item.description for item in derivations},
        derivations=derivations,
        specifications=specifications,
    )


def _catalog_entry(raw: Any, where: str) -> Dataset:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        raise DataError(f"{where}: key 'name' is missing in an entry of 'datasets'.")
    where = f"{where}, dataset {raw['name']!r}"
    form = {**DATASET_FORM, "specifications": (list,)}
    check(raw, form, set(form) - _OPTIONAL, where)
    required = set(SPECIFICATION_FORM) - _OPTIONAL
    specifications = tuple(
        parse_specification(item, raw["name"], required, where) for item in raw["specifications"]
    )
    return parse_dataset(raw, specifications, where)


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
        the dataset and the key.
    """
    raw = read_toml(path)
    check(raw, {"datasets": (list,)}, {"datasets"}, path.name)
    entries = [_catalog_entry(item, path.name) for item in raw["datasets"]]
    specifications = [item for entry in entries for item in entry.specifications]
    for kind, names in (
        ("dataset", [entry.name for entry in entries]),
        ("specification", [item.name for item in specifications]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                raise DataError(f"{path.name}: {kind} {name!r}: key 'name' occurs {count} times.")
    return {entry.name: entry for entry in entries}
