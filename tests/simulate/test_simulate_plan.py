"""Planning: the layout is the user's, the error model is found again, effects only shift."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

import didjack as dj
from didjack.cli import app
from didjack.errors import DataError, DesignError
from didjack.inference.error_models import fit_errors
from didjack.regression import twfe
from didjack.sample.blocks import balanced_blocks
from didjack.simulate import Design, Engine, Settings, draw_means, plan, unit_frame
from didjack.simulate.compared import LEVELS
from didjack.simulate.compiled import evaluate
from didjack.simulate.engine import BLOCK
from didjack.simulate.layout import compile_average, compile_fixed_effects, layout_of
from didjack.simulate.planning import degrees_of_freedom, statistics_of
from didjack.simulate.tally import Tally

NAMES = ("y", "period", "cohort", "unit")


def frame_of(design, seed=0):
    rng = np.random.default_rng(seed)
    return unit_frame(design, draw_means(design, rng, 1)[0], rng)


SMALL = Design(clusters=12, periods=6, treated=5, adoption=(3, 5), units=6, gamma=1.0)


def planned(frame, columns, cluster, type):
    """What `plan` computes from a sample, here from the user's own: estimate, se, df by test."""
    blocks, layout = layout_of(balanced_blocks(frame, *columns, cluster), type)
    compiled = {"csdid": compile_average(layout, type), "twfe": compile_fixed_effects(layout)}
    statistics, df = statistics_of(compiled, blocks.mean[None]), degrees_of_freedom(compiled)
    df["exact"] = compiled["csdid"].exact.critical_values((0.05,))[0]  # not degrees of freedom
    return {test: (*(v[0] for v in statistics[test]), df[test]) for test in df}


def public(frame, columns, cluster, type):
    """The same from the public functions."""
    res = dj.att_gt(frame, *columns, clustervars=cluster, est_method="reg")
    agg = dj.aggte(res, type=type)
    jk, jkj = dj.jackknife(agg, cluster), dj.jackknife(agg, cluster, center="mean")
    jx = dj.jackknife(agg, cluster, critical="exact", model="equal")
    # att_gt leaves out units that are treated from the start; so does the layout.
    kept = frame[~frame[columns[2]].between(1, frame[columns[1]].min())]
    fixed = twfe(kept, *columns, cluster=cluster)
    clustered = agg.analytic(cluster).se[0]
    return {
        "clustered-z": (agg.att, clustered, np.inf),
        "clustered-t": (agg.att, clustered, frame[cluster].nunique() - 1),
        "cv3": (jk.att, jk.se, jk.df),
        "cv3j": (jkj.att, jkj.se, jkj.df),
        "twfe-cv1": (fixed.att, fixed.cv1.se[0], fixed.cv1.df[0]),
        "twfe-cv3": (fixed.att, fixed.cv3.se[0], fixed.cv3.df[0]),
        "exact": (jx.att, jx.se, jx.inference.exact_critical_value[0]),
    }


@pytest.mark.parametrize("type", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize(
    ("name", "cluster"), [("castle", "sid"), ("medicaid", "stfips"), ("mpdta", "state")]
)
def test_on_real_data_the_layout_gives_the_public_results(dataset, name, cluster, type):
    frame, k = dataset(name), dj.load_specification(name).kwargs
    columns = tuple(k[key] for key in ("yname", "tname", "gname", "idname"))
    ours, theirs = (f(frame, columns, cluster, type) for f in (planned, public))
    assert set(ours) == set(theirs)
    for test, values in theirs.items():
        np.testing.assert_allclose(ours[test], values, rtol=1e-9, err_msg=test)


def test_degrees_of_freedom_count_the_deletions_that_can_be_estimated():
    """One treated cluster of twelve: eleven deletions for the jackknife, twelve clusters else."""
    frame = frame_of(SMALL)
    one = frame.assign(cohort=np.where(frame["cluster"] == 3, 4, 0))
    ours, theirs = (f(one, NAMES, "cluster", "simple") for f in (planned, public))
    expected = {"clustered-z": np.inf, "clustered-t": 11, "cv3": 10, "cv3j": 10, "twfe-cv1": 11,
                "twfe-cv3": 10}  # fmt: skip
    assert {test: df for test, (_, _, df) in ours.items() if test != "exact"} == expected
    for test, values in theirs.items():
        np.testing.assert_allclose(ours[test][:2], values[:2], rtol=1e-9, err_msg=test)
    draws = plan(one, *NAMES, cluster="cluster", reps=200, level=0.1).draws
    assert {test: critical for test, (_, _, critical) in draws.items() if test in expected} == {
        test: pytest.approx(stats.t.ppf(0.95, df), rel=1e-14) for test, df in expected.items()
    }
    assert list(draws) == ["exact", "conley-taber", *expected]


def test_the_table_follows_from_the_draws():
    """Size, and the smallest effect that is found in the share of samples asked for."""
    result = plan(frame_of(SMALL), *NAMES, cluster="cluster", reps=400, power=0.7)
    table = result.table.set_index("test")
    for test, (theta, se, critical) in result.draws.items():
        assert len(theta) == len(se) == 400
        assert table["size"][test] == np.mean(np.abs(theta) / se > critical)
        error = np.sqrt(table["size"][test] * (1 - table["size"][test]) / 400)
        assert table["mc_se"][test] == pytest.approx(error, rel=1e-12)
        mde = table["mde"][test]
        assert result.mde(test) == mde
        # 280 of 400 samples find an effect that is a little larger, and fewer a smaller one.
        assert np.sum(theta + mde * (1 + 1e-9) > critical * se) == 280
        assert np.sum(theta + mde * (1 - 1e-9) > critical * se) == 279
    assert result.n_clusters == 12 and result.n_treated == 5
    with pytest.raises(DataError, match="no test 'webb'"):
        result.mde("webb")


@pytest.mark.parametrize("type", ["simple", "group"])
def test_a_constant_effect_moves_estimates_and_nothing_else(type):
    blocks, layout = layout_of(balanced_blocks(frame_of(SMALL), *NAMES, "cluster"))
    for c in (compile_average(layout, type), compile_fixed_effects(layout)):
        without = evaluate(c, blocks.mean[None])
        with_effect = evaluate(c, (blocks.mean + 0.7 * blocks.D)[None])
        np.testing.assert_allclose(with_effect.estimate, without.estimate + 0.7, rtol=1e-12)
        np.testing.assert_allclose(with_effect.deviations, without.deviations, atol=1e-12)
        np.testing.assert_allclose(with_effect.scores, without.scores, atol=1e-12)


@pytest.mark.parametrize(("rho", "gamma"), [(0.0, 0.0), (0.4, 1.0), (0.8, 0.0)])
def test_the_error_model_is_found_again(rho, gamma):
    """Effects of laws, units and periods do not disturb it."""
    design = Design(clusters=600, periods=10, treated=200, adoption=(4, 7), units=5, gamma=gamma,
                    rho=rho, shock_sd=1.5, noise_sd=2.0, effect=(1.0, 3.0))  # fmt: skip
    blocks, layout = layout_of(balanced_blocks(frame_of(design), *NAMES, "cluster"))
    model = fit_errors(blocks.mean, layout.size, blocks.within, layout.cohort)
    assert model.rho == pytest.approx(rho, abs=0.06)
    assert model.shock_sd == pytest.approx(1.5, rel=0.06)
    assert model.noise_sd == pytest.approx(2.0, rel=0.02)


def test_size_and_power_agree_with_the_engine():
    """Drawn by the engine from the fitted model, with the effect that is said to be found."""
    result = plan(frame_of(SMALL), *NAMES, cluster="cluster", reps=8000)
    m = result.model
    for effect in (0.0, result.mde("cv3")):
        design = Design(clusters=12, periods=6, treated=5, adoption=(3, 5), units=6, gamma=1.0,
                        rho=m.rho, shock_sd=m.shock_sd, noise_sd=m.noise_sd,
                        effect=(effect,))  # fmt: skip
        engine = Engine(design, Settings(types=("simple",), tests=("cv3",)), seed=2)
        reps = 10_000
        tally = Tally.total(engine.run(range(reps // BLOCK), reps))
        at = LEVELS.index(0.05)
        power = tally.rejected[[at, 2 * len(LEVELS) + at]] / reps  # cv3; twfe-cv3
        expected = result.curve([effect])[["cv3", "twfe-cv3"]].to_numpy()[0]
        np.testing.assert_allclose(power, expected, atol=4 * np.sqrt(0.25 / 8000 + 0.25 / reps))
    assert expected[0] == pytest.approx(0.8, abs=1e-3)
    row = result.table.set_index("test").loc["cv3"]
    assert row["size"] == result.curve([0.0])["cv3"].iloc[0]


def test_the_same_seed_gives_the_same_plan_and_more_treated_find_more():
    frame = frame_of(SMALL)
    first = plan(frame, *NAMES, cluster="cluster", reps=1000)
    pd.testing.assert_frame_equal(
        first.table, plan(frame, *NAMES, cluster="cluster", reps=1000).table
    )
    two = frame.assign(cohort=frame["cohort"].where(frame["cluster"] >= 10, 0))
    assert plan(two, *NAMES, cluster="cluster", reps=1000).mde() > first.mde()
    assert "Error model" in first.summary()


def test_with_few_treated_clusters_the_tests_that_hold_come_first():
    """Conley-Taber in samples of the layout: the public intervals; and the tests' order."""
    frame = frame_of(Design(clusters=40, periods=6, treated=2, adoption=(3, 5), units=4, gamma=1.0))
    blocks, layout = layout_of(balanced_blocks(frame, *NAMES, "cluster"))
    compiled = {"csdid": compile_average(layout, "simple"), "twfe": compile_fixed_effects(layout)}
    theta, half = statistics_of(compiled, blocks.mean[None], 0.1)["conley-taber"]
    agg = dj.aggte(dj.att_gt(frame, *NAMES, clustervars="cluster", est_method="reg"))
    public = dj.few_treated(agg, "cluster", level=0.9, max_draws=999)
    np.testing.assert_allclose([theta[0], half[0]], [agg.att, public.half_widths[0]], rtol=1e-9)

    result = plan(frame, *NAMES, cluster="cluster", reps=1000)
    table = result.table.set_index("test")
    assert list(table.index[:2]) == ["exact", "conley-taber"]
    assert table["holds_level"].to_dict() == (table["size"] <= 0.075).to_dict()
    assert table["holds_level"].iloc[:2].all() and not table["holds_level"][["cv3", "cv3j"]].any()
    assert result.default_test == "exact"
    assert result.mde() == table["mde"]["exact"]
    many = plan(frame_of(SMALL), *NAMES, cluster="cluster", reps=500)
    assert many.default_test == "cv3"
    assert list(many.table["test"])[-1] == "exact"
    assert many.mde() == many.mde("cv3")


def test_tests_that_cannot_say_anything_are_left_out():
    frame = frame_of(SMALL)
    one = frame.assign(cohort=np.where(frame["cluster"] == 3, 4, 0))  # eleven controls
    assert "conley-taber" not in plan(one, *NAMES, cluster="cluster", reps=100).draws
    assert "conley-taber" in plan(one, *NAMES, cluster="cluster", reps=100, level=0.1).draws
    # Every cluster has the same share of treated units: shocks to clusters cancel.
    same = frame.assign(cohort=np.where(frame["unit"] % 2 == 0, 4, 0))
    same = same[same["unit"].isin(np.unique(same["unit"])[:48])]
    even = same.assign(cluster=same["unit"] // 4)
    assert "exact" not in plan(even, *NAMES, cluster="cluster", reps=100).draws
    most = frame.assign(cohort=np.where(frame["cluster"] == 3, 0, 4))
    assert plan(most, *NAMES, cluster="cluster", reps=100).default_test == "clustered-z"


def test_one_treated_cluster_and_one_control():
    frame = frame_of(SMALL)
    one = frame.assign(cohort=np.where(frame["cluster"] == 3, 4, 0))
    assert plan(one, *NAMES, cluster="cluster", reps=500).table["size"].max() > 0.2
    most = frame.assign(cohort=np.where(frame["cluster"] == 3, 0, 4))
    assert "cv3" not in plan(most, *NAMES, cluster="cluster", reps=500).draws


def test_the_figure_shows_the_curve():
    result = plan(frame_of(SMALL), *NAMES, cluster="cluster", reps=500)
    figure = result.plot()
    line = figure.axes[0].get_lines()[1]
    curve = result.curve(line.get_xdata().tolist())
    np.testing.assert_array_equal(line.get_ydata(), curve["cv3"])
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        ({"cohort": 0}, {}, DesignError, "Nothing is treated"),
        ({"cohort": 4}, {}, DesignError, "never treated"),
        ({}, {"type": "all"}, DataError, "type must be"),
        ({}, {"power": 0.01}, DataError, "power the larger"),
        ({}, {"reps": 99}, DataError, "reps must be 100 or more"),
        ({"y": 1.0}, {}, DesignError, "does not vary"),
    ],
)
def test_what_cannot_be_planned_is_refused(change, arguments, error, message):
    with pytest.raises(error, match=message):
        plan(frame_of(SMALL).assign(**change), *NAMES, cluster="cluster", **arguments)


def test_a_test_that_finds_enough_without_an_effect_needs_none():
    """One treated cluster: more than a tenth of the samples seem to show a positive effect."""
    frame = frame_of(SMALL)
    one = frame.assign(cohort=np.where(frame["cluster"] == 3, 4, 0))
    result = plan(one, *NAMES, cluster="cluster", reps=100, power=0.1)
    theta, se, critical = result.draws["cv3"]
    assert np.mean(theta > critical * se) > 0.1
    assert result.mde("cv3") == 0.0


def test_the_number_of_clusters_has_limits(monkeypatch):
    frame = frame_of(SMALL)
    monkeypatch.setattr("didjack.simulate.layout.MOST", 12)
    assert plan(frame, *NAMES, cluster="cluster", reps=100).n_clusters == 12
    monkeypatch.setattr("didjack.simulate.layout.MOST", 11)
    with pytest.raises(DataError, match="12 clusters: planning is for up to 11"):
        plan(frame, *NAMES, cluster="cluster", reps=100)
    two = frame[frame["cluster"].isin([1, 11])]
    with pytest.raises(DesignError, match="Fewer than three clusters"):
        plan(two, *NAMES, cluster="cluster")


def test_gaps_and_cohorts_of_one_cluster():
    frame = frame_of(SMALL)
    gap = frame[frame["period"] != 4]
    with pytest.raises(DataError, match="gaps"):
        plan(gap, *NAMES, cluster="cluster", type="dynamic")
    assert plan(gap, *NAMES, cluster="cluster", reps=200).mde() > 0
    three = frame[frame["cluster"] < 3]
    alone = three.assign(cohort=three["cluster"].map({0: 0, 1: 3, 2: 5}))
    with pytest.raises(DesignError, match="Every cohort is one cluster"):
        plan(alone, *NAMES, cluster="cluster")


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    frame = frame_of(SMALL)
    data, curve, figure = (tmp_path / n for n in ("d.csv", "curve.csv", "f.svg"))
    frame.to_csv(data, index=False)
    columns = ["--yname", "y", "--tname", "period", "--gname", "cohort", "--idname", "unit"]

    def run(*more):
        return CliRunner().invoke(
            app, ["plan", str(data), *columns, "--cluster", "cluster", "--reps", "500", *more]
        )

    result = run("-o", str(curve))
    assert result.exit_code == 0, result.output
    # The CSV has rounded nothing, so the command's numbers are those of the function.
    own = plan(frame, *NAMES, cluster="cluster", reps=500)
    assert f"{own.mde():.4g}" in result.output
    assert pd.read_csv(curve)["cv3"].iloc[-1] > 0.8
    assert run("-o", str(figure)).exit_code == 0
    assert figure.read_text(encoding="utf-8").count("<svg") == 1
    bad = run("-o", "x.xlsx")
    assert bad.exit_code == 2
    assert "as .csv or a figure" in bad.stderr
    wrong = run("--type", "all")
    assert wrong.exit_code == 2  # refused with the other options, before any data are read
    assert "'all' is not one of" in wrong.stderr
