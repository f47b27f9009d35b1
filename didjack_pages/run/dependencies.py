"""What a notebook's code depends on, found in its text: nothing is imported or executed.

The estimation package is an input of every page as a whole. Of the package that makes pages, a
notebook depends on the modules that it imports, and on what these import; of the lists beside the
notebooks, on those that the definitions which it uses name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import didjack
import didjack_pages
from didjack_pages.run.parameters import read_code

PACKAGES: Mapping[str, Path] = {
    package.__name__: Path(str(package.__file__)).resolve().parent
    for package in (didjack, didjack_pages)
}
COMMAND_LINE = "didjack.cli"
# No page runs these commands. One shows their help, which is signature and docstring: what a
# command imports when it runs is imported inside functions.
_SHOWN_NOT_RUN = ("didjack_pages.commands",)
_FOLLOWED = ("didjack_pages", COMMAND_LINE)

Definition = tuple[str, str]
"""A module and a name that it defines."""


@dataclass(frozen=True)
class Dependencies:
    """What one notebook depends on beside the estimation package.

    Attributes
    ----------
    modules : tuple of str
        Those of `didjack_pages` and of the command line, by their dotted names, sorted.
    lists : tuple of Path
        TOML files in and under the folder of the notebooks, sorted.
    """

    modules: tuple[str, ...]
    lists: tuple[Path, ...]


def find_dependencies(notebook: Path, notebooks: Path) -> Dependencies:
    """Find the modules and lists that a notebook uses.

    Parameters
    ----------
    notebook : Path
        The source.
    notebooks : Path
        The folder whose TOML files are the lists.
    """
    tree = _notebook_tree(notebook)
    lists = {path.name: path for path in sorted(notebooks.rglob("*.toml"))}
    named = {lists[text] for text in _strings_reached(tree) if text in lists}
    return Dependencies(tuple(sorted(_modules_reached(tree))), tuple(sorted(named)))


def modules_used_by(name: str) -> tuple[str, ...]:
    """Return a module of `didjack_pages` and those of the package that it needs, sorted."""
    return tuple(sorted(_modules_reached(ast.parse(f"import {name}"))))


def module_file(name: str) -> Path | None:
    """Return the file of a module of the two packages; None for anything else."""
    first, _, rest = name.partition(".")
    if first not in PACKAGES:
        return None
    path = PACKAGES[first].joinpath(*rest.split(".")) if rest else PACKAGES[first]
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _notebook_tree(notebook: Path) -> ast.Module:
    try:
        trees = [_cell_tree(cell.code) for cell in read_code(notebook)]
    except ValueError:  # not a notebook: the run will say so
        trees = []
    return ast.Module([statement for tree in trees for statement in tree.body], [])


def _cell_tree(code: str) -> ast.Module:
    """Parse a cell; one with IPython's own syntax is translated first."""
    try:
        return ast.parse(code)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            return ast.parse(TransformerManager().transform_cell(code))
        except SyntaxError:  # the run will show where
            return ast.Module([], [])


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _module_tree(name: str) -> ast.Module | None:
    file = module_file(name)
    return _parse(file.read_text(encoding="utf-8")) if file is not None else None


# ------------------------------------------------------------------------------------- modules


def _modules_reached(tree: ast.Module) -> set[str]:
    imported = set(_imports(tree))
    waiting = [name for name in imported if _is_in(name, _FOLLOWED)]
    if "subprocess" in imported:  # it may run the command
        waiting.append(COMMAND_LINE)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        module = _module_tree(name)
        if name in reached or module is None:
            continue
        reached.add(name)
        if name == COMMAND_LINE:
            waiting += [entry.module for entry in entry_points(group="didjack.commands")]
        found = _imports(module, inside_functions=not _is_in(name, _SHOWN_NOT_RUN))
        waiting += [other for other in found if _is_in(other, _FOLLOWED)]
    return reached


def _is_in(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@cache
def _imports(tree: ast.Module, *, inside_functions: bool = True) -> tuple[str, ...]:
    """List the dotted names that may be modules, with the packages around them."""
    return tuple(dict.fromkeys(_imported_names(tree, inside_functions)))


def _imported_names(tree: ast.Module, inside_functions: bool) -> Iterator[str]:
    for node in _statements(tree.body, inside_functions):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:k]) for k in range(1, len(parts) + 1))


def _statements(body: Iterable[ast.AST], inside_functions: bool) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, ast.If) and _is_for_types(node.test):
            continue
        yield node
        if inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _statements(ast.iter_child_nodes(node), inside_functions)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


# --------------------------------------------------------------------------------------- lists


def _strings_reached(tree: ast.Module) -> set[str]:
    """Return the strings in a notebook and in the definitions of `didjack_pages` that it uses."""
    strings, names = _strings_and_names([tree])
    imported = _imported_definitions(tree)
    waiting = [imported[name] for name in names if name in imported]
    seen: set[Definition] = set()
    while waiting:
        module, name = waiting.pop()
        own = _module_tree(module)
        if own is None or (module, name) in seen:
            continue
        seen.add((module, name))
        more, used = _strings_and_names(_defining(own, name))
        strings |= more
        imported = _imported_definitions(own)
        for other in (name, *used):
            waiting.append(imported.get(other, (module, other)))
    return strings


def _strings_and_names(nodes: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    inner = [child for node in nodes for child in ast.walk(node)]
    constants = [node.value for node in inner if isinstance(node, ast.Constant)]
    strings = {value for value in constants if isinstance(value, str)}
    return strings, {node.id for node in inner if isinstance(node, ast.Name)}


def _defining(tree: ast.Module, name: str) -> Iterator[ast.stmt]:
    """Return the statements of a module that define a name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name:
                yield node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield node


@cache
def _imported_definitions(tree: ast.Module) -> Mapping[str, Definition]:
    """Return what a module or a notebook imports from `didjack_pages`, by the name it has there."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        if _is_in(node.module, ["didjack_pages"])
        for alias in node.names
    }
