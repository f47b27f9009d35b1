"""The estimator written down twice: plain loops over cells, for comparison on random designs.

Slow, without influence functions, and without anything from didjack. Callaway and Sant'Anna
(2021): outcome regression of the comparison group, predicted for the treated rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

Cells = dict[tuple[float, float], float]


def prepare(df: pd.DataFrame, x: list[str], weight: str | None) -> pd.DataFrame:
    """Return unit, g, t, y, w and the design matrix of the rows that can be used.

    Without never treated, the last cohort is a control only, and time ends with its treatment.
    """
    out = pd.DataFrame({"unit": df["unit"], "t": df["t"].astype(float), "y": df["y"]})
    g = df["g"].astype(float).replace(0.0, np.inf).fillna(np.inf)
    out["g"] = g.where(g <= out["t"].max(), np.inf)
    out["w"] = 1.0 if weight is None else df[weight]
    for column in x:
        out[column] = df[column]
    out.insert(0, "one", 1.0)
    out["control_only"] = False
    if np.isfinite(out["g"]).all():
        out["control_only"] = out["g"] == out["g"].max()
        out = out[out["t"] < out["g"].max()]
    while (early := out["g"] <= out["t"].min()).any():  # may have been all of a period
        out = out[~early]
    return out


def base_period(g: float, t: float, times: np.ndarray, base: str) -> float:
    """Return the period that ``t`` is compared with, for a cohort treated at ``g``."""
    if base == "universal" or t >= g:
        return float(times[times < g].max())
    return float(times[times < t].max())


def pairs(d: pd.DataFrame, base: str) -> Iterator[tuple[float, float, float]]:
    """Yield every (g, t, base period); under a universal base t may be the base itself."""
    times = np.sort(d["t"].unique())
    for g in np.sort(d.loc[np.isfinite(d["g"]) & ~d["control_only"], "g"].unique()):
        for t in times if base == "universal" else times[1:]:
            yield g, float(t), base_period(g, t, times, base)


def fitted(fit: pd.DataFrame, at: pd.DataFrame, y: str, x: list[str]) -> np.ndarray:
    """Return weighted least squares predictions, NaN if the design has not full rank."""
    root = np.sqrt(fit["w"].to_numpy())[:, None]
    A = fit[x].to_numpy() * root
    if np.linalg.matrix_rank(A) < len(x):
        return np.full(len(at), np.nan)
    beta = np.linalg.lstsq(A, fit[[y]].to_numpy() * root, rcond=None)[0]
    return (at[x].to_numpy() @ beta)[:, 0]


def average(values: np.ndarray | pd.Series, rows: pd.DataFrame) -> float:
    """Return the weighted mean, NaN without rows."""
    w = rows["w"].to_numpy()
    return float(w @ np.asarray(values) / w.sum()) if w.sum() > 0 else np.nan


def panel_cell(
    d: pd.DataFrame, g: float, controls: list[float], t: float, b: float, x: list[str]
) -> float:
    """Return one ATT(g,t) of a balanced panel; weights and covariates of the earlier period."""
    y = {period: rows.set_index("unit")["y"] for period, rows in d.groupby("t")}
    early = d[d["t"] == min(t, b)].set_index("unit")
    early["change"] = y[t] - y[b]
    T, C = early[early["g"] == g], early[early["g"].isin(controls)]
    if t == b:
        return 0.0
    if T.empty or C.empty:
        return np.nan
    return average(T["change"] - fitted(C, T, "change", x), T)


def section_cell(
    d: pd.DataFrame, g: float, controls: list[float], t: float, b: float, x: list[str]
) -> float:
    """Return one ATT(g,t) of repeated cross-sections: predictions for treated rows of both."""
    pair = d[d["t"].isin([t, b])]
    T, C = pair[pair["g"] == g], pair[pair["g"].isin(controls)]
    if t == b:  # listed as soon as there are treated rows; R lists the zero regardless
        return np.nan if T.empty else 0.0
    parts = [rows[rows["t"] == s] for rows in (T, C) for s in (t, b)]
    if any(rows["w"].sum() == 0 for rows in parts):
        return np.nan
    T1, T0, C1, C0 = parts
    trend = average(fitted(C1, T, "y", x) - fitted(C0, T, "y", x), T)
    return average(T1["y"], T1) - average(T0["y"], T0) - trend


def att_gt(
    df: pd.DataFrame, x: list[str], weight: str | None, panel: bool, control: str, base: str
) -> tuple[Cells, dict[float, float]]:
    """Return ATT(g,t) by cell, and the weight of each cohort."""
    d = prepare(df, x, weight)
    cell = panel_cell if panel else section_cell
    cells = {}
    for g, t, b in pairs(d, base):
        after = np.inf if control == "nevertreated" else np.nextafter(max(t, b), np.inf)
        controls = [c for c in d["g"].unique() if c >= after and c != g]
        cells[g, t] = cell(d, g, controls, t, b, ["one", *x])
    rows = d[d["t"] == d["t"].min()] if panel else d
    return cells, rows.groupby("g")["w"].sum().to_dict()


def weighted(cells: Cells, share: dict[float, float], keys: list[tuple[float, float]]) -> float:
    """Return the average of cells, weighted by the shares of their cohorts."""
    keys = [key for key in keys if not np.isnan(cells[key])]
    total = sum(share[g] for g, _ in keys)
    return sum(cells[g, t] * share[g] for g, t in keys) / total if keys else np.nan


def aggregate(cells: Cells, share: dict[float, float], type_: str) -> dict[str, float]:
    """Return the overall effect and its elements under didjack's names of parameters."""
    post = [key for key in cells if key[1] >= key[0]]
    if type_ == "simple":
        return {"overall": weighted(cells, share, post)}
    label = {
        "dynamic": lambda g, t: t - g,
        "group": lambda g, t: g,
        "calendar": lambda g, t: t,
    }[type_]
    kept = list(cells) if type_ == "dynamic" else post
    values = {}
    for value in sorted({label(*key) for key in kept}):
        values[value] = weighted(cells, share, [key for key in kept if label(*key) == value])
    found = {v: a for v, a in values.items() if not np.isnan(a)}
    if type_ == "dynamic":
        after = [a for v, a in found.items() if v >= 0]
        overall = np.mean(after) if after else np.nan
    elif type_ == "group":
        total = sum(share[g] for g in found)
        overall = sum(a * share[g] for g, a in found.items()) / total if found else np.nan
    else:
        overall = np.mean(list(found.values())) if found else np.nan
    prefix = {"dynamic": "event", "group": "group", "calendar": "calendar"}[type_]
    return {"overall": overall} | {f"{prefix}:{v:g}": a for v, a in found.items()}
