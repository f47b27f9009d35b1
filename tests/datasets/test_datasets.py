"""The datasets of the catalog: bytes, columns, designs, specifications."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from didjack.datasets import load as datasets
from didjack.errors import DataError
from didjack.paths import data_dir

REFERENCE = Path(__file__).parents[1] / "reference"
SHIPPED = ("castle", "medicaid", "mpdta", "minwage")
SPECIFICATIONS = [
    ("castle", "castle"),
    ("castle", "castle-weighted"),
    ("castle", "castle-notyet"),
    ("medicaid", "medicaid"),
    ("medicaid", "medicaid-weighted"),
    ("mpdta", "mpdta"),
    ("mpdta", "mpdta-state"),
    ("minwage", "minwage"),
    ("minwage", "minwage-dr"),
    ("merit", "merit"),
    ("merit", "merit-covariates"),
    ("merit", "merit-dr"),
]


@pytest.fixture
def merit():
    if reason := datasets.unavailable("merit"):
        pytest.skip(reason)
    return datasets.load_dataset("merit")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_catalog_in_order():
    entries = datasets.catalog()
    found = [(name, item.name) for name, entry in entries.items() for item in entry.specifications]
    assert found == SPECIFICATIONS
    assert [name for name, entry in entries.items() if entry.shipped] == list(SHIPPED)
    assert all(item.dataset == name for name, e in entries.items() for item in e.specifications)


def test_catalog_cannot_be_changed_from_outside():
    datasets.catalog()["castle"].columns.clear()
    datasets.load_specification("castle").kwargs["yname"] = "nonsense"
    assert datasets.catalog()["castle"].columns
    assert datasets.load_specification("castle").kwargs["yname"] == "l_homicide"


def test_entries_can_be_sent_to_other_processes():
    entry = datasets.catalog()["mpdta"]
    assert pickle.loads(pickle.dumps(entry)) == entry


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files(name):
    entry = datasets.catalog()[name]
    path = datasets.dataset_path(name)
    assert path == data_dir() / entry.file
    assert sha256(path) == entry.sha256
    assert b"\r" not in path.read_bytes()
    assert datasets.unavailable(name) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_codebook_and_rows(name):
    entry, frame = datasets.catalog()[name], datasets.load_dataset(name)
    assert list(frame.columns) == list(entry.columns)
    assert len(frame) == entry.rows
    assert not frame.isna().any().any()


@pytest.mark.parametrize("name", SHIPPED)
def test_csv_bytes_follow_from_the_frame(name):
    """Every number is written with the digits that give it back, and no others."""
    entry, frame = datasets.catalog()[name], datasets.load_dataset(name)
    derived = [item.column for item in entry.derivations]
    again = frame.drop(columns=derived).to_csv(index=False, lineterminator="\n")
    if name == "castle":  # foreign bytes: whole numbers in decimal columns have no ".0"
        again = again.replace(".0,", ",")
    assert again.encode() == (data_dir() / entry.file).read_bytes()


def test_castle_is_the_reference_panel():
    reference = json.loads((REFERENCE / "castle_didjack.json").read_text(encoding="utf-8"))
    assert datasets.catalog()["castle"].sha256 == reference["data_sha256"]
    frame = datasets.load_dataset("castle")
    cohorts = frame.groupby("gvar")["sid"].nunique().to_dict()
    assert cohorts == {0: 29, 2005: 1, 2006: 13, 2007: 4, 2008: 2, 2009: 1}
    adopted = frame["gvar"] > 0
    assert ((adopted & (frame["year"] >= frame["gvar"])) == (frame["treat"] == 1)).all()
    assert ((adopted & (frame["year"] > frame["gvar"])) == (frame["post"] == 1)).all()
    assert ((frame["cdl"] > 0) == (frame["treat"] == 1)).all()


def test_medicaid_design():
    frame = datasets.load_dataset("medicaid")
    assert not frame.duplicated(["stfips", "year"]).any()
    cohorts = frame.groupby("yexp2")["stfips"].nunique().to_dict()
    assert cohorts == {0: 16, 2014: 22, 2015: 3, 2016: 2, 2017: 1, 2019: 2}
    assert frame["dins"].between(0, 1).all()
    assert frame.groupby("stfips")["W"].nunique().eq(1).all()


def test_mpdta_is_the_example_of_r():
    reference = json.loads((REFERENCE / "r_mpdta_panel.json").read_text(encoding="utf-8"))
    effects = reference["specs"]["mpdta|1|reg|nevertreated|varying|ant0|now"]["gt"]
    frame = datasets.load_dataset("mpdta")
    wide = frame.set_index(["year", "countyreal"])["lemp"]
    cohort = frame.groupby("countyreal")["first.treat"].first()
    columns = zip(effects["group"], effects["t"], effects["att"], strict=True)
    for group, time, att in columns:
        base = group - 1 if time >= group else time - 1
        change = wide[time] - wide[base]
        own = change[cohort == group].mean() - change[cohort == 0].mean()
        assert own == pytest.approx(att, rel=1e-12)


def test_minwage_has_the_summary_statistics_of_the_paper():
    """Table 2 of Callaway and Sant'Anna (2021), to the printed digit."""
    counties = datasets.load_dataset("minwage").drop_duplicates("countyreal")
    assert len(counties) == 2284
    treated = counties["first.treat"] > 0
    shares = pd.crosstab(treated, counties["region"], normalize="index")
    means = counties.groupby(treated)[["pop", "white", "hs", "pov", "medinc"]].mean()
    for group, printed in {
        True: [0.59, 0.27, 0.14, 94.32, 0.89, 0.59, 0.13, 33.91],
        False: [0.34, 0.59, 0.07, 53.43, 0.83, 0.55, 0.16, 31.89],
    }.items():
        ours = [*shares.loc[group], *means.loc[group]]
        assert [round(value, 2) for value in ours] == printed


def test_mpdta_states():
    frame = datasets.load_dataset("mpdta")
    assert frame["state"].dtype == "int64"
    assert frame["state"].nunique() == 29
    assert (frame["state"] == np.floor(frame["countyreal"] / 1000)).all()
    assert frame.groupby("state")["first.treat"].nunique().eq(1).all()


def test_merit_cohorts(merit):
    entry = datasets.catalog()["merit"]
    assert list(merit.columns) == list(entry.columns)
    assert len(merit) == entry.rows
    states = merit.groupby("state")["gvar"].agg(["first", "nunique"])
    assert states["nunique"].eq(1).all()
    counts = states["first"].value_counts().sort_index().to_dict()
    assert counts == {0: 41, 1991: 1, 1993: 1, 1996: 1, 1997: 2, 1998: 2, 1999: 1, 2000: 2}
    treated = (merit["gvar"] > 0) & (merit["year"] >= merit["gvar"])
    assert (treated == (merit["merit"] == 1)).all()
    whole = ["coll", "merit", "male", "black", "asian", "year", "state", "gvar"]
    assert (merit[whole].dtypes == "int64").all()


def test_frames_are_the_callers_own():
    frame = datasets.load_dataset("castle")
    frame["l_homicide"] = 0.0
    del frame["gvar"]
    assert datasets.load_dataset("castle")["l_homicide"].abs().sum() > 0


def test_unknown_names_list_the_known_ones():
    with pytest.raises(
        DataError, match=r"'castel'; the catalog has castle, medicaid, mpdta, minwage, merit"
    ):
        datasets.load_dataset("castel")
    with pytest.raises(DataError, match=r"'castel'; the catalog has castle, castle-weighted"):
        datasets.load_specification("castel")


@pytest.mark.parametrize(("dataset", "name"), SPECIFICATIONS)
def test_specifications_fit_their_data(dataset, name):
    if reason := datasets.unavailable(dataset):
        pytest.skip(reason)
    spec = datasets.load_specification(name)
    frame = datasets.specification_frame(spec)
    assert datasets.specification_path(spec) == datasets.dataset_path(dataset)
    assert datasets.specification_dataset(spec).name == dataset
    roles = ("yname", "tname", "gname", "idname", "weightsname", "clustervars")
    assert {spec.kwargs[key] for key in roles if key in spec.kwargs} <= set(frame.columns)
    assert spec.kwargs["clustervars"] == spec.cluster
    assert spec.kwargs["est_method"] == ("dr" if name.endswith("-dr") else "reg")
    assert spec.weights == ("csdid" if name == "merit-dr" else "did")
    assert len(spec.title) < 80
    assert len(spec.description) > 80
    unit = spec.kwargs.get("idname")
    assert (unit is None) == (spec.kwargs.get("panel") is False)
    if unit is not None:
        constant = frame.groupby(unit)[[spec.kwargs["gname"], spec.cluster]].nunique()
        assert constant.eq(1).all().all()
