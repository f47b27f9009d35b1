"""The stored outputs of a cell, as markdown that pandoc can read."""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from didjack_pages.render.cell_options import CellOptions
from didjack_pages.render.tree import tag

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SCOPED_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.S)
_SCRIPT_ONLY = re.compile(r"\A\s*<script\b.*</script>\s*\Z", re.S)
_SVG_PROLOG = re.compile(r"\A.*?(?=<svg\b)", re.S)
_MATH = re.compile(r"\A\s*(\$|\\begin\{|\\\[)")

#: The richest form that a page can show comes first.
PREFERENCE = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_SUFFIX = {
    "image/svg+xml": ".svg",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
}


@dataclass(frozen=True)
class FigureFolder:
    """Where the figures of one page go: the folder, and its address seen from the page."""

    folder: Path
    url: str

    def save(self, name: str, data: bytes) -> str:
        """Write one figure; return its address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return f"{self.url}/{name}"


def raw_html(text: str) -> str:
    """Return HTML as a raw block of pandoc's markdown."""
    return fenced(text.strip("\n"), "{=html}")


def fenced(text: str, info: str = "") -> str:
    """Return a fenced code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{info}\n{text}\n{fence}"


def output_markdown(
    output: Any, options: CellOptions, figures: FigureFolder, name: str, index: int
) -> str:
    """Return one output of a cell as markdown, empty when it is not to be shown."""
    kind = output["output_type"]
    if kind == "stream":
        return _stream(output, options)
    if kind == "error":
        trace = "\n".join(output.get("traceback", [])) or f"{output['ename']}: {output['evalue']}"
        return fenced(_ANSI.sub("", trace), "{.cell-output .cell-output-error}")
    data = output.get("data", {})
    for mime in PREFERENCE:
        if mime not in data:
            continue
        if mime in _SUFFIX:
            return _figure(output, mime, options, figures, name, index)
        return _text(mime, str(data[mime]), options)
    return ""


def _stream(output: Any, options: CellOptions) -> str:
    text = _ANSI.sub("", output["text"]).rstrip("\n")
    if output.get("name") == "stderr":
        if not options.warning:
            return ""
        return fenced(text, "{.cell-output .cell-output-stderr}")
    if options.output == "asis":
        return text
    return fenced(text, "{.cell-output .cell-output-stdout}") if text.strip() else ""


def _text(mime: str, text: str, options: CellOptions) -> str:
    if mime == "text/html":
        if _SCRIPT_ONLY.match(text):
            return ""
        text = _SCOPED_STYLE.sub("", text)
        return raw_html(f'<div class="cell-output-display">\n{text}\n</div>')
    if mime == "text/markdown":
        return text
    if mime == "text/latex":
        if not _MATH.match(text):
            return fenced(text, "{.latex .cell-output}")
        return text if text.lstrip().startswith("$") else f"$$\n{text.strip()}\n$$"
    if options.output == "asis":
        return text
    return fenced(_ANSI.sub("", text), "{.cell-output .cell-output-plain}")


def _figure(
    output: Any, mime: str, options: CellOptions, figures: FigureFolder, name: str, index: int
) -> str:
    text = output["data"][mime]
    text = "".join(text) if isinstance(text, list) else str(text)
    if mime == "image/svg+xml":
        data = _SVG_PROLOG.sub("", text, count=1).encode()
    else:
        data = base64.b64decode(text)
    stored = output.get("metadata", {}).get(mime, {})
    natural = image_size(data, mime)
    width = stored.get("width") or natural[0]
    height = stored.get("height") or natural[1]
    alts = options.fig_alt
    alt = (alts[min(index, len(alts) - 1)] if alts else None) or None
    url = figures.save(f"{name}{_SUFFIX[mime]}", data)
    image = tag("img", src=url, alt=alt, width=width, height=height, decoding="async")
    return raw_html(f'<div class="cell-figure">{image}</div>')


def image_size(data: bytes, mime: str) -> tuple[int | None, int | None]:
    """Return width and height in pixels, so that pages do not jump while figures load."""
    return svg_size(data) if mime == "image/svg+xml" else png_size(data)


def svg_size(data: bytes) -> tuple[int | None, int | None]:
    """Read width and height from the first tag of an SVG file."""
    match = re.search(rb"<svg\b[^>]*>", data)
    head = match[0].decode("utf-8", "replace") if match else ""
    found = {key: re.search(rf'\s{key}="([\d.]+)(pt|px|)"', head) for key in ("width", "height")}
    if not all(found.values()):
        return None, None
    width, height = (
        round(float(size[1]) * (4 / 3 if size[2] == "pt" else 1)) for size in found.values() if size
    )
    return width, height


def png_size(data: bytes) -> tuple[int | None, int | None]:
    """Read width and height from the header of a PNG file."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None, None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def attachment_urls(cell: Any, figures: FigureFolder, prefix: str) -> str:
    """Return a markdown cell's text with its attached images written to files."""
    text = str(cell["source"])
    for name, bundle in cell.get("attachments", {}).items():
        for mime, content in bundle.items():
            if mime in _SUFFIX:
                raw = content if isinstance(content, str) else "".join(content)
                is_svg = mime == "image/svg+xml" and raw.lstrip().startswith("<")
                data = raw.encode() if is_svg else base64.b64decode(raw)
                safe = re.sub(r"[^\w.-]", "-", name)
                url = figures.save(f"{prefix}-{safe}", data)
                text = text.replace(f"attachment:{name}", escape(url))
    return text
