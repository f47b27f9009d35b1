"""The command line: help, errors without traceback, tables, the order of a run."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from written_pages import write_notebook

import didjack as dj
from didjack.cli import app
from didjack.cli.estimate import estimate
from didjack.errors import SiteError
from didjack_pages.run import Page
from didjack_pages.run.driver import PageResult
from didjack_pages.run.finish import PageError

CASTLE = ["--yname", "l_homicide", "--tname", "year", "--gname", "gvar", "--idname", "sid"]


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the command and gives its result, at a fixed width."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*args):
        return CliRunner().invoke(app, [str(arg) for arg in args])

    return invoke


@pytest.fixture(scope="module")
def castle(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "castle.csv"
    dj.datasets.load_dataset("castle").to_csv(path, index=False)
    return path


def test_help_shows_commands_by_group(run):
    text = run("--help").output
    assert text.index("Your own data") < text.index("estimate") < text.index("This project")
    for command in ("estimate", "report", "reproduce", "site", "datasets"):
        assert re.search(rf"\b{command}\b +[A-Z]", text), command


@pytest.mark.parametrize("command", ["estimate", "report", "reproduce", "site", "datasets"])
def test_each_command_explains_itself(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"didjack {command}" in result.output


def test_version(run):
    assert run("--version").output.strip() == f"didjack {dj.__version__}"


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "didjack", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"didjack {dj.__version__}"


# ------------------------------------------------------------------------------- estimate


def test_estimate_prints_what_the_package_computes(run, castle):
    result = run("estimate", castle, *CASTLE)
    assert result.exit_code == 0, result.output
    frame = dj.csdid(dj.datasets.load_dataset("castle"), "l_homicide", "year", "gvar", "sid")
    for row in frame.to_frame().itertuples():
        line = f"{re.escape(row.inference)} +{row.se:.4f} +{row.t:.2f} +{row.p:.3f} +"
        assert re.search(line, result.output), line
    assert "50 units, 5 treated cohorts, 11 periods, 50 clusters (sid)" in result.output
    for note in frame.notes:
        assert note in " ".join(result.output.split())  # lines are wrapped


def test_estimate_writes_every_digit_as_csv(run, castle, tmp_path):
    path = tmp_path / "t.csv"
    assert run("estimate", castle, *CASTLE, "--level", 0.9, "-o", path).exit_code == 0
    frame = dj.csdid(
        dj.datasets.load_dataset("castle"), "l_homicide", "year", "gvar", "sid", level=0.9
    )
    written = pd.read_csv(path)
    assert set(written.pop("level")) == {0.9}
    pd.testing.assert_frame_equal(written, frame.to_frame(), check_dtype=False, rtol=1e-14)


def test_the_level_of_clustering_is_tested_on_request(run, tmp_path):
    path = tmp_path / "mpdta.csv"
    dj.load_dataset("mpdta").to_csv(path, index=False)
    words = ["--yname", "lemp", "--tname", "year", "--gname", "first.treat", "--idname",
             "countyreal", "--cluster", "state", "--type", "simple"]  # fmt: skip
    plain = run("estimate", path, *words)
    assert "cluster_level() tests whether the unit would do" in " ".join(plain.output.split())
    tested = run("estimate", path, *words, "--cluster-level")
    assert tested.exit_code == 0, tested.output
    assert "500 clusters of 'countyreal' in 29 of 'state' (score-variance test)" in tested.output
    alone = run("estimate", path, *words[:8], "--type", "simple", "--cluster-level")
    assert alone.exit_code == 2 and "Traceback" not in alone.output


def test_randomization_has_a_row_where_it_is_asked_for(run, castle):
    words = ("--type", "simple", "--permutations", 99, "--seed", 4)
    shown = run("estimate", castle, *CASTLE, *words)
    assert shown.exit_code == 0, shown.output
    agg = dj.csdid(
        dj.datasets.load_dataset("castle"), "l_homicide", "year", "gvar", "sid", type="simple"
    ).aggregates["simple"]
    p = dj.randomize(agg, n_permutations=99, seed=4).p_t
    assert re.search(rf"randomization .* {p:.3f} ", shown.output)
    assert "exchangeable" in shown.output


@pytest.mark.parametrize("suffix", ["md", "tex", "html"])
def test_estimate_writes_tables_for_papers(run, castle, tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    result = run("estimate", castle, *CASTLE, "--type", "group", "--elements", "-o", path)
    assert result.exit_code == 0, result.output
    text = path.read_text(encoding="utf-8")
    assert "group:2007" in text
    assert "CV3" in text
    # The three inferences of one effect stand together.
    assert text.index("group:2006") > text.index("CV3")


def test_numbers_can_be_copied_from_the_screen_and_printed_from_files(run, castle, tmp_path):
    path = tmp_path / "t.tex"
    shown = run("estimate", castle, *CASTLE, "--type", "dynamic", "--elements", "-o", path).stdout
    assert "-0.2751" in shown
    assert "\u2212" not in shown
    written = path.read_text(encoding="utf-8")
    assert written.startswith(r"\begin{tabular}{lrlrrrrr}")
    assert "$-0.2751$" in written
    assert "$-8$" in written or "event:-8" in written
    assert written.isascii()


@pytest.mark.parametrize("suffix", ["parquet", "dta"])
def test_estimate_reads_other_formats(run, castle, tmp_path, suffix):
    path = tmp_path / f"castle.{suffix}"
    frame = dj.datasets.load_dataset("castle")
    frame.to_parquet(path) if suffix == "parquet" else frame.to_stata(path, write_index=False)
    assert "0.1104" in run("estimate", path, *CASTLE, "--type", "simple").output


def test_estimate_of_repeated_cross_sections_clusters(run, castle):
    options = [*CASTLE[:6], "--cluster", "sid", "--type", "simple", "--type", "simple"]
    output = run("estimate", castle, *options).output
    assert "550 rows" in output
    assert output.count("CV3, exact  ") == 1 and output.count("CV3, t(H-1)") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l_homicide": "l_homicid"}, "l_homicid"),
        ({"sid": "nosuch"}, "nosuch"),
    ],
)
def test_bad_input_is_one_message(run, castle, change, message):
    result = run("estimate", castle, *(change.get(word, word) for word in CASTLE))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output


MODEL_OPTIONS = {
    "--weightsname": "popwt", "--xformla": "~ x", "--est-method": "ipw",
    "--control-group": "notyettreated", "--base-period": "universal", "--anticipation": 1,
    "--balance": "pair", "--fix-weights": "base_period", "--separation": "error",
    "--pscoretrim": 0.9, "--like": "did",
}  # fmt: skip
MODEL_ARGUMENTS = {
    **{name.removeprefix("--").replace("-", "_"): v for name, v in MODEL_OPTIONS.items()},
    "yname": "l_homicide", "tname": "year", "gname": "gvar", "idname": "sid", "clustervars": "c",
    "allow_unbalanced_panel": True, "last_as_never": True,
}  # fmt: skip
MODEL_WORDS = [
    *CASTLE, "--cluster", "c", "--allow-unbalanced-panel", "--last-as-never",
    *(word for option in MODEL_OPTIONS.items() for word in option),
]  # fmt: skip
WINDOWS = {"min_e": -2.0, "max_e": 3.0, "balance_e": 1.0}
WINDOW_WORDS = ["--min-e", "-2", "--max-e", 3, "--balance-e", 1]
READING = {"delimiter": "\t", "encoding": "latin-1", "sheet": "s"}
READING_WORDS = ["--delimiter", "tab", "--encoding", "latin-1", "--sheet", "s"]


@pytest.fixture
def read_with(monkeypatch, castle):
    """Return what `read_table` was asked for beside the file; it gives castle."""
    seen = {}
    frame = dj.datasets.load_dataset("castle")
    read = lambda path, **arguments: seen.update(arguments) or frame  # noqa: E731
    monkeypatch.setattr("didjack.sample.read.read_table", read)
    return seen


def test_every_option_reaches_the_estimator(run, castle, monkeypatch, read_with):
    seen = {}

    def csdid(frame, **arguments):
        seen.update(arguments)
        raise dj.DataError("enough")

    monkeypatch.setattr("didjack.one_call.csdid", csdid)
    result = run("estimate", castle, *MODEL_WORDS, *WINDOW_WORDS, *READING_WORDS)
    assert result.stderr == "error: enough\n"
    rest = {"types": None, "level": 0.95, "n_permutations": 0, "seed": 0}
    assert seen == {**MODEL_ARGUMENTS, **WINDOWS, **rest}
    assert read_with == READING


def test_every_option_reaches_the_report(run, castle, own, monkeypatch, read_with):
    seen = {}

    def plan_own_page(folder, data, arguments, level, title, **more):
        seen.update(more, arguments=arguments, level=level, title=title)
        raise dj.DataError("enough")

    monkeypatch.setattr("didjack_pages.run.own_report.plan_own_page", plan_own_page)
    words = [*MODEL_WORDS, *WINDOW_WORDS, *READING_WORDS, "--level", 0.9, "--title", "T"]
    assert run("report", castle, *words).stderr == "error: enough\n"
    assert seen == {
        "arguments": MODEL_ARGUMENTS, "windows": WINDOWS, "reading": READING,
        "level": 0.9, "title": "T",
    }  # fmt: skip


def test_a_plan_reads_as_it_is_told(run, castle, monkeypatch, read_with):
    def plan(*arguments, **more):
        raise dj.DataError("enough")

    monkeypatch.setattr("didjack.simulate.plan", plan)
    assert run("plan", castle, *CASTLE, *READING_WORDS).stderr == "error: enough\n"
    assert read_with == READING


def test_every_argument_of_the_package_has_an_option():
    """What takes arrays or objects, and other names of the same, stay with Python."""
    known = {"data", "panel", "type", "types", "weights", "na_rm", "cluster"}
    known |= {"clustervars", "n_permutations"}  # --cluster, --permutations
    options = set(inspect.signature(estimate).parameters)
    assert set(inspect.signature(dj.csdid).parameters) - known <= options
    assert set(inspect.signature(dj.read_table).parameters) - {"path"} <= options


def test_what_is_not_given_is_not_passed_on(run, castle, monkeypatch):
    """So that `like` sets it; the help shows the defaults of the package."""
    seen = {}
    stop = lambda frame, **arguments: seen.update(arguments) or 1 / 0  # noqa: E731
    monkeypatch.setattr("didjack.one_call.csdid", stop)
    run("estimate", castle, *CASTLE[:6])
    given = {"yname", "tname", "gname", "anticipation", "allow_unbalanced_panel"}
    assert set(seen) == given | {"types", "level", "n_permutations", "seed"}
    defaults = {name: p.default for name, p in inspect.signature(dj.att_gt).parameters.items()}
    assert seen["anticipation"] == defaults["anticipation"]
    assert seen["allow_unbalanced_panel"] is defaults["allow_unbalanced_panel"]
    words = run("estimate", "--help").output
    for name in ("est_method", "control_group", "base_period", "separation", "pscoretrim"):
        assert f"(default: ({defaults[name]})" in words.replace("[default", "(default"), name


def test_another_program_sets_what_is_not_given(run, castle, tmp_path):
    words = ["--type", "simple", "-o"]
    frame = dj.datasets.load_dataset("castle")
    for like, more in [("csdid2", []), ("csdid1", ["--base-period", "universal"])]:
        path = tmp_path / f"{like}.csv"
        result = run("estimate", castle, *CASTLE, "--like", like, *more, *words, path)
        assert result.exit_code == 0, result.output
        base = {"base_period": "universal"} if more else {}
        same = dj.csdid(
            frame, "l_homicide", "year", "gvar", "sid", like=like, type="simple", **base
        )
        np.testing.assert_allclose(pd.read_csv(path)["se"], same.to_frame()["se"], rtol=1e-14)
        assert f"As {'Stata csdid 2.0.0' if not more else 'Stata csdid 1.81'}" in result.output


def test_windows_and_text_files_of_other_forms(run, tmp_path):
    frame = dj.datasets.load_dataset("castle")
    path, table = tmp_path / "castle.txt", tmp_path / "t.csv"
    frame.assign(town="M\u00fcnchen").to_csv(path, sep=":", index=False, encoding="latin-1")
    words = ["--type", "dynamic", "--elements", *WINDOW_WORDS[:4], "-o", table]
    result = run("estimate", path, *CASTLE, "--delimiter", ":", "--encoding", "latin-1", *words)
    assert result.exit_code == 0, result.output
    shown = set(pd.read_csv(table)["parameter"])
    assert shown == {"overall", *(f"event:{e}" for e in range(-2, 4))}
    none = run("estimate", path, *CASTLE, "--delimiter", ":", "--encoding", "latin-1",
               "--type", "calendar", "--max-e", 3)  # fmt: skip
    assert none.exit_code == 2 and "max_e does not apply to 'calendar'" in none.stderr


def test_a_sheet_of_a_workbook(run, tmp_path):
    path = tmp_path / "castle.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"about": ["us"]}).to_excel(book, sheet_name="notes", index=False)
        dj.datasets.load_dataset("castle").to_excel(book, sheet_name="data", index=False)
    words = [*CASTLE, "--type", "simple"]
    assert "0.1104" in run("estimate", path, *words, "--sheet", "data").output
    wrong = run("estimate", path, *words)
    assert wrong.exit_code == 2 and "about" in wrong.stderr


@pytest.mark.parametrize("name", ["balance", "fix-weights", "separation", "like"])
def test_a_rule_that_does_not_exist_is_refused_with_those_that_do(run, castle, name):
    result = run("estimate", castle, *CASTLE, f"--{name}", "nosuch")
    assert result.exit_code == 2
    assert "'nosuch' is not one of" in result.stderr and "Traceback" not in result.output


def test_an_unknown_estimator_is_one_message(run, castle):
    result = run("estimate", castle, *CASTLE, "--est-method", "dream")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: est_method")


@pytest.mark.parametrize("place", ["before", "behind"])
def test_debug_shows_the_traceback(run, castle, place):
    words = ["estimate", castle, *CASTLE[:-1], "nosuch"]
    result = run("--debug", *words) if place == "before" else run(*words, "--debug")
    assert isinstance(result.exception, dj.DataError)


def test_an_unknown_output_format_is_refused_before_the_data_are_read(run, tmp_path):
    result = run("estimate", tmp_path / "nosuch.csv", *CASTLE, "-o", "x.docx")
    assert result.exit_code == 2
    assert "can be written as .csv, .html, .md, .tex" in result.stderr


def test_a_missing_file_is_one_message(run, tmp_path):
    result = run("estimate", tmp_path / "nosuch.csv", *CASTLE)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


def test_text_in_messages_is_not_markup(run, castle):
    result = run("estimate", castle, *CASTLE[:-1], "[bold]x[/]")
    assert "[bold]x[/]" in result.stderr


# ------------------------------------------------------------------------ the other commands


def test_datasets_lists_the_catalog(run):
    output = run("datasets").output
    for name in dj.catalog():
        assert f"\n {name} " in output
    assert "550 rows" in output


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Replace what executes and renders; return the calls in their order."""
    calls = []
    page = Page("castle", tmp_path / "n.ipynb", {"specification": "castle"})
    other = Page("start", tmp_path / "n.ipynb")

    class Rendered:
        index = tmp_path / "reports" / "_site" / "index.html"
        pages = ("index.html", "castle.html")
        renderer = "pandoc"
        seconds = 2.0

    def run_pages(pages, out_dir, jobs, force, *, root, on_result):
        calls.append(("run", [p.name for p in pages], jobs, force))
        results = [calls_results.get(p.name, PageResult(p, "done", 61.0)) for p in pages]
        for result in results:
            on_result(result)
        return results

    def build_site(root, *, renderer, out=None, left_out=()):
        calls.append(("site", renderer))
        if isinstance(calls_results.get("site"), Exception):
            raise calls_results["site"]
        return Rendered

    def plan_pages(fast, datasets=None, *, only=None):
        calls.append(("plan", fast, datasets, only))
        return [other, page], ["datasets/merit: no network"]

    calls_results = {}
    monkeypatch.setattr("didjack_pages.commands.options.project_root", lambda: tmp_path)
    monkeypatch.setattr("didjack_pages.commands.steps.run_pages", run_pages)
    monkeypatch.setattr("didjack_pages.run.plan_pages", plan_pages)
    monkeypatch.setattr("didjack_pages.render.build_site", build_site)
    monkeypatch.setattr(
        "didjack_pages.frontpage.write.write_headline",
        lambda root, pages: calls.append(("headline", [p.name for p in pages])),
    )
    monkeypatch.setattr(
        "didjack_pages.course.student_files.refresh_students",
        lambda folder, record: calls.append(("students", folder.name)),
    )
    return calls, calls_results, page, other


def test_reproduce_runs_the_steps_in_order(run, project):
    calls, _, _, _ = project
    result = run(
        "reproduce", "--fast", "--force", "--dataset", "castle", "--page", "start",
        "--jobs", 3, "--renderer", "pandoc",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert calls == [
        ("plan", True, ["castle"], ["start"]),
        ("run", ["start", "castle"], 3, True),
        ("headline", ["start", "castle"]),
        ("students", "students"),
        ("plan", True, None, None),  # links to pages that were not picked become text
        ("site", "pandoc"),
    ]
    lines = result.output.splitlines()
    assert lines[0] == "Left out: datasets/merit: no network"
    assert lines[2].split() == ["[1/2]", "start", "1", "min", "01", "s"]
    assert "Executed 2 of 2 pages" in lines
    assert any(line.strip().endswith("_site/index.html") for line in lines)


def test_a_failing_page_is_listed_and_the_others_rendered(run, project):
    calls, results, page, _ = project
    error = PageError(7, "res = att_gt(df)\nres.plot()", "ValueError: nothing here")
    results["castle"] = PageResult(page, "failed", 1.0, Path("kept.ipynb"), error=error)
    result = run("reproduce")
    assert result.exit_code == 1
    assert ("headline", ["start"]) in calls
    assert ("site", "auto") in calls
    assert "FAILED" in result.stdout
    assert "castle (n.ipynb, cell 7)" in result.stderr
    assert "| res = att_gt(df)" in result.stderr
    assert "ValueError: nothing here" in result.stderr
    assert "kept.ipynb" in result.stderr


def test_a_site_that_cannot_be_rendered_fails_the_run(run, project):
    _, results, _, _ = project
    results["site"] = SiteError("dead link: nosuch.html")
    result = run("reproduce")
    assert result.exit_code == 1
    assert "site: dead link: nosuch.html" in result.stderr


def test_nothing_is_rendered_when_every_page_failed(run, project):
    calls, results, page, other = project
    for item in (page, other):
        results[item.name] = PageResult(item, "failed", 1.0, error=PageError(1, "x", "E: e"))
    assert run("reproduce").exit_code == 1
    assert [call[0] for call in calls] == ["plan", "run"]


def test_unchanged_pages_are_said_to_be(run, project):
    _, results, page, other = project
    results["castle"] = PageResult(page, "cached", 9.0)
    results["start"] = PageResult(other, "done", 9.0, reason="changed: data")
    output = run("reproduce").output
    assert re.search(r"castle +unchanged\n", output)
    assert re.search(r"start +9.0 s  \(changed: data\)\n", output)
    assert "Executed 1 of 2 pages" in output


@pytest.mark.parametrize("command", ["reproduce", "site"])
def test_an_installed_package_has_no_site_to_reproduce(run, command, monkeypatch):
    monkeypatch.setattr("didjack_pages.commands.options.project_root", lambda: None)
    result = run(command)
    assert result.exit_code == 2
    assert "python3 reproduce.py" in result.stderr


# ----------------------------------------------------------------------- a report of one's own


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Put a small notebook in the place of dataset-report; go to an empty folder."""
    code = (
        "from didjack.datasets import load_specification, specification_frame\n"
        "spec = load_specification(specification)\n"
        "print(len(specification_frame(spec)), spec.kwargs['yname'], spec.cluster, level)"
    )
    write_notebook(tmp_path / "notebooks" / "dataset-report.ipynb", code)
    monkeypatch.setattr(
        "didjack_pages.run.own_report.notebooks_dir", lambda: tmp_path / "notebooks"
    )
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_report_makes_a_page_of_own_data(run, castle, own):
    words = [*CASTLE, "--level", "0.9", "--title", "My: data", "--renderer", "pandoc"]
    result = run("report", castle, *words)
    assert result.exit_code == 0, result.output
    page = own / "castle-report" / "reports" / "_site" / "reports" / "castle.html"
    html = page.read_text(encoding="utf-8")
    assert "550 l_homicide sid 0.9" in html
    assert "My: data" in html
    assert "index.html" in result.output
    again = run("report", castle, *words)
    assert "unchanged" in again.output


def test_report_checks_the_data_before_it_writes_anything(run, castle, own):
    result = run("report", castle, *CASTLE[:-1], "nosuch")
    assert result.exit_code == 2
    assert "nosuch" in result.stderr
    assert list(own.iterdir()) == []


def test_report_checks_windows_before_it_writes_anything(run, castle, own):
    result = run("report", castle, *CASTLE, "--max-e", -99)
    assert result.exit_code == 2
    assert "Widen min_e, max_e or balance_e" in result.stderr
    assert list(own.iterdir()) == []


def test_report_keeps_windows_and_the_way_to_read(run, own):
    data = own.parent / "castle.txt"
    dj.datasets.load_dataset("castle").to_csv(data, sep=":", index=False)
    words = [*CASTLE, "--delimiter", ":", "--min-e", "-2", "--like", "csdid1"]
    result = run("report", data, *words, "--renderer", "pandoc")
    assert result.exit_code == 0, result.output
    spec = dj.load_specification(own / "castle-report" / "castle.toml")
    assert (spec.windows, spec.weights) == ({"min_e": -2.0}, "csdid")
    assert len(dj.datasets.specification_frame(spec)) == 550


def test_report_wants_a_cluster_for_repeated_cross_sections(run, castle, own):
    result = run("report", castle, *CASTLE[:6])
    assert result.exit_code == 2
    assert "--cluster" in result.stderr


def test_report_does_not_mix_with_other_files(run, castle, own):
    (own / "thesis.tex").write_text("precious")
    result = run("report", castle, *CASTLE, "--out", ".")
    assert result.exit_code == 2
    assert "holds other files" in result.stderr
