"""The style sheet, scripts, template and font of the pandoc renderer."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent

FOLDER = "site_libs/pages"  # inside the site
TEMPLATE = HERE / "page.html"
_SCRIPTS = ("site.js", "preview.js", "search.js")
_FILES = (*_SCRIPTS, "favicon.svg", "math.woff2", "math-license.txt")


@cache
def style_sheet() -> str:
    """Return the parts of the style sheet as one text."""
    parts = sorted((HERE / "css").glob("*.css"))
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


@cache
def digest() -> str:
    """Return a short hash of all assets: browsers then never show stale styles."""
    content = style_sheet().encode() + b"".join((HERE / n).read_bytes() for n in _SCRIPTS)
    return hashlib.sha256(content).hexdigest()[:8]


def write_assets(out: Path) -> None:
    """Write the assets into the site."""
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.css").write_text(style_sheet(), encoding="utf-8")
    for name in _FILES:
        shutil.copyfile(HERE / name, folder / name)
