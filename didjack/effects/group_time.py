"""`att_gt`: the arguments of R `did`, checked and put to work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from didjack.core.announce import announce
from didjack.core.arguments import require_name, shown
from didjack.effects.attgt import ATTgt
from didjack.effects.estimation import estimate_frame
from didjack.effects.options import Options
from didjack.errors import DataError
from didjack.sample.cautions import alarms
from didjack.sample.panel import Roles


def att_gt(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    idname: str | None = None,
    *,
    xformla: str | None = None,
    est_method: str = "dr",
    control_group: str = "nevertreated",
    base_period: str = "varying",
    anticipation: int = 0,
    weightsname: str | None = None,
    clustervars: str | Sequence[str] | None = None,
    panel: bool | None = None,
    allow_unbalanced_panel: bool = False,
    separation: str = "drop",
) -> ATTgt:
    """Estimate group-time average treatment effects (Callaway and Sant'Anna, 2021).

    Argument names follow R `did`.

    Parameters
    ----------
    data : DataFrame, or a frame of polars, pyarrow or DuckDB
        Long data, one row per unit and period, or per observation in repeated cross-sections.
        Not modified.
    yname, tname, gname : str
        Outcome, period, and first treated period (0, NaN or inf: never treated). Rows whose first
        treated period is missing (None, NaN, pd.NA) are counted in the ledger and named in
        `notes`; R `did` leaves them out.
    idname : str, optional
        Unit. Without it the rows are repeated cross-sections.
    xformla : str, optional
        Covariates as a formula, for example "~ x1 + np.log(x2) + C(x3)". In panels they are
        taken from the earlier of the two periods of each comparison. A formula is data, not a
        program: it takes names of columns (in backticks where they are not plain names), numbers,
        + - * : / ** ( ), and the functions log, log2, log10, log1p, exp, exp2, exp10, expm1, sqrt,
        abs, square, sign, floor, ceil (also as np.log and the like), C, I, poly, bs, cr, cs, cc,
        center, scale and standardize. I() takes arithmetic and one comparison, C() also the level
        to leave out, as in C(x, contr.treatment(base='a')). Anything else is refused and has to be
        computed as a column first; so have lags and cumulative sums, which go across units.
        What depends on the whole sample, the knots of bs, cr, cs and cc, the levels of C, the
        polynomials of poly, and the means and scales of center, scale and standardize, comes from
        all rows of data in which no variable of the formula is missing. It stays the same in every
        deletion of the jackknife: a deletion is other weights on the same covariates. Of these
        only knots matter, since estimates do not change with the centre and scale of a covariate.
    est_method : {"dr", "ipw", "reg", "drimp"}
        Doubly robust (locally efficient outside of balanced panels), inverse probability
        weighting, outcome regression; "drimp" is doubly robust with inverse probability tilting
        and weighted outcome regression (Sant'Anna and Zhao 2020). Without covariates all agree.
    control_group : {"nevertreated", "notyettreated"}
        Compare a cohort with units that are never treated, or also with those not yet treated.
    base_period : {"varying", "universal"}
        Pre-treatment cells: compare with the period before, or with the last before treatment.
    anticipation : int
        Periods before treatment in which effects may begin: base periods move back by as many,
        and cohorts without a period before that are left out.
    weightsname : str, optional
        Sampling weights, positive.
    clustervars : str or sequence of str, optional
        Cluster variable of the standard errors and of the jackknife; the unit if not given.
    panel : bool, optional
        False: repeated cross-sections even if idname is given. The default is True with
        idname and False without.
    allow_unbalanced_panel : bool
        False: units not observed in every period are left out and counted. True: they are kept,
        and with them the panel is unbalanced: its levels are compared instead of the changes of
        units, by the formulas for repeated cross-sections, as in R `did`. It stays a panel: units
        keep one cohort and one cluster, are what is counted, and sum their influence functions.
    separation : {"drop", "csdid", "error"}
        For "dr", "ipw" and "drimp", where no treated row of a comparison has some value of a
        covariate, so that the logit sets the controls with that value apart. "drop": these
        controls get no weight (the limit of the logit), and outside of balanced panels "dr" and
        "drimp" drop the cell, whose regression among the treated is collinear, as R `did` does.
        "csdid": Stata csdid's rule; it omits the collinear column, and averages the recentered
        influence function of "dr" over the rows that its logit kept. "error": stop. Whatever
        the rule, the ledger names the cells and the covariate.

    Returns
    -------
    ATTgt

    Warns
    -----
    DidjackWarning
        More than a tenth of the units is left out, or the outcome is constant.

    Raises
    ------
    DataError
        The data cannot be used as they are; the message names column, rows and remedy.
    DesignError
        The data leave nothing to compare.
    """
    options = Options(est_method, control_group, base_period, separation)
    if (
        isinstance(anticipation, bool)
        or not isinstance(anticipation, (int, np.integer))
        or not 0 <= anticipation <= 10**9
    ):
        raise DataError(
            f"anticipation must be a whole number of periods, 0 or more, not {shown(anticipation)}."
        )
    for argument, flag in (("panel", panel), ("allow_unbalanced_panel", allow_unbalanced_panel)):
        if not isinstance(flag, (bool, np.bool_)) and not (argument == "panel" and flag is None):
            raise DataError(f"{argument} must be True or False, not {flag!r}.")
    roles = Roles(
        yname=yname,
        tname=tname,
        gname=gname,
        idname=idname,
        clustervars=_cluster_names(clustervars, idname),
        xformla=xformla,
        weightsname=weightsname,
        panel=idname is not None if panel is None else panel,
        allow_unbalanced_panel=allow_unbalanced_panel,
        anticipation=anticipation,
        control_group=control_group,
    )
    res = ATTgt(estimate_frame(data, roles, options))
    announce(alarms(res.panel))
    return res


def _cluster_names(clustervars: str | Sequence[str] | None, idname: str | None) -> tuple[str, ...]:
    require_name(idname=idname)
    if clustervars is None:
        return ()
    if not isinstance(clustervars, Sequence):
        raise DataError(f"clustervars must be the name of a column, not {clustervars!r}.")
    names = (clustervars,) if isinstance(clustervars, str) else tuple(clustervars)
    for name in names:
        require_name(clustervars=name)
    if len([c for c in names if c != idname]) > 1:
        raise DataError(
            f"clustervars names {len(names)} variables; at most one beyond idname is possible. "
            "Pass the coarser one, or a column that combines them."
        )
    return names
