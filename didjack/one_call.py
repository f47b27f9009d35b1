"""`csdid`: every aggregation with every inference, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import pandas as pd

from didjack.comparison import Comparison
from didjack.core.announce import announce
from didjack.core.arguments import (
    require_instance,
    require_name,
    require_seed,
    require_share,
    require_whole,
)
from didjack.effects.aggregate import average_of
from didjack.effects.average_types import TYPES, AverageType
from didjack.effects.group_time import att_gt
from didjack.effects.programs import as_programs_do
from didjack.errors import DataError
from didjack.inference.cluster_jackknife import jackknife_of


@as_programs_do
def csdid(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    idname: str | None = None,
    *,
    xformla: str | None = None,
    est_method: str | Callable[..., Any] = "dr",
    control_group: str = "nevertreated",
    base_period: str = "varying",
    anticipation: int = 0,
    weightsname: str | None = None,
    clustervars: str | Sequence[str] | None = None,
    panel: bool | None = None,
    allow_unbalanced_panel: bool = False,
    separation: str = "drop",
    fix_weights: str | None = None,
    pscoretrim: float = 0.995,
    balance: str | None = None,
    last_as_never: bool = False,
    like: str | None = None,
    types: Sequence[str] | None = None,
    type: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    weights: str = "did",
    min_e: float | None = None,
    max_e: float | None = None,
    balance_e: float | None = None,
    na_rm: bool = True,
    n_permutations: int = 0,
    seed: int = 0,
) -> Comparison:
    """Estimate, aggregate and jackknife in one call.

    All averages are jackknifed from one pass over the data. Exact critical values and
    randomization are computed when they are first looked at.

    Parameters
    ----------
    data : DataFrame
        Long data. Not modified.
    yname, tname, gname : str
        Outcome, period, and first treated period (0, NaN or inf: never treated).
    idname : str, optional
        Unit. Without it the rows are repeated cross-sections.
    xformla : str, optional
        Covariates as a formula, for example "~ x1 + np.log(x2) + C(x3)".
    est_method : str or callable
        Estimator, by default "dr", doubly robust; `att_gt` names the others.
    control_group : {"nevertreated", "notyettreated"}
        Compare a cohort with units that are never treated, or also with those not yet treated.
    base_period : {"varying", "universal"}
        Pre-treatment cells: compare with the period before, or with the last before treatment.
    anticipation : int
        Periods before treatment in which effects may begin.
    weightsname : str, optional
        Sampling weights, zero or positive.
    clustervars : str or sequence of str, optional
        Cluster variable of the standard errors and of the jackknife; the unit if not given.
    panel : bool, optional
        False: repeated cross-sections even if idname is given.
    allow_unbalanced_panel : bool
        Keep units that are not observed in every period.
    separation : {"drop", "csdid", "error"}
        What to do where a covariate separates treated and controls.
    fix_weights : {"varying", "base_period", "first_period"}, optional
        Whose weight counts where weights change within units.
    pscoretrim : float
        Controls with this propensity or a larger one get no weight.
    balance : {"full", "pair", "none"}, optional
        What to do with units that are not observed in every period.
    last_as_never : bool
        Count the last cohort as never treated where nobody is.
    like : {"did", "csdid2", "csdid1"}, optional
        Take the defaults of another program. This and all arguments above are those of `att_gt`,
        which says more on each.
    types, type : sequence of str, and str, optional
        Aggregations, by default all four; or a single one.
    cluster : str, optional
        Another name of clustervars.
    level : float
        Coverage of the intervals.
    weights : {"did", "csdid"}
        Weights of the aggregations, see `aggte`.
    min_e, max_e, balance_e : float, optional
        Windows of event times, see `aggte`; each goes to the aggregations to which it applies:
        min_e and balance_e to "dynamic", max_e to all but "calendar".
    na_rm : bool
        Whether cells that cannot be estimated are left out of averages, with a warning; False
        refuses them.
    n_permutations : int
        Random assignments of randomization inference on the CV3 t statistic, see `randomize`;
        0: none.
    seed : int
        Of these assignments.

    Returns
    -------
    Comparison

    Warns
    -----
    DidjackWarning
        More than a tenth of the units is left out, the outcome is constant, or cells are left out
        of an average. `Comparison.warnings` says more: few treated clusters, deletions that lose
        cells. Those concern t critical values, and exact ones stand beside them.

    Raises
    ------
    DataError
        Both type and types are given, a window applies to none of the aggregations, or an
        argument or the data cannot be used; see `att_gt`, `aggte` and `jackknife`.
    DesignError
        Nothing is left to compare, to average or to delete.
    """
    if type is not None and types is not None:
        raise DataError("Give type or types, not both.")
    require_name(cluster=cluster)
    if clustervars is None:
        clustervars = cluster
    elif cluster is not None and cluster not in (
        tuple(clustervars)
        if isinstance(clustervars, Sequence) and not isinstance(clustervars, str)
        else (clustervars,)
    ):
        raise DataError(
            f"cluster={cluster!r} is not among clustervars={clustervars!r}. Give one of them: they "
            "are two names of the same argument."
        )
    require_whole(n_permutations=n_permutations)
    require_seed(seed)
    require_share(level=level)
    res = att_gt(
        data,
        yname,
        tname,
        gname,
        idname,
        xformla=xformla,
        est_method=est_method,
        control_group=control_group,
        base_period=base_period,
        anticipation=anticipation,
        weightsname=weightsname,
        clustervars=clustervars,
        panel=panel,
        allow_unbalanced_panel=allow_unbalanced_panel,
        separation=separation,
        fix_weights=fix_weights,
        pscoretrim=pscoretrim,
        balance=balance,
        last_as_never=last_as_never,
        like=like,
    )
    if type is None and isinstance(types, str):
        types = TYPES if types == "all" else (types,)
    require_instance(types, "types", (Sequence, NoneType), "a sequence of averages")
    chosen = (type,) if type is not None else tuple(types or TYPES)
    windows = _windows(chosen, min_e=min_e, max_e=max_e, balance_e=balance_e)
    aggregates = {
        name: average_of(res, name, weights=weights, na_rm=na_rm, **windows[name])
        for name in chosen
    }
    announce(dict.fromkeys(text for agg in aggregates.values() for text in agg.left_out))
    deletions = res.deletions()
    jackknives = {name: jackknife_of(agg, deletions, level) for name, agg in aggregates.items()}
    return Comparison(res, aggregates, jackknives, deletions, level, n_permutations, seed)


def _windows(types: Sequence[str], **given: float | None) -> dict[str, dict[str, float]]:
    """Sort windows by the aggregations to which they apply; refuse one that applies to none."""
    windows: dict[str, dict[str, float]] = {}
    for type in types:
        takes = AverageType.of(type).arguments
        windows[type] = {k: v for k, v in given.items() if v is not None and k in takes}
    for name, value in given.items():
        if value is not None and not any(name in window for window in windows.values()):
            raise DataError(
                f"{name} does not apply to {', '.join(repr(type) for type in types)}. Leave it out."
            )
    return windows
