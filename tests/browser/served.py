"""A folder over localhost, as a web server shows it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A site and its address."""

    folder: Path
    url: str

    def pages(self) -> list[str]:
        """List the addresses of all pages inside the site."""
        paths = sorted(self.folder.rglob("*.html"))
        found = [path.relative_to(self.folder).as_posix() for path in paths]
        return [name for name in found if not name.startswith("site_libs/")]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(folder: Path) -> Iterator[Served]:
    """Serve a folder until the generator ends."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Served(folder, f"http://127.0.0.1:{server.server_address[1]}/")
        server.shutdown()
        thread.join()
