"""How group-time cells are formed and estimated: the arguments of `att_gt` that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from didjack.core.arguments import is_one_of, shown
from didjack.core.moments import Clusters
from didjack.errors import DataError
from didjack.estimators import ESTIMATORS, estimator, own_estimator
from didjack.estimators.estimates import Estimates
from didjack.estimators.loading_terms import CellLoadings
from didjack.estimators.loadings import cell_loadings
from didjack.estimators.methods import is_difference_of_means
from didjack.estimators.odds import TRIM
from didjack.estimators.own import OwnFunction, name_of
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
        A name in `didjack.estimators.ESTIMATORS`, or that of `function`.
    control_group : {"nevertreated", "notyettreated"}
    base_period : {"varying", "universal"}
    separation : {"drop", "csdid", "error"}
    fix_weights : {"varying", "base_period", "first_period"} or None
    pscoretrim : float
        Propensity from which on controls get no weight.
    like : {"did", "csdid2", "csdid1"}, optional
        Program whose defaults were asked for.
    function : callable, optional
        The estimator, where it is one of the user's own.

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
    function: OwnFunction | None = None

    def __post_init__(self) -> None:
        if self.like is not None:
            _check("like", self.like, PROGRAM_NAMES)
        _check("control_group", self.control_group, CONTROL_GROUPS)
        _check("base_period", self.base_period, BASE_PERIODS)
        _check("separation", self.separation, SEPARATION)
        if self.function is None:
            _check("est_method", self.est_method, tuple(ESTIMATORS))
        elif self.est_method in ESTIMATORS:
            raise DataError(
                f"est_method is a function named '{self.est_method}', as an estimator of didjack "
                "is: give it another name, which results will show."
            )
        known = ESTIMATORS.get(self.est_method)
        if self.separation == "csdid" and known is not None and known.variant_of is not None:
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
        if self.function is not None:
            return EstimatorOfParts(own_estimator(self.function), self.fix_weights)
        inner = estimator(self.est_method, self.rule, self.pscoretrim)
        return EstimatorOfParts(inner, self.fix_weights)

    def is_difference_of_means(self, panel: Panel) -> bool:
        """Whether the estimator is the difference of mean changes: there are no covariates.

        Parameters
        ----------
        panel : Panel
        """
        return self.function is None and is_difference_of_means(panel, self.est_method)

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
            function=self.function,
        )

    @property
    def rule(self) -> str:
        """What estimators do under separation: "csdid" or "drop"."""
        return "csdid" if self.separation == "csdid" else "drop"


def named_method(est_method: object) -> tuple[str, OwnFunction | None]:
    """Return the name of an estimator, and the function if it is one of the user's own.

    Parameters
    ----------
    est_method : str or callable
        As in `didjack.att_gt`.
    """
    if callable(est_method) and not isinstance(est_method, type):
        return name_of(est_method), est_method
    return est_method, None  # type: ignore[return-value]  # Options refuses what is no text


def _check(argument: str, value: str, choices: Sequence[str]) -> None:
    if not is_one_of(value, choices):
        listed = " or ".join(f"'{c}'" for c in choices)
        raise DataError(f"{argument} must be {listed}, not {shown(value)}.")
