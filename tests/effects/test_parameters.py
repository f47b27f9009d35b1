"""Parameters as values, and the one list of averages."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import didjack as dj
from didjack.cli import options
from didjack.display.vocabulary import WORDS
from didjack.display.wording import MINUS, label
from didjack.effects.average_types import TYPES, AverageType
from didjack.effects.parameters import OVERALL, Parameter
from didjack.sample.periods import period_text


@pytest.mark.parametrize(
    ("kind", "at", "name"),
    [
        ("overall", (), "overall"),
        ("dynamic", (), "dynamic"),
        ("event", (-1,), "event:-1"),
        ("event", (0.5,), "event:0.5"),
        ("group", (2006,), "group:2006"),
        ("group", (1_000_000,), "group:1e+06"),
        ("calendar", (2007.0,), "calendar:2007"),
        ("att", (2006, 2008), "ATT(2006,2008)"),
    ],
)
def test_a_parameter_is_its_name(kind, at, name):
    parameter = Parameter(kind, at)
    assert parameter == name and str(parameter) == name and hash(parameter) == hash(name)
    assert (parameter.kind, parameter.at) == (kind, tuple(map(float, at)))
    assert {name: 1}[parameter] == 1
    for twin in (pickle.loads(pickle.dumps(parameter)), copy.deepcopy(parameter)):
        assert (twin, twin.kind, twin.at) == (parameter, parameter.kind, parameter.at)


def test_a_name_has_as_many_digits_as_it_takes():
    """Six digits would call both periods 2.01001e+07."""
    days = [Parameter("group", (day,)) for day in (20100101, 20100102)]
    assert days == ["group:20100101", "group:20100102"]
    assert Parameter("event", (1 / 3,)).at == (float(str(Parameter("event", (1 / 3,)))[6:]),)


DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(DOUBLES, st.integers(0, 3))
def test_names_and_labels_tell_all_doubles_apart(number, steps):
    """A name reads as its number, also beside the next doubles: no two numbers share a name."""
    for _ in range(steps):
        number = math.nextafter(number, 0.0)
    for text in (
        str(Parameter("group", (number,))).removeprefix("group:"),
        str(Parameter("att", (number, number)))[4:-1].split(",")[1],
        period_text(number),
        label(number).replace(MINUS, "-"),
        label(np.float64(number)).replace(MINUS, "-"),
    ):
        assert float(text) == number


def test_names_of_ordinary_years_and_event_times_are_as_they_were():
    for number in (*range(1900, 2100), *range(-60, 60), 0.5, 2006.25):
        assert period_text(number) == f"{number:g}" == str(Parameter("event", (number,)))[6:]
    assert period_text(-0.0) == "0"


def test_a_parameter_cannot_be_changed():
    parameter = Parameter("event", (1,))
    with pytest.raises(AttributeError):
        parameter.at = (2.0,)
    with pytest.raises(AttributeError):
        del parameter.kind
    with pytest.raises(ValueError, match="kind must be one of"):
        Parameter("events", (1,))


def test_parameters_sort_by_kind_and_number():
    ordered = [
        OVERALL,
        *(Parameter("event", (e,)) for e in (-10, -2, -1, 0, 1, 10)),
        *(Parameter("att", pair) for pair in ((2006, 2010), (2010, 2006))),
    ]
    shuffled = [ordered[i] for i in np.random.default_rng(0).permutation(len(ordered))]
    assert sorted(shuffled) == ordered
    assert sorted(shuffled, reverse=True) == ordered[::-1]
    assert sorted(map(str, ordered)) != ordered
    assert ordered[1] <= ordered[1] <= ordered[2] and ordered[2] >= ordered[2] >= ordered[1]


def test_what_lies_before_treatment():
    before = [Parameter("event", (-1,)), Parameter("att", (2006, 2005))]
    after = [Parameter("event", (0,)), Parameter("att", (2006, 2006)), OVERALL,
             Parameter("group", (-1,))]  # fmt: skip
    assert all(p.is_before_treatment for p in before)
    assert not any(p.is_before_treatment for p in after)


@pytest.fixture(scope="module")
def castle() -> dj.ATTgt:
    return dj.att_gt(
        dj.load_dataset("castle"), "l_homicide", "year", "gvar", "sid", est_method="reg"
    )


@pytest.mark.parametrize("type_", TYPES)
def test_results_give_parameters_and_frames_give_names(castle, type_):
    agg = dj.aggte(castle, type_)
    kind = AverageType(type_).element
    elements = [p for p in agg.parameters if p.is_element]
    assert agg.parameters[0] == OVERALL
    assert [p.kind for p in elements] == [kind] * len(agg.labels)
    assert [p.at for p in elements] == [(label,) for label in agg.labels]
    assert dj.jackknife(agg).to_frame()["parameter"].tolist() == list(agg.parameters)


def test_cells_are_parameters(castle):
    assert [p.at for p in castle.parameters] == list(
        zip(castle.cells.group, castle.cells.period, strict=True)
    )
    before = [p.is_before_treatment for p in castle.parameters]
    assert before == (~castle.cells.post).tolist()


def test_cohorts_that_differ_in_the_eighth_digit_keep_their_deletions():
    """Without its only never-treated unit the frame is estimated anew and placed by parameter."""
    days = (20100101, 20100102, 20100103, 20100104)
    rng = np.random.default_rng(3)
    units = pd.DataFrame({"unit": range(5), "g": [0, days[1], days[1], days[2], days[2]]})
    frame = units.merge(pd.DataFrame({"t": days}), how="cross")
    frame["y"] = rng.normal(size=len(frame))

    def by_cohort(data: pd.DataFrame) -> dj.Aggregate:
        res = dj.att_gt(data, "y", "t", "g", "unit", est_method="reg",
                        control_group="notyettreated")  # fmt: skip
        return dj.aggte(res, "group")

    jk = dj.jackknife(by_cohort(frame))
    without = by_cohort(frame[frame["unit"] != 0])
    assert without.labels.tolist() == [days[1]]  # the last cohort is control only
    np.testing.assert_allclose(jk.replicates[1], [*without.values, np.nan], rtol=1e-12)


class TestAverageTypes:
    @pytest.mark.parametrize("type_", AverageType)
    def test_aggte_refuses_what_does_not_apply(self, castle, type_):
        for name in ("min_e", "max_e", "balance_e"):
            if name in type_.arguments:
                assert dj.aggte(castle, type_, **{name: 1}).type == type_
            else:
                with pytest.raises(dj.DataError, match=f"{name} does not apply"):
                    dj.aggte(castle, type_, **{name: 1})

    def test_every_place_has_all_of_them(self):
        assert list(WORDS) == list(AverageType)
        assert options.TYPES == ("all", *TYPES)
        assert {bool(WORDS[t].element) for t in AverageType if t.element} == {True}
        assert all(bool(WORDS[t].axis) == bool(t.element) for t in AverageType)

    def test_an_unknown_one_is_refused(self, castle):
        with pytest.raises(dj.DataError, match="type must be one of simple, dynamic, group"):
            dj.aggte(castle, "events")


def test_csdid_takes_the_arguments_of_att_gt():
    ours = inspect.signature(dj.csdid).parameters
    theirs = inspect.signature(dj.att_gt).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name] == parameter, name  # kind, default and annotation
    assert list(ours)[len(theirs) :] == [
        "types", "type", "cluster", "level", "weights", "min_e", "max_e", "balance_e", "na_rm",
        "n_permutations", "seed",
    ]  # fmt: skip


def test_csdid_passes_every_argument_on(monkeypatch):
    seen = {}

    def att_gt(*args, **kwargs):
        seen.update(inspect.signature(dj.att_gt).bind(*args, **kwargs).arguments)
        raise dj.DataError("enough")

    monkeypatch.setattr("didjack.one_call.att_gt", att_gt)
    given = {name: object() for name in inspect.signature(dj.att_gt).parameters}
    with pytest.raises(dj.DataError, match="enough"):
        dj.csdid(**given)
    assert seen == given


def test_a_parameter_is_not_larger_than_itself():
    zero, same = Parameter("event", (0.0,)), Parameter("event", (0.0,))
    assert not zero > same and not zero < same
    assert zero >= same and zero <= same
