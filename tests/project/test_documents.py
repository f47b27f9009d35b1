"""What the project's documents name is there: files, folders, modules, pages, rooms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

import pytest

from didjack.paths import project_root
from didjack_pages.run.planned import plan_pages

ROOT = project_root()
if ROOT is None:
    pytest.skip("the documents are not part of an installed package", allow_module_level=True)

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "data/README.md",
    "notebooks/README.md",
    "reports/README.md",
    "tests/reference/README.md",
]
SUFFIXES = {
    *("bib", "cff", "csv", "do", "gz", "html", "in", "ipynb", "json", "lock", "md", "parquet"),
    *("py", "qmd", "R", "rds", "svg", "toml", "txt", "yml"),
}
HIDDEN = (".git", ".venv", "reports")
TOP = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in HIDDEN)
# What a document names that is not in this repository.
ELSEWHERE = {
    "README.md": {"data.csv", "design.toml"},  # of a user
    "CONTRIBUTING.md": {"data.csv"},
    "data/README.md": {
        "mydata.csv",
        "mydata.toml",
        "data/min_wage_CS.rds",
        "diagnostics/verified_csdid_20260922.txt",
        "moderndid/core/datasets/ehec_data.pkl.gz",
        "moderndid/core/datasets/mpdta_long.pkl.gz",
    },
    "notebooks/README.md": {"file.svg"},
    "tests/reference/README.md": {"test_drdid.do"},
}


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def code(text: str) -> Iterator[str]:
    """Yield the words of code spans and code blocks."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for span in [*blocks, *re.findall(r"`([^`]+)`", rest)]:
        yield from re.split(r"""[\s"'(),=]+""", span)


def paths(text: str) -> set[str]:
    """Return the words of code that are paths, and what links lead to."""
    links = re.findall(r"\]\((?!http|#)([^)#\s]+)", re.sub(r"`[^`]*`", "", text))
    found = set(links)
    for word in code(text):
        path = PurePosixPath(word)
        placeholder = re.search(r"[<>*]|NAME|\.venv", word)
        if placeholder or not re.fullmatch(r"\.?\w[\w./-]*", word):
            continue
        in_folder = "/" in word and path.parts[0] in (*TOP, "reports")
        if path.suffix[1:] in SUFFIXES or in_folder or word.endswith("/"):
            found.add(word)
    return found


def everything() -> list[str]:
    """List the files and folders of the repository, as posix paths with a slash in front."""
    found = []
    for top in ROOT.iterdir():
        if top.name in HIDDEN:
            continue
        inside = [top, *top.rglob("*")] if top.is_dir() else [top]
        found += [f"/{path.relative_to(ROOT).as_posix()}" for path in inside]
    return [path for path in found if "__pycache__" not in path]


EVERYTHING = everything()


def is_there(path: str, document: str) -> bool:
    """Whether a path leads somewhere: to what a run makes, or to a file of the project.

    From the project, from the folder of the document, or as the end of a longer path.
    """
    if path in made():
        return True
    beside = (ROOT / document).parent / path
    end = f"/{path.rstrip('/')}"
    return beside.exists() or any(known.endswith(end) for known in EVERYTHING)


@cache
def made() -> set[str]:
    """What a run makes in `reports/`."""
    pages, _ = plan_pages()
    html = {f"reports/_site/reports/{page.name}.html" for page in pages}
    return html | {"reports/", "reports/_site/index.html", "_site/index.html", "_headline.md"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_leads_somewhere(document: str):
    found = paths(text_of(document))
    elsewhere = ELSEWHERE.get(document, set())
    assert [path for path in sorted(found - elsewhere) if not is_there(path, document)] == []
    assert elsewhere <= found, "the list of exceptions has paths that are not named"


@pytest.mark.parametrize("document", [*DOCUMENTS, "index.qmd"])
def test_every_module_and_function_is_there(document: str):
    for name in set(re.findall(r"\bdidjack(?:_pages)?(?:\.\w+)+", text_of(document))):
        if name.rpartition(".")[2] in SUFFIXES:
            continue
        found = None
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            try:
                found = import_module(".".join(parts[:length]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[length:]:
                found = getattr(found, attribute)
            break
        assert found is not None, name


def test_a_wrong_path_would_be_found():
    text = "see `didjack/headline.py`, `python a/b.toml x`, [data](data/READ.md) and `y / n`"
    assert paths(text) == {"didjack/headline.py", "a/b.toml", "data/READ.md"}
    assert not any(is_there(path, "README.md") for path in paths(text))
    assert is_there("effects/group_time.py", "CONTRIBUTING.md")
    assert not is_there("reports/_site/reports/nothing.html", "README.md")


# --- the table of rooms -----------------------------------------------------------------------


def rows(package: str) -> list[list[str]]:
    """Return the cells of a table of rooms."""
    text = text_of("CONTRIBUTING.md")
    table = text[text.index(f"| room of `{package}/`") :].split("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


@pytest.mark.parametrize("package", ["didjack", "didjack_pages"])
def test_the_rooms_are_those_of_the_contract_from_the_ground_up(package: str):
    project = tomllib.loads(text_of("pyproject.toml"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["name"].startswith(f"Rooms of {package} "))
    expected = [re.findall(r"\w+\.(\w+)", layer) for layer in reversed(layers)]
    told = [[name.removesuffix(".py").rstrip("/") for name in re.findall(r"`(.*?)`", row[0])]
            for row in rows(package)]  # fmt: skip
    assert told == expected
    inside = {path.stem for path in (ROOT / package).iterdir() if path.name[0] not in "_."}
    assert {name for names in told for name in names} == inside - {"py"}


@pytest.mark.parametrize("package", ["didjack", "didjack_pages"])
def test_the_file_to_open_first_is_in_its_room(package: str):
    for row in rows(package):
        rooms = [ROOT / package / name for name in re.findall(r"`(.*?)`", row[0])]
        folders = [room if room.is_dir() else room.parent for room in rooms]
        for name in re.findall(r"`(\w+\.py)`", row[-1]):
            assert any((folder / name).exists() for folder in folders), (row[0], name)


# --- who made it ------------------------------------------------------------------------------


def test_version_author_and_licence_are_those_of_the_citation():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    own = text_of("CITATION.cff").partition("\nreferences:")[0]
    assert re.findall(r'^  - name: "(.*)"$', own, re.M) == [a["name"] for a in project["authors"]]
    assert f"\nversion: {project['version']}\n" in own
    assert f"\nlicense: {project['license']}\n" in own
    assert project["urls"]["Paper"] in text_of("CITATION.cff")
