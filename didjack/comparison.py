"""The result of `csdid`: every aggregation with every inference, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from didjack.core.arguments import is_one_of, shown
from didjack.core.coefficients import CoefficientTable, se_type
from didjack.core.results import Inference
from didjack.core.screen import count_text, remarks, screen_table
from didjack.core.views import Shown, view
from didjack.core.withheld import note_on_few_controls, notes_on_few_treated
from didjack.effects.aggregate import Aggregate
from didjack.effects.attgt import ATTgt
from didjack.effects.deletions import Deletions
from didjack.effects.ledger import left_out_lines
from didjack.effects.parameters import Parameter
from didjack.effects.programs import notes_on_program
from didjack.effects.target import treated_behind
from didjack.errors import DataError, DesignError
from didjack.inference.cluster_jackknife import jackknife_of
from didjack.inference.cluster_level import ClusterLevelTest, cluster_level_test
from didjack.inference.exact import too_many_unasked
from didjack.inference.few_treated import NAMES, FewTreated, few_treated
from didjack.inference.jackknife import Jackknife
from didjack.inference.randomization import Randomization, randomize
from didjack.inference.verdict import Verdict
from didjack.sample.cautions import cautions

if TYPE_CHECKING:
    from matplotlib.figure import Figure


EXACT = "CV3, exact"
STUDENT = "CV3, t(H-1)"
CLUSTERED = "clustered"
BY_UNIT = "by unit"
RANDOMIZED = "randomization"
MOST_PLACEBO = 3  # treated clusters up to which placebo estimates are compared


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown, CoefficientTable):
    """Aggregations with every inference: exact and t critical values for CV3, clustered, by unit.

    Attributes
    ----------
    attgt : ATTgt
        The group-time effects behind all of them.
    aggregates : dict of str to Aggregate
        By type.
    jackknives : dict of str to Jackknife
        By type, with t(H - 1).
    deletions : Deletions
        The pass over the data that all jackknives share.
    level : float
        Coverage of the intervals.
    n_permutations : int
        Random assignments of randomization inference; 0: none.
    seed : int
        Of these assignments.
    """

    attgt: ATTgt = field(repr=False)
    aggregates: dict[str, Aggregate] = field(repr=False)
    jackknives: dict[str, Jackknife] = field(repr=False)
    deletions: Deletions = field(repr=False)
    level: float
    n_permutations: int = 0
    seed: int = 0

    @property
    def cluster(self) -> str:
        """The cluster variable."""
        return self.deletions.clusters.name

    @property
    def exact(self) -> dict[str, Jackknife]:
        """Jackknives with exact critical values, by type; empty where `no_exact` says why."""
        return self._exact[0]

    @property
    def no_exact(self) -> str:
        """Why there are no exact critical values; empty where there are."""
        return self._exact[1]

    @cached_property
    def _exact(self) -> tuple[dict[str, Jackknife], str]:
        reason = too_many_unasked(self.attgt.estimation, len(self.deletions.clusters))
        if reason:
            return {}, reason
        try:
            found = {
                type: jackknife_of(agg, self.deletions, self.level, critical="exact")
                for type, agg in self.aggregates.items()
            }
            for jk in found.values():
                _ = jk.inference  # shocks that cancel are found here
        except DesignError as error:
            return {}, str(error)
        return found, ""

    @property
    def randomizations(self) -> dict[str, Randomization]:
        """Randomization inference by type; empty if none was asked for, or is possible."""
        return self._randomizations[0]

    @cached_property
    def _randomizations(self) -> tuple[dict[str, Randomization], str]:
        if not self.n_permutations:
            return {}, ""
        try:
            found = {
                type: randomize(
                    agg, self.cluster, n_permutations=self.n_permutations, seed=self.seed
                )
                for type, agg in self.aggregates.items()
            }
        except DesignError as error:
            return {}, f"No randomization inference: {error}"
        return found, ""

    def inferences(self, type: str) -> dict[str, Inference]:
        """Return every inference on one aggregation, by name; the recommended one first.

        "CV3, exact" where there are exact critical values, "CV3, t(H-1)", "clustered", "by unit",
        "randomization" where it was asked for. They fall under one rule: with fewer than two
        treated clusters, t and normal critical values give no p-value and no interval.

        Parameters
        ----------
        type : str
            Of those in `aggregates`.
        """
        if not is_one_of(type, self.jackknives):
            raise DataError(f"type must be one of {', '.join(self.jackknives)}, not {shown(type)}.")
        jk, agg = self.jackknives[type], self.aggregates[type]
        by_unit = dataclasses.replace(
            agg.analytic(None, self.level), n_treated_clusters=jk.n_treated_clusters
        )
        found = {
            STUDENT: jk.inference,
            CLUSTERED: agg.analytic(jk.cluster, self.level),
            BY_UNIT: by_unit,
        }
        if type in self.exact:
            found = {EXACT: self.exact[type].inference, **found}
        if type in self.randomizations:
            found[RANDOMIZED] = _ranked(self.randomizations[type], jk)
        return found

    def recommended(self, type: str) -> Jackknife:
        """Return the jackknife with exact critical values, or with t(H - 1) where there are none.

        Parameters
        ----------
        type : str
            Of those in `aggregates`.
        """
        return self.exact.get(type, self.jackknives[type])

    def verdict(self, type: str | None = None, parameter: str = "overall") -> Verdict:
        """Say whether a finding is significant, and which inference to believe.

        Parameters
        ----------
        type : str, optional
            Of those in `aggregates`; the first of them without it.
        parameter : str
            Of that average, or a linear combination.

        Returns
        -------
        Verdict

        Raises
        ------
        DesignError
            There are no exact critical values; `no_exact` says why.
        """
        chosen = next(iter(self.aggregates)) if type is None else type
        if self.no_exact:
            raise DesignError(f"There is no verdict without exact critical values: {self.no_exact}")
        return self.exact[chosen].verdict(parameter)

    def verdicts(self) -> dict[str, Verdict]:
        """Return the verdicts on all overall effects, by type; empty without exact values."""
        return {type: self.verdict(type) for type in self.exact}

    def placebos(self, type: str) -> list[FewTreated]:
        """Test the overall effect against placebo estimates, with one to three treated clusters.

        Conley and Taber (2011); Ferman and Pinto (2019) too where the sizes of clusters differ.

        Parameters
        ----------
        type : str
            Of those in `aggregates`.

        Returns
        -------
        list of FewTreated
            Empty with more treated clusters, or fewer than 10 controls.
        """
        if not 1 <= self.jackknives[type].n_treated_clusters[0] <= MOST_PLACEBO:
            return []
        tests = []
        for method in ("conley-taber", "ferman-pinto"):
            try:
                tests.append(
                    few_treated(
                        self.aggregates[type], self.cluster, method=method, level=self.level
                    )
                )
            except DesignError:
                continue
        return tests

    def cluster_level(self, type: str, fine: str | None = None) -> ClusterLevelTest:
        """Test a finer cluster variable against that of the jackknife.

        Parameters
        ----------
        type : str
            Of those in `aggregates`.
        fine : str, optional
            Cluster variable whose clusters lie within those of the jackknife; the unit without it.

        Raises
        ------
        DataError
            Repeated cross-sections have no unit: pass fine.
        """
        finer = fine or (self.attgt.panel.roles.idname if self.attgt.panel.roles.panel else None)
        if finer is None:
            raise DataError("Repeated cross-sections have no unit: pass fine, a cluster variable.")
        return cluster_level_test(self.aggregates[type], finer, self.cluster)

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
            n_clusters, n_treated_clusters. Exact and randomization p-values have no df.
        """
        parts = []
        for type in self.aggregates:
            for name, inference in self.inferences(type).items():
                frame = inference.to_frame().assign(aggregation=type, inference=name)
                if inference.exact_p is not None:
                    frame["df"] = np.nan
                parts.append(frame if elements else frame.iloc[:1])
        columns = ["aggregation", "parameter", "att", "inference", "se", "t", "p", "ci_low",
                   "ci_high", "df", "n_clusters", "n_treated_clusters"]  # fmt: skip
        return pd.concat(parts, ignore_index=True)[columns]

    def tidy(self, elements: bool = True) -> pd.DataFrame:
        """Return the long table under broom's names.

        Parameters
        ----------
        elements : bool
            Event times, cohorts and periods beside the overall effects.

        Returns
        -------
        DataFrame
            Columns aggregation, term, inference, estimate, std_error, statistic, p_value,
            conf_low, conf_high, n_treated_clusters.
        """
        names = {
            "aggregation": "aggregation", "parameter": "term", "inference": "inference",
            "att": "estimate", "se": "std_error", "t": "statistic", "p": "p_value",
            "ci_low": "conf_low", "ci_high": "conf_high",
            "n_treated_clusters": "n_treated_clusters",
        }  # fmt: skip
        return self.to_frame(elements)[list(names)].rename(columns=names)

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the overall effects with the recommended inference, for coefficient tables."""
        parts = [self.recommended(type).inference.only(0).to_frame() for type in self.aggregates]
        return pd.concat(parts, ignore_index=True)

    def coefficient_names(self) -> list[Parameter]:
        """Return the overall effects, by the average."""
        return [Parameter(type) for type in self.aggregates]

    def table_facts(self) -> dict[str, Any]:
        """Return sizes, estimator, and how standard errors were made, for coefficient tables."""
        jk = self.recommended(next(iter(self.aggregates)))
        return {
            **jk.table_facts(),
            "n_treated_clusters": self.n_treated_clusters,
            "se_type": se_type(jk.method, self.cluster),
        }

    @property
    def outcome(self) -> str:
        """Name of the outcome."""
        return self.attgt.outcome

    def glance(self) -> pd.DataFrame:
        """Return one row on sample, arguments, clusters, and which inferences there are."""
        first = next(iter(self.jackknives.values()))
        return self.attgt.glance().assign(
            cluster=self.cluster,
            n_clusters=first.n_clusters,
            n_treated_clusters=self.n_treated_clusters,
            level=self.level,
            aggregations=", ".join(self.aggregates),
            exact=not self.no_exact,
            n_permutations=self.n_permutations,
            n_warnings=len(self.warnings),
        )

    @property
    def n_treated_clusters(self) -> int:
        """Clusters with treated units behind any of the averages."""
        clusters = self.deletions.clusters
        behind = [treated_behind(agg, clusters)[:, 0] for agg in self.aggregates.values()]
        return int(np.any(behind, axis=0).sum())

    def headline(self) -> list[str]:
        """Return the overall effects, with exact intervals where they are cheap, and with t."""
        rows = []
        quick = "_exact" in vars(self) or next(iter(self.jackknives.values())).is_small
        for type, jk in self.jackknives.items():
            plain = jk.inference.only(0)
            found = {plain.reference: plain}
            if quick and type in self.exact:
                found = {"exact": self.exact[type].inference.only(0), **found}
            rows += [
                i.to_frame().assign(aggregation=type, interval=name) for name, i in found.items()
            ]
        columns = ["aggregation", "interval", "att", "se", "p", "ci_low", "ci_high"]
        panel = self.attgt.panel
        size = count_text(self.attgt.n, "unit" if panel.roles.panel else "row")
        return [
            f"Comparison of inferences by {self.cluster}: "
            f"{count_text(len(self.deletions.clusters), 'cluster')}, "
            f"{self.n_treated_clusters:,} treated; {size}, {len(panel.times):,} periods",
            screen_table(pd.concat(rows, ignore_index=True)[columns]),
        ]

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`."""
        found = [text for jk in self.jackknives.values() for text in jk.target.sample_warnings]
        found += _notes_on_few_treated(list(self.jackknives.values()))
        found += [text for jk in self.jackknives.values() for text in jk.warnings_on_deletions]
        return list(dict.fromkeys(found))

    @cached_property
    def notes(self) -> list[str]:
        """Sentences on what was left out, skipped or lost, and on what numbers rest."""
        notes = [note for agg in self.aggregates.values() for note in agg.sample_warnings]
        notes += left_out_lines(self.attgt.ledger) + cautions(self.attgt.panel)
        if not self.attgt.panel.roles.clustervars:
            notes.append(f"No cluster variable was given: every '{self.cluster}' is a cluster.")
        elif self.attgt.panel.is_panel and self.attgt.n > len(self.deletions.clusters):
            notes.append(
                f"Clusters of '{self.cluster}' hold several units: cluster_level() tests whether "
                "the unit would do."
            )
        notes += notes_on_program(self.attgt.options, self.attgt.panel.roles)
        notes += self._notes_on_exact()
        notes += _notes_on_few_treated(list(self.jackknives.values()))
        seen = dict.fromkeys(n for jk in self.jackknives.values() for n in jk.notes_on_deletions)
        seen |= dict.fromkeys(n for test in self.randomizations.values() for n in test.notes)
        seen |= dict.fromkeys(_not_rejected(t, self.level) for t in self.randomizations.values())
        placebos = [test for type in self.aggregates for test in self.placebos(type)]
        seen |= dict.fromkeys(note for test in placebos for note in _said(test))
        if self._randomizations[1]:
            notes.append(self._randomizations[1])
        return list(dict.fromkeys(notes + list(seen)))

    def _notes_on_exact(self) -> list[str]:
        if self.no_exact:
            return [f"No exact critical values: {self.no_exact}"]
        first = next(iter(self.exact.values())).exact
        assert first is not None  # that is what makes it exact
        kept = "Averages keep their weights under deletion there."
        return [f"CV3, exact: {first.note[0].lower()}{first.note[1:]} {kept}"]

    def summary(self) -> str:
        """Return a short text for people: verdicts, table and notes."""
        verdicts = [f"{type}: {found.sentence}" for type, found in self.verdicts().items()]
        table = screen_table(self.to_frame())
        said = remarks(self.warnings, self.notes)
        before = [line for jk in self.jackknives.values() for line in jk.pretest_lines()]
        head = [*verdicts, *before]
        return "\n".join([*head, *([""] if head else []), table, "", *said])

    def plot(self, type: str | None = None, **options: Any) -> Figure:
        """Draw one aggregation with the intervals of CV3, exact and t, and clustered ones.

        The default is the event study if it is there, else the first aggregation (matplotlib).

        Parameters
        ----------
        type : str, optional
            Of those in `aggregates`.
        **options
            Axes, title, labels, colours or window: those of
            `didjack.display.plots.plot_inferences`.
        """
        chosen = type or (
            "dynamic" if "dynamic" in self.jackknives else next(iter(self.jackknives))
        )
        return view("plot", self, chosen, **options)


def _ranked(test: Randomization, jk: Jackknife) -> Inference:
    """Write randomization p-values in the form of the others; their intervals are sets."""
    t = test.actual.t[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.asarray(test.actual.att[0] / t)
    return Inference(
        method=RANDOMIZED,
        parameters=test.target.parameters,
        att=test.target.values,
        se=se,
        df=np.full(len(t), np.nan),
        n_clusters=len(test.clusters),
        level=jk.level,
        exact_p=test.p_values("t"),
        exact_critical_value=np.full(len(t), np.nan),
        assumption=test.notes[0],
        n_treated_clusters=jk.n_treated_clusters,
    )


def _notes_on_few_treated(jackknives: Sequence[Jackknife]) -> list[str]:
    """Say once for all aggregations which t and normal p-values are withheld or too small."""
    names: list[str] = []
    for jk in jackknives:
        names += [f"{n} ({jk.aggregate.type})" if n == "overall" else n for n in jk.parameters]
    counts = np.concatenate([jk.n_treated_clusters for jk in jackknives])
    counted = np.concatenate([np.isfinite(jk.inference.se) for jk in jackknives])
    controls = np.concatenate([jk.n_control_clusters for jk in jackknives])
    return [
        *notes_on_few_treated(names, counts, counted),
        *note_on_few_controls(names, controls, counted),
    ]


def _not_rejected(test: Randomization, level: float) -> str:
    """Write the set of constant overall effects that randomization does not reject."""
    what = f"of the overall effect ({test.target.type}) that randomization does not reject"
    if test.refit_reason:
        return f"The effects {what} take a refit of every assignment: ask for .intervals()."
    parts = [f"{low:.4g} to {high:.4g}" for low, high in test.intervals(level=level)]
    return f"{100 * level:g}% set {what}: {', and '.join(parts) if parts else 'empty'}."


def _said(test: FewTreated) -> list[str]:
    """Write what placebo estimates say of an overall effect."""
    name = NAMES[test.method]
    numbers = (
        f"{name} inference on the overall effect ({test.target.type}): p = {test.p[0]:.3g}, "
        f"{100 * test.level:g}% interval {test.ci_low[0]:.4g} to {test.ci_high[0]:.4g}"
    )
    return [f"{numbers}. {test.assumption}"] if np.isfinite(test.p[0]) else []
