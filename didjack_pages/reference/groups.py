"""What the reference documents, and on which page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReferenceGroup:
    """One page of the reference.

    Attributes
    ----------
    text : str
        What stands above the entries, in markdown.
    names : tuple of str
        Where users import each entry from, in the order of the page; without ``didjack.``.
    """

    text: str
    names: tuple[str, ...]


GROUPS = {
    "estimation": ReferenceGroup(
        "Argument names follow R `did`.",
        (
            "gname",
            "att_gt",
            "ATTgt",
            "aggte",
            "Aggregate",
            "effects.joint.Joint",
            "effects.parameters.Parameter",
            "effects.deletions.Deletions",
        ),
    ),
    "inference": ReferenceGroup(
        "What the functions here take comes from [estimation](estimation.ipynb).",
        (
            "jackknife",
            "Jackknife",
            "inference.two_way.TwoWayJackknife",
            "multiplier",
            "Multiplier",
            "wald_pretest",
            "PreTest",
            "randomize",
            "Randomization",
            "few_treated",
            "FewTreated",
            "cluster_level_test",
            "ClusterLevelTest",
            "inference.exact.ExactInference",
            "inference.reference_model.ReferenceModel",
            "inference.reference_model.equal_variances",
            "inference.reference_model.TRatio",
            "inference.generalized.generalized_deviations",
            "inference.generalized.generalized_variance",
            "inference.generalized.generalized_covariance",
            "inference.reference_model.autocorrelated",
            "inference.fitted_variances.fitted_variances",
            "core.results.Inference",
            "inference.bands.sup_t_band",
            "inference.bands.Band",
            "inference.exact_joint.balanced_band",
            "inference.pretest.joint_pretest",
            "inference.exact_joint.balanced_pretest",
            "inference.sensitivity.Sensitivity",
            "inference.verdict.Verdict",
            "inference.decision.Decision",
            "inference.honestdid.honestdid_input",
            "inference.honestdid.HonestDiDInput",
            "inference.honest.honest_bounds",
            "inference.honest.HonestBounds",
            "load",
            "SavedResult",
        ),
    ),
    "tables": ReferenceGroup(
        "Tables and figures take the result of `csdid`, or of the steps that it consists of.",
        (
            "csdid",
            "Comparison",
            "display.paragraph.methods_paragraph",
            "display.tables.to_latex",
            "display.tables.paper_table",
            "display.tables.paper_frame",
            "display.tables.inference_table",
            "display.tables.inference_frame",
            "display.tables.elements_table",
            "display.tables.elements_frame",
            "display.tables.cohort_table",
            "display.tables.influence_table",
            "display.tables.ledger_table",
            "display.tables.lost_table",
            "display.tables.great_table",
            "display.plots.compare",
            "display.plots.plot_attgt",
            "display.plots.plot_aggregate",
            "display.plots.plot_event_study",
            "display.plots.plot_inferences",
            "display.plots.plot_jackknife",
            "display.plots.plot_cohorts",
            "display.plots.plot_matrix",
            "display.plots.plot_comparison",
            "display.plots.plot_weights",
            "display.plots.plot_bacon",
            "display.plots.plot_rates",
            "display.plots.plot_power",
            "display.plots.plot_sensitivity",
            "display.plots.plot_honest",
        ),
    ),
    "regression": ReferenceGroup(
        "For comparison with CSDID, under the same inference.",
        (
            "regression.regress",
            "regression.Regression",
            "regression.twfe",
            "regression.TWFE",
            "regression.bacon",
            "regression.Bacon",
            "regression.twfe_weights",
        ),
    ),
    "simulation": ReferenceGroup(
        "The [command line](command-line.ipynb#simulate) has planning and studies too.",
        (
            "plan",
            "Plan",
            "simulate.placebo_laws",
            "simulate.Placebo",
            "simulate.Design",
            "simulate.Settings",
            "simulate.LEVELS",
            "simulate.CSDID_TESTS",
            "simulate.LABELS",
            "simulate.Study",
            "simulate.shipped_studies",
            "simulate.load_study",
            "simulate.run_study",
            "simulate.draw_means",
            "simulate.unit_frame",
            "simulate.Engine",
        ),
    ),
    "data": ReferenceGroup(
        "The catalog is the file `data/catalog.toml`.",
        (
            "catalog",
            "load_dataset",
            "load_specification",
            "read_table",
            "datasets.Dataset",
            "datasets.Specification",
            "datasets.specification_dataset",
            "datasets.specification_frame",
            "datasets.published.published",
            "datasets.published.compare",
        ),
    ),
    "errors": ReferenceGroup(
        "Messages name the column, the rows and the remedy.",
        (
            "DidjackError",
            "DataError",
            "DataWarning",
            "DesignError",
            "DidjackWarning",
            "FewTreatedWarning",
            "SlowWarning",
            "ChecksumError",
            "DatasetUnavailable",
            "MissingExtraError",
            "OutputError",
            "LockedError",
            "ReportError",
            "SiteError",
        ),
    ),
}
