"""High propensities: weights, trimming, the cap and the overlap check, against plain numpy.

Where most of a sample is treated, fitted propensities lie between .5 and .999: the weights of the
controls are large there, and the limits of R's programs apply. Every design says in an assertion
which limits it reaches.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plain_weighting as plain
import pytest
from compare import assert_close

import didjack as dj
from didjack.estimators.odds import control_odds, largest
from didjack.estimators.propensity import Sample, logistic

# Two ways to the same least squares and the same root; the weights range over a factor of 1000.
RTOL = 1e-9
NOTHING = (np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))


def many_treated(n: int, seed: int, heavy: float = 1.0) -> pd.DataFrame:
    """Return two periods of n units, of which the propensity rises with x from .3 to .98.

    The weights of the treated are multiplied by `heavy`. That raises the propensity by weight,
    at which controls are trimmed, and not that without weights, at which a cell is left out.
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    treated = rng.random(n) < 1 / (1 + np.exp(-1.4 - 2.2 * x))
    frame = pd.DataFrame({"x": x, "g": 2 * treated, "unit": np.arange(n)})
    frame["cluster"] = frame["unit"] % 9
    frame["wt"] = rng.uniform(0.5, 2.0, n) * np.where(treated, heavy, 1.0)
    frame = frame.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    # Nonlinear in x, so that outcome regression and weighting differ.
    frame["y"] = frame["x"] ** 2 * frame["t"] + rng.normal(size=len(frame))
    return frame


UNTRIMMED = many_treated(150, 1)
TRIMMED = many_treated(200, 2, heavy=15.0)


def rows_of(frame: pd.DataFrame, kind: str, weight: str | None) -> plain.Rows:
    if kind == "panel":
        early, late = (frame[frame["t"] == t] for t in (1, 2))
        y, rows, period = late["y"].to_numpy() - early["y"].to_numpy(), early, None
    else:
        y, rows, period = frame["y"].to_numpy(), frame, (frame["t"] == 2).to_numpy(float)
    return plain.Rows(
        y=y,
        d=(rows["g"] > 0).to_numpy(float),
        X=np.column_stack([np.ones(len(rows)), rows["x"]]),
        w=rows[weight].to_numpy(float) if weight else np.ones(len(rows)),
        late=period,
    )


def estimate(frame: pd.DataFrame, kind: str, method: str, weight: str | None, **kwargs) -> dj.ATTgt:
    options = {"xformla": "~ x", "est_method": method, "weightsname": weight} | kwargs
    unit = "unit" if kind == "panel" else None
    return dj.att_gt(frame, "y", "t", "g", unit, panel=kind == "panel", **options)


every_kind = pytest.mark.parametrize("kind", ["panel", "rc"])
every_method = pytest.mark.parametrize("method", ["ipw", "dr", "drimp"])


@every_kind
@every_method
@pytest.mark.parametrize("weight", [None, "wt"])
def test_untrimmed_att_equals_plain_numpy(kind, method, weight):
    rows = rows_of(UNTRIMMED, kind, weight)
    p = plain.propensity(rows, method)
    assert p.max() < 0.995
    assert np.mean(p > 0.5) > 0.7
    ours = estimate(UNTRIMMED, kind, method, weight).att
    assert_close(ours, [plain.att(rows, method)], RTOL, "ATT", 1.0)


@every_kind
@every_method
def test_trimmed_att_equals_plain_numpy(kind, method):
    rows = rows_of(TRIMMED, kind, "wt")
    p = plain.propensity(rows, method)
    trimmed = (rows.d == 0) & (p >= 0.995)
    assert trimmed.any()
    expected = plain.att(rows, method)
    assert abs(expected - plain.att(rows, method, trim=np.inf)) > 1e-3
    ours = estimate(TRIMMED, kind, method, "wt").att
    assert_close(ours, [expected], RTOL, "ATT", 1.0)


@every_kind
def test_regression_of_drimp_keeps_trimmed_controls(kind):
    rows = rows_of(TRIMMED, kind, "wt")
    expected = plain.att(rows, "drimp")
    other = plain.att(rows, "drimp", regression_trim=0.995)
    assert abs(expected - other) > 1e-3
    assert_close(estimate(TRIMMED, kind, "drimp", "wt").att, [expected], RTOL, "ATT", 1.0)


@every_kind
@every_method
def test_jackknife_of_trimmed_models_equals_refits(kind, method):
    agg = dj.aggte(estimate(TRIMMED, kind, method, "wt", clustervars="cluster"))
    jk = dj.jackknife(agg)
    for h, cluster in enumerate(jk.clusters.labels):
        rows = rows_of(TRIMMED[TRIMMED["cluster"] != cluster], kind, "wt")
        expected = plain.att(rows, method)
        assert_close(jk.replicates[h + 1], [expected], RTOL, f"without {cluster}", 1.0)


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize(("kind", "method"), [("panel", "ipw"), ("panel", "dr"), ("rc", "ipw")])
def test_influence_is_the_derivative(kind, method, trimmed):
    """For `dr` in cross-sections see test_influence: R has another sign there."""
    frame = many_treated(90, 1, heavy=15.0 if trimmed else 1.0)
    rows = rows_of(frame, kind, "wt")
    p = plain.propensity(rows, method)
    assert ((rows.d == 0) & (p >= 0.995)).any() == trimmed
    numerical = plain.influence(rows, method)
    ours = estimate(frame, kind, method, "wt").influence[:, 0]
    # Differences have an error of the square of their step, 1e-8, times third derivatives.
    assert_close(ours, numerical, 1e-6, "influence", np.abs(numerical).max())


def test_influence_of_drimp_in_a_panel():
    """As in R's drdid_imp_panel: the summand minus its mean, without nuisance estimates."""
    rows = rows_of(TRIMMED, "panel", "wt")
    p = plain.propensity(rows, "drimp")
    odds = (1 - rows.d) * rows.w * p / (1 - p)
    beta = plain.least_squares(rows, odds, rows.d == 0)
    odds[p >= 0.995] = 0.0
    treated = rows.w * rows.d
    summand = (treated - odds) * (rows.y - rows.X @ beta)
    expected = (summand - treated * summand.sum() / treated.sum()) / treated.mean()
    ours = estimate(TRIMMED, "panel", "drimp", "wt").influence[:, 0]
    assert_close(ours, expected, RTOL, "influence", np.abs(expected).max())


def test_influence_of_drimp_in_cross_sections():
    """As in R's drdid_imp_rc: eight means, each with its deviations over its mean weight."""
    rows = rows_of(TRIMMED, "rc", "wt")
    p = plain.propensity(rows, "drimp")
    odds = (1 - rows.d) * rows.w * p / (1 - p)
    treated = rows.w * rows.d
    expected = np.zeros(len(p))

    def of_mean(values, weight):
        return weight * (values - np.average(values, weights=weight)) / weight.mean()

    for sign, now in ((1, rows.late == 1), (-1, rows.late == 0)):
        fitted = rows.X @ plain.least_squares(rows, odds, (rows.d == 0) & now)
        gap = rows.X @ plain.least_squares(rows, rows.w, (rows.d == 1) & now) - fitted
        rest = rows.y - fitted
        expected += sign * of_mean(rest, treated * now)
        expected -= sign * of_mean(rest, odds * now * (p < 0.995))
        expected += sign * (of_mean(gap, treated) - of_mean(gap, treated * now))
    ours = estimate(TRIMMED, "rc", "drimp", "wt").influence[:, 0]
    assert_close(ours, expected, RTOL, "influence", np.abs(expected).max())


# --- limits of the propensity, in designs whose propensity is a share ------------------------


def shares(treated: int, controls: int = 1, weights: tuple[float, float] = (1, 1)) -> pd.DataFrame:
    """Return ten treated and ten controls at x = 0, and others at x = 1.

    The logit is saturated, so that the propensity at x = 1 is the share of treated there; the
    weights are those of treated and controls at x = 1.
    """
    frame = pd.DataFrame(
        {
            "x": np.repeat([0, 1], [20, treated + controls]),
            "g": np.repeat([2, 0, 2, 0], [10, 10, treated, controls]),
            "wt": np.repeat([1.0, *weights], [20, treated, controls]),
        }
    )
    frame["unit"] = np.arange(len(frame))
    frame = frame.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["y"] = np.where(frame["t"] == 2, np.sin(frame["unit"]) + frame["x"], 0.0)
    return frame


def by_hand(frame: pd.DataFrame, trimmed: bool) -> float:
    """Return the ATT that weights controls by the treated of their x, perhaps only at x = 0."""
    late = frame[frame["t"] == 2]
    treated, control = late[late["g"] == 2], late[late["g"] == 0]
    means = control.groupby("x")["y"].mean()
    sizes = treated.groupby("x")["wt"].sum()
    expected = means[0] if trimmed else (means * sizes).sum() / sizes.sum()
    return np.average(treated["y"], weights=treated["wt"]) - expected


@every_kind
@pytest.mark.parametrize(("treated", "trimmed"), [(198, False), (200, True)])
def test_controls_are_trimmed_from_a_propensity_of_995(kind, treated, trimmed):
    """198/199 = .99497 and 200/201 = .99502."""
    frame = shares(treated)
    assert abs(by_hand(frame, True) - by_hand(frame, False)) > 0.1
    ours = estimate(frame, kind, "ipw", None).att
    assert_close(ours, [by_hand(frame, trimmed)], 1e-12, "ATT", 1.0)


@pytest.mark.parametrize(("treated", "estimable"), [(198, True), (200, False)])
def test_without_covariates_all_controls_are_trimmed_from_995(treated, estimable):
    frame = shares(treated).query("x == 1")
    for method, expected in (("ipw", estimable), ("dr", estimable), ("reg", True)):
        res = estimate(frame, "panel", method, None, xformla=None)
        assert res.estimable.all() == (expected or method == "reg")


@every_kind
@every_method
@pytest.mark.parametrize(("treated", "estimable"), [(998, True), (1000, False)])
def test_cells_have_an_estimate_up_to_a_propensity_of_999(kind, method, treated, estimable):
    """998/999 = .998999 and 1000/1001 = .999001."""
    res = estimate(shares(treated), kind, method, None)
    assert res.estimable.all() == estimable
    if not estimable:
        assert "no overlap" in res.ledger["reason"].iloc[0]


@every_kind
@every_method
@pytest.mark.parametrize(
    ("treated", "weights", "estimable"),
    [
        (500, (4.0, 1.0), True),  # by weight 2000/2001 = .9995, unweighted 500/501 = .998
        (1100, (0.5, 1.0), False),  # by weight 550/551 = .998, unweighted 1100/1101 = .9991
        (998, (3.0, 3.0), True),
        (1000, (3.0, 3.0), False),
    ],
)
def test_overlap_is_checked_without_weights(kind, method, treated, weights, estimable):
    res = estimate(shares(treated, weights=weights), kind, method, "wt")
    assert res.estimable.all() == estimable
    if estimable and method == "ipw":
        expected = by_hand(shares(treated, weights=weights), trimmed=True)
        assert_close(res.att, [expected], 1e-12, "ATT", 1.0)


def test_equal_weights_do_not_move_the_check():
    """998/999 at x = 1 with every weight 3: the weights are equal, whatever their size."""
    frame = shares(998).assign(wt=3.0)
    for kind in ("panel", "rc"):
        res = estimate(frame, kind, "ipw", "wt")
        plain_res = estimate(frame, kind, "ipw", None)
        assert_close(res.att, plain_res.att, 1e-12, "ATT", 1.0)


@pytest.mark.parametrize(
    ("sizes", "estimable"),
    [((10, 3, 20, 6, 1200, 1), True), ((10, 10, 120, 2, 300, 1), False)],
)
def test_overlap_of_drimp_is_that_of_the_logit(sizes, estimable):
    """With three values of x the models differ; treated and controls alternate in `sizes`."""
    x, g = np.repeat([0, 0, 1, 1, 2, 2], sizes), np.repeat([2, 0, 2, 0, 2, 0], sizes)
    frame = pd.DataFrame({"x": x, "g": g, "unit": np.arange(len(x))})
    frame = frame.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["y"] = np.cos(frame["unit"]) * frame["t"]
    rows = rows_of(frame, "panel", None)
    assert (plain.propensity(rows, "dr").max() < 0.999) == estimable
    assert (plain.propensity(rows, "drimp").max() < 0.999) != estimable
    assert estimate(frame, "panel", "drimp", None).estimable.all() == estimable


def test_propensities_are_capped_in_the_regression_of_drimp():
    """At most 1 - 1e-6: the weight of a control stops at a million times its sampling weight.

    Treated and controls have the weights that make the odds .001, 100 and 1e7 at x = 0, 1 and 2.
    """
    groups = [(0, 1, 20, 100.0), (0, 0, 20, 1e5), (1, 1, 20, 100.0), (1, 0, 20, 1.0)]
    groups += [(2, 1, 40, 2500.0), (2, 0, 1, 1e-2)]
    x, d, count, w = np.array(groups).T
    size = count.astype(int)
    frame = pd.DataFrame({"x": np.repeat(x, size), "g": 2 * np.repeat(d, size)})
    frame["wt"], frame["unit"] = np.repeat(w, size), np.arange(len(frame))
    frame = frame.merge(pd.DataFrame({"t": [1, 2]}), how="cross")
    frame["y"] = np.cos(frame["unit"]) * frame["t"]
    rows = rows_of(frame, "panel", "wt")
    assert_close(plain.tilting(rows), np.log([1e-3, 1e5]), 1e-9, "coefficients")
    expected = plain.att(rows, "drimp")
    assert abs(expected - plain.att(rows, "drimp", cap=1.0)) > 1e-3
    ours = estimate(frame, "panel", "drimp", "wt").att
    assert_close(ours, [expected], 1e-8, "ATT", 1.0)


# --- the functions themselves, at the limits -------------------------------------------------


def three_rows() -> Sample:
    X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    return Sample(X, np.array([False, False, True]), np.array([2.0, 3.0, 5.0]), None, 1)


def odds_at(eta: float, trim: float = np.inf) -> np.ndarray:
    """Return the odds of the three rows; the second has the linear predictor eta."""
    coef = np.array([[0.0, eta]])
    return control_odds(three_rows(), slice(None), NOTHING, coef, trim)[:, 0]


def test_odds_of_controls():
    assert_close(odds_at(np.log(4.0)), [2.0, 12.0, 0.0], 1e-14, "odds")


@pytest.mark.parametrize("eta", [14.0, 20.0, 40.0])
def test_odds_stop_at_the_cap(eta):
    assert_close(odds_at(eta), [2.0, 3.0 * (1 - 1e-6) / 1e-6, 0.0], 1e-9, "odds")


def test_odds_below_the_cap_are_kept():
    eta = np.log((1 - 2e-6) / 2e-6)
    assert_close(odds_at(eta), [2.0, 3.0 * (1 - 2e-6) / 2e-6, 0.0], 1e-9, "odds")


def test_a_control_at_the_threshold_is_trimmed():
    eta = 3.0
    threshold = float(logistic(np.array([eta]))[0])
    assert odds_at(eta, trim=threshold)[1] == 0.0
    assert odds_at(eta, trim=np.nextafter(threshold, 1))[1] > 0.0


def test_largest_propensity_leaves_out_deleted_rows():
    clusters = np.array([0, 1, 2])
    rows = three_rows()
    sample = Sample(rows.X, rows.d, rows.w, clusters, 4)
    coef = np.tile([0.0, 1.0], (4, 1))
    expected = 1 / (1 + np.exp(-np.array([2.0, 2.0, 2.0, 1.0])))
    assert_close(largest(sample, coef), expected, 1e-14, "largest propensity")
