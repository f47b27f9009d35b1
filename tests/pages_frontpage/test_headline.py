from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import didjack as dj
from didjack.paths import project_root
from didjack_pages.frontpage import headline
from didjack_pages.frontpage.headline import headline_frame, headline_markdown
from didjack_pages.frontpage.picture import headline_svg, shortened

NAMES = ["castle", "mpdta-state"]


@pytest.fixture(scope="module")
def frame():
    return headline_frame(NAMES)


def test_numbers_are_those_of_the_estimator(frame):
    spec = dj.load_specification("mpdta-state")
    cmp = dj.csdid(dj.load_dataset("mpdta"), **spec.kwargs, cluster="state")
    row = frame.set_index(["specification", "aggregation"]).loc[("mpdta-state", "dynamic")]
    jk = cmp.jackknives["dynamic"]
    assert (row["att"], row["se_cv3"], row["p_cv3"]) == (jk.att, jk.se, jk.p)
    assert row["se"] == cmp.aggregates["dynamic"].se
    assert row["ratio"] == pytest.approx(jk.se / row["se"])
    assert (row["n_clusters"], row["n_treated"]) == (29, 13)


def test_markdown_says_which_effects_lose_their_significance():
    text = headline_markdown(NAMES)
    assert "4 average effects of 8 are significant" in text
    for name in NAMES:
        assert f"`{name}` (event-study and calendar)" in text
    assert "Over 2 specifications of 2 datasets (@fig-headline, @tbl-headline)" in text


def test_markdown_has_labels_links_and_one_line_for_each_average():
    text = headline_markdown(NAMES)
    assert "::: {#fig-headline}" in text
    assert "{#tbl-headline}" in text
    assert "[mpdta\u2011state](reports/datasets/mpdta-state.ipynb)" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2 * len(NAMES)
    assert len({line.count("|") for line in rows}) == 1


def test_one_specification_in_the_singular():
    text = headline_markdown(["castle"])
    assert "Over 1 specification of 1 dataset " in text
    assert "2 average effects of 4 are significant" in text


def test_agreement_leaves_the_sentence_on_significance_out():
    assert "but not with the jackknife" not in headline_markdown(["medicaid"])


def test_no_page_at_all():
    assert headline_markdown([]).count("{#tbl-headline}") == 1  # the front page refers to it


@pytest.mark.parametrize("standalone", [True, False])
def test_picture_is_wellformed_and_has_every_average(frame, standalone):
    svg = headline_svg(frame, standalone)
    root = ElementTree.fromstring(svg)
    marks = [e for e in root.iter() if e.get("class") == "hl-mark"]
    rings = [e for e in root.iter() if e.get("class") == "hl-ring"]
    assert len(marks) == 4 + len(frame)
    assert len(rings) == 1 + 4
    assert ("prefers-color-scheme" in svg) == standalone
    assert "\n\n" not in svg  # an empty line would end the HTML block


def test_picture_is_small_and_drawn_again_by_a_command(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(headline, "unavailable", lambda name: "no" if name != "castle" else None)
    path = headline.write_picture(tmp_path / "docs" / "headline.svg")
    assert path.stat().st_size < 100_000
    assert len(re.findall("Castle doctrine", path.read_text(encoding="utf-8"))) == 3


def test_the_picture_of_the_readme_has_every_specification():
    """`python -m didjack_pages.frontpage.headline` draws it again."""
    root = project_root()
    if root is None:
        pytest.skip("the picture is not part of an installed package")
    drawn = ElementTree.parse(root / "docs" / "headline.svg").iter()
    rows = [e.text for e in drawn if e.get("text-anchor") == "end"]
    specs = [spec for dataset in dj.catalog().values() for spec in dataset.specifications]
    parts = [spec.title.partition(": ") for spec in specs]
    assert rows == [text for first, _, rest in parts for text in (first, shortened(rest))]
