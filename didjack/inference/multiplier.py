"""The multiplier bootstrap of influence functions, at the level of units or clusters.

It perturbs S_c, the sum of the influence function over cluster c, by independent draws v_c with
mean zero and variance one. It resamples no nuisance estimate and no weight, and with few
clusters it has nothing more to work with than the analytic standard error: it repeats its
downward bias. `multiplier_draws` has the draws, `r_draws` those of R.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from didjack.core.analytic import influence_sums
from didjack.core.arguments import (
    is_one_of,
    require_seed,
    require_share,
    require_text,
    require_whole,
    shown,
)
from didjack.core.linalg import Array, Index
from didjack.core.results import Inference, Inferred, combination
from didjack.core.screen import Bounds, count_text, estimate_lines, remarks, screen_table
from didjack.core.withheld import fewest_treated
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.deletions import given_cluster
from didjack.effects.joint import Joint
from didjack.effects.parameters import Parameter
from didjack.effects.programs import program_of
from didjack.effects.target import Target, count_treated
from didjack.errors import DataError
from didjack.inference.bands import Band, band_elements, make_band
from didjack.inference.honestdid import HonestDiDInput, honestdid_input
from didjack.inference.multiplier_draws import DRAWS, bootstrap_draws, spread
from didjack.inference.pretest import PreTest, joint_pretest
from didjack.inference.r_draws import draw_as_r
from didjack.inference.recombined import DrawnInference, errors_of_draws

MOST_CALLS = 10_000  # bootstraps before: each of their random numbers is drawn and left out


@dataclass(frozen=True, eq=False, repr=False)
class Multiplier(Inferred):
    """A multiplier bootstrap; B draws, P parameters.

    Attributes
    ----------
    target : Aggregate, ATTgt or Joint
        What was bootstrapped.
    draws : (B, P) array
        Bootstrap deviations of the parameters; zero throughout for what is zero by construction.
    n_clusters : int
        Clusters (or units) that the multipliers perturb.
    level : float
        Coverage of the intervals.
    distribution : {"rademacher", "mammen", "webb"}
        Of the multipliers.
    scale : {"iqr", "sd"}
        How standard errors follow from the draws, see `multiplier`.
    seed : int
        Of the draws.
    n_treated_clusters : (P,) int array
        Treated clusters (or units) behind each parameter.
    cluster : str or None
        Cluster variable; None: the unit.
    rng : {"numpy", "R"}
        Whose random numbers these are.
    separate_draws : (B, P) array, optional
        With rng="R", where standard errors come from: draws with multipliers of each
        parameter's own. Without them, from `draws`.
    """

    target: Target = field(repr=False)
    draws: Array = field(repr=False)
    n_clusters: int
    level: float
    distribution: str
    scale: str
    seed: int
    n_treated_clusters: Index = field(repr=False)
    cluster: str | None = None
    rng: str = "numpy"
    separate_draws: Array | None = field(default=None, repr=False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is estimated; the overall effect of an aggregation comes first."""
        return self.target.parameters

    @cached_property
    def inference(self) -> Inference:
        """Standard errors with normal critical values, as R `did` uses them pointwise."""
        treated = self.n_treated_clusters
        found = self._inference(self.parameters, self.target.values, self.draws, treated)
        if self.separate_draws is None:
            return found
        return replace(found, se=errors_of_draws(self.separate_draws, self.scale))

    def _inference(
        self, parameters: tuple[str, ...], att: Array, draws: Array, n_treated_clusters: Index
    ) -> Inference:
        return self.rule.infer(parameters, att, draws, n_treated_clusters)

    @property
    def rule(self) -> DrawnInference:
        """How draws become standard errors."""
        method = f"bootstrap ({self.distribution})"
        return DrawnInference(method, self.scale, self.n_clusters, self.level)

    @property
    def se(self) -> float:
        """Standard error of the first parameter, the overall effect of an aggregation."""
        return float(self.inference.se[0])

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of the draws, P x P: their mean products, for their mean is zero.

        Its diagonal is the squared standard errors where scale="sd"; the interquartile range
        gives others, and has no covariances. R `did` takes both in the same way, its covariance
        around the mean of the draws.
        """
        return self.inference.vcov

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters: of the same combination of every draw.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", or a mapping of parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter; its standard error on the same scale as the others.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        """
        name, at, weights = combination(expression, self.parameters)
        att = np.array([self.target.values[at] @ weights])
        fewest = fewest_treated(self.n_treated_clusters, self.inference.se, at)
        return self._inference((name,), att, (self.draws[:, at] @ weights)[:, None], fewest)

    def band(self, level: float | None = None) -> Band:
        """Return the simultaneous band: the quantile of the largest absolute t over the draws.

        With rng="R", as in R, the band of an average is never narrower than pointwise intervals.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; that of the intervals without it.

        Raises
        ------
        DesignError
            No element has a standard error.
        """
        level = self.level if level is None else level
        at = band_elements(self.inference)
        largest = np.abs(self.draws[:, at] / spread(self.draws[:, at], self.scale)).max(axis=1)
        value = float(np.quantile(largest, level, method="inverted_cdf"))
        if self.rng == "R" and isinstance(self.target, Aggregate):
            value = max(value, float(ndtri(0.5 + level / 2)))
        return make_band(self.inference, at, value, level)

    def tidy(self, bands: bool = True) -> pd.DataFrame:
        """Return the parameters under broom's names, with the band that the draws give.

        Parameters
        ----------
        bands : bool
            False: without band_low and band_high.
        """
        return super().tidy(bands)

    def pretest(self) -> PreTest:
        """Test that all pre-treatment parameters are zero: Wald, with the covariance of draws.

        Raises
        ------
        DesignError
            Nothing before treatment has a standard error, or the covariance is singular.
        """
        return joint_pretest(self.inference)

    def to_honestdid(self, reference: float = -1) -> HonestDiDInput:
        """Hand the event study to tools for sensitivity analysis, with the covariance of draws.

        Parameters
        ----------
        reference : float
            Event time of the base period, which is left out: -1 without anticipation.

        Raises
        ------
        DesignError
            Not an event study with a universal base period, or an event time without a standard
            error.
        """
        return honestdid_input(self.inference, reference)

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.target.estimation.panel.roles.yname

    def sample_facts(self) -> dict[str, Any]:
        """Return sizes, estimator and controls, for coefficient tables."""
        return self.target.estimation.facts

    @property
    def _cluster_of_errors(self) -> str | None:
        return self.cluster

    def glance(self) -> pd.DataFrame:
        """One row on the whole bootstrap."""
        return self.target.estimation.glance().assign(
            method=self.inference.method,
            scale=self.scale,
            n_draws=len(self.draws),
            n_clusters=self.n_clusters,
        )

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        return self.target.sample_warnings + self.inference.warnings

    def headline(self) -> list[str]:
        """Return draws and clusters, and the overall effect with its interval."""
        i = self.inference.only(0)
        lines = [
            f"Multiplier bootstrap ({self.distribution}) of {self.target.title}: "
            f"{len(self.draws):,} draws"
        ]
        if not self.parameters[0].is_element:
            bounds = Bounds(i.reference, float(i.ci_low[0]), float(i.ci_high[0]), float(i.p[0]))
            lines += estimate_lines(float(i.att[0]), float(i.se[0]), [bounds])
        return [
            *lines,
            f"  {self.n_clusters:,} clusters or units, {self.n_treated_clusters[0]:,} treated; "
            f"{count_text(len(self.parameters), 'parameter')}",
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        head = (
            f"Multiplier bootstrap ({self.distribution}): {len(self.draws):,} draws over "
            f"{self.n_clusters:,} clusters or units"
        )
        said = remarks(self.warnings, self.notes)
        table = screen_table(self.to_frame())
        return "\n".join([head, "", table, *([""] if said else []), *said])


def multiplier(
    target: Aggregate | ATTgt | Joint,
    clustervars: str | Sequence[str] | None = None,
    level: float = 0.95,
    *,
    cluster: str | None = None,
    distribution: str | None = None,
    n_boot: int | None = None,
    scale: str = "iqr",
    seed: int = 0,
    n_jobs: int = 1,
    rng: str = "numpy",
    cband: bool | None = None,
    calls_before: int = 0,
) -> Multiplier:
    """Bootstrap influence functions with random multipliers.

    Parameters
    ----------
    target : Aggregate, ATTgt or Joint
        From `aggte` or `att_gt`.
    clustervars : str, optional
        Cluster variable; the default is the clustervars of `att_gt`, None of both: the unit.
    level : float
        Coverage of the intervals.
    cluster : str, optional
        Another name of clustervars.
    distribution : {"rademacher", "mammen", "webb"}, optional
        Of the multipliers: two points, -1 and 1; Mammen's two points; Webb's six. The default is
        "rademacher", or that of the program that `like` of `att_gt` names.
    n_boot : int, optional
        Number of draws: 999, or that of the program.
    scale : {"iqr", "sd"}
        Standard errors from the interquartile range of the draws over that of a normal (R
        `did`), or from their standard deviation. When a few clusters dominate, the draws are
        not normal and the two differ; only the second converges to the clustered analytic one.
    seed : int
        Of the draws; with rng="R" that of R's `set.seed`.
    n_jobs : int
        Workers (joblib). The result is the same for any number. Not used with rng="R".
    rng : {"numpy", "R"}
        "R": the draws of R `did` 2.5.1, so that its standard errors and critical values come
        out, see Notes. Rademacher multipliers only.
    cband : bool, optional
        For rng="R" and an average: whether R made a uniform band too, which moves the draws of
        the overall effect. None: as by R's default, where there are more than two periods.
    calls_before : int
        For rng="R": how many bootstraps of as many draws over the same clusters R made since
        set.seed; `att_gt` makes one, `aggte` one for every element and for the overall effect,
        and one for the band.

    Returns
    -------
    Multiplier

    Raises
    ------
    DataError
        An argument is out of range.

    Notes
    -----
    With rng="R" and seed=s the numbers are those of `set.seed(s)` followed by
    `att_gt(..., bstrap = TRUE, biters = n_boot)`, for group-time effects, or by
    `aggte(..., bstrap = TRUE, biters = n_boot)`, for an average; for `aggte` right behind a
    bootstrapped `att_gt`, with calls_before=1. R's generator must be its default (Mersenne
    Twister), and not split over cores (`pl = FALSE`). Over units, they are taken in the order of
    R's faster_mode, its default. Clusters count in sorted order; text that R sorts otherwise in
    its locale (upper and lower case mixed) gives other draws.
    """
    if not (hasattr(target, "influence") and hasattr(target, "estimation")):
        raise DataError(f"multiplier takes the result of att_gt or aggte, not {shown(target)}.")
    program = program_of(target.estimation.options)
    if distribution is None:
        distribution = "rademacher" if program is None else program.distribution
    if n_boot is None:
        n_boot = 999 if program is None else program.n_boot
    require_text(distribution=distribution, scale=scale, rng=rng)
    require_share(level=level)
    require_whole(least=2, n_boot=n_boot)
    if rng != "R":  # whose seeds may be negative
        require_seed(seed)
    if distribution not in DRAWS:
        raise DataError(f"distribution must be one of {', '.join(DRAWS)}, not {distribution!r}.")
    if scale not in ("iqr", "sd"):
        raise DataError(f"scale must be 'iqr' or 'sd', not {scale!r}.")
    _check_generator(rng, distribution, cband, calls_before)
    estimation = target.estimation
    name = given_cluster(clustervars, cluster) or estimation.beyond_unit
    code = estimation.unit_clusters(name)
    n_clusters = estimation.n if code is None else int(code.max()) + 1
    treated = count_treated(target, name)
    if rng == "R":
        as_r = draw_as_r(target, code, n_boot, seed, cband, calls_before)
        draws, separate = as_r.joint, as_r.separate
    else:
        sums = influence_sums(target.influence, code)
        draws = bootstrap_draws(sums / estimation.n, distribution, n_boot, seed, n_jobs)
        separate = None
    return Multiplier(
        target, draws, n_clusters, level, distribution, scale, seed, treated,
        cluster=name, rng=rng, separate_draws=separate,
    )  # fmt: skip


def _check_generator(rng: str, distribution: str, cband: bool | None, calls_before: int) -> None:
    if not is_one_of(rng, ("numpy", "R")):
        raise DataError(f"rng must be 'numpy' or 'R', not {shown(rng)}.")
    if cband is not None and not isinstance(cband, (bool, np.bool_)):
        raise DataError(f"cband must be True, False or None, not {shown(cband)}.")
    require_whole(most=MOST_CALLS, calls_before=calls_before)
    if rng == "R" and distribution != "rademacher":
        raise DataError(f"rng='R' has Rademacher multipliers only, as R did, not {distribution!r}.")
    if rng != "R" and (cband is not None or calls_before != 0):
        raise DataError("cband and calls_before say what R drew: give them with rng='R' only.")
