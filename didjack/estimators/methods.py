"""Which formulas make up each of the weighting estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from didjack.core.linalg import Array, Mask
from didjack.estimators import dr, drimp, ipw, ipw_ht
from didjack.estimators.full_sample import FullSample
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows
from didjack.sample.panel import Panel


@dataclass(frozen=True)
class Method:
    """What distinguishes the weighting estimators.

    Attributes
    ----------
    propensity : {"logit", "tilting"}
        Propensity model.
    regression : {"none", "plain", "odds"}
        Outcome regression of the controls: none, by sampling weight, by odds.
    att_panel, att_rc : callable
        (compared, nuisance) -> ATT of the cells of one propensity model, (R, c).
    influence_panel : callable
        (full, dy, kept) -> influence function of one cell divided by n, (n,).
    influence_rc : callable
        (full, y, late, kept) -> the same for repeated cross-sections.
    normalised : bool
        Weights of the controls are scaled to add up to one, or estimated to do so.
    efficient : bool
        With a regression, the treated of cross-sections are regressed too.
    """

    propensity: str
    regression: str
    att_panel: Callable[[ComparedRows, Nuisance], Array]
    att_rc: Callable[[ComparedRows, Nuisance], Array]
    influence_panel: Callable[[FullSample, Array, float], Array]
    influence_rc: Callable[[FullSample, Array, Mask, float], Array]
    normalised: bool = True
    efficient: bool = True


WEIGHTING = {
    "ipw": Method(
        "logit", "none", ipw.att_panel, ipw.att_rc, ipw.influence_panel, ipw.influence_rc
    ),
    "dr": Method("logit", "plain", dr.att_panel, dr.att_rc, dr.influence_panel, dr.influence_rc),
    "drimp": Method(
        "tilting", "odds", drimp.att_panel, drimp.att_rc, drimp.influence_panel, drimp.influence_rc
    ),
    "ipw_ht": Method(
        "logit",
        "none",
        ipw_ht.att_panel,
        ipw_ht.att_rc,
        ipw_ht.influence_panel,
        ipw_ht.influence_rc,
        normalised=False,
    ),
    "dr_rc1": Method(
        "logit",
        "plain",
        dr.att_panel,
        dr.att_rc1,
        dr.influence_panel,
        dr.influence_rc1,
        efficient=False,
    ),
    "drimp_rc1": Method(
        "tilting",
        "odds",
        drimp.att_panel,
        drimp.att_rc1,
        drimp.influence_panel,
        drimp.influence_rc1,
        efficient=False,
    ),
}


def is_difference_of_means(panel: Panel, method: str) -> bool:
    """Whether an estimator is the difference of mean changes: there are no covariates.

    In cross-sections that does not hold where weights are not scaled to add up to one.

    Parameters
    ----------
    panel : Panel
    method : str
        A name in `didjack.estimators.ESTIMATORS`.
    """
    means = panel.is_panel or method not in WEIGHTING or WEIGHTING[method].normalised
    return panel.design.intercept_only and means
