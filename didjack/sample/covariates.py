"""The covariates of a formula: numbers, intercept first, centred and scaled, without redundancy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask, factorize
from didjack.errors import DataError
from didjack.sample import checks
from didjack.sample.formula import read_formula
from didjack.sample.formula_functions import namespace
from didjack.sample.formula_tokens import shortened

if TYPE_CHECKING:
    from formulaic import Formula as ParsedFormula


@dataclass(frozen=True, eq=False)
class Covariates:
    """The design matrix: covariates, with the intercept as first column; N rows, k columns.

    Attributes
    ----------
    X : (N, k) array
        After `settle`, columns other than the intercept are centred and scaled: the
        estimators do not change under such a transformation, rounding errors do.
    names : tuple of str
        Column names as formulaic gives them.
    missing : mapping of str to (N,) bool array
        Rows in which a variable of the formula is missing.
    centre, scale : (k,) arrays, optional
        What `settle` has taken off and divided by.
    whole : (k,) bool array, optional
        Columns that held whole numbers only.
    """

    X: Array = field(repr=False)
    names: tuple[str, ...]
    missing: Mapping[str, Mask] = field(default_factory=dict, repr=False)
    centre: Array | None = field(default=None, repr=False)
    scale: Array | None = field(default=None, repr=False)
    whole: Mask | None = field(default=None, repr=False)

    def as_given(self, X: Array) -> Array:
        """Undo centring and scaling, up to rounding; whole numbers come back as they were.

        Parameters
        ----------
        X : (n, k) array
            Rows of `X`, in any order.
        """
        if self.centre is None or self.scale is None or self.whole is None:
            return X
        out = X * self.scale + self.centre
        out[:, self.whole] = np.rint(out[:, self.whole])
        return out

    @property
    def k(self) -> int:
        """Number of columns, intercept included."""
        return self.X.shape[1]

    @property
    def intercept_only(self) -> bool:
        """Whether there are no covariates."""
        return self.k == 1

    def take(self, rows: Index) -> Covariates:
        """Return the covariates of some rows (all of them complete)."""
        if len(rows) == len(self.X) and np.array_equal(rows, np.arange(len(rows))):
            return replace(self, missing={})  # already a copy, and nobody else has it
        return replace(self, X=self.X[rows], missing={})

    def among(self, keep: Mask) -> Covariates:
        """Return the covariates of some rows, complete or not, as evaluated over all rows.

        Parameters
        ----------
        keep : (N,) bool array
        """
        missing = {name: bad[keep] for name, bad in self.missing.items()}
        return Covariates(self.X[keep], self.names, missing)

    def settle(self) -> tuple[Covariates, list[str]]:
        """Centre and scale in place, and leave out columns redundant in the whole sample.

        Returns
        -------
        covariates : Covariates
        redundant : list of str
            Names of the columns left out.
        """
        if self.intercept_only:
            return self, []
        X = self.X
        centres, scales, whole = np.zeros(self.k), np.ones(self.k), np.ones(self.k, dtype=bool)
        for j, column in enumerate(X.T[1:], start=1):
            size = np.abs(column).max()
            whole[j] = size < 2**31 and (column == np.rint(column)).all()
            centres[j] = column.mean()
            column -= centres[j]
            scale = np.sqrt(column @ column / len(column))
            scales[j] = scale if scale > 1e-14 * size else np.inf  # constant columns become zero
            column /= scales[j]
        redundant = factorize(X.T @ X).redundant
        names = np.array(self.names)
        kept = X[:, ~redundant] if redundant.any() else X
        settled = Covariates(
            kept,
            tuple(names[~redundant]),
            centre=centres[~redundant],
            scale=scales[~redundant],
            whole=whole[~redundant],
        )
        return settled, list(names[redundant])


def evaluate_covariates(data: pd.DataFrame, xformla: str | None) -> Covariates:
    """Evaluate a one-sided formula over the whole frame.

    Parameters
    ----------
    data : DataFrame
    xformla : str or None
        For example "~ x1 + np.log(x2) + C(x3)"; None and "~ 1" mean no covariates. What may
        stand in a formula says `didjack.sample.formula`.

    Returns
    -------
    Covariates
        Not yet centred; rows with missing variables are marked in `missing`.

    Raises
    ------
    DataError
        The formula cannot be read, names an unknown column or function, has a left-hand side or
        leaves out the intercept.
    """
    n = len(data)
    if xformla is None:
        return _no_covariates(n)
    read = read_formula(xformla)
    checks.require_columns(
        data, {f"xformla '{shortened(xformla)}'": name for name in read.columns.values()}
    )
    formula = _parse(read.text, xformla)
    columns = _needed(formula, read.columns)
    if not columns:
        return _no_covariates(n)
    _refuse_types(data, columns, read.text)
    missing = {name: data[name].isna().to_numpy() for name in sorted(set(columns.values()))}
    complete = ~np.logical_or.reduce([np.zeros(n, dtype=bool), *missing.values()])
    frame = pd.DataFrame({written: data[name] for written, name in columns.items()}, copy=False)
    frame = frame if complete.all() else frame[complete]
    for written in frame.columns:
        if checks.objects_are_numbers(frame[written]):  # formulaic would take them as categories
            frame = frame.assign(**{written: pd.to_numeric(frame[written])})
    matrix = _evaluate(formula, frame, xformla)
    X = np.full((n, matrix.shape[1]), np.nan)
    for j in range(matrix.shape[1]):  # column by column: no second copy of the whole
        X[complete, j] = matrix.iloc[:, j].to_numpy(dtype=np.float64)
    not_finite = complete & ~np.isfinite(X).all(axis=1)
    if not_finite.any():  # for example the logarithm of zero
        missing[xformla] = not_finite
    return Covariates(X, tuple(read.restore(str(c)) for c in matrix.columns), missing)


def _no_covariates(n: int) -> Covariates:
    return Covariates(np.ones((n, 1)), ("Intercept",))


def _parse(text: str, xformla: str) -> ParsedFormula:
    """Hand the text written anew to formulaic; `xformla` is what the user wrote."""
    from formulaic import Formula as ParsedFormula  # half a second, only for covariates
    from formulaic.errors import FormulaicError

    try:
        formula = ParsedFormula(text)
    except (FormulaicError, SyntaxError, ValueError) as error:
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]  # no terminal colours
        raise DataError(f"xformla '{shortened(xformla)}' cannot be read: {reason}") from error
    if not any(str(term) == "1" for term in formula):
        raise DataError(
            f"xformla '{shortened(xformla)}' leaves out the intercept. Without it the comparison "
            "is not a difference in differences; remove '0 +' or '- 1'."
        )
    return formula


def _needed(formula: ParsedFormula, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of the terms that stay: "x - z" has no use for z."""
    words = {word for term in formula for word in re.findall(r"\w+", str(term))}
    return {written: name for written, name in columns.items() if written in words}


def _refuse_types(data: pd.DataFrame, columns: Mapping[str, str], text: str) -> None:
    """Refuse columns that are neither numbers nor categories."""
    for written, name in columns.items():
        dtype = data[name].dtype
        if pd.api.types.is_complex_dtype(dtype):
            raise DataError(
                f"Column '{name}' (xformla) holds complex numbers. Use real ones, as in "
                f"data['{name}'].abs()."
            )
        dates = isinstance(dtype, (pd.PeriodDtype, pd.IntervalDtype)) or (
            pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype)
        )
        if dates and re.search(rf"(?<!\bC\()\b{written}\b", text):
            raise DataError(
                f"Column '{name}' (xformla) is of type {dtype}. Convert it to numbers first, as in "
                f"data['{name}'].dt.year, or use C({name}) for one indicator of each value."
            )


def _evaluate(formula: ParsedFormula, frame: pd.DataFrame, xformla: str) -> pd.DataFrame:
    try:
        with np.errstate(all="ignore"):
            matrix = formula.get_model_matrix(
                frame, na_action="ignore", context=namespace(), output="pandas"
            )
    except Exception as error:  # of whatever kind: what a column holds decides
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise DataError(
            f"xformla '{shortened(xformla)}' cannot be evaluated: {reason.rstrip('.')}. Check what "
            "its columns hold, and the arguments of its functions."
        ) from error
    out = pd.DataFrame(matrix)
    if out.columns[0] != "Intercept":
        raise DataError(f"xformla '{shortened(xformla)}' leaves out the intercept.")
    return out
