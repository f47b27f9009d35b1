"""Which pages there are: notebooks/pages.toml, times the specifications of the catalog."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from didjack.datasets import Dataset, Specification, catalog, dataset_path, unavailable
from didjack.errors import DatasetUnavailable, ReportError
from didjack_pages.paths import notebooks_dir

_KEYS: Mapping[str, type] = {
    "notebook": str,
    "name": str,
    "folder": str,
    "title": str,
    "description": str,
    "each": str,
    "always": bool,
    "datasets": list,
    "inputs": list,
    "parameters": dict,
    "fast": dict,
    "also": list,
}


@dataclass(frozen=True)
class Page:
    """One page of the site: a notebook with its parameters.

    ``title`` and ``description`` replace those of the notebook where they are not empty;
    ``variant`` says in words what the page is made on where the notebook makes another page too,
    and is added to the title; ``order`` is the place in the sidebar.
    ``inputs`` are the files, ``facts`` the texts whose change makes the page stale.
    """

    name: str
    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    variant: str = ""
    order: int = 0
    inputs: tuple[Path, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """An entry of pages.toml, for one specification where the entry asks for several.

    ``also`` marks a page beside the entry's main one: it lies in a folder of its own.
    """

    entry: Mapping[str, Any]
    datasets: tuple[Dataset, ...]
    specification: Specification | None = None
    also: bool = False

    @property
    def name(self) -> str:
        stem = self.entry.get("name", Path(self.entry["notebook"]).stem)
        folders = [self.entry.get("folder")]
        if self.also and self.specification is not None:
            folders.append(self.specification.name)
        elif self.specification is not None:
            stem = self.specification.name
        return "/".join(part for part in (*folders, stem) if part)

    def is_chosen(self, names: frozenset[str]) -> bool:
        """Say whether a run that is limited to these names makes the page."""
        own = {dataset.name for dataset in self.datasets}
        if self.specification is not None:
            own.add(self.specification.name)
        return bool(self.entry.get("always") or own & names)


def plan_pages(
    fast: bool = False,
    datasets: Iterable[str] | None = None,
    *,
    notebooks: Path | None = None,
) -> tuple[list[Page], list[str]]:
    """List the pages to make.

    Parameters
    ----------
    fast
        Take each page's small parameters, where it has any.
    datasets
        Names of datasets or specifications to which the pages are limited. None: all.
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
        If ``pages.toml`` has mistakes, or a name in ``datasets`` is unknown.
    """
    folder = notebooks_dir() if notebooks is None else notebooks
    known = catalog()
    chosen = _check_names(datasets, known)
    pages: list[Page] = []
    skipped: dict[str, list[str]] = {}
    entries = _read_entries(folder / "pages.toml", known)
    plans = [plan for entry in entries for plan in _expand(entry, known)]
    _check_unique([plan.name for plan in plans])
    for order, plan in enumerate(plans, start=1):
        if chosen is not None and not plan.is_chosen(chosen):
            continue
        try:
            pages.append(_page(plan, folder, fast, order))
        except DatasetUnavailable as reason:
            skipped.setdefault(str(reason), []).append(plan.name)
    return pages, [f"{', '.join(names)}: {reason}" for reason, names in skipped.items()]


def _check_names(
    names: Iterable[str] | None, known: Mapping[str, Dataset]
) -> frozenset[str] | None:
    if names is None:
        return None
    chosen = frozenset(names)
    offered = {spec.name for dataset in known.values() for spec in dataset.specifications}
    offered |= set(known)
    if wrong := sorted(chosen - offered):
        raise ReportError(
            f"unknown dataset or specification {', '.join(wrong)}; "
            f"the catalog has {', '.join(sorted(offered))}"
        )
    return chosen


def _read_entries(path: Path, known: Mapping[str, Dataset]) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path.name} is missing beside the notebooks") from None
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{path.name} is not valid TOML: {error}") from None
    entries = content.get("page")
    if not isinstance(entries, list) or set(content) != {"page"}:
        raise ReportError(f"{path.name} must consist of [[page]] tables")
    for number, entry in enumerate(entries, start=1):
        _check_entry(entry, f"{path.name}, page {number}", known)
    return entries


def _check_entry(entry: Mapping[str, Any], where: str, known: Mapping[str, Dataset]) -> None:
    if unknown := sorted(set(entry) - set(_KEYS)):
        raise ReportError(
            f"{where}: unknown key {', '.join(unknown)}; there are {', '.join(_KEYS)}"
        )
    for key, value in entry.items():
        if not isinstance(value, _KEYS[key]):
            raise ReportError(f"{where}: {key} must be a {_KEYS[key].__name__}, not {value!r}")
    if "notebook" not in entry:
        raise ReportError(f"{where}: the key notebook is missing")
    if entry.get("each", "specification") != "specification":
        raise ReportError(f'{where}: each can only be "specification", not {entry["each"]!r}')
    if unknown := sorted(set(entry.get("datasets", ())) - set(known)):
        raise ReportError(f"{where}: the catalog has no dataset {', '.join(unknown)}")

    specifications = {spec.name for dataset in known.values() for spec in dataset.specifications}
    if unknown := sorted(set(entry.get("also", ())) - specifications):
        raise ReportError(f"{where}: the catalog has no specification {', '.join(unknown)}")


def _check_unique(names: Iterable[str]) -> None:
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise ReportError(
            f"two entries make the page {', '.join(twice)}: give one of them another `name`"
        )


def _expand(entry: Mapping[str, Any], known: Mapping[str, Dataset]) -> Iterator[_Plan]:
    own = tuple(known[name] for name in entry.get("datasets", ()))
    if "each" not in entry:
        yield _Plan(entry, own)
    for dataset in known.values():
        for spec in dataset.specifications:
            if "each" in entry:
                yield _Plan(entry, (dataset,), spec)
            elif spec.name in entry.get("also", ()):
                yield _Plan(entry, (dataset,), spec, also=True)


def _page(plan: _Plan, folder: Path, fast: bool, order: int) -> Page:
    entry, spec = plan.entry, plan.specification
    parameters = {**entry.get("parameters", {}), **(entry.get("fast", {}) if fast else {})}
    if spec is not None:
        parameters["specification"] = spec.name
    return Page(
        name=plan.name,
        notebook=folder / entry["notebook"],
        parameters=parameters,
        title=spec.title if spec and not plan.also else entry.get("title", ""),
        description=spec.description if spec and not plan.also else entry.get("description", ""),
        variant=spec.name if spec and plan.also else "",
        order=order,
        inputs=(
            *(_data_file(dataset.name) for dataset in plan.datasets),
            *(folder.parent / name for name in entry.get("inputs", ())),
        ),
        # Not the files alone: a specification may change while its data stay as they are.
        facts=(repr(spec),) if spec else tuple(repr(dataset) for dataset in plan.datasets),
    )


def _data_file(name: str) -> Path:
    reason = unavailable(name)
    if reason is not None:
        raise DatasetUnavailable(reason)
    return dataset_path(name)
