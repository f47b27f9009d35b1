"""Expressions of parameters, read into coefficients."""

from __future__ import annotations

import pytest

import didjack as dj
from didjack.core.lincom import describe_lincom, parse_lincom

NAMES = (
    "overall", "simple", "event:0", "event:1", "event:-1", "event:-2", "event:0.5",
    "group:2006", "group:1e+06", "ATT(2006,2008)", "ATT(2006,2007.5)", "ATT(2006,-1)",
)  # fmt: skip

READ = {
    "overall": {"overall": 1.0},
    "-overall": {"overall": -1.0},
    "+ overall": {"overall": 1.0},
    "  overall  ": {"overall": 1.0},
    "event:1 - event:0": {"event:1": 1.0, "event:0": -1.0},
    "event:1-event:-1": {"event:1": 1.0, "event:-1": -1.0},
    "event:1--2*event:0": None,
    "event: 1 + event: -2": {"event:1": 1.0, "event:-2": 1.0},
    "2 overall - simple": {"overall": 2.0, "simple": -1.0},
    "2*overall": {"overall": 2.0},
    "2overall": {"overall": 2.0},
    "0.25*event:0 + .5*event:1": {"event:0": 0.25, "event:1": 0.5},
    "1.*event:0": {"event:0": 1.0},
    "1e-1*event:0": {"event:0": 0.1},
    "2e1 overall": {"overall": 20.0},
    "event:0/4": {"event:0": 0.25},
    "3*event:0/4 - event:1 / 2": {"event:0": 0.75, "event:1": -0.5},
    "event:0/2.5": {"event:0": 0.4},
    "event:0.5": {"event:0.5": 1.0},
    "group:1e+06 - group:2006": {"group:1e+06": 1.0, "group:2006": -1.0},
    "ATT(2006,2008) - ATT( 2006 , 2007.5 )": {"ATT(2006,2008)": 1.0, "ATT(2006,2007.5)": -1.0},
    "ATT(2006, -1)": {"ATT(2006,-1)": 1.0},
    "overall + overall": {"overall": 2.0},
    "overall - overall": {"overall": 0.0},
    "0.5*event:0 + event:1 + event:0": {"event:0": 1.5, "event:1": 1.0},
    "": None,
    "   ": None,
    "event:1 event:0": None,
    "event:1 -": None,
    "event:1 - - event:0": None,
    "event:1 * event:0": None,
    "(event:1 - event:0)/2": None,
    "2": None,
}


@pytest.mark.parametrize("text", READ)
def test_expressions(text):
    if READ[text] is None:
        with pytest.raises(dj.DataError):
            parse_lincom(text, NAMES)
        return
    assert parse_lincom(text, NAMES) == pytest.approx(READ[text], rel=1e-15)
    assert list(parse_lincom(text, NAMES)) == list(READ[text])


def test_mappings():
    assert parse_lincom({"event:1": 1, "event:0": -0.5}, NAMES) == {"event:1": 1.0, "event:0": -0.5}
    assert all(type(v) is float for v in parse_lincom({"event:1": 1}, NAMES).values())
    with pytest.raises(dj.DataError, match="empty"):
        parse_lincom({}, NAMES)


def test_the_place_that_cannot_be_read_is_named():
    with pytest.raises(dj.DataError, match="Cannot read 'event:1 event:0' from 'event:0' on"):
        parse_lincom("event:1 event:0", NAMES)
    with pytest.raises(dj.DataError, match=r"from '\* event:0' on"):
        parse_lincom("event:1 * event:0", NAMES)


@pytest.mark.parametrize(("name", "near"), [("evnt:1", "event:1"), ("overal", "overall")])
def test_unknown_parameters_get_a_suggestion(name, near):
    with pytest.raises(dj.DataError, match=f"no parameter '{name}'. Did you mean '{near}'"):
        parse_lincom(f"2*{name}", NAMES)
    with pytest.raises(dj.DataError, match=f"no parameter '{name}'. Did you mean '{near}'"):
        parse_lincom({name: 1.0}, NAMES)


def test_unknown_parameters_list_the_first_dozen():
    with pytest.raises(dj.DataError) as error:
        parse_lincom("zzz", NAMES)
    assert str(error.value).endswith("Parameters: " + ", ".join(NAMES) + ".")
    assert "Did you mean" not in str(error.value)
    with pytest.raises(dj.DataError) as error:
        parse_lincom("zzz", [*NAMES, "one more"])
    assert str(error.value).endswith("ATT(2006,-1), ....")
    assert "one more" not in str(error.value)


def test_coefficients_written_down():
    weights = {"event:1": 1.0, "event:0": -0.5, "overall": 0.25}
    assert describe_lincom(weights) == "+1*event:1 -0.5*event:0 +0.25*overall"
    assert parse_lincom(describe_lincom(weights), NAMES) == weights
