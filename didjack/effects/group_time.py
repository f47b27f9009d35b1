"""`att_gt`: the arguments of R `did`, checked and put to work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from didjack.core.announce import announce
from didjack.core.arguments import require_name, require_text, shown
from didjack.effects.attgt import ATTgt
from didjack.effects.estimation import estimate_frame
from didjack.effects.options import Options, named_method
from didjack.effects.programs import as_programs_do
from didjack.errors import DataError
from didjack.sample.cautions import alarms
from didjack.sample.panel import Roles

BALANCE = ("full", "pair", "none")


@as_programs_do
def att_gt(
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
    est_method : {"dr", "ipw", "reg", "drimp", "ipw_ht", "dr_rc1", "drimp_rc1"} or callable
        Doubly robust (locally efficient outside of balanced panels), inverse probability
        weighting, outcome regression; "drimp" is doubly robust with inverse probability tilting
        and weighted outcome regression (Sant'Anna and Zhao 2020). Without covariates all agree.
        Three variants have other names in R's DRDID. "ipw_ht" (`ipw_did_panel`, `ipw_did_rc`):
        weighting by odds that are not scaled to add up to one (Abadie 2005); outside of balanced
        panels it differs from the others without covariates too. "dr_rc1" (`drdid_rc1`) and
        "drimp_rc1" (`drdid_imp_rc1`): "dr" and "drimp" that do not regress the treated, and are
        not locally efficient; in balanced panels they are "dr" and "drimp".
        A function of one's own is called for each comparison by the names of its arguments, as in
        R `did`: f(y1, y0, D, covariates, i_weights) in balanced panels, with the outcomes of the
        period and of the base period, and otherwise f(y, post, D, covariates, i_weights). D is one
        for the treated, covariates (n, k) have the intercept first. It returns the estimate and
        the influence function (n,), whose mean square / n is the variance: two values, or an object
        or a dict with `att` and `influence` (or `ATT` and `att.inf.func`). The jackknife calls it
        again without each cluster. Exact critical values need `function.linear = True`: it is
        linear in outcomes, which is checked. separation and pscoretrim are not its business.
    control_group : {"nevertreated", "notyettreated"}
        Compare a cohort with units that are never treated, or also with those not yet treated.
    base_period : {"varying", "universal"}
        Pre-treatment cells: compare with the period before, or with the last before treatment.
    anticipation : int
        Periods before treatment in which effects may begin: base periods move back by as many,
        and cohorts without a period before that are left out.
    weightsname : str, optional
        Sampling weights, zero or positive. Rows of weight zero are part of the sample, and count
        in the number of units, but have no part in any estimate.
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
        For estimators with a propensity, where no treated row of a comparison has some value of a
        covariate, so that the logit sets the controls with that value apart. "drop": these
        controls get no weight (the limit of the logit), and outside of balanced panels "dr" and
        "drimp" drop the cell, whose regression among the treated is collinear, as R `did` does.
        "csdid": Stata csdid's rule; it omits the collinear column, and averages the recentered
        influence function of "dr" over the rows that its logit kept. "error": stop. Whatever
        the rule, the ledger names the cells and the covariate. "csdid" is there for "dr", "ipw",
        "reg" and "drimp" only.
    fix_weights : {"varying", "base_period", "first_period"}, optional
        Whose weight counts where weights change within units, as in R `did`. Without it a
        balanced panel has the weights of the earlier of the two periods of a comparison, and an
        unbalanced panel those of each row. "base_period": in all comparisons of a cohort the
        weight that a unit has in the last period before treatment (less anticipation).
        "first_period": in all comparisons the weight in the first period. Units of an unbalanced
        panel that are not observed in that period leave the comparison. "varying": each row has
        its own weight; in a balanced panel levels are then compared by the formulas for repeated
        cross-sections, with the covariates of the earlier period. Repeated cross-sections have
        no weights to fix. In averages cohorts count as they do without it.
    pscoretrim : float
        For estimators with a propensity: controls with this one or a larger get no weight (R's
        DRDID: `trim.level`, Stata: `pscoretrim()`); 1 keeps all of them. Whatever it is, a cell
        with an unweighted propensity of .999 or more has no estimate, as in R `did`.
    balance : {"full", "pair", "none"}, optional
        What to do with units that are not observed in every period (Stata: `bal()`). "full":
        leave them out. "pair": every comparison has the changes of the units that are observed in
        both of its periods, as in Stata's csdid before version 2. "none": compare levels, which is
        `allow_unbalanced_panel=True`. The default is "none" with `allow_unbalanced_panel` and
        "full" without.
    last_as_never : bool
        Where nobody is never treated and control_group is "nevertreated": count the last cohort
        as never treated, and leave out the periods from its treatment (less anticipation) on, as
        R `did` does with a warning. The ledger says so. False: such data are refused.
    like : {"did", "csdid2", "csdid1"}, optional
        Take the defaults of another program: R `did` 2.5.1; Stata csdid 2.0.0, which compares
        with units not yet treated and has a universal base period; csdid 1.81, with its rules for
        separation, for the weights of averages and for the multipliers of a bootstrap. It sets
        est_method, control_group, base_period, separation, and for did last_as_never, for csdid1
        balance="pair" and pscoretrim=1, unless they are given; weights of `aggte`, and
        distribution and n_boot of `multiplier`. The notes say so, and all defaults stand side by
        side at the end of this page of the reference.

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
    method, function = named_method(est_method)
    options = Options(
        method, control_group, base_period, separation, fix_weights, pscoretrim, like, function
    )
    if (
        isinstance(anticipation, bool)
        or not isinstance(anticipation, (int, np.integer))
        or not 0 <= anticipation <= 10**9
    ):
        raise DataError(
            f"anticipation must be a whole number of periods, 0 or more, not {shown(anticipation)}."
        )
    for argument, flag in (
        ("panel", panel),
        ("allow_unbalanced_panel", allow_unbalanced_panel),
        ("last_as_never", last_as_never),
    ):
        if not isinstance(flag, (bool, np.bool_)) and not (argument == "panel" and flag is None):
            raise DataError(f"{argument} must be True or False, not {flag!r}.")
    panel = idname is not None if panel is None else panel
    require_text(optional=True, fix_weights=fix_weights, balance=balance)
    _check_units(panel, fix_weights, balance, allow_unbalanced_panel)
    roles = Roles(
        yname=yname,
        tname=tname,
        gname=gname,
        idname=idname,
        clustervars=_cluster_names(clustervars, idname),
        xformla=xformla,
        weightsname=weightsname,
        panel=panel,
        allow_unbalanced_panel=allow_unbalanced_panel or balance in ("pair", "none"),
        anticipation=anticipation,
        control_group=control_group,
        balance=balance,
        last_as_never=last_as_never,
    )
    res = ATTgt(estimate_frame(data, roles, options))
    announce(alarms(res.panel))
    return res


def _check_units(
    panel: bool, fix_weights: str | None, balance: str | None, allow_unbalanced_panel: bool
) -> None:
    """Refuse what needs units in cross-sections, and two answers on incomplete units."""
    if balance is not None and balance not in BALANCE:
        listed = " or ".join(map(repr, BALANCE))
        raise DataError(f"balance must be {listed}, not {balance!r}.")
    if not panel and fix_weights in ("base_period", "first_period"):
        raise DataError(
            f"fix_weights={fix_weights!r} needs a panel: in repeated cross-sections nobody has a "
            "weight in another period. Leave it out, or pass idname for units that are followed."
        )
    if not panel and balance in ("full", "pair"):
        raise DataError(
            f"balance={balance!r} needs a panel: in repeated cross-sections there are no units to "
            "balance. Leave it out, or pass idname for units that are followed."
        )
    if allow_unbalanced_panel and balance in ("full", "pair"):
        raise DataError(
            f"allow_unbalanced_panel=True means balance='none', not {balance!r}. Give one of them."
        )


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
