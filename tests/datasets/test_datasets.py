"""The datasets of the catalog: bytes, columns, designs, specifications."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from didjack.datasets import load as datasets
from didjack.errors import DataError
from didjack.paths import data_dir

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
CATALOG = datasets.catalog()
SHIPPED = [name for name, entry in CATALOG.items() if entry.shipped]
SPECIFICATIONS = [item.name for entry in CATALOG.values() for item in entry.specifications]
# What published numbers, lessons and reference numbers rest on: specification -> its estimator
# and the weights of its averages.
RELIED_ON = {
    "castle": {
        "castle": ("reg", "did"),
        "castle-weighted": ("reg", "did"),
        "castle-notyet": ("reg", "did"),
    },
    "medicaid": {"medicaid": ("reg", "did"), "medicaid-weighted": ("reg", "did")},
    "mpdta": {"mpdta": ("reg", "did"), "mpdta-state": ("reg", "did")},
    "minwage": {"minwage": ("reg", "did"), "minwage-dr": ("dr", "did")},
    "merit": {
        "merit": ("reg", "did"),
        "merit-covariates": ("reg", "did"),
        "merit-dr": ("dr", "csdid"),
    },
}


@pytest.fixture
def merit():
    if reason := datasets.unavailable("merit"):
        pytest.skip(reason)
    return datasets.load_dataset("merit")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_catalog_has_what_others_rely_on():
    for name, specifications in RELIED_ON.items():
        entry = CATALOG[name]
        assert entry.shipped == (name != "merit")
        found = {s.name: (s.kwargs["est_method"], s.weights) for s in entry.specifications}
        assert specifications.items() <= found.items()


def test_the_catalog_is_in_the_order_of_its_file():
    text = (data_dir() / "catalog.toml").read_text(encoding="utf-8")
    blocks = re.findall(r'^\[\[(datasets|datasets\.specifications)\]\]\nname = "(.*)"', text, re.M)
    assert [name for kind, name in blocks if kind == "datasets"] == list(CATALOG)
    assert [name for kind, name in blocks if kind != "datasets"] == SPECIFICATIONS
    for name, entry in CATALOG.items():
        assert {specification.dataset for specification in entry.specifications} == {name}


@pytest.mark.parametrize("name", CATALOG)
def test_every_dataset_is_described_where_readers_look(name):
    entry = CATALOG[name]
    codebook = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"\n| `{name}` | " in codebook
    section = re.search(rf"^## {re.escape(name)}$(.*?)(?=^## )", codebook, re.M | re.S)
    assert section, f"data/README.md has no section {name}"
    assert f"\n| `{name}` | " in (ROOT / "README.md").read_text(encoding="utf-8")
    works = (ROOT / "references.bib").read_text(encoding="utf-8")
    for key in (entry.citation, *entry.also_cite):
        assert re.search(rf"^@\w+\{{{re.escape(key)},", works, re.M), key
    undocumented = [column for column in entry.columns if f"`{column}`" not in section[1]]
    assert undocumented == []


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
    entry = CATALOG[name]
    path = datasets.dataset_path(name)
    assert path == data_dir() / entry.file
    assert sha256(path) == entry.sha256
    content = path.read_bytes()
    assert b"\r" not in content
    assert content.decode("utf-8").encode() == content
    assert datasets.unavailable(name) is None


@pytest.mark.parametrize("name", CATALOG)
def test_codebook_and_rows(name):
    if reason := datasets.unavailable(name):
        pytest.skip(reason)
    entry, frame = CATALOG[name], datasets.load_dataset(name)
    assert list(frame.columns) == list(entry.columns)
    assert len(frame) == entry.rows


@pytest.mark.parametrize("name", ["castle", "medicaid", "mpdta", "minwage"])
def test_nothing_is_missing(name):
    assert not datasets.load_dataset(name).isna().any().any()


@pytest.mark.parametrize("name", SHIPPED)
def test_csv_bytes_follow_from_the_frame(name):
    """Every number is written with the digits that give it back, and no others."""
    entry, frame = CATALOG[name], datasets.load_dataset(name)
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
    with pytest.raises(DataError, match=f"'castel'; the catalog has {', '.join(CATALOG)}[.]"):
        datasets.load_dataset("castel")
    with pytest.raises(
        DataError, match=f"'castel'; the catalog has {', '.join(SPECIFICATIONS)}[.]"
    ):
        datasets.load_specification("castel")


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_specifications_fit_their_data(name):
    spec = datasets.load_specification(name)
    if reason := datasets.unavailable(spec.dataset):
        pytest.skip(reason)
    frame = datasets.specification_frame(spec)
    assert datasets.specification_path(spec) == datasets.dataset_path(spec.dataset)
    assert datasets.specification_dataset(spec) == CATALOG[spec.dataset]
    roles = ("yname", "tname", "gname", "idname", "weightsname", "clustervars")
    assert {spec.kwargs[key] for key in roles if key in spec.kwargs} <= set(frame.columns)
    assert spec.kwargs["clustervars"] == spec.cluster
    assert len(spec.title) < 80
    assert len(spec.description) > 80
    unit = spec.kwargs.get("idname")
    assert (unit is None) == (spec.kwargs.get("panel") is False)
    if unit is not None:
        constant = frame.groupby(unit)[[spec.kwargs["gname"], spec.cluster]]
        assert constant.nunique(dropna=False).eq(1).all().all()
