"""What the reference documents, and on which page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
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


COMMAND_LINE = "command-line"

GROUPS = {
    "estimation": Group(
        "Argument names follow R `did`.",
        ("att_gt", "ATTgt", "aggte", "Aggregate", "aggregate.Joint"),
    ),
    "inference": Group(
        "What the functions here take comes from [estimation](estimation.ipynb).",
        (
            "jackknife",
            "Jackknife",
            "multiplier",
            "Multiplier",
            "wald_pretest",
            "PreTest",
            "randomize",
            "Randomization",
            "inference.results.Inference",
            "inference.bands.Band",
            "inference.honestdid.HonestDiDInput",
        ),
    ),
    "tables": Group(
        "Tables and figures take the result of `csdid`, or of the steps that it consists of.",
        (
            "csdid",
            "Comparison",
            "paragraph.methods_paragraph",
            "tables.to_latex",
            "tables.paper_table",
            "tables.paper_frame",
            "tables.inference_table",
            "tables.inference_frame",
            "tables.elements_table",
            "tables.elements_frame",
            "tables.cohort_table",
            "tables.influence_table",
            "tables.ledger_table",
            "tables.lost_table",
            "tables.great_table",
            "plots.plot_attgt",
            "plots.plot_aggregate",
            "plots.plot_event_study",
            "plots.plot_inferences",
            "plots.plot_jackknife",
            "plots.plot_cohorts",
            "plots.plot_matrix",
            "plots.plot_comparison",
            "plots.plot_weights",
        ),
    ),
    "regression": Group(
        "For comparison with CSDID, under the same inference.",
        (
            "regression.regress",
            "regression.Regression",
            "twfe.twfe",
            "twfe.TWFE",
            "decomposition.bacon",
            "decomposition.Bacon",
            "decomposition.twfe_weights",
        ),
    ),
    "simulation": Group(
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
    "data": Group(
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
            "published.published",
            "published.compare",
        ),
    ),
    "errors": Group(
        "Messages name the column, the rows and the remedy.",
        (
            "DidjackError",
            "DataError",
            "DesignError",
            "ChecksumError",
            "DatasetUnavailable",
            "ReportError",
            "SiteError",
        ),
    ),
    COMMAND_LINE: Group("`python -m didjack` is the same command.", ()),
}
