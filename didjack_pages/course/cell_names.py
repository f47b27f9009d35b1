"""The names that a code cell defines for later cells, and those that it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def defined(code: str) -> set[str]:
    """Return the names that a cell defines, without those inside its functions."""
    return _NameFinder.of(code).defined


def used(code: str) -> list[str]:
    """Return the names that a cell looks up outside its functions' own, in order of use."""
    return [name for _, name in sorted(_NameFinder.of(code).used)]


class _NameFinder(ast.NodeVisitor):
    # Not symtable: since Python 3.12 it counts variables of comprehensions among those of the cell.
    def __init__(self) -> None:
        self.defined: set[str] = set()
        self.used: list[tuple[tuple[int, int], str]] = []
        self.inner: list[set[str]] = []  # names of the functions and comprehensions around

    @classmethod
    def of(cls, code: str) -> _NameFinder:
        names = cls()
        names.visit(ast.parse(code))
        return names

    def define(self, name: str) -> None:
        if not self.inner:
            self.defined.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.define(node.id)
        elif not any(node.id in names for names in self.inner):
            self.used.append(((node.lineno, node.col_offset), node.id))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.define((alias.asname or alias.name).split(".")[0])

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.define(node.name)
        self.visit_all([*node.decorator_list, node.args, *filter(None, [node.returns])])
        self.inside(_arguments(node.args) | _stored(node.body), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.define(node.name)
        self.visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self.inside(_stored(node.body), node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self.inside(_arguments(node.args), [node.body])

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self.inside(_stored(g.target for g in node.generators), [*node.generators, node.elt])

    visit_SetComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> None:
        names = _stored(generator.target for generator in node.generators)
        self.inside(names, [*node.generators, node.key, node.value])

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def inside(self, names: set[str], nodes: Iterable[ast.AST]) -> None:
        self.inner.append(names)
        self.visit_all(nodes)
        self.inner.pop()


def _arguments(arguments: ast.arguments) -> set[str]:
    return {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    inner = [child for node in nodes for child in ast.walk(node)]
    stored = {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in inner if isinstance(n, ast.FunctionDef | ast.ClassDef)}
