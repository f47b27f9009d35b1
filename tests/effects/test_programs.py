"""`like` sets the defaults of other programs; an argument that is given wins."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from looped import frame_of

import didjack as dj
from didjack.effects.options import PROGRAM_NAMES
from didjack.effects.programs import DEFAULTS, PROGRAMS
from didjack_pages.reference import group_markdown


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return frame_of([[2, 2, 3], [3], [4, 4], [0], [0, 0, 0], [0, 2]], seed=1)


def fit(frame: pd.DataFrame, **given: object) -> dj.ATTgt:
    return dj.att_gt(frame, "y", "t", "g", "unit", **given)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_default_is_the_argument_given(frame, name):
    arguments = {k: v for k, v in PROGRAMS[name].arguments.items() if k != "weights"}
    like, spelled = fit(frame, like=name), fit(frame, **arguments)
    for argument, value in arguments.items():
        holder = like.options if hasattr(like.options, argument) else like.panel.roles
        assert getattr(holder, argument) == value
    pd.testing.assert_frame_equal(like.to_frame(), spelled.to_frame(), check_exact=True)
    weights = PROGRAMS[name].arguments["weights"]
    for type in ("simple", "group"):
        agg = dj.aggte(like, type)
        assert agg.elements.rule.weights == weights
        np.testing.assert_array_equal(agg.values, dj.aggte(spelled, type, weights=weights).values)
    boot = dj.multiplier(like)
    assert boot.distribution == PROGRAMS[name].distribution
    assert len(boot.draws) == PROGRAMS[name].n_boot


def test_did_has_our_own_arguments():
    assert tuple(PROGRAMS) == PROGRAM_NAMES
    own = {k: p.default for k, p in inspect.signature(dj.att_gt).parameters.items()}
    for name, value in PROGRAMS["did"].arguments.items():
        assert own.get(name, value) == (value if name != "last_as_never" else False)


def test_without_like_nothing_changes(frame):
    res = fit(frame)
    assert res.options.like is None and not any("by default" in note for note in res.notes)
    boot = dj.multiplier(res)
    assert (boot.distribution, len(boot.draws)) == ("rademacher", 999)


def test_what_is_given_wins(frame):
    """Also where it is what would be the default without `like`."""
    res = fit(frame, like="csdid2", control_group="nevertreated", est_method="reg")
    options = res.options
    assert (options.control_group, options.base_period) == ("nevertreated", "universal")
    assert options.est_method == "reg"
    note = next(note for note in res.notes if "csdid 2.0.0" in note)
    assert "Given otherwise: est_method='reg', control_group='nevertreated'." in note
    assert "base_period='universal'" in note.split("Given otherwise")[0]
    old = fit(frame, like="csdid1")
    assert dj.aggte(old, weights="did").elements.rule.weights == "did"
    assert dj.multiplier(old, distribution="webb", n_boot=7).draws.shape[0] == 7
    assert any("influence functions" in note for note in old.notes)


def test_pairs_are_balanced_only_where_there_are_units(frame):
    unbalanced = frame[~((frame["unit"] == frame["unit"].min()) & (frame["t"] == 2))]
    pair = fit(unbalanced, like="csdid1")
    expected = fit(unbalanced, balance="pair", separation="csdid", pscoretrim=1.0)
    pd.testing.assert_frame_equal(pair.to_frame(), expected.to_frame(), check_exact=True)
    assert fit(unbalanced, like="csdid1", balance="full").panel.roles.balance == "full"
    kept = fit(unbalanced, like="csdid1", allow_unbalanced_panel=True)
    assert kept.panel.roles.balance is None and kept.panel.is_unbalanced
    rows = dj.att_gt(frame, "y", "t", "g", like="csdid1")
    assert rows.panel.roles.balance is None
    rows = dj.att_gt(frame, "y", "t", "g", "unit", panel=False, like="csdid1")
    assert rows.panel.roles.balance is None


def test_in_one_call_too(frame):
    found = dj.csdid(frame, "y", "t", "g", "unit", like="csdid2", base_period="varying")
    assert found.attgt.options.control_group == "notyettreated"
    assert found.attgt.options.base_period == "varying"
    assert found.attgt.options.like == "csdid2"
    note = next(note for note in found.notes if "csdid 2.0.0" in note)
    assert "Given otherwise: base_period='varying'." in note and note in found.summary()
    old = dj.csdid(frame, "y", "t", "g", "unit", like="csdid1")
    assert {agg.elements.rule.weights for agg in old.aggregates.values()} == {"csdid"}
    mixed = dj.csdid(frame, "y", "t", "g", "unit", like="csdid1", weights="did")
    assert {agg.elements.rule.weights for agg in mixed.aggregates.values()} == {"did"}


@pytest.mark.parametrize("wrong", ["stata", "", 3, object()])
def test_an_unknown_program_is_refused(frame, wrong):
    with pytest.raises(dj.DataError, match="like must be 'did' or 'csdid2' or 'csdid1'"):
        fit(frame, like=wrong)


def test_the_table_says_what_is_done():
    """Lines that are arguments agree with what `like` sets."""
    lines = {line[0]: line[1:] for line in DEFAULTS}
    words = {"nevertreated": "never treated", "notyettreated": "not yet treated",
             "did": "cohort shares", "csdid": "treated rows of each cell"}  # fmt: skip
    for place, program in enumerate(PROGRAMS.values(), start=1):
        control, base = program.arguments["control_group"], program.arguments["base_period"]
        assert lines["comparison group"][place] == words[control]
        assert lines["base period"][place].startswith(base)
        assert lines["weights of averages"][place] == words[program.arguments["weights"]]
        multipliers = f"{program.distribution.capitalize()}, {program.n_boot}"
        assert lines["multipliers of a bootstrap"][place] == multipliers
        assert ("uniform" in lines["critical values"][place]) == program.bootstraps
    page = group_markdown("estimation")
    for line in DEFAULTS:
        assert f"| {' | '.join(line)} |" in page
