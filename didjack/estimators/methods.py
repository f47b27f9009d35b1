"""Which formulas make up each of the weighting estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from didjack.core.linalg import Array, Mask
from didjack.estimators import dr, drimp, ipw
from didjack.estimators.full_sample import FullSample
from didjack.estimators.regressions import Nuisance
from didjack.estimators.samples import ComparedRows


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
    """

    propensity: str
    regression: str
    att_panel: Callable[[ComparedRows, Nuisance], Array]
    att_rc: Callable[[ComparedRows, Nuisance], Array]
    influence_panel: Callable[[FullSample, Array, float], Array]
    influence_rc: Callable[[FullSample, Array, Mask, float], Array]


WEIGHTING = {
    "ipw": Method(
        "logit", "none", ipw.att_panel, ipw.att_rc, ipw.influence_panel, ipw.influence_rc
    ),
    "dr": Method("logit", "plain", dr.att_panel, dr.att_rc, dr.influence_panel, dr.influence_rc),
    "drimp": Method(
        "tilting", "odds", drimp.att_panel, drimp.att_rc, drimp.influence_panel, drimp.influence_rc
    ),
}
