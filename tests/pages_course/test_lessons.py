"""The course: what its lists say agrees with the notebooks, and each lesson keeps the form."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from functools import cache
from itertools import pairwise

import nbformat
import pytest
import yaml

from didjack.datasets import load_specification
from didjack.errors import ReportError
from didjack_pages.course.cell_names import defined, used
from didjack_pages.course.lessons import _notation, course, glossary, head, lesson, notation, terms
from didjack_pages.course.teaching import course_table, direct_needs, labels, lecture_plan, lectures
from didjack_pages.paths import notebooks_dir
from didjack_pages.render.cell_options import cell_options, split_options
from didjack_pages.run.parameters import check_parameters, read_parameters
from didjack_pages.run.planned import plan_pages

FOLDER = notebooks_dir() / "learn"
TITLES = {  # of each kind of callout, with the word that its title begins with
    "software": r"In the software: .",
    "solution": r"Solution$",
    "folded": r"Proof: .",
    "callout-note": r"Definition: .",
    "callout-important": r"Assumption: .",
    "callout-tip": r"Intuition($|: .)",
    "callout-warning": r"Warning: .",
}


@cache
def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return cell.metadata.get("tags", ())


def code(cell):
    return split_options(cell.source)[1]


def options(cell):
    own, _, problem = split_options(cell.source)
    return cell_options(own, [], {}, problem)


@pytest.fixture(params=course(), ids=lambda one: one.name)
def one(request):
    if not path_of(request.param).is_file():
        pytest.skip("this lesson is not written yet")
    return request.param


def path_of(one):
    return FOLDER / f"{one.name}.ipynb"


def cells_of(one, kind=None):
    return [c for c in read(path_of(one)).cells if kind is None or c.cell_type == kind]


# ------------------------------------------------------------------------------------- the lists


def test_lessons_are_numbered_and_build_on_earlier_ones():
    assert [one.number for one in course()] == list(range(1, len(course()) + 1))
    for one in course():
        assert one.name.startswith(f"{one.number:02d}-")
        assert all(k < one.number for k in one.needs)
        for name in one.on:
            load_specification(name)


@pytest.mark.parametrize(
    ("file", "read_list", "old", "new", "message"),
    [
        ("course", course, "needs = [1]", 'needs = ["1"]', "lesson '02-.*: entry 1 of key 'needs'"),
        (
            "course",
            course,
            'on = ["castle", "medicaid"]',
            "on = []",
            "lesson '01-.*'on' must be a l",
        ),
        (
            "course",
            course,
            "number = 1",
            "nummer = 1",
            "unknown key 'nummer'; did you mean 'number'",
        ),
        ("glossary", terms, "definition =", "defintion =", "term 'Agg.*did you mean 'definition'"),
        ("notation", notation, "meaning =", "means =", "data, symbols, i: unknown key 'means'"),
        (
            "teaching",
            lectures,
            "minutes = 45",
            "minutes = 'x'",
            "five 'What .*part 1: key 'minutes'",
        ),
        ("teaching", lectures, "[[five]]", "[five", "not a TOML file"),
    ],
)
def test_mistakes_in_the_lists_are_named(tmp_path, monkeypatch, file, read_list, old, new, message):
    (tmp_path / "learn").mkdir()
    text = (FOLDER / f"{file}.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "learn" / f"{file}.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    for module in ("lessons", "teaching"):
        monkeypatch.setattr(f"didjack_pages.course.{module}.notebooks_dir", lambda: tmp_path)
    monkeypatch.setattr("didjack_pages.course.lessons._notation", _notation.__wrapped__)
    read_again = getattr(read_list, "__wrapped__", read_list)  # not what is kept of the true list
    with pytest.raises(ReportError, match=rf"^.*{file}\.toml.*{message}"):
        read_again(*(["five"] if read_list is lectures else []))


def test_the_course_is_complete():
    assert [one.name for one in course() if not path_of(one).is_file()] == []
    written = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert written == {one.name for one in course()} | {"course", "notation", "glossary"}


def test_no_other_lesson():
    last = len(course())
    with pytest.raises(ReportError, match=f"no lesson {last + 1}; it has {last}"):
        lesson(last + 1)


def test_the_head_names_the_other_data():
    text = head(8, "mpdta-state")
    assert "[`castle`](/reports/learn/08-cluster-jackknife.ipynb)" in text
    assert "mpdta-state/08" not in text
    assert "](/reports/learn/mpdta-state/08-cluster-jackknife.ipynb)" in head(8, "castle")


def test_terms_name_lessons_and_have_anchors_of_their_own():
    entries = terms()
    assert max(Counter(entry.anchor for entry in entries).values()) == 1
    assert [entry.term.lower() for entry in entries] == sorted(e.term.lower() for e in entries)
    numbers = {one.number for one in course()}
    for entry in entries:
        assert entry.lesson, entry.term
        assert set(entry.lesson) <= numbers, entry.term
        assert entry.definition.endswith("."), entry.term
        assert not entry.software.endswith("."), entry.term
    text = glossary()
    assert text.count("\n:   ") == len(entries)
    assert "[Event time]{#term-event-time}" in text
    assert "Lessons [2](/reports/learn/02-staggered-adoption.ipynb) and [5]" in text


def test_every_lesson_introduces_terms():
    assert {k for entry in terms() for k in entry.lesson} == {one.number for one in course()}


def test_the_whole_notation_has_every_symbol_once():
    rows = [line for line in notation().splitlines() if line.startswith("| $")]
    assert len(rows) == len(set(rows)) > 30
    with pytest.raises(ReportError, match="no symbol nothing"):
        notation("psi", "nothing")


def test_ids_are_unique_over_all_lessons():
    """The renderer finds the source of a page by them."""
    paths = sorted(FOLDER.glob("*.ipynb"))
    counts = Counter(cell.id for path in paths for cell in read(path).cells)
    assert [name for name, n in counts.items() if n > 1] == []


@pytest.mark.parametrize("plan", ["five", "two"])
def test_plans_of_lectures_name_what_there_is(plan):
    text = lecture_plan(plan)
    for lecture in lectures(plan):
        assert lecture.minutes == 90
        for part in lecture.parts:
            known = labels(lesson(part.lesson))
            assert set(part.live) <= {name for name in known if name.startswith("sec-")}
            assert set(part.homework) <= {name for name in known if name.startswith("exr-")}
            for label in (*part.live, *part.homework):
                assert f"[{known[label]}](/reports/learn/{lesson(part.lesson).name}.ipynb#" in text


def test_a_plan_that_is_not_there():
    with pytest.raises(ReportError, match="no plan 'six'; it has five, two"):
        lectures("six")


def test_direct_needs_leave_out_what_follows():
    pairs = set(direct_needs())
    reached = {one.number: set() for one in course()}
    for one in course():
        for a, b in sorted(pairs):
            if b == one.number:
                reached[b] |= {a} | reached[a]
        assert set(one.needs) <= reached[one.number]
    for a, b in pairs:  # none can be spared
        assert a in lesson(b).needs
        assert not any(a in reached[c] for c, d in pairs if d == b)


def test_the_table_of_the_course_has_every_version():
    text = course_table()
    assert text.count("\n| [") == len(course())
    assert "[castle](/reports/learn/08-cluster-jackknife.ipynb), [mpdta-state](" in text


# --------------------------------------------------------------------------------- each lesson


def test_title_and_specification_are_those_of_the_list(one):
    first = cells_of(one)[0]
    front = yaml.safe_load(first.source.strip().removeprefix("---").removesuffix("---"))
    assert front["title"] == f"{one.number}. {one.title}"
    assert front["format"]["html"]["code-fold"] is False
    default = read_parameters(path_of(one))["specification"].default
    assert ast.literal_eval(default) == one.on[0]


def test_pages_are_made_on_the_data_of_the_list(one):
    pages = tomllib.loads((notebooks_dir() / "pages.toml").read_text(encoding="utf-8"))["page"]
    (page,) = [page for page in pages if page["notebook"] == f"learn/{one.name}.ipynb"]
    assert page["folder"] == "learn"
    assert tuple(page.get("also", ())) == one.on[1:]
    assert "specification" not in page.get("parameters", {})  # the notebook's own is the first


def test_the_parts_that_every_lesson_has(one):
    text = "\n".join(cell.source for cell in cells_of(one))
    assert re.search(rf"^head\({one.number}, specification\)$", text, re.MULTILINE)
    assert "At the end you can" in text
    assert re.search(r"^## Notation \{\.unnumbered\}$", text, re.MULTILINE)
    assert re.search(r"^## Exercises \{#sec-exercises\}$", text, re.MULTILINE)
    assert re.search(r"^## Further reading \{#sec-reading\}$", text, re.MULTILINE)


def test_symbols_are_those_of_the_notation(one):
    for cell in cells_of(one, "code"):
        for node in ast.walk(ast.parse(code(cell))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "notation":
                notation(*map(ast.literal_eval, node.args))


def test_titles_of_callouts_begin_with_the_word_of_their_kind(one):
    text = "\n".join(cell.source for cell in cells_of(one))
    openings = re.findall(r"^:{3,} *\{+(.*callout-.*?)\}+ *$", text, re.MULTILINE)
    assert openings
    for opening in openings:
        kind = next(name for name in TITLES if f".{name}" in opening)
        title = re.search(r'title="(.*?)"', opening)
        assert title, f"the title of {opening!r} belongs into `title`"
        assert re.match(TITLES[kind], title[1]), opening


def test_each_exercise_has_a_solution_before_the_next(one):
    marks = []
    for cell in cells_of(one):
        if "solution" in tags(cell):
            marks += [] if marks[-1:] == ["solution"] else ["solution"]
        elif "check" in tags(cell):
            assert cell.cell_type == "code"
            assert marks[-1] in ("solution", "check"), cell.id
            marks.append("check")
        elif cell.cell_type == "markdown":
            marks += ["exercise"] * len(re.findall(r"^:{3,} *\{#exr-", cell.source, re.MULTILINE))
    assert 3 <= marks.count("exercise") <= 5
    for mark, after in pairwise([*marks, "end"]):
        assert (mark == "exercise") == (after == "solution"), marks


def test_the_solution_opens_and_closes_in_cells_of_its_own(one):
    for before, cell in pairwise(cells_of(one)):
        if "solution" in tags(cell) and "solution" not in tags(before):
            assert cell.source.startswith("::: {.callout-note .solution "), cell.id
            assert 'collapse="true"' in cell.source
        if "solution" in tags(before) and "solution" not in tags(cell):
            assert before.source.rstrip().endswith(":::"), before.id


def test_nothing_else_uses_names_of_a_solution(one):
    solved, outside = set(), set()
    for cell in cells_of(one, "code"):
        if "solution" in tags(cell):
            solved |= defined(code(cell))
        elif "check" not in tags(cell):
            outside |= defined(code(cell))
    for cell in cells_of(one, "code"):
        if not {"solution", "check"} & set(tags(cell)):
            assert not set(used(code(cell))) & (solved - outside), cell.id


def test_figures_and_tables_have_label_and_words(one):
    for cell in cells_of(one, "code"):
        found = options(cell)
        assert not found.problems, cell.id
        draws = re.search(r"plt\.(subplots|figure)\(", cell.source)
        if found.fig_cap or any(found.fig_alt) or found.label.startswith("fig-"):
            assert found.label.startswith("fig-"), cell.id
            assert found.fig_cap.endswith("."), cell.id
            assert all(len(alt) > 40 for alt in found.fig_alt), cell.id
        elif draws and not re.search(r"^def ", code(cell), re.MULTILINE):
            pytest.fail(f"{cell.id} draws a figure without label, caption and alternative text")
        if found.tbl_cap or found.label.startswith("tbl-"):
            assert found.label.startswith("tbl-"), cell.id
            assert found.tbl_cap.endswith("."), cell.id


@pytest.mark.parametrize("fast", [False, True])
def test_pages_give_lessons_parameters_that_they_take(fast):
    pages = [page for page in plan_pages(fast)[0] if page.name.startswith("learn/")]
    assert len(pages) == 2 * len(course()) + 3
    for page in pages:
        check_parameters(page)
