"""Parameters as values: what an estimate is an estimate of."""

from __future__ import annotations

from typing import Any

from didjack.sample.periods import period_text

# Also the order in which they sort. The first five are overall effects: "overall" of one average,
# the names of the averages where several stand together.
KINDS = ("overall", "simple", "dynamic", "group", "calendar", "event", "att")

_OVERALL = {"overall": "ATT", "simple": "ATT, simple", "dynamic": "ATT, event study",
            "group": "ATT, over cohorts", "calendar": "ATT, over periods"}  # fmt: skip
_ELEMENTS = {"event": "Event time", "group": "Cohort", "calendar": "Period"}


class Parameter(str):
    """A parameter: its kind and the numbers that tell it from others of the kind.

    It is a string, the name that users know: "overall", "event:-1", "group:2006",
    "calendar:2007", "ATT(2006,2008)". So it can be looked up by its name everywhere, and nobody
    has to read the numbers out of the name. It cannot be changed. Parameters sort by kind, then
    by number.

    Attributes
    ----------
    kind : str
        "overall"; "event", "group" or "calendar" for the elements of an average; "att" for a
        group-time effect; "simple", "dynamic", "group" or "calendar" without a number for the
        overall effect of that average beside others.
    at : tuple of float
        Event time, cohort or period; cohort and period of a group-time effect; empty for overall
        effects. Dates are codes here.
    frequency : str
        Of dates, which the name shows: "group:2006Q1", "calendar:2007-03", "ATT(2006Q1,2006Q3)".
        Empty for numbers.

    Examples
    --------
    >>> event = Parameter("event", (-1,))
    >>> event == "event:-1", event.kind, event.at
    (True, 'event', (-1.0,))
    """

    __slots__ = ("at", "frequency", "kind")

    kind: str
    at: tuple[float, ...]
    frequency: str

    def __new__(cls, kind: str, at: tuple[float, ...] = (), frequency: str = "") -> Parameter:
        """Name the parameter."""
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        at = tuple(float(number) for number in at)
        frequency = "" if kind == "event" else frequency  # event times count periods
        self = super().__new__(cls, _name(kind, at, frequency))
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "frequency", frequency)
        return self

    @property
    def words(self) -> str:
        """How it is called in the rows of a coefficient table: "ATT", "Event time -1"."""
        if self.kind == "att":
            return str(self)
        if not self.at:
            return _OVERALL[self.kind]
        return f"{_ELEMENTS[self.kind]} {period_text(self.at[0], self.frequency)}"

    @property
    def is_element(self) -> bool:
        """Whether it is an element of an average or a group-time effect, not an overall effect."""
        return bool(self.at)

    @property
    def is_before_treatment(self) -> bool:
        """Whether it is an event time before zero, or ATT(g,t) with t before g."""
        if self.kind == "event":
            return self.at[0] < 0
        return self.kind == "att" and self.at[1] < self.at[0]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a parameter cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a parameter cannot be changed")

    def __reduce__(self) -> tuple[type[Parameter], tuple[str, tuple[float, ...], str]]:
        return Parameter, (self.kind, self.at, self.frequency)

    def _key(self) -> tuple[int, tuple[float, ...]]:
        return KINDS.index(self.kind), self.at

    def __lt__(self, other: str) -> bool:
        return self._key() < other._key() if isinstance(other, Parameter) else super().__lt__(other)

    def __le__(self, other: str) -> bool:
        return self == other or self < other

    def __gt__(self, other: str) -> bool:
        return self._key() > other._key() if isinstance(other, Parameter) else super().__gt__(other)

    def __ge__(self, other: str) -> bool:
        return self == other or self > other


def _name(kind: str, at: tuple[float, ...], frequency: str) -> str:
    numbers = ",".join(period_text(number, frequency) for number in at)
    if kind == "att":
        return f"ATT({numbers})"
    return f"{kind}:{numbers}" if at else kind


OVERALL = Parameter("overall")
