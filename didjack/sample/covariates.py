"""The covariates of a formula: numbers, intercept first, centred and scaled, without redundancy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask, factorize
from didjack.errors import DataError
from didjack.sample import checks

if TYPE_CHECKING:
    from formulaic import Formula


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
    """

    X: Array = field(repr=False)
    names: tuple[str, ...]
    missing: Mapping[str, Mask] = field(default_factory=dict, repr=False)

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
            return Covariates(self.X, self.names)  # already a copy, and nobody else has it
        return Covariates(self.X[rows], self.names)

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
        for column in X.T[1:]:
            size = np.abs(column).max()
            column -= column.mean()
            scale = np.sqrt(column @ column / len(column))
            column /= scale if scale > 1e-14 * size else np.inf  # constant columns become zero
        redundant = factorize(X.T @ X).redundant
        names = np.array(self.names)
        kept = X[:, ~redundant] if redundant.any() else X
        return Covariates(kept, tuple(names[~redundant])), list(names[redundant])


def evaluate_covariates(data: pd.DataFrame, xformla: str | None) -> Covariates:
    """Evaluate a one-sided formula over the whole frame.

    Parameters
    ----------
    data : DataFrame
    xformla : str or None
        For example "~ x1 + np.log(x2) + C(x3)"; None and "~ 1" mean no covariates.

    Returns
    -------
    Covariates
        Not yet centred; rows with missing variables are marked in `missing`.

    Raises
    ------
    DataError
        The formula cannot be read, names an unknown column, has a left-hand side or leaves
        out the intercept.
    """
    n = len(data)
    if xformla is None or xformla.replace(" ", "") in ("~1", "1", "~"):
        return Covariates(np.ones((n, 1)), ("Intercept",))
    formula = _parse(xformla)
    variables = sorted(str(v) for v in formula.required_variables)
    for variable in variables:
        checks.require_columns(data, {f"xformla '{xformla}'": variable})
    missing = {v: data[v].isna().to_numpy() for v in variables}
    complete = ~np.logical_or.reduce([np.zeros(n, dtype=bool), *missing.values()])
    matrix = _evaluate(formula, data if complete.all() else data[complete], xformla)
    X = np.full((n, matrix.shape[1]), np.nan)
    for j in range(matrix.shape[1]):  # column by column: no second copy of the whole
        X[complete, j] = matrix.iloc[:, j].to_numpy(dtype=np.float64)
    not_finite = complete & ~np.isfinite(X).all(axis=1)
    if not_finite.any():  # for example the logarithm of zero
        missing[xformla] = not_finite
    return Covariates(X, tuple(str(c) for c in matrix.columns), missing)


def _parse(xformla: str) -> Formula:
    from formulaic import Formula  # half a second, spared where there are no covariates
    from formulaic.errors import FormulaicError

    try:
        formula = Formula(xformla)
    except (FormulaicError, SyntaxError, ValueError) as error:
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]  # no terminal colours
        raise DataError(f"xformla '{xformla}' cannot be read: {reason}") from error
    if hasattr(formula, "lhs") or not hasattr(formula, "required_variables"):
        raise DataError(
            f"xformla '{xformla}' has a left-hand side. Give only covariates, as in '~ x1 + x2'."
        )
    if not any(str(term) == "1" for term in formula):
        raise DataError(
            f"xformla '{xformla}' leaves out the intercept. Without it the comparison is not a "
            "difference in differences; remove '0 +' or '- 1'."
        )
    return formula


def _evaluate(formula: Formula, frame: pd.DataFrame, xformla: str) -> pd.DataFrame:
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(all="ignore"):
            matrix = formula.get_model_matrix(
                frame, na_action="ignore", context={"np": np}, output="pandas"
            )
    except FormulaicError as error:
        raise DataError(f"xformla '{xformla}' cannot be evaluated: {error}") from error
    out = pd.DataFrame(matrix)
    if out.columns[0] != "Intercept":
        raise DataError(f"xformla '{xformla}' leaves out the intercept.")
    return out
