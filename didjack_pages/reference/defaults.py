"""The table of what programs do where they are not told, for the reference."""

from __future__ import annotations

from didjack.effects.programs import DEFAULTS, PROGRAMS


def defaults_markdown() -> str:
    """Write the defaults of didjack, R `did` and Stata csdid side by side."""
    head = ("", "didjack", *(program.title for program in PROGRAMS.values()))
    names = ("", "", *(f'`like="{name}"`' for name in PROGRAMS))
    rule = tuple("---" for _ in head)
    rows = [f"| {' | '.join(cells)} |" for cells in (head, rule, names, *DEFAULTS)]
    return "\n\n".join(
        [
            "## Defaults of other programs {#defaults}",
            "What each does where it is not told. With `like`, `att_gt` takes over those of "
            "estimator, comparison group, base period, units and propensities, `aggte` the weights "
            "of averages, `multiplier` the multipliers; the other lines are for the reader.",
            "\n".join(rows),
        ]
    )
