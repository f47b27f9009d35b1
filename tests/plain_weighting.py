"""The weighting estimators of two groups and two periods, written down with plain loops and numpy.

From Sant'Anna and Zhao (2020) and the description of R's DRDID, and without anything from didjack:
(3.1) and (3.4) as sums of means over groups and periods, nuisance models by Newton's method from
scratch. `trim`, `regression_trim` and `cap` are arguments: a test can show that they matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Rows:
    """One cohort and its controls; `y` is a change, or the outcome where `late` is given."""

    y: np.ndarray
    d: np.ndarray
    X: np.ndarray
    w: np.ndarray
    late: np.ndarray | None = None

    def weighted(self, w: np.ndarray) -> Rows:
        return replace(self, w=w)


def logit(rows: Rows) -> np.ndarray:
    """Return coefficients by Newton's method, halving steps that lower the likelihood."""

    def loss(c: np.ndarray) -> float:
        eta = rows.X @ c
        return float(rows.w @ (np.logaddexp(0, eta) - rows.d * eta))

    def step(c: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-rows.X @ c))
        hessian = (rows.X * (rows.w * p * (1 - p))[:, None]).T @ rows.X
        return np.linalg.solve(hessian, rows.X.T @ (rows.w * (rows.d - p)))

    return _newton(loss, step, np.zeros(rows.X.shape[1]))


def tilting(rows: Rows) -> np.ndarray:
    """Return coefficients of inverse probability tilting in the same way."""

    def loss(c: np.ndarray) -> float:
        eta = rows.X @ c
        return float(rows.w @ ((1 - rows.d) * np.exp(eta) - rows.d * eta))

    def step(c: np.ndarray) -> np.ndarray:
        odds = (1 - rows.d) * np.exp(rows.X @ c)
        hessian = (rows.X * (rows.w * odds)[:, None]).T @ rows.X
        return np.linalg.solve(hessian, rows.X.T @ (rows.w * (rows.d - odds)))

    return _newton(loss, step, logit(rows))


def _newton(loss, step, c: np.ndarray) -> np.ndarray:
    for _ in range(200):
        move = step(c)
        size = 1.0
        with np.errstate(over="ignore"):  # too long a step has an infinite loss
            while loss(c + size * move) > loss(c) + 1e-12 * abs(loss(c)) and size > 1e-6:
                size /= 2
        c = c + size * move
        if np.abs(move).max() < 1e-13:
            break
    return c


def propensity(rows: Rows, method: str) -> np.ndarray:
    c = tilting(rows) if method == "drimp" else logit(rows)
    return 1 / (1 + np.exp(-rows.X @ c))


def least_squares(rows: Rows, weight: np.ndarray, keep: np.ndarray) -> np.ndarray:
    root = np.sqrt(weight[keep])
    return np.linalg.lstsq(rows.X[keep] * root[:, None], rows.y[keep] * root, rcond=None)[0]


def att(
    rows: Rows,
    method: str,
    trim: float = 0.995,
    regression_trim: float = np.inf,
    cap: float = 1 - 1e-6,
) -> float:
    """Return the ATT; the regression of `drimp` leaves out controls from `regression_trim` on."""
    p = np.minimum(propensity(rows, method), cap)
    odds = rows.w * p / (1 - p)
    control, treated = rows.d == 0, rows.d == 1
    kept = control & (p < trim)
    if rows.late is None:
        fitted = np.zeros(len(p))
        if method != "ipw":
            by = odds if method == "drimp" else rows.w
            among = control & (p < regression_trim) if method == "drimp" else control
            fitted = rows.X @ least_squares(rows, by, among)
        rest = rows.y - fitted
        treated_part = (rows.w * rest)[treated].sum() / rows.w[treated].sum()
        total = rows.w[treated].sum() if method == "drimp" else odds[kept].sum()
        return float(treated_part - (odds * rest)[kept].sum() / total)
    change = 0.0
    for sign, now in ((1, rows.late == 1), (-1, rows.late == 0)):
        fitted = gap = np.zeros(len(p))
        if method != "ipw":
            by = odds if method == "drimp" else rows.w
            among = control & (p < regression_trim) if method == "drimp" else control
            fitted = rows.X @ least_squares(rows, by, among & now)
            gap = rows.X @ least_squares(rows, rows.w, treated & now) - fitted
        rest = rows.y - fitted
        change += sign * np.average(rest[treated & now], weights=rows.w[treated & now])
        change -= sign * np.average(rest[kept & now], weights=odds[kept & now])
        change += sign * np.average(gap[treated], weights=rows.w[treated])
        change -= sign * np.average(gap[treated & now], weights=rows.w[treated & now])
    return float(change)


def influence(rows: Rows, method: str, step: float = 1e-4) -> np.ndarray:
    """Return n times the derivative of the ATT with respect to the log weight of each row."""
    slopes = []
    for i in range(len(rows.y)):
        ends = []
        for sign in (1, -1):
            w = rows.w.copy()
            w[i] *= 1 + sign * step
            ends.append(att(rows.weighted(w), method))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    return len(rows.y) * np.array(slopes)
