"""`jackknife`: delete one cluster at a time, for all parameters of a target at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from didjack.core.announce import announce
from didjack.core.arguments import require_instance, require_share, require_text
from didjack.core.withheld import note_on_few_controls
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.crossed_clusters import cross_clusters
from didjack.effects.deletions import (
    Deletions,
    cluster_variable,
    delete_clusters,
    delete_each,
    given_cluster,
    two_clusters,
)
from didjack.effects.joint import Joint
from didjack.effects.target import Target
from didjack.errors import DataError, FewTreatedWarning
from didjack.inference.exact import exact_inference
from didjack.inference.jackknife import Jackknife
from didjack.inference.linear_forms import all_lost
from didjack.inference.reference_model import ReferenceModel
from didjack.inference.replicates import (
    fixed_values,
    lost_cohorts,
    lost_covariates,
    refit_values,
)
from didjack.inference.two_way import TwoWayJackknife


@overload
def jackknife(
    target: Aggregate | ATTgt | Joint | Sequence[Aggregate],
    clustervars: str | None = ...,
    level: float = ...,
    *,
    cluster: str | None = ...,
    center: str = ...,
    estimand: str | None = ...,
    critical: str = ...,
    model: ReferenceModel | str | None = ...,
    lost: str = ...,
    deletions: Deletions | None = ...,
) -> Jackknife: ...
@overload
def jackknife(
    target: Aggregate | ATTgt | Joint | Sequence[Aggregate],
    clustervars: Sequence[str],
    level: float = ...,
    *,
    cluster: str | None = ...,
    center: str = ...,
    estimand: str | None = ...,
    critical: str = ...,
    model: ReferenceModel | str | None = ...,
    lost: str = ...,
    deletions: Deletions | None = ...,
) -> Jackknife | TwoWayJackknife: ...
def jackknife(
    target: Aggregate | ATTgt | Joint | Sequence[Aggregate],
    clustervars: str | Sequence[str] | None = None,
    level: float = 0.95,
    *,
    cluster: str | None = None,
    center: str = "estimate",
    estimand: str | None = None,
    critical: str = "t",
    model: ReferenceModel | str | None = None,
    lost: str = "skip",
    deletions: Deletions | None = None,
) -> Jackknife | TwoWayJackknife:
    """Jackknife estimates by deleting one cluster at a time.

    Parameters
    ----------
    target : Aggregate, ATTgt, or a sequence of Aggregate
        From `aggte`; from `att_gt` for all group-time cells; several aggregations of the same
        cells for their joint covariance.
    clustervars : str or sequence of str, optional
        Cluster variable, any column of the data that is constant within unit. The default is
        the clustervars of `att_gt`, else idname. With two of them errors may be correlated within
        clusters of both (`didjack.inference.two_way`), and critical values are those of t.
    level : float
        Coverage of the intervals, between 0 and 1.
    cluster : str, optional
        Another name of clustervars.
    center : {"estimate", "mean"}
        Deviations from the full-sample estimate (CV3), or from the mean of the deletions
        (CV3J), which is never larger.
    estimand : {"refit", "fixed"}, optional
        "refit", the default with critical="t": a deletion that removes cells re-weights the
        average over the others, as a refit without the cluster does and as R `didjack` and Stata
        `csdidjack` do. "fixed", the default with critical="exact": all averages keep their
        full-sample weights, and cells
        that a deletion removes are held at their full-sample estimate. The estimand then stays
        the same under every deletion; what only the deleted cluster can tell about is left out of
        the standard error, and a deletion that removes all cells of a parameter does not count.
    critical : {"t", "exact"}
        "t": p-values and intervals from t(H - 1), as R `didjack` and Stata `csdidjack` have them.
        With few treated clusters they reject far too often: parameters with fewer than two have
        none, and `notes` name those with two to five. "exact": from the exact distribution of the
        same t statistic under a reference model of the errors, which holds its level with one
        treated cluster as with fifty if the model is right.
    model : ReferenceModel, "equal" or "fitted", optional
        For critical="exact". "equal" gives the shocks to all clusters and periods one variance,
        whatever the number of their units. "fitted" fits shocks to clusters and noise of units to
        the outcome (`didjack.inference.fitted_variances.fitted_variances`), so that clusters of
        few units vary more; it needs a balanced panel with several units in a cluster, and is the
        default there. Elsewhere the default is "equal". Or a model of your own.
    lost : {"skip", "generalized"}
        What a deletion that leaves nothing of a parameter counts with. "skip": not at all, as
        in both reference programs. "generalized": with the estimate itself, theta_(h) = 0, and V
        without the factor (H - 1) / H, as Hansen (2025) does for regressions; with t(H - 1) it
        never rejects with one treated cluster (`didjack.inference.generalized` says what is
        proved).
    deletions : Deletions, optional
        From `res.deletions(cluster)` of the same `att_gt` result. Without it every call makes a
        pass over the data, so that four averages cost four passes; with it they share one, as in
        `csdid`. A sequence of Aggregate needs one pass in any case.

    Returns
    -------
    Jackknife or TwoWayJackknife
        The latter with two cluster variables.

    Warns
    -----
    FewTreatedWarning
        With critical="t", five treated clusters or fewer stand behind the overall effect.
    DidjackWarning
        With estimand="refit", deletions leave nothing of a parameter or of a cohort. One warning
        says it of all of them.

    Notes
    -----
    Only clusters with rows in the estimation sample count. R `didjack` and Stata `csdidjack` also
    delete clusters all of whose rows were left out before (for example treated in the first
    period): such deletions change nothing but raise H. Their H, and with it (H - 1) / H and the
    degrees of freedom, is then larger.

    Raises
    ------
    DataError
        `level` is not between 0 and 1, the cluster variable cannot be used, or `deletions` are of
        other estimates or clusters.
    DesignError
        There are fewer than two clusters, or deleting one leaves no never-treated control.
    """
    both = two_clusters(clustervars, cluster)
    whole: Target = target if isinstance(target, Aggregate | ATTgt | Joint) else Joint.of(target)
    if both is not None:
        _refuse_one_way(critical, model, lost, deletions)
        twice = _two_way(whole, both, level, center, estimand)
        if not twice.parameters[0].is_element:
            few = twice.notes_on_few(twice.lincom(str(twice.parameters[0])))
            announce(few, FewTreatedWarning)
        return twice
    cluster = given_cluster(clustervars, cluster)
    if deletions is None:
        estimation = whole.estimation
        deletions = delete_clusters(estimation, cluster_variable(estimation, cluster))
    else:
        _refuse_other(deletions, whole, cluster)
    found = jackknife_of(
        whole, deletions, level, center=center, estimand=estimand, critical=critical, model=model,
        lost=lost,
    )  # fmt: skip
    if not found.parameters[0].is_element:
        overall = found.lincom(str(found.parameters[0]))
        few = note_on_few_controls(
            overall.parameters, found.n_control_clusters[:1], np.isfinite(overall.se)
        )
        announce([*overall.warnings, *(few if critical == "t" else [])], FewTreatedWarning)
    if found.warnings_on_deletions:
        announce([" ".join(found.warnings_on_deletions)])
    return found


def jackknife_of(
    target: Target,
    deletions: Deletions,
    level: float = 0.95,
    *,
    center: str = "estimate",
    estimand: str | None = None,
    critical: str = "t",
    model: ReferenceModel | str | None = None,
    lost: str = "skip",
) -> Jackknife:
    """Jackknife a target whose clusters are deleted already, without a warning.

    Parameters
    ----------
    target : Target
    deletions : Deletions
        Of its estimation.
    level, center, estimand, critical, model, lost
        As in `jackknife`.
    """
    require_text(center=center, critical=critical, lost=lost)
    require_text(optional=True, estimand=estimand)
    require_share(level=level)
    _check(level, center, critical, model, lost)
    if estimand is None:
        estimand = "fixed" if critical == "exact" else "refit"
    if estimand not in ("refit", "fixed"):
        raise DataError(f"estimand must be 'refit' or 'fixed', not {estimand!r}.")
    if estimand == "fixed":
        replicates = fixed_values(target, deletions, all_lost(target, deletions))
    else:
        replicates = refit_values(target, deletions)
    return Jackknife(
        target=target,
        clusters=deletions.clusters,
        replicates=replicates,
        cohort_lost=lost_cohorts(deletions),
        covariate_lost=lost_covariates(deletions),
        level=level,
        center=center,
        estimand=estimand,
        exact=exact_inference(target, deletions, estimand, model) if critical == "exact" else None,
        lost=lost,
    )


def _two_way(
    target: Target, names: tuple[str, str], level: float, center: str, estimand: str | None
) -> TwoWayJackknife:
    """Jackknife a target by each of two variables, and by the clusters that they form together."""
    estimation = target.estimation
    deletions = [delete_clusters(estimation, name) for name in names]
    crossed = cross_clusters(deletions[0].clusters, deletions[1].clusters)
    if crossed.coarser is None:
        deletions.append(delete_each(estimation, crossed))
    else:  # every cluster of the finer variable is an intersection
        deletions.append(deletions[0 if crossed.coarser == names[1] else 1])
    first, second, both = (
        jackknife_of(target, deleted, level, center=center, estimand=estimand)
        for deleted in deletions
    )
    return TwoWayJackknife(first, second, both, crossed.coarser)


def _check(
    level: float, center: str, critical: str, model: ReferenceModel | str | None, lost: str
) -> None:
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1 (0.95 for 95%), not {level!r}.")
    if center not in ("estimate", "mean"):
        raise DataError(f"center must be 'estimate' (CV3) or 'mean' (CV3J), not {center!r}.")
    if critical not in ("t", "exact"):
        raise DataError(f"critical must be 't' or 'exact', not {critical!r}.")
    if critical == "exact" and center != "estimate":
        raise DataError("Exact critical values are those of CV3: use center='estimate'.")
    if model is not None and critical != "exact":
        raise DataError("model applies to critical='exact' only. Leave it out.")
    if lost not in ("skip", "generalized"):
        raise DataError(f"lost must be 'skip' or 'generalized', not {lost!r}.")
    if lost == "generalized" and (critical != "t" or center != "estimate"):
        raise DataError(
            "lost='generalized' is a variance of its own, around the estimate and with t(H - 1): "
            "leave out critical and center."
        )


def _refuse_one_way(
    critical: str, model: ReferenceModel | str | None, lost: str, deletions: Deletions | None
) -> None:
    """Refuse what one cluster variable alone has."""
    if critical != "t" or model is not None:
        raise DataError(
            "With two cluster variables no exact distribution is known: leave out critical and "
            "model, or give one of the variables."
        )
    if lost != "skip":
        raise DataError("lost='generalized' takes one cluster variable.")
    if deletions is not None:
        raise DataError("deletions are of one cluster variable: leave them out, or give it alone.")


def _refuse_other(deletions: Deletions, target: Target, cluster: str | None) -> None:
    require_instance(deletions, "deletions", Deletions, "the result of res.deletions(...)")
    if deletions.estimation is not target.estimation:
        raise DataError(
            "The deletions are of another att_gt result. Pass res.deletions(...) of the result "
            "that the average was made from."
        )
    if cluster is not None and cluster != deletions.clusters.name:
        raise DataError(
            f"The deletions are by '{deletions.clusters.name}', not by '{cluster}'. Leave out "
            "cluster, or pass deletions of that variable."
        )
