"""Every page of the site in a real browser: nothing fails, everything is visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from served import Served

if TYPE_CHECKING:
    from chromium import Browser

# Boxes that scroll by themselves may hold wide things; the page itself may not be wider than
# the window.
OVERFLOW = """
(() => {
  const width = document.documentElement.clientWidth;
  const hidden = el => {
    for (let p = el.parentElement; p; p = p.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(p).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll("body *")].filter(el => {
    const box = el.getBoundingClientRect();
    return box.width && box.right > width + 1 && !hidden(el)
      && getComputedStyle(el).position !== "fixed";
  });
  const names = wide.slice(0, 3).map(el => el.tagName + "." + el.className);
  const page = document.documentElement.scrollWidth;
  return page > width ? [page + " > " + width, ...names] : [];
})()
"""

# Formulas and figures without a size, those in closed folds and hidden tabs aside.
INVISIBLE = """
(async () => {
  const images = [...document.images];
  images.forEach(image => { image.loading = "eager"; });
  await Promise.all(images.map(image => image.decode().catch(() => null)));
  const shown = el => !el.closest("details:not([open]), [hidden], .callout-collapse:not(.show)")
    && el.checkVisibility();
  const small = el => { const b = el.getBoundingClientRect(); return b.width < 2 || b.height < 2; };
  const broken = images.filter(image => !image.naturalWidth || (shown(image) && small(image)));
  const maths = [...document.querySelectorAll("main math")].filter(shown).filter(small);
  return [...broken.map(image => image.src), ...maths.map(math => math.textContent)];
})()
"""

LINKS = """
[...document.querySelectorAll("nav a[href], aside a[href]")].map(a => a.href)
  .filter(href => href.startsWith(location.origin))
"""


def visit_all(browser: Browser, site: Served) -> list[str]:
    """Open every page; return what is wrong."""
    wrong: list[str] = []
    for name in site.pages():
        loaded = browser.open(site.url + name)
        wrong += [f"{name}: console: {text}" for text in loaded.errors]
        wrong += [f"{name}: failed: {text}" for text in loaded.failed]
        wrong += [
            f"{name}: asks another host: {url}"
            for url in loaded.requests
            if not url.startswith((site.url, "data:", "blob:", "about:"))
        ]
        wrong += [f"{name}: has no size: {what}" for what in browser.evaluate(INVISIBLE)]
    return wrong


def overflows(browser: Browser, site: Served, width: int) -> list[str]:
    """Open every page in a window of that width; return the pages that are wider."""
    browser.size(width, 844, mobile=width < 500)
    wrong = []
    for name in site.pages():
        browser.open(site.url + name)
        wrong += [f"{name} at {width}: {what}" for what in browser.evaluate(OVERFLOW)]
    browser.size(1280, 900)
    return wrong


def broken_links(browser: Browser, site: Served) -> list[str]:
    """Follow every link of the navigation, once; return the ones that fail."""
    wrong: list[str] = []
    targets: dict[str, str] = {}
    for name in site.pages():
        browser.open(site.url + name)
        targets |= {href.split("#")[0]: name for href in browser.evaluate(LINKS)}
    assert targets
    for href, name in targets.items():
        status = browser.evaluate(f"fetch({href!r}).then(answer => answer.status)")
        if status != 200:
            wrong.append(f"{name}: {href}: {status}")
    return wrong


class TestRealSite:
    """The site that the run made, with either renderer."""

    def test_pages_open_without_errors(self, browser: Browser, real_site: Served) -> None:
        assert real_site.pages()
        assert visit_all(browser, real_site) == []

    @pytest.mark.parametrize("width", [390, 1280])
    def test_no_page_is_wider_than_the_window(
        self, browser: Browser, real_site: Served, width: int
    ) -> None:
        assert overflows(browser, real_site, width) == []

    def test_navigation_leads_somewhere(self, browser: Browser, real_site: Served) -> None:
        assert broken_links(browser, real_site) == []

    def test_figures_and_formulas_are_there(self, browser: Browser, real_site: Served) -> None:
        count = {"img": 0, "math": 0}
        for name in real_site.pages():
            browser.open(real_site.url + name)
            for tag in count:
                count[tag] += browser.evaluate(f"document.querySelectorAll('main {tag}').length")
        assert all(count.values()), count


class TestFeatures:
    """The behaviour of the pages that pandoc makes."""

    PAGE = "reports/all-features.html"

    def open(self, browser: Browser, site: Served, name: str = PAGE) -> None:
        browser.scheme("light")
        browser.open(site.url + name)
        browser.evaluate("localStorage.clear()")
        browser.open(site.url + name)

    def test_pages_open_without_errors(self, browser: Browser, fixture_site: Served) -> None:
        assert visit_all(browser, fixture_site) == []

    @pytest.mark.parametrize("width", [320, 390, 768, 1280])
    def test_no_page_is_wider_than_the_window(
        self, browser: Browser, fixture_site: Served, width: int
    ) -> None:
        assert overflows(browser, fixture_site, width) == []

    def test_navigation_leads_somewhere(self, browser: Browser, fixture_site: Served) -> None:
        assert broken_links(browser, fixture_site) == []

    def test_dark_theme_is_remembered(self, browser: Browser, fixture_site: Served) -> None:
        paper = "getComputedStyle(document.body).backgroundColor"
        self.open(browser, fixture_site)
        light = browser.evaluate(paper)
        browser.evaluate("document.querySelector('.theme-button').click()")
        dark = browser.evaluate(paper)
        assert light != dark
        browser.open(fixture_site.url + "index.html")
        assert browser.evaluate(paper) == dark
        pressed = "document.querySelector('.theme-button').getAttribute('aria-pressed')"
        assert browser.evaluate(pressed) == "true"
        browser.evaluate("localStorage.clear()")

    def test_the_system_decides_first(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        light = browser.evaluate("getComputedStyle(document.body).color")
        browser.scheme("dark")
        assert browser.evaluate("getComputedStyle(document.body).color") != light
        browser.scheme("light")

    def test_contrast(self, browser: Browser, fixture_site: Served) -> None:
        script = """
        (() => {
          const luminance = colour => {
            const parts = colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
            const [r, g, b] = parts.map(v => v / 255)
              .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const paper = luminance(getComputedStyle(document.body).backgroundColor);
          const what = "p, figcaption, .sidebar a, .toc a, code span, .callout-title, td, .byline";
          const ratios = [...document.querySelectorAll(what)].map(el => {
            const ink = luminance(getComputedStyle(el).color);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
          });
          return Math.min(...ratios);
        })()
        """
        self.open(browser, fixture_site)
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            assert browser.evaluate(script) >= 4.5, scheme
        browser.scheme("light")

    def test_search(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site, "index.html")
        browser.press("/")
        browser.page.wait_for_timeout(200)
        assert browser.evaluate("document.querySelector('dialog').open")
        browser.type("conservative estimator")
        found = "[...document.querySelectorAll('#search-results a')].map(a => a.href)"
        assert browser.evaluate(found)[0].endswith("all-features.html#definitions")
        browser.press("Enter")
        browser.page.wait_for_url("**/all-features.html#definitions")
        assert browser.evaluate("location.hash") == "#definitions"

    def test_search_finds_nothing(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        browser.press("/")
        browser.page.wait_for_timeout(200)
        browser.type("xylophone")
        status = browser.evaluate("document.querySelector('.search-status').textContent")
        assert status == "Nothing found."
        browser.press("Escape")

    def test_tabs(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        shown = "[...document.querySelectorAll('[role=tabpanel]')].map(p => !p.hidden)"
        assert browser.evaluate(shown) == [True, False, False]
        browser.evaluate("document.querySelectorAll('[role=tab]')[0].focus()")
        browser.press("ArrowRight")
        assert browser.evaluate(shown) == [False, True, False]
        assert browser.evaluate("document.activeElement.textContent.trim()") == "R"

    def test_copy_button(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        browser.evaluate("navigator.clipboard.writeText = text => { window.copied = text; }")
        browser.evaluate("document.querySelector('.panel-tabset .copy-button').click()")
        assert browser.evaluate("window.copied").startswith("import didjack as dj\n\nres = dj")

    def test_hovering_shows_what_a_reference_leads_to(
        self, browser: Browser, fixture_site: Served
    ) -> None:
        self.open(browser, fixture_site)
        for target, text in (("#tbl-plain", "jackknife variance"), ("#ref-callaway2021", "225")):
            hover = f"document.querySelector('main a[href=\"{target}\"]')"
            browser.evaluate(
                f"{hover}.dispatchEvent(new PointerEvent('pointerenter', {{pointerType: 'mouse'}}))"
            )
            browser.page.wait_for_timeout(300)
            assert text in browser.evaluate("document.querySelector('.preview').textContent")
            assert browser.evaluate("document.querySelector('.preview').checkVisibility()")
            browser.evaluate(f"{hover}.dispatchEvent(new PointerEvent('pointerleave'))")
            assert not browser.evaluate("document.querySelector('.preview').checkVisibility()")

    def test_table_of_contents_follows(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        browser.size(1440, 900)
        current = "document.querySelector('.margin .toc [aria-current]').textContent.trim()"
        assert browser.evaluate(current).endswith("Where to start")
        browser.evaluate("document.getElementById('sec-theory').scrollIntoView()")
        browser.page.wait_for_timeout(200)
        assert browser.evaluate(current).endswith("Theory")
        browser.size(1280, 900)

    def test_a_link_opens_the_fold_around_it(self, browser: Browser, fixture_site: Served) -> None:
        self.open(browser, fixture_site)
        fold = "document.querySelector('details.callout')"
        browser.evaluate(f"{fold}.querySelector('.callout-body').id = 'inside'")
        assert not browser.evaluate(f"{fold}.open")
        browser.evaluate("location.hash = '#inside'")
        browser.page.wait_for_timeout(100)
        assert browser.evaluate(f"{fold}.open")

    def test_menu_on_a_phone(self, browser: Browser, fixture_site: Served) -> None:
        browser.size(390, 844, mobile=True)
        self.open(browser, fixture_site)
        visible = "document.querySelector('.sidebar').checkVisibility({visibilityProperty: true})"
        assert not browser.evaluate(visible)
        browser.evaluate("document.querySelector('.menu-button').click()")
        browser.page.wait_for_timeout(300)
        assert browser.evaluate(visible)
        browser.press("Escape")
        browser.page.wait_for_timeout(300)
        assert not browser.evaluate(visible)
        browser.size(1280, 900)

    def test_pages_also_open_from_the_folder(self, browser: Browser, fixture_site: Served) -> None:
        loaded = browser.open((fixture_site.folder / self.PAGE).as_uri())
        assert loaded.errors == []
        browser.evaluate("document.querySelector('.search-button').click()")
        browser.page.wait_for_timeout(300)
        browser.type("conservative")
        assert browser.evaluate("document.querySelectorAll('#search-results a').length") == 1

    def test_without_javascript(self, browser: Browser, fixture_site: Served) -> None:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.size(390, 844, mobile=True)
        try:
            browser.open(fixture_site.url + self.PAGE, settle=False)
            tree = str(browser.call("Accessibility.getFullAXTree")["nodes"])
        finally:
            browser.call("Emulation.setScriptExecutionDisabled", value=False)
            browser.size(1280, 900)
        assert "Castle doctrine" in tree  # the sidebar is shown below the text
        assert tree.count("'value': 'tabpanel'") == 3  # all tabs are shown
