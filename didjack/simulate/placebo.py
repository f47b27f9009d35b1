"""Placebo laws on real data: random adoption among clusters that no law has touched.

Whatever correlation, trends and tails the data have, the true effect is zero, and a 5% test
should reject in 5% of the draws. Each draw needs its full jackknife. Without covariates, and
with outcome regression on covariates of repeated cross-sections, everything follows from sums
over clusters by period, which are formed once: a draw only adds them up differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from didjack.core import cv3
from didjack.core.arguments import require_instance, require_seed, require_whole
from didjack.core.linalg import Array, Index
from didjack.core.student import two_sided_p
from didjack.effects.average_types import AverageType
from didjack.errors import DataError, DesignError
from didjack.inference.assignments import random_assignments
from didjack.sample import checks
from didjack.sample.dates import code_dates
from didjack.sample.frames import as_frame
from didjack.sample.panel import Roles, code_data
from didjack.sample.periods import as_dates, period_code, period_text
from didjack.simulate.compared import LEVELS
from didjack.simulate.design_loadings import Average
from didjack.simulate.lawsums import Sums, estimate_draws, sum_rows
from didjack.simulate.study_table import binomial_se

CHUNK = 10  # draws at a time: bounds memory
TESTS = ("clustered-z", "clustered-t", "cv3", "cv3j")


@dataclass(frozen=True, eq=False)
class Placebo:
    """Placebo draws.

    Attributes
    ----------
    draws : DataFrame
        One row per draw: estimate, se and p-value of each test.
    n_clusters, treated : int
    adoption : tuple of float, or of pandas.Period where the data have dates
    type : str
    seed : int
    """

    draws: pd.DataFrame = field(repr=False)
    n_clusters: int
    treated: int
    adoption: tuple[Any, ...]
    type: str
    seed: int

    def rates(self) -> pd.DataFrame:
        """Rejection rates: one row per test and level, with Monte Carlo standard errors."""
        rows = [
            {"test": test, "level": level, "draws": len(self.draws),
             "rejection": float((self.draws[f"p_{test}"] <= level).mean())}
            for test in TESTS
            if f"p_{test}" in self.draws
            for level in LEVELS
        ]  # fmt: skip
        frame = pd.DataFrame(rows)
        return frame.assign(
            mc_se=binomial_se(
                frame["rejection"].to_numpy(), frame["draws"].to_numpy(dtype=np.float64)
            )
        )


def placebo_laws(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    cluster: str,
    *,
    idname: str | None = None,
    xformla: str | None = None,
    treated: int = 5,
    adoption: Sequence[Any] | None = None,
    type: str = "simple",
    draws: int = 1000,
    seed: int = 0,
) -> Placebo:
    """Give laws at random to never-treated clusters, and test for their effect.

    Parameters
    ----------
    data : DataFrame
        Long data; only clusters without any treated row are used.
    yname, tname, gname, cluster : str
        Outcome, period, first treated period (0, NaN or inf: never), cluster.
    idname : str, optional
        Unit of a balanced panel. Without it the rows are repeated cross-sections.
    xformla : str, optional
        Covariates, for repeated cross-sections only (outcome regression).
    treated : int
        Clusters that get a law in every draw.
    adoption : sequence of float or dates, optional
        Period of the law for each cohort; the treated clusters are dealt out to the cohorts in
        turn. Default: the middle period.
    type : {"simple", "dynamic", "group", "calendar"}
    draws : int
    seed : int

    Returns
    -------
    Placebo

    Raises
    ------
    DataError
        More clusters are to be treated than there are, adoption outside the periods, or the
        data do not have every cluster in every period.
    """
    AverageType.of(type)  # raises where there is none of this name
    if xformla is not None and idname is not None:
        raise DataError("Placebo laws take covariates in repeated cross-sections only.")
    require_whole(least=1, draws=draws, treated=treated)
    require_seed(seed)
    require_instance(adoption, "adoption", (Sequence, np.ndarray, NoneType), "periods in a list")
    data = as_frame(data)
    checks.require_columns(data, {"gname": gname, "tname": tname})
    data, frequency = code_dates(data, tname, gname)
    sums = untreated_sums(data, yname, tname, gname, cluster, idname, xformla)
    G, T = sums.xy.shape[:2]
    chosen = (sums.times[T // 2],) if adoption is None else _codes(adoption, frequency)
    starts = _starts(chosen, sums.times, frequency)
    if not len(starts) <= treated <= G - 2:
        raise DataError(
            f"treated is {treated}: of {G} never-treated clusters at least {len(starts)} (one for "
            f"each cohort) and at most {G - 2} can be treated; two must remain as controls."
        )
    rng = np.random.default_rng(seed)
    dealt = np.full(G, len(starts), dtype=np.intp)
    dealt[:treated] = np.arange(treated) % len(starts)
    cohort = random_assignments(dealt, draws, rng)
    average = Average.of(type, starts, T)
    parts = [
        estimate_draws(sums, average, cohort[at : at + CHUNK]) for at in range(0, draws, CHUNK)
    ]
    frame = _tests(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    laws = tuple(as_dates(np.array(chosen), frequency)) if frequency else chosen
    return Placebo(frame, G, treated, laws, type, seed)


def untreated_sums(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    cluster: str,
    idname: str | None = None,
    xformla: str | None = None,
) -> Sums:
    """Sum the rows of clusters without treatment by cluster and period."""
    data = as_frame(data)
    checks.require_columns(data, {"gname": gname, "cluster": cluster, "tname": tname})
    first = checks.numeric(data, gname, "gname", missing="keep")
    touched = data[cluster][np.isfinite(first) & (first != 0)].unique()
    untreated = data[~data[cluster].isin(touched)]
    if untreated[cluster].nunique() < 3:
        raise DesignError(
            f"Fewer than three clusters of '{cluster}' are never treated; placebo laws need three."
        )
    # Coding refuses data without a treated cohort; which clusters are in it does not matter here.
    law = "placebo law"
    one_cluster = untreated[cluster] == untreated[cluster].iloc[0]
    coded = untreated.assign(**{law: np.where(one_cluster, untreated[tname].max(), 0)})
    panel = code_data(coded, Roles(yname, tname, law, idname, (cluster,), xformla,
                                 panel=idname is not None))  # fmt: skip
    return sum_rows(panel, cluster)


def _codes(adoption: Sequence[Any], frequency: str) -> tuple[float, ...]:
    return tuple(period_code(a, frequency) for a in adoption)


def _starts(adoption: tuple[float, ...], times: Array, frequency: str = "") -> Index:
    """Find the positions of the adoption periods."""
    at = np.searchsorted(times, adoption)
    known = [a in times[1:] for a in adoption]
    if not adoption or not all(known) or len(set(adoption)) < len(adoption):
        shown = ", ".join(period_text(a, frequency) for a in adoption)
        raise DataError(
            f"adoption ({shown}) must name different periods of the data, from "
            f"{period_text(times[1], frequency)} to {period_text(times[-1], frequency)}: one "
            "period before the law is needed."
        )
    return np.asarray(at, dtype=np.intp)


def _tests(theta: Array, clustered: Array) -> pd.DataFrame:
    """Write draws as a table with the p-values of all tests.

    Parameters
    ----------
    theta : (P, G + 1) array
        Full sample first; NaN where a deletion leaves nothing to estimate.
    clustered : (P,) array
        Standard error from influence functions.
    """
    estimate, deleted = theta[:, 0], theta[:, 1:]
    G = deleted.shape[1]
    errors = {"clustered-z": (clustered, np.inf), "clustered-t": (clustered, G - 1)}
    for name, center in (("cv3", "estimate"), ("cv3j", "mean")):
        deviations, H = cv3.deviations(estimate, deleted, center, axis=1)
        errors[name] = np.sqrt(cv3.variance(deviations, H, axis=1)), H - 1
    columns = {"estimate": estimate}
    for name, (se, df) in errors.items():
        columns[f"se_{name}"] = se
        with np.errstate(divide="ignore", invalid="ignore"):  # an outcome that never varies
            columns[f"p_{name}"] = two_sided_p(estimate / se, df)
    return pd.DataFrame(columns)
