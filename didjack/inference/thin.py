"""Parameters that rest on few treated clusters: left out of bands, pre-tests and hand-overs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from didjack.core.arguments import require_numbers
from didjack.core.linalg import Index
from didjack.core.results import Inference
from didjack.errors import DesignError
from didjack.inference.places import with_error


def leave_out_thin(
    inference: Inference, counts: Index, minimum: int, among: Sequence[int]
) -> tuple[Inference, tuple[str, ...]]:
    """Take the standard errors away from parameters that rest on too few treated clusters.

    Parameters
    ----------
    inference : Inference
    counts : (P,) int array
        Treated clusters behind each parameter.
    minimum : int
        How many are enough.
    among : sequence of int
        Places of the parameters that are looked at.

    Returns
    -------
    inference : Inference
        What has no standard error is left out of bands and tests.
    left_out : tuple of str
        Parameters that lost theirs.

    Raises
    ------
    DesignError
        None of them is left.
    """
    require_numbers(min_treated=minimum)
    at = with_error(inference, list(among))
    thin = [i for i in at if counts[i] < minimum] if minimum > 0 else []
    if not thin:
        return inference, ()
    names = tuple(str(inference.parameters[i]) for i in thin)
    if len(thin) == len(at):
        raise DesignError(
            f"Fewer than {minimum} treated clusters stand behind {', '.join(names)}, and nothing "
            "else is left. Pass min_treated=1 to use them all the same."
        )
    se = inference.se.copy()
    se[thin] = np.nan
    return dataclasses.replace(inference, se=se), names


def note_on_thin(left_out: Sequence[str], minimum: int) -> list[str]:
    """Write a sentence on what was left out.

    Parameters
    ----------
    left_out : sequence of str
        Parameters.
    minimum : int
        Treated clusters that would have been enough.
    """
    if not left_out:
        return []
    return [f"Left out, with fewer than {minimum} treated clusters: {', '.join(left_out)}."]
