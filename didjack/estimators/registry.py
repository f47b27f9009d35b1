"""The one list of estimators: names, words for them, and the functions that estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from didjack.core.linalg import Array
from didjack.estimators import own, reg, reg_influence, weighted, weighted_influence
from didjack.estimators.estimates import Estimates
from didjack.estimators.odds import TRIM
from didjack.sample.cells import Cells, Status
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class Estimator:
    """One estimation method.

    Attributes
    ----------
    estimate : callable
        (panel, cells, clusters or None, estimates of the full sample or None) -> Estimates with
        R = C + 1 replicates (1 without clusters). A fifth argument says which covariates a
        replicate leaves out; it is given where cells have samples of their own
        (`didjack.estimators.parts`).
    row_influence : callable
        (panel, cells, estimates of the full sample) -> influence functions of the cells, over
        the units of a panel or the rows of repeated cross-sections.
    """

    estimate: Callable[..., Estimates]
    row_influence: Callable[[Panel, Cells, Estimates], Array]

    def influence(self, panel: Panel, cells: Cells, estimates: Estimates) -> Array:
        """Influence functions of all cells over units, (n, m), on the scale of R `did`.

        Zero for base periods, NaN for cells without an estimate.
        """
        out = self.row_influence(panel, cells, estimates)
        if panel.is_unbalanced:
            out = panel.sum_by_unit(out)
        out[:, ~np.isin(estimates.status[0], (Status.OK, Status.BASE_PERIOD))] = np.nan
        return out


@dataclass(frozen=True)
class Registered:
    """An estimator with the words for it.

    Attributes
    ----------
    words : str
        In a sentence, after "by": "outcome regression".
    idea : str
        What covariates do, in a clause that follows the words and a colon.
    functions : callable
        (`separation`, trim) -> Estimator: "drop" or "csdid" (see `didjack.att_gt`), and the
        propensity from which on controls get no weight.
    source : str or None
        Key in `references.bib` of the paper that a sentence cites after the words.
    r : str or None
        As `est_method` of R `did`, in R; None where it has no such estimator.
    stata : str or None
        As `method()` of Stata `csdid`; None likewise.
    variant_of : str or None
        Name of the estimator of which it is a variant; what Stata `csdid` does under separation
        is not known for variants.
    """

    words: str
    idea: str
    functions: Callable[[str, float], Estimator]
    source: str | None = None
    r: str | None = None
    stata: str | None = None
    variant_of: str | None = None


def _regression(separation: str, trim: float) -> Estimator:
    # No propensity, so there is nothing that could separate or be trimmed.
    return Estimator(reg.estimate, reg_influence.influence)


def _weighting(separation: str, trim: float, *, method: str) -> Estimator:
    return Estimator(
        partial(weighted.estimate, method=method, separation=separation, trim=trim),
        partial(weighted_influence.influence, method=method, separation=separation, trim=trim),
    )


# By the name that is the `est_method` of `att_gt`.
ESTIMATORS: dict[str, Registered] = {
    "dr": Registered(
        words="the doubly robust estimator",
        idea="outcome regression and weighting are joined",
        functions=partial(_weighting, method="dr"),
        source="santanna2020",
        r='"dr"',
        stata="dripw",
    ),
    "ipw": Registered(
        words="inverse probability weighting",
        idea="controls count by their odds of being in cohort $g$",
        functions=partial(_weighting, method="ipw"),
        r='"ipw"',
        stata="stdipw",
    ),
    "reg": Registered(
        words="outcome regression",
        idea="the change that the controls' regression predicts for the covariates of cohort $g$ "
        "takes the place of their mean change",
        functions=_regression,
        r='"reg"',
        stata="reg",
    ),
    "drimp": Registered(
        words="the improved doubly robust estimator",
        idea="outcome regression is joined with weights that balance the covariates",
        functions=partial(_weighting, method="drimp"),
        source="santanna2020",
        r="DRDID::drdid_imp_panel",
        stata="drimp",
    ),
    # The variants of DRDID: `ipw_did_panel` and `ipw_did_rc`, `drdid_rc1`, `drdid_imp_rc1`.
    "ipw_ht": Registered(
        words="inverse probability weighting without normalisation",
        idea="controls count by their odds of being in cohort $g$, and their sum is divided by "
        "the weight of the cohort",
        functions=partial(_weighting, method="ipw_ht"),
        source="abadie2005",
        r="DRDID::ipw_did_panel",
        stata="ipw",
        variant_of="ipw",
    ),
    "dr_rc1": Registered(
        words="the doubly robust estimator without regressions of the treated",
        idea="the controls' outcome regression and weighting are joined",
        functions=partial(_weighting, method="dr_rc1"),
        source="santanna2020",
        r="DRDID::drdid_rc1",
        variant_of="dr",
    ),
    "drimp_rc1": Registered(
        words="the improved doubly robust estimator without regressions of the treated",
        idea="the controls' outcome regression is joined with weights that balance the covariates",
        functions=partial(_weighting, method="drimp_rc1"),
        source="santanna2020",
        r="DRDID::drdid_imp_rc1",
        variant_of="drimp",
    ),
}


def own_estimator(function: own.OwnFunction) -> Estimator:
    """Return the functions of an estimator of the user's own (`didjack.estimators.own`).

    Parameters
    ----------
    function : callable
    """
    return Estimator(
        partial(own.estimate, function=function), partial(own.influence, function=function)
    )


def estimator(method: str, separation: str = "drop", trim: float = TRIM) -> Estimator:
    """Return the functions of an estimator.

    Parameters
    ----------
    method : str
        A name in `ESTIMATORS`.
    separation : {"drop", "csdid"}
        What to do where some controls are set apart from all treated; see `didjack.att_gt`.
    trim : float
        Controls with this propensity or a larger one get no weight.
    """
    return ESTIMATORS[method].functions(separation, trim)
