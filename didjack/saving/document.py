"""What a file of a result holds, said by classes; and arrays, tables and inferences as such.

The file is one JSON document: `format`, `schema`, `sha256` and `content`. The checksum is that of
the bytes of `content` as they stand in the file. Numbers of tables are written with as many digits
as it takes to read the same 64-bit number back; longer arrays are their bytes, little-endian, in
base64.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pandas as pd

from didjack.core.results import Inference
from didjack.effects.parameters import Parameter
from didjack.errors import DataError
from didjack.forms import Form

FORMAT = "didjack result"
SCHEMA = 1
Scalar = str | int | float | bool | None
_STORED = {"float64": "<f8", "int64": "<i8", "bool": "|b1"}
_INFINITE = {math.inf: "inf", -math.inf: "-inf"}
_READ = {text: number for number, text in _INFINITE.items()}
Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class ArrayForm(Form, frozen=True, kw_only=True):
    """An array: type, shape, and its bytes in base64."""

    dtype: Literal["float64", "int64", "bool"]
    shape: list[Size]
    data: str


class ParameterForm(Form, frozen=True, kw_only=True):
    """A parameter; without a kind any other name."""

    name: str
    kind: str | None = None
    at: tuple[float, ...] = ()
    frequency: str = ""


class InferenceForm(Form, frozen=True, kw_only=True):
    """The fields of `Inference`, and under which names a result has it."""

    key: list[str]
    method: str
    parameters: list[ParameterForm]
    att: ArrayForm
    se: ArrayForm
    df: ArrayForm
    n_clusters: Size
    level: float
    scores: ArrayForm | None
    exact_p: ArrayForm | None
    exact_critical_value: ArrayForm | None
    assumption: str
    n_treated_clusters: ArrayForm | None
    conservative: bool


class ColumnForm(Form, frozen=True, kw_only=True):
    """A column of a table: its type and values, null where there is none."""

    name: str
    dtype: Literal["float64", "int64", "bool", "object", "str", "period"]
    values: list[Scalar]
    frequency: str = ""


class FrameForm(Form, frozen=True, kw_only=True):
    """A table."""

    name: str
    rows: Size
    columns: list[ColumnForm]


class DeletionsForm(Form, frozen=True, kw_only=True):
    """Deletions of a jackknife and how they become standard errors."""

    replicates: ArrayForm
    method: str
    center: Literal["estimate", "mean"]
    lost: Literal["skip", "generalized"]
    n_clusters: Size
    level: float
    largest: float


class DrawsForm(Form, frozen=True, kw_only=True):
    """Draws of a bootstrap and how they become standard errors."""

    draws: ArrayForm
    method: str
    scale: Literal["iqr", "sd"]
    n_clusters: Size
    level: float


class Content(Form, frozen=True, kw_only=True):
    """A result."""

    kind: str
    versions: dict[str, str]
    arguments: dict[str, Scalar | list[Scalar]]
    inferences: list[InferenceForm]
    frames: list[FrameForm]
    warnings: list[str]
    notes: list[str]
    summary: str
    deletions: DeletionsForm | None = None
    draws: DrawsForm | None = None


class Document(Form, frozen=True, kw_only=True):
    """The file."""

    format: str
    schema: int
    sha256: str
    content: msgspec.Raw


def write_array(values: Any) -> ArrayForm:
    """Write an array of numbers or of true and false.

    Parameters
    ----------
    values : array
    """
    values = np.asarray(values)
    dtype = {"f": "float64", "i": "int64", "u": "int64", "b": "bool"}[values.dtype.kind]
    stored = np.ascontiguousarray(values, dtype=_STORED[dtype])
    data = base64.b64encode(stored.tobytes()).decode("ascii")
    return ArrayForm(dtype=dtype, shape=list(values.shape), data=data)  # type: ignore[arg-type]


def read_array(form: ArrayForm, what: str, dtype: str, shape: Sequence[int | None]) -> Any:
    """Read an array, which cannot be written to.

    Parameters
    ----------
    form : ArrayForm
    what : str
        For the message.
    dtype : str
        The type that it must have.
    shape : sequence of int or None
        The shape that it must have; None: any length.

    Raises
    ------
    DataError
        It has another type or shape, or not as many bytes.
    """
    fits = len(form.shape) == len(shape) and all(
        wanted is None or wanted == found for found, wanted in zip(form.shape, shape, strict=True)
    )
    if form.dtype != dtype or not fits:
        raise DataError(f"{what} is an array of {form.dtype} of shape {form.shape}.")
    try:
        data = base64.b64decode(form.data, validate=True)
    except (binascii.Error, ValueError):
        raise DataError(f"{what} is not in base64.") from None
    if len(data) != math.prod(form.shape) * np.dtype(_STORED[dtype]).itemsize:
        raise DataError(f"{what} has {len(data)} bytes, which do not make shape {form.shape}.")
    return np.frombuffer(data, dtype=_STORED[dtype]).reshape(form.shape)


def write_inference(inference: Inference, key: Sequence[str]) -> InferenceForm:
    """Write an inference.

    Parameters
    ----------
    inference : Inference
    key : sequence of str
        Under which names a result has it.
    """

    def optional(values: Any) -> ArrayForm | None:
        return None if values is None else write_array(values)

    return InferenceForm(
        key=list(key),
        method=inference.method,
        parameters=[_write_parameter(name) for name in inference.parameters],
        att=_write_floats(inference.att),
        se=_write_floats(inference.se),
        df=_write_floats(inference.df),
        n_clusters=int(inference.n_clusters),
        level=float(inference.level),
        scores=optional(inference.scores),
        exact_p=optional(inference.exact_p),
        exact_critical_value=optional(inference.exact_critical_value),
        assumption=inference.assumption,
        n_treated_clusters=optional(inference.n_treated_clusters),
        conservative=bool(inference.conservative),
    )


def read_inference(form: InferenceForm) -> Inference:
    """Read an inference.

    Parameters
    ----------
    form : InferenceForm

    Raises
    ------
    DataError
        Its parts do not belong together.
    """
    P = len(form.parameters)

    def one_each(name: str, dtype: str = "float64") -> Any:
        part = getattr(form, name)
        return None if part is None else read_array(part, name, dtype, (P,))

    if not 0 < form.level < 1:
        raise DataError(f"level is {form.level!r}.")
    scores = form.scores
    return Inference(
        method=form.method,
        parameters=tuple(_read_parameter(part) for part in form.parameters),
        att=one_each("att"),
        se=one_each("se"),
        df=one_each("df"),
        n_clusters=form.n_clusters,
        level=form.level,
        scores=None if scores is None else read_array(scores, "scores", "float64", (None, P)),
        exact_p=one_each("exact_p"),
        exact_critical_value=one_each("exact_critical_value"),
        assumption=form.assumption,
        n_treated_clusters=one_each("n_treated_clusters", "int64"),
        conservative=form.conservative,
    )


def _write_floats(values: Any) -> ArrayForm:
    return write_array(np.asarray(values, dtype=np.float64))


def _write_parameter(name: str) -> ParameterForm:
    if isinstance(name, Parameter):
        return ParameterForm(name=str(name), kind=name.kind, at=name.at, frequency=name.frequency)
    return ParameterForm(name=str(name))


def _read_parameter(form: ParameterForm) -> str:
    if form.kind is None:
        return form.name
    try:
        found = Parameter(form.kind, form.at, form.frequency)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise DataError(f"{form.name!r} is no parameter: {error}.") from None
    if found != form.name:
        raise DataError(f"{form.name!r} is not the parameter {str(found)!r}.")
    return found


def write_frame(frame: pd.DataFrame, name: str) -> FrameForm:
    """Write a table without its index.

    Parameters
    ----------
    frame : DataFrame
    name : str
    """
    columns = [
        ColumnForm(
            name=str(label),
            dtype=_type_of(values),  # type: ignore[arg-type]
            values=[_scalar(value) for value in values.tolist()],
            frequency=values.dtype.freq.freqstr if isinstance(values.dtype, pd.PeriodDtype) else "",
        )
        for label, values in frame.items()
    ]
    return FrameForm(name=name, rows=len(frame), columns=columns)


def read_frame(form: FrameForm) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    form : FrameForm

    Raises
    ------
    DataError
        Its columns are of different length or type.
    """
    names = [column.name for column in form.columns]
    if len(set(names)) < len(names):
        raise DataError(f"table {form.name!r} has a column twice.")
    if any(len(column.values) != form.rows for column in form.columns):
        raise DataError(f"the columns of table {form.name!r} do not have {form.rows} values each.")
    columns = {column.name: _read_column(column) for column in form.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(form.rows))


_KINDS = {"float64": (int, float, str, type(None)), "int64": (int,), "bool": (bool,)}


def _read_column(form: ColumnForm) -> pd.Series:
    if form.dtype == "period":
        return _read_periods(form)
    wanted = _KINDS.get(form.dtype)
    if wanted is None:
        return pd.Series(form.values, dtype=form.dtype)
    if any(type(value) not in wanted for value in form.values):
        raise DataError(f"column {form.name!r} has a value that is not {form.dtype}.")
    try:
        numbers = [_real(value) if form.dtype == "float64" else value for value in form.values]
        return pd.Series(np.array(numbers, dtype=form.dtype))
    except (KeyError, ValueError, OverflowError):
        raise DataError(f"column {form.name!r} has a value that is not {form.dtype}.") from None


def _read_periods(form: ColumnForm) -> pd.Series:
    try:
        return pd.Series(pd.PeriodIndex(form.values, freq=form.frequency))
    except (ValueError, TypeError, KeyError, OverflowError):
        raise DataError(f"column {form.name!r} has a value that is no period.") from None


def _real(value: Scalar) -> float:
    if value is None:
        return math.nan
    return _READ[value] if isinstance(value, str) else float(value)


def _type_of(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.PeriodDtype):
        return "period"
    if pd.api.types.is_bool_dtype(values.dtype) and not values.hasnans:
        return "bool"
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiu":
        return "float64" if values.dtype.kind == "f" else "int64"
    return "str" if isinstance(values.dtype, pd.StringDtype) else "object"


def _scalar(value: Any) -> Scalar:
    """Write one value of a table; NaN is null, what is no number, text or truth is a text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if math.isnan(value) else _INFINITE.get(value, value)
    if value is None or isinstance(value, (bool, int)):
        return value
    return None if value is pd.NaT or value is pd.NA else str(value)


def plain(value: Any) -> Scalar | list[Scalar]:
    """Write an argument: a number, a text, true or false, or a list of these.

    Parameters
    ----------
    value : object
    """
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_scalar(entry) for entry in value]
    return _scalar(value)
