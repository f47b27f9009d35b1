"""How the four averages are called: the one table of their words."""

from __future__ import annotations

from dataclasses import dataclass

from didjack.effects.average_types import AverageType


@dataclass(frozen=True)
class Words:
    """What one average is called where.

    Attributes
    ----------
    short : str
        In the head of a column, in a legend.
    title : str
        In the head of its rows; `{size}` stands for what cells count by.
    adjective : str
        In a sentence, before "average".
    sentence : str
        What the parameter is, in a sentence; `{size}` as in `title`.
    element : str
        One of its elements, in the head of a column; empty for none.
    axis : str
        The axis of its elements in a figure; empty for none.
    """

    short: str
    title: str
    adjective: str
    sentence: str
    element: str = ""
    axis: str = ""


WORDS: dict[str, Words] = {
    AverageType.SIMPLE: Words(
        short="Simple",
        title="Simple: all cells after treatment, by {size}",
        adjective="simple",
        sentence="the average of all effects from the first treated period on, weighted by {size}",
    ),
    AverageType.DYNAMIC: Words(
        short="Event study",
        title="Event study: mean over event times from 0 on",
        adjective="event-study",
        sentence="the mean over event times from 0 on of the event study",
        element="Event time",
        axis="Periods since treatment",
    ),
    AverageType.GROUP: Words(
        short="Group",
        title="Group: mean over cohorts, by {size}",
        adjective="group",
        sentence="the mean effect over cohorts, weighted by {size}",
        element="Cohort",
        axis="Cohort (first treated period)",
    ),
    AverageType.CALENDAR: Words(
        short="Calendar",
        title="Calendar: mean over periods",
        adjective="calendar",
        sentence="the mean effect over periods",
        element="Period",
        axis="Period",
    ),
}
