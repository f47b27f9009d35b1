"""Students' notebooks: what is taken out, what is put in its place, what readers see."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from typer.testing import CliRunner
from written_pages import KERNEL

from didjack.errors import ReportError, SiteError
from didjack_pages.course import students
from didjack_pages.course.cell_names import defined, used
from didjack_pages.course.lessons import course
from didjack_pages.course.students import students_notebook, write_students
from didjack_pages.paths import notebooks_dir
from didjack_pages.render.cell_options import split_options
from didjack_pages.render.plain_markdown import Piece, plain_pieces

FRONT = '---\ntitle: "8. A lesson"\ndescription: About *one* thing.\n---'
OPEN = '::: {.callout-note .solution collapse="true" title="Solution"}'


def cell(kind, source, name, *tags):
    make = {"raw": new_raw_cell, "markdown": new_markdown_cell, "code": new_code_cell}[kind]
    return make(source, id=name, metadata={"tags": list(tags)} if tags else {})


@pytest.fixture
def fixture():
    cells = [
        cell("raw", FRONT, "front"),
        cell("code", "#| include: false\nn: int = 3  # how many", "parameters", "parameters"),
        cell("code", "total = sum(range(n + 1))\ndouble = 0", "setup"),
        cell("markdown", "::: {#exr-sum}\n## Gauss\nStore it as `half`.\n:::", "exercise"),
        cell("markdown", OPEN, "open", "solution"),
        cell("code", "half = n * (n + 1) // 2\nscratch = 1", "solve", "solution"),
        cell("code", "def double(x):\n    return 2 * x", "solve-more", "solution"),
        cell("markdown", ":::", "close", "solution"),
        cell("code", "assert double(half) == 2 * total", "check", "check"),
        cell("markdown", "::: {#exr-why}\n## Why\nSay why.\n:::", "question"),
        cell("markdown", f"{OPEN}\nBecause of @exr-sum.\n:::", "words", "solution"),
        cell("markdown", "The end.", "end"),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


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


# ---------------------------------------------------------------------------------- markdown


def plain(text, tmp_path, **pieces):
    bib = tmp_path / "works.bib"
    bib.write_text(
        "@article{smith2021, author={Smith, Ann and Gauß, Bo}, title={On it}, "
        "journal={J}, year={2021}}\n"
    )
    given = [Piece(text), *pieces.get("more", [])]
    return plain_pieces(given, bib, lambda target: "beside.ipynb" if "learn" in target else "")


CASES = [
    (
        '::: {.callout-note title="Definition: Score"}\nLet\n$$\na\n= b\n$$\nbe.\n:::',
        "> **Definition: Score**\n>\n> Let\n> $$a = b$$\n> be.",
    ),
    ("::: {.callout-tip}\n## Intuition\nYes.\n:::", "> **Intuition**\n>\n> Yes."),
    ("::: {.column-margin}\nAside.\n:::", "> Aside."),
    (
        '::: {.panel-tabset group="s"}\n### R\n`a`\n\n### Stata\n`b`\n:::',
        "**R**\n\n`a`\n\n**Stata**\n\n`b`",
    ),
    (
        "::: {#exr-a}\n## Short *name*\nDo it.\n:::\n\nSee @exr-a.",
        "**Exercise 1 (Short *name*).**\n\nDo it.\n\nSee Exercise 1.",
    ),
    ("::: {.proof}\nQED.\n:::", "*Proof.*\n\nQED."),
    (
        "$$\na = b\n$$ {#eq-a}\n\nBy @eq-a, and [-@eq-a].",
        "$$\na = b \\tag{1}\n$$\n\nBy Equation (1), and (1).",
    ),
    (
        "## Two words {#sec-a .unnumbered}\n\n@sec-a says. In @sec-a it is.",
        "## Two words\n\nThe section “Two words” says. In the section “Two words” it is.",
    ),
    ("A [page](/reports/learn/x.ipynb#sec-a), [two](#sec-b).", "A [page](beside.ipynb), two."),
    ("| a | b |\n|---|---|\n| $P(A|B)$ | 1 |", r"$P(A\vert B)$"),
    ("Words.^[An aside.]", "Words. (An aside.)"),
    ("::: {.lesson-head}\n**Why?**\n:::", "**Why?**"),
    ("@smith2021 say; yes [@smith2021, eq. 2].", "Smith and Gauß (2021) say; yes"),
]


@pytest.fixture(scope="module")
def plain_cases(tmp_path_factory):
    """All cases as one document: a call of pandoc takes longer than its work."""
    more = [Piece(text) for text, _ in CASES]
    return plain("", tmp_path_factory.mktemp("bib"), more=more)[1:]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_quartos_markdown_becomes_plain(number, plain_cases):
    found = plain_cases[number]
    assert CASES[number][1] in found
    assert ":::" not in found
    assert "{#" not in found


def test_captions_are_numbered_with_the_page_and_citations_are_listed(tmp_path):
    more = [Piece("All of it [@smith2021].", "fig-a", "fig"), Piece("@fig-a")]
    head, caption, reference, works = plain("@fig-a", tmp_path, more=more)
    assert (head, reference) == ("Figure 1", "Figure 1")
    assert caption == "*Figure 1. All of it (Smith and Gauß 2021).*"
    assert works.startswith("Smith, Ann, and Bo Gauß. 2021.")


def test_a_block_may_reach_over_several_pieces(tmp_path):
    more = [Piece("Inside."), Piece(":::")]
    text = plain('::: {.callout-note title="T"}\nBefore.', tmp_path, more=more)
    assert text[:3] == ["**T**\n\nBefore.", "Inside.", ""]


@pytest.mark.parametrize(
    "text",
    [
        "@fig-none",
        "[@nobody1900]",
        "$$a$$ {#eq-a}\n\n$$b$$ {#eq-a}",
        "$$a$$ {#eq-a}\n\n@eq-a [@smith2021]",
    ],
)
def test_what_has_no_target_is_an_error(text, tmp_path):
    with pytest.raises(SiteError, match=r"fig-none|nobody1900|eq-a"):
        plain(text, tmp_path)


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


# ------------------------------------------------------------------------------------- writing


@pytest.fixture
def shelf(tmp_path, monkeypatch, fixture):
    """A course whose first lesson is the fixture, and no other exists."""
    (tmp_path / "notebooks/learn").mkdir(parents=True)
    nbformat.write(fixture, tmp_path / f"notebooks/learn/{course()[0].name}.ipynb")
    monkeypatch.setattr(students, "notebooks_dir", lambda: tmp_path / "notebooks")
    return tmp_path / "out"


def test_notebooks_are_written_as_jupyter_writes_them(shelf):
    (path,) = write_students(shelf)
    assert path == shelf / f"{course()[0].name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    assert write_students(shelf) == [path]  # nothing has changed
    (solved,) = write_students(shelf, solutions=True)
    assert solved.name == f"{course()[0].name}-solutions.ipynb"
    assert write_students(shelf, course()[1:]) == []


def test_answers_are_not_overwritten(shelf):
    (path,) = write_students(shelf)
    path.write_text(path.read_text().replace("# Your answer", "half = 6 # Your answer"))
    answered = path.read_text()
    with pytest.raises(ReportError, match=r"01-.*--force"):
        write_students(shelf)
    assert path.read_text() == answered
    write_students(shelf, force=True)
    assert path.read_text() != answered


def test_the_command_writes_and_refuses(shelf):
    from didjack.cli import app

    def call(*arguments):
        return CliRunner().invoke(app, ["lessons", "--out", str(shelf), *arguments])

    done = call("--lesson", "1", "--with-solutions")
    assert done.exit_code == 0, done.output
    (path,) = shelf.iterdir()
    assert path.name in done.output.replace("\n", "")
    path.write_text("{}")
    refused = call("--with-solutions")
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert call("--with-solutions", "--force").exit_code == 0
    assert "no lesson 40" in call("--lesson", "40").output
