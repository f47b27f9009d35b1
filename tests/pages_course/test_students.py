"""Students' notebooks: what is taken out, what is put in its place, what readers see."""

from __future__ import annotations

import ast
import re
from functools import cache

import nbformat
import pytest
from nbformat.v4 import new_notebook
from written_pages import cell

from didjack_pages.course.cell_names import defined, used
from didjack_pages.course.lessons import course
from didjack_pages.course.students import students_notebook
from didjack_pages.paths import notebooks_dir
from didjack_pages.render.cell_options import split_options


def sources(notebook):
    return {one.id: one.source for one in notebook.cells}


def run(notebook, **answers):
    """Execute the code of a notebook; `answers` come in place of the cells for answers."""
    names: dict[str, object] = {}
    for one in notebook.cells:
        if one.cell_type == "code":
            exec(answers.get(one.id.replace("-", "_"), one.source), names)
    return names


# --------------------------------------------------------------------------------- solutions


def test_a_run_of_solution_cells_becomes_one_cell_for_the_answer(fixture):
    made = students_notebook(fixture)
    nbformat.validate(made)
    assert [one.id for one in made.cells] == [
        "front",
        "parameters",
        "setup",
        "exercise",
        "solve",
        "check",
        "question",
        "words",
        "end",
    ]
    text = sources(made)
    assert text["solve"] == (
        "# Your answer. The check below uses: double, half\n"
        "# (without them it stops with a NameError)"
    )
    assert text["words"] == "*Your answer:*"
    assert text["parameters"] == "n: int = 3  # how many"
    assert made.cells[1].metadata.tags == ["parameters"]
    assert made.cells[5].metadata.tags == ["check"]
    assert "“Your answer”" in text["front"]


def test_checks_fail_on_an_empty_answer_and_pass_with_the_solution(fixture):
    made = students_notebook(fixture)
    with pytest.raises(NameError, match="half"):
        run(made, setup="total = 6\ndef double(x): return 2 * x")
    solved = "half = n * (n + 1) // 2\ndef double(x): return 2 * x"
    assert run(made, solve=solved)["half"] == 6
    with pytest.raises(AssertionError):
        run(made, solve=solved.replace("+ 1", "+ 2"))
    assert run(students_notebook(fixture, solutions=True))["half"] == 6


def test_with_solutions_the_title_stands_before_them_and_the_fence_is_gone(fixture):
    text = sources(students_notebook(fixture, solutions=True))
    assert text["open"] == "**Solution**"
    assert "close" not in text
    assert text["words"] == "> **Solution**\n>\n> Because of Exercise 1."
    assert "Your answer" not in text["front"]


def test_the_source_stays_as_it_is(fixture):
    before = nbformat.writes(fixture)
    students_notebook(fixture)
    assert nbformat.writes(fixture) == before


@pytest.mark.parametrize(
    ("code", "makes", "takes"),
    [
        ("y = [k for k in z if k > m]", {"y"}, ["z", "m"]),
        ("import a.b, c as d\nfrom e import f", {"a", "d", "f"}, []),
        ("def f(x, y=p):\n    t = x + q\n    return t + f(t)", {"f"}, ["p", "q", "f"]),
        ("async def f(): return g", {"f"}, ["g"]),
        ("class A(B):\n    c = d", {"A"}, ["B", "d"]),
        ("g = lambda u: u + v", {"g"}, ["v"]),
        ("{a: b for a, b in c.items()}, {i for i in n}", set(), ["c", "n"]),
        ("for i, (j, k) in r:\n    s += f'{i:{w}}'", {"i", "j", "k", "s"}, ["r", "i", "w"]),
        ("if (n := m) > 1:\n    pass\nwith o as p:\n    p.q = 2", {"n", "p"}, ["m", "o", "p"]),
        ("def f():\n    def g(): return h\n    return g", {"f"}, ["h"]),
    ],
)
def test_names_that_a_cell_makes_and_takes(code, makes, takes):
    assert defined(code) == makes
    assert used(code) == takes


# ---------------------------------------------------------------------------------- strings


def test_strings_of_cells_are_rewritten_and_options_become_captions():
    code = (
        'show(f"""\nIn ü @fig-a of [5](/reports/learn/05-aggregation.ipynb#sec-a) {1 @ 2:.1f} '
        "[y](/reports/datasets/{x}.ipynb) [@karim2026].\n@sec-one says.\n\n"
        '::: {{.callout-tip title="T {x}"}}\nYes\n:::\n'
        '::: {{.panel-tabset}}\n### R\n:::\n""")'
    )
    notebook = new_notebook(
        cells=[
            cell("markdown", "## One {#sec-one}", "one"),
            cell("code", f"#| echo: false\n{code}", "prose"),
            cell(
                "code", "#| label: fig-a\n#| fig-cap: >-\n#|   All\n#|   of it.\nplot()", "figure"
            ),
            cell("code", '#| echo: false\nhead(8, specification)\nnotation("psi")', "not-alone"),
            cell("code", '#| echo: false\nnotation("psi")', "symbols"),
            cell("code", "#| echo: false\nhead(8, specification)", "head"),
        ]
    )
    made = students_notebook(notebook)
    text = sources(made)
    assert text["prose"] == (
        'show(f"""\nIn ü Figure 1 of [5](05-aggregation.ipynb) {1 @ 2:.1f} '
        "y (Karim et al. 2026).\nThe section “One” says.\n\n**T {x}**\n\nYes\n\n"
        '\n**R**\n\n""")'
    )
    assert text["figure"] == "plot()"
    assert text["figure-caption"] == "*Figure 1. All of it.*"
    assert text["symbols"].startswith("| Symbol")
    assert "](06-influence-functions.ipynb)" in text["head"]
    assert "reports" not in text["head"]
    hidden = [one.id for one in made.cells if one.metadata.get("jupyter", {}).get("source_hidden")]
    assert hidden == ["prose", "not-alone"]


@pytest.mark.parametrize(
    ("prefix", "written"),
    [("f", r"\\tag{{2}}"), ("rf", r"\tag{{2}}"), ("", r"\\tag{2}"), ("r", r"\tag{2}")],
)
def test_labels_in_strings_take_part_in_the_numbers(prefix, written):
    label = "{{#eq-b}}" if "f" in prefix else "{#eq-b}"
    code = f'say({prefix}"""\n$$\nb\n$$ {label}\n\n## Two {label.replace("eq", "sec")}\n""")'
    notebook = new_notebook(
        cells=[
            cell("markdown", "$$a$$ {#eq-a}", "a"),
            cell("code", f"#| echo: false\n{code}", "b"),
            cell("markdown", "$$c$$ {#eq-c}\n\n@eq-b, @eq-c, @sec-b", "c"),
        ]
    )
    text = sources(students_notebook(notebook))
    assert text["b"] == f'say({prefix}"""\n$$\nb {written}\n$$\n\n## Two\n""")'
    ast.parse(text["b"])
    assert text["c"].endswith("Equation (2), Equation (3), the section “Two”")


# ----------------------------------------------------------------------------- the real lessons


LESSONS = [notebooks_dir() / f"learn/{one.name}.ipynb" for one in course()]


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def real(request):
    if not request.param.is_file():
        pytest.skip("this lesson is not written yet")
    return nbformat.read(request.param, as_version=4), *made(request.param)


@cache
def made(path):
    source = nbformat.read(path, as_version=4)
    return students_notebook(source), students_notebook(source, solutions=True)


def code_of(one):
    return split_options(one.source)[1]


def without_strings(code):
    """Return a program's structure: references and links in its prose have become words."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        elif isinstance(node, ast.JoinedStr):
            node.values = []
    return ast.dump(tree)


def test_with_solutions_a_lesson_has_all_its_code(real):
    source, students_own, solved = real
    whole = {one.id: one for one in solved.cells}
    fewer = {one.id: one for one in students_own.cells}
    for one in source.cells:
        if one.cell_type != "code" or whole[one.id].cell_type != "code":
            continue
        assert without_strings(whole[one.id].source) == without_strings(code_of(one))
        if "solution" not in one.metadata.get("tags", ()):
            text = whole[one.id].source.replace("-solutions.ipynb)", ".ipynb)")
            assert fewer[one.id].source == text


def test_a_students_notebook_has_no_line_of_a_solution(real):
    source, made, _ = real
    tagged = [one for one in source.cells if "solution" in one.metadata.get("tags", ())]
    others = [one for one in source.cells if one not in tagged]
    known = {line.strip() for one in others for line in one.source.splitlines()}
    said = {line.strip() for one in tagged for line in code_of(one).splitlines()} - known
    text = {line.strip() for one in made.cells for line in one.source.splitlines()}
    assert {line for line in said & text if len(line) > 3} == set()
    nbformat.validate(made)
    assert not any(one.get("outputs") for one in made.cells)
    assert not re.search(r":::|\{#|\]\(/reports", "".join(one.source for one in made.cells))


def test_each_check_fails_without_an_answer(real):
    """It uses a name that only a solution defines."""
    outside, solved = set(), set()
    for one in real[0].cells:
        if one.cell_type == "code" and "check" not in one.metadata.get("tags", ()):
            names = defined(code_of(one))
            (solved if "solution" in one.metadata.get("tags", ()) else outside).update(names)
    for one in real[0].cells:
        if "check" in one.metadata.get("tags", ()):
            found = set(used(code_of(one))) & (solved - outside)
            assert found, f"{one.id} uses no name that a solution alone defines: choose another"
