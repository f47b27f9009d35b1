"""`csdid`: every aggregation with every inference, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from didjack.core.results import Inference
from didjack.core.views import Shown, view
from didjack.effects.aggregate import Aggregate, aggte
from didjack.effects.attgt import ATTgt
from didjack.effects.average_types import TYPES
from didjack.effects.group_time import att_gt
from didjack.errors import DataError
from didjack.inference.cluster_jackknife import jackknife
from didjack.inference.jackknife import Jackknife

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Aggregations with analytic, clustered and CV3 inference.

    Attributes
    ----------
    attgt : ATTgt
        The group-time effects behind all of them.
    aggregates : dict of str to Aggregate
        By type.
    jackknives : dict of str to Jackknife
        By type.
    level : float
        Coverage of the intervals.
    """

    attgt: ATTgt = field(repr=False)
    aggregates: dict[str, Aggregate] = field(repr=False)
    jackknives: dict[str, Jackknife] = field(repr=False)
    level: float

    def inferences(self, type: str) -> tuple[Inference, Inference, Inference]:
        """Return analytic (by unit), clustered and CV3 inference for one aggregation.

        Parameters
        ----------
        type : str
            Of those in `aggregates`.
        """
        jk, agg = self.jackknives[type], self.aggregates[type]
        by_unit = agg.analytic(None, self.level)
        clustered = agg.analytic(jk.cluster, self.level)
        return by_unit, clustered, jk.inference

    def to_frame(self, elements: bool = False) -> pd.DataFrame:
        """Return the table.

        Parameters
        ----------
        elements : bool
            False: the overall effects only. True: event times, cohorts and periods as well.

        Returns
        -------
        DataFrame
            Columns aggregation, parameter, att, inference, se, t, p, ci_low, ci_high, df,
            n_clusters.
        """
        parts = []
        for type in self.aggregates:
            names = ("analytic", "clustered", "CV3")
            for name, inference in zip(names, self.inferences(type), strict=True):
                frame = inference.to_frame().assign(aggregation=type, inference=name)
                parts.append(frame if elements else frame.iloc[:1])
        columns = ["aggregation", "parameter", "att", "inference", "se", "t", "p",
                   "ci_low", "ci_high", "df", "n_clusters"]  # fmt: skip
        return pd.concat(parts, ignore_index=True)[columns]

    @property
    def notes(self) -> list[str]:
        """Return sentences on what was left out, skipped or lost."""
        notes = [
            f"Left out: {row.kind} {row.what} ({row.count} {_size(str(row.kind))}): {row.reason}."
            for row in self.attgt.ledger.itertuples(index=False)
        ]
        seen: dict[str, None] = {}
        for jk in self.jackknives.values():
            seen.update(dict.fromkeys(jk.notes))
        return notes + list(seen)

    def summary(self) -> str:
        """Return a short text for people."""
        return "\n".join([self.to_frame().to_string(index=False), "", *self.notes])

    def plot(self, type: str | None = None) -> Figure:
        """Draw one aggregation with clustered and CV3 intervals side by side (matplotlib).

        The default is the event study if it is there, else the first aggregation.

        Parameters
        ----------
        type : str, optional
            Of those in `aggregates`.
        """
        chosen = type or (
            "dynamic" if "dynamic" in self.jackknives else next(iter(self.jackknives))
        )
        return view("plot", self, chosen)


def csdid(
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
    types: Sequence[str] | None = None,
    type: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    weights: str = "did",
) -> Comparison:
    """Estimate, aggregate and jackknife in one call.

    All averages are jackknifed from one pass over the data.

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
    est_method : str
        Estimator, by default "dr", doubly robust; `att_gt` names the others.
    control_group : {"nevertreated", "notyettreated"}
        Compare a cohort with units that are never treated, or also with those not yet treated.
    base_period : {"varying", "universal"}
        Pre-treatment cells: compare with the period before, or with the last before treatment.
    anticipation : int
        Periods before treatment in which effects may begin.
    weightsname : str, optional
        Sampling weights, positive.
    clustervars : str or sequence of str, optional
        Cluster variable of the standard errors and of the jackknife; the unit if not given.
    panel : bool, optional
        False: repeated cross-sections even if idname is given.
    allow_unbalanced_panel : bool
        Keep units that are not observed in every period.
    separation : {"drop", "csdid", "error"}
        What to do where a covariate separates treated and controls. This and all arguments
        above are those of `att_gt`, which says more on each.
    types, type : sequence of str, and str, optional
        Aggregations, by default all four; or a single one.
    cluster : str, optional
        Cluster variable; the default is clustervars, else idname.
    level : float
        Coverage of the intervals.
    weights : {"did", "csdid"}
        Weights of the aggregations, see `aggte`.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        Both type and types are given, or an argument or the data cannot be used; see `att_gt`,
        `aggte` and `jackknife`.
    DesignError
        Nothing is left to compare, to average or to delete.
    """
    if type is not None and types is not None:
        raise DataError("Give type or types, not both.")
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
    )
    chosen = (type,) if type is not None else tuple(types or TYPES)
    aggregates = {name: aggte(res, name, weights=weights) for name in chosen}
    deletions = res.deletions(cluster)
    jackknives = {
        name: jackknife(agg, level=level, deletions=deletions) for name, agg in aggregates.items()
    }
    return Comparison(res, aggregates, jackknives, level)


def _size(kind: str) -> str:
    return "units" if kind == "units" else "rows"
