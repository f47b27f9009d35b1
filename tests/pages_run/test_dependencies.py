"""What a notebook depends on is found in its text: modules, lists of the course, datasets."""

from __future__ import annotations

import ast
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from written_pages import write_notebook

import didjack_pages
from didjack.datasets import catalog
from didjack_pages.paths import notebooks_dir
from didjack_pages.run import Cache, plan_pages
from didjack_pages.run.dependencies import PACKAGES, find_dependencies, module_file
from didjack_pages.run.parameters import read_code, read_parameters

PAGES = {page.name: page for page in plan_pages()[0]}
NOTEBOOKS = sorted({page.notebook for page in PAGES.values()})
LESSON = notebooks_dir() / "learn" / "08-cluster-jackknife.ipynb"


def modules_of(notebook: Path) -> set[str]:
    return set(find_dependencies(notebook, notebooks_dir()).modules)


def lists_of(notebook: Path) -> list[str]:
    return [path.name for path in find_dependencies(notebook, notebooks_dir()).lists]


# ------------------------------------------------------------------------------------- modules


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_page_depends_on_how_pages_are_rendered_or_run(notebook):
    rooms = {name.split(".")[1] for name in modules_of(notebook) if name.count(".")}
    assert not rooms & {"render", "run", "frontpage"}


def test_lessons_depend_on_the_course_and_data_pages_on_no_module():
    assert "didjack_pages.course.lessons" in modules_of(LESSON)
    assert "didjack_pages.course.teaching" not in modules_of(LESSON)
    assert "didjack_pages.course.teaching" in modules_of(notebooks_dir() / "learn/course.ipynb")
    assert modules_of(notebooks_dir() / "dataset-report.ipynb") == set()


def test_the_command_line_has_one_page_that_shows_it_and_one_lesson_that_runs_it():
    using = {path.stem for path in NOTEBOOKS if "didjack.cli" in modules_of(path)}
    assert using == {"command-line", "12-your-own-data"}
    shown = modules_of(notebooks_dir() / "command-line.ipynb")
    # All commands, those of the second package too.
    from didjack.cli import app

    assert {command.callback.__module__ for command in app.registered_commands} <= shown
    assert {"didjack.cli.options", "didjack_pages.reference.command_line"} <= shown


def test_imports_are_found_wherever_they_stand(tmp_path):
    notebook = write_notebook(
        tmp_path / "n.ipynb",
        "%matplotlib inline\nfrom didjack_pages import paths as where",
        "def late():\n    from didjack_pages.reference.markup import code\n    return code",
        "this is not Python",
    )
    assert modules_of(notebook) == {
        "didjack_pages",
        "didjack_pages.paths",
        "didjack_pages.reference",
        *(f"didjack_pages.reference.{name}" for name in ("groups", "markup", "pages")),
        *(f"didjack_pages.reference.{name}" for name in ("defaults", "describe", "index")),
    }


def test_modules_are_files_of_the_two_packages():
    assert (
        module_file("didjack_pages.run") == Path(didjack_pages.__file__).parent / "run/__init__.py"
    )
    assert module_file("didjack_pages.paths") == Path(didjack_pages.__file__).parent / "paths.py"
    assert module_file("didjack_pages.nothing") is None
    assert module_file("numpy") is None


# --------------------------------------------------------------------------------------- lists


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("learn/08-cluster-jackknife.ipynb", ["course.toml", "notation.toml"]),
        ("learn/course.ipynb", ["course.toml", "teaching.toml"]),
        ("learn/glossary.ipynb", ["course.toml", "glossary.toml"]),
        ("learn/notation.ipynb", ["notation.toml"]),
        ("dataset-report.ipynb", []),
    ],
)
def test_a_page_depends_on_the_lists_that_it_uses(name, lists):
    assert lists_of(notebooks_dir() / name) == lists


# ------------------------------------------------------------------------- what a change costs


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """Return which pages are stale after a file of the second package, or a list, has changed."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PACKAGES["didjack_pages"], folder / "didjack_pages")
    shutil.copytree(notebooks_dir(), folder / "notebooks")
    pages = [replace(page, inputs=()) for page in PAGES.values()]  # data take time to hash

    def stale(name: str) -> dict[str, str]:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\n# a word\n", encoding="utf-8")
        after = Cache(folder / "cache")
        reasons = {page.name: after.why_stale(page) for page in pages}
        path.write_text(text, encoding="utf-8")
        return {name: reason for name, reason in reasons.items() if reason}

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PACKAGES, "didjack_pages", folder / "didjack_pages")
        patch.setattr("didjack_pages.run.cache.notebooks_dir", lambda: folder / "notebooks")
        before = Cache(folder / "cache")
        for page in pages:
            before.store(page, "executed", 1.0)
        yield stale


@pytest.mark.parametrize(
    ("name", "reason", "pages"),
    [
        ("didjack_pages/render/build.py", "", 0),
        ("didjack_pages/run/driver.py", "", 0),
        ("didjack_pages/frontpage/headline.py", "", 0),
        ("didjack_pages/course/students.py", "", 0),
        ("didjack_pages/course/teaching.py", "changed: modules", 1),
        ("didjack_pages/commands/report.py", "changed: modules", 3),
        ("didjack_pages/reference/markup.py", "changed: modules", 9),
        ("didjack_pages/run/finish.py", "changed: execution", len(PAGES)),
        ("notebooks/learn/glossary.toml", "changed: lists", 1),
        ("notebooks/learn/teaching.toml", "changed: lists", 1),
    ],
)
def test_a_change_executes_what_depends_on_it(changed, name, reason, pages):
    stale = changed(name)
    assert len(stale) == pages
    assert set(stale.values()) <= {reason}


def test_the_course_executes_its_own_pages(changed):
    stale = changed("didjack_pages/course/lessons.py")
    assert stale
    assert set(stale) == {name for name in PAGES if name.startswith("learn/")}


# ------------------------------------------------------------------------------------ datasets

SPECIFICATIONS = {
    spec.name: dataset.name for dataset in catalog().values() for spec in dataset.specifications
}
LOADERS = {"load_dataset", "load_specification", "unavailable", "dataset_path"}


def datasets_named(notebook: Path) -> set[str]:
    """List the datasets whose names, or those of their specifications, stand in a notebook.

    Not only in calls of what loads them, since there are loops over names. Keys of dictionaries
    and what is compared choose between words; they load nothing.
    """
    trees = [ast.parse(c.code) for c in read_code(notebook) if "parameters" not in c.tags]
    inner = [node for tree in trees for node in ast.walk(tree)]
    loads = any(
        isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in LOADERS
        for node in inner
    )
    words = [key for node in inner if isinstance(node, ast.Dict) for key in node.keys if key]
    words += [part for node in inner if isinstance(node, ast.Compare) for part in ast.walk(node)]
    spared = set(map(id, words))
    strings = {n.value for n in inner if isinstance(n, ast.Constant) and id(n) not in spared}
    names = {text for text in strings if isinstance(text, str)} if loads else set()
    return {name for name in names if name in catalog()} | {
        SPECIFICATIONS[name] for name in names if name in SPECIFICATIONS
    }


def entries() -> list[dict]:
    return tomllib.loads((notebooks_dir() / "pages.toml").read_text(encoding="utf-8"))["page"]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["notebook"])
def test_every_dataset_that_a_notebook_names_is_declared(entry):
    notebook = notebooks_dir() / entry["notebook"]
    declared = {*entry.get("datasets", ()), *entry.get("reads", ())}
    parameter = read_parameters(notebook).get("specification")
    own = {SPECIFICATIONS[ast.literal_eval(parameter.default)]} if parameter else set()
    named = datasets_named(notebook)
    assert named - own <= declared, "pages.toml: name these among `datasets` or `reads`"
    assert declared <= named, "pages.toml: the notebook does not name these"


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["notebook"])
def test_data_that_a_notebook_asks_for_may_be_absent(entry):
    """What `unavailable` is asked about is in `reads`, and nothing else is."""
    asked = {
        node.args[0].value
        for cell in read_code(notebooks_dir() / entry["notebook"])
        for node in ast.walk(ast.parse(cell.code))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "unavailable"
    }
    assert asked == set(entry.get("reads", ()))


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["notebook"])
def test_every_file_of_the_data_folder_is_declared(entry):
    """Studies and tables beside the datasets, which the imports do not tell."""
    code = "\n".join(cell.code for cell in read_code(notebooks_dir() / entry["notebook"]))
    tree = ast.parse(code)
    named = {f"data/{n.value}" for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    studies = {f"data/designs/{name[5:]}.toml" for name in named}
    if "didjack.datasets.published" in code:
        named.add("data/published.csv")
    root = notebooks_dir().parent
    wanted = {name for name in named | studies if len(name) < 80 and (root / name).is_file()}
    declared = {name for name in entry.get("inputs", ()) if name.startswith("data/")}
    assert wanted <= declared
    assert all((root / name).is_file() for name in declared)
