"""Which constant effects randomization does not reject: a set of intervals, found exactly.

Under an effect tau in every treated cluster and period, the outcomes without the effect are y -
tau d, with d one where a cluster is treated. Estimates and deviations are linear in outcomes, so
under assignment b the estimate is theta_b - tau delta_b, and its variance S_yy - 2 tau S_yd + tau^2
S_dd. Under the actual assignment delta = 1 and d has no deviations. Assignment b is as extreme as
the actual one where

    (theta_b - tau delta_b)^2 V >= (theta - tau)^2 V_b(tau),

a polynomial of fourth degree in tau; without the variances it has the second degree. The p-value
changes at their roots only. A set of tau with p above one minus the level is therefore a union of
intervals: it need not be connected, and it is unbounded where too few assignments grow as fast as
the actual one.
"""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array, Mask

Intervals = tuple[tuple[float, float], ...]

# Assignments that put equal clusters in place of each other are equal up to rounding.
_TIES = (1 - 1e-10) ** 2
# Roots nearer than this, in standard errors, are one.
_SAME = 1e-9


def effects_not_rejected(
    estimate: Array, form: Array, others: Array, other_forms: Array, level: float, studentize: bool
) -> Intervals:
    """Find the constant effects whose randomization p-value exceeds one minus the level.

    Parameters
    ----------
    estimate : (2,) array
        Under the actual assignment: of the outcome, and of treatment (one).
    form : (2, 2) array
        CV3 variance and covariance of the two.
    others : (B, 2) array
        The same estimates under other assignments; NaN counts as more extreme.
    other_forms : (B, 2, 2) array
    level : float
        Coverage, between 0 and 1.
    studentize : bool
        Rank t statistics; else estimates.

    Returns
    -------
    tuple of (low, high)
        Disjoint, in ascending order; ends can be infinite. The estimate itself is always in one.
        Empty where the actual assignment has no estimate, or no standard error.
    """
    theta = float(estimate[0])
    unit = float(np.sqrt(form[0, 0])) if studentize else 1.0
    if not (np.isfinite(theta) and unit > 0):
        return ()
    if not studentize:
        unit = float(np.nanmax(np.abs(others[:, 0] - theta), initial=0.0)) or 1.0
    # x = (tau - theta) / unit, so that the actual statistic is |x|.
    shift = (others[:, 0] - theta * others[:, 1]) / unit
    slope = others[:, 1]
    variance = np.zeros((len(others), 3))
    variance[:, 0] = 1.0
    if studentize:
        yy, yd, dd = (other_forms[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        variance = np.stack(
            [(yy - 2 * theta * yd + theta**2 * dd) / unit**2, 2 * (theta * dd - yd) / unit, dd],
            axis=1,
        )
    known = np.isfinite(shift) & np.isfinite(slope) & np.isfinite(variance).all(axis=1)
    always = int((~known).sum())
    starts, counts = _step_counts(shift[known], slope[known], variance[known])
    kept = 1 + always + counts > (1 - level) * (1 + len(others)) + 1e-9
    return tuple((theta + unit * low, theta + unit * high) for low, high in _union(starts, kept))


def _step_counts(shift: Array, slope: Array, variance: Array) -> tuple[Array, Array]:
    """Count the assignments as extreme as the actual one on every interval between roots.

    Returns
    -------
    starts : (E,) array
        Where the intervals begin; the first is -inf.
    counts : (E,) int array
    """
    if len(shift) == 0:
        return np.array([-np.inf]), np.array([0])
    zero = np.zeros(len(shift))
    polynomial = np.stack([shift**2, -2 * shift * slope, slope**2, zero, zero], axis=1)
    polynomial[:, 2:] -= _TIES * variance
    roots = _real_parts(polynomial)  # (B, 4), ascending
    left = roots[:, :1] - 1 - np.abs(roots[:, :1])
    right = roots[:, -1:] + 1 + np.abs(roots[:, -1:])
    x = np.concatenate([left, (roots[:, 1:] + roots[:, :-1]) / 2, right], axis=1)
    extreme = _as_extreme(x, shift, slope, variance)
    at = roots.ravel()
    change = np.diff(extreme.astype(np.int64), axis=1).ravel()
    order = np.argsort(at, kind="stable")
    counts = extreme[:, 0].sum() + np.concatenate([[0], np.cumsum(change[order])])
    return np.concatenate([[-np.inf], at[order]]), counts


def _as_extreme(x: Array, shift: Array, slope: Array, variance: Array) -> Mask:
    """Compare with the actual statistic at places x of each assignment, (B, n)."""
    spread = variance[:, 0, None] + x * (variance[:, 1, None] + x * variance[:, 2, None])
    return np.asarray((shift[:, None] - slope[:, None] * x) ** 2 >= _TIES * x**2 * spread)


def _real_parts(polynomial: Array) -> Array:
    """Return the real parts of all roots, (B, 4) ascending, from ascending coefficients (B, 5).

    Where a polynomial has fewer roots, its last is repeated. Real parts of complex roots are of no
    consequence: nothing changes there.
    """
    size = np.abs(polynomial)
    present = size > 1e-14 * size.max(axis=1, keepdims=True)
    degree = np.where(present.any(axis=1), 4 - present[:, ::-1].argmax(axis=1), 0)
    roots = np.zeros((len(polynomial), 4))
    for d in range(1, 5):
        mine = np.flatnonzero(degree == d)
        companion = np.zeros((len(mine), d, d))
        companion[:, np.arange(1, d), np.arange(d - 1)] = 1.0
        companion[:, :, -1] = -polynomial[mine, :d] / polynomial[mine, d, None]
        found = np.sort(np.linalg.eigvals(companion).real, axis=1)
        roots[mine[:, None], np.arange(d)] = found
        roots[mine, d:] = found[:, -1:]
    return roots


def _union(starts: Array, kept: Mask) -> list[tuple[float, float]]:
    """Join neighbouring intervals that are kept; zero, the estimate itself, always is."""
    ends = np.append(starts[1:], np.inf)
    found: list[tuple[float, float]] = []
    pieces = [(float(a), float(b)) for a, b in zip(starts[kept], ends[kept], strict=True)]
    for low, high in sorted([*pieces, (0.0, 0.0)]):
        if found and low <= found[-1][1] + _SAME * (1 + abs(low)):
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return [
        (low, high)
        for low, high in found
        if high - low > _SAME * (1 + min(abs(low), abs(high))) or low <= 0 <= high
    ]
