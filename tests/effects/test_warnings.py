"""What changes the estimate or voids the inference: warned of, listed, and silenced at will."""

from __future__ import annotations

import warnings
from html import escape

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.effects.ledger import left_out_lines
from didjack.effects.remarks import note_on_cells

CASTLE = ("l_homicide", "year", "gvar", "sid")


def made(n: int = 60, n_periods: int = 6, seed: int = 0) -> pd.DataFrame:
    """Make units of cohorts 3, 4 and never, with a covariate, in 12 towns of each one cohort."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n), n_periods)
    frame = pd.DataFrame(
        {"unit": unit, "t": np.tile(np.arange(1, n_periods + 1), n), "town": unit % 12}
    )
    frame["g"] = frame["town"].map(lambda c: (0, 0, 3, 4)[c % 4])
    frame["x"] = rng.normal(size=n)[unit]
    return frame.assign(y=rng.normal(size=len(frame)))


def collinear(frame: pd.DataFrame) -> pd.DataFrame:
    """Make the covariate constant among the treated of cohort 4: an unbalanced cell is lost."""
    gone = (frame["g"] == 4) & (frame["t"] == 4)
    return frame[~gone]


MADE = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit", "clustervars": "town"}
UNBALANCED = MADE | {"allow_unbalanced_panel": True}


def heard(function, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    for found in caught:
        assert issubclass(found.category, dj.DidjackWarning)
        assert found.filename == __file__  # the user's line, not one of the package
    return result, [str(found.message) for found in caught]


def test_one_class_silences_all():
    assert issubclass(dj.FewTreatedWarning, dj.DidjackWarning)
    assert issubclass(dj.DidjackWarning, UserWarning)
    frame = collinear(made()).assign(y=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=dj.DidjackWarning)
        dj.jackknife(dj.aggte(dj.att_gt(frame, **UNBALANCED), "group"))


def test_nothing_to_warn_of():
    res, said = heard(dj.att_gt, made(), **MADE)
    assert said == [] and res.sample_warnings == []
    agg, said = heard(dj.aggte, res, "dynamic")
    assert said == [] and agg.left_out == []


def test_many_units_left_out():
    frame = made()
    few = frame.drop(index=frame.index[:2])  # one unit of sixty
    many = frame.drop(index=frame.index[:: 6 * 4])  # a quarter of them
    res, said = heard(dj.att_gt, few, **MADE)
    assert said == [] and any("1 of 60 units" in note for note in res.notes)
    res, said = heard(dj.att_gt, many, **MADE)
    assert len(said) == 1 and said[0].startswith("15 of 60 units are left out for missing periods")
    assert res.warnings[0] == said[0] and said[0] in res.notes
    agg = dj.aggte(res)
    assert said[0] in agg.warnings and said[0] in dj.jackknife(agg).warnings
    cmp, heard_of_csdid = heard(dj.csdid, many, **MADE)
    assert heard_of_csdid == said and said[0] in cmp.warnings
    for text in (res.summary(), agg.summary(), dj.jackknife(agg).summary(), cmp.summary()):
        assert text.count(f"Warning: {said[0]}") == 1
    for shown in (res, agg, dj.jackknife(agg), cmp):
        html = shown._repr_html_().replace("Warning: ", "")
        assert f"<strong>{escape(said[0])}</strong>" in html


def test_a_constant_outcome():
    res, said = heard(dj.att_gt, made().assign(y=3.0), **MADE)
    assert said == ["Column 'y' is 3 in every row: all effects are zero."] == res.warnings


def test_cells_left_out_of_an_average():
    frame = collinear(made())
    res, said = heard(dj.att_gt, frame, **UNBALANCED)
    assert said == []  # the cells are in the table; an average without them is another one
    reason = "no treated rows in one of the two periods (1)."
    assert res.sample_warnings == [f"1 of 10 cells cannot be estimated: {reason}"]
    for type, of in (("simple", 7), ("dynamic", 10), ("group", 7), ("calendar", 7)):
        agg, said = heard(dj.aggte, res, type)
        (sentence,) = said
        assert sentence == (
            f"1 of {of} cells are left out of the {type} average: no treated rows in one of the "
            "two periods (1)."
        )
        assert agg.sample_warnings == [sentence] == agg.left_out
        assert sentence in agg.warnings and agg.left_out == [sentence]
    later, said = heard(dj.aggte, res, "dynamic", min_e=1)  # ATT(4,4) is at zero
    assert said == [] and later.sample_warnings == []
    _, said = heard(dj.csdid, frame, **UNBALANCED)
    assert len(said) == 4


def test_missing_cells_are_refused_on_demand():
    """As by R's aggte without na.rm = TRUE: wherever the missing cell is."""
    whole, partly = dj.att_gt(made(), **MADE), dj.att_gt(collinear(made()), **UNBALANCED)
    assert dj.aggte(whole, "group", na_rm=False).att == dj.aggte(whole, "group").att
    for type, window in (("simple", {}), ("dynamic", {"min_e": 1})):
        with pytest.raises(dj.DesignError, match=r"1 of 10 cells cannot .* na_rm=True leaves"):
            dj.aggte(partly, type, na_rm=False, **window)
    with pytest.raises(dj.DesignError, match="1 of 10 cells"):
        dj.csdid(collinear(made()), **UNBALANCED, na_rm=False)
    with pytest.raises(dj.DataError, match="na_rm must be True or False, not 'no'"):
        dj.aggte(whole, na_rm="no")


def test_deletions_that_lose_cells():
    res = dj.att_gt(dj.load_dataset("castle"), *CASTLE, est_method="reg")
    agg = dj.aggte(res, "dynamic")
    jk, said = heard(dj.jackknife, agg)
    assert len(said) == 1 and said[0].count("is lost: the estimand moves.") == 2
    assert "Without cluster 10, cohort 2005 is lost: the estimand moves." in jk.warnings
    assert set(jk.warnings) <= set(jk.notes)
    # Weights are held: nothing moves.
    for other in ({"critical": "exact"}, {"estimand": "fixed"}):
        held, said = heard(dj.jackknife, agg, **other)
        assert said == [] and held.warnings_on_deletions == []
    assert any("held at their full-sample estimates" in note for note in held.notes)


def test_few_treated_clusters():
    frame = dj.load_dataset("castle")
    res = dj.att_gt(frame[frame["gvar"].isin([0, 2005])], *CASTLE, est_method="reg")
    agg = dj.aggte(res)
    with pytest.warns(dj.FewTreatedWarning, match="only one treated cluster"):
        jk = dj.jackknife(agg)
    assert "only one treated cluster" in jk.warnings[0]
    assert jk.inference.warnings == jk.inference.notes == jk.warnings[:1]
    # Found without influence functions, and the same as with them.
    assert agg.warnings == agg.inference.warnings and res.warnings == res.inference.warnings


def test_many_are_grouped():
    frame = made()
    lost = (frame["g"] > 0) & (frame["t"] == 2)  # five cells of cohort 3, two of cohort 4
    res = dj.att_gt(frame[~lost], **UNBALANCED)
    (sentence,) = note_on_cells(res.estimation)
    assert sentence == "7 of 10 cells cannot be estimated: no treated rows in one of the two " \
        "periods (7)."  # fmt: skip
    assert left_out_lines(res.ledger) == [
        "Left out: 7 cells: no treated rows in one of the two periods (7)."
    ]
    cmp = dj.csdid(frame[~lost], **UNBALANCED, type="simple")
    assert sum("cells" in note and "Left out" in note for note in cmp.notes) == 1
