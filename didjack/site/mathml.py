"""Small repairs to the MathML that pandoc writes."""

from __future__ import annotations

import re

# pandoc writes \hat and \widehat alike, with combining signs that browsers stretch to the
# width of the letter. Over a single letter the spacing signs look as in print.
_SPACING = {"\u0302": "\u02c6", "\u0303": "\u02dc", "\u0307": "\u02d9", "\u203e": "\u00af"}
_ACCENT = re.compile(
    r"(<mover><mi(?: [^>]*)?>.</mi>)<mo accent=\"true\">([\u0302\u0303\u0307\u203e])</mo></mover>"
)


def tidy_accents(html: str) -> str:
    """Give single letters accents of natural width."""

    def change(match: re.Match[str]) -> str:
        sign = _SPACING[match[2]]
        return f'{match[1]}<mo accent="true" stretchy="false">{sign}</mo></mover>'

    return _ACCENT.sub(change, html)
