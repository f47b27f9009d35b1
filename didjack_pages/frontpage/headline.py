"""The headline: clustered and jackknife inference for every specification, in one look.

`python -m didjack_pages.frontpage.headline docs/headline.svg` draws the README's picture again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from didjack.comparison import CLUSTERED, EXACT, STUDENT
from didjack.datasets import (
    catalog,
    load_specification,
    specification_dataset,
    specification_frame,
    unavailable,
)
from didjack.display.diagnostics import records, treated_clusters
from didjack.display.vocabulary import WORDS
from didjack.display.wording import (
    count,
    decimals,
    listed,
    markdown_text,
    number,
    p_equals,
    p_value,
)
from didjack.one_call import csdid
from didjack.writing import write_generated
from didjack_pages.frontpage.picture import headline_svg

IN_TABLE = ("simple", "group")
SIGNIFICANT = 0.05
# The front page refers to the table, whether there are numbers for it or not.
NOTHING_RUN = """\
This site was made without the pages of the datasets, whose effects would stand here.

| Specification |
|:--------------|
| none          |

: Average effects of the specifications. {#tbl-headline}"""


def headline_frame(specifications: Iterable[str]) -> pd.DataFrame:
    """Compute the overall effects of some specifications with both kinds of inference.

    Parameters
    ----------
    specifications : iterable of str
        Names in the catalog.

    Returns
    -------
    DataFrame
        One row per specification and aggregation: specification, title, dataset, aggregation,
        att, se and p (clustered), se_cv3 and p_cv3, p_exact, ratio, n_clusters, n_treated
        (clusters).
    """
    rows = []
    for name in specifications:
        spec = load_specification(name)
        frame = specification_frame(spec)
        cmp = csdid(frame, **spec.kwargs, cluster=spec.cluster, weights=spec.weights)
        for type, agg in cmp.aggregates.items():
            found = cmp.inferences(type)
            clustered, cv3 = found[CLUSTERED], found[STUDENT]
            exact = found.get(EXACT)
            rows.append(
                {
                    "specification": name,
                    "title": spec.title,
                    "dataset": specification_dataset(spec).title,
                    "aggregation": type,
                    "att": agg.att,
                    "se": clustered.se[0],
                    "p": clustered.p[0],
                    "se_cv3": cv3.se[0],
                    "p_cv3": cv3.p[0],
                    "p_exact": np.nan if exact is None else exact.p[0],
                    "ratio": cv3.se[0] / clustered.se[0],
                    "n_clusters": cv3.n_clusters,
                    "n_treated": treated_clusters(agg, spec.cluster)[0],
                }
            )
    return pd.DataFrame(rows)


def headline_markdown(specification_names: Sequence[str]) -> str:
    """Write the part of the front page that is computed: a finding, a picture, a table.

    Parameters
    ----------
    specification_names : sequence of str
        Those that have a page `reports/datasets/<name>.ipynb`, in the order of the table.
    """
    if not specification_names:
        return f"{NOTHING_RUN}\n"
    frame = headline_frame(specification_names)
    caption = (
        "How many times as large as the clustered standard error the CV3 one is, for the four "
        "average effects of every specification. Ringed: significant at the 5% level with the "
        "clustered standard error, not with CV3 and exact critical values."
    )
    picture = headline_svg(frame, standalone=False)
    return "\n".join(
        [
            _finding(frame),
            "",
            "::: {#fig-headline}",
            "```{=html}",
            picture,
            "```",
            "",
            caption,
            ":::",
            "",
            *_table(frame),
        ]
    )


def _finding(frame: pd.DataFrame) -> str:
    """Write the sentences above picture and table."""
    reversed_ = frame[(frame["p"] < SIGNIFICANT) & ~(frame["p_exact"] < SIGNIFICANT)]
    largest = frame.iloc[int(frame["ratio"].to_numpy().argmax())]
    text = (
        f"Over {count(frame['specification'].nunique(), 'specification')} of "
        f"{count(frame['dataset'].nunique(), 'dataset')} (@fig-headline, @tbl-headline), the "
        f"jackknife standard error is {number(frame['ratio'].min(), 2)} to "
        f"{number(frame['ratio'].max(), 2)} times the clustered one."
    )
    if len(reversed_):
        where = reversed_.groupby("specification", sort=False)["aggregation"]
        cases = [f"`{name}` ({listed(WORDS[a].adjective for a in types)})" for name, types in where]
        text += (
            f" {count(len(reversed_), 'average effect')} of {len(frame)} "
            f"{'is' if len(reversed_) == 1 else 'are'} significant at the 5% level with the "
            "clustered standard error but not with the jackknife and its exact critical values: "
            f"{listed(cases)}."
        )
    if largest["ratio"] > 1.2:
        text += (
            f" The gap is widest for the {WORDS[largest['aggregation']].adjective} average of "
            f"`{largest['specification']}`: {p_equals(largest['p'])} becomes "
            f"{p_equals(largest['p_cv3'])} with *t*(*H*\u00a0\u2212\u00a01), "
            f"{p_equals(largest['p_exact'])} with exact critical values."
        )
    return text


def _table(frame: pd.DataFrame) -> list[str]:
    """Write the table in markdown, with links to the pages."""
    lines = [
        "| Specification | Average | ATT | Clustered s.e. (*p*) | CV3 s.e. (*p*) | Exact *p* |",
        "|:---------------------|:---------|--------:|----------------:|----------------:|------:|",
    ]
    chosen = frame[frame["aggregation"].isin(IN_TABLE)]
    place = chosen.groupby("specification").cumcount()
    for row, index in zip(records(chosen), place, strict=True):
        digits = decimals([row.se, row.se_cv3])
        cells = [
            _first_cell(row, index),
            WORDS[row.aggregation].short,
            number(row.att, digits),
            f"{number(row.se, digits)}\u00a0({markdown_text(p_value(row.p))})",
            f"{number(row.se_cv3, digits)}\u00a0({markdown_text(p_value(row.p_cv3))})",
            markdown_text(p_value(row.p_exact)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    caption = (
        "Average effects with standard errors from influence functions, clustered, and from the "
        "cluster jackknife (CV3), with *t*(*H*\u00a0\u2212\u00a01) and with exact critical values. "
        "Simple: all cells after treatment by cohort size; group: over cohorts by size. The pages "
        "have the event-study and calendar averages too."
    )
    return [*lines, "", f": {caption} {{#tbl-headline}}"]


def _first_cell(row: Any, index: int) -> str:
    """Link to the page in the first line of a specification, its clusters in the second."""
    if index == 0:
        name = row.specification.replace("-", "\u2011")
        return f"[{name}](reports/datasets/{row.specification}.ipynb)"
    if index == 1:
        return f"{count(row.n_clusters, 'cluster')}, {row.n_treated:,}\u00a0treated"
    return ""


def write_picture(path: Path) -> Path:
    """Draw the picture of the README from all data that can be had here."""
    names = [
        spec.name
        for name, dataset in catalog().items()
        if unavailable(name) is None
        for spec in dataset.specifications
    ]
    svg = headline_svg(headline_frame(names), standalone=True)
    write_generated(path, svg + "\n")
    return path


if __name__ == "__main__":
    print(write_picture(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/headline.svg")))
