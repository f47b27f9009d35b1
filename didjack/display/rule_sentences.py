"""What a methods paragraph says of rules for weights, for incomplete units, and of programs."""

from __future__ import annotations

from didjack.effects.attgt import ATTgt
from didjack.effects.programs import program_of, sorted_by_default


def sentences_on_rules(res: ATTgt) -> list[str]:
    """Write a sentence on each of `balance`, `fix_weights` and `like` that has a part in a result.

    Parameters
    ----------
    res : ATTgt

    Returns
    -------
    list of str
        Empty where the sample is complete, weights follow the default rule, and no program was
        named.
    """
    return [*_on_balance(res), *_on_weights(res), *_on_program(res)]


def _on_balance(res: ATTgt) -> list[str]:
    """Units that are left out stand in the ledger, and so elsewhere in the paragraph."""
    if res.panel.is_pairwise:
        return ["Each comparison has the units that are observed in both of its periods."]
    if res.panel.is_unbalanced:
        return [
            "Units that are not observed in every period are kept, and levels are compared instead "
            "of changes of units."
        ]
    return []


def _on_weights(res: ATTgt) -> list[str]:
    panel, rule = res.panel, res.options.fix_weights
    weighted = panel.roles.weightsname is not None
    if rule is None:
        return []
    if rule == "varying":
        if panel.is_panel or panel.is_pairwise:
            start = "Each row has its own weight, and levels" if weighted else "Levels"
            return [f"{start} are compared, by the formulas for repeated cross-sections."]
        return ["Each row has its own weight."] if weighted else []
    period = "the first period"
    if rule == "base_period":
        period = "the last period before its cohort is treated"
        period += ", less anticipation" if panel.roles.anticipation else ""
    counted = f"every unit counts by its weight in {period}" if weighted else ""
    # Who has no weight in that period has no part, also where all weights are one.
    observed = f"has no part where it is not observed in {period}" if panel.is_unbalanced else ""
    if counted and observed:
        return [f"In all comparisons {counted}; a unit not observed in it has no part."]
    if counted:
        return [f"In all comparisons {counted}."]
    return [f"A unit {observed}."] if observed else []


def _on_program(res: ATTgt) -> list[str]:
    program = program_of(res.options)
    if program is None:
        return []
    _, other = sorted_by_default(program, res.options, res.panel.roles)
    rest = f"; given otherwise: {', '.join(other)}" if other else ""
    return [f"Defaults are those of {program.title}{rest}."]
