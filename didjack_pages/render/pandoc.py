"""Calls of pandoc."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pypandoc

from didjack.errors import SiteError

READER = "markdown-yaml_metadata_block+autolink_bare_uris"
_WARNING = re.compile(r"^\[WARNING\]\s*(.*(?:\n {2,}.*)*)", re.MULTILINE)
_MISSING = re.compile(r"[Cc]itation (\S+) not found")


@dataclass(frozen=True)
class PandocResult:
    """What pandoc wrote, and what it warned of."""

    text: str
    warnings: tuple[str, ...]


@cache
def pandoc_path() -> str:
    """Return the pandoc program that pypandoc brings along."""
    try:
        return str(pypandoc.get_pandoc_path())
    except OSError as error:
        raise SiteError(
            "pandoc was not found; `pip install pypandoc_binary` brings it along"
        ) from error


def run_pandoc(arguments: list[str], text: str) -> PandocResult:
    """Run pandoc on a text."""
    done = subprocess.run(
        [pandoc_path(), *arguments],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    errors = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        raise SiteError(f"pandoc failed: {errors.strip()}")
    warnings = tuple(" ".join(match.split()) for match in _WARNING.findall(errors))
    return PandocResult(done.stdout.decode("utf-8"), warnings)


def read_markdown(text: str, metadata: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Parse markdown into pandoc's document tree; the metadata are parsed as markdown too."""
    path = folder / "metadata.json"
    path.write_text(json.dumps(metadata), encoding="utf-8")
    result = run_pandoc(["-f", READER, "-t", "json", "--metadata-file", str(path)], text)
    document: dict[str, Any] = json.loads(result.text)
    return document


def write_html(
    document: dict[str, Any],
    variables: dict[str, Any],
    template: Path,
    bibliography: list[Path],
    folder: Path,
    toc_depth: int = 3,
) -> PandocResult:
    """Write a document tree as a page: MathML formulas, citations, the site's template."""
    defaults = folder / "defaults.json"
    defaults.write_text(json.dumps({"variables": variables}), encoding="utf-8")
    arguments = ["-f", "json", "-t", "html5", "--mathml", "--section-divs", "--wrap=none"]
    arguments += ["--toc", f"--toc-depth={toc_depth}", "--template", str(template)]
    arguments += ["--defaults", str(defaults)]
    if bibliography:
        arguments += ["--citeproc", "--metadata=link-citations:true"]
        arguments += [f"--bibliography={path}" for path in bibliography]
    return run_pandoc(arguments, json.dumps(document))


def missing_citations(warnings: tuple[str, ...]) -> list[str]:
    """Return the citation keys that pandoc did not find in the bibliography."""
    return [match[1] for text in warnings if (match := _MISSING.search(text))]
