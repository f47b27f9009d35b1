"""What a terminal and a notebook show of every result: signs, both intervals, counts, warnings."""

from __future__ import annotations

import dataclasses
import inspect
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.core.results import Inference
from didjack.core.views import Shown
from didjack.effects.joint import Joint
from didjack.inference.cluster_jackknife import jackknife_of
from didjack.regression import bacon, regress, twfe

COLUMNS = ("l_homicide", "year", "gvar", "sid")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return dj.load_dataset("castle")


def _counties() -> dj.Aggregate:
    mpdta = dj.load_dataset("mpdta")
    res = dj.att_gt(mpdta, "lemp", "year", "first.treat", "countyreal", est_method="reg")
    return dj.aggte(res)


@pytest.fixture(scope="module")
def results(frame, tmp_path_factory) -> dict[str, Shown]:
    res = dj.att_gt(frame, *COLUMNS, est_method="reg", base_period="universal")
    agg = dj.aggte(res, "dynamic")
    jk, exact = dj.jackknife(agg), dj.jackknife(agg, critical="exact")
    florida = frame[frame["gvar"].isin([0, 2005])]
    simple = dj.aggte(dj.att_gt(florida, *COLUMNS, est_method="reg"))
    X = pd.DataFrame({"const": 1.0, "treated": (frame["gvar"] > 0) * 1.0})
    jk.save(saved := tmp_path_factory.mktemp("saved") / "jackknife.json")
    return {
        "ATTgt": res,
        "SavedResult": dj.load(saved),
        "Aggregate": agg,
        "Joint": Joint.of([agg, dj.aggte(res, "group")]),
        "Jackknife": jk,
        "Jackknife, exact": exact,
        "Jackknife of cells": dj.jackknife(res),
        "Jackknife of one": dj.jackknife(simple),
        "Multiplier": dj.multiplier(agg, n_boot=50),
        "Inference": jk.inference,
        "Inference, one": jk.lincom("event:1 - event:0"),
        "Comparison": dj.csdid(frame, *COLUMNS, est_method="reg", types=["simple", "dynamic"]),
        "Band": jk.band(),
        "Band, exact": exact.band(n_draws=500),
        "PreTest": jk.pretest(),
        "PreTest, exact": exact.pretest(n_draws=500),
        "HonestDiDInput": jk.to_honestdid(),
        "Sensitivity": jk.sensitivity(),
        "Verdict": jk.verdict(),
        "Randomization": dj.randomize(agg, n_permutations=9),
        "FewTreated": dj.few_treated(simple),
        "ClusterLevelTest": dj.cluster_level_test(_counties(), "countyreal", "state", n_draws=9),
        "Plan": dj.plan(frame, *COLUMNS, reps=100),
        "Regression": regress(frame["l_homicide"], X, frame["sid"]),
        "TWFE": twfe(frame, *COLUMNS),
        "Bacon": bacon(frame, *COLUMNS),
    }  # fmt: skip


class Tables(HTMLParser):
    """Collect the cells of a page's tables, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.tags[-1] in ("td", "th"):
            self.cells[-1] += data


def test_every_result_has_lines_of_its_own(results):
    for name, result in results.items():
        text = repr(result)
        assert "array(" not in text and "object at 0x" not in text and "=None" not in text, name
        assert not text.startswith(f"{type(result).__name__}("), name
        assert "nan" not in text.lower().replace("inference", ""), (name, text)
        assert max(map(len, text.splitlines())) < 600
        assert len(text.splitlines()) <= 20, name
        assert (f"{len(result.warnings)} warning" in text) == bool(result.warnings), name
        assert set(result.warnings) <= set(result.notes), name


def test_every_result_is_shown_in_notebooks(results):
    for name, result in results.items():
        page = Tables()
        page.feed(result._repr_html_())
        assert page.tags[0] == "div" and "table" in page.tags and "script" not in page.tags, name
        head = list(result.to_frame().columns)
        assert page.cells[: len(head)] == head, name
        assert len(page.cells) == len(head) * (1 + min(60, len(result.to_frame()))), name


def test_public_results_are_among_them(results):
    """A result class that users can import is one that is shown."""
    shown = {type(result).__name__ for result in results.values()}
    for name in dj.__all__:
        found = getattr(dj, name)
        if inspect.isclass(found) and dataclasses.is_dataclass(found):
            assert issubclass(found, Shown) and name in shown, name


def test_a_jackknife_shows_both_intervals(results):
    jk, exact = results["Jackknife"], results["Jackknife, exact"]
    lines = repr(jk).splitlines()
    assert lines[0] == "Cluster jackknife (CV3) by sid of dynamic average"
    assert lines[1] == f"  estimate              +{jk.att:.4f}   s.e. {jk.se:.4f}"
    assert lines[2].startswith("  exact, fixed weights  [-0.0") and f"p {exact.p:.3f}" in lines[2]
    assert lines[3] == (
        f"  t(49)                 [+{jk.ci[0]:.4f}, +{jk.ci[1]:.4f}]   p {jk.p:.3f}"
    )
    assert lines[4] == "  50 clusters, 21 treated; 16 parameters"
    assert lines[5] == f"  {len(jk.warnings)} warnings: see .warnings"
    rows = repr(exact).splitlines()
    assert rows[2].startswith("  exact     [") and f"p {exact.p:.3f}" in rows[2]
    assert rows[3].startswith("  t(49)     [") and f"p {exact.p:.3f}" not in rows[3]
    one = repr(results["Jackknife of one"]).splitlines()
    assert "1 treated" in one[-2] and "no interval and no p-value" in one[3]


def test_nothing_long_is_computed_unasked(frame):
    """Beyond fifty clusters a terminal shows exact values only if they are known."""
    copies = [frame.assign(sid=frame["sid"] + 100 * i) for i in range(2)]
    many = pd.concat(copies, ignore_index=True)
    agg = dj.aggte(dj.att_gt(many, *COLUMNS, est_method="reg"))
    jk, exact = dj.jackknife(agg), dj.jackknife(agg, critical="exact")
    assert "exact" not in repr(jk) and "with_exact" not in vars(jk)
    fresh = jackknife_of(agg, agg.attgt.deletions(), critical="exact")  # nothing computed yet
    assert "  exact" not in repr(fresh) and "inference" not in vars(fresh)
    _ = jk.with_exact
    assert "exact, fixed weights" in repr(jk) and "  exact " in repr(exact)
    cmp = dj.csdid(many, *COLUMNS, est_method="reg", type="simple")
    assert "exact" not in repr(cmp)
    start = time.perf_counter()
    for result in (jk, exact, cmp, agg, agg.attgt):
        repr(result)
    assert time.perf_counter() - start < 2.0  # 5 of them; a slow machine is no failure


@pytest.mark.parametrize("scale", [1e-9, 1e12])
def test_numbers_of_every_size(frame, scale):
    scaled = frame.assign(l_homicide=frame["l_homicide"] * scale)
    jk = dj.jackknife(dj.aggte(dj.att_gt(scaled, *COLUMNS, est_method="reg"), "dynamic"))
    shown = float(repr(jk).splitlines()[1].split()[1])
    assert shown == pytest.approx(jk.att, abs=0.02 * jk.se)
    row = next(line for line in jk.summary().splitlines() if line.startswith("overall"))
    assert float(row.split()[1]) == pytest.approx(jk.att, abs=0.02 * jk.se)
    assert float(row.split()[2]) == pytest.approx(jk.se, rel=0.005)
    np.testing.assert_array_equal(jk.to_frame()["att"], jk.inference.att)  # all digits are there


def test_a_p_value_is_never_zero():
    strong = Inference("CV3", ("overall",), np.array([5.0]), np.array([0.1]), np.array([49.0]), 50)
    assert "<0.001" in repr(strong) and "0.000" not in repr(strong)
    assert "&lt;0.001" in strong._repr_html_()


def test_labels_are_escaped():
    name = "<script>alert(1)</script>"
    hostile = Inference("CV3", (name,), np.ones(1), np.ones(1), np.ones(1), 2)
    assert name not in hostile._repr_html_() and "&lt;script&gt;" in hostile._repr_html_()


def test_one_of_several():
    full = Inference("CV3", ("a", "b", "c"), np.arange(3.0), np.ones(3), np.full(3, 9.0), 10,
                     scores=np.arange(12.0).reshape(4, 3), n_treated_clusters=np.array([1, 2, 3]),
                     exact_p=np.array([0.1, 0.2, 0.3]), assumption="x",
                     exact_critical_value=np.array([2.0, 3.0, 4.0]))  # fmt: skip
    for place in (0, 2, -1):
        part = full.only(place)
        assert part.parameters == (full.parameters[place],) and part.p[0] == full.exact_p[place]
        assert part.ci_low[0] == full.ci_low[place]
        assert part.scores[:, 0].tolist() == full.scores[:, place].tolist()
        assert part.n_treated_clusters.tolist() == [full.n_treated_clusters[place]]
    assert full.reference == "exact" and full.without_exact.reference == "t(9)"
    assert full.without_exact.exact_p is None and full.without_exact.without_exact is not full
    normal = dataclasses.replace(full.without_exact, df=np.full(3, np.inf))
    assert normal.reference == "normal"
    assert dataclasses.replace(normal, df=np.array([1.0, 2.0, 3.0])).reference == "t"
