"""Small repairs to the MathML that pandoc writes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_MATH = re.compile(r"<math\b.*?</math>", re.S)

_REPAIR = re.compile(
    r'<mo accent="true">|<m(?:sup|sub|subsup)><mo [^>]*stretchy="true" form="postfix"'
)

# pandoc writes \hat and \widehat alike, with combining signs that browsers stretch to the
# width of the letter. Over a single letter the spacing signs look as in print.
_SPACING = {"\u0302": "\u02c6", "\u0303": "\u02dc", "\u0307": "\u02d9", "\u203e": "\u00af"}


def tidy_math(html: str) -> str:
    r"""Repair the formulas of a page.

    Accents sit close to their letters, and the exponent of ``\bigl( … \bigr)^2`` belongs to the
    whole group: pandoc puts it on the closing bracket alone, which browsers then set at another
    height than the opening one.
    """
    return _MATH.sub(lambda match: _tidy(match[0]), html)


def _tidy(math: str) -> str:
    if not _REPAIR.search(math):
        return math
    ET.register_namespace("", _NAMESPACE)
    try:
        tree = ET.fromstring(math)
    except ET.ParseError:  # entities that XML does not know: leave the formula as it is
        return math
    for element in list(tree.iter()):
        if element.tag == f"{{{_NAMESPACE}}}mover":
            _accent(element)
        _group(element)
    return ET.tostring(tree, encoding="unicode", short_empty_elements=False)


def _accent(over: ET.Element) -> None:
    base, sign = over
    if sign.get("accent") != "true":
        return
    over.set("accent", "true")
    letter = (base.text or "").strip()
    if not len(base) and len(letter) == 1 and sign.text in _SPACING:
        sign.text = _SPACING[sign.text]
        sign.set("stretchy", "false")


def _group(parent: ET.Element) -> None:
    opened: list[int] = []
    index = 0
    while index < len(parent):
        child = parent[index]
        if _is_bracket(child, "prefix"):
            opened.append(index)
        elif _is_bracket(child, "postfix") and opened:
            opened.pop()
        elif _is_script(child) and len(child) and _is_bracket(child[0], "postfix") and opened:
            start = opened.pop()
            group = ET.Element(f"{{{_NAMESPACE}}}mrow")
            group.extend([*parent[start:index], child[0]])
            child.remove(child[0])
            child.insert(0, group)
            for moved in parent[start:index]:
                parent.remove(moved)
            index = start
        index += 1


def _is_bracket(element: ET.Element, form: str) -> bool:
    return element.get("form") == form and element.get("stretchy") == "true"


def _is_script(element: ET.Element) -> bool:
    return element.tag.rsplit("}", 1)[-1] in ("msup", "msub", "msubsup")
