"""CV3 and its relatives: linear combinations, bands, tests, hand-overs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from compare import assert_close
from scipy import stats

import didjack as dj
from didjack.core.analytic import cluster_sums
from didjack.core.lincom import parse_lincom
from didjack.inference.multiplier_draws import DRAWS, bootstrap_draws


@pytest.fixture(scope="module")
def castle() -> dj.ATTgt:
    return dj.att_gt(
        dj.load_dataset("castle"),
        "l_homicide",
        "year",
        "gvar",
        "sid",
        est_method="reg",
        base_period="universal",
    )


@pytest.fixture(scope="module")
def events(castle: dj.ATTgt) -> dj.Jackknife:
    return dj.jackknife(dj.aggte(castle, "dynamic", min_e=-4, max_e=4))


class TestJoint:
    def test_four_aggregations_from_one_pass(self, castle: dj.ATTgt) -> None:
        parts = [dj.aggte(castle, kind) for kind in ("simple", "dynamic", "group", "calendar")]
        joint = dj.jackknife(parts)
        assert joint.parameters[0] == "simple"
        for part in parts:
            alone = dj.jackknife(part).to_frame().set_index("parameter")
            together = joint.to_frame().set_index("parameter")
            name = {"overall": part.type}
            for row in alone.index:
                assert_close(together.loc[name.get(row, row), "se"], alone.loc[row, "se"],
                             1e-14, row)  # fmt: skip
        vcov = joint.vcov.to_numpy()
        assert np.linalg.eigvalsh(vcov).min() > -1e-14
        kept = np.isfinite(joint.inference.se)
        assert_close(np.sqrt(np.diag(vcov))[kept], joint.inference.se[kept], 1e-13, "diagonal")

    def test_group_time_effects(self, castle: dj.ATTgt) -> None:
        jk = dj.jackknife(castle)
        at = jk.parameters.index("ATT(2006,2008)")
        data = castle.panel.source
        deleted = [
            dj.att_gt(data[data["sid"] != s], "l_homicide", "year", "gvar", "sid",
                      est_method="reg", base_period="universal")
            for s in data["sid"].unique()[:5]
        ]  # fmt: skip
        expected = [r.att[r.parameters.index("ATT(2006,2008)")] for r in deleted]
        assert_close(jk.replicates[1:6, at], expected, 1e-12, "ATT(2006,2008)")

    def test_parts_of_different_fits_are_refused(self, castle: dj.ATTgt) -> None:
        everything = np.ones(len(castle.panel.source), dtype=bool)
        other = dj.ATTgt(castle.estimation.refit(everything))
        with pytest.raises(dj.DataError, match="same att_gt"):
            dj.jackknife([dj.aggte(castle), dj.aggte(other, "group")])


class TestVariants:
    def test_cv3j_is_centred_at_the_mean(self, events: dj.Jackknife, castle: dj.ATTgt) -> None:
        jk = dj.jackknife(dj.aggte(castle), center="mean")
        deleted = jk.atts.to_numpy()
        H = len(deleted)
        assert_close(jk.se, np.sqrt((H - 1) / H * ((deleted - deleted.mean()) ** 2).sum()),
                     1e-13, "CV3J")  # fmt: skip
        assert jk.method == "CV3J"
        assert jk.se <= dj.jackknife(dj.aggte(castle)).se

    def test_fixed_weights_keep_the_estimand(self, castle: dj.ATTgt) -> None:
        agg = dj.aggte(castle)
        jk = dj.jackknife(agg, estimand="fixed")
        sole = jk.lost_cohorts.set_index("cohort")["cluster"]
        florida = list(jk.clusters.labels).index(sole[2005])  # the only state of its cohort
        weight = castle.estimates.cohort_weight[0][castle.cells.cohort] * castle.cells.post
        weight = weight / weight.sum()
        refit = dj.jackknife(castle).replicates[florida + 1]
        filled = np.where(np.isfinite(refit), refit, castle.att)
        assert_close(jk.replicates[florida + 1, 0], weight @ filled, 1e-12, "without Florida")
        assert (
            jk.lost_cohorts["cohort"].tolist() == dj.jackknife(agg).lost_cohorts["cohort"].tolist()
        )
        assert any("held at their full-sample" in note for note in jk.notes)

    @pytest.mark.parametrize(
        "wrong", [{"center": "median"}, {"estimand": "none"}, {"level": 95}, {"level": 0.0}]
    )
    def test_wrong_options_are_refused(self, castle: dj.ATTgt, wrong: dict[str, object]) -> None:
        with pytest.raises(dj.DataError, match=next(iter(wrong))):
            dj.jackknife(dj.aggte(castle), **wrong)


class TestLincom:
    def test_equals_the_covariance(self, events: dj.Jackknife) -> None:
        found = events.lincom("event:1 - event:0")
        V = events.vcov
        variance = (
            V.loc["event:1", "event:1"]
            + V.loc["event:0", "event:0"]
            - 2 * V.loc["event:0", "event:1"]
        )
        assert_close(found.se, np.sqrt(variance), 1e-12, "se")
        frame = events.to_frame().set_index("parameter")["att"]
        assert_close(found.att, frame["event:1"] - frame["event:0"], 1e-14, "att")

    def test_the_mean_of_event_times_is_the_overall_effect(self, events: dj.Jackknife) -> None:
        mean = events.lincom({f"event:{e}": 0.2 for e in range(5)})
        # Deletions that lose an event time do not enter the combination; here none does.
        assert_close(mean.att, events.att, 1e-13, "att")
        assert_close(mean.se, events.se, 1e-12, "se")

    @pytest.mark.parametrize(
        ("text", "weights"),
        [
            ("event:1 - event:0", {"event:1": 1, "event:0": -1}),
            ("0.5*event:-2 + event:-3/2", {"event:-2": 0.5, "event:-3": 0.5}),
            ("-overall", {"overall": -1}),
            ("2 overall - overall", {"overall": 1}),
            ("ATT(2006,2007) - ATT( 2006, 2008 )", {"ATT(2006,2007)": 1, "ATT(2006,2008)": -1}),
        ],
    )
    def test_expressions(self, text: str, weights: dict[str, float]) -> None:
        names = ["overall", "event:1", "event:0", "event:-2", "event:-3"]
        assert parse_lincom(text, [*names, "ATT(2006,2007)", "ATT(2006,2008)"]) == weights

    @pytest.mark.parametrize("text", ["", "event:1 event:0", "event:1 -", "event:1 * event:0"])
    def test_what_cannot_be_read_is_refused(self, text: str) -> None:
        with pytest.raises(dj.DataError):
            parse_lincom(text, ["event:1", "event:0"])

    def test_a_misspelt_parameter_gets_a_suggestion(self, events: dj.Jackknife) -> None:
        with pytest.raises(dj.DataError, match="Did you mean 'event:1'"):
            events.lincom("evnt:1")


class TestBand:
    def test_one_parameter_gives_the_t_quantile(self, castle: dj.ATTgt) -> None:
        jk = dj.jackknife(dj.aggte(castle, "dynamic", min_e=0, max_e=0))
        # 100,000 draws: the quantile of t(49) at 97.5% has a Monte Carlo error of .008.
        assert abs(jk.band().critical_value - stats.t.ppf(0.975, 49)) < 0.03

    def test_lies_between_pointwise_and_bonferroni(self, events: dj.Jackknife) -> None:
        band = events.band()
        assert stats.t.ppf(0.975, 49) < band.critical_value
        assert band.critical_value < stats.t.ppf(1 - 0.025 / len(band.parameters), 49) + 0.03
        assert "event:-1" not in band.parameters
        assert events.band().critical_value == band.critical_value  # seeded

    def test_bootstrap_band(self, castle: dj.ATTgt) -> None:
        boot = dj.multiplier(dj.aggte(castle, "dynamic"), n_boot=500)
        assert boot.band().critical_value > stats.norm.ppf(0.975)


class TestPreTest:
    def test_wald_equals_r(self, dataset: Callable[[str], pd.DataFrame]) -> None:
        from references import load_runs

        for run in load_runs("r_mpdta_panel"):
            if run.spec["est_method"] == "reg" and run.spec["anticipation"] == 0:
                res = dj.att_gt(
                    dataset("mpdta"), "lemp", "year", "first.treat", "countyreal",
                    xformla=run.spec["xformla"], est_method="reg",
                    control_group=run.spec["control_group"], base_period=run.spec["base_period"],
                )  # fmt: skip
                assert_close(dj.wald_pretest(res).statistic, run.wald, 1e-9, run.name)

    def test_f_is_hotelling(self, events: dj.Jackknife) -> None:
        test = events.pretest()
        at = [events.parameters.index(name) for name in test.parameters]
        b = events.inference.att[at]
        V = events.vcov.to_numpy()[np.ix_(at, at)]
        assert test.df == (3.0, 47.0)
        expected = 47 / (3 * 49) * b @ np.linalg.solve(V, b)
        assert_close(test.statistic, expected, 1e-12, "F")
        assert_close(test.p, stats.f.sf(expected, 3, 47), 1e-10, "p")

    def test_one_parameter_is_the_t_test(self, castle: dj.ATTgt) -> None:
        jk = dj.jackknife(dj.aggte(castle, "dynamic", min_e=-2))
        row = jk.to_frame().set_index("parameter").loc["event:-2"]
        assert_close(jk.pretest().p, row["p"], 1e-9, "p")

    def test_too_many_parameters_are_refused(self, castle: dj.ATTgt) -> None:
        with pytest.raises(dj.DesignError, match=r"rank \d+"):
            dj.jackknife(castle).pretest(min_treated=1)
        with pytest.raises(dj.DesignError, match="singular"):
            dj.wald_pretest(castle)

    def test_nothing_before_treatment_is_refused(self, castle: dj.ATTgt) -> None:
        with pytest.raises(dj.DesignError, match="pre-treatment"):
            dj.jackknife(dj.aggte(castle, "group")).pretest()


class TestHonestDiD:
    def test_leaves_out_the_reference_period(self, events: dj.Jackknife) -> None:
        handed = events.to_honestdid()
        assert handed.event_times.tolist() == [-4, -3, -2, 0, 1, 2, 3, 4]
        assert (handed.num_pre, handed.num_post, handed.df) == (3, 5, 49)
        names = [f"event:{e:g}" for e in handed.event_times]
        assert_close(handed.sigma, events.vcov.loc[names, names], 1e-15, "sigma")

    def test_needs_a_universal_base(self) -> None:
        res = dj.att_gt(dj.load_dataset("castle"), "l_homicide", "year", "gvar", "sid")
        with pytest.raises(dj.DesignError, match="universal"):
            dj.jackknife(dj.aggte(res, "dynamic")).to_honestdid()

    def test_needs_an_event_study(self, castle: dj.ATTgt) -> None:
        with pytest.raises(dj.DesignError, match="dynamic"):
            dj.jackknife(dj.aggte(castle, "group")).to_honestdid()


class TestMultiplier:
    @pytest.mark.parametrize("distribution", sorted(DRAWS))
    def test_multipliers_have_mean_zero_and_variance_one(self, distribution: str) -> None:
        draws = DRAWS[distribution](np.random.default_rng(1), (400_000, 1))
        # Standard errors of the two moments are below .003 for all three distributions.
        assert abs(draws.mean()) < 0.01
        assert abs((draws**2).mean() - 1) < 0.01
        if distribution == "mammen":
            assert abs((draws**3).mean() - 1) < 0.02

    @pytest.mark.parametrize("distribution", sorted(DRAWS))
    def test_standard_deviations_converge_to_clustered_analytic(self, distribution: str) -> None:
        data = dj.load_dataset("mpdta")
        res = dj.att_gt(data, "lemp", "year", "first.treat", "countyreal", est_method="reg",
                        clustervars="state")  # fmt: skip
        agg = dj.aggte(res, "dynamic")
        boot = dj.multiplier(agg, distribution=distribution, n_boot=20_000, scale="sd", seed=3)
        analytic = agg.analytic("state").se
        # A standard deviation from 20,000 draws has a relative error of about .7% (fourth
        # moments of the heavier multipliers included).
        assert_close(boot.inference.se, analytic, 0.03, distribution)

    def test_interquartile_range_differs_when_few_clusters_dominate(self) -> None:
        # One treated unit among many: the draws of its effect are two clouds, not a bell.
        sums = np.concatenate([[10.0], np.full(50, 0.1)])[:, None]
        draws = bootstrap_draws(sums, "rademacher", 4_000, seed=0)
        low, high = np.quantile(draws, [0.25, 0.75])
        from_range = (high - low) / (stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
        assert from_range > 1.4 * np.sqrt((sums**2).sum())

    def test_same_draws_for_any_number_of_workers(self, castle: dj.ATTgt) -> None:
        agg = dj.aggte(castle)
        one, two = (dj.multiplier(agg, n_boot=600, seed=7, n_jobs=j) for j in (1, 2))
        assert np.array_equal(one.draws, two.draws)
        assert not np.array_equal(one.draws, dj.multiplier(agg, n_boot=600, seed=8).draws)

    def test_against_r(self, dataset: Callable[[str], pd.DataFrame]) -> None:
        from references import load_runs

        checked = 0
        for run in load_runs("r_mboot50000"):
            if not run.name.startswith("mpdta_panel"):
                continue
            res = dj.att_gt(
                dataset("mpdta"), "lemp", "year", "first.treat", "countyreal",
                xformla=run.spec["xformla"], est_method=run.spec["est_method"],
                clustervars=run.spec.get("clustervars"),
            )  # fmt: skip
            ours = dj.multiplier(dj.aggte(res), n_boot=20_000, seed=1).se
            # Both interquartile ranges are simulated: 50,000 and 20,000 draws, about 1% each.
            assert_close(ours, run.agg["simple"]["se"], 0.035, run.name)
            checked += 1
        assert checked >= 5

    @pytest.mark.parametrize(
        "wrong", [{"distribution": "normal"}, {"scale": "mad"}, {"n_boot": 1}, {"level": 2.0}]
    )
    def test_wrong_options_are_refused(self, castle: dj.ATTgt, wrong: dict[str, object]) -> None:
        with pytest.raises(dj.DataError, match=next(iter(wrong))):
            dj.multiplier(dj.aggte(castle), **wrong)


def test_cluster_sums() -> None:
    psi = np.arange(12.0).reshape(6, 2)
    code = np.array([2, 0, 1, 0, 2, 1])
    expected = [psi[code == c].sum(axis=0) for c in range(3)]
    assert_close(cluster_sums(psi, code), expected, 1e-15, "sums")
