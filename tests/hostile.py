"""Texts that try to become more than text, and a report on data that are named by them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

#: A text each; what runs sets `window.hacked`, what is read holds "daemon:" or the user's PATH.
TEXTS = (
    "<script>window.hacked=1</script>",
    '"><script>window.hacked=2</script>',
    "<img src=x onerror=window.hacked=3>",
    '" onmouseover="window.hacked=4" x="',
    "</code></p><svg onload=window.hacked=5>",
    "[x](javascript:window.hacked=6)",
    "![x](y.png){onerror=window.hacked=7}",
    "javascript:window.hacked=8",
    "<javascript:window.hacked=9>",
    "[x]: javascript:window.hacked=10",
    "`<b onclick=window.hacked=11>`{=html}",
    "x\n\n```{=html}\n<script>window.hacked=12</script>\n```\n\ny",
    "x\n\n:::\n\n::: {onclick=window.hacked=13}\ny\n:::",
    "x\n---\ntitle: hacked\n...\n\n# Hacked {#hacked}",
    "{{< include /etc/passwd >}}",
    "{{< env PATH >}}",
    "x\n\n{{< include /etc/passwd >}}\n\ny",
    "@callaway2021 [-@fig-cohorts] [@nosuchkey] @tbl-nosuch",
    r"$\href{javascript:window.hacked=14}{x}$ \input{/etc/passwd} $\frac{",
    "a | b\n|---|---|\n| c",
    "&lt;script&gt; &#106;avascript&colon;window.hacked=15",
    "x^[note] H~2~O ~~gone~~ **bold** _it_ a--b ...",
    "=HYPERLINK(\"http://evil.example\";\"x\")",
    "+cmd|' /C calc'!A0",
    "(@) 1. item",
    "data:text/html,<script>window.hacked=16</script>",
    "http://evil.example/?a=b",
    "# heading",
    "\x1b[2J\x00\x07\u202e\u2028bell",
    "'''\"\"\" \\ \\\\ \\` ``` ~~~",
)  # fmt: skip
TITLE = " ".join(TEXTS[k] for k in (0, 2, 5, 7, 10, 13, 14, 15, 17, 18, 20, 28))
FILE = "<img src=x onerror=window.hacked=20>[x](javascript:alert)`$x${{< env PATH >}}.csv"
ROLES = {
    "yname": "y\n```\n<script>window.hacked=21</script>`{=html} {{< env PATH >}}",
    "tname": "<b onclick=window.hacked=22>t</b>",
    "gname": "=g[x](javascript:window.hacked=23)",
    "idname": "id`<script>window.hacked=24</script>`",
    "weightsname": "w``{=html} $\\frac{ \x07",
    "clustervars": "c\n\n:::\n<script>window.hacked=25</script>",
}


def frame() -> pd.DataFrame:
    """Make a panel whose clusters are the texts; two cohorts, one of them a single cluster."""
    rng = np.random.default_rng(5)
    rows = [
        (rng.normal() + 0.3 * h + t, t, 3 if h == 0 else 4 if h < 6 else 0, 2 * h + i, 1 + h, text)
        for h, text in enumerate(TEXTS)
        for i in range(2)
        for t in range(1, 6)
        if (h, i, t) != (9, 1, 5)
    ]
    return pd.DataFrame(rows, columns=list(ROLES.values()))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            value = value or ""
            scheme = value.strip().lower().partition(":")[0]
            if name.startswith("on"):
                self.found.append(f"<{tag} {name}={value}>")
            if name in ("href", "src", "action", "formaction") and scheme in (
                "javascript", "vbscript", "data", "http", "https",
            ):  # fmt: skip
                # The list of references has addresses of its own.
                cited = value.startswith(("https://doi.org/10.", "https://arxiv.org/abs/"))
                self.found += [] if cited else [f"<{tag} {name}={value}>"]
            if name == "id":
                self.ids.append(value)
        if tag == "script":
            inside = dict(attrs)
            self.found += [] if inside.get("src") else ["<script>"]

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def dangers(html: str) -> list[str]:
    """List what a page must not hold: handlers, scripts inside, addresses outside, read files."""
    page = _Page()
    page.feed(html)
    text = "".join(page.text)
    wrong = [what for what in ("daemon:", "/usr/bin:/bin") if what in text]
    return page.found + wrong + [name for name in page.ids if name == "hacked"]


def elements(html: str) -> list[str]:
    """List the elements of a page in their order."""
    page = _Page()
    page.feed(html)
    return page.tags


def visible(html: str) -> str:
    """Return the text of a page with single spaces."""
    page = _Page()
    page.feed(html)
    return " ".join("".join(page.text).split())


def write_data(folder: Path) -> Path:
    """Write the panel under a name that tries its best."""
    path = folder / FILE
    frame().to_csv(path, index=False)
    return path
