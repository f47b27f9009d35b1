"""Rewrite the programs' JSON output compactly: one run per line, every number unchanged.

    python collect.py FOLDER

FOLDER holds the files as the programs wrote them. A float keeps its shortest form that reads
back as the same 64-bit number, so nothing is rounded; the check at the end says so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = (
    "castle_didjack.json",
    "r_castle_panel.json",
    "r_clustered_analytic.json",
    "r_mboot50000.json",
    "r_merit_didjack.json",
    "r_merit_rc.json",
    "r_merit_rc_universal.json",
    "r_mpdta_didjack.json",
    "r_mpdta_panel.json",
    "r_mpdta_rc.json",
    "r_mpdta_unbalanced.json",
)


def compact(value: object, depth: int = 2) -> str:
    """Return JSON with line breaks down to ``depth`` levels only."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    items = (f"{json.dumps(key)}:{compact(item, depth - 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(items) + "\n}"


def main(source: Path) -> None:
    for name in FILES:
        read = json.loads((source / name).read_text(encoding="utf-8"))
        text = compact(read) + "\n"
        if json.loads(text) != read:
            raise SystemExit(f"{name}: the numbers changed")
        (HERE / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
