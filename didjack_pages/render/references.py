"""References such as `@fig-x` in pandoc's document tree, which reads them as citations."""

from __future__ import annotations

from collections.abc import Callable, Container

from didjack_pages.render.labels import kind_of
from didjack_pages.render.tree import Node, rewrite, span, string, text_of


def replace_references(
    blocks: list[Node], known: Container[str], words_for: Callable[[str, Node], list[Node]]
) -> tuple[list[Node], list[str]]:
    """Put words in place of references; citations of works stay.

    Parameters
    ----------
    blocks : list of Node
    known : container of str
        The labels that there are.
    words_for : callable
        Gives the inlines for a label of these and the node of the reference, without its suffix.

    Returns
    -------
    list of Node
        The document.
    list of str
        What is wrong: references without target, and those in one bracket with citations.
    """
    problems: list[str] = []

    def change(node: Node) -> list[Node] | None:
        if node["t"] != "Cite":
            return None
        references = node["c"][0]
        kinds = [kind_of(reference["citationId"].lower()) for reference in references]
        if not any(kinds):
            return None
        if not all(kinds):
            problems.append(f"{text_of(node['c'][1])}: references and citations in one bracket")
            return None
        out: list[Node] = []
        for reference in references:
            out += [string(","), {"t": "Space"}] if out else []
            out += written(reference)
        return out

    def written(reference: Node) -> list[Node]:
        name = reference["citationId"]
        label = name if name in known else name[:1].lower() + name[1:]  # @Fig-x begins a sentence
        if label not in known:
            problems.append(f"the reference @{name} has no target on this page")
            return [span([string(f"?@{name}")], classes=["unresolved"])]
        return [*words_for(label, reference), *reference["citationSuffix"]]

    replaced: list[Node] = rewrite(blocks, change)
    return replaced, problems
