"""Several averages of the same cells at once, for one covariance over all their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from didjack.core.linalg import Array
from didjack.core.results import Inference
from didjack.core.screen import count_text
from didjack.effects.aggregate import Aggregate
from didjack.effects.estimation import Estimation
from didjack.effects.from_influence import FromInfluence
from didjack.effects.parameters import Parameter
from didjack.effects.remarks import notes_on_treated
from didjack.effects.target import analytic
from didjack.errors import DataError
from didjack.estimators.estimates import Estimates


@dataclass(frozen=True, eq=False, repr=False)
class Joint(FromInfluence):
    """Several aggregations of the same cells, for one covariance over all their parameters.

    The overall effects are named after their aggregation: "simple", "dynamic", ...

    Attributes
    ----------
    parts : tuple of Aggregate
        Of the same `att_gt` result, each type once.
    """

    parts: tuple[Aggregate, ...] = field(repr=False)

    @classmethod
    def of(cls, parts: Sequence[Aggregate]) -> Joint:
        """Check that the parts belong together.

        Parameters
        ----------
        parts : sequence of Aggregate
            Of the same `att_gt` result, each type once.
        """
        parts = tuple(parts) if isinstance(parts, Sequence) else ()
        if not parts or not all(isinstance(part, Aggregate) for part in parts):
            raise DataError("Give aggregations from aggte, or the result of att_gt.")
        if any(part.attgt is not parts[0].attgt for part in parts):
            raise DataError("The aggregations must come from the same att_gt result.")
        if len({part.type for part in parts}) < len(parts):
            raise DataError("Give each type of aggregation once.")
        return cls(parts)

    @property
    def estimation(self) -> Estimation:
        """The estimation of the group-time effects behind all parts."""
        return self.parts[0].estimation

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters: those of each part, with the type in place of "overall"."""
        return tuple(p for part in self.parts for p in (Parameter(part.type), *part.parameters[1:]))

    @property
    def sample_warnings(self) -> list[str]:
        """Sentences on many units left out, a constant outcome, cells that do not enter."""
        return list(dict.fromkeys(text for part in self.parts for text in part.sample_warnings))

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return self.sample_warnings + notes_on_treated(self, self.estimation.beyond_unit)

    @property
    def title(self) -> str:
        """What it is, such as "simple and dynamic averages"."""
        return f"{' and '.join(part.type for part in self.parts)} averages"

    def headline(self) -> list[str]:
        """Return which averages there are, and how many parameters, cells and units."""
        noun = "unit" if self.estimation.panel.roles.panel else "row"
        return [
            f"{self.title.capitalize()} jointly: "
            f"{count_text(len(self.parameters), 'parameter')}, "
            f"{count_text(len(self.estimation.cells), 'cell')}, "
            f"{count_text(self.estimation.n, noun)}",
        ]

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.estimation.panel.roles.yname

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and controls, for coefficient tables."""
        return self.estimation.facts

    @property
    def _cluster_of_errors(self) -> str | None:
        return self.estimation.beyond_unit

    @property
    def values(self) -> Array:
        """All estimates."""
        return np.concatenate([part.values for part in self.parts])

    @cached_property
    def influence(self) -> Array:
        """Influence functions of all parameters."""
        return np.column_stack([part.influence for part in self.parts])

    def evaluate(self, estimates: Estimates) -> Array:
        """Aggregate every replicate.

        Parameters
        ----------
        estimates : Estimates
            Of R replicates.
        """
        return np.column_stack([part.evaluate(estimates) for part in self.parts])

    def evaluate_fixed(self, att: Array) -> Array:
        """Average cells with the weights of the full sample.

        Parameters
        ----------
        att : (R, m) array
            ATT(g,t) of R replicates.
        """
        return np.column_stack([part.evaluate_fixed(att) for part in self.parts])

    def estimate_again(self, estimation: Estimation) -> Joint:
        """Average other group-time effects by the same rules.

        Parameters
        ----------
        estimation : Estimation
        """
        return Joint(tuple(part.estimate_again(estimation) for part in self.parts))

    def analytic(self, cluster: str | None = None, level: float = 0.95) -> Inference:
        """Inference from influence functions with normal critical values.

        Parameters
        ----------
        cluster : str, optional
            Cluster variable; None: every unit is its own cluster.
        level : float
            Coverage of the intervals.
        """
        return analytic(self, cluster, level)

    @property
    def inference(self) -> Inference:
        """Analytic inference, clustered if clustervars was given."""
        return self.analytic(self.estimation.beyond_unit)
