"""Which pages there are: notebooks/pages.toml, times the specifications of the catalog."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from didjack.datasets import Dataset, Specification, catalog, dataset_path, unavailable
from didjack.errors import DatasetUnavailable, ReportError
from didjack.forms import Form, convert, read_toml
from didjack_pages.paths import notebooks_dir
from didjack_pages.run.page import Page
from didjack_pages.run.parameters import read_parameters


class _Entry(Form, frozen=True, kw_only=True):
    """A ``[[page]]`` table; the comment at the top of ``pages.toml`` explains the keys."""

    named_by: ClassVar[tuple[str, ...]] = ("name", "notebook")

    notebook: str
    name: str = ""
    folder: str = ""
    title: str = ""
    description: str = ""
    each: Literal["specification"] | None = None
    always: bool = False
    datasets: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    fast: dict[str, Any] = msgspec.field(default_factory=dict)
    also: tuple[str, ...] = ()


class _PagesFile(Form, frozen=True, kw_only=True):
    page: tuple[_Entry, ...]


@dataclass(frozen=True)
class _Candidate:
    """A page that pages.toml asks for, before it is known whether its data can be had.

    ``specification`` is the one that the page is made on, if any; ``kind`` says where it comes
    from: "notebook" (its own default, or the entry's parameter), "each" or "also".
    """

    entry: Mapping[str, Any]
    datasets: tuple[Dataset, ...]
    reads: tuple[Dataset, ...]
    specification: Specification | None = None
    kind: str = "notebook"

    @property
    def name(self) -> str:
        stem = self.entry.get("name", Path(self.entry["notebook"]).stem)
        folders = [self.entry.get("folder")]
        if self.kind == "also" and self.specification is not None:
            folders.append(self.specification.name)
        elif self.kind == "each" and self.specification is not None:
            stem = self.specification.name
        return "/".join(part for part in (*folders, stem) if part)

    def is_about(self, names: frozenset[str]) -> bool:
        """Say whether a run that is limited to these datasets and specifications makes the page."""
        about = set() if self.kind == "also" else {dataset.name for dataset in self.datasets}
        if self.specification is not None:
            about |= {self.specification.name, self.specification.dataset}
        return bool(self.entry.get("always") or about & names)


def plan_pages(
    fast: bool = False,
    datasets: Iterable[str] | None = None,
    *,
    only: Iterable[str] | None = None,
    notebooks: Path | None = None,
) -> tuple[list[Page], list[str]]:
    """List the pages to make.

    Parameters
    ----------
    fast
        Take each page's small parameters, where it has any.
    datasets
        Names of datasets or specifications to which the pages are limited. None: all.
    only
        Names of pages to which they are limited; with ``datasets``, pages that either names.
    notebooks
        The folder with ``pages.toml`` and the notebooks. None: the project's own.

    Returns
    -------
    pages
        In the order of ``pages.toml`` and of the catalog.
    skipped
        One line for every reason why pages cannot be made here, with their names.

    Raises
    ------
    ReportError
        If ``pages.toml`` has mistakes, or a name in ``datasets`` or ``only`` is unknown.
    """
    folder = notebooks_dir() if notebooks is None else notebooks
    known = catalog()
    about = _check_names(datasets, known)
    entries = _read_entries(folder / "pages.toml", known)
    candidates = [page for entry in entries for page in _expand(entry, known, folder)]
    _check_unique([page.name for page in candidates])
    named = _check_pages(only, [page.name for page in candidates])
    is_limited = datasets is not None or only is not None
    pages: list[Page] = []
    skipped: dict[str, list[str]] = {}
    for order, candidate in enumerate(candidates, start=1):
        if (
            is_limited
            and candidate.name not in named
            and not (datasets is not None and candidate.is_about(about))
        ):
            continue
        try:
            pages.append(_page(candidate, known, folder, fast, order))
        except DatasetUnavailable as reason:
            skipped.setdefault(str(reason), []).append(candidate.name)
    return pages, [f"{', '.join(names)}: {reason}" for reason, names in skipped.items()]


def _check_names(names: Iterable[str] | None, known: Mapping[str, Dataset]) -> frozenset[str]:
    chosen = frozenset(names or ())
    offered = {spec.name for dataset in known.values() for spec in dataset.specifications}
    offered |= set(known)
    if wrong := sorted(chosen - offered):
        raise ReportError(
            f"unknown dataset or specification {', '.join(wrong)}; "
            f"the catalog has {', '.join(sorted(offered))}"
        )
    return chosen


def _check_pages(names: Iterable[str] | None, offered: list[str]) -> frozenset[str]:
    chosen = frozenset(names or ())
    for name in sorted(chosen - set(offered)):
        # By its last part too: "castel" is near to "datasets/castle".
        parts = [page.rsplit("/", 1)[-1] for page in offered]
        alike = get_close_matches(name.rsplit("/", 1)[-1], parts)
        last = [page for part in alike for page in offered if page.rsplit("/", 1)[-1] == part]
        near = list(dict.fromkeys([*last, *get_close_matches(name, offered)]))
        remedy = f"near it are {', '.join(near[:4])}" if near else "pages.toml lists them"
        raise ReportError(f"there is no page {name!r}; {remedy}")
    return chosen


def _read_entries(path: Path, known: Mapping[str, Dataset]) -> list[dict[str, Any]]:
    content = read_toml(path, ReportError)
    for entry in convert(content, _PagesFile, path.name, ReportError).page:
        _check_names_of(entry, f"{path.name}, page {entry.name or entry.notebook!r}", known)
    return list(content["page"])


def _check_names_of(entry: _Entry, where: str, known: Mapping[str, Dataset]) -> None:
    specifications = [spec.name for dataset in known.values() for spec in dataset.specifications]
    for kind, names, offered in (
        ("dataset", entry.datasets + entry.reads, list(known)),
        ("specification", entry.also, specifications),
    ):
        if unknown := sorted(set(names) - set(offered)):
            raise ReportError(
                f"{where}: the catalog has no {kind} {', '.join(unknown)}; it has "
                f"{', '.join(offered)}"
            )


def _check_unique(names: Iterable[str]) -> None:
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise ReportError(
            f"two entries make the page {', '.join(twice)}: give one of them another `name`"
        )


def _expand(
    entry: Mapping[str, Any], known: Mapping[str, Dataset], folder: Path
) -> Iterator[_Candidate]:
    datasets, reads = (
        tuple(known[name] for name in entry.get(key, ())) for key in ("datasets", "reads")
    )
    specifications = {
        spec.name: spec for dataset in known.values() for spec in dataset.specifications
    }
    if "each" in entry:
        for spec in specifications.values():
            yield _Candidate(entry, datasets, reads, spec, "each")
        return
    default = specifications.get(_default_specification(entry, folder))
    yield _Candidate(entry, datasets, reads, default)
    for name, spec in specifications.items():
        if name in entry.get("also", ()):
            yield _Candidate(entry, datasets, reads, spec, "also")


def _default_specification(entry: Mapping[str, Any], folder: Path) -> str:
    """Return what the page is made on without `each` and `also`; nothing if that is nothing."""
    given = entry.get("parameters", {}).get("specification")
    notebook = folder / entry["notebook"]
    if given is not None or not notebook.is_file():
        return str(given or "")
    try:
        parameter = read_parameters(notebook).get("specification")
        return str(ast.literal_eval(parameter.default)) if parameter is not None else ""
    except ValueError:  # not a notebook, or no literal: the run says so, if it matters
        return ""


def _page(
    candidate: _Candidate, known: Mapping[str, Dataset], folder: Path, fast: bool, order: int
) -> Page:
    entry, spec, kind = candidate.entry, candidate.specification, candidate.kind
    parameters = {**entry.get("parameters", {}), **(entry.get("fast", {}) if fast else {})}
    if spec is not None and kind != "notebook":
        parameters["specification"] = spec.name
    own = [known[spec.dataset]] if spec is not None else []
    needed = {dataset.name: _data_file(dataset.name) for dataset in (*own, *candidate.datasets)}
    had = {
        dataset.name: dataset_path(dataset.name)
        for dataset in candidate.reads
        if unavailable(dataset.name) is None
    }
    described = spec if kind == "each" else None
    return Page(
        name=candidate.name,
        notebook=folder / entry["notebook"],
        parameters=parameters,
        title=described.title if described else entry.get("title", ""),
        description=described.description if described else entry.get("description", ""),
        variant=spec.name if spec and kind == "also" else "",
        order=order,
        inputs=(*(needed | had).values(), *_input_files(entry, folder.parent)),
        absent=tuple(dataset.name for dataset in candidate.reads if dataset.name not in had),
        # Not the files alone: what the catalog says may change while they stay as they are.
        facts=(
            *([repr(spec)] if spec else []),
            *(repr(replace(dataset, specifications=())) for dataset in own),
            *(repr(dataset) for dataset in (*candidate.datasets, *candidate.reads)),
        ),
    )


def _input_files(entry: Mapping[str, Any], root: Path) -> list[Path]:
    """Return the files of `inputs`; a name without pattern is kept though no file has it."""
    files: list[Path] = []
    for name in entry.get("inputs", ()):
        is_pattern = any(sign in name for sign in "*?[")
        files += sorted(root.glob(name)) if is_pattern else [root / name]
    return files


def _data_file(name: str) -> Path:
    reason = unavailable(name)
    if reason is not None:
        raise DatasetUnavailable(reason)
    return dataset_path(name)
