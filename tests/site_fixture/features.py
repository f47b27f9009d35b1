"""The cells of the notebook that uses every supported feature."""

from __future__ import annotations

from typing import Any

import site_fixture as f

OPENING = r"""
## Where to start {#sec-start}

We estimate group-time effects as @callaway2021 do [see also @cunningham2021, ch. 9]. The
estimator is in @eq-att, the picture in @fig-study, the numbers in @tbl-gt and @tbl-plain, the
theory in @thm-cv3 of @sec-theory; both figures are [@fig-study; @fig-drawing], and number
[-@fig-study] comes first. A footnote follows.[^one] The code is `att_gt(df)`.

[^one]: Footnotes may hold formulas too: $\hat\theta_{(h)}$.

$$
ATT(g,t) = \mathbb{E}\left[ Y_t(g) - Y_t(0) \mid G = g \right]
$$ {#eq-att}

A formula without a number, with parts that stretch:

$$
\widehat V_{CV3} = \frac{H-1}{H} \sum_{h=1}^{H}
  \left(\hat\theta_{(h)} - \hat\theta\right)\left(\hat\theta_{(h)} - \hat\theta\right)',
\qquad \sqrt{\frac{\sum_{i} w_i^2}{n}} \le \max_{1 \le h \le H} \left\lVert x_h \right\rVert
$$

::: {.column-margin}
A note in the margin about $H$, the number of clusters that can be deleted.
:::

This is a paragraph beside the margin note, long enough to flow around it: deleting one cluster
at a time gives the estimates whose spread measures the uncertainty of the full-sample estimate,
and a cluster that carries a whole cohort takes the effects of that cohort away with it.
"""

THEORY = r"""
## Theory {#sec-theory}

### Definitions

::: {#def-replicate}
## Replicate
A replicate is a set of cluster weights.
:::

::: {#thm-cv3}
## CV3
The estimator $\hat V$ of @eq-att is conservative under @def-replicate.
:::

::: {.proof}
By induction.
:::

::: {#prp-one}
A proposition without a name.
:::

::: {#exr-do}
Compute $\hat\theta_{(1)}$.
:::

### Notes

::: {.callout-note}
## A note with a title
Text with `code` and a [link](https://example.org).
:::

::: {.callout-warning collapse="true"}
## Folded away
Hidden until it is opened.
:::

::: {.callout-tip}
A tip without a title.
:::

::: {.callout-important}
## Important
Read this.
:::

::: {.callout-caution appearance="simple"}
## Careful
Simple appearance.
:::

::: {.panel-tabset}
## Python
```python
import didjack as dj

res = dj.att_gt(df, yname="y", tname="t", gname="g", idname="i")  # group-time effects
```

## R
```r
res <- att_gt(yname = "y", tname = "t", gname = "g", idname = "i", data = df)
```

## Stata
```stata
csdid y, ivar(i) time(t) gvar(g)
```
:::

| Term | Meaning | Value |
|:-----|:-------:|------:|
| $H$  | clusters | 50 |
| CV3  | jackknife variance | 0.034 |

: A table in markdown {#tbl-plain}

1. First
2. Second
    - nested

> A quotation.

Term
: Its definition.
"""


def cells() -> list[Any]:
    """Return the cells."""
    png = f.plot_png()
    return [
        f.front(
            title="All features",
            subtitle="What notebooks may use",
            description="A page with one of each: floats, formulas, callouts, tabs.",
            author="A. Tester",
            date="2026-11-22",
        ),
        f.text(OPENING),
        f.text("## Cells\n\n### Figures and tables"),
        f.code(
            "#| label: fig-study\n"
            "#| fig-cap: Event study with pointwise intervals, $e = t - g$; see @eq-att.\n"
            "#| fig-alt: Effects are near zero before adoption and positive after it.\n"
            "import matplotlib.pyplot as plt\n\nax = agg.plot()",
            f.display(image_png=png, text_plain="<Figure size 700x360>"),
            f.result(text_plain="<Axes: >"),
        ),
        f.code(
            "#| label: fig-drawing\n#| fig-cap: A drawing in SVG.\n#| fig-alt: A rising line.\n"
            "#| code-fold: false\ndraw()",
            f.display(image_svg_xml=f.SVG, text_plain="<svg>"),
        ),
        f.code(
            "#| label: tbl-gt\n#| tbl-cap: The four aggregations with both standard errors.\n"
            "#| echo: false\ntable",
            f.result(text_html=f.great_table(), text_plain="GT"),
        ),
        f.code("frame", f.result(text_html=f.wide_frame(), text_plain="frame")),
        f.text("### Text outputs"),
        f.code(
            "#| code-fold: show\n#| code-summary: How it is printed\n"
            "print('a line of output')\nprint('another')",
            f.stream("a line of output\n"),
            f.stream("another\n"),
            f.stream("UserWarning: be careful\n", "stderr"),
            f.result(text_plain="0.0816"),
        ),
        f.code("#| warning: false\nnoisy()", f.stream("SilentWarning\n", "stderr")),
        f.code("#| output: false\nquiet()", f.stream("suppressed output\n")),
        f.code("#| include: false\nsetup()", f.stream("not included\n")),
        f.code("removed()", f.stream("removed by its tag\n"), tags=("remove-cell",)),
        f.code(
            "#| output: asis\nprint('**bold** from code')",
            f.stream("**bold** from code, @eq-att\n"),
        ),
        f.code(
            "Markdown('...')",
            f.display(text_markdown="Markdown output with $x^2$.", text_plain="<Markdown>"),
        ),
        f.code(
            "Latex('...')",
            f.display(text_latex=r"$\displaystyle \alpha + \beta$", text_plain="<Latex>"),
        ),
        f.code(
            "1 / 0",
            f.nbformat.v4.new_output(
                "error",
                ename="ZeroDivisionError",
                evalue="division by zero",
                traceback=["\x1b[31mZeroDivisionError\x1b[0m: division by zero"],
            ),
        ),
        f.text(THEORY),
        f.text(
            "## Links\n\nTo [castle](datasets/castle.ipynb), its "
            "[data](datasets/castle.ipynb#sec-data) and [home](../index.qmd)."
        ),
    ]
