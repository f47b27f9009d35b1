"""Quarto's markdown inside the strings of code cells, for notebooks without a renderer."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from didjack_pages.render.labels import NAMES

_KEY = rf"@(?:(?:{'|'.join(NAMES)})-[\w-]*\w|[a-z]+\d{{4}}[a-z]?\b)"
_REFERENCE = re.compile(rf"\[[^\[\]{{}}]*{_KEY}[^\[\]{{}}]*\]|(?<![\w.]){_KEY}", re.IGNORECASE)
_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[/#][^()\s]*)\)")
_FENCE = re.compile(r'^:{3,}(?:.*?title="(?P<title>.*?)")?.*$', re.MULTILINE)
_TAB = re.compile(r"^#{2,4} (.+)$", re.MULTILINE)
_EQUATION = re.compile(r"\s*\$\$\s*\{{1,2}#(?P<label>eq-[\w:.-]*\w)\}{1,2}")
_SECTION = re.compile(
    r"^(?P<head>#{2,4} +(?P<title>.*?)) *\{{1,2}#(?P<label>sec-[\w-]+)[^{}\n]*\}{1,2} *$",
    re.MULTILINE,
)
_STARTS = re.compile(r'(?:^|"""|[.!?]\s|\n\n)\s*$')


class CodeStrings:
    """References, links and fences in string literals, which a cell shows as markdown.

    Attributes
    ----------
    found : dict of str to str
        Each reference or citation as it is written, and the words for it.
    """

    def __init__(self, link: Callable[[str], str]) -> None:
        self.link = link
        self.found: dict[str, str] = {}

    def collect(self, code: str) -> str:
        """Note the references in the strings of a cell; return markdown with its labels."""
        made = []
        for start, end in _literals(code):
            text = code[start:end]
            self.found |= dict.fromkeys(_REFERENCE.findall(text), "")
            made += [f"## {m['title']} {{#{m['label']}}}" for m in _SECTION.finditer(text)]
            for match in _EQUATION.finditer(text):
                made.append(f"$$\nx\n$$ {{#{match['label']}}}")
                self.found[f"[-@{match['label']}]"] = ""
        return "\n\n".join(made)

    def texts(self) -> list[str]:
        """Return the references as paragraphs, each behind a word.

        What begins a paragraph would get a capital, and marks against being read as a list.
        """
        return [f"x {reference}" for reference in self.found]

    def read(self, paragraphs: list[str]) -> None:
        """Note the words for each reference, from the paragraphs in plain markdown."""
        said = [" ".join(text.split()).removeprefix("x ") for text in paragraphs]
        self.found = dict(zip(self.found, said, strict=True))

    def rewrite(self, code: str) -> str:
        """Put words in place of references, links and fences."""
        for start, end in reversed(_literals(code)):
            code = code[:start] + self._text(code[start:end]) + code[end:]
        return code

    def _text(self, literal: str) -> str:
        prefix = literal[: literal.index(literal.lstrip("rRfFbBuU")[0])].lower()
        literal = _EQUATION.sub(lambda match: self._tag(match["label"], prefix), literal)
        literal = _SECTION.sub(r"\g<head>", literal)
        literal = _REFERENCE.sub(self._words, literal)
        literal = _LINK.sub(self._link, literal)
        if "panel-tabset" in literal:
            literal = _TAB.sub(r"**\1**", literal)
        return _FENCE.sub(lambda m: f"**{m['title']}**\n" if m["title"] else "", literal)

    def _words(self, match: re.Match[str]) -> str:
        said = self.found[match[0]]
        starts = _STARTS.search(match.string[: match.start()])
        return f"T{said[1:]}" if said.startswith("the section") and starts else said

    def _tag(self, label: str, prefix: str) -> str:
        """Write the number of an equation as a string with this prefix has to."""
        number = self.found[f"[-@{label}]"].strip("()")
        braces = ("{{", "}}") if "f" in prefix else ("{", "}")
        command = r"\tag" if "r" in prefix else r"\\tag"
        return f" {command}{number.join(braces)}\n$$"

    def _link(self, match: re.Match[str]) -> str:
        target = self.link(match["target"])
        return f"[{match['text']}]({target})" if target else match["text"]


def _literals(code: str) -> list[tuple[int, int]]:
    """Return where the string literals of a cell begin and end, outermost first."""
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def place(row: int, column: int) -> int:
        # Columns count bytes.
        return starts[row - 1] + len(lines[row - 1].encode()[:column].decode())

    found: list[tuple[int, int]] = []

    def visit(node: ast.AST) -> None:
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (text or isinstance(node, ast.JoinedStr)) and isinstance(node, ast.expr):
            end = place(node.end_lineno or node.lineno, node.end_col_offset or 0)
            found.append((place(node.lineno, node.col_offset), end))
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(code))
    return sorted(found)
