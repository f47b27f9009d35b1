"""Castle doctrine: CV3 and all 50 deletions as R didjack and Stata csdidjack print them."""

from __future__ import annotations

import hashlib

import pytest
from compare import assert_close, assert_same_labels
from references import Jackknifed, castle_checksum, castle_jackknives

import didjack as dj
from didjack.datasets import dataset_path

RTOL = 1e-10
ROWS = castle_jackknives()


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture(scope="module")
def result(row, dataset):
    res = dj.att_gt(dataset("castle"), **row.kwargs)
    return dj.jackknife(dj.aggte(res, type=row.type))


def compare(jk: dj.Jackknife, row: Jackknifed) -> None:
    assert (jk.df, jk.n_clusters) == (row.df, 50)
    assert_close(jk.att, row.att, RTOL, "estimate")
    assert_close(jk.se, row.se, RTOL, "CV3 standard error")
    assert len(jk.atts) == row.reps
    assert_close(jk.atts, row.atts, RTOL, "delete-one estimates")


def test_rows_are_all_there():
    assert len(ROWS) == 21
    assert {row.kwargs["weightsname"] for row in ROWS} == {None, "popwt"}
    assert {row.type for row in ROWS} == {"simple", "dynamic", "group", "calendar"}
    assert {row.kwargs["control_group"] for row in ROWS} == {"nevertreated", "notyettreated"}


def test_data_are_the_ones_of_the_numbers():
    assert hashlib.sha256(dataset_path("castle").read_bytes()).hexdigest() == castle_checksum()


def test_estimate_se_df_and_deletions(result, row):
    compare(result, row)


def test_deletions_are_labelled_by_state(result, dataset):
    assert_same_labels(result.atts.index, sorted(dataset("castle")["sid"].unique()), "clusters")


@pytest.mark.parametrize("field", ["att", "se", "atts"])
def test_comparison_notices_one_part_in_a_hundred_million(dataset, field):
    row = ROWS[0]
    jk = dj.jackknife(dj.aggte(dj.att_gt(dataset("castle"), **row.kwargs), type=row.type))
    compare(jk, row)
    changed = Jackknifed(**{**vars(row), field: getattr(row, field) * (1 + 1e-8)})
    with pytest.raises(AssertionError, match="relative difference"):
        compare(jk, changed)
