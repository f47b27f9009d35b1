"""Functions of one's own as `est_method`: formulas of DRDID, and what is refused."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import plain_weighting as plain
import pytest
from compare import assert_close
from test_every_estimator import frame_of

import didjack as dj
from didjack.display.paragraph import FORMS, methods_paragraph
from didjack.saving.store import save


class Found(NamedTuple):
    att: float
    influence: np.ndarray


def _fit(X, y, w):
    inverse = np.linalg.inv((X * w[:, None]).T @ X)
    beta = inverse @ X.T @ (w * y)
    return X @ beta, (X * (w * (y - X @ beta))[:, None]) @ inverse


def my_reg(y1, y0, D, covariates, i_weights):
    """Outcome regression, as R's `reg_did_panel`."""
    dy, X, w = y1 - y0, covariates, i_weights
    fitted, effect = _fit(X, dy, w * (1 - D))
    treated = w * D / (w @ D)
    att = treated @ (dy - fitted)
    return Found(att, len(D) * (treated * (dy - fitted - att) - effect @ (X.T @ treated)))


def my_dr(y1, y0, D, covariates, i_weights):
    """Doubly robust, as R's `drdid_panel`."""
    dy, X, w = y1 - y0, covariates, i_weights
    rows = plain.Rows(dy, D, X, w)
    p = 1 / (1 + np.exp(-X @ plain.logit(rows)))
    score = (X * (w * (D - p))[:, None]) @ np.linalg.inv((X * (w * p * (1 - p))[:, None]).T @ X)
    fitted, effect = _fit(X, dy, w * (1 - D))
    rest, odds = dy - fitted, w * (1 - D) * p / (1 - p)
    treated, control = w * D / (w @ D), odds / odds.sum()
    first, second = treated @ rest, control @ rest
    of_control = control * (rest - second)
    psi = treated * (rest - first) - of_control - score @ (X.T @ of_control)
    psi -= effect @ (X.T @ (treated - control))
    return {"ATT": first - second, "att.inf.func": len(D) * psi}


def my_rows(y, post, D, covariates, i_weights):
    """Outcome regression of levels, as R's `reg_did_rc`."""
    X, w = covariates, i_weights
    pooled = w * D / (w @ D)
    xbar = X.T @ pooled
    att, psi, gap = 0.0, np.zeros(len(y)), np.zeros(len(y))
    for sign, now in ((1, post), (-1, 1 - post)):
        treated = w * D * now / (w @ (D * now))
        fitted, effect = _fit(X, y, w * (1 - D) * now)
        mean = treated @ y
        att += sign * (mean - pooled @ fitted)
        psi += sign * (treated * (y - mean) - effect @ xbar)
        gap += sign * fitted
    psi -= pooled * (gap - pooled @ gap)
    return SimpleNamespace(att=att, influence=len(y) * psi)


def nonlinear(y1, y0, D, covariates, i_weights):
    change = np.tanh(y1 - y0)
    return change[D == 1].mean() - change[D == 0].mean(), np.zeros(len(D))


for linear in (my_reg, my_dr, my_rows):
    linear.linear = True  # type: ignore[attr-defined]


def estimate(kind: str, method: Any, **options: Any) -> dj.ATTgt:
    arguments = {"xformla": "~ x", "weightsname": "wt"} | options
    return dj.att_gt(
        frame_of(kind), "y", "t", "g", None if kind == "rc" else "unit", est_method=method,
        panel=kind != "rc", allow_unbalanced_panel=kind == "unbalanced", clustervars="cluster",
        **arguments,
    )  # fmt: skip


PAIRS = [
    ("panel", my_reg, "reg"),
    ("panel", my_dr, "dr"),
    ("rc", my_rows, "reg"),
    ("unbalanced", my_rows, "reg"),
]
every_pair = pytest.mark.parametrize(("kind", "function", "method"), PAIRS)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"xformla": None},
    {"base_period": "universal", "control_group": "notyettreated"},
    {"xformla": "~ x + C(cluster)"},  # a level leaves with its cluster
]


@pytest.mark.parametrize(
    ("kind", "function", "method", "options"),
    [
        (*pair, options)
        for pair in PAIRS
        for options in OPTIONS
        if pair[2] == "reg" or options is not OPTIONS[3]  # there propensities separate
    ],
)
def test_a_function_gives_what_the_estimator_gives(kind, function, method, options):
    ours, theirs = estimate(kind, function, **options), estimate(kind, method, **options)
    assert theirs.estimable.any()
    assert_close(ours.att, theirs.att, 1e-10, "ATT", 1.0)
    assert_close(ours.se, theirs.se, 1e-10, "standard errors", 1.0)
    assert_close(ours.influence, theirs.influence, 1e-10, "influence", 10.0)
    for type_ in ("simple", "dynamic"):
        first, second = (dj.jackknife(dj.aggte(res, type_)) for res in (ours, theirs))
        assert_close(first.replicates, second.replicates, 1e-9, "deletions", 1.0)
        assert_close(first.se, second.se, 1e-9, "CV3", 1.0)


@every_pair
def test_linear_functions_have_exact_critical_values(kind, function, method):
    first, second = (
        dj.jackknife(dj.aggte(estimate(kind, m)), critical="exact").inference
        for m in (function, method)
    )
    # Loadings of basis outcomes and those by formulas differ by rounding.
    np.testing.assert_allclose(first.p, second.p, rtol=1e-8)
    np.testing.assert_allclose(first.ci_low, second.ci_low, rtol=1e-8)


@pytest.mark.parametrize("options", [{"fix_weights": "base_period"}, {"fix_weights": "varying"}])
def test_cells_with_samples_of_their_own(options):
    """With varying weights a panel is estimated by the function of cross-sections."""
    function = my_rows if options["fix_weights"] == "varying" else my_reg
    ours, theirs = (estimate("panel", m, **options) for m in (function, "reg"))
    assert_close(ours.att, theirs.att, 1e-10, "ATT", 1.0)
    assert_close(ours.se, theirs.se, 1e-10, "standard errors", 1.0)


def test_covariates_are_those_of_the_data():
    """With the intercept first, neither centred nor scaled; copies, so that nothing is changed."""
    seen = []

    def look(y1, y0, D, covariates, i_weights):
        seen.append(covariates.copy())
        y1 -= 1
        covariates[:] = 0
        i_weights[:] = 0
        return D.sum(), np.zeros(len(D))

    frame = frame_of("panel").assign(k=lambda f: f["unit"] % 4)
    names = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}
    res = dj.att_gt(frame, **names, xformla="~ x + k", est_method=look)
    early = frame[(frame["t"] == 2000) & frame["g"].isin([0, 2001])]
    np.testing.assert_array_equal(seen[0][:, 0], 1)
    np.testing.assert_allclose(seen[0][:, 1], early["x"], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(seen[0][:, 2], early["k"])
    np.testing.assert_array_equal(res.panel.y, frame["y"])


def test_clusters_that_are_not_in_a_cell_are_not_estimated_again():
    calls = []

    def counted(y1, y0, D, covariates, i_weights):
        calls.append(len(D))
        return my_reg(y1, y0, D, covariates, i_weights)

    frame = frame_of("panel").assign(cluster=lambda f: f["unit"] % 6)
    names = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}
    res = dj.att_gt(frame, **names, clustervars="cluster", est_method=counted)
    calls.clear()
    dj.jackknife(dj.aggte(res))
    cells = res.estimates.n_treated[res.cells.group == 2001].size
    # Cohort 2001 is one cluster, 2002 two; without the first there are no cells of 2001.
    assert 0 < len(calls) <= len(res.cells) * 7 - cells


def test_a_function_that_is_not_linear_has_no_exact_values():
    agg = dj.aggte(estimate("panel", nonlinear))
    with pytest.raises(dj.DesignError, match=r"'nonlinear' does not say so.*nonlinear.linear"):
        dj.jackknife(agg, critical="exact")
    assert np.isfinite(dj.jackknife(agg).se).all()

    def pretends(y1, y0, D, covariates, i_weights):
        return nonlinear(y1, y0, D, covariates, i_weights)

    pretends.linear = True  # type: ignore[attr-defined]
    with pytest.raises(dj.DesignError, match=r"'pretends' says that it is linear .* and is not"):
        dj.jackknife(dj.aggte(estimate("panel", pretends)), critical="exact")


def test_an_error_names_the_cell_and_the_cluster():
    def fails(y1, y0, D, covariates, i_weights):
        if len(D) < 45:
            raise ZeroDivisionError("too few")
        return D.sum(), np.zeros(len(D))

    with pytest.raises(dj.DesignError, match=r"'fails' failed at ATT\(2001, 2001\): Zero") as info:
        estimate("panel", fails)
    assert isinstance(info.value.__cause__, ZeroDivisionError)

    def fails_later(y1, y0, D, covariates, i_weights):
        if len(D) < 40:
            raise ZeroDivisionError("too few")
        return D.sum(), np.zeros(len(D))

    agg = dj.aggte(estimate("panel", fails_later))
    with pytest.raises(dj.DesignError, match=r"failed at ATT\(2001, 2001\) without cluster 0: "):
        dj.jackknife(agg)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((np.nan, np.zeros(40)), "finite number as estimate"),
        (("much", np.zeros(40)), "finite number as estimate"),
        ((np.zeros(3), np.zeros(40)), "finite number as estimate"),
        (None, "finite number as estimate"),
        (1.0, "finite number as estimate"),
        ((1.0, np.zeros(3)), "40 finite numbers as influence"),
        ((1.0, np.full(40, np.inf)), "40 finite numbers as influence"),
        ({"att": 1.0}, "40 finite numbers as influence"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(found, words):
    def mine(y1, y0, D, covariates, i_weights):
        return found

    frame = frame_of("panel")
    names = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}
    with pytest.raises(dj.DesignError, match=f"'mine' must return .*{words}.*ATT\\(2001, 2001\\)"):
        _ = dj.att_gt(frame[frame["g"] != 2002], **names, est_method=mine).se


def test_other_arguments_are_refused():
    with pytest.raises(dj.DataError, match="'my_rows' must take the arguments y1, y0, D, cov"):
        estimate("panel", my_rows)
    with pytest.raises(dj.DataError, match="'my_reg' must take the arguments y, post, D, cov"):
        estimate("rc", my_reg)

    def reg(y1, y0, D, covariates, i_weights):
        return my_reg(y1, y0, D, covariates, i_weights)

    with pytest.raises(dj.DataError, match="function named 'reg'"):
        estimate("panel", reg)


def test_randomization_and_saving_take_a_function(tmp_path):
    frame = frame_of("panel").assign(g=lambda f: np.where(f["cluster"] < 2, 2001, 0))
    names = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}
    ours, theirs = (
        dj.aggte(dj.att_gt(frame, **names, clustervars="cluster", est_method=method))
        for method in (my_reg, "reg")
    )
    first, second = (dj.randomize(agg, n_permutations=9) for agg in (ours, theirs))
    assert "est_method='my_reg'" in first.refit_reason
    np.testing.assert_allclose(first.draws, second.draws, rtol=1e-9)
    save(dj.jackknife(ours), tmp_path / "saved.json")
    assert '"my_reg"' in (tmp_path / "saved.json").read_text(encoding="utf-8")


def test_its_name_stands_in_what_is_said():
    frame = frame_of("panel")
    names = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit", "cluster": "cluster"}
    mine = partial(my_reg)
    result = dj.csdid(frame, **names, xformla="~ x", est_method=mine)
    plain_one = dj.csdid(frame, **names, xformla="~ x", est_method="reg")
    assert result.attgt.glance()["est_method"].tolist() == ["my_reg"]
    assert any("function 'my_reg'" in note for note in result.attgt.notes)
    assert "function 'my_reg'" in result.no_exact and not plain_one.no_exact
    written = {"text": "my_reg", "markdown": "`my_reg`", "latex": r"\texttt{my\_reg}"}
    for form in FORMS:
        assert f"by the estimator {written[form]} with the cov" in methods_paragraph(
            result, form=form
        )
    without = dj.csdid(frame, **names, est_method=mine)
    assert "by the estimator my_reg without covariates" in methods_paragraph(without)
