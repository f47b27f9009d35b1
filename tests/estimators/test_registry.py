"""The registry is the one list of estimators: whoever needs names or words finds them there."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import didjack as dj
from didjack.cli import app
from didjack.cli.options import describe_methods
from didjack.core.linalg import Array
from didjack.core.moments import Clusters
from didjack.display import tables
from didjack.display.paragraph import FORMS, WORKS, methods_paragraph
from didjack.estimators import ESTIMATORS, Estimator, Registered, reg, reg_influence
from didjack.estimators.estimates import Estimates, left_out_columns
from didjack.sample.cells import Cells
from didjack.sample.covariates import Covariates
from didjack.sample.panel import Panel

ROOT = Path(__file__).parents[2]
NAMES = {"yname": "y", "tname": "t", "gname": "g", "idname": "unit"}


# --- a made-up estimator ----------------------------------------------------------------------


def without_covariates(panel: Panel) -> Panel:
    return replace(panel, design=Covariates(np.ones((len(panel.rows), 1)), ("Intercept",)))


def means(
    panel: Panel, cells: Cells, clusters: Clusters | None, start: Estimates | None = None
) -> Estimates:
    """Compare mean changes, whatever the covariates."""
    found = reg.estimate(without_covariates(panel), cells, clusters)
    return replace(found, left_out=left_out_columns(panel, clusters))


def means_influence(panel: Panel, cells: Cells, estimates: Estimates) -> Array:
    return reg_influence.influence(without_covariates(panel), cells, estimates)


@pytest.fixture
def made_up(monkeypatch) -> str:
    """Register an estimator that leaves covariates aside; return its name."""
    entry = Registered(
        words="the means & nothing else",
        idea="covariates are left aside",
        functions=lambda separation, trim: Estimator(means, means_influence),
    )
    monkeypatch.setitem(ESTIMATORS, "means", entry)
    return "means"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Draw ten clusters of six units over four periods; a covariate moves the trends."""
    rng = np.random.default_rng(4)
    cohorts = [0, 0, 2001, 0, 2002, 0, 2001, 2002, 0, 0]
    units = pd.DataFrame({"unit": np.arange(60), "g": np.repeat(cohorts, 6)})
    units["cluster"] = units["unit"] // 6
    units["x"] = rng.normal(size=60) + 0.3 * (units["g"] > 0)
    frame = units.merge(pd.DataFrame({"t": range(2000, 2004)}), how="cross")
    frame["y"] = frame["x"] * (frame["t"] - 2000) + rng.normal(size=len(frame))
    return frame


def test_a_made_up_estimator_estimates(made_up, frame):
    """With covariates it is what regression is without: estimates, deletions, influence."""
    ours = dj.csdid(frame, **NAMES, cluster="cluster", xformla="~ x", est_method=made_up)
    plain = dj.csdid(frame, **NAMES, cluster="cluster", est_method="reg")
    pd.testing.assert_frame_equal(ours.to_frame(elements=True), plain.to_frame(elements=True))
    for type_, jk in ours.jackknives.items():
        np.testing.assert_array_equal(jk.replicates, plain.jackknives[type_].replicates)
    other = dj.csdid(frame, **NAMES, cluster="cluster", xformla="~ x", est_method="reg")
    assert abs(other.aggregates["simple"].att - ours.aggregates["simple"].att) > 0.1


@pytest.mark.parametrize("idname", ["unit", None], ids=["panel", "rows"])
def test_a_made_up_estimator_has_exact_critical_values(made_up, frame, idname):
    columns = NAMES | {"idname": idname, "clustervars": "cluster"}
    ours = dj.att_gt(frame, **columns, xformla="~ x", est_method=made_up)
    plain = dj.att_gt(frame, **columns, est_method="reg")
    first, second = (
        dj.jackknife(dj.aggte(res, "dynamic"), critical="exact").inference for res in (ours, plain)
    )
    # Loadings of basis outcomes and those by formulas differ by rounding.
    np.testing.assert_allclose(first.p, second.p, rtol=1e-8)
    np.testing.assert_allclose(first.ci_low, second.ci_low, rtol=1e-8)


def test_a_made_up_estimator_is_written_about(made_up, frame):
    """The paragraph has its words, summaries its name, tables the numbers of means."""
    # Clusters of one unit: with more, covariates enter the fit of variances.
    columns = NAMES | {"cluster": "unit"}
    result = dj.csdid(frame, **columns, xformla="~ x", est_method=made_up)
    plain = dj.csdid(frame, **columns, est_method="reg")
    for form in FORMS:
        words = "the means & nothing else" if form == "text" else "the means \\& nothing else"
        assert f" by {words} with the covariates" in methods_paragraph(result, form=form)
    assert f"Method {made_up}," in result.attgt.summary()
    assert result.attgt.glance()["est_method"].tolist() == [made_up]
    assert result.summary() == plain.summary()
    assert tables.to_latex(result) == tables.to_latex(plain)
    pd.testing.assert_frame_equal(tables.paper_frame(result), tables.paper_frame(plain))


def test_the_command_takes_a_made_up_estimator(made_up, frame, tmp_path):
    data, table = tmp_path / "data.csv", tmp_path / "table.csv"
    frame.to_csv(data, index=False)
    options = [f"--{k}={v}" for k, v in NAMES.items()]
    options += ["--cluster=cluster", "--xformla=~ x", f"--est-method={made_up}", "-o", str(table)]
    done = CliRunner().invoke(app, ["estimate", str(data), *options])
    assert done.exit_code == 0, done.output
    expected = dj.csdid(frame, **NAMES, clustervars="cluster", est_method="reg").to_frame()
    written = pd.read_csv(table)
    np.testing.assert_allclose(written["att"], expected["att"], rtol=1e-12)
    assert "means (means & nothing else)" in describe_methods()


def test_an_unknown_name_is_refused_with_the_names_there_are(made_up, frame):
    with pytest.raises(dj.DataError, match=r"'dr' or .* or 'means', not 'mean'"):
        dj.att_gt(frame, **NAMES, est_method="mean")


# --- the entries ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ESTIMATORS)
def test_an_entry_has_words_that_fit_into_sentences(method):
    entry = ESTIMATORS[method]
    for text in (entry.words, entry.idea):
        assert text == text.strip() and text
        assert text[-1].isalnum() or text[-1] == "$"
    assert entry.words[0].islower()
    if entry.source is not None:
        assert entry.source in WORKS
        assert f"{{{entry.source}," in (ROOT / "references.bib").read_text(encoding="utf-8")


def test_the_docstring_of_att_gt_names_them_all():
    listed = re.search(r"est_method : \{(.*?)\}", dj.att_gt.__doc__ or "")
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == set(ESTIMATORS)


# --- no second list ---------------------------------------------------------------------------

# Who names them one by one, and why.
LISTS = {
    "didjack/estimators/registry.py": "the list",
    "didjack/estimators/methods.py": "the formulas of those that weight",
    "notebooks/learn/03-one-comparison-three-ways.ipynb": "derives each by hand",
    "notebooks/learn/06-influence-functions.ipynb": "derives the influence function of each",
}


def lists(source: str) -> int:
    """Count the dicts, tuples, lists and sets in a program that name two estimators or more."""
    count = 0
    for node in ast.walk(ast.parse(source)):
        items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        named = {item.value for item in items if isinstance(item, ast.Constant)}
        count += len(named & set(ESTIMATORS)) > 1
    return count


def programs() -> dict[str, str]:
    """Return the code of both packages and of the notebooks, by path."""
    found = {}
    for package in ("didjack", "didjack_pages"):
        for path in (ROOT / package).rglob("*.py"):
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        found[path.relative_to(ROOT).as_posix()] = "\n".join(code)
    return found


def test_there_is_no_second_list():
    assert {path for path, source in programs().items() if lists(source)} == set(LISTS)


def test_a_second_list_would_be_found():
    assert lists('WORDS = {"reg": 1, "dr": 2}') == 1
    assert lists('for method in ("ipw", "drimp"): pass') == 1
    assert lists('x = ["reg", "other"]') == 0
