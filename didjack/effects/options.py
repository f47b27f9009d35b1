"""How group-time cells are formed and estimated: the arguments of `att_gt` that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from didjack.core.arguments import is_one_of, shown
from didjack.core.moments import Clusters
from didjack.errors import DataError
from didjack.estimators import ESTIMATORS, estimator
from didjack.estimators.estimates import Estimates
from didjack.estimators.loading_terms import CellLoadings
from didjack.estimators.loadings import cell_loadings
from didjack.estimators.odds import TRIM
from didjack.estimators.parts import FIX_WEIGHTS, EstimatorOfParts
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

CONTROL_GROUPS = ("nevertreated", "notyettreated")
BASE_PERIODS = ("varying", "universal")
SEPARATION = ("drop", "csdid", "error")
PROGRAM_NAMES = ("did", "csdid2", "csdid1")


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
    fix_weights : {"varying", "base_period", "first_period"} or None
    pscoretrim : float
        Propensity from which on controls get no weight.
    like : {"did", "csdid2", "csdid1"}, optional
        Program whose defaults were asked for.

    Raises
    ------
    DataError
        An option is not one of these.
    """

    est_method: str
    control_group: str
    base_period: str
    separation: str
    fix_weights: str | None = None
    pscoretrim: float = TRIM
    like: str | None = None

    def __post_init__(self) -> None:
        if self.like is not None:
            _check("like", self.like, PROGRAM_NAMES)
        _check("control_group", self.control_group, CONTROL_GROUPS)
        _check("base_period", self.base_period, BASE_PERIODS)
        _check("separation", self.separation, SEPARATION)
        _check("est_method", self.est_method, tuple(ESTIMATORS))
        if self.separation == "csdid" and ESTIMATORS[self.est_method].variant_of is not None:
            raise DataError(
                f"separation='csdid' is not there for est_method='{self.est_method}': what Stata "
                "does with this estimator is not known here. Use separation='drop'."
            )
        if self.fix_weights is not None:
            _check("fix_weights", self.fix_weights, FIX_WEIGHTS)
        trim = self.pscoretrim
        if isinstance(trim, bool) or not isinstance(trim, Real) or not trim > 0:
            raise DataError(
                f"pscoretrim must be a number above 0, not {trim!r}: controls with this propensity "
                "or a larger one get no weight. 1 keeps all of them."
            )

    @property
    def estimator(self) -> EstimatorOfParts:
        """The functions that estimate with these options."""
        inner = estimator(self.est_method, self.rule, self.pscoretrim)
        return EstimatorOfParts(inner, self.fix_weights)

    def loadings(
        self, panel: Panel, cells: Cells, clusters: Clusters, estimates: Estimates
    ) -> CellLoadings:
        """Find the loadings of every cell; see `didjack.estimators.loadings.cell_loadings`.

        Parameters
        ----------
        panel : Panel
        cells : Cells
        clusters : Clusters
        estimates : Estimates
            Of all replicates.
        """
        return cell_loadings(
            panel,
            cells,
            clusters,
            self.est_method,
            estimates,
            self.separation,
            trim=self.pscoretrim,
            fix_weights=self.fix_weights,
        )

    @property
    def rule(self) -> str:
        """What estimators do under separation: "csdid" or "drop"."""
        return "csdid" if self.separation == "csdid" else "drop"


def _check(argument: str, value: str, choices: Sequence[str]) -> None:
    if not is_one_of(value, choices):
        listed = " or ".join(f"'{c}'" for c in choices)
        raise DataError(f"{argument} must be {listed}, not {shown(value)}.")
