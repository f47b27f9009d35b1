"""Claims about rejection rates, with verdicts that are computed from a study.

Four are what the abstract of Karim, Nielsen, MacKinnon and Webb (2026) says of CSDID. Two are what
it says of traditional difference-in-differences, looked at for CSDID here. The others are of this
study.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from didjack.core.linalg import Array
from didjack.display.wording import percent
from didjack.effects.average_types import TYPES

LEVEL = 0.05
HOLDS, PART, NO = "holds", "in part", "not found in these designs"
OF_CSDID = "The abstract, of CSDID"
OF_DID = "The abstract, of traditional difference-in-differences; here for CSDID"
OF_STUDY = "Of this study"


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Return rejection rates without an effect at the 5% level, one column for each test.

    Parameters
    ----------
    table : DataFrame
        Of a study, as `run_study` returns it or as read from its file.

    Returns
    -------
    DataFrame
        One row per cell, design and aggregation or event time, with the treated clusters behind
        it; rates of two-way fixed effects beside them.
    """
    chosen = table[np.isclose(table["level"], LEVEL) & np.isclose(table["truth"], 0)]
    # Designs, not results, name the rows.
    keys = list(chosen.columns[: chosen.columns.get_loc("estimator")])
    fixed = chosen["estimator"] == "twfe"
    wide = chosen[~fixed].pivot_table(
        index=[*keys, "estimator", "n_treated_clusters"], columns="test", values="rejection"
    )
    beside = chosen[fixed].pivot_table(index=keys, columns="test", values="rejection")
    return wide.reset_index().merge(beside.reset_index(), on=keys, how="left")


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the claims with the full study.

    Parameters
    ----------
    table : DataFrame
        The study "full".

    Returns
    -------
    DataFrame
        Columns source (whose claim, and about which estimator), claim, evidence, verdict ("holds",
        "in part", "not found in these designs").
    """
    every = sizes(table)
    # The abstract speaks of averages; event times rest on fewer clusters than their designs treat.
    rates = every[every["estimator"].isin(TYPES)]
    checks: list[tuple[str, str, Callable[[pd.DataFrame], tuple[str, str]]]] = [
        (OF_CSDID, "Its usual inference rejects too often with few clusters", _few_clusters),
        (OF_CSDID, "Its usual inference rejects too often with few treated clusters", _few_treated),
        (OF_CSDID, "It does so at least as badly as two-way fixed effects", _against_twfe),
        (OF_CSDID, "The cluster jackknife improves it greatly", _jackknife),
        (OF_DID, "Serial correlation makes it worse", _serial),
        (OF_DID, "Unequal cluster sizes make it worse", _unequal),
        (
            OF_STUDY,
            "With one or two treated clusters the jackknife still rejects too often",
            _still,
        ),
    ]
    of_every: list[tuple[str, Callable[[pd.DataFrame], tuple[str, str]]]] = [
        ("With exact critical values it holds its level where clusters are alike", _exact),
        ("It does not where one or two treated clusters vary more than the others", _restless),
        ("What the decision rule calls significant is rarely nothing", _verdict),
    ]
    rows = [(source, claim, *check(rates)) for source, claim, check in checks]
    rows += [(OF_STUDY, claim, *check(every)) for claim, check in of_every]
    return pd.DataFrame(rows, columns=["source", "claim", "evidence", "verdict"])


def _few_clusters(rates: pd.DataFrame) -> tuple[str, str]:
    chosen = rates[(rates["cell"] == "clusters, half treated") & np.isclose(rates["rho"], 0.5)]
    rate = chosen.set_index("clusters")["clustered-z"]
    text = ", ".join(f"{percent(rate[G], 1)} with {G} clusters" for G in (6, 12, 20, 50, 100))
    few = rate[rate.index <= 20]
    return f"{text}, half of them treated", HOLDS if (few > 1.2 * LEVEL).all() else NO


def _few_treated(rates: pd.DataFrame) -> tuple[str, str]:
    rate = rates[rates["cell"] == "treated"].set_index("treated")["clustered-z"]
    text = ", ".join(f"{percent(rate[k], 1)} with {k}" for k in (1, 2, 3, 5))
    worse = all(rate[k] > 2 * LEVEL for k in (1, 2, 3, 5))
    return f"{text} of 20 clusters treated, {percent(rate[10], 1)} with 10", HOLDS if worse else NO


def _against_twfe(rates: pd.DataFrame) -> tuple[str, str]:
    chosen = rates[rates["twfe-cv1"] > 1.2 * LEVEL]
    # Fixed effects are tested with t(G - 1): so is CSDID, lest critical values be compared.
    as_bad = float((chosen["clustered-t"] >= chosen["twfe-cv1"]).mean())
    normal = float((chosen["clustered-z"] >= chosen["twfe-cv1"]).mean())
    text = (
        f"where two-way fixed effects with CV1 reject in more than {percent(1.2 * LEVEL)}, CSDID "
        f"rejects at least as often in {percent(as_bad)} of {len(chosen)} comparisons, both with "
        f"critical values of t(G - 1); with normal ones for CSDID alone in {percent(normal)}"
    )
    return text, HOLDS if as_bad > 0.95 else PART if as_bad > 0.5 else NO


def _serial(rates: pd.DataFrame) -> tuple[str, str]:
    tests = ["clustered-z", "unit-z"]
    chosen = rates[(rates["cell"] == "rho") & (rates["treated"] == 3)].set_index("rho")
    before, after = chosen[tests].to_numpy()[[0, -1]]
    fixed = chosen["twfe-cv1"].to_numpy()
    cohorts = rates[rates["cell"] == "cohorts"]
    keys = ["treated", "adoption", "gamma", "estimator"]
    wide = cohorts.pivot_table(index=keys, columns="rho", values="clustered-z").to_numpy()
    change = wide[:, -1] - wide[:, 0]
    text = (
        f"clustered, three of 20 treated: {percent(before[0], 1)} with rho = 0, "
        f"{percent(after[0], 1)} with rho = 0.9; units taken as independent: "
        f"{percent(before[1], 1)} and {percent(after[1], 1)}; with one to five cohorts the "
        f"clustered rates change by {_points(change.min())} to {_points(change.max())}; two-way "
        f"fixed effects with CV1: {percent(fixed[0], 1)} and {percent(fixed[-1], 1)}"
    )
    worse = after > before + 0.01
    return text, HOLDS if worse.all() else PART if worse.any() else NO


def _unequal(rates: pd.DataFrame) -> tuple[str, str]:
    chosen = rates[(rates["cell"] == "gamma") & (rates["treated"] == 5)]
    wide = chosen.pivot_table(index="treat", columns="gamma", values="clustered-z")
    before, after = wide.to_numpy()[:, 0], wide.to_numpy()[:, -1]
    words = {"large": "the largest", "small": "the smallest", "spread": "some of all sizes"}
    text = "; ".join(
        f"{words[str(kind)]} treated: {percent(a, 1)} to {percent(b, 1)}"
        for kind, a, b in zip(wide.index, before, after, strict=True)
    )
    worse = after > before + 0.01
    verdict = HOLDS if worse.all() else PART if worse.any() else NO
    return f"from gamma = 0 to 4, five of 20 clusters, {text}", verdict


def _jackknife(rates: pd.DataFrame) -> tuple[str, str]:
    chosen = rates[rates["cv3"].notna()]
    before, after = _excess(chosen["clustered-z"]), _excess(chosen["cv3"])
    closer = float((after < before).mean())
    share = "all" if closer == 1 else f"{percent(closer, 1)} of"
    text = (
        f"in {share} {len(chosen)} comparisons CV3 is closer to 5% than clustered "
        f"influence functions; the median distance falls from {_points(np.median(before))} to "
        f"{_points(np.median(after))}"
    )
    return text, HOLDS if closer > 0.95 and np.median(after) < np.median(before) / 2 else PART


def _still(rates: pd.DataFrame) -> tuple[str, str]:
    rate = rates[rates["cell"] == "treated"].set_index("treated")["cv3"]
    text = ", ".join(f"{percent(rate[k], 1)} with {k}" for k in (1, 2, 3, 4))
    return f"{text} of 20 clusters treated", HOLDS if min(rate[1], rate[2]) > 2 * LEVEL else NO


def _exact(rates: pd.DataFrame) -> tuple[str, str]:
    alike = _alike(rates) & np.isclose(rates["gamma"], 0) & rates["exact"].notna()
    one = alike & (rates["adoption"].str.count(" ") == 0)
    text = "; ".join(
        f"{words}: {_range(rates[chosen]['exact'])} in {int(chosen.sum())} comparisons, with "
        f"fitted variances {_range(rates[chosen]['fitted'])}"
        for words, chosen in (
            ("one cohort of one to all but two clusters", one),
            ("several cohorts, also of one cluster each, and single event times", alike & ~one),
        )
    )
    worst = rates[alike]["exact"].max()
    return text, HOLDS if worst <= 1.2 * LEVEL else PART


def _restless(rates: pd.DataFrame) -> tuple[str, str]:
    chosen = rates[(rates["cell"] == "errors") & (rates["tails"] == "normal")]
    rate = chosen[np.isclose(chosen["treated_sd"], 2.0)].set_index("treated")["exact"]
    text = ", ".join(f"{percent(rate[k], 1)} with {k}" for k in (1, 2, 3, 5, 10))
    verdict = HOLDS if min(rate[1], rate[2]) > 1.5 * LEVEL else NO
    return f"{text} of 20 clusters treated, at twice the standard deviation", verdict


def _verdict(rates: pd.DataFrame) -> tuple[str, str]:
    have = rates["verdict"].notna()
    alike = rates[have & _alike(rates)]["verdict"]
    up_to = have & (rates["tails"] == "normal") & (rates["treated_sd"] <= 2.0)
    unlike = rates[up_to & ~np.isclose(rates["treated_sd"], 1)]["verdict"]
    text = (
        f"at most {percent(alike.max(), 1)} in {len(alike)} comparisons in which shocks to all "
        f"clusters vary alike, at most {percent(unlike.max(), 1)} in {len(unlike)} in which those "
        "to treated clusters have half or twice the standard deviation"
    )
    holds = alike.max() <= 0.06, unlike.max() <= 0.08
    return text, HOLDS if all(holds) else PART if any(holds) else NO


def _alike(rates: pd.DataFrame) -> pd.Series:
    """Say in which designs the shocks to all clusters are normal and vary alike."""
    return (rates["treated_sd"] == 1) & (rates["tails"] == "normal")


def _range(rate: pd.Series) -> str:
    return f"{percent(rate.min(), 1)} to {percent(rate.max(), 1)}"


def _excess(rate: pd.Series) -> Array:
    return np.abs(rate.to_numpy(dtype=np.float64) - LEVEL)


def _points(share: float) -> str:
    """Write a difference of rates in percentage points."""
    return f"{percent(share, 1).removesuffix('%')} points"
