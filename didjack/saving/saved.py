"""A result that was read from a file: all of its numbers and texts, none of its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index
from didjack.core.results import SHOWN, Inference, combination
from didjack.core.screen import screen_table
from didjack.core.views import Shown
from didjack.core.withheld import fewest_treated
from didjack.errors import DataError, DesignError
from didjack.inference.recombined import DeletionRule, DrawnInference


@dataclass(frozen=True, eq=False, repr=False)
class SavedResult(Shown):
    """A result as it was when it was saved; P parameters.

    It has the tables, inferences, notes and summary of the result. It cannot be fitted again, and
    nothing can be computed from it that needs the data.

    Attributes
    ----------
    kind : str
        Class of the result: "Jackknife", "Aggregate", "Comparison", ...
    arguments : mapping of str
        Arguments of `att_gt`, as far as they are numbers and texts.
    versions : mapping of str to str
        With which didjack, numpy, pandas and Python it was made.
    named : mapping of tuple of str to Inference
        Its inferences: under () that of a result that has one, under (aggregation, inference)
        those of a `Comparison`.
    frames : mapping of str to DataFrame
        Its tables, as they were: "to_frame", "tidy", "glance", "ledger", ...; of a jackknife also
        "deletions", the estimates without each cluster.
    warning_lines, note_lines : tuple of str
        Its sentences.
    text : str
        Its summary.
    rule : DeletionRule or DrawnInference, optional
        How linear combinations of its parameters are inferred on.
    values : array, optional
        What the rule works on: deletions with the full sample first, (C + 1, P), or draws, (B, P).
    """

    kind: str
    arguments: Mapping[str, Any]
    versions: Mapping[str, str]
    named: Mapping[tuple[str, ...], Inference] = field(repr=False)
    frames: Mapping[str, pd.DataFrame] = field(repr=False)
    warning_lines: tuple[str, ...] = field(repr=False)
    note_lines: tuple[str, ...] = field(repr=False)
    text: str = field(repr=False)
    rule: DeletionRule | DrawnInference | None = field(default=None, repr=False)
    values: Array | None = field(default=None, repr=False)

    @property
    def inference(self) -> Inference:
        """Standard errors, tests and intervals of all parameters.

        Raises
        ------
        DesignError
            It has none, or several: then `inferences` has them.
        """
        if () in self.named:
            return self.named[()]
        if not self.named:
            raise DesignError(f"A saved {self.kind} has no inference; see its to_frame().")
        listed = "; ".join(", ".join(key) for key in self.named)
        raise DesignError(f"A saved {self.kind} has several; inferences(type) has them: {listed}.")

    def inferences(self, type: str) -> dict[str, Inference]:
        """Return every inference on one aggregation of a saved `Comparison`, by name.

        Parameters
        ----------
        type : str
            "simple", "dynamic", "group" or "calendar".

        Raises
        ------
        DataError
            It has no such aggregation.
        """
        found = {key[1]: i for key, i in self.named.items() if len(key) == 2 and key[0] == type}
        if not found:
            raise DataError(f"This saved {self.kind} has no inferences on {type!r}.")
        return found

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference."""
        return list(self.warning_lines)

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return list(self.note_lines)

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is estimated."""
        return self.inference.parameters

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P."""
        return self.inference.vcov

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters, as the result did.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", or a mapping of parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        DesignError
            Exact critical values of a combination need the data; or there are no covariances.
        """
        inference = self.inference
        if inference.exact_p is not None and self.rule is not None:
            raise DesignError(
                "Exact critical values of a linear combination need the data: combine before you "
                "save."
            )
        if self.rule is None or self.values is None:
            return inference.lincom(expression)
        name, at, weights = combination(expression, self.parameters)
        combined = (self.values[:, at] @ weights)[:, None]
        if isinstance(self.rule, DeletionRule):
            return self.rule.infer((name,), combined, _fewest(inference, at))
        att = np.array([inference.att[at] @ weights])
        return self.rule.infer((name,), att, combined, _fewest(inference, at))

    def to_frame(self, elements: bool = False) -> pd.DataFrame:
        """Return the table of the result.

        Parameters
        ----------
        elements : bool
            Of a `Comparison`: event times, cohorts and periods as well.
        """
        long = "to_frame(elements=True)"
        return self._frame(long if elements and long in self.frames else "to_frame")

    def tidy(self) -> pd.DataFrame:
        """Return the table under broom's names."""
        return self._frame("tidy")

    def glance(self) -> pd.DataFrame:
        """Return one row on the whole result."""
        return self._frame("glance")

    def _frame(self, name: str) -> pd.DataFrame:
        if name not in self.frames:
            raise DesignError(
                f"A saved {self.kind} has no {name}; it has {', '.join(self.frames)}."
            )
        return self.frames[name].copy()

    def summary(self) -> str:
        """Return the text that the result had for people, and where it comes from."""
        return "\n".join([self.origin, "", self.text])

    @property
    def origin(self) -> str:
        """What it is, and with which versions it was made."""
        made = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"Saved {self.kind} (read only; made with {made})"

    def headline(self) -> list[str]:
        """Return what it is, and the table, up to twelve rows."""
        return [self.origin, screen_table(self.to_frame(), limit=SHOWN)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"A saved {self.kind} has no {name!r}: it has no data and cannot be fitted again. "
            "Estimate with its .arguments, or save what you need."
        )


def _fewest(inference: Inference, at: list[int]) -> Index:
    """Treated clusters behind the thinnest part of a combination."""
    treated = inference.n_treated_clusters
    if treated is None:
        raise DesignError("This saved result does not say how many clusters are treated.")
    return fewest_treated(treated, inference.se, at)
