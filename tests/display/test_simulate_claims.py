"""The committed study: what it holds, the claims it is compared with, and its figures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from didjack.display.claims import claims, sizes
from didjack.display.plots.rates import LINES, plot_rates
from didjack.paths import data_dir
from didjack.simulate import load_study, run_study
from didjack.simulate.studies import Study


@pytest.fixture(scope="module")
def full():
    text = {"adoption": "str", "effect": "str"}
    return pd.read_csv(data_dir() / "simulations.csv", dtype=text)


def test_the_file_is_the_full_study(full):
    study = load_study("full")
    assert len(study.cells) >= 400
    assert (full["reps"] >= 20_000).all()
    assert set(full["seed"]) == {study.seed}
    assert (data_dir() / "simulations.csv").stat().st_size < 3_000_000
    assert full["cell"].drop_duplicates().tolist() == list(
        dict.fromkeys(cell.name for cell in study.cells)
    )
    designs = list(study.cells[0].design.to_dict())
    assert len(full[designs].drop_duplicates()) == len({c.design.key for c in study.cells})
    assert full["usable"].eq(full["reps"]).all()
    np.testing.assert_allclose(
        full["mc_se"],
        np.sqrt(full["rejection"] * (1 - full["rejection"]) / full["reps"]),
        rtol=1e-4,
    )


def test_some_designs_drawn_again_give_the_rows_of_the_file(full):
    study = load_study("full")
    cells = tuple(c for c in study.cells if c.name == "treated, 6 clusters")[1:3]
    again = run_study(Study("full", "", "", study.seed, cells), 20_000)
    again = again[again["level"] == 0.05]
    own = full[(full["cell"] == "treated, 6 clusters") & full["treated"].isin([2, 3])]
    assert len(own) == len(again) > 0
    for column in ("rejection", "coverage", "length", "sd"):
        # Six digits in the file; another BLAS may flip a comparison once in a long while.
        np.testing.assert_allclose(own[column], again[column], rtol=1e-3)


def test_verdicts_follow_from_the_numbers(full):
    table = claims(full)
    verdicts = table.set_index("claim")["verdict"]
    assert set(verdicts) <= {"holds", "in part", "not found in these designs"}
    assert verdicts["It does so at least as badly as two-way fixed effects"] == "in part"
    assert verdicts["The cluster jackknife improves it greatly"] == "holds"
    assert verdicts["Serial correlation makes it worse"] == "not found in these designs"
    exact = "With exact critical values it holds its level where clusters are alike"
    assert verdicts[exact] == "in part"  # not where cohorts are single clusters and rho is not zero
    level = full.assign(rejection=full["rejection"].where(full["test"] != "exact", 0.05))
    assert claims(level).set_index("claim")["verdict"][exact] == "holds"
    rule = "What the decision rule calls significant is rarely nothing"
    assert verdicts[rule] == "holds"
    bad = full.assign(rejection=full["rejection"].where(full["test"] != "verdict", 0.07))
    assert claims(bad).set_index("claim")["verdict"][rule] == "in part"
    # A study in which nothing over-rejects leaves no claim standing.
    nothing = full.assign(rejection=np.where(full["effect"] == "0", 0.05, full["rejection"]))
    nothing.loc[nothing["test"] == "twfe-cv1", "rejection"] = 0.07
    left = claims(nothing).set_index("claim")["verdict"]
    assert set(left.index[left == "holds"]) == {exact, rule}  # these say that tests are in order


def test_fixed_effects_are_compared_with_like_critical_values(full):
    wide = sizes(full)
    wide = wide[(wide["twfe-cv1"] > 0.06) & ~wide["estimator"].str.startswith("event")]
    share = {
        test: (wide[test] >= wide["twfe-cv1"]).mean() for test in ("clustered-t", "clustered-z")
    }
    assert [round(100 * value) for value in share.values()] == [88, 99]
    evidence = claims(full).set_index("claim")["evidence"]
    text = evidence["It does so at least as badly as two-way fixed effects"]
    assert text.index("88%") < text.index("99%")


def test_claims_name_what_the_abstract_speaks_of(full):
    table = claims(full)
    of_did = table[table["source"].str.contains("traditional")]
    assert of_did["claim"].tolist() == [
        "Serial correlation makes it worse",
        "Unequal cluster sizes make it worse",
    ]
    assert table["source"].tolist() == sorted(
        table["source"], key=table["source"].drop_duplicates().tolist().index
    )


def test_sizes_put_fixed_effects_beside(full):
    rates = sizes(full)
    own = rates[(rates["cell"] == "treated") & (rates["treated"] == 3)]
    raw = full[(full["cell"] == "treated") & (full["treated"] == 3)].set_index("test")["rejection"]
    assert own["cv3"].tolist() == [raw["cv3"]]
    assert own["twfe-cv1"].tolist() == [raw["twfe-cv1"]]
    assert not rates.duplicated(["cell", "estimator", *full.columns[1:14]]).any()


def test_figures_show_the_rates(full):
    rates = sizes(full)
    own = rates[rates["cell"] == "treated"]
    tests = [test for test in LINES if own[test].notna().any()]
    assert set(LINES) - set(tests) == {"ferman-pinto"}  # sizes are equal in this block
    figure = plot_rates({"a": own, "b": own}, "treated", "Treated", tests)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    cv3 = lines[LINES["cv3"]["label"]]
    there = own[own["cv3"].notna()].sort_values("treated")
    np.testing.assert_array_equal(cv3.get_ydata(), there["cv3"])
    low, high = figure.axes[0].get_ylim()
    shown = own[list(tests)].to_numpy()
    assert low == pytest.approx(max(0.005, np.nanmin(shown) / 1.3))
    assert np.nanmax(shown) < high
    linear = plot_rates({"a": own}, "treated", "Treated", ["cv3"], log=False)
    assert linear.axes[0].get_ylim() == (0, 1)
    plt.close("all")
