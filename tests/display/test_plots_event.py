"""The event study of a paper: points, intervals and counts are where the numbers say."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection

import didjack as dj
from didjack.display import plots
from didjack.errors import DataError

COLUMNS = {"yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid"}


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def study() -> dj.Jackknife:
    res = dj.att_gt(dj.load_dataset("castle"), **COLUMNS, base_period="universal")
    return dj.jackknife(dj.aggte(res, type="dynamic"), critical="exact")


def segments(ax: plt.Axes) -> np.ndarray:
    """Collect (x, low, high) of all vertical lines, those of the intervals and of the band."""
    rows = [s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()]
    return np.array([(s[0, 0], s[0, 1], s[1, 1]) for s in rows])


def test_points_intervals_and_band(study):
    band = study.band(n_draws=2000, min_treated=1)
    wide = dict(zip(band.parameters, band.critical_value * band.se, strict=True))
    ax = plots.plot_event_study(study, band).axes[0]
    points = np.vstack([line.get_xydata() for line in ax.lines if line.get_marker() in "ox"])
    order = np.argsort(points[:, 0])
    expected = np.column_stack([study.aggregate.labels, study.inference.att[1:]])
    np.testing.assert_allclose(points[order], expected, rtol=1e-12)
    drawn = segments(ax)
    for name, att, se, critical in zip(
        study.parameters[1:], study.inference.att[1:], study.inference.se[1:],
        study.inference.critical_value[1:], strict=True,
    ):  # fmt: skip
        own = drawn[drawn[:, 0] == float(name.split(":")[1])]
        if not np.isfinite(se):
            assert len(own) == 0
            continue
        halves = sorted((own[:, 2] - own[:, 1]) / 2)
        expected_halves = sorted([critical * se, wide[name]])
        np.testing.assert_allclose(halves, expected_halves, rtol=1e-9)
        np.testing.assert_allclose(own[:, 1:].mean(axis=1), att, atol=1e-12)


def test_counts_are_those_of_treated_clusters(study):
    ax = plots.plot_event_study(study).axes[0]
    cohort = dj.load_dataset("castle").groupby("sid")["gvar"].first()
    seen = {t.xy[0]: int(t.get_text()) for t in ax.texts}
    assert -1 not in seen  # the base period has no estimate
    for e, n in seen.items():
        assert n == ((cohort > 0) & (cohort + e).between(2000, 2010)).sum()
    assert len(plots.plot_event_study(study, counts=False).axes[0].texts) == 0


def test_one_treated_cluster_is_dotted(study):
    ax = plots.plot_event_study(study).axes[0]
    dotted = [
        s[0, 0]
        for c in ax.collections
        if isinstance(c, LineCollection) and c.get_linestyle()[0][1] is not None
        for s in c.get_segments()
    ]
    assert sorted(dotted) == [-9, 5]


def test_it_draws_into_given_axes(study):
    figure, ax = plt.subplots()
    assert plots.plot_event_study(study, ax=ax, ylabel="Log points") is figure
    assert ax.get_ylabel() == "Log points"


def test_other_averages_are_refused(study):
    with pytest.raises(DataError, match="dynamic"):
        plots.plot_event_study(dj.jackknife(dj.aggte(study.aggregate.attgt, type="group")))
