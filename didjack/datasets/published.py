"""Published numbers, and whether the package regenerates them to every printed digit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import pandas as pd

from didjack.comparison import BY_UNIT, CLUSTERED, STUDENT, Comparison
from didjack.core.results import Inference
from didjack.datasets.load import (
    Specification,
    load_specification,
    specification_frame,
    unavailable,
)
from didjack.effects.aggregate import average_of
from didjack.errors import DataError
from didjack.one_call import csdid
from didjack.paths import data_dir
from didjack.regression.fixed_effects import twfe

# The inferences of each aggregation by method.
_Numbers = Mapping[str, Mapping[str, Inference]]

# The column of the table of inferences that a published quantity stands for.
QUANTITIES = {
    "att": ("CV3", "att"),
    "bootstrap_se": ("analytic", "se"),
    "clustered_se": ("clustered", "se"),
    "cv3_se": ("CV3", "se"),
    "cv3_t": ("CV3", "t"),
    "cv3_p": ("CV3", "p"),
    "cv3_low": ("CV3", "ci_low"),
    "cv3_high": ("CV3", "ci_high"),
}

# The same in words.
NAMES = {
    "att": "estimate",
    "bootstrap_se": "standard error by unit",
    "clustered_se": "clustered standard error",
    "cv3_se": "CV3 standard error",
    "cv3_t": "CV3 t statistic",
    "cv3_p": "CV3 p-value",
    "cv3_low": "lower end of the CV3 interval",
    "cv3_high": "upper end of the CV3 interval",
}


def published() -> pd.DataFrame:
    """Return the published numbers of data/published.csv.

    Returns
    -------
    DataFrame
        Columns source (bibliography key), table, specification (of the catalog), aggregation,
        parameter, quantity, printed (text, with the digits as printed), explanation (why ours
        may differ; empty where it does not).
    """
    return pd.read_csv(data_dir() / "published.csv", dtype="str", keep_default_na=False)


def compare(specification: str | None = None) -> pd.DataFrame:
    """Regenerate published numbers and compare them digit by digit.

    Parameters
    ----------
    specification : str, optional
        Only the numbers of one specification of the catalog.

    Returns
    -------
    DataFrame
        The columns of `published`, and ours (full precision), rounded (to the printed digits),
        difference (ours minus printed), and verdict: "equal" when all printed digits agree,
        "last digit" when the last one differs by one, "different", or "not available" when the
        data are not at hand.

    Raises
    ------
    DataError
        No published number of that specification.
    """
    frame = published()
    if specification is not None:
        frame = frame[frame["specification"] == specification].reset_index(drop=True)
        if frame.empty:
            known = ", ".join(published()["specification"].unique())
            raise DataError(
                f"There is no published number of '{specification}' in data/published.csv; "
                f"there are numbers of {known}."
            )
    asked = frame.groupby("specification", sort=False)["aggregation"].unique()
    tables = {str(name): _numbers(str(name), kinds) for name, kinds in asked.items()}
    keys = frame[["printed", "specification", "aggregation", "parameter", "quantity"]]
    rows = [
        _verdict(printed, tables[name], (aggregation, parameter, quantity))
        for printed, name, aggregation, parameter, quantity in keys.to_numpy().tolist()
    ]
    return pd.concat([frame, pd.DataFrame(rows)], axis=1)


def _numbers(name: str, aggregations: Iterable[str]) -> _Numbers | None:
    """Estimate what is asked of a specification; None when its data are not at hand."""
    spec = load_specification(name)
    if unavailable(spec.dataset) is not None:
        return None
    frame = specification_frame(spec)
    numbers = csdid(frame, **spec.kwargs, cluster=spec.cluster, weights=spec.weights)
    return {kind: _inferences(kind, numbers, spec, frame) for kind in aggregations}


def _inferences(
    aggregation: str, numbers: Comparison, spec: Specification, frame: pd.DataFrame
) -> dict[str, Inference]:
    """Return the inferences of an aggregation by method.

    "balanced" is the event study of cohorts that are seen for two periods at least, "twfe" the
    two-way fixed-effects regression.
    """
    if aggregation == "twfe":
        roles = [spec.kwargs[key] for key in ("yname", "tname", "gname", "idname")]
        return {"analytic": twfe(frame, *roles).cv1}
    if aggregation == "balanced":
        agg = average_of(
            numbers.attgt, type="dynamic", weights=spec.weights, balance_e=1, min_e=0, max_e=1
        )
        return {"analytic": agg.analytic(None)}
    found = numbers.inferences(aggregation)
    return {"analytic": found[BY_UNIT], "clustered": found[CLUSTERED], "CV3": found[STUDENT]}


def _estimate(numbers: _Numbers, aggregation: str, parameter: str, quantity: str) -> float:
    method, column = QUANTITIES[quantity]
    inferences = numbers[aggregation]
    # An estimate does not depend on the method, and not every aggregation has all of them.
    inference = inferences.get(method, inferences["analytic"])
    return float(getattr(inference, column)[inference.parameters.index(parameter)])


def _verdict(
    printed: str, numbers: _Numbers | None, key: tuple[str, str, str]
) -> dict[str, object]:
    if numbers is None:
        return {"ours": None, "rounded": None, "difference": None, "verdict": "not available"}
    ours = _estimate(numbers, *key)
    theirs = Decimal(printed)
    unit = Decimal(1).scaleb(int(theirs.as_tuple().exponent))
    rounded = Decimal(repr(ours)).quantize(unit)
    steps = abs(rounded - theirs) / unit
    verdict = {0: "equal", 1: "last digit"}.get(int(steps), "different")
    text = str(rounded)
    if printed.lstrip("-").startswith("."):  # as Stata prints it
        text = text.replace("0.", ".", 1)
    return {
        "ours": ours,
        "rounded": text,
        "difference": ours - float(theirs),
        "verdict": verdict,
    }
