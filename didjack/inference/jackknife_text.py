"""What a jackknife says of itself: warnings, notes, a few lines for a terminal, a summary."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd

from didjack.core.linalg import Array, Index, Mask
from didjack.core.moments import Clusters
from didjack.core.results import Inference
from didjack.core.screen import Bounds, count_text, estimate_lines, remarks, screen_table
from didjack.core.withheld import note_on_few_controls
from didjack.effects.parameters import OVERALL
from didjack.effects.target import treated_behind
from didjack.errors import DesignError
from didjack.inference import notes
from didjack.inference.exact import too_many_unasked
from didjack.inference.joint_tests import JointTests

# Unasked, a terminal shows exact values of designs up to so many clusters, and rows times cells.
SMALL, SMALL_SIZE = 50, 200_000
MOST_DRAWN = 300  # clusters up to which a summary draws an exact test before treatment


class JackknifeText(JointTests):
    """Warnings, notes and texts of a jackknife.

    A class of its own for the length of the file only: `Jackknife` is the one that has them.
    """

    clusters: Clusters
    estimand: str
    replicates: Array

    @property
    def method(self) -> str:
        """CV3 or one of its kin."""
        raise NotImplementedError

    @property
    def att(self) -> float:
        """The overall effect in the full sample."""
        raise NotImplementedError

    @property
    def skipped(self) -> pd.DataFrame:
        """Clusters whose deletion leaves no overall effect."""
        raise NotImplementedError

    @property
    def lost_cohorts(self) -> pd.DataFrame:
        """Deletions that remove whole cohorts."""
        raise NotImplementedError

    @property
    def lost_covariates(self) -> pd.DataFrame:
        """Deletions that make a covariate redundant."""
        raise NotImplementedError

    @property
    def usable(self) -> Mask:
        """Which deletions enter, (C, P)."""
        raise NotImplementedError

    @property
    def with_t(self) -> JackknifeText:
        """The same with p-values and intervals from t(H - 1)."""
        raise NotImplementedError

    @property
    def with_exact(self) -> JackknifeText:
        """The same with exact critical values."""
        raise NotImplementedError

    @property
    def warnings(self) -> list[str]:
        """Sentences on what changes the estimate or voids the inference; all are in `notes`.

        Deletions that lose cells count where averages re-weight over the cells that are left.
        """
        return [*self.target.sample_warnings, *self._treated, *self.warnings_on_deletions]

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the table must know."""
        return [
            *self.target.sample_warnings,
            *self._treated,
            *self.notes_on_deletions,
            *([] if self.exact is None else [self.exact.note]),
        ]

    @property
    def _treated(self) -> list[str]:
        """What `inference` says of few treated clusters, and of few controls.

        Nothing where it is exact.
        """
        if self.exact is not None:
            return []
        counted = np.isfinite(self.inference.se)
        few = note_on_few_controls(self.parameters, self.n_control_clusters, counted)
        return [*self.inference.warnings, *few]

    @property
    def n_control_clusters(self) -> Index:
        """Clusters with controls behind each parameter, (P,)."""
        raise NotImplementedError

    @property
    def notes_on_deletions(self) -> list[str]:
        """Sentences on deletions that are skipped, or lose cohorts or covariates."""
        return [
            *notes.notes_on_skipped(self.skipped),
            *(notes.notes_on_fewer(self.parameters, self.usable) if self.exact is None else []),
            *notes.notes_on_cohorts(self.lost_cohorts, self.estimand),
            *notes.notes_on_covariates(self.lost_covariates),
        ]

    @property
    def warnings_on_deletions(self) -> list[str]:
        """Those of `notes_on_deletions` that say that deletions estimate something else."""
        if self.exact is not None or self.estimand == "fixed":
            return []
        of_covariates = notes.notes_on_covariates(self.lost_covariates)
        return [note for note in self.notes_on_deletions if note not in of_covariates]

    def headline(self) -> list[str]:
        """Return overall effect, both intervals where they are cheap, and counts of clusters."""
        behind = treated_behind(self.target, self.clusters)
        overall = self.parameters[0] == OVERALL
        treated = int(behind[:, 0].sum() if overall else behind.any(axis=1).sum())
        found = self.overall_inferences() if overall else {}
        bounds = [
            Bounds(name, float(i.ci_low[0]), float(i.ci_high[0]), float(i.p[0]))
            for name, i in found.items()
        ]
        shown = next(reversed(found.values()), None)
        effect = [] if shown is None else estimate_lines(self.att, float(shown.se[0]), bounds)
        counts = f"{count_text(len(self.clusters), 'cluster')}, {treated:,} treated"
        return [
            f"Cluster jackknife ({self.method}) by {self.clusters.name} of {self.target.title}",
            *effect,
            f"  {counts}; {count_text(len(self.parameters), 'parameter')}",
        ]

    def overall_inferences(self) -> dict[str, Inference]:
        """Return the inference on the first parameter, by where critical values come from.

        "exact" (beside critical="t": "exact, fixed weights") is there if it is known already, or
        if the design is small enough to find it in some fifty milliseconds. That of t comes last,
        with the standard error of this jackknife.
        """
        first = str(self.parameters[0])
        if self.exact is None:
            found = {}
            if "with_exact" in vars(self) or self.is_small:
                with contextlib.suppress(DesignError):
                    found["exact, fixed weights"] = self.with_exact.lincom(first)
            plain = self.inference.only(0)
            return {**found, plain.reference: plain}
        if "inference" not in vars(self) and not self.is_small:
            plain = self.with_t.inference.only(0)
            return {plain.reference: plain}
        exact = self.inference.only(0) if "inference" in vars(self) else self.lincom(first)
        plain = exact.without_exact
        return {"exact": exact, plain.reference: plain}

    @property
    def is_small(self) -> bool:
        """Whether an exact p-value takes less than some fifty milliseconds."""
        estimation = self.target.estimation
        options = estimation.options
        odds = options.est_method != "reg" and not options.is_difference_of_means(estimation.panel)
        size = len(estimation.panel.rows) * len(estimation.cells)
        return len(self.clusters) <= SMALL and not odds and size <= SMALL_SIZE

    def summary(self) -> str:
        """Return a short text for people: verdict, test before treatment, table and notes."""
        n = len(self.clusters)
        head = f"Cluster jackknife ({self.method}) by {self.clusters.name}: {n} clusters"
        table = screen_table(self.to_frame())
        said = remarks(self.warnings, self.notes)
        lines = [head, *self._verdict_lines(), *self.pretest_lines()]
        return "\n".join([*lines, "", table, "", *said])

    def _verdict_lines(self) -> list[str]:
        """Write the verdict on the overall effect, where there is one and it is quickly found."""
        if self.parameters[0].is_element:
            return []
        asked = self.exact is not None
        reason = "" if asked else too_many_unasked(self.target.estimation, len(self.clusters))
        if reason:
            return [f"No verdict: {reason}"]
        try:
            return [f"Verdict: {self.verdict(self.parameters[0]).sentence}"]
        except DesignError as error:
            return [f"No verdict: {error}"]

    def pretest_lines(self) -> list[str]:
        """Write the test of all event times before treatment; empty where there is none of them.

        The exact one where there are exact values, which holds its level with few treated
        clusters; else, and with more than 300 clusters, the F test of the CV3 covariance.
        """
        if not any(p.kind == "event" and p.is_before_treatment for p in self.parameters):
            return []
        chosen: JackknifeText = self
        try:
            if len(self.clusters) > MOST_DRAWN:
                chosen = self.with_t
            elif not too_many_unasked(self.target.estimation, len(self.clusters)):
                with contextlib.suppress(DesignError):
                    chosen = self.with_exact
            return [f"Before treatment: {chosen.pretest().sentence}"]
        except DesignError as error:
            return [f"No test before treatment: {error}"]
