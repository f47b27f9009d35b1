"""A browser with one page, on which the tests look: Chromium, driven by playwright."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserType, CDPSession, ConsoleMessage, Request, Response

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No network services of its own: the requests are those of the pages.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZE = {"width": 1280, "height": 900}
# Fonts are there, and what runs after loading has run.
SETTLED = "document.fonts.ready.then(() => new Promise(r => setTimeout(r, 60)))"


def find_chromium() -> str | None:
    """Return the browser's path if there is one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@dataclass
class Loaded:
    """What happened while a page was shown."""

    errors: list[str] = field(default_factory=list)  # console errors and exceptions
    failed: list[str] = field(default_factory=list)  # requests that failed
    requests: list[str] = field(default_factory=list)  # every address asked for


class Browser:
    """One browser with one page, and a record of what each load of it brought.

    Parameters
    ----------
    chromium
        playwright's handle of that kind of browser.
    path
        The program, which playwright does not bring along here.
    """

    def __init__(self, chromium: BrowserType, path: str) -> None:
        self._browser = chromium.launch(executable_path=path, args=list(FLAGS))
        context = self._browser.new_context(viewport=SIZE, color_scheme="light")
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self._protocol: CDPSession = context.new_cdp_session(self.page)
        self.loaded = Loaded()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.loaded.errors.append(str(error)))
        self.page.on("request", lambda request: self.loaded.requests.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def close(self) -> None:
        """End the browser."""
        self._browser.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self.loaded.errors.append(f"{message.text} {message.location.get('url', '')}")

    def _failed(self, request: Request) -> None:
        # Turning to the next page ends what the last one still asked for.
        if request.failure != "net::ERR_ABORTED":
            self.loaded.failed.append(f"{request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.loaded.failed.append(response.url)

    def call(self, method: str, **params: Any) -> Any:
        """Give an order of the DevTools protocol, for what playwright has no word for."""
        return self._protocol.send(method, params)

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Set the size of the window; a phone has no scroll bars and its own viewport."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def scheme(self, value: Any) -> None:
        """Set what the system prefers: `light` or `dark`."""
        self.page.emulate_media(color_scheme=value)

    def open(self, url: str, *, settle: bool = True) -> Loaded:
        """Open a page, wait until it has loaded and settled, and return what happened."""
        self.loaded = Loaded()
        self.page.goto(url, wait_until="load")
        if settle:  # this needs scripts
            self.evaluate(SETTLED)
        return self.loaded

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression on the page, that of a promise once it is there."""
        return self.page.evaluate(f"() => ({script})")  # a bare function would be called

    def press(self, key: str) -> None:
        """Press one key."""
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Put text where the cursor is."""
        self.page.keyboard.insert_text(text)
