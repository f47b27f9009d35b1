"""rng="R": R's random numbers bit for bit, and R's standard errors and critical values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looped import att_gt, frame_of
from references import FOLDER, arguments_of, load_runs, prepare

import didjack as dj
from didjack.effects.joint import Joint
from didjack.inference.multiplier_draws import spread
from didjack.inference.r_draws import unit_order
from didjack.inference.r_random import RStream

DRAWN = json.loads((FOLDER / "draws_of_r.json").read_text(encoding="utf-8"))["seeds"]
SEED, B = 20240901, 50_000  # of r_mboot50000
# Standard errors are differences of order statistics: rounding moves them by 1e-13. A logit moves
# R's own influence functions by 1e-9, and by 1e-7 with three covariates (merit).
CLOSE = {None: 1e-11, "~lpop": 1e-8, "~male+black+asian": 1e-6}
PARITY = os.environ.get("DIDJACK_PARITY") or (
    Path(__file__).parents[3] / "shared" / "reference" / "parity"
)
FIXTURE = Path(PARITY) / "f014"  # data that the project does not ship


@pytest.mark.parametrize("row", DRAWN, ids=lambda row: str(row["seed"]))
def test_uniforms_are_those_of_r(row):
    u = RStream(row["seed"]).uniform(2001)
    assert u[:5].tolist() == row["uniform"]
    assert u[1998:].tolist() == row["later"]
    stream = RStream(row["seed"])
    stream.skip(1998)
    assert stream.uniform(3).tolist() == row["later"]


@pytest.mark.parametrize("row", DRAWN, ids=lambda row: str(row["seed"]))
def test_signs_are_those_of_bmisc(row):
    expected = [[1.0 if sign == "+" else -1.0 for sign in draw] for draw in row["signs"]]
    assert RStream(row["seed"]).rademacher(3, 70).tolist() == expected


@pytest.mark.parametrize("n", [1, 30, 31, 32, 62, 63])
def test_every_draw_begins_with_a_new_number(n):
    signs = RStream(3).rademacher(4, n)
    per_draw = -(-n // 31)
    stream = RStream(3)
    for draw in range(4):
        whole = (2147483647 * stream.uniform(per_draw) + 1).astype(int)
        bits = "".join(f"{number:031b}" for number in whole.tolist())[:n]
        assert signs[draw].tolist() == [1.0 if bit == "1" else -1.0 for bit in bits]


def test_sums_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch):
    sums = np.random.default_rng(0).normal(size=(40, 3))
    at_once = RStream(5).perturbed_sums(sums, 25)
    monkeypatch.setattr("didjack.inference.r_random._CHUNK", 40)
    np.testing.assert_allclose(RStream(5).perturbed_sums(sums, 25), at_once, rtol=1e-13)


def run_of(name: str, dataset: Callable[[str], pd.DataFrame]) -> tuple[dj.ATTgt, dict]:
    run = next(run for run in load_runs("r_mboot50000") if run.name == name)
    data, kwargs = arguments_of(name.split("|")[0], run.spec)
    return dj.att_gt(prepare(data, dataset(data.split("_")[0])), **kwargs), run.agg


@pytest.mark.parametrize(
    "name",
    [
        "mpdta_panel|1|reg|nevertreated|varying|cl_st",
        "mpdta_panel|1|reg|nevertreated|varying|unclustered",
        "mpdta_panel|lpop|dr|nevertreated|varying|cl_st",
        "mpdta_unbal|1|dr|nevertreated|varying|unclustered",
        "mpdta_rc_county|1|ipw|nevertreated|varying|cl_countyreal",
        "merit_rc|1|reg|nevertreated|varying|cl_state",
        "merit_rc|male+black+asian|ipw|nevertreated|varying|cl_state",
    ],
)
def test_standard_errors_are_those_of_r(name, dataset):
    """Drawn with cband=FALSE; simple, group, dynamic and calendar after set.seed each."""
    res, aggregates = run_of(name, dataset)
    rtol = CLOSE[res.panel.roles.xformla]
    for kind, found in aggregates.items():
        boot = dj.multiplier(dj.aggte(res, kind), rng="R", seed=SEED, n_boot=B, cband=False)
        elements = [] if found["se_egt"] is None else np.atleast_1d(found["se_egt"])
        expected = np.array([found["se"], *elements], dtype=float)
        np.testing.assert_allclose(boot.inference.se, expected, rtol=rtol)


def test_cells_are_those_of_r(dataset):
    content = json.loads((FOLDER / "r_mboot50000.json").read_text(encoding="utf-8"))["specs"]
    for name in ("mpdta_panel|1|reg|nevertreated|varying|unclustered",
                 "mpdta_unbal|1|dr|nevertreated|varying|cl_st"):  # fmt: skip
        res, _ = run_of(name, dataset)
        boot = dj.multiplier(res, rng="R", seed=SEED, n_boot=B)
        expected = np.array(content[name]["gt"]["se"], dtype=float)
        np.testing.assert_allclose(boot.inference.se, expected, rtol=1e-11)


@pytest.mark.skipif(not FIXTURE.is_dir(), reason="no parity fixtures: see DIDJACK_PARITY")
@pytest.mark.parametrize(("file", "clustervars"), [("attgt", None), ("cluster-attgt", "cl")])
def test_critical_values_are_those_of_r(file, clustervars):
    expected = pd.read_csv(FIXTURE / f"expected-bootstrap-{file}.csv")
    data = pd.read_csv(FIXTURE / "input.csv")
    res = dj.att_gt(data, "y", "time", "g", "id", est_method="reg", clustervars=clustervars)
    seed, n_boot = int(expected["seed"][0]), int(expected["biters"][0])
    boot = dj.multiplier(res, rng="R", seed=seed, n_boot=n_boot)
    # 15 digits in the file, 1e-3 in size
    np.testing.assert_allclose(boot.inference.se, expected["se_boot_r"], rtol=1e-11)
    np.testing.assert_allclose(boot.band().critical_value, expected["crit_val_r"][0], rtol=1e-11)
    if "ci_low_r" in expected:
        band = boot.band().to_frame()
        np.testing.assert_allclose(band["band_low"], expected["ci_low_r"], rtol=1e-11)
        np.testing.assert_allclose(band["band_high"], expected["ci_high_r"], rtol=1e-11)


# Overall standard error and critical value from compute.aggte and mboot of R did 2.5.1, in R 4.2.2
# with set.seed(77), biters=499, cband=TRUE and signs drawn as in programs/draws_of_r.R, on mpdta
# (lemp, reg, no covariates) and the influence functions of this package.
BANDS = {
    ("varying", None): {
        "group": (0.0133062456430856121, 2.2848055258471063),
        "dynamic": (0.0216246073288102504, 2.6626487906393650),
        "calendar": (0.0159898266072470326, 2.4021540413161508),
    },
    ("universal", "st"): {
        "group": (0.0123523593392832701, 2.1200437805147980),
        "dynamic": (0.0154733780078194685, 2.3157396471060632),
        "calendar": (0.0158697336992074077, 2.1054317137595659),
    },
}


@pytest.mark.parametrize(("base", "clustervars"), BANDS)
def test_bands_of_averages_are_those_of_r(base, clustervars, dataset):
    """The overall effect is drawn last: its standard error tells what was drawn before."""
    data = prepare("mpdta", dataset("mpdta"))
    res = dj.att_gt(
        data, "lemp", "year", "first.treat", "countyreal", est_method="reg", base_period=base,
        clustervars=clustervars,
    )  # fmt: skip
    for kind, (se, value) in BANDS[base, clustervars].items():
        boot = dj.multiplier(dj.aggte(res, kind), rng="R", seed=77, n_boot=499)
        assert boot.se == pytest.approx(se, rel=1e-12)
        assert boot.band().critical_value == pytest.approx(value, rel=1e-12)


@pytest.fixture(scope="module")
def events() -> dj.Aggregate:
    frame = frame_of([[2, 2, 3], [3], [4, 4], [0], [0, 0, 0], [0, 2]], seed=1)
    return dj.aggte(att_gt(frame, clustervars=None), type="dynamic")


def test_bootstraps_of_an_average_follow_one_another(events):
    """Elements, band, overall effect: each a bootstrap of one stream, in R's order."""
    n_boot, sums = 50, events.influence[unit_order(events.estimation.panel)] / events.estimation.n
    stream = RStream(9)
    elements = [stream.perturbed_sums(sums[:, [p]], n_boot)[:, 0] for p in range(1, sums.shape[1])]
    joint = stream.perturbed_sums(sums, n_boot)
    overall = stream.perturbed_sums(sums[:, [0]], n_boot)[:, 0]
    boot = dj.multiplier(events, rng="R", seed=9, n_boot=n_boot)
    np.testing.assert_array_equal(boot.draws, joint)
    expected = spread(np.column_stack([overall, *elements]), "iqr")
    np.testing.assert_allclose(boot.inference.se, expected, rtol=1e-13)
    largest = np.abs(joint[:, 1:] / spread(joint[:, 1:], "iqr")).max(axis=1)
    value = np.sort(largest)[int(np.ceil(0.95 * n_boot - 1e-9)) - 1]
    assert boot.band().critical_value == pytest.approx(max(value, 1.959963984540054), rel=1e-13)
    # the covariance is that of draws in common
    np.testing.assert_allclose(boot.vcov, joint.T @ joint / n_boot, rtol=1e-12)
    no_band = dj.multiplier(events, rng="R", seed=9, n_boot=n_boot, cband=False)
    np.testing.assert_array_equal(no_band.separate_draws[:, 1:], boot.separate_draws[:, 1:])
    np.testing.assert_allclose(no_band.separate_draws[:, 0], joint[:, 0], rtol=1e-12)


def test_a_bootstrap_before(events):
    """set.seed, att_gt, aggte: what att_gt drew is left out."""
    cells = dj.multiplier(events.attgt, rng="R", seed=4, n_boot=20)
    stream = RStream(4)
    influence = events.attgt.influence[unit_order(events.estimation.panel)] / events.estimation.n
    np.testing.assert_array_equal(cells.draws, stream.perturbed_sums(influence, 20))
    after = dj.multiplier(events, rng="R", seed=4, n_boot=20, calls_before=1)
    first = influence_of(events, 1)
    np.testing.assert_array_equal(after.separate_draws[:, [1]], stream.perturbed_sums(first, 20))


def influence_of(events: dj.Aggregate, parameter: int) -> np.ndarray:
    order = unit_order(events.estimation.panel)
    return events.influence[order][:, [parameter]] / events.estimation.n


def test_order_of_units():
    """Balanced: by cohort, never treated last. Else by first appearance by period and cohort."""
    frame = pd.DataFrame(
        [(i, t, g, i + t * 0.5) for i, g in ((5, 0), (1, 3), (2, 2), (3, 0), (4, 2), (6, 3))
         for t in (1, 2, 3)],
        columns=["id", "time", "g", "y"],
    )  # fmt: skip
    panel = dj.att_gt(frame, "y", "time", "g", "id", est_method="reg").panel
    assert panel.unit_labels[unit_order(panel)].tolist() == [2, 4, 1, 6, 3, 5]
    unbalanced = frame[~((frame["id"] == 2) & (frame["time"] == 1))]
    panel = dj.att_gt(
        unbalanced, "y", "time", "g", "id", est_method="reg", allow_unbalanced_panel=True
    ).panel
    assert panel.unit_labels[unit_order(panel)].tolist() == [4, 1, 6, 5, 3, 2]
    panel = dj.att_gt(frame, "y", "time", "g", est_method="reg").panel
    rows = frame.iloc[panel.rows[unit_order(panel)]]
    assert rows["time"].is_monotonic_increasing
    assert rows["id"].tolist() == [2, 4, 1, 6, 5, 3] * 3


def test_two_periods_have_no_band(dataset):
    """R makes no uniform band where there are two periods, and draws none."""
    data = dataset("mpdta")
    data = data[data["year"].isin([2003, 2004]) & data["first.treat"].isin([0, 2004])]
    res = dj.att_gt(data, "lemp", "year", "first.treat", "countyreal", est_method="reg")
    agg = dj.aggte(res, "dynamic")
    by_default, without = (
        dj.multiplier(agg, rng="R", seed=1, n_boot=9, cband=cband) for cband in (None, False)
    )
    np.testing.assert_array_equal(by_default.separate_draws, without.separate_draws)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rng": "julia"}, "rng must be"),
        ({"rng": "R", "distribution": "mammen"}, "Rademacher"),
        ({"rng": "R", "seed": 2**31}, "R's seeds"),
        ({"rng": "R", "seed": 1.5}, "whole number"),
        ({"rng": "R", "calls_before": -1}, "calls_before"),
        ({"calls_before": 1}, "rng='R' only"),
        ({"cband": True}, "rng='R' only"),
    ],
)
def test_what_is_not_r_is_refused(events, wrong, sentence):
    with pytest.raises(dj.DataError, match=sentence):
        dj.multiplier(events, **wrong)


def test_several_averages_are_refused(events):
    parts = [events, dj.aggte(events.attgt)]
    with pytest.raises(dj.DataError, match="one average"):
        dj.multiplier(Joint.of(parts), rng="R")
