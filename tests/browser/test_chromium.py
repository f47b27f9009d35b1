"""The record of what a page brought: without it the other tests here could not fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from served import serve

if TYPE_CHECKING:
    from chromium import Browser

FAULTY = """<!DOCTYPE html><title>Faulty</title><link rel="icon" href="data:,">
<img src="nothing.png" alt="">
<img src="http://127.0.0.1:9/elsewhere.png" alt="">
<script>
  console.error("said on purpose");
  setTimeout(() => { throw new Error("thrown on purpose"); });
</script>
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("faulty")
    (folder / "index.html").write_text(FAULTY, encoding="utf-8")
    yield from serve(folder)


def test_what_goes_wrong_is_recorded(browser: Browser, faulty) -> None:
    loaded = browser.open(faulty.url + "index.html")
    text = "\n".join(loaded.errors)
    assert "said on purpose" in text
    assert "thrown on purpose" in text
    assert "nothing.png" in text
    failed = "\n".join(loaded.failed)
    assert f"{faulty.url}nothing.png" in failed
    assert "http://127.0.0.1:9/elsewhere.png" in failed
    assert "http://127.0.0.1:9/elsewhere.png" in loaded.requests


def test_the_next_page_begins_a_new_record(browser: Browser, faulty) -> None:
    browser.open(faulty.url + "index.html")
    assert browser.open("about:blank").errors == []


def test_values_and_promises_come_back(browser: Browser) -> None:
    assert browser.evaluate("[1, 'a', null]") == [1, "a", None]
    assert browser.evaluate("new Promise(done => done(3))") == 3
    assert browser.evaluate("window.f = () => { window.called = true; }") is None
    assert browser.evaluate("window.called") is None
