"""What the catalog has: datasets, and the analyses of each that are reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from didjack.datasets.derived_columns import Derivation

READING = ("delimiter", "encoding", "sheet")
WINDOWS = ("min_e", "max_e", "balance_e")


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
    delimiter, encoding, sheet : str or None
        How the file is read, see :func:`didjack.read_table`; None leaves its default.
    """

    name: str
    title: str
    description: str
    file: str
    url: str | None = None
    sha256: str = ""
    rows: int | None = None
    coverage: str = ""
    licence: str = ""
    citation: str = ""
    also_cite: tuple[str, ...] = ()
    reference: str = ""
    source: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    derivations: tuple[Derivation, ...] = ()
    specifications: tuple[Specification, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    @property
    def reading(self) -> dict[str, str]:
        """Arguments of :func:`didjack.read_table` beside the file."""
        options = {key: getattr(self, key) for key in READING}
        return {key: value for key, value in options.items() if value is not None}

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
    windows : dict
        Windows of event times, min_e, max_e and balance_e of :func:`didjack.csdid`; those given.
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
    windows: dict[str, float] = field(default_factory=dict)
