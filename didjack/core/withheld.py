"""When a t statistic has no p-value: too few treated clusters behind it.

Deleting the only treated cluster leaves nothing to estimate, and influence functions are zero for
it: neither kind of standard error then holds anything of how much treated clusters vary. A 5% test
against t or normal critical values rejects in two of three samples in which nothing happened; with
two treated clusters in one of seven, and from six on nearly in 5%.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from didjack.core.linalg import Array, Index, Mask

FEWEST_TREATED = 2  # with fewer treated clusters there is no p-value
FEW_TREATED = 5  # up to so many, p-values of t or normal critical values are too small
NAMED = 6  # parameters that a sentence names before it counts the others


REMEDIES = (
    "critical='exact' has both, under its assumption.",
    "Use critical='exact'.",
)


def notes_on_few_treated(
    parameters: Sequence[str],
    counts: Index,
    counted: Mask,
    remedies: tuple[str, str] = REMEDIES,
) -> list[str]:
    """Say which p-values are withheld, and which hold no level.

    Parameters
    ----------
    parameters : sequence of str, length P
    counts : (P,) int array
        Treated clusters behind each.
    counted : (P,) bool array
        Those that have a standard error.
    remedies : tuple of str
        What to do where p-values are withheld, and where they hold no level.

    Returns
    -------
    list of str
        At most two sentences.
    """
    void = counted & (counts < FEWEST_TREATED)
    few = counted & (counts <= FEW_TREATED) & ~void
    notes = []
    if void.any():
        notes.append(
            f"No p-value and no interval for {_named(parameters, void)}: only one treated cluster "
            f"stands behind it, and no t or normal critical value is valid then. {remedies[0]}"
        )
    if few.any():
        notes.append(
            f"Only {_range(counts[few])} treated clusters stand behind {_named(parameters, few)}: "
            f"t and normal critical values reject too often there. {remedies[1]}"
        )
    return notes


def note_on_few_controls(parameters: Sequence[str], counts: Index, counted: Mask) -> list[str]:
    """Say which p-values rest on few control clusters: t rejects as often as with few treated.

    Parameters
    ----------
    parameters : sequence of str, length P
    counts : (P,) int array
        Clusters with controls behind each.
    counted : (P,) bool array
        Those that have a standard error.
    """
    few = counted & (counts <= FEW_TREATED)
    if not few.any():
        return []
    return [
        f"Only {_range(counts[few])} clusters of controls stand behind "
        f"{_named(parameters, few)}: t and normal critical values reject too often there. "
        f"{REMEDIES[1]}"
    ]


def fewest_treated(counts: Index, se: Array, at: Sequence[int]) -> Index:
    """Return the treated clusters behind a combination of parameters: its thinnest part's, (1,).

    Parameters
    ----------
    counts : (P,) int array
        Treated clusters behind each parameter.
    se : (P,) array
        Parts without a standard error are zero by construction (base periods): nobody stands
        behind them, and they do not count beside others.
    at : sequence of int
        Places of the parameters that are combined.
    """
    known = [i for i in at if np.isfinite(se[i])] or list(at)
    return counts[known].min(keepdims=True)


def _named(parameters: Sequence[str], chosen: Mask) -> str:
    names = [name for name, at in zip(parameters, chosen, strict=True) if at]
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _range(counts: Index) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
