"""Which parameters of an inference are of some kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from didjack.core.results import Inference
from didjack.effects.parameters import Parameter


def places(inference: Inference, wanted: Callable[[Parameter], bool]) -> list[int]:
    """Return the places of some parameters, in order.

    Parameters
    ----------
    inference : Inference
        Names that are no `Parameter`, such as those of linear combinations, are never wanted.
    wanted : callable
        Takes a parameter.
    """
    return [
        i
        for i, parameter in enumerate(inference.parameters)
        if isinstance(parameter, Parameter) and wanted(parameter)
    ]


def with_error(inference: Inference, at: list[int]) -> list[int]:
    """Leave out the places of parameters without a standard error.

    Parameters
    ----------
    inference : Inference
    at : list of int
    """
    return [i for i in at if np.isfinite(inference.se[i])]


def event_times(inference: Inference) -> dict[int, float]:
    """Return the event time at every place that is one.

    Parameters
    ----------
    inference : Inference
    """
    return {
        i: parameter.at[0]
        for i, parameter in enumerate(inference.parameters)
        if isinstance(parameter, Parameter) and parameter.kind == "event"
    }
