"""The four averages of group-time effects, and what is true of each: the one list of them."""

from __future__ import annotations

from enum import StrEnum

from didjack.core.arguments import is_one_of, shown
from didjack.errors import DataError


class AverageType(StrEnum):
    """An average of group-time effects; its value is the `type` of `aggte`.

    Attributes
    ----------
    element : str
        Kind of the parameters beside the overall effect, as in "event:0"; empty for none.
    arguments : tuple of str
        Which of `aggte`'s min_e, max_e and balance_e apply.
    """

    element: str
    arguments: tuple[str, ...]

    def __new__(cls, value: str, element: str, arguments: tuple[str, ...]) -> AverageType:
        """Make a member that equals its value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.element = element
        member.arguments = arguments
        return member

    SIMPLE = "simple", "", ("max_e",)
    DYNAMIC = "dynamic", "event", ("min_e", "max_e", "balance_e")
    GROUP = "group", "group", ("max_e",)
    CALENDAR = "calendar", "calendar", ()

    @classmethod
    def of(cls, type: str) -> AverageType:
        """Return the average that a user names.

        Parameters
        ----------
        type : str

        Raises
        ------
        DataError
            There is no such average.
        """
        if not is_one_of(type, TYPES):
            raise DataError(f"type must be one of {', '.join(TYPES)}, not {shown(type)}.")
        return cls(type)  # type: ignore[call-arg]


TYPES: tuple[str, ...] = tuple(member.value for member in AverageType)
