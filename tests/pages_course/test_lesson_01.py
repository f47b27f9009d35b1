"""With one date of the law: variances from one number per cluster, and their expectations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from didjack import aggte, att_gt, jackknife
from didjack.regression import regress, twfe
from didjack.simulate import placebo_laws

SHAPES = [(6, 5, 2, 2), (9, 4, 5, 3), (12, 8, 10, 1), (7, 3, 3, 2)]  # H, T, H1, first period after


def panel(H, T, H1, start, seed=3):
    """Draw a persistent outcome (H, T) and its long form, with a law for the first H1 clusters."""
    y = np.random.default_rng(seed).normal(size=(H, T)).cumsum(axis=1)
    law = np.where(np.arange(H) < H1, start, 0)
    cluster, period = np.indices((H, T))
    frame = pd.DataFrame({"cluster": cluster.ravel(), "period": period.ravel(), "y": y.ravel()})
    return y, frame.assign(law=np.repeat(law, T))


def squares(delta, treated):
    """Difference of the group means; sums of squares within and sizes of both groups."""
    groups = delta[treated], delta[~treated]
    SS = [((values - values.mean()) ** 2).sum() for values in groups]
    return groups[0].mean() - groups[1].mean(), SS, [len(values) for values in groups]


def cvq(q, SS, N):
    """Variance without its factor (theorem "One date")."""
    return sum(s / n**2 * (n / (n - 1)) ** (q - 1) for s, n in zip(SS, N, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_number_per_cluster_gives_all_three_variances(shape):
    H, T, H1, start = shape
    y, frame = panel(*shape)
    delta = y[:, start:].mean(axis=1) - y[:, :start].mean(axis=1)
    beta, SS, N = squares(delta, np.arange(H) < H1)
    d = ((frame["law"] > 0) & (frame["period"] >= frame["law"])).rename("d")
    dummies = pd.get_dummies(frame["period"], prefix="t").iloc[:, 1:]
    both = pd.concat([frame["y"], d, dummies], axis=1).astype(float)
    both -= both.groupby(frame["cluster"]).transform("mean")
    fit = regress(both["y"], both.drop(columns="y"), frame["cluster"])
    counted = H / (H - 1) * (H * T - 1) / (H * T - T)  # treatment and T - 1 periods
    found = [fit.coef["d"], *(fit.vcov(kind)[0, 0] for kind in ("cv1", "cv2", "cv3"))]
    expected = [beta, counted * cvq(1, SS, N), cvq(2, SS, N), (H - 1) / H * cvq(3, SS, N)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_csdid_is_the_same_with_changes_since_the_last_period(shape):
    H, _, H1, start = shape
    y, frame = panel(*shape)
    delta = y[:, start:].mean(axis=1) - y[:, start - 1]
    beta, SS, N = squares(delta, np.arange(H) < H1)
    agg = aggte(att_gt(frame, "y", "period", "law", "cluster", est_method="reg"), type="simple")
    expected = [beta, cvq(1, SS, N), (H - 1) / H * cvq(3, SS, N)]
    found = [agg.att, agg.se**2, jackknife(agg, cluster="cluster").se ** 2]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_one_treated_cluster_adds_nothing_to_cv1_and_its_deletion_is_skipped():
    H, T, start = 8, 6, 3
    y, frame = panel(H, T, 1, start)
    delta = y[:, start:].mean(axis=1) - y[:, :start].mean(axis=1)
    controls = ((delta[1:] - delta[1:].mean()) ** 2).sum()
    fit = twfe(frame, "y", "period", "law", "cluster")
    factor = H / (H - 1) * (H * T - 1) / (H * T - T - 1)
    cv1 = factor * controls / (H - 1) ** 2
    cv3 = (H - 2) / (H - 1) * controls / (H - 2) ** 2
    np.testing.assert_allclose([fit.cv1.se[0] ** 2, fit.cv3.se[0] ** 2], [cv1, cv3], rtol=1e-9)
    assert fit.cv3.df[0] == H - 2


@pytest.mark.parametrize(("H", "H1"), [(7, 2), (8, 4), (9, 6)])
def test_expectations_over_all_random_laws(H, H1):
    delta = np.random.default_rng(5).standard_t(3, size=H)
    draws = [squares(delta, np.isin(np.arange(H), c)) for c in combinations(range(H), H1)]
    sizes = [H1, H - H1]
    true = delta.var(ddof=1) * sum(1 / n for n in sizes)
    assert np.mean([d[0] for d in draws]) == pytest.approx(0, abs=1e-12)
    assert np.var([d[0] for d in draws]) == pytest.approx(true, rel=1e-10)
    for q in (1, 2, 3):
        expected = delta.var(ddof=1) * sum((n / (n - 1)) ** (q - 2) / n for n in sizes)
        assert np.mean([cvq(q, *d[1:]) for d in draws]) == pytest.approx(expected, rel=1e-10)
    assert np.mean([cvq(2, *d[1:]) for d in draws]) == pytest.approx(true, rel=1e-10)


@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("H1", [2, 3, 8])
def test_limit_with_many_controls_by_integration(q, H1):
    """P(Z^2/H1 > c^2 CVq) for chi-squared SS1, integrated, against the t distribution."""
    scale = (H1 / (H1 - 1)) ** ((2 - q) / 2)
    closed = 2 * stats.t.sf(1.96 / scale, H1 - 1)

    def tail(root):  # over the root of SS1, whose density has no pole
        variance = root**2 / H1**2 * (H1 / (H1 - 1)) ** (q - 1)
        return 2 * stats.norm.sf(1.96 * np.sqrt(H1 * variance)) * stats.chi.pdf(root, H1 - 1)

    assert integrate.quad(tail, 0, np.inf)[0] == pytest.approx(closed, rel=1e-7)  # quad's own error


def test_each_placebo_law_is_tested_as_the_changes_say():
    """With two of eight clusters treated there are 28 laws; each draw is one of them."""
    H, T, start = 8, 6, 3
    y, frame = panel(H, T, 0, start)
    delta = y[:, start:].mean(axis=1) - y[:, start - 1]
    laws = []
    for chosen in combinations(range(H), 2):
        beta, SS, N = squares(delta, np.isin(np.arange(H), chosen))
        se = np.sqrt((H - 1) / H * cvq(3, SS, N))
        z = np.sqrt(cvq(1, SS, N))
        p = 2 * stats.t.sf(abs(beta) / se, H - 1), 2 * stats.norm.sf(abs(beta) / z)
        laws.append([beta, se, z, *p])
    result = placebo_laws(
        frame, "y", "period", "law", "cluster", idname="cluster", treated=2, draws=200, seed=2
    )
    columns = ["estimate", "se_cv3", "se_clustered-z", "p_cv3", "p_clustered-z"]
    found, known = result.draws[columns].to_numpy(), np.array(laws)
    nearest = np.abs(found[:, :1] - known[:, 0]).argmin(axis=1)
    np.testing.assert_allclose(found, known[nearest], rtol=1e-9)
    assert len(np.unique(nearest)) > 20
