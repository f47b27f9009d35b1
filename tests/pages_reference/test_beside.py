"""The page "Beside R and Stata": counts are sums of its tables, and what differs is said."""

from __future__ import annotations

import pandas as pd
import pytest

from didjack.datasets import load_dataset
from didjack.errors import DataError
from didjack_pages.reference import beside

FRAMES = {name: load_dataset(name) for name in beside.CASES}


def cells(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_counts_of_the_fixtures_are_sums_of_their_table():
    text = beside.parity_markdown()
    rows = cells(text)[2:]
    assert len(rows) == len(beside.results("parity"))
    compared = sum(int(row[2].replace(",", "")) for row in rows)
    assert text.startswith(f"All {compared:,} numbers that can be compared agree to 1e-8")


def test_numbers_that_do_not_agree_are_counted(monkeypatch):
    table = beside.results("parity")
    table.loc[0, "agreeing"] -= 2
    monkeypatch.setattr(beside, "results", lambda name: table)
    total = table["compared"].sum()
    assert beside.parity_markdown().startswith(f"{total - 2:,} of {total:,} numbers")


def test_reference_numbers_are_within_their_tolerance():
    text, table = beside.references_markdown(), beside.results("references")
    assert len(cells(text)) == len(table) + 2
    assert text.startswith(f"{table['numbers'].sum():,} numbers of {table['runs'].sum():,} calls")
    assert (table["worst"] <= table["tolerance"]).all()


def test_packages_agree_or_a_reason_is_named():
    table, text = beside.peers_frame(FRAMES), beside.peers_markdown(FRAMES)
    assert set(table["dataset"]) == set(beside.CASES)
    assert set(table["package"]) == {"moderndid", "csdid", "diff-diff", "StatsPAI"}
    differ = table[table["worst"] > beside.SAME]
    assert set(zip(differ["package"], differ["dataset"], strict=True)) == set(beside.REASONS)
    assert (differ["worst"] < 1e-3).all()
    assert text.startswith(f"In {len(table) - len(differ)} of {len(table)} comparisons")
    assert "not known" not in text
    assert "divides the odds" in text


def test_a_changed_or_missing_estimate_is_seen(monkeypatch):
    theirs = beside.results("peers")
    at = theirs.index[(theirs["package"] == "csdid") & (theirs["kind"] == "cell")][:2]
    theirs.loc[at[0], "att"] += 1e-6
    monkeypatch.setattr(beside, "results", lambda name: theirs.copy())
    row = beside.peers_frame(FRAMES).set_index(["dataset", "package"]).loc["castle", "csdid"]
    assert 1e-6 < row["worst"] < 1e-2
    assert "the reason is not known to us" in beside.peers_markdown(FRAMES)
    theirs["se"] = theirs["se"].astype(float)
    theirs.loc[at[1], "se"] = float("nan")
    assert beside.peers_frame(FRAMES)["worst"].max() == float("inf")


def test_estimates_have_every_cell_and_average():
    table = beside.estimates("mpdta", FRAMES["mpdta"])
    assert table["kind"].value_counts().to_dict() == {"cell": 12} | dict.fromkeys(
        beside.AVERAGES, 1
    )
    assert isinstance(table, pd.DataFrame)


def test_results_that_are_not_there_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(beside, "data_dir", lambda: tmp_path)
    with pytest.raises(DataError, match=r"parity\.csv"):
        beside.results("parity")
