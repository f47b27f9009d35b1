"""Planning: what a test could find in a panel like the user's.

An error model is fitted to the user's outcome, samples without effect are drawn from it in the
user's own layout of clusters, sizes and adoption times, and every test is applied to them. A
constant effect moves estimates and deletions alike and leaves all standard errors as they are, so
the same draws give the power for every effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from didjack.core.arguments import require_name, require_seed, require_share, require_whole
from didjack.core.linalg import Array
from didjack.core.progress import progress
from didjack.core.screen import screen_table
from didjack.core.student import critical_value
from didjack.core.views import Shown, view
from didjack.effects.average_types import AverageType
from didjack.errors import DataError
from didjack.inference.error_models import ErrorModel, fit_errors
from didjack.sample.blocks import balanced_blocks
from didjack.simulate.compared import LABELS, clustered_se, jackknife_se
from didjack.simulate.compiled import Compiled, evaluate
from didjack.simulate.control_placebos import half_widths
from didjack.simulate.layout import (
    compile_average,
    compile_fixed_effects,
    draw_blocks,
    layout_of,
)
from didjack.simulate.study_table import binomial_se

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLOCK = 500
FEW = 3  # treated clusters with which tests by t(H - 1) do not hold their level
HOLDS = 1.5  # size over level up to which a test is said to hold its level


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Shown):
    """What each test could find.

    Attributes
    ----------
    model : ErrorModel
    table : DataFrame
        One row per test: size (rejection rate without an effect) with its Monte Carlo standard
        error, whether the test holds its level (a size of at most 1.5 times the level), and the
        smallest effect that is found with the power asked for. With one to three treated clusters
        the tests that are valid there come first.
    type : str
        The average that is tested.
    level, power : float
    n_clusters, n_treated : int
        Clusters, and those with treated units.
    draws : dict of str to tuple
        Estimates, standard errors and critical value of each test, without an effect. For
        Conley-Taber the second is half the length of the interval, the third is one.
    """

    model: ErrorModel
    table: pd.DataFrame
    type: str
    level: float
    power: float
    n_clusters: int
    n_treated: int
    draws: dict[str, tuple[Array, Array, float]] = field(repr=False)

    @property
    def default_test(self) -> str:
        """The test whose minimum detectable effect is reported unless another is named.

        "cv3", the paper's; with one to three treated clusters, where it does not hold its level,
        "exact". Where there is no jackknife, the first test of the table.
        """
        wanted = "exact" if self.n_treated <= FEW else "cv3"
        return wanted if wanted in self.draws else next(iter(self.draws))

    def mde(self, test: str | None = None) -> float:
        """Return the minimum detectable effect of a test.

        Parameters
        ----------
        test : str, optional
            Of those in `table`; `default_test` without it.
        """
        test = self.default_test if test is None else test
        if test not in self.draws:
            raise DataError(f"There is no test {test!r} here; there are {', '.join(self.draws)}.")
        return float(self.table["mde"].to_numpy()[list(self.draws).index(test)])

    def curve(self, effects: Sequence[float]) -> pd.DataFrame:
        """Return the power of every test for effects of these sizes.

        Parameters
        ----------
        effects : sequence of float
            In units of the outcome.
        """
        columns = {
            test: [float((np.abs(theta + e) > c * se).mean()) for e in effects]
            for test, (theta, se, c) in self.draws.items()
        }
        return pd.DataFrame({"effect": np.asarray(effects, dtype=np.float64), **columns})

    def to_frame(self) -> pd.DataFrame:
        """Return `table`: one row per test."""
        return self.table

    def headline(self) -> list[str]:
        """Return design, error model, level and power, and the table."""
        m = self.model
        return [
            f"{self.n_clusters} clusters, {self.n_treated} with treated units; average: "
            f"{self.type}",
            f"Error model: shocks to clusters with sd {m.shock_sd:.4g} and "
            f"autocorrelation {m.rho:.2f}, noise of units with sd {m.noise_sd:.4g}",
            f"Level {self.level:g}, power {self.power:g}",
            screen_table(self.table),
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        *lines, table = self.headline()
        return "\n".join([*lines, "", table])

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the power of the tests against the effect.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure without it.
        """
        return view("plot", self, ax=ax)


def plan(
    data: pd.DataFrame,
    yname: str,
    tname: str,
    gname: str,
    idname: str,
    *,
    cluster: str | None = None,
    type: str = "simple",
    power: float = 0.8,
    level: float = 0.05,
    reps: int = 4000,
    seed: int = 0,
) -> Plan:
    """Find the size of each test and the smallest effect that it detects.

    Parameters
    ----------
    data : DataFrame
        A balanced panel in long form. `gname` may hold a law that is only planned.
    yname, tname, gname, idname : str
        Outcome, period, first treated period (0, NaN or inf: never treated), and unit.
    cluster : str, optional
        Column that is constant within unit; the unit without it.
    type : {"simple", "dynamic", "group", "calendar"}
        The average that is tested.
    power, level : float
        Power with which the smallest effect is found, and level of the tests.
    reps : int
        Samples drawn.
    seed : int
        Of the draws.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        The panel is not balanced, or an argument is out of range.
    DesignError
        There is nothing to estimate, or nothing from which the error model could be fitted.
    """
    AverageType.of(type)  # raises where there is none of this name
    require_share(level=level, power=power)
    require_whole(least=100, reps=reps)
    require_seed(seed)
    require_name(cluster=cluster)
    if not 0 < level < 1 or not level < power < 1:
        raise DataError(f"level {level!r} and power {power!r} must be shares, power the larger.")
    blocks = balanced_blocks(data, yname, tname, gname, idname, cluster or idname)
    blocks, layout = layout_of(blocks, type)
    model = fit_errors(blocks.mean, layout.size, blocks.within, layout.cohort)
    compiled = {"csdid": compile_average(layout, type), "twfe": compile_fixed_effects(layout)}
    parts = []
    starts = range(0, reps, BLOCK)
    for number, start in enumerate(progress(starts, len(starts), f"{reps:,} samples of a plan")):
        rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
        parts.append(
            statistics_of(
                compiled, draw_blocks(layout, model, rng, min(BLOCK, reps - start)), level
            )
        )
    draws = {}
    treated = np.unique(layout.cluster[layout.cohort < len(layout.starts)])
    for test, critical in critical_values(compiled, level, len(treated)).items():
        theta, se = (np.concatenate([part[test][i] for part in parts]) for i in (0, 1))
        if np.isfinite(se).all():  # else there are too few placebo estimates for the level
            draws[test] = (theta, se, critical)
    table = _table(draws, level, power)
    return Plan(model, table, type, level, power, layout.n_clusters, len(treated), draws)


def critical_values(
    compiled: dict[str, Compiled], level: float, n_treated: int
) -> dict[str, float]:
    """List the tests that can be computed with their critical values, in the order of the table.

    Parameters
    ----------
    compiled : dict of str to Compiled
        "csdid" and "twfe".
    level : float
        Of the tests.
    n_treated : int
        Treated clusters: with one to three, the tests that are valid there come first.
    """
    csdid = compiled["csdid"]
    valid: dict[str, float] = {}
    exact = csdid.exact
    if exact is not None and csdid.n_deletions > 1 and exact.moves:
        valid["exact"] = float(exact.critical_values((level,))[0])
    if csdid.placebos is not None and csdid.placebos.available:
        valid["conley-taber"] = 1.0  # its draws hold half the length of the interval
    by_t = {
        test: float(critical_value(level, df)) for test, df in degrees_of_freedom(compiled).items()
    }
    return valid | by_t if n_treated <= FEW else by_t | valid


def degrees_of_freedom(compiled: dict[str, Compiled]) -> dict[str, float]:
    """List the tests by t or normal distribution that can be computed, with degrees of freedom.

    G - 1 for the clustered t tests, H - 1 for the jackknife, with the H of the estimator that is
    tested: where all treated units are in one cluster, neither estimator has its deletion.

    Parameters
    ----------
    compiled : dict of str to Compiled
        "csdid" and "twfe".
    """
    csdid, fixed = compiled["csdid"], compiled["twfe"]
    tests = {"clustered-z": np.inf, "clustered-t": csdid.n_clusters - 1.0}
    if csdid.valid and csdid.n_deletions > 1:
        tests |= {"cv3": csdid.n_deletions - 1.0, "cv3j": csdid.n_deletions - 1.0}
    tests["twfe-cv1"] = fixed.n_clusters - 1.0
    if fixed.n_deletions > 1:
        tests["twfe-cv3"] = fixed.n_deletions - 1.0
    return tests


def statistics_of(
    compiled: dict[str, Compiled], means: Array, level: float = 0.05
) -> dict[str, tuple[Array, Array]]:
    """Return estimates and standard errors of n samples, (n,) each, by test.

    Parameters
    ----------
    compiled : dict of str to Compiled
        "csdid" and "twfe".
    means : (n, M, T) array
        Means of blocks by period.
    level : float
        Of Conley-Taber, whose intervals have no standard error: half their length stands for it.
    """
    csdid, fixed = (evaluate(compiled[name], means) for name in ("csdid", "twfe"))
    clustered = clustered_se(csdid.scores, compiled["csdid"].factor)
    found = {
        "clustered-z": (csdid.estimate, clustered),
        "clustered-t": (csdid.estimate, clustered),
        "cv3": (csdid.estimate, jackknife_se(csdid.deviations)),
        "cv3j": (csdid.estimate, jackknife_se(csdid.deviations, "mean")),
        "twfe-cv1": (fixed.estimate, clustered_se(fixed.scores, compiled["twfe"].factor)),
        "twfe-cv3": (fixed.estimate, jackknife_se(fixed.deviations)),
    }
    exact, placebos = compiled["csdid"].exact, compiled["csdid"].placebos
    if exact is not None:
        rows = means.reshape(len(means), -1)
        found["exact"] = (csdid.estimate, jackknife_se(rows @ exact.deviations))
    if placebos is not None and placebos.available:
        draws = placebos.draws(means, rescale=False)
        found["conley-taber"] = (csdid.estimate, half_widths(draws, (level,))[0])
    return found


def _table(
    draws: dict[str, tuple[Array, Array, float]], level: float, power: float
) -> pd.DataFrame:
    rows = []
    for test, (theta, se, critical) in draws.items():
        size = float((np.abs(theta) > critical * se).mean())
        # An effect is found when theta + effect > critical * se.
        needed = np.quantile(critical * se - theta, power, method="inverted_cdf")
        rows.append(
            {
                "test": test,
                "inference": LABELS[test],
                "size": size,
                "mc_se": float(binomial_se(np.array(size), np.array(len(theta)))),
                "holds_level": size <= HOLDS * level,
                "mde": max(float(needed), 0.0),
            }
        )
    return pd.DataFrame(rows)
