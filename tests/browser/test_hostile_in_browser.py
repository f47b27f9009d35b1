"""A report on data whose names try to run something, in a browser: nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from served import Served, serve

if TYPE_CHECKING:
    from chromium import Browser

# Whatever can be pressed, hovered over or loaded late.
PROVOKE = """
(async () => {
  const kinds = ["pointerenter", "mouseover", "mouseenter", "focus", "error", "load", "toggle"];
  document.querySelectorAll("details").forEach(fold => { fold.open = true; });
  for (const element of document.querySelectorAll("main *, nav *, aside *")) {
    for (const kind of kinds) element.dispatchEvent(new Event(kind));
    if (element.tagName === "A" && !/^https?:/.test(element.href)) element.click();
  }
  await new Promise(done => setTimeout(done, 300));
  return typeof window.hacked;
})()
"""
BAD = """
[...document.querySelectorAll("*")].flatMap(el => [...el.attributes]
  .filter(a => a.name.startsWith("on") || /^\\s*(javascript|vbscript|data:text)/i.test(a.value))
  .map(a => el.tagName + " " + a.name + "=" + a.value))
"""


@pytest.fixture(scope="module")
def report(browser: Browser, hostile_report: Path) -> Iterator[Served]:
    yield from serve(hostile_report)


def test_the_test_sees_what_runs(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<!DOCTYPE html><title>x</title><link rel="icon" href="data:,">'
        '<main><b onmouseover="window.hacked=1">x</b></main>',
        encoding="utf-8",
    )
    for site in serve(tmp_path):
        browser.open(site.url + "index.html")
        assert browser.evaluate("typeof window.hacked") == "undefined"
        assert browser.evaluate(BAD) == ["B onmouseover=window.hacked=1"]
        assert browser.evaluate(PROVOKE) == "number"


def test_nothing_runs(browser: Browser, report: Served) -> None:
    dialogs: list[str] = []

    def note(dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    browser.page.on("dialog", note)
    try:
        assert len(report.pages()) == 2
        for name in report.pages():
            loaded = browser.open(report.url + name)
            assert loaded.errors == [], name
            assert loaded.failed == [], name
            assert [url for url in loaded.requests if not url.startswith(report.url)] == [], name
            assert browser.evaluate(BAD) == [], name
            assert browser.evaluate(PROVOKE) == "undefined", name
            browser.page.wait_for_timeout(200)
    finally:
        browser.page.remove_listener("dialog", note)
    assert dialogs == []


def test_the_search_runs_nothing(browser: Browser, report: Served) -> None:
    browser.open(report.url + "index.html")
    browser.press("/")
    browser.page.wait_for_timeout(200)
    browser.type("script")
    browser.page.wait_for_timeout(200)
    assert browser.evaluate("document.querySelectorAll('#search-results a').length") >= 1
    assert browser.evaluate("typeof window.hacked") == "undefined"
    assert browser.evaluate("document.querySelectorAll('#search-results script').length") == 0
