"""How group-time cells are formed and estimated: the arguments of `att_gt` that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from didjack.core.arguments import is_one_of, shown
from didjack.errors import DataError
from didjack.estimators import ESTIMATORS, Estimator, estimator

CONTROL_GROUPS = ("nevertreated", "notyettreated")
BASE_PERIODS = ("varying", "universal")
SEPARATION = ("drop", "csdid", "error")


@dataclass(frozen=True)
class Options:
    """How the cells are formed and estimated, as given to `att_gt`.

    Attributes
    ----------
    est_method : str
        A name in `didjack.estimators.ESTIMATORS`.
    control_group : {"nevertreated", "notyettreated"}
    base_period : {"varying", "universal"}
    separation : {"drop", "csdid", "error"}

    Raises
    ------
    DataError
        An option is not one of these.
    """

    est_method: str
    control_group: str
    base_period: str
    separation: str

    def __post_init__(self) -> None:
        _check("control_group", self.control_group, CONTROL_GROUPS)
        _check("base_period", self.base_period, BASE_PERIODS)
        _check("separation", self.separation, SEPARATION)
        _check("est_method", self.est_method, tuple(ESTIMATORS))

    @property
    def estimator(self) -> Estimator:
        """The functions that estimate with these options."""
        rule = "csdid" if self.separation == "csdid" else "drop"
        return estimator(self.est_method, rule)


def _check(argument: str, value: str, choices: Sequence[str]) -> None:
    if not is_one_of(value, choices):
        listed = " or ".join(f"'{c}'" for c in choices)
        raise DataError(f"{argument} must be {listed}, not {shown(value)}.")
