"""A small project with every feature of the site, made afresh for each test."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

HERE = Path(__file__).parent


def write_project(root: Path) -> Path:
    """Write the project into a folder; return the folder."""
    for name in ("_quarto.yml", "index.qmd"):
        (root / name).write_text((HERE / name).read_text(encoding="utf-8"), encoding="utf-8")
    (root / "references.bib").write_text(BIBLIOGRAPHY, encoding="utf-8")
    (root / "reports" / "datasets").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "reports" / "_headline.md").write_text(HEADLINE, encoding="utf-8")
    (root / "picture.svg").write_text(SVG, encoding="utf-8")
    write_notebook(root / "notebooks" / "dataset.ipynb", dataset_source())
    write_notebook(root / "reports" / "all-features.ipynb", all_features())
    for name, title in (("castle", "Castle doctrine"), ("mpdta", "Minimum wage")):
        write_notebook(root / "reports" / "datasets" / f"{name}.ipynb", dataset(name, title))
    return root


def write_notebook(path: Path, notebook: Any) -> None:
    """Write a notebook after validating it."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def notebook_of(*cells: Any, **metadata: Any) -> Any:
    """Return a notebook of Python cells."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=list(cells), metadata={"kernelspec": kernel, **metadata})


def front(**values: str) -> Any:
    """Return a raw cell with front matter."""
    lines = "\n".join(f'{key}: "{value}"' for key, value in values.items())
    return new_raw_cell(f"---\n{lines}\n---")


def text(source: str) -> Any:
    """Return a markdown cell."""
    return new_markdown_cell(source.strip("\n"))


def code(source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    """Return an executed code cell."""
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(
        source.strip("\n"), outputs=list(outputs), execution_count=1, metadata=metadata
    )


def display(**data: str) -> Any:
    """Return a rich output; `text_html` stands for `text/html`."""
    bundle = {key.replace("_", "/", 1).replace("_", "+"): value for key, value in data.items()}
    return new_output("display_data", data=bundle)


def result(**data: str) -> Any:
    """Return the value of a cell."""
    bundle = {key.replace("_", "/", 1).replace("_", "+"): value for key, value in data.items()}
    return new_output("execute_result", data=bundle, execution_count=1)


def stream(message: str, name: str = "stdout") -> Any:
    """Return printed text."""
    return new_output("stream", name=name, text=message)


@cache
def plot_png() -> str:
    """Return a small event-study plot as matplotlib draws it, base64-encoded."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.6))
    times = range(-5, 5)
    effects = [0.01, -0.01, 0.02, -0.005, 0.0, 0.05, 0.08, 0.07, 0.09, 0.11]
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.errorbar(times, effects, yerr=0.04, fmt="o", capsize=3)
    axis.set(xlabel="Years since adoption", ylabel="Effect on log homicides")
    axis.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


@cache
def great_table() -> str:
    """Return a table as great_tables writes it."""
    import pandas as pd
    from great_tables import GT

    frame = pd.DataFrame(
        {
            "aggregation": ["simple", "dynamic", "group", "calendar"],
            "estimate": [0.0816, 0.0791, 0.0853, 0.0744],
            "analytic": [0.0241, 0.0255, 0.0229, 0.0262],
            "jackknife": [0.0342, 0.0371, 0.0318, 0.0369],
        }
    )
    table = (
        GT(frame)
        .tab_header(title="Effect on log homicides", subtitle="Castle doctrine, 2000-2010")
        .tab_spanner(label="Standard error", columns=["analytic", "jackknife"])
        .fmt_number(columns=["estimate", "analytic", "jackknife"], decimals=3)
        .tab_source_note("CV3: cluster jackknife.")
        .opt_row_striping()
    )
    return str(table.as_raw_html())


@cache
def wide_frame() -> str:
    """Return a wide data frame as pandas shows it."""
    import pandas as pd

    frame = pd.DataFrame([[i * j for j in range(24)] for i in range(4)])
    frame.columns = pd.Index([f"column_{j}" for j in range(24)])
    html: str = frame._repr_html_()  # type: ignore[operator]
    return html


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 120" width="320" height="120">'
    '<rect width="320" height="120" fill="#fff"/>'
    '<path d="M10 100 L80 70 L150 80 L220 40 L310 20" fill="none" stroke="#1f5d85" '
    'stroke-width="3"/></svg>'
)

HEADLINE = """
| Dataset | Estimate | CV3 standard error |
|---------|---------:|-------------------:|
| castle  |    0.082 |              0.034 |
| mpdta   |   -0.040 |              0.013 |

: Overall effects {#tbl-headline}
"""

BIBLIOGRAPHY = """
@article{callaway2021,
  author = {Callaway, Brantly and Sant'Anna, Pedro H. C.},
  title = {Difference-in-Differences with Multiple Time Periods},
  journal = {Journal of Econometrics}, year = {2021},
  volume = {225}, number = {2}, pages = {200--230}
}
@book{cunningham2021,
  author = {Cunningham, Scott}, title = {Causal Inference: The Mixtape},
  publisher = {Yale University Press}, year = {2021}
}
"""


def dataset(name: str, title: str) -> Any:
    """Return the report of one dataset, executed from the notebook `dataset.ipynb`."""
    notebook = notebook_of(
        front(title=title, description=f"Report on {name}.", date="2026-11-22"),
        code('specification: str = "castle"  # which one', tags=("parameters",)),
        code(f'# Parameters\nspecification = "{name}"\n', tags=("injected-parameters",)),
        text(f"## Data {{#sec-data}}\n\nThe data are `{name}`: see @sec-data and @fig-study."),
        code(
            "#| label: fig-study\n#| fig-cap: Event study with 95% intervals.\n"
            "#| fig-alt: Estimates rise after adoption.\nplot(agg)",
            display(image_png=plot_png(), text_plain="<Figure>"),
        ),
        text("[Back to the features](../all-features.ipynb#sec-start), [home](/index.qmd)."),
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # papermill keeps the ids of the source
    return notebook


def dataset_source() -> Any:
    """Return the notebook that the reports were executed from."""
    notebook = dataset("castle", "A dataset")
    del notebook.cells[2]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def all_features() -> Any:
    """Return a notebook that uses everything that `notebooks/README.md` names."""
    from site_fixture.features import cells

    return notebook_of(*cells())
