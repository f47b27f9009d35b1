"""Covariances, linear combinations, bands and tests of every kind of inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compare import assert_close
from scipy import stats

import didjack as dj
from didjack.core.analytic import standard_errors
from didjack.core.results import Inference
from didjack.effects.average_types import TYPES
from didjack.effects.joint import Joint
from didjack.inference.bands import sup_t_band, sup_t_quantile
from didjack.inference.honestdid import honestdid_input
from didjack.inference.pretest import joint_pretest

CLUSTERS = [None, "state"]


@pytest.fixture(scope="module")
def mpdta() -> dj.ATTgt:
    data = dj.load_dataset("mpdta")
    return dj.att_gt(
        data.assign(state=data["countyreal"] // 1000),
        "lemp", "year", "first.treat", "countyreal",
        xformla="~ lpop", est_method="reg", base_period="universal",
    )  # fmt: skip


@pytest.fixture(scope="module")
def targets(mpdta: dj.ATTgt) -> dict[str, Any]:
    parts = {type_: dj.aggte(mpdta, type_) for type_ in TYPES}
    return {"cells": mpdta, "joint": Joint.of(list(parts.values())), **parts}


NAMES = ("cells", "joint", *TYPES)


class TestAnalytic:
    @pytest.mark.parametrize("cluster", CLUSTERS)
    @pytest.mark.parametrize("name", NAMES)
    def test_the_diagonal_is_the_squared_standard_errors(self, targets, name, cluster) -> None:
        inference = targets[name].analytic(cluster)
        kept = np.isfinite(inference.se)
        assert kept.any()
        diagonal = np.diag(inference.vcov)
        assert_close(diagonal[kept], inference.se[kept] ** 2, 1e-14, "diagonal")
        assert (diagonal[~kept] == 0).all()  # zero by construction

    @pytest.mark.parametrize("cluster", CLUSTERS)
    @pytest.mark.parametrize("name", ["cells", "joint", "dynamic"])
    def test_a_combination_has_the_error_of_the_combined_influence(
        self, targets, name, cluster
    ) -> None:
        target = targets[name]
        inference = target.analytic(cluster)
        rng = np.random.default_rng(5)
        at = rng.choice(len(target.parameters), 3, replace=False)
        weights = rng.normal(size=3)
        found = inference.lincom(
            {target.parameters[i]: w for i, w in zip(at, weights, strict=True)}
        )
        combined = (target.influence[:, at] @ weights)[:, None]
        code = target.estimation.unit_clusters(cluster)
        assert_close(found.se, standard_errors(combined, code), 1e-13, "se")
        assert_close(found.att, target.values[at] @ weights, 1e-14, "att")
        assert np.isinf(found.df).all()

    def test_the_mean_of_event_times_is_the_overall_effect(self, targets) -> None:
        inference = targets["dynamic"].analytic("state")
        after = [p for p in inference.parameters if p.kind == "event" and p.at[0] >= 0]
        mean = inference.lincom({p: 1 / len(after) for p in after})
        assert_close([mean.att[0], mean.se[0]], [inference.att[0], inference.se[0]], 1e-12, "mean")

    def test_what_is_zero_has_no_error(self, targets) -> None:
        inference = targets["dynamic"].analytic()
        for expression in ("event:-1", "overall - overall"):
            found = inference.lincom(expression)
            assert np.isnan(found.se[0]) and np.isnan(found.p[0])
        alone, less = inference.lincom("event:1"), inference.lincom("event:1 - event:-1")
        assert alone.se == less.se

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_the_pretest_of_cells_is_wald(self, mpdta, cluster) -> None:
        psi, pre = mpdta.influence, ~mpdta.cells.post & ~mpdta.cells.is_base
        code = mpdta.unit_clusters(cluster)
        sums = psi if code is None else np.array([psi[code == c].sum(0) for c in np.unique(code)])
        V = sums[:, pre].T @ sums[:, pre] / mpdta.n
        expected = mpdta.n * mpdta.att[pre] @ np.linalg.solve(V, mpdta.att[pre])
        for test in (joint_pretest(mpdta.analytic(cluster)), dj.wald_pretest(mpdta, cluster)):
            assert_close(test.statistic, expected, 1e-9, "Wald")
            assert test.df == (float(pre.sum()),)
            assert_close(test.p, stats.chi2.sf(expected, pre.sum()), 1e-8, "p")

    def test_the_band_of_one_element_is_the_normal_quantile(self, mpdta) -> None:
        agg = dj.aggte(mpdta, "dynamic", min_e=0, max_e=0)
        # 100,000 draws: the quantile at 97.5% has a Monte Carlo error of .008.
        assert abs(sup_t_band(agg.analytic()).critical_value - stats.norm.ppf(0.975)) < 0.03

    def test_the_band_covers_elements_only(self, targets) -> None:
        inference = targets["dynamic"].analytic("state", 0.9)
        band = sup_t_band(inference)
        assert band.level == 0.9
        estimated = zip(inference.parameters, inference.se, strict=True)
        assert band.parameters == tuple(p for p, se in estimated if p.is_element and se > 0)
        bonferroni = stats.norm.ppf(1 - 0.05 / len(band.parameters))
        assert stats.norm.ppf(0.95) < band.critical_value < bonferroni + 0.03

    def test_the_event_study_is_handed_over(self, targets) -> None:
        inference = targets["dynamic"].analytic("state")
        handed = honestdid_input(inference)
        names = [f"event:{e:g}" for e in handed.event_times]
        assert -1 not in handed.event_times and len(names) == handed.num_pre + handed.num_post
        assert np.array_equal(handed.sigma, inference.vcov.loc[names, names])
        assert np.isinf(handed.df)

    def test_an_estimated_reference_period_is_refused(self, mpdta) -> None:
        with pytest.raises(dj.DesignError, match="universal"):
            frame = mpdta.panel.source
            res = dj.att_gt(frame, "lemp", "year", "first.treat", "countyreal", est_method="reg")
            honestdid_input(dj.aggte(res, "dynamic").analytic())


class TestJackknife:
    @pytest.mark.parametrize("name", NAMES)
    def test_its_inference_has_its_covariance(self, targets, name) -> None:
        jk = dj.jackknife(targets[name], "state")
        kept = np.isfinite(jk.inference.se)
        assert_close(np.diag(jk.vcov)[kept], jk.inference.se[kept] ** 2, 1e-14, "diagonal")
        assert jk.inference.vcov.equals(jk.vcov)

    def test_combinations_agree_where_no_deletion_loses_a_parameter(self, mpdta) -> None:
        jk = dj.jackknife(dj.aggte(mpdta, "dynamic", min_e=0, max_e=1), "state")
        assert np.isfinite(jk.replicates).all()
        exact, linear = (of.lincom("event:1 - 2*event:0") for of in (jk, jk.inference))
        assert_close(linear.se, exact.se, 1e-12, "se")
        assert (linear.df, linear.parameters) == (exact.df, exact.parameters)

    def test_the_band_is_a_function_of_correlation_and_df(self, mpdta) -> None:
        jk = dj.jackknife(dj.aggte(mpdta, "dynamic"), "state")
        band = jk.band(n_draws=5_000)
        at = [jk.parameters.index(name) for name in band.parameters]
        V = jk.vcov.to_numpy()[np.ix_(at, at)]
        corr = V / np.sqrt(np.outer(np.diag(V), np.diag(V)))
        value = sup_t_quantile(corr, float(jk.inference.df[at].min()), 0.95, 5_000, 0)
        assert_close(band.critical_value, value, 1e-12, "critical value")


@pytest.fixture(scope="module")
def boots(targets) -> dict[str, dj.Multiplier]:
    return {
        scale: dj.multiplier(targets["dynamic"], "state", n_boot=400, scale=scale, seed=4)
        for scale in ("sd", "iqr")
    }


class TestMultiplier:
    def test_the_covariance_is_that_of_the_draws(self, boots) -> None:
        for boot in boots.values():
            expected = boot.draws.T @ boot.draws / len(boot.draws)
            assert_close(boot.vcov, expected, 1e-12, "covariance")
        kept = np.isfinite(boots["sd"].inference.se)
        variances = boots["sd"].inference.se[kept] ** 2
        assert_close(np.diag(boots["sd"].vcov)[kept], variances, 1e-14, "diagonal")

    def test_a_combination_is_that_of_every_draw(self, boots) -> None:
        places = [boots["sd"].parameters.index(name) for name in ("event:1", "event:0")]
        combined = boots["sd"].draws[:, places] @ [1.0, -1.0]
        found = {scale: boot.lincom("event:1 - event:0").se[0] for scale, boot in boots.items()}
        assert_close(found["sd"], np.sqrt((combined**2).mean()), 1e-13, "sd")
        low, high = np.quantile(combined, [0.25, 0.75], method="inverted_cdf")
        width = stats.norm.ppf(0.75) - stats.norm.ppf(0.25)
        assert_close(found["iqr"], (high - low) / width, 1e-13, "iqr")

    def test_tests_and_the_hand_over(self, boots) -> None:
        boot = boots["sd"]
        test = boot.pretest()
        V = boot.vcov.loc[list(test.parameters), list(test.parameters)].to_numpy()
        b = boot.to_frame().set_index("parameter").loc[list(test.parameters), "att"].to_numpy()
        assert_close(test.statistic, b @ np.linalg.solve(V, b), 1e-9, "Wald")
        handed = boot.to_honestdid()
        names = [f"event:{e:g}" for e in handed.event_times]
        assert np.array_equal(handed.sigma, boot.vcov.loc[names, names])

    def test_it_is_shown_like_other_results(self, boots) -> None:
        boot = boots["iqr"]
        assert boot.tidy()["std_error"].equals(boot.to_frame()["se"].rename("std_error"))
        assert "400 draws" in boot.summary() and boot.glance()["n_draws"].item() == 400
        assert r"\toprule" in boot.to_latex() and "<table" in boot._repr_html_()


def test_standard_errors_alone_have_no_covariance() -> None:
    one = np.ones(2)
    inference = Inference("CV1", ("a", "b"), one, one, one, 5)
    for ask in (lambda: inference.vcov, lambda: inference.lincom("a - b")):
        with pytest.raises(dj.DesignError, match="CV1 standard errors come without covariances"):
            ask()


@pytest.mark.parametrize("name", NAMES)
def test_tidy_is_written_once(targets, name) -> None:
    for result in (targets[name], dj.jackknife(targets[name], "state")):
        tidy, frame = result.tidy(), result.inference.to_frame()
        assert tidy.columns.tolist() == [
            "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high",
            "n_treated_clusters",
        ]  # fmt: skip
        names = ["parameter", "att", "se", "t", "p", "ci_low", "ci_high", "n_treated_clusters"]
        pairs = zip(tidy, names, strict=True)
        for ours, theirs in pairs:
            assert tidy[ours].equals(frame[theirs].rename(ours)), ours
