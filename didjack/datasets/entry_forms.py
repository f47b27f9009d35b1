"""The forms of datasets and specifications in TOML: which keys there are, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from didjack.datasets.derived_columns import RULES, Derivation
from didjack.datasets.entries import WINDOWS, Dataset, Specification
from didjack.effects.group_time import BALANCE
from didjack.effects.options import PROGRAM_NAMES, SEPARATION
from didjack.effects.programs import PROGRAMS
from didjack.errors import DataError
from didjack.estimators.parts import FIX_WEIGHTS
from didjack.forms import Form, Whole, convert


class AttGtForm(Form, frozen=True, kw_only=True):
    """The arguments of `didjack.att_gt` that a specification may set; None leaves the default."""

    yname: str
    tname: str
    gname: str
    idname: str | None = None
    xformla: str | None = None
    est_method: str | None = None
    control_group: str | None = None
    base_period: str | None = None
    anticipation: Whole | None = None
    weightsname: str | None = None
    panel: bool | None = None
    allow_unbalanced_panel: bool | None = None
    separation: Literal[SEPARATION] | None = None  # type: ignore[valid-type]
    fix_weights: Literal[FIX_WEIGHTS] | None = None  # type: ignore[valid-type]
    pscoretrim: float | None = None
    balance: Literal[BALANCE] | None = None  # type: ignore[valid-type]
    last_as_never: bool | None = None
    like: Literal[PROGRAM_NAMES] | None = None  # type: ignore[valid-type]
    clustervars: str | list[str] | None = None


class SpecificationForm(Form, frozen=True, kw_only=True):
    """A ``[[specifications]]`` block of a user's own file."""

    name: str = ""
    title: str = ""
    description: str = ""
    cluster: str = ""
    att_gt: AttGtForm
    weights: Literal["did", "csdid"] | None = None
    min_e: float | None = None
    max_e: float | None = None
    balance_e: float | None = None
    notes: str = ""


class DatasetForm(Form, frozen=True, kw_only=True):
    """The ``[dataset]`` block of a user's own file."""

    file: str
    name: str = ""
    title: str = ""
    description: str = ""
    sha256: str = ""
    rows: Whole | None = None
    coverage: str = ""
    licence: str = ""
    citation: str = ""
    also_cite: tuple[str, ...] = ()
    reference: str = ""
    source: str = ""
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    derive: tuple[dict[str, Any], ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None


class CatalogSpecificationForm(SpecificationForm, frozen=True, kw_only=True):
    """A ``[[datasets.specifications]]`` block of the catalog, which wants words for readers."""

    name: str
    title: str
    description: str
    cluster: str


class CatalogDatasetForm(DatasetForm, frozen=True, kw_only=True):
    """A ``[[datasets]]`` block of the catalog, which wants to know where the data are from."""

    name: str
    title: str
    description: str
    sha256: str
    rows: Whole
    coverage: str
    licence: str
    citation: str
    reference: str
    source: str
    columns: dict[str, str]
    url: str | None = None
    specifications: tuple[CatalogSpecificationForm, ...]


class _RuleForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What every ``[[derive]]`` block has; its other keys depend on the rule."""

    column: str
    rule: Literal[tuple(RULES)]  # type: ignore[valid-type]


_RULE_FORMS: dict[str, Any] = {
    rule: msgspec.defstruct(
        rule,
        [("column", str), ("rule", str), *arguments.items(), ("description", str, "")],
        bases=(Form,),
        kw_only=True,
    )
    for rule, (_, arguments) in RULES.items()
}


def dataset_of(
    form: DatasetForm, where: str, specifications: tuple[Specification, ...] = ()
) -> Dataset:
    """Make the dataset that a block describes.

    Parameters
    ----------
    form : DatasetForm
        With its name.
    where : str
        Begins the message of an error.
    specifications : tuple of Specification
        Of this dataset.

    Raises
    ------
    DataError
        The checksum is not one, or a derived column is not of its rule's form.
    """
    if form.sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", form.sha256):
        raise DataError(f"{where}: key 'sha256' must be 64 hexadecimal digits.")
    derivations = tuple(
        _derivation(block, where, number) for number, block in enumerate(form.derive, start=1)
    )
    known = msgspec.structs.asdict(form)
    del known["derive"]
    described = {item.column: item.description for item in derivations}
    return Dataset(
        **known
        | {
            "title": form.title or form.name,
            "sha256": form.sha256.lower(),
            "columns": form.columns | described,
            "derivations": derivations,
            "specifications": specifications,
        }
    )


def _derivation(block: Mapping[str, Any], where: str, number: int) -> Derivation:
    head = convert(block, _RuleForm, f"{where}, derive {number}")
    rule, where = head.rule, f"{where}, derive {head.column!r}"
    known = msgspec.structs.asdict(convert(block, _RULE_FORMS[rule], where))
    return Derivation(
        column=known["column"],
        rule=rule,
        arguments={key: known[key] for key in RULES[rule][1]},
        description=known["description"] or f"derived by {rule}",
    )


def specification_of(
    form: SpecificationForm, dataset: str, where: str, origin: Dataset | None = None
) -> Specification:
    """Make the specification that a block describes.

    Parameters
    ----------
    form : SpecificationForm
    dataset : str
        Name of its dataset, and its own where the block has none.
    where : str
        Begins the message of an error.
    origin : Dataset or None
        The dataset itself where it is a user's own.

    Raises
    ------
    DataError
        Nothing says which column holds the clusters.
    """
    name = form.name or dataset
    arguments = msgspec.structs.asdict(form.att_gt).items()
    kwargs = {key: value for key, value in arguments if value is not None}
    cluster = form.cluster or kwargs.get("clustervars", kwargs.get("idname"))
    if not isinstance(cluster, str):
        raise DataError(
            f"{where}, specification {name!r}: key 'cluster' is missing: which column holds the"
            " clusters?"
        )
    kwargs.setdefault("clustervars", cluster)
    given = {key: getattr(form, key) for key in WINDOWS}
    windows = {key: value for key, value in given.items() if value is not None}
    return Specification(
        name=name,
        title=form.title or name,
        description=form.description,
        dataset=dataset,
        kwargs=kwargs,
        cluster=cluster,
        weights=form.weights or default_weights(kwargs),
        notes=form.notes,
        origin=origin,
        windows=windows,
    )


def default_weights(kwargs: Mapping[str, Any]) -> str:
    """Return the weights of averages that `didjack.csdid` takes by default with some arguments.

    Parameters
    ----------
    kwargs : mapping
        Arguments of `didjack.att_gt`; `like` decides.
    """
    like = kwargs.get("like")
    return "did" if like is None else str(PROGRAMS[like].arguments["weights"])
